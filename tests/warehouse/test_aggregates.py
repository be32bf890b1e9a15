"""The engine's aggregation against the pure functions, and against numbers worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.day_rules import day_rules
from flows.evaluate import AIR
from indicators.air_days import MEAN_PARAMETERS, station_days
from indicators.air_statistics import air_statistics
from indicators.registry import default_registry
from indicators.water_means import period_means
from indicators.water_period import parse_period
from quality.provider_flags import usable
from sources.catalogue import read_delivery
from sources.delivery import Delivery
from tests.warehouse.loading import no_rejects, readings, unit
from vocabulary.rounding import round_half_even
from warehouse import bulk
from warehouse.aggregates import (
    daily_maximum,
    daily_maximum_8h,
    daily_means,
    flags_delivered,
    period_statistics,
    section_item_means,
)
from warehouse.day_rule import MaximumRule
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.recall import recall_readings
from warehouse.schema import air_days
from warehouse.station_days import station_days_sql

ROOT = Path(__file__).resolve().parents[2]
EXPORTS = ROOT / "examples" / "exports" / "chiping"
REGISTRY = default_registry()
EVALUATION = REGISTRY.get("HJ663-2013")
MDA8 = MaximumRule(window_hours=8, window_needs=6, first_end=8, last_end=24)
DAY = datetime(2025, 1, 1)
NOW = datetime(2026, 1, 1)


def load(warehouse: Warehouse, frame: pd.DataFrame, number: int = 1, now: datetime = NOW) -> None:
    district = str(frame["district"].iloc[0])
    with warehouse.begin() as connection:
        batch = [unit(number, len(frame), district=district)]
        load_batch(connection, batch, frame.assign(delivery=0), no_rejects(), now=now)


def hourly(values: list[tuple[int, float]], parameter: str = "o3", **given: object) -> pd.DataFrame:
    return readings([("A", hour, value) for hour, value in values], parameter=parameter, period="1h", **given)


def random_hours(seed: int, missing: float, start: datetime, days: int, district: str) -> pd.DataFrame:
    """Hourly values of three stations and all pollutants, with gaps, codes below zero and high ozone."""
    chance = np.random.default_rng(seed)
    at = pd.date_range(start, periods=24 * days, freq="h", unit="us")
    grid = pd.MultiIndex.from_product([["A", "B", "甲"], AIR, at], names=["site", "parameter", "observed_at"])
    frame = grid.to_frame(index=False)
    frame["value"] = np.round(chance.gamma(2.0, 45.0, len(frame)), chance.integers(0, 4))
    frame.loc[chance.random(len(frame)) < 0.02, "value"] = -999.0
    frame["provider_flag"] = np.where(chance.random(len(frame)) < 0.03, "D", "")
    frame = frame[chance.random(len(frame)) >= missing].reset_index(drop=True)
    base = readings([("A", 0, 0.0)]).drop(columns=list(frame.columns))
    rest = base.loc[base.index.repeat(len(frame))].reset_index(drop=True)
    full = pd.concat([frame, rest], axis=1).assign(district=district, period="1h")
    return full.assign(row=np.arange(len(full), dtype="int32") + 2, raw=full["value"].astype("str"))


def pure_days(warehouse: Warehouse, district: str, start: datetime, end: datetime) -> pd.DataFrame:
    with warehouse.read() as connection:
        hours = recall_readings(
            connection, district=district, start=start, end=end, parameters=AIR, periods=["1h"]
        )
    return station_days(hours[usable(hours, "evaluation")], registry=REGISTRY)


def sql_days(warehouse: Warehouse, district: str, start: datetime, end: datetime) -> pd.DataFrame:
    with warehouse.read() as connection:
        flags = pd.DataFrame({"provider_flag": flags_delivered(connection, district, start, end)})
        good = flags[usable(flags, "evaluation")]["provider_flag"].tolist()
        rules = day_rules(REGISTRY, start, end)
        return station_days_sql(connection, district, start, end, rules, MEAN_PARAMETERS, usable_flags=good)


def same(ours: pd.DataFrame, pure: pd.DataFrame, places: int = 3) -> None:
    """Equal to 1e-9, equal when rounded, and the rest equal as it stands."""
    pd.testing.assert_frame_equal(
        ours.drop(columns="value"), pure.drop(columns="value"), check_index_type=False
    )
    np.testing.assert_allclose(ours["value"], pure["value"], rtol=1e-9, atol=1e-12)
    for place in range(places + 1):
        left, right = round_half_even(ours["value"], place), round_half_even(pure["value"], place)
        np.testing.assert_array_equal(left, right)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.1, 0.3, 0.8]),
    start=st.sampled_from([datetime(2025, 2, 26), datetime(2026, 2, 26), datetime(2030, 12, 30)]),
)
def test_station_days_are_those_of_the_pure_function(
    warehouse: Warehouse, seed: int, missing: float, start: datetime
) -> None:
    district = f"d{seed}-{missing}-{start:%Y%m%d}"
    frame = random_hours(seed, missing, start, 5, district)
    with warehouse.begin() as connection:
        if flags_delivered(connection, district, start, start + timedelta(days=5)):
            return  # the same example again
    load(warehouse, frame)
    end = start + timedelta(days=5)
    ours, pure = sql_days(warehouse, district, start, end), pure_days(warehouse, district, start, end)
    assert len(pure) > 0
    same(ours, pure)


def test_the_example_exports_give_the_same_days_and_statistics(warehouse: Warehouse) -> None:
    files = sorted((EXPORTS / "air").glob("china_sites_202503*.csv"))
    assert len(files) > 27, "a month of examples"
    parts = []
    for file in files:
        modified = datetime(2025, 12, 31)
        delivery = Delivery("chiping", "air-quotsoft", file.name, "0" * 64, file.stat().st_size, modified)
        parts.append(read_delivery(file.read_bytes(), delivery).readings)
    together = pd.concat(parts, ignore_index=True)
    together = together.drop_duplicates(["site", "parameter", "period", "observed_at"], keep="last")
    load(warehouse, together.reset_index(drop=True))
    start, end = datetime(2025, 3, 1), datetime(2025, 4, 1)
    ours, pure = (of(warehouse, "chiping", start, end) for of in (sql_days, pure_days))
    assert len(pure) >= 7 * 27
    same(ours, pure)
    rows = pure.assign(district="chiping", known_from=pd.Timestamp(NOW))
    with warehouse.begin() as connection:
        bulk.append(connection, air_days, rows)
        percentiles = {"pm2_5": [95], "pm10": [95], "o3_mda8": [90], "co": [95], "so2": [98], "no2": [98]}
        statistics = period_statistics(connection, "chiping", start, end, percentiles)
    expected = air_statistics(pure, registry=REGISTRY, period="2025-03")
    both = expected.merge(statistics, on=["site", "parameter", "statistic"], suffixes=("", "_sql"))
    assert len(both) == len(expected) > 0
    np.testing.assert_allclose(both["value_sql"], both["value"], rtol=1e-9)
    np.testing.assert_array_equal(both["n_valid_sql"], both["n_valid"])
    np.testing.assert_array_equal(round_half_even(both["value_sql"], 1), round_half_even(both["value"], 1))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.integers(0, 99_999), min_size=1, max_size=130), p=st.sampled_from([0, 90, 95, 98]))
def test_percentiles_are_those_of_annex_a(warehouse: Warehouse, values: list[int], p: int) -> None:
    district = f"d{abs(hash((*values, p)))}"
    days = pd.DataFrame(
        {
            "district": district,
            "site": "A",
            "day": pd.date_range(DAY, periods=len(values), unit="us"),
            "parameter": "pm10",
            "value": np.array(values) / 10,
            "hours": 24,
            "valid": True,
            "standard": "x",
            "known_from": pd.Timestamp(NOW),
        }
    )
    with warehouse.begin() as connection:
        bulk.append(connection, air_days, days)
        found = period_statistics(connection, district, DAY, datetime(2026, 1, 1), {"pm10": [p]})
        connection.rollback()
    got = found.set_index("statistic")["value"]
    # HJ 663 annex A, written out: k = 1 + (n - 1)·p %, between the s-th and the next
    ranked = sorted(values)
    whole, rest = divmod((len(values) - 1) * p, 100)
    after = ranked[min(whole + 1, len(values) - 1)]
    expected = (ranked[whole] + (after - ranked[whole]) * rest / 100) / 10
    assert got[f"p{p}"] == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert got["mean"] == pytest.approx(sum(values) / len(values) / 10, rel=1e-12, abs=1e-12)


def test_a_window_needs_six_hours_and_may_end_at_an_hour_without_a_value(warehouse: Warehouse) -> None:
    # hours that start at 10..15: the window that ends at label 16 has six, so has the one that ends at 18
    load(warehouse, hourly([(hour, 100.0 + hour) for hour in range(10, 16)]))
    with warehouse.read() as connection:
        day = daily_maximum_8h(connection, "d", DAY, DAY + timedelta(days=1), MDA8).iloc[0]
    assert (day["hours"], day["windows"], day["value"]) == (6, 3, 112.5)


def test_windows_stay_within_the_natural_day(warehouse: Warehouse) -> None:
    load(warehouse, hourly([(hour, 240.0) for hour in range(20, 28)]))
    with warehouse.read() as connection:
        days = daily_maximum_8h(connection, "d", DAY, DAY + timedelta(days=2), MDA8)
        highest = daily_maximum(connection, "d", DAY, DAY + timedelta(days=2))
    assert days.sort_values("day")["windows"].tolist() == [0, 0]
    assert days["value"].isna().all()
    assert highest.sort_values("day")["hours"].tolist() == [4, 4]


def test_negative_hours_count_as_missing_and_their_day_stays(warehouse: Warehouse) -> None:
    load(warehouse, hourly([(hour, -1.0 if hour < 5 else 10.0) for hour in range(24)], "pm10"))
    load(warehouse, hourly([(hour, -1.0) for hour in range(24)], "so2"), number=2)
    with warehouse.read() as connection:
        days = daily_means(connection, "d", DAY, DAY + timedelta(days=1), ["pm10", "so2"], 20)
    days = days.set_index("parameter")
    assert days.loc["pm10", ["value", "hours", "valid"]].tolist() == [10.0, 19, False]
    assert np.isnan(days.loc["so2", "value"])
    assert days.loc["so2", "hours"] == 0


def test_as_of_gives_the_mean_of_what_was_believed_then(warehouse: Warehouse) -> None:
    load(warehouse, hourly([(hour, 10.0) for hour in range(24)], "pm10"), 1, datetime(2026, 1, 1))
    load(warehouse, hourly([(hour, 34.0) for hour in range(12)], "pm10"), 2, datetime(2026, 2, 1))
    span = ("d", DAY, DAY + timedelta(days=1), ["pm10"], 20)
    with warehouse.read() as connection:
        now = daily_means(connection, *span)["value"].tolist()
        then = daily_means(connection, *span, as_of=datetime(2026, 1, 15))["value"].tolist()
        before = daily_means(connection, *span, as_of=datetime(2025, 12, 31))
    assert (now, then, len(before)) == ([22.0], [10.0], 0)


def sections(seed: int, district: str) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    at = pd.date_range(datetime(2025, 1, 1), periods=6 * 59, freq="4h", unit="us")
    grid = pd.MultiIndex.from_product(
        [["S1", "S2"], ["ph", "nh3_n", "codmn"], at], names=["site", "parameter", "observed_at"]
    ).to_frame(index=False)
    grid["value"] = np.where(
        grid["parameter"] == "ph",
        np.round(chance.normal(8.0, 0.6, len(grid)), 2),
        np.round(chance.gamma(1.5, 0.6, len(grid)), 3),
    )
    low = (grid["parameter"] == "nh3_n") & (grid["value"] < 0.4)
    grid["censor"] = np.where(low, "<", "")
    grid["detection_limit"] = np.where(low & (chance.random(len(grid)) < 0.5), 0.4, np.nan)
    grid = grid[chance.random(len(grid)) > 0.2].reset_index(drop=True)
    base = readings([("A", 0, 0.0)]).drop(columns=list(grid.columns))
    rest = base.loc[base.index.repeat(len(grid))].reset_index(drop=True)
    full = pd.concat([grid, rest], axis=1).assign(district=district)
    return full.assign(row=np.arange(len(full), dtype="int32") + 2, raw=full["value"].astype("str"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_section_means_are_those_of_the_pure_function(warehouse: Warehouse, seed: int) -> None:
    frame = sections(seed, "d")
    load(warehouse, frame)
    standard = REGISTRY.in_force("surface-water-evaluation", datetime(2025, 1, 1).date())
    with warehouse.read() as connection:
        ours = section_item_means(
            connection,
            "d",
            datetime(2025, 1, 1),
            datetime(2025, 3, 1),
            non_detect_factor=float(standard.rule("non_detect.mean")["factor"]),
            ph_as_hydrogen_ions=standard.rule("mean.ph")["method"] == "hydrogen-ion",
        )
    waterbody = pd.Series({"S1": "river", "S2": "river"})
    for month, found in ours.groupby("month"):
        pure = period_means(frame, waterbody, parse_period(f"{month:%Y-%m}"), standard)
        both = found.merge(pure, on=["site", "parameter"], suffixes=("", "_pure"))
        assert len(both) == len(found) == len(pure) == 6
        np.testing.assert_allclose(both["mean"], both["mean_pure"], rtol=1e-9)
        np.testing.assert_array_equal(both["n"], both["n_pure"])
        np.testing.assert_array_equal(both["nd"], both["nd_pure"])
        for place in (1, 2, 3):
            np.testing.assert_array_equal(
                round_half_even(both["mean"], place), round_half_even(both["mean_pure"], place)
            )


def test_ph_is_averaged_as_hydrogen_ions_and_non_detects_count_half_their_limit(
    warehouse: Warehouse,
) -> None:
    acid = readings([("S", 0, 6.0), ("S", 4, 8.0)], parameter="ph")
    weak = readings([("S", 0, 0.025), ("S", 4, 0.1)], parameter="nh3_n")
    weak["censor"], weak["detection_limit"] = ["<", ""], [0.025, np.nan]
    load(warehouse, pd.concat([acid, weak], ignore_index=True))
    with warehouse.read() as connection:
        means = section_item_means(
            connection,
            "d",
            datetime(2025, 1, 1),
            datetime(2025, 2, 1),
            non_detect_factor=0.5,
            ph_as_hydrogen_ions=True,
        ).set_index("parameter")
    # (10^-6 + 10^-8) / 2 = 5.05e-7
    assert means.loc["ph", "mean"] == pytest.approx(6.296708622, abs=1e-9)
    assert means.loc["nh3_n", "mean"] == pytest.approx(0.05625, abs=1e-12)
