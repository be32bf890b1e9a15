import gzip

import pandas as pd
import pytest
from made_deliveries import delivery

from sources.catalogue import LAYOUTS, UnknownSourceError, layout_of, read_delivery
from sources.encoding import decode, unpack
from sources.layout import LayoutDataError, layout_data
from sources.result import Problem, ReadResult, UnbalancedReadError
from vocabulary.reading import empty_readings, empty_rejects
from vocabulary.reasons import DeliveryRefusedError

AIR = b"date,hour,type,A\n" + b"".join(b"20250310,%d,CO,%d\n" % (hour, hour) for hour in range(24))


def test_gzip_is_opened():
    packed = gzip.compress(AIR, mtime=0)
    result = read_delivery(packed, delivery("air-quotsoft", "china_sites_20250310.csv.gz", packed))
    assert len(result.readings) == 24
    assert result.issued_stated


def test_a_cut_gzip_gives_what_came():
    # the square roots do not pack well, so half the stream holds about half the lines
    lines = [f"20250310,{hour % 24},CO,{hour**0.5:.9f}\n" for hour in range(2000)]
    packed = gzip.compress(("date,hour,type,A\n" + "".join(lines)).encode(), mtime=0)
    result = read_delivery(packed[: len(packed) // 2], delivery("air-quotsoft", "x_20250310.csv.gz", packed))
    assert 0 < len(result.readings) < 2000
    assert "file-truncated" in {problem.code for problem in result.problems}


@pytest.mark.parametrize(
    ("content", "limit", "code"),
    [
        (gzip.compress(b"0" * 10_000, mtime=0), 1000, "file-too-large"),
        (b"x" * 2000, 1000, "file-too-large"),
        (b"\x1f\x8b\x08\x00garbage-garbage-garbage", 1000, "file-unreadable"),
        (gzip.compress(AIR, mtime=0)[:-8] + b"\x00" * 8, 100_000, "file-unreadable"),
    ],
)
def test_packed_content_that_is_refused(content, limit, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        unpack(content, limit)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("content", "encoding", "cut"),
    [
        ("断面".encode(), "utf-8", False),
        ("断面".encode()[:-1], "utf-8", True),
        ("断面名称".encode("gb18030"), "gb18030", False),
        ("断面名称".encode("gb18030")[:-1], "gb18030", True),
        ("断面".encode("utf-8-sig"), "utf-8-sig", False),
        ("断面".encode("utf-16"), "utf-16", False),
    ],
)
def test_encoding_by_evidence(content, encoding, cut):
    text = decode(content)
    assert (text.encoding, text.cut) == (encoding, cut)
    assert "断面名称".startswith(text.text) or text.text == "断面"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\xd8\x00\x00", b"a\x00b", b"\xef\xbb\xbf\xff\xff"])
def test_binary_is_refused(content):
    with pytest.raises(DeliveryRefusedError, match="file-unreadable"):
        decode(content)


def test_unknown_sources_are_named_with_the_known_ones():
    with pytest.raises(UnknownSourceError, match=r"air-quotsoft, .*outlet-hourly, .*water-cnemc-api"):
        layout_of("air-nowhere")


@pytest.mark.parametrize("source", LAYOUTS)
def test_every_layout_states_its_facts(source):
    facts = LAYOUTS[source].layout()
    assert facts.source == source
    assert facts.sure in {"V", "V2", "P", "M", "U", "C"}
    assert facts.time_label in {"start", "end"}


def test_layout_data_without_its_keys(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.toml").write_text('source = "x"\n')
    monkeypatch.setattr("sources.layout.files", lambda _package: tmp_path)
    with pytest.raises(LayoutDataError, match=r"bad.toml: missing version"):
        layout_data("bad")


def test_an_unbalanced_result_cannot_be_made():
    def result(cells_in: int, readings: pd.DataFrame, problems: list[Problem]) -> ReadResult:
        at = pd.Timestamp("2025-03-10")
        return ReadResult(readings, empty_rejects(), cells_in, 0, at, True, "utf-8", problems)

    assert result(0, empty_readings(), []).cells_in == 0
    with pytest.raises(UnbalancedReadError, match="cells_in 1"):
        result(1, empty_readings(), [])
    with pytest.raises(UnbalancedReadError, match="columns"):
        result(0, empty_readings().drop(columns="raw"), [])
    with pytest.raises(UnbalancedReadError, match="no-such-code"):
        result(0, empty_readings(), [Problem("no-such-code", "", "")])
