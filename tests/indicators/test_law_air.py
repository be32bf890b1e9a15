"""Ambient air: the numbers of the compiled rules, section 3, that no other table of tests holds."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from indicators.air_aqi import POLLUTANTS, UnknownItemError, daily_aqi, hourly_aqi, level_of
from indicators.air_days import station_days
from indicators.air_editions import limit_of
from indicators.air_marks import exceeding_pollutants, may_stay_unmonitored
from indicators.air_reference import gas_at_reference, particles_at_actual
from indicators.air_statistics import air_statistics, composite_index
from indicators.registry import Standard, default_registry

REGISTRY = default_registry()
OLD, NEW = REGISTRY.get("HJ633-2012"), REGISTRY.get("HJ633-2026")
STAGES = ["GB3095-2012", "GB3095-2026-transition", "GB3095-2026-final"]

# --- section 0.1 and 3: which edition holds on which day ----------------------------------------------


@pytest.mark.parametrize(
    ("topic", "day", "standard"),
    [
        ("aqi", "2026-02-28", "HJ633-2012"),
        ("aqi", "2026-03-01", "HJ633-2026"),
        ("air-evaluation", "2026-02-28", "HJ663-2013"),
        ("air-evaluation", "2026-03-01", "HJ663-2026"),
        ("air-quality-limits", "2026-02-28", "GB3095-2012"),
        ("air-quality-limits", "2026-03-01", "GB3095-2026-transition"),
        ("air-quality-limits", "2030-12-31", "GB3095-2026-transition"),
        ("air-quality-limits", "2031-01-01", "GB3095-2026-final"),
        # no newer edition of these was found
        ("surface-water-class", "2002-06-01", "GB3838-2002"),
        ("surface-water-class", "2031-01-01", "GB3838-2002"),
        ("surface-water-evaluation", "2031-01-01", "MEP22-2011"),
        ("groundwater-class", "2018-05-01", "GBT14848-2017"),
        ("groundwater-class", "2031-01-01", "GBT14848-2017"),
        ("gas-validity", "2031-01-01", "HJ75-2017"),
        ("wastewater-validity", "2031-01-01", "HJ355-2019"),
        ("key-project-reduction", "2021-01-01", "REDUCTION-2021"),
        ("key-project-reduction", "2025-12-31", "REDUCTION-2021"),
        ("waste-incineration", "2020-01-01", "MEE10-2020"),
    ],
)
def test_the_edition_of_a_day(topic: str, day: str, standard: str) -> None:
    assert REGISTRY.in_force(topic, dt.date.fromisoformat(day)).id == standard


@pytest.mark.parametrize(
    ("standard", "first", "last"),
    [
        ("GB18918-2002", "2003-07-01", "2026-02-28"),
        ("GB18918-2002+2025", "2026-03-01", None),
        ("GB3095-2012", "2012-02-29", "2026-02-28"),
        ("GB3095-2026-transition", "2026-03-01", "2030-12-31"),
        ("GB3095-2026-final", "2031-01-01", None),
        ("DB37/664-2019", "2019-09-07", None),
        ("DB37/2376-2019", "2019-11-01", None),
        ("HJ355-2019", "2020-03-24", None),
        ("CWQI-2017", "2017-01-01", None),
        ("MEP22-2011", "2011-03-09", None),
    ],
)
def test_days_in_force(standard: str, first: str, last: str | None) -> None:
    found = REGISTRY.get(standard)
    assert (found.valid_from.isoformat(), found.valid_to and found.valid_to.isoformat()) == (first, last)


# --- 3.1, 3.2: limits of grade 1 that the other table leaves out ---------------------------------------

GRADE1 = """
no2 hourly   200    200    200
co  daily    4      4      4
co  hourly   10     10     10
tsp annual   80     80     80
tsp daily    120    120    120
nox annual   50     50     40
nox daily    100    100    70
nox hourly   250    250    250
pb  annual   0.5    0.5    0.5
pb  quarterly 1.0   1.0    1.0
bap annual   0.001  0.001  0.001
bap daily    0.0025 0.0025 0.0025
"""


@pytest.mark.parametrize("line", GRADE1.strip().splitlines())
def test_grade_1_of_the_other_items(line: str) -> None:
    parameter, statistic, *limits = line.split()
    rules = [REGISTRY.get(stage).tables["limits"][f"{parameter}_{statistic}"] for stage in STAGES]
    assert [rule["grade1"] for rule in rules] == [float(limit) for limit in limits]


@pytest.mark.parametrize("stage", STAGES)
def test_particles_have_no_hourly_limit_and_ozone_and_co_no_annual_one(stage: str) -> None:
    limits = REGISTRY.get(stage)
    for key in (("pm10", "hourly"), ("pm2_5", "hourly"), ("co", "annual"), ("o3", "annual"), ("o3", "daily")):
        assert limit_of(limits, *key) is None


def test_the_state_that_concentrations_refer_to() -> None:
    states = REGISTRY.get("GB3095-2012").tables["reference_state"]
    shown = {
        name: (
            str(rule["valid_from"]),
            str(rule.get("valid_to", "")),
            rule.get("temperature_k", rule.get("state")),
        )
        for name, rule in states.items()
    }
    assert shown == {
        "gas_2012": ("2012-02-29", "2018-08-31", 273.15),
        "gas_2018": ("2018-09-01", "", 298.15),
        "particle_2012": ("2012-02-29", "2018-08-31", 273.15),
        "particle_2018": ("2018-09-01", "", "actual"),
    }
    assert states["gas_2012"]["to_298_factor"] == 0.91615
    assert gas_at_reference([1.0])[0] == pytest.approx(0.91615, abs=5e-6)
    # 20 degC and 1000 hPa: 273.15/293.15 · 1000/1013.25
    assert particles_at_actual([100.0], [293.15], [1000.0])[0] == pytest.approx(91.959, abs=5e-4)


# --- 3.3: validity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", ["HJ663-2013", "HJ663-2026"])
def test_counts_of_table_4(edition: str) -> None:
    found = REGISTRY.get(edition)
    validity = {
        name: found.rule("validity")[name]
        for name in found.rule("validity")
        if name not in ("clause", "sure")
    }
    assert validity == {
        "hour_minutes": 45, "day_hours": 20, "month_days": 27, "february_days": 25, "year_days": 324,
    }  # fmt: skip
    ozone = {
        name: found.rule("ozone")[name]
        for name in ("window_hours", "window_needs", "first_end", "last_end", "windows")
    }
    assert ozone == {"window_hours": 8, "window_needs": 6, "first_end": 8, "last_end": 24, "windows": 14}
    sparse = found.rule("sparse_validity")
    assert [sparse[name] for name in ("month_days", "quarter_days", "year_days")] == [5, 15, 60]


@pytest.mark.parametrize("start", ["2025-06-01", "2026-06-01"])
def test_hours_of_a_daily_mean_in_both_editions(start: str) -> None:
    parts = [
        pd.DataFrame(
            {
                "site": f"{count}",
                "parameter": parameter,
                "observed_at": pd.date_range(start, periods=count, freq="h").as_unit("us"),
                "value": 5.0,
            }
        )
        for parameter in ("so2", "no2", "co", "pm10", "pm2_5")
        for count in (19, 20, 21)
    ]
    found = station_days(pd.concat(parts, ignore_index=True), registry=REGISTRY)
    assert len(found) == 15
    assert found["hours"].tolist() == found["site"].astype(int).tolist()
    assert found["valid"].tolist() == (found["hours"] >= 20).tolist()


def on_days(parameter: str, days: list[str], value: float = 0.4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": "",
            "day": pd.to_datetime(days).as_unit("us"),
            "parameter": parameter,
            "value": value,
            "valid": True,
        }
    )


def sampled(per_month: dict[int, int], year: int = 2025) -> list[str]:
    return [
        f"{year}-{month:02d}-{day:02d}" for month, count in per_month.items() for day in range(1, count + 1)
    ]


@pytest.mark.parametrize("parameter", ["tsp", "bap", "pb"])
@pytest.mark.parametrize(
    ("period", "per_month", "valid"),
    [
        ("2025", dict.fromkeys(range(1, 13), 5), True),
        ("2025", dict.fromkeys(range(1, 13), 6), True),
        ("2025", dict.fromkeys(range(1, 13), 5) | {7: 4}, False),
        # 60 days, but one month has four of them
        ("2025", dict.fromkeys(range(1, 13), 5) | {7: 4, 8: 6}, False),
        ("2025-Q1", {1: 5, 2: 5, 3: 5}, True),
        ("2025-Q1", {1: 5, 2: 4, 3: 6}, False),
        ("2025-02", {2: 5}, True),
        ("2025-02", {2: 4}, False),
    ],
)
def test_days_of_tsp_bap_and_lead(
    parameter: str, period: str, per_month: dict[int, int], valid: bool
) -> None:
    found = air_statistics(on_days(parameter, sampled(per_month)), registry=REGISTRY, period=period)
    assert found[["statistic", "valid"]].to_numpy().tolist() == [["mean", valid]]


def test_nox_needs_its_days_like_the_others() -> None:
    days = pd.date_range("2025-01-01", periods=365).strftime("%Y-%m-%d").tolist()
    for count, valid in ((365, True), (323, False)):
        found = air_statistics(on_days("nox", days[:count]), registry=REGISTRY, period="2025")
        assert found["valid"].tolist() == [valid]


@pytest.mark.parametrize(
    ("parameter", "value", "rounded", "attained"),
    [
        # places of HJ 663 table 3: TSP, NOx 0; Pb 2; BaP 4
        ("tsp", 199.0, 199, True), ("tsp", 200.4, 200, True), ("tsp", 200.5, 200, True), ("tsp", 201.0, 201, False),
        ("nox", 49.0, 49, True), ("nox", 50.4, 50, True), ("nox", 51.0, 51, False),
        ("pb", 0.49, 0.49, True), ("pb", 0.504, 0.5, True), ("pb", 0.506, 0.51, False),
        ("bap", 0.0009, 0.0009, True), ("bap", 0.00104, 0.001, True), ("bap", 0.00106, 0.0011, False),
    ],
)  # fmt: skip
def test_annual_means_of_the_other_items(
    parameter: str, value: float, rounded: float, attained: bool
) -> None:
    days = pd.date_range("2025-01-01", periods=365).strftime("%Y-%m-%d").tolist()
    row = air_statistics(on_days(parameter, days, value), registry=REGISTRY, period="2025").iloc[0]
    assert (row["rounded"], bool(row["attained"]), bool(row["valid"])) == (rounded, attained, True)


@pytest.mark.parametrize(
    ("edition", "parameter", "published", "evaluated"),
    [
        ("HJ663-2013", "pm2_5", 0, 0),
        ("HJ663-2026", "pm2_5", 1, 0),
        *[
            (edition, item, 0, 0)
            for edition in ("HJ663-2013", "HJ663-2026")
            for item in ("so2", "no2", "pm10", "o3_mda8")
        ],
        *[(edition, "co", 1, 1) for edition in ("HJ663-2013", "HJ663-2026")],
    ],
)
def test_decimals_of_table_3(edition: str, parameter: str, published: int, evaluated: int) -> None:
    rules = [
        rule for rule in REGISTRY.get(edition).tables["statistics"].values() if rule["parameter"] == parameter
    ]
    assert rules
    assert {(rule["places"], rule["evaluation_places"]) for rule in rules} == {(published, evaluated)}
    assert REGISTRY.get(edition).rule("decimals")["exceedance_multiple"] == 2
    assert REGISTRY.get(edition).rule("decimals")["attaining_ratio"] == 1


# --- 3.5: levels, missing items, terms ------------------------------------------------------------------


@pytest.mark.parametrize("edition", [OLD, NEW], ids=lambda item: item.id)
def test_words_and_colours_of_the_levels(edition: Standard) -> None:
    printed = [
        ("优", 50, [0, 228, 0]),
        ("良", 100, [255, 255, 0]),
        ("轻度污染", 150, [255, 126, 0]),
        ("中度污染", 200, [255, 0, 0]),
        ("重度污染", 300, [153, 0, 76]),
        ("严重污染", 500, [126, 0, 35]),
    ]
    assert [(rule["zh"], rule["upper"], rule["rgb"]) for rule in edition.tables["levels"].values()] == printed
    bounds = [upper for _, upper, _ in printed]
    assert level_of(bounds, edition).tolist() == [1, 2, 3, 4, 5, 6]
    assert level_of([upper + 1 for upper in bounds[:-1]], edition).tolist() == [2, 3, 4, 5, 6]


def day(at: str = "2025-06-01", **values: float) -> pd.DataFrame:
    six = {"so2": 10.0, "no2": 20.0, "co": 0.5, "pm10": 40.0, "pm2_5": 20.0, "o3_mda8": 80.0}
    return pd.DataFrame([{"site": "A", "day": pd.Timestamp(at).as_unit("us"), **six, **values}])


def test_inputs_of_the_editions() -> None:
    daily = {"pm2_5_24h", "pm10_24h", "so2_24h", "no2_24h", "co_24h", "o3_8h"}
    assert set(NEW.rule("daily")["inputs"]) == set(OLD.rule("daily")["inputs"]) == daily
    assert set(OLD.rule("daily")["text_inputs"]) == daily | {"o3_1h"}
    assert dict(zip(NEW.rule("hourly")["inputs"], NEW.rule("hourly")["columns"], strict=True)) == {
        "pm2_5_24h": "pm2_5", "pm10_24h": "pm10", "so2_1h": "so2", "no2_1h": "no2", "co_1h": "co", "o3_1h": "o3",
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["so2", "no2", "co", "pm10", "pm2_5", "o3_mda8"])
@pytest.mark.parametrize("at", ["2025-06-01", "2026-06-01"])
def test_any_missing_item_hides_an_index_up_to_100(missing: str, at: str) -> None:
    # SO2 150 gives exactly 100, 151 gives 101; where SO2 itself is missing NO2 80 and 81 do
    other, limit = ("no2", 80.0) if missing == "so2" else ("so2", 150.0)
    hidden = daily_aqi(day(at, **{missing: np.nan, other: limit}), registry=REGISTRY).iloc[0]
    assert pd.isna(hidden["aqi"])
    assert not hidden["valid"]
    shown = daily_aqi(day(at, **{missing: np.nan, other: limit + 1}), registry=REGISTRY).iloc[0]
    assert (shown["aqi"], shown["primary"], bool(shown["valid"])) == (101, other, True)


def test_an_item_that_is_not_monitored_hides_nothing() -> None:
    frame = day("2026-06-01", co=np.nan)
    assert daily_aqi(frame, registry=REGISTRY)["aqi"].isna().all()
    found = daily_aqi(frame, registry=REGISTRY, not_monitored=["co"]).iloc[0]
    # NO2 20 -> 25, PM10 40 -> 40, O3 80 -> 40, PM2.5 20 -> 28.6 -> 29
    assert (found["aqi"], bool(found["valid"])) == (40, True)
    # another missing item still hides it
    twice = day("2026-06-01", co=np.nan, so2=np.nan)
    assert daily_aqi(twice, registry=REGISTRY, not_monitored=["co"])["aqi"].isna().all()
    with pytest.raises(UnknownItemError, match="pm1"):
        daily_aqi(frame, registry=REGISTRY, not_monitored=["pm1"])
    with pytest.raises(UnknownItemError, match="expected some of"):
        daily_aqi(frame, registry=REGISTRY, not_monitored=list(POLLUTANTS))


@pytest.mark.parametrize(
    ("at", "values", "expected"),
    [
        # a primary pollutant at light pollution within the three years before
        ("2023-06-01", {"no2": 81.0}, False),
        ("2026-05-31", {"no2": 81.0}, False),
        # one day too long ago; on the day itself; only 良
        ("2023-05-31", {"no2": 81.0}, None),
        ("2026-06-01", {"no2": 81.0}, None),
        ("2026-05-31", {"no2": 80.0}, True),
        # another pollutant was the primary one
        ("2026-05-31", {"no2": 81.0, "so2": 200.0}, True),
    ],
)
def test_what_may_stay_unmonitored(at: str, values: dict[str, float], expected: bool | None) -> None:
    known = day("2025-01-01")
    rows = pd.concat([known, day(at, **values)], ignore_index=True)
    aqi = daily_aqi(rows, registry=REGISTRY, edition="HJ633-2012")
    found = may_stay_unmonitored(aqi, "no2", day=dt.date(2026, 6, 1), registry=REGISTRY)
    assert found is (True if expected is None else expected)
    # without a day of the item nothing is known
    assert may_stay_unmonitored(aqi[:0], "no2", day=dt.date(2026, 6, 1), registry=REGISTRY) is False


def test_exceeding_pollutants_are_a_term_of_2012_only() -> None:
    rows = pd.concat(
        [day("2026-02-28", so2=151.0, no2=81.0), day("2026-02-27", so2=150.0), day("2026-03-01", so2=151.0)],
        ignore_index=True,
    )
    aqi = daily_aqi(rows, registry=REGISTRY)
    assert exceeding_pollutants(aqi, registry=REGISTRY).tolist() == ["so2,no2", "", ""]
    hour = pd.DataFrame([{"site": "A", "observed_at": pd.Timestamp("2025-06-01"), "o3": 201.0}])
    feed = hourly_aqi(hour, registry=REGISTRY, inputs="feed")
    assert exceeding_pollutants(feed, registry=REGISTRY).tolist() == ["o3"]


# --- 3.7: the composite index ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "divisors"),
    [
        ("2012", {"so2": 60, "no2": 40, "pm10": 70, "pm2_5": 35, "co": 4, "o3_mda8": 160}),
        ("2026", {"so2": 60, "no2": 40, "pm10": 60, "pm2_5": 30, "co": 4, "o3_mda8": 160}),
    ],
)
def test_divisors_of_the_composite_index(scheme: str, divisors: dict[str, float]) -> None:
    for item, divisor in divisors.items():
        values = dict.fromkeys(divisors, 0.0) | {item: float(divisor)}
        found = composite_index(values, scheme=scheme)
        assert (found["index"], found["primary"], found["singles"][item]) == (1.0, item, 1.0)
    # without a wish the older divisors, and no weights
    assert composite_index(divisors)["scheme"] == "2012"


def test_percentiles_of_both_editions() -> None:
    for edition in ("HJ663-2013", "HJ663-2026"):
        rules = REGISTRY.get(edition).tables["statistics"].values()
        found = {rule["parameter"]: rule["statistic"] for rule in rules if rule["statistic"] != "mean"}
        assert found == {
            "so2": "p98",
            "no2": "p98",
            "pm10": "p95",
            "pm2_5": "p95",
            "co": "p95",
            "o3_mda8": "p90",
        }


def test_good_and_heavy_days_in_both_editions() -> None:
    for edition in ("HJ663-2013", "HJ663-2026"):
        rule = REGISTRY.get(edition).rule("good_days")
        assert (rule["good_at_most"], rule["heavy_above"], rule["places"]) == (100, 200, 1)
    assert [REGISTRY.get(name).rule("district")["points_share"] for name in ("HJ663-2013", "HJ663-2026")] == [
        0.75,
        0.0,
    ]
