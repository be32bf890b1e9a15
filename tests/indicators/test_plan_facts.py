"""From frames of other rooms to facts: means over valid days, shares of sections, never a guessed 0."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indicators.plan_facts import (
    FACT_COLUMNS,
    enough_days,
    facts_frame,
    good_day_ratio,
    last_day,
    pm2_5_mean,
    section_facts,
    section_ratio,
)
from indicators.registry import default_registry
from vocabulary.district import load_district

REGISTRY = default_registry()
ROOT = Path(__file__).resolve().parents[2] / "districts"
OVER = date(2026, 1, 1)


def _days(values, year=2025):
    days = pd.date_range(f"{year}-01-01", periods=len(values), freq="D", unit="us")
    return pd.DataFrame({"day": days, "parameter": "pm2_5", "value": values, "valid": True})


def _aqi(values, year=2025, edition="HJ633-2012"):
    days = pd.date_range(f"{year}-01-01", periods=len(values), freq="D", unit="us")
    aqi = pd.array(values, dtype="Int16")
    return pd.DataFrame({"day": days, "edition": edition, "aqi": aqi, "valid": ~aqi.isna()})


def test_pm2_5_is_the_mean_of_the_valid_days():
    days = _days([40.0] * 364 + [77.0])
    other = days.assign(parameter="pm10", value=200.0)
    days.loc[0, "valid"] = False
    fact = pm2_5_mean(pd.concat([days, other]), 2025, as_of_day=OVER, registry=REGISTRY).iloc[0]
    assert tuple(fact.index) == FACT_COLUMNS
    assert fact["denominator"] == 364
    assert fact["numerator"] == 40 * 363 + 77
    assert fact["value"] == pytest.approx((40 * 363 + 77) / 364)
    assert fact["valid"]
    assert fact["standard"] == "HJ663-2013"


@pytest.mark.parametrize(
    ("year", "good", "valid", "expected"),
    # plans/README.md: 高新区 2020 235 good days of 366, 茌平 2020 239 of 364 valid days
    [(2020, 235, 366, 64.2), (2020, 239, 364, 65.7)],
)
def test_good_days_over_valid_days(year, good, valid, expected):
    values = [100] * good + [101] * (valid - good) + [None] * (366 - valid)
    fact = good_day_ratio(_aqi(values, year), year, as_of_day=OVER, registry=REGISTRY).iloc[0]
    assert (fact["numerator"], fact["denominator"]) == (good, valid)
    assert round(fact["value"], 1) == expected
    assert fact["valid"]


def test_a_day_under_two_editions_needs_to_be_told_which():
    both = pd.concat([_aqi([90] * 365, 2026), _aqi([110] * 365, 2026, "HJ633-2026")])
    with pytest.raises(ValueError, match="stands twice"):
        good_day_ratio(both, 2026, as_of_day=date(2027, 1, 1), registry=REGISTRY)
    fact = good_day_ratio(
        both, 2026, as_of_day=date(2027, 1, 1), registry=REGISTRY, edition="HJ633-2026"
    ).iloc[0]
    assert fact["numerator"] == 0
    assert fact["standard"] == "HJ633-2026"


def test_as_of_a_day_only_earlier_days_count():
    fact = pm2_5_mean(
        _days([10.0] * 31 + [90.0] * 334), 2025, as_of_day=date(2025, 2, 1), registry=REGISTRY
    ).iloc[0]
    assert (fact["value"], fact["denominator"]) == (10.0, 31)
    assert last_day(2025, date(2025, 2, 1)) == date(2025, 1, 31)
    assert last_day(2025, date(2027, 5, 1)) == date(2025, 12, 31)


def test_without_a_valid_day_there_is_no_value():
    for fact in (
        pm2_5_mean(_days([np.nan] * 3), 2025, as_of_day=OVER, registry=REGISTRY).iloc[0],
        good_day_ratio(_aqi([None] * 3), 2025, as_of_day=OVER, registry=REGISTRY).iloc[0],
    ):
        assert np.isnan(fact["value"])
        assert np.isnan(fact["denominator"])
        assert not fact["valid"]


@pytest.mark.parametrize(
    ("missing", "as_of", "expected"),
    [
        ([], OVER, True),
        (["2025-02-01", "2025-02-02", "2025-02-03"], OVER, True),  # 25 in February suffice
        (["2025-02-01", "2025-02-02", "2025-02-03", "2025-02-04"], OVER, False),
        ([f"2025-04-{day:02d}" for day in range(1, 4)], OVER, True),  # 27 of 30
        ([f"2025-04-{day:02d}" for day in range(1, 5)], OVER, False),
        ([f"2025-04-{day:02d}" for day in range(1, 5)], date(2025, 4, 30), True),  # April is not closed yet
        ([f"2025-04-{day:02d}" for day in range(1, 5)], date(2025, 5, 1), False),
        ([f"2025-{m:02d}-{d:02d}" for m in (1, 3, 5, 7, 8, 10, 12) for d in (1, 2, 3, 4)]
         + [f"2025-{m:02d}-{d:02d}" for m in (4, 6, 9, 11) for d in (1, 2, 3)]
         + ["2025-02-01"], OVER, True),  # 365 - 41 = 324
        ([f"2025-{m:02d}-{d:02d}" for m in (1, 3, 5, 7, 8, 10, 12) for d in (1, 2, 3, 4)]
         + [f"2025-{m:02d}-{d:02d}" for m in (4, 6, 9, 11) for d in (1, 2, 3)]
         + ["2025-02-01", "2025-02-02"], OVER, False),  # 323
    ],
)  # fmt: skip
def test_enough_days_for_a_year_and_its_closed_months(missing, as_of, expected):
    days = pd.Series(pd.date_range("2025-01-01", "2025-12-31", unit="us"))
    days = days[~days.isin(pd.to_datetime(missing)) & (days < pd.Timestamp(as_of))]
    assert enough_days(days, 2025, as_of, REGISTRY) is expected


def _sites(levels):
    return pd.DataFrame(
        {
            "key": [f"S{n}" for n in range(len(levels))],
            "kind": "section",
            "level": levels,
            "evaluation": True,
            "valid_from": pd.Timestamp("2021-01-01"),
            "valid_to": pd.NaT,
        }
    )


def _results(classes, year="2025"):
    return pd.DataFrame(
        {
            "site": [f"S{n}" for n in range(len(classes))],
            "period": year,
            "class": pd.array(classes, dtype="Int8"),
            "valid": True,
            "standard": "GB3838-2002",
        }
    )


def _share(levels, classes, wanted, hit):
    return section_ratio(
        _results(classes), _sites(levels), statistic="x", levels=wanted, classes=hit, year=2025
    ).iloc[0]


def test_a_share_counts_only_its_levels():
    fact = _share(["国控", "国控", "省控", "区控"], [3, 4, 2, 6], ("国控",), (1, 2, 3))
    assert (fact["numerator"], fact["denominator"], fact["value"]) == (1, 2, 50.0)
    fact = _share(["国控", "国控", "省控", "区控"], [3, 4, 2, 6], ("国控", "省控"), (6,))
    assert (fact["numerator"], fact["denominator"], fact["value"]) == (0, 3, 0.0)
    assert fact["valid"]


def test_no_section_of_the_level_has_denominator_0_and_no_value():
    fact = _share(["省控"], [3], ("国控",), (1, 2, 3))
    assert fact["denominator"] == 0
    assert np.isnan(fact["value"])
    assert fact["note"] == "no-sections"


def test_a_section_without_a_class_leaves_the_denominator_and_the_validity():
    fact = _share(["国控", "国控"], [3, None], ("国控",), (1, 2, 3))
    assert (fact["numerator"], fact["denominator"]) == (1, 1)
    assert not fact["valid"]
    fact = _share(["国控"], [None], ("国控",), (1, 2, 3))
    assert np.isnan(fact["denominator"])
    assert fact["note"] == "no-class"


def test_a_section_that_opened_later_does_not_count():
    sites = _sites(["国控", "国控"])
    sites.loc[1, "valid_from"] = pd.Timestamp("2026-01-01")
    fact = section_ratio(
        _results([3, 6]), sites, statistic="x", levels=["国控"], classes=[6], year=2025
    ).iloc[0]
    assert (fact["numerator"], fact["denominator"]) == (0, 1)


def test_section_facts_are_those_of_the_plan():
    district = load_district(ROOT / "gaoxin")
    results = pd.DataFrame(
        {"site": ["GX-S1", "GX-S2"], "period": "2025", "class": pd.array([6, 6], dtype="Int8")}
    )
    facts = section_facts(district.plans[0], results, district.sites, 2025).set_index("statistic")
    assert facts.loc["class_iii_ratio_guokong", "denominator"] == 0
    shengkong = facts.loc["class_v_worse_ratio_shengkong"]
    assert (shengkong["numerator"], shengkong["denominator"], shengkong["value"]) == (1, 1, 100.0)


def test_facts_without_rows_have_the_columns():
    assert tuple(facts_frame([]).columns) == FACT_COLUMNS
