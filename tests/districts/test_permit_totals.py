"""Permitted tonnes of a year as data: the file may be absent, and a fault is named where it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vocabulary.district import DistrictError, load_district

ROOT = Path(__file__).resolve().parents[2] / "districts"
HEAD = "site,enterprise,parameter,tonnes,valid_from,valid_to,clause,document,sure,example\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "chiping"
    shutil.copytree(ROOT / "chiping", target)
    return target


def test_the_examples_totals_say_that_they_are_examples() -> None:
    for key in ("chiping", "gaoxin"):
        totals = load_district(ROOT / key).permit_totals
        assert len(totals)
        assert totals["example"].all()
        assert set(totals["sure"]) == {"C"}
        assert totals["document"].str.startswith("示例").all()


def test_without_the_file_no_total_is_registered(folder: Path) -> None:
    (folder / "permit_totals.csv").unlink()
    totals = load_district(folder).permit_totals
    assert len(totals) == 0
    assert list(totals.columns) == HEAD.strip().split(",")


def test_a_total_may_change_with_a_later_permit(folder: Path) -> None:
    lines = [
        "CP-G1,,flue_nox_norm,110,2026-01-01,,c,d,V,no\n",
        "CP-G1,,flue_nox_norm,120.5,2021-01-01,2025-12-31,c,d,V,no\n",
    ]
    (folder / "permit_totals.csv").write_text(HEAD + "".join(lines), "utf-8")
    assert load_district(folder).permit_totals["tonnes"].tolist() == [110.0, 120.5]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("CP-G9,,flue_nox_norm,1,2021-01-01,,c,d,C,no", "line 2: site: expected an outlet of sites.csv"),
        ("CP-A1,,flue_nox_norm,1,2021-01-01,,c,d,C,no", "line 2: site: expected an outlet of sites.csv"),
        (",别的企业,cod,1,2021-01-01,,c,d,C,no", "line 2: enterprise: expected the enterprise of an outlet"),
        ("CP-G1,示例热电,cod,1,2021-01-01,,c,d,C,no", "either a site or an enterprise"),
        (",,cod,1,2021-01-01,,c,d,C,no", "either a site or an enterprise"),
        ("CP-G1,,flue_nox,1,2021-01-01,,c,d,C,no", "line 2: parameter"),
        ("CP-W1,,ph,1,2021-01-01,,c,d,C,no", "line 2: parameter"),
        ("CP-G1,,pm2_5,1,2021-01-01,,c,d,C,no", "line 2: parameter"),
        ("CP-W1,,cod,-1,2021-01-01,,c,d,C,no", "line 2: tonnes"),
        ("CP-W1,,cod,nan,2021-01-01,,c,d,C,no", "line 2: tonnes"),
        ("CP-W1,,cod,,2021-01-01,,c,d,C,no", "line 2: tonnes"),
        ("CP-W1,,cod,1,2021-13-01,,c,d,C,no", "line 2: valid_from"),
        ("CP-W1,,cod,1,2021-01-01,2020-12-31,c,d,C,no", "valid_to on or after valid_from"),
        ("CP-W1,,cod,1,2021-01-01,,,d,C,no", "line 2: clause"),
        ("CP-W1,,cod,1,2021-01-01,,c,d,X,no", "line 2: sure"),
        ("CP-W1,,cod,1,2021-01-01,,c,d,C", "expected 10 fields, found 9"),
    ],
)
def test_a_fault_is_named_with_file_line_and_column(folder: Path, line: str, words: str) -> None:
    (folder / "permit_totals.csv").write_text(f"{HEAD}{line}\n", "utf-8")
    with pytest.raises(DistrictError) as caught:
        load_district(folder)
    assert "permit_totals.csv: line 2: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("until", ["", "2026-01-01"])
def test_two_totals_may_not_hold_on_one_day(folder: Path, until: str) -> None:
    first = f"CP-W1,,cod,1,2021-01-01,{until},c,d,C,no\n"
    (folder / "permit_totals.csv").write_text(f"{HEAD}{first}CP-W1,,cod,2,2026-01-01,,c,d,C,no\n", "utf-8")
    with pytest.raises(DistrictError, match=r"line 3: valid_from: .*two totals may not hold on one day"):
        load_district(folder)


def test_another_header_is_refused(folder: Path) -> None:
    (folder / "permit_totals.csv").write_text("site,parameter,tonnes\nCP-W1,cod,1\n", "utf-8")
    with pytest.raises(DistrictError, match=r"permit_totals\.csv: line 1: header: expected site,enterprise"):
        load_district(folder)
