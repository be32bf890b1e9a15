"""A corpus of made files, one an oddity: each gives exactly the readings and rejections written beside it.

A file `corpus/<layout>/<oddity>.<ext>` holds the bytes as a platform would deliver them, `<oddity>.toml` what
is to come of them. The expectations were written from the files by hand; corpus/README.md says how.
"""

import hashlib
import io
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from corpus.make_workbooks import PACKED, WORKBOOKS
from python_calamine import CalamineWorkbook

from sources.catalogue import LAYOUTS, read_delivery
from sources.delivery import Delivery
from sources.result import ReadResult
from sources.sniff import sniff
from vocabulary.reasons import DeliveryRefusedError, reasons

CORPUS = Path(__file__).parent / "corpus"
EXPECTATIONS = sorted(CORPUS.glob("*/*.toml"))
LEAST_FILES = 60
#: sureness of a layout whose reader refuses the file
HALF = 0.5
#: what a value column with a conversion by a factor is compared to
_DIGITS = ".12g"


def _label(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def expected(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def content_of(path: Path) -> bytes:
    found = [other for other in path.parent.glob(f"{path.stem}.*") if other.suffix != ".toml"]
    assert len(found) == 1, f"{path} should have one file beside it, found {found}"
    return found[0].read_bytes()


def delivery_of(content: bytes, wanted: dict[str, Any], source: str) -> Delivery:
    sha256 = hashlib.sha256(content).hexdigest()
    return Delivery("chiping", source, wanted["name"], sha256, len(content), wanted["modified_at"])


def _number(value: float) -> str:
    return format(float(value), _DIGITS)


def _moment(value: pd.Timestamp) -> str:
    return f"{value:%Y-%m-%d %H:%M}" + (f":{value:%S}" if value.second else "")


def _place(sheet: str, row: int) -> str:
    return f"{sheet}!{row}" if sheet else str(row)


def _wanted_place(place: int | str, wanted: dict[str, Any]) -> str:
    return place if isinstance(place, str) else _place(wanted.get("sheet", ""), place)


def wanted_readings(wanted: dict[str, Any]) -> Counter[tuple[str, ...]]:
    """Return the stated readings; the tenth entry, the detection limit, is only there where there is one."""
    found = Counter[tuple[str, ...]]()
    for reading in wanted["readings"]:
        site, parameter, period, moment, value, censor, flag, row, column, *limit = reading
        assert len(limit) <= 1, reading
        shown = _number(limit[0]) if limit else ""
        place = _wanted_place(row, wanted)
        found[site, parameter, period, moment, _number(value), censor, flag, place, column, shown] += 1
    return found


def read_readings(result: ReadResult) -> Counter[tuple[str, ...]]:
    return Counter(
        (
            row["site"],
            row["parameter"],
            row["period"],
            _moment(row["observed_at"]),
            _number(row["value"]),
            row["censor"],
            row["provider_flag"],
            _place(row["sheet"], row["row"]),
            row["column"],
            "" if pd.isna(row["detection_limit"]) else _number(row["detection_limit"]),
        )
        for row in result.readings.to_dict("records")
    )


def wanted_rejects(wanted: dict[str, Any]) -> Counter[tuple[str, str, str, int]]:
    return Counter(
        (code, _wanted_place(row, wanted), column, cells) for code, row, column, cells in wanted["rejects"]
    )


def read_rejects(result: ReadResult) -> Counter[tuple[str, str, str, int]]:
    return Counter(
        (row["code"], _place(row["sheet"], row["row"]), row["column"], row["cells"])
        for row in result.rejects.to_dict("records")
    )


@pytest.mark.parametrize("path", EXPECTATIONS, ids=_label)
def test_a_made_file_gives_exactly_what_is_written_beside_it(path):
    wanted, content = expected(path), content_of(path)
    delivery = delivery_of(content, wanted, wanted["source"])
    if "refused" in wanted:
        with pytest.raises(DeliveryRefusedError) as refusal:
            read_delivery(content, delivery)
        assert refusal.value.code == wanted["refused"]
        assert reasons()[refusal.value.code].severity == "refuse"
        return
    result = read_delivery(content, delivery)
    assert read_readings(result) == wanted_readings(wanted)
    assert read_rejects(result) == wanted_rejects(wanted)
    assert (result.cells_in, result.blank) == (wanted["cells_in"], wanted["blank"])
    assert result.encoding == wanted["encoding"]
    assert sorted(problem.code for problem in result.problems) == sorted(wanted["problems"])


@pytest.mark.parametrize("path", EXPECTATIONS, ids=_label)
def test_the_expectations_themselves_add_up(path):
    wanted = expected(path)
    assert wanted["source"] == path.parent.name
    assert len(wanted["oddity"]) > 10
    if "refused" in wanted:
        assert set(wanted) - {"sniffed"} == {"source", "name", "modified_at", "oddity", "refused"}
        return
    rejected = sum(cells for *_, cells in wanted["rejects"])
    assert wanted["cells_in"] == len(wanted["readings"]) + rejected + wanted["blank"]


@pytest.mark.parametrize(
    "path", [path for path in EXPECTATIONS if "refused" not in expected(path)], ids=_label
)
def test_sniff_names_the_layout_of_every_readable_file(path):
    wanted, content = expected(path), content_of(path)
    found = sniff(content, delivery_of(content, wanted, ""))
    assert found.source == wanted["source"]
    assert found.result is not None
    assert found.result.cells_in == wanted["cells_in"]


@pytest.mark.parametrize("path", [path for path in EXPECTATIONS if "refused" in expected(path)], ids=_label)
def test_sniff_says_why_a_file_cannot_be_read(path):
    wanted, content = expected(path), content_of(path)
    # without a layout to hold it against, a file may be refused for another reason
    code = wanted.get("sniffed", wanted["refused"])
    try:
        found = sniff(content, delivery_of(content, wanted, ""))
    except DeliveryRefusedError as refusal:
        told = refusal.code
    else:
        assert found.result is None
        assert found.confidence <= HALF
        assert found.source in {None, wanted["source"]}
        (told,) = (problem.code for problem in found.problems)
    assert told == code


@pytest.mark.parametrize("source", LAYOUTS)
def test_a_name_without_a_date_speaks_of_no_day_or_month(source):
    layout = LAYOUTS[source]
    assert layout.partition("x.csv") is None
    assert (layout.partition("数据_2025年3月7日.csv") or "2025-03").startswith("2025-03")


def test_every_layout_has_files_and_the_corpus_is_no_sample():
    files = Counter(path.parent.name for path in EXPECTATIONS)
    assert set(files) == set(LAYOUTS)
    assert min(files.values()) >= 2
    assert len(EXPECTATIONS) >= LEAST_FILES


def test_no_file_is_without_its_expectation():
    made = {_label(path.with_suffix("")) for path in CORPUS.glob("*/*") if path.suffix != ".toml"}
    assert made == {_label(path.with_suffix("")) for path in EXPECTATIONS}


def _cells(content: bytes) -> list[Any]:
    with CalamineWorkbook.from_object(io.BytesIO(content)) as book:
        sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
        return [(sheet.name, sheet.to_python(), sheet.merged_cell_ranges) for sheet in sheets]


@pytest.mark.parametrize("name", WORKBOOKS)
def test_the_committed_workbook_is_what_its_script_makes(name):
    assert _cells((CORPUS / name).read_bytes()) == _cells(WORKBOOKS[name]())


@pytest.mark.parametrize("name", PACKED)
def test_the_committed_archive_is_what_its_script_makes(name):
    assert (CORPUS / name).read_bytes() == PACKED[name]()


def test_every_binary_file_has_its_script():
    binary = {
        f"{path.parent.name}/{path.name}"
        for path in CORPUS.glob("*/*")
        if path.read_bytes()[:4] in {b"PK\x03\x04", b"\xd0\xcf\x11\xe0"}
        or path.read_bytes()[:2] == b"\x1f\x8b"
    }
    assert binary == set(WORKBOOKS) | set(PACKED)
