"""AQI against HJ 633-2012 and HJ 633-2026: every breakpoint, one step below and above, and the vectors."""

from __future__ import annotations

import math
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.air_aqi import POLLUTANTS, UnknownItemError, daily_aqi, hourly_aqi, iaqi, level_of
from indicators.registry import NoStandardError, default_registry

REGISTRY = default_registry()
OLD, NEW = REGISTRY.get("HJ633-2012"), REGISTRY.get("HJ633-2026")
IAQI = [0, 50, 100, 150, 200, 300, 400, 500]

# table 1 of both editions, typed from the standards, not read from the project's data
SAME = {
    "so2_24h": [0, 50, 150, 475, 800, 1600, 2100, 2620],
    "so2_1h": [0, 150, 500, 650, 800],
    "no2_24h": [0, 40, 80, 180, 280, 565, 750, 940],
    "no2_1h": [0, 100, 200, 700, 1200, 2340, 3090, 3840],
    "co_24h": [0, 2, 4, 14, 24, 36, 48, 60],
    "co_1h": [0, 5, 10, 35, 60, 90, 120, 150],
    "o3_8h": [0, 100, 160, 215, 265, 800],
    "o3_1h": [0, 160, 200, 300, 400, 800, 1000, 1200],
}
TABLES = {
    "HJ633-2012": SAME
    | {"pm10_24h": [0, 50, 150, 250, 350, 420, 500, 600], "pm2_5_24h": [0, 35, 75, 115, 150, 250, 350, 500]},
    "HJ633-2026": SAME
    | {"pm10_24h": [0, 50, 120, 250, 350, 420, 500, 600], "pm2_5_24h": [0, 35, 60, 115, 150, 250, 350, 500]},
}
ROWS = [
    (edition, item, point, IAQI[place])
    for edition, table in TABLES.items()
    for item, points in table.items()
    for place, point in enumerate(points)
]


def by_hand(points: list[int], concentration: Fraction) -> int:
    """The formula of the standard in fractions: no float anywhere."""
    for place in range(1, len(points)):
        if concentration <= points[place]:
            low, high = points[place - 1], points[place]
            share = (concentration - low) / Fraction(high - low)
            return math.ceil(share * (IAQI[place] - IAQI[place - 1]) + IAQI[place - 1])
    raise AssertionError(concentration)


@pytest.mark.parametrize(("edition", "item", "point", "expected"), ROWS)
def test_a_breakpoint_gives_exactly_its_iaqi(edition, item, point, expected):
    assert iaqi(item, [point], REGISTRY.get(edition))[0] == expected


@pytest.mark.parametrize(("edition", "item", "point", "expected"), ROWS)
def test_one_step_below_and_above_a_breakpoint(edition, item, point, expected):
    points = TABLES[edition][item]
    step = Fraction(1, 10) if item.startswith("co") else Fraction(1)
    standard = REGISTRY.get(edition)
    if point > 0:
        below = Fraction(point) - step
        assert iaqi(item, [float(below)], standard)[0] == by_hand(points, below) <= expected
    if point < points[-1]:
        above = Fraction(point) + step
        assert iaqi(item, [float(above)], standard)[0] == by_hand(points, above) > expected


@pytest.mark.parametrize(("edition", "item"), [(e, i) for e, table in TABLES.items() for i in table])
def test_every_step_of_the_table(edition, item):
    points = TABLES[edition][item]
    steps = 10 if item.startswith("co") else 1
    number = np.arange(points[-1] * steps + 1)
    expected = [by_hand(points, Fraction(int(n), steps)) for n in number]
    assert iaqi(item, number / steps, REGISTRY.get(edition)).tolist() == expected


@pytest.mark.parametrize(
    ("item", "concentration", "old", "new"),
    [
        ("pm2_5_24h", 35, 50, 50),
        ("pm2_5_24h", 36, 52, 52),
        ("pm2_5_24h", 60, 82, 100),
        ("pm2_5_24h", 61, 83, 101),
        ("pm2_5_24h", 75, 100, 114),
        ("pm2_5_24h", 76, 102, 115),
        ("pm2_5_24h", 74.5, 99, 113),
        ("pm10_24h", 120, 85, 100),
        ("pm10_24h", 121, 86, 101),
        ("pm10_24h", 150, 100, 112),
        ("pm10_24h", 151, 101, 112),
        ("o3_8h", 160, 100, 100),
        ("o3_8h", 161, 101, 101),
        ("co_24h", 2.04, 50, 50),
        ("co_24h", 4.1, 101, 101),
        ("no2_24h", 41, 52, 52),
    ],
)
def test_vectors_of_both_editions(item, concentration, old, new):
    assert iaqi(item, [concentration], OLD)[0] == old
    assert iaqi(item, [concentration], NEW)[0] == new


