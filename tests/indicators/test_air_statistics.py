"""Limits, percentiles, validity of months and years, good days, composite index, events."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.air_editions import limit_of
from indicators.air_events import UnknownEventError
from indicators.air_period import PeriodError, parse_period
from indicators.air_reference import gas_at_reference, particles_at_actual
from indicators.air_statistics import (
    air_statistics,
    apply_events,
    attainment,
    change_rate,
    composite_index,
    good_days,
    good_days_series,
    percentile,
    rank_index,
)
from indicators.registry import NoStandardError, default_registry, load_standards

REGISTRY = default_registry()

# typed from GB 3095-2012 (with 2018 amendment) and GB 3095-2026: grade 2, µg/m³, CO mg/m³
LIMITS = {
    ("so2", "annual"): (60, 60, 20),
    ("so2", "daily"): (150, 150, 50),
    ("so2", "hourly"): (500, 500, 150),
    ("no2", "annual"): (40, 40, 30),
    ("no2", "daily"): (80, 80, 50),
    ("no2", "hourly"): (200, 200, 200),
    ("co", "daily"): (4, 4, 4),
    ("co", "hourly"): (10, 10, 10),
    ("o3", "mda8"): (160, 160, 160),
    ("o3", "hourly"): (200, 200, 200),
    ("pm10", "annual"): (70, 60, 50),
    ("pm10", "daily"): (150, 120, 100),
    ("pm2_5", "annual"): (35, 30, 25),
    ("pm2_5", "daily"): (75, 60, 50),
    ("tsp", "annual"): (200, 200, 200),
    ("tsp", "daily"): (300, 300, 300),
    ("nox", "annual"): (50, 50, 40),
    ("nox", "daily"): (100, 100, 70),
    ("nox", "hourly"): (250, 250, 250),
    ("pb", "annual"): (0.5, 0.5, 0.5),
    ("pb", "quarterly"): (1.0, 1.0, 1.0),
    ("bap", "annual"): (0.001, 0.001, 0.001),
    ("bap", "daily"): (0.0025, 0.0025, 0.0025),
}
GRADE1 = {
    ("so2", "annual"): (20, 20, 20),
    ("so2", "daily"): (50, 50, 50),
    ("so2", "hourly"): (150, 150, 150),
    ("no2", "annual"): (40, 40, 30),
    ("no2", "daily"): (80, 80, 50),
    ("o3", "mda8"): (100, 100, 100),
    ("o3", "hourly"): (160, 160, 160),
    ("pm10", "annual"): (40, 40, 20),
    ("pm10", "daily"): (50, 50, 50),
    ("pm2_5", "annual"): (15, 15, 10),
    ("pm2_5", "daily"): (35, 35, 25),
}
STAGES = ["GB3095-2012", "GB3095-2026-transition", "GB3095-2026-final"]


@pytest.mark.parametrize(("key", "limits"), LIMITS.items())
def test_grade_2_limits(key, limits):
    assert tuple(limit_of(REGISTRY.get(stage), *key) for stage in STAGES) == limits


@pytest.mark.parametrize(("key", "limits"), GRADE1.items())
def test_grade_1_limits(key, limits):
    name = "_".join(key)
    assert tuple(REGISTRY.get(stage).tables["limits"][name]["grade1"] for stage in STAGES) == limits


@pytest.mark.parametrize(
    ("day", "stage"),
    [
        ("2025-12-31", "GB3095-2012"),
        ("2026-02-28", "GB3095-2012"),
        ("2026-03-01", "GB3095-2026-transition"),
        ("2030-12-31", "GB3095-2026-transition"),
        ("2031-01-01", "GB3095-2026-final"),
    ],
)
def test_the_stage_of_a_day(day, stage):
    assert REGISTRY.in_force("air-quality-limits", date.fromisoformat(day)).id == stage


@pytest.mark.parametrize(
    ("n", "p", "expected"), [(365, 90, 328.6), (365, 95, 346.8), (365, 98, 357.72), (324, 90, 291.7)]
)
def test_percentile_vectors(n, p, expected):
    assert percentile(np.arange(1, n + 1)[::-1], p) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=400), st.integers(0, 100))
def test_percentile_is_the_linear_one(values, p):
    assert percentile(values, p) == pytest.approx(np.percentile(values, p, method="linear"), abs=1e-9)


def test_percentile_of_nothing():
    assert np.isnan(percentile([np.nan], 90))


def year(parameter, values, first="2025-01-01", site=""):
    days = pd.date_range(first, periods=len(values), freq="D").as_unit("us")
    return pd.DataFrame({"site": site, "day": days, "parameter": parameter, "value": values, "valid": True})


def row(frame, parameter, statistic, **where):
    for name, value in where.items():
        frame = frame[frame[name] == value]
    found = frame[(frame["parameter"] == parameter) & (frame["statistic"] == statistic)]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(
    ("parameter", "statistic"),
    [("so2", "p98"), ("no2", "p98"), ("pm10", "p95"), ("pm2_5", "p95"), ("co", "p95"), ("o3_mda8", "p90")],
)
def test_percentile_of_each_item(parameter, statistic):
    found = air_statistics(year(parameter, np.arange(1.0, 366.0)), registry=REGISTRY, period="2025")
    assert row(found, parameter, statistic)["value"] == pytest.approx(
        {"p98": 357.72, "p95": 346.8, "p90": 328.6}[statistic]
    )


@pytest.mark.parametrize(
    ("mean", "rounded", "attained", "multiple"),
    [
        (35.0, 35, True, np.nan),
        (35.4, 35, True, np.nan),
        (35.5, 36, False, 0.03),
        (34.0, 34, True, np.nan),
        (42.0, 42, False, 0.2),
    ],
)
def test_annual_mean_of_pm2_5_against_35(mean, rounded, attained, multiple):
    found = row(
        air_statistics(year("pm2_5", [mean] * 365), registry=REGISTRY, period="2025"), "pm2_5", "mean"
    )
    assert (found["rounded"], bool(found["attained"]), found["limit"]) == (rounded, attained, 35)
    assert found["exceedance_multiple"] == pytest.approx(multiple, nan_ok=True)


def test_in_2026_pm2_5_is_published_with_a_decimal_and_attains_by_the_integer():
    found = air_statistics(year("pm2_5", [30.4] * 365, "2027-01-01"), registry=REGISTRY, period="2027")
    mean = row(found, "pm2_5", "mean")
    assert (mean["rounded"], bool(mean["attained"]), mean["limit"]) == (30.4, True, 30)


def test_an_item_attains_only_with_mean_and_percentile():
    # mean (300 * 10 + 65 * 76) / 365 = 21.8 attains 35; p95 is 76 and does not attain 75
    found = air_statistics(year("pm2_5", [10.0] * 300 + [76.0] * 65), registry=REGISTRY, period="2025")
    assert bool(row(found, "pm2_5", "mean")["attained"])
    assert not row(found, "pm2_5", "p95")["attained"]
    assert row(found, "pm2_5", "mean")["attaining_ratio"] == 82.2
    assert attainment(found)["attained"].tolist() == [False]
    assert attainment(air_statistics(year("co", [4.0] * 365), registry=REGISTRY, period="2025"))[
        "attained"
    ].tolist() == [True]


def test_a_day_at_the_limit_attains():
    values = [75.0] * 200 + [75.4] * 100 + [75.5] * 65
    found = row(air_statistics(year("pm2_5", values), registry=REGISTRY, period="2025"), "pm2_5", "mean")
    # 75.5 rounds to 76 (half to even): 300 of 365 days attain
    assert found["attaining_ratio"] == 82.2


def test_attainment_of_a_month_is_not_judged():
    found = air_statistics(year("pm2_5", [100.0] * 31), registry=REGISTRY, period="2025-01")
    assert pd.isna(row(found, "pm2_5", "mean")["attained"])
    assert found["statistic"].tolist() == ["mean"]


def drop(frame, period, keep):
    """Keep only the first `keep` days of a month valid."""
    inside = frame["day"].dt.strftime("%Y-%m") == period
    late = inside & (inside.cumsum() > keep)
    return frame.assign(valid=~late)


def test_trap_03_february_needs_25_days_and_other_months_27():
    full = year("so2", [5.0] * 365)
    for period, keep, valid in [
        ("2025-02", 25, True),
        ("2025-02", 24, False),
        ("2025-03", 27, True),
        ("2025-03", 26, False),
        ("2025-04", 27, True),
        ("2025-04", 26, False),
    ]:
        found = air_statistics(drop(full, period, keep), registry=REGISTRY, period=period)
        assert bool(row(found, "so2", "mean")["valid"]) is valid, (period, keep)
        assert row(found, "so2", "mean")["n_valid"] == keep


def test_a_year_needs_324_days_and_every_month():
    def valid(frame):
        return bool(row(air_statistics(frame, registry=REGISTRY, period="2025"), "so2", "mean")["valid"])

    full = year("so2", [5.0] * 365)
    day_of_month = full["day"].dt.day
    month = full["day"].dt.month
    # every month at 27 and February at 25 gives 322 days: each month would do, the year does not
    least = day_of_month <= np.where(month == 2, 25, 27)
    assert least.sum() == 322
    assert not valid(full.assign(valid=least))
    assert valid(full.assign(valid=least | ((month == 1) & (day_of_month <= 29))))
    assert valid(full.assign(valid=~((month == 3) & (day_of_month > 27))))
    assert not valid(full.assign(valid=~((month == 3) & (day_of_month > 26))))


def test_a_run_of_months_needs_each_month():
    found = air_statistics(year("so2", [5.0] * 59), registry=REGISTRY, period="2025-01..2025-03")
    assert not row(found, "so2", "mean")["valid"]
    found = air_statistics(year("so2", [5.0] * 90), registry=REGISTRY, period="2025-Q1")
    assert bool(row(found, "so2", "mean")["valid"])


def test_trap_12_a_closed_year_has_one_standard_and_2026_has_both_series():
    values = year("pm2_5", [40.0] * 730)
    closed = air_statistics(values, registry=REGISTRY, period="2025")
    assert closed["standard"].unique().tolist() == ["GB3095-2012"]
    both = air_statistics(values, registry=REGISTRY, period="2026")
    assert both["series"].unique().tolist() == ["2012", "2026"]
    assert row(both, "pm2_5", "mean", series="2012")["limit"] == 35
    assert row(both, "pm2_5", "mean", series="2026")["limit"] == 30
    asked = air_statistics(values, registry=REGISTRY, period="2025", standard="HJ633-2026")
    assert asked["standard"].unique().tolist() == ["GB3095-2026-transition"]
    assert row(asked, "pm2_5", "mean")["attaining_ratio"] == 100.0


def test_an_unknown_standard_is_named():
    with pytest.raises(NoStandardError, match="GB3838"):
        air_statistics(year("pm2_5", [1.0]), registry=REGISTRY, period="2025", standard="GB3838-2002")


def index_days(good, bad, heavy=0, missing=0, first="2020-01-01"):
    aqi = [80] * good + [120] * bad + [201] * heavy + [None] * missing
    days = pd.date_range(first, periods=len(aqi), freq="D").as_unit("us")
    return pd.DataFrame(
        {
            "site": "",
            "day": days,
            "edition": "HJ633-2012",
            "aqi": pd.array(aqi, dtype="Int16"),
            "valid": [value is not None for value in aqi],
        }
    )


def test_plan_numbers_of_good_days():
    gaoxin = good_days(index_days(235, 131), "2020")
    assert (gaoxin["good"], gaoxin["valid_days"], gaoxin["ratio"]) == (235, 366, 64.2)
    # two days without a valid AQI leave the denominator: 239 of 364, not of 366
    chiping = good_days(index_days(239, 125, missing=2), "2020")
    assert (chiping["valid_days"], chiping["calendar_days"], chiping["ratio"]) == (364, 366, 65.7)


def test_good_and_heavy_days_at_their_bounds():
    frame = index_days(0, 0, missing=4).assign(aqi=pd.array([100, 101, 200, 201], dtype="Int16"), valid=True)
    found = good_days(frame, "2020")
    assert (found["good"], found["heavy"], found["ratio"], found["heavy_ratio"]) == (1, 1, 25.0, 25.0)


def test_no_valid_day_no_ratio():
    assert good_days(index_days(0, 0, missing=3), "2020")["ratio"] is None


def test_good_days_of_one_site_only():
    frame = index_days(1, 1).assign(site=["A", "B"])
    with pytest.raises(ValueError, match="one site"):
        good_days(frame, "2020")


def six(first, count, **values):
    items = {"so2": 10, "no2": 20, "co": 0.5, "pm10": 40, "pm2_5": 20, "o3_mda8": 80} | values
    return pd.concat([year(name, [float(value)] * count, first) for name, value in items.items()])


def test_trap_14_target_years_2021_to_2025_are_one_series_and_2026_two():
    records = good_days_series(six("2025-01-01", 365, pm2_5=65), registry=REGISTRY, period="2025")
    assert [record["series"] for record in records] == ["aqi_2012"]
    assert records[0]["ratio"] == 100.0
    records = good_days_series(six("2026-01-01", 365, pm2_5=65), registry=REGISTRY, period="2026")
    assert [(r["series"], r["standard"], r["ratio"]) for r in records] == [
        ("aqi_2012", "HJ633-2012", 100.0),
        ("aqi_2026", "HJ633-2026", 0.0),
    ]
    both = good_days_series(six("2025-01-01", 365, pm2_5=65), registry=REGISTRY, period="2025", both=True)
    assert [record["ratio"] for record in both] == [100.0, 0.0]


def test_composite_index_of_gaoxin_2020():
    found = composite_index({"so2": 14, "no2": 34, "pm10": 101, "pm2_5": 52, "co": 1.6, "o3_mda8": 177})
    assert (found["index"], found["primary"], found["missing"]) == (5.52, "pm2_5", "")
    assert found["singles"] == {
        "so2": 0.233, "no2": 0.85, "pm10": 1.443, "pm2_5": 1.486, "co": 0.4, "o3_mda8": 1.106,
    }  # fmt: skip


def test_composite_index_of_statistics_and_by_another_scheme():
    found = air_statistics(
        six("2025-01-01", 365, so2=60, no2=40, pm10=70, pm2_5=35, co=4, o3_mda8=160),
        registry=REGISTRY,
        period="2025",
    )
    assert composite_index(found, registry=REGISTRY)["index"] == 6.0
    newer = composite_index(found, registry=REGISTRY, scheme="2026")
    # 70/60 + 35/30 = 2.3333, the other four are 1
    assert newer["index"] == 6.33
    with pytest.raises(NoStandardError, match="2099"):
        composite_index(found, registry=REGISTRY, scheme="2099")


def test_a_sum_of_fewer_items_is_no_composite_index():
    found = composite_index({"so2": 14, "no2": np.nan, "pm10": 101, "pm2_5": 52, "co": 1.6})
    assert (found["index"], found["missing"]) == (None, "no2,o3_mda8")


def test_ranks_and_change():
    assert rank_index([5.5, 4.9, np.nan, 5.5, 6.0]).tolist() == [2, 1, 0, 2, 4]
    assert change_rate(4.5, 5.0) == -10.0
    assert change_rate(4.5, 0.0) is None


def hours(parameter, site="A"):
    at = pd.date_range("2025-04-01", periods=48, freq="h").as_unit("us")
    return pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": 1.0})


def test_dust_takes_particulates_out_of_its_hours_only():
    frame = pd.concat([hours("pm10"), hours("pm2_5"), hours("so2"), hours("pm10", "B")], ignore_index=True)
    events = pd.DataFrame(
        [
            {
                "kind": "sand-dust",
                "site": "A",
                "start": "2025-04-01 05:00",
                "end": "2025-04-01 08:00",
                "document": "X",
            }
        ]
    )
    before, after = apply_events(frame, events, registry=REGISTRY)
    assert len(before) == len(frame)
    gone = frame.merge(after, how="left", indicator=True).query("_merge == 'left_only'")
    assert sorted(gone["parameter"].unique()) == ["pm10", "pm2_5"]
    assert gone["site"].unique().tolist() == ["A"]
    assert sorted(gone["observed_at"].dt.hour.unique()) == [5, 6, 7]
    everywhere = events.assign(site="", parameters="pm10")
    _, after = apply_events(frame, everywhere, registry=REGISTRY)
    assert len(frame) - len(after) == 6


def test_an_event_is_never_guessed():
    event = {"kind": "fog", "start": "2025-04-01", "end": "2025-04-02", "document": "X"}
    with pytest.raises(UnknownEventError, match="fog"):
        apply_events(hours("pm10"), pd.DataFrame([event]))
    event |= {"kind": "sand-dust", "end": "2025-03-31"}
    with pytest.raises(UnknownEventError, match="row 1"):
        apply_events(hours("pm10"), pd.DataFrame([event]))


def test_periods():
    assert parse_period("2024").calendar_days == 366
    assert parse_period("2025-Q4").start == date(2025, 10, 1)
    assert parse_period("2024-02").end == date(2024, 2, 29)
    assert parse_period("2025-01..2025-06").calendar_days == 181
    for text in ("2025-13", "2025-Q5", "25", "2025-03..2025-01", ""):
        with pytest.raises(PeriodError, match="period"):
            parse_period(text)


def test_reference_states():
    assert gas_at_reference([100.0])[0] == pytest.approx(91.615, abs=1e-3)
    assert particles_at_actual([100.0], [273.15], [1013.25])[0] == pytest.approx(100.0)
    assert particles_at_actual([100.0], [546.3], [2026.5])[0] == pytest.approx(100.0)


def test_a_district_can_overrule_a_rule_and_results_say_so(tmp_path):
    path = tmp_path / "standards.toml"
    path.write_text(
        '[[rule]]\nstandard = "HJ633-2012"\npath = "breakpoints.pm2_5_24h.concentration.3"\nvalue = 60\n'
        'document = "示例文件"\n\n'
        '[[rule]]\nstandard = "GB3095-2012"\npath = "limits.pm2_5_annual.grade2"\nvalue = 30\n'
        'document = "示例文件"\n',
        encoding="utf-8",
    )
    overruled = load_standards(path)
    found = good_days_series(six("2025-01-01", 365, pm2_5=61), registry=overruled, period="2025")
    assert (found[0]["standard"], found[0]["ratio"]) == ("HJ633-2012+district", 0.0)
    mean = row(
        air_statistics(year("pm2_5", [31.0] * 365), registry=overruled, period="2025"), "pm2_5", "mean"
    )
    assert (mean["standard"], mean["limit"], bool(mean["attained"])) == ("GB3095-2012+district", 30, False)
    # the project's own rules are untouched
    assert (
        good_days_series(six("2025-01-01", 365, pm2_5=61), registry=REGISTRY, period="2025")[0]["ratio"]
        == 100.0
    )


@pytest.mark.parametrize("standard", REGISTRY.all(), ids=lambda item: item.id)
def test_every_rule_shows_its_clause_and_how_sure_it_is(standard):
    shown = REGISTRY.describe(standard.id)
    assert shown["rules"]
    assert all(rule["clause"] and rule["sure"] for rule in shown["rules"])


EVALUATED = [
    (key, stage, limits[place]) for key, limits in LIMITS.items() for place, stage in enumerate(STAGES)
]
BOUNDS = [
    (parameter, basis, stage, limit)
    for (parameter, basis), stage, limit in EVALUATED
    if parameter in ("so2", "no2", "co", "o3", "pm10", "pm2_5") and basis in ("annual", "daily", "mda8")
]


@pytest.mark.parametrize(("parameter", "basis", "stage", "limit"), BOUNDS)
def test_each_limit_one_step_below_at_and_above(parameter, basis, stage, limit):
    key = "o3_mda8" if parameter == "o3" else parameter
    step = 0.1 if parameter == "co" else 1.0
    if basis == "annual":
        attained = []
        for value in (limit - step, limit, limit + step):
            found = air_statistics(year(key, [value] * 365), registry=REGISTRY, period="2025", standard=stage)
            attained.append(bool(row(found, key, "mean")["attained"]))
        assert attained == [True, True, False]
    else:
        values = [limit - step] * 100 + [float(limit)] * 100 + [limit + step] * 165
        found = air_statistics(year(key, values), registry=REGISTRY, period="2025", standard=stage)
        # 200 of 365 days attain
        assert found["attaining_ratio"].unique().tolist() == [54.8]
