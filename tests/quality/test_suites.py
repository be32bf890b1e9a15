"""The suites and ranges are whole: nothing in them is unknown, contradictory or unexplained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import quality.suites
from quality.suites import SuiteError, ranges, suite_for
from vocabulary.parameters import parameters
from vocabulary.reading import PERIODS
from vocabulary.reasons import reasons

SOURCES = [
    "air-quotsoft",
    "water-cnemc-api",
    "water-cnemc-section",
    "outlet-hourly",
    "hj212",
    "water-monthly",
]


@pytest.fixture
def edited(monkeypatch):
    """Give the files with changes, without the cache of the unchanged ones."""
    original = quality.suites._read

    def edit(name: str, change: Any) -> None:
        def read(asked: str) -> dict[str, Any]:
            data = original(asked)
            if asked == name:
                change(data)
            return data

        monkeypatch.setattr(quality.suites, "_read", read)

    suite_for.cache_clear()
    ranges.cache_clear()
    yield edit
    suite_for.cache_clear()
    ranges.cache_clear()


@pytest.mark.parametrize("source", SOURCES)
def test_every_entry_has_a_known_code_a_basis_and_how_sure_it_is(source):
    suite = suite_for(source)
    for item in [*suite.expectations, *suite.checks]:
        assert item.code in reasons()
        assert item.basis
        assert item.sure in {"V", "V2", "P", "M", "U", "C"}
    assert suite.version


@pytest.mark.parametrize("source", SOURCES)
def test_a_constant_number_of_expectations_judges_all_parameters(source):
    assert len(suite_for(source).expectations) <= 12


def test_every_parameter_has_a_range_in_every_period():
    limits = ranges()
    without = [key for key, row in zip(limits.parameters, limits.upper, strict=True) if np.isnan(row).any()]
    assert without == []
    assert limits.lower.shape == limits.upper.shape == (len(parameters()), len(PERIODS))


@pytest.mark.parametrize(
    ("parameter", "lower", "upper"),
    [
        ("ph", 0, 14),
        ("do", 0, 50),
        ("aqi", 0, 500),
        ("pm2_5", 0, 2000),
        ("flue_so2", 0, 10000),
        ("water_class", 1, 6),
    ],
)
def test_known_ranges(parameter, lower, upper):
    limits = ranges()
    at = limits.parameters.index(parameter)
    assert set(limits.lower[at]) == {lower}
    assert set(limits.upper[at]) == {upper}


def test_a_parameter_without_a_row_of_its_own_takes_its_units(edited):
    limits = ranges()
    at = limits.parameters.index("chloride")
    assert (limits.lower[at, 0], limits.upper[at, 0]) == (0, 1_000_000)
    edited("ranges.toml", lambda data: data["unit"][0].update(lower=5_000_000))
    ranges.cache_clear()
    with pytest.raises(SuiteError, match="unit mg/L: lower 5000000 is not below"):
        ranges()


def test_a_period_of_its_own_goes_before_the_default(edited):
    own = {"parameters": ["ph"], "period": "1mo", "lower": 2, "upper": 12, "clause": "a test", "sure": "C"}
    edited("ranges.toml", lambda data: data["range"].insert(0, own))
    limits = ranges()
    at = limits.parameters.index("ph")
    assert (limits.lower[at, PERIODS.index("1mo")], limits.upper[at, PERIODS.index("1mo")]) == (2, 12)
    assert (limits.lower[at, PERIODS.index("1h")], limits.upper[at, PERIODS.index("1h")]) == (0, 14)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["range"][0].update(parameters=["pm25"]), "pm25 .*not in the vocabulary"),
        (lambda data: data["range"][0].update(period="2h"), "2h: the period is not in the vocabulary"),
        (lambda data: data["range"][0].update(lower=9000), "lower 9000 is not below upper"),
        (lambda data: data["range"].append(data["range"][0]), "stated twice"),
        (lambda data: data["range"][0].pop("clause"), "clause missing"),
        (lambda data: data["range"][0].update(upper=math.nan), "is not below upper"),
    ],
)
def test_a_wrong_range_is_named(edited, change, said):
    edited("ranges.toml", change)
    with pytest.raises(SuiteError, match=said):
        ranges()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["expectation"][2].pop("basis"), "expectation 3: basis missing"),
        (lambda data: data["expectation"][0].update(code="oops"), "expectation 1: code 'oops'"),
        (lambda data: data["expectation"][0].update(severity="refuse"), "severity 'refuse', expected one of"),
        (lambda data: data["expectation"][0].update(where={"column": "site"}), "where: equals missing"),
        (
            lambda data: data["expectation"][0]["args"].update(column="mood"),
            "column mood, expected one of site",
        ),
        (lambda data: data["delivery_check"][0].update(kind="magic"), "delivery_check 1: kind 'magic'"),
        (lambda data: data["delivery_check"][0].update(greater="pm25"), "pm25 is not in the vocabulary"),
        (lambda data: data["delivery_check"][0].pop("share"), "delivery_check 1: share missing"),
        (lambda data: data["delivery_check"][0].update(severity="quarantine"), "severity 'quarantine'"),
    ],
)
def test_a_wrong_suite_is_named(edited, change, said):
    edited("suites.toml", change)
    with pytest.raises(SuiteError, match=said):
        suite_for("air-quotsoft")


def test_a_source_gets_only_what_its_patterns_name():
    air = {check.terms.get("greater") for check in suite_for("air-quotsoft").checks}
    water = {check.terms.get("greater") for check in suite_for("water-cnemc-api").checks}
    assert "pm2_5" in air - water
    assert "nh3_n" in water - air
    assert "class-unknown" in {item.code for item in suite_for("water-monthly").expectations}
    assert "class-unknown" not in {item.code for item in suite_for("air-quotsoft").expectations}