def test_trap_01_pm2_5_of_60_point_5_is_still_a_good_day_in_2026():
    assert iaqi("pm2_5_24h", [60.4, 60.5, 60.51], NEW).tolist() == [100, 100, 101]


@pytest.mark.parametrize(
    "item", [i for i in SAME if i not in ("so2_1h", "o3_8h")] + ["pm10_24h", "pm2_5_24h"]
)
@pytest.mark.parametrize("edition", [OLD, NEW])
def test_above_the_last_breakpoint_the_index_is_500(item, edition):
    top = TABLES[edition.id][item][-1]
    assert iaqi(item, [top + 1, top * 10], edition).tolist() == [500, 500]


def test_overflow_of_1h_so2_and_8h_o3():
    assert iaqi("so2_1h", [800, 801], NEW).tolist() == [200, 200]
    assert iaqi("o3_8h", [800, 801], NEW).tolist() == [300, 300]
    # the 2012 edition refers to the 24-h and the 1-h value: not computable from the item alone
    assert iaqi("so2_1h", [800, 801], OLD).tolist() == [200, -1]
    assert iaqi("o3_8h", [800, 801], OLD).tolist() == [300, -1]


def test_missing_and_negative_values_have_no_index():
    assert iaqi("no2_24h", [np.nan, -1, -9999, 0], OLD).tolist() == [-1, -1, -1, 0]


def test_an_unknown_item_is_named():
    with pytest.raises(UnknownItemError, match="pm1_24h"):
        iaqi("pm1_24h", [1.0], OLD)


def test_levels_hold_their_upper_bound():
    assert level_of([0, 1, 50, 51, 100, 101, 150, 151, 200, 201, 300, 301, 500, -1], NEW).tolist() == [
        1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 0,
    ]  # fmt: skip


def day(day="2025-06-01", **values):
    six = {"so2": 10, "no2": 20, "co": 0.5, "pm10": 40, "pm2_5": 20, "o3_mda8": 80}
    row = {"site": "A", "day": pd.Timestamp(day).as_unit("us"), **six, **values}
    return pd.DataFrame([row])


def test_daily_aqi_is_the_largest_and_names_every_tie():
    # no2 41 -> 51.25 -> 52 ; pm2_5 36 -> 51.25 -> 52 ; co 2.04 -> 2.0 -> 50
    found = daily_aqi(day(no2=41, pm2_5=36, co=2.04), registry=REGISTRY).iloc[0]
    assert (found["aqi"], found["primary"], found["level"]) == (52, "pm2_5,no2", 2)
    assert bool(found["valid"])
    assert found["iaqi_co"] == 50


def test_no_primary_pollutant_up_to_50():
    found = daily_aqi(day(pm2_5=35), registry=REGISTRY).iloc[0]
    assert (found["aqi"], found["primary"], found["level"]) == (50, "", 1)


def test_a_missing_item_hides_an_aqi_up_to_100_and_not_above():
    good = daily_aqi(day(co=np.nan, pm2_5=75), registry=REGISTRY).iloc[0]
    assert pd.isna(good["aqi"])
    assert not good["valid"]
    assert good["primary"] == ""
    assert good["iaqi_pm2_5"] == 100
    bad = daily_aqi(day(co=np.nan, pm2_5=76), registry=REGISTRY).iloc[0]
    assert (bad["aqi"], bad["primary"], bool(bad["valid"])) == (102, "pm2_5", True)
    assert pd.isna(bad["iaqi_co"])


def test_a_day_without_any_item():
    empty = dict.fromkeys(["so2", "no2", "co", "pm10", "pm2_5", "o3_mda8"], np.nan)
    found = daily_aqi(day(**empty), registry=REGISTRY).iloc[0]
    assert pd.isna(found["aqi"])
    assert pd.isna(found["level"])
    assert not found["valid"]


def test_the_edition_is_that_of_the_day_and_another_can_be_asked_for():
    days = pd.concat([day("2026-02-28", pm2_5=61), day("2026-03-01", pm2_5=61)], ignore_index=True)
    found = daily_aqi(days, registry=REGISTRY)
    assert found["aqi"].tolist() == [83, 101]
    assert found["edition"].tolist() == ["HJ633-2012", "HJ633-2026"]
    assert daily_aqi(days, registry=REGISTRY, edition="HJ633-2012")["aqi"].tolist() == [83, 83]
    assert daily_aqi(days, registry=REGISTRY, edition="HJ633-2026")["aqi"].tolist() == [101, 101]


def test_an_edition_of_another_topic_is_refused():
    with pytest.raises(NoStandardError, match="aqi"):
        daily_aqi(day(), registry=REGISTRY, edition="GB3838-2002")


