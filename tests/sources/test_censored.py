"""How laboratories write values below a limit or beyond a count: HJ/T 91-2002 (检出限+L) and practice."""

import itertools
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sources.censored
from sources.assembly import Labels
from sources.censored import (
    CENSOR_WORDS,
    DetectionLimitDataError,
    detection_limits,
    method_limits,
    read_censored,
)
from vocabulary.parameters import parameters


def one(text: str | None) -> tuple[str, str, bool]:
    found = read_censored(pa.array([text], pa.large_string()))
    return found.number[0].as_py(), CENSOR_WORDS[found.censor[0]], bool(found.undetected[0])


@pytest.mark.parametrize(
    ("text", "number", "censor"),
    [
        ("0.05", "0.05", ""),
        (" 0.05 ", "0.05", ""),
        ("０．０５", "0.05", ""),
        ("-3", "-3", ""),
        ("1.2E+04", "1.2E+04", ""),
        ("2.4×10^4", "2.4e4", ""),
        ("2.4×10⁴", "2.4e4", ""),
        ("2.4 x 10⁴", "2.4e4", ""),
        ("0.05L", "0.05", "<"),
        ("0.05l", "0.05", "<"),
        ("0.05 Ｌ", "0.05", "<"),
        ("０．０５Ｌ", "0.05", "<"),
        ("0.05(L)", "0.05", "<"),
        ("0.05ND", "0.05", "<"),
        ("0.05（未检出）", "0.05", "<"),
        ("<0.05", "0.05", "<"),
        ("< 0.05", "0.05", "<"),
        ("＜2", "2", "<"),
        ("<0.05L", "0.05", "<"),
        ("小于0.05", "0.05", "<"),
        ("未检出（0.05）", "0.05", "<"),
        ("未检出(<0.05)", "0.05", "<"),
        ("ND(0.05L)", "0.05", "<"),
        ("<1×10⁻³", "1e-3", "<"),
        (">24000", "24000", ">"),
        ("＞24000", "24000", ">"),
        ("≥2400", "2400", ">"),
        (">=2400", "2400", ">"),
        ("> 2.4×10⁵", "2.4e5", ">"),
    ],
)
def test_limits_and_counts(text, number, censor):
    assert one(text) == (number, censor, False)


@pytest.mark.parametrize("text", ["未检出", "ND", "nd", "N.D.", "ＮＤ", "未 检 出", "<DL", "低于检出限", "L"])
def test_not_detected_without_a_limit(text):
    assert one(text)[1:] == ("<", True)


@pytest.mark.parametrize(
    "text",
    ["", None, "0.05~0.07", "5-6", "1,234", "0.05*", "2.4×104.5x", "L0.05", "<", ">", "abcL", "≤2", "--"],
)
def test_what_is_no_number_stays_as_it_is(text):
    number, censor, undetected = one(text)
    assert (censor, undetected) == ("", False)
    assert number == (text or "")


@given(st.decimals(0, 10**6, places=4), st.sampled_from(["L", "l", " L", "ND", "（L）"]))
def test_every_limit_keeps_its_digits(limit, sign):
    assert one(f"{limit}{sign}") == (str(limit), "<", False)
    assert one(f"<{limit}") == (str(limit), "<", False)


def limit_of(parameter: str, day: str) -> float:
    at = np.array([day], dtype="datetime64[us]")
    return float(method_limits(Labels([parameter], np.zeros(1, dtype=np.int64)), at)[0])


def test_the_limit_is_that_of_the_method_of_its_day():
    assert limit_of("nh3_n", "2026-03-05") == 0.025
    assert limit_of("cod", "2017-04-30T23:59") == 10
    assert limit_of("cod", "2017-05-01") == 4
    assert limit_of("hg", "2026-03-05") == 0.00004
    assert limit_of("benzene", "2026-03-05") == 1.4


@pytest.mark.parametrize(
    ("parameter", "day"), [("ph", "2026-03-05"), ("nh3_n", "NaT"), ("se", "2014-06-30"), ("", "2026-03-05")]
)
def test_no_method_no_limit(parameter, day):
    assert np.isnan(limit_of(parameter, day))


def test_the_table_of_limits_is_whole():
    rows = detection_limits()
    assert {row.parameter for row in rows} <= set(parameters())
    assert all(row.limit > 0 for row in rows)
    ordered = sorted(rows, key=lambda row: (row.parameter, row.valid_from))
    for one_row, next_row in itertools.pairwise(ordered):
        if one_row.parameter == next_row.parameter:
            assert one_row.valid_to is not None
            assert one_row.valid_to < next_row.valid_from


@pytest.mark.parametrize("row", [{"unit": "mg/m3"}, {"parameter": "nh3"}])
def test_a_row_of_an_unknown_item_or_unit_is_refused(monkeypatch, row):
    sound = {
        "parameter": "nh3_n",
        "limit": "1",
        "unit": "mg/L",
        "method": "x",
        "valid_from": date(2000, 1, 1),
    }
    monkeypatch.setattr(sources.censored.tomllib, "loads", lambda _: {"limit": [sound | row]})
    detection_limits.cache_clear()
    try:
        with pytest.raises(DetectionLimitDataError, match="unknown in"):
            detection_limits()
    finally:
        detection_limits.cache_clear()