def test_the_seven_items_of_the_2012_text():
    # 1-h ozone 250 -> 125; MDA8 150 -> 91.67 -> 92
    row = day(o3_mda8=150, o3_1h_max=250)
    assert daily_aqi(row, registry=REGISTRY)["aqi"].tolist() == [92]
    assert daily_aqi(row, registry=REGISTRY, inputs="text")["aqi"].tolist() == [125]
    assert daily_aqi(row, registry=REGISTRY, inputs="text", edition="HJ633-2026")["aqi"].tolist() == [92]


def test_8h_ozone_above_800_takes_the_1h_index_in_2012():
    # 1-h ozone 900 -> 350
    assert daily_aqi(day(o3_mda8=801, o3_1h_max=900), registry=REGISTRY)["aqi"].tolist() == [350]
    assert daily_aqi(day("2026-04-01", o3_mda8=801, o3_1h_max=900), registry=REGISTRY)["aqi"].tolist() == [
        300
    ]


def test_a_long_frame_takes_only_valid_values():
    long = day(pm2_5=200).melt(["site", "day"], var_name="parameter").assign(valid=True)
    assert daily_aqi(long, registry=REGISTRY)["aqi"].tolist() == [250]
    long.loc[long["parameter"] == "pm2_5", "valid"] = False
    assert daily_aqi(long, registry=REGISTRY)["aqi"].isna().all()
    with pytest.raises(ValueError, match="stands twice"):
        daily_aqi(pd.concat([long, long]), registry=REGISTRY)


def test_no_rows_no_error():
    found = daily_aqi(day().iloc[:0], registry=REGISTRY)
    assert list(found.columns[:7]) == ["site", "day", "edition", "aqi", "level", "primary", "valid"]
    assert len(found) == 0


def hour(at="2025-06-01 05:00", **values):
    six = {"so2": 10, "no2": 20, "co": 0.5, "o3": 80, "pm10": 40, "pm2_5": 20}
    row = {"site": "A", "observed_at": pd.Timestamp(at).as_unit("us"), **six, **values}
    return pd.DataFrame([row])


def test_hourly_2012_takes_pm_by_its_24h_mean_and_ozone_also_by_8h():
    row = hour(pm2_5=300, pm10=300, pm2_5_24h=75, pm10_24h=50, o3_8h=161)
    found = hourly_aqi(row, registry=REGISTRY).iloc[0]
    assert (found["aqi"], found["primary"]) == (101, "o3")


def test_hourly_2026_takes_1h_means_on_the_daily_breakpoints():
    row = hour("2026-03-01 00:00", pm2_5=61, pm2_5_24h=500, o3_8h=700)
    found = hourly_aqi(row, registry=REGISTRY).iloc[0]
    assert (found["aqi"], found["primary"], found["edition"]) == (101, "pm2_5", "HJ633-2026")


def test_hourly_so2_above_800():
    assert hourly_aqi(hour("2026-03-01 00:00", so2=900), registry=REGISTRY)["iaqi_so2"].tolist() == [200]
    old = hour(so2=900, so2_24h=475, pm2_5_24h=1, pm10_24h=1)
    assert hourly_aqi(old, registry=REGISTRY)["iaqi_so2"].tolist() == [150]


def test_the_feed_takes_1h_means_and_what_is_there():
    row = hour(pm2_5=75, pm2_5_24h=500, co=np.nan)
    found = hourly_aqi(row, registry=REGISTRY, inputs="feed").iloc[0]
    assert (found["aqi"], found["primary"]) == (100, "pm2_5")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.floats(0, 3000, allow_nan=False)) for _ in POLLUTANTS]),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["HJ633-2012", "HJ633-2026"]),
)
def test_aqi_is_the_largest_iaqi_and_the_primary_has_it(rows, edition):
    columns = ["pm2_5", "pm10", "so2", "no2", "co", "o3_mda8"]
    frame = pd.DataFrame(rows, columns=columns, dtype="float64")
    frame.insert(0, "site", "A")
    frame.insert(1, "day", pd.Timestamp(date(2025, 1, 1)).as_unit("us"))
    found = daily_aqi(frame, registry=REGISTRY, edition=edition)
    lines = found[[f"iaqi_{name}" for name in POLLUTANTS]]
    top = lines.max(axis=1)
    shown = found["aqi"].notna()
    assert (found.loc[shown, "aqi"] == top[shown]).all()
    assert (shown == (lines.notna().all(axis=1) | (top > 100).fillna(value=False))).all()
    for position in np.flatnonzero(shown & (found["aqi"] > 50).fillna(value=False)):
        named = found["primary"].iloc[position].split(",")
        assert all(lines.iloc[position][f"iaqi_{name}"] == top.iloc[position] for name in named)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2999), min_size=2, max_size=60))
def test_iaqi_never_falls_as_the_concentration_rises(values):
    rising = np.sort(np.array(values, dtype=float))
    for item in ("pm10_24h", "no2_1h", "o3_1h"):
        assert (np.diff(iaqi(item, rising, NEW)) >= 0).all()
