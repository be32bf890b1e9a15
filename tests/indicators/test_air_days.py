"""Days of air: counts of hours, MDA8 with its windows, the natural day, district means, sliding means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.air_days import DoubledHourError, district_days, maximum_8h, running_means, station_days
from indicators.air_sliding import sliding_8h, sliding_24h
from indicators.registry import default_registry

REGISTRY = default_registry()
OZONE = REGISTRY.get("HJ663-2013").rule("ozone")


def hours(values, parameter="pm2_5", site="A", start="2025-06-01 00:00"):
    at = pd.date_range(start, periods=len(values), freq="h").as_unit("us")
    return pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": values})


def one(days, parameter):
    found = days[days["parameter"] == parameter]
    assert len(found) == 1
    return found.iloc[0]


def with_gaps(values, count):
    """The first `count` values stay, the rest is missing."""
    return [value if place < count else np.nan for place, value in enumerate(values)]


def test_trap_03_nineteen_hours_make_no_daily_mean():
    for parameter in ("so2", "no2", "co", "pm10", "pm2_5"):
        nineteen = one(
            station_days(hours(with_gaps([5.0] * 24, 19), parameter), registry=REGISTRY), parameter
        )
        assert (nineteen["hours"], bool(nineteen["valid"]), nineteen["value"]) == (19, False, 5.0)
        twenty = one(station_days(hours(with_gaps([5.0] * 24, 20), parameter), registry=REGISTRY), parameter)
        assert (twenty["hours"], bool(twenty["valid"])) == (20, True)


def test_trap_04_the_last_hour_of_december_31_belongs_to_that_day():
    # hour 24 of the standard is the interval that starts at 23:00; feeds write it in the file of January 1
    late = hours([24.0] * 24, start="2025-12-31 00:00")
    late.loc[23, "value"] = 48.0
    days = station_days(pd.concat([late, hours([1.0] * 24, start="2026-01-01 00:00")]), registry=REGISTRY)
    assert days["day"].dt.strftime("%Y-%m-%d").tolist() == ["2025-12-31", "2026-01-01"]
    assert days["value"].tolist() == [25.0, 1.0]
    assert days["hours"].tolist() == [24, 24]


def ozone_with_windows(windows, value):
    """A day whose only hours are the last ones, so that just `windows` of the 17 are valid."""
    # the window that ends at hour h has hours h-7..h; the last 6 + windows - 1 hours give `windows` of them
    count = windows + 5
    return [np.nan] * (24 - count) + [float(value)] * count


@pytest.mark.parametrize(
    ("windows", "value", "valid"),
    [(14, 159, True), (13, 159, False), (13, 160, False), (13, 161, True), (14, 100, True), (1, 161, True)],
)
def test_trap_02_thirteen_windows_count_only_above_the_limit(windows, value, valid):
    row = np.array([ozone_with_windows(windows, value)])
    assert maximum_8h(row, OZONE)[1].tolist() == [windows]
    found = one(station_days(hours(row[0], "o3"), registry=REGISTRY), "o3_mda8")
    assert (found["value"], bool(found["valid"])) == (value, valid)


def test_mda8_of_a_whole_day():
    # 1..24: the largest 8-h mean ends at hour 24: mean of 17..24
    values, windows = maximum_8h(np.arange(1.0, 25.0)[None, :], OZONE)
    assert (values.tolist(), windows.tolist()) == ([20.5], [17])
    # falling: the first window that counts ends at hour 8
    values, _ = maximum_8h(np.arange(24.0, 0.0, -1)[None, :], OZONE)
    assert values.tolist() == [20.5]


def test_a_window_needs_six_of_its_eight_hours():
    five = [np.nan] * 16 + [np.nan] * 3 + [300.0] * 5
    found = one(station_days(hours(five, "o3"), registry=REGISTRY), "o3_mda8")
    assert np.isnan(found["value"])
    assert not found["valid"]
    six = [np.nan] * 16 + [np.nan] * 2 + [300.0] * 6
    assert maximum_8h(np.array([six]), OZONE)[1].tolist() == [1]


def test_windows_that_end_before_hour_8_do_not_count():
    # 300 in hours 1..6 only: means that end at 6 and 7 would be 300, the one that ends at 8 is too (6 of 8)
    values, windows = maximum_8h(np.array([[300.0] * 6 + [np.nan] * 18]), OZONE)
    assert (values.tolist(), windows.tolist()) == ([300.0], [1])


def test_one_hour_maximum_of_ozone():
    values = [100.0] * 23 + [201.0]
    assert one(station_days(hours(values, "o3"), registry=REGISTRY), "o3_1h_max")["value"] == 201
    few = one(station_days(hours(with_gaps([201.0] * 24, 3), "o3"), registry=REGISTRY), "o3_1h_max")
    assert bool(few["valid"])
    few = one(station_days(hours(with_gaps([200.0] * 24, 3), "o3"), registry=REGISTRY), "o3_1h_max")
    assert not few["valid"]


def test_negative_values_and_outage_codes_are_missing():
    values = [10.0] * 20 + [-1.0, -99.0, -9999.0, 0.0]
    found = one(station_days(hours(values), registry=REGISTRY), "pm2_5")
    assert found["hours"] == 21
    assert found["value"] == pytest.approx(200 / 21)


def test_an_hour_that_stands_twice_is_an_error():
    twice = pd.concat([hours([1.0, 2.0]), hours([3.0])])
    with pytest.raises(DoubledHourError, match="2025-06-01"):
        station_days(twice, registry=REGISTRY)


def test_each_day_names_the_rule_of_its_date():
    frame = pd.concat(
        [hours([1.0] * 24, start="2026-02-28 00:00"), hours([1.0] * 24, start="2026-03-01 00:00")]
    )
    assert station_days(frame, registry=REGISTRY)["standard"].tolist() == ["HJ663-2013", "HJ663-2026"]


def test_other_parameters_are_left_aside():
    assert station_days(hours([1.0] * 24, "aqi"), registry=REGISTRY).empty


def stations(rows):
    frame = pd.DataFrame(rows, columns=["site", "evaluation", "valid_from", "valid_to"])
    return frame.assign(
        valid_from=pd.to_datetime(frame["valid_from"]), valid_to=pd.to_datetime(frame["valid_to"])
    )


def test_the_district_is_the_mean_of_its_points_daily_means():
    # A has 20 hours of 10, B 24 hours of 40: the mean of days is 25, the mean of hours would be 26.4
    frame = pd.concat([hours(with_gaps([10.0] * 24, 20), site="A"), hours([40.0] * 24, site="B")])
    points = stations([("A", True, None, None), ("B", True, None, None), ("X", False, None, None)])
    found = one(district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY), "pm2_5")
    assert (found["site"], found["value"], bool(found["valid"])) == ("", 25.0, True)
    assert (found["points"], found["points_due"]) == (2, 2)


def test_points_that_are_not_for_evaluation_stay_out():
    frame = pd.concat([hours([10.0] * 24, site="A"), hours([40.0] * 24, site="B")])
    points = stations([("A", True, None, None), ("B", False, None, None)])
    found = one(district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY), "pm2_5")
    assert found["value"] == 10.0


@pytest.mark.parametrize(("day", "valid"), [("2025-06-01", False), ("2026-06-01", True)])
def test_three_quarters_of_the_points_are_needed_until_2026(day, valid):
    frame = pd.concat([hours([10.0] * 24, site=site, start=day) for site in "AB"])
    points = stations([(site, True, None, None) for site in "ABC"])
    found = one(district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY), "pm2_5")
    assert (found["points"], found["points_due"], bool(found["valid"])) == (2, 3, valid)
    points = stations([(site, True, None, None) for site in "AB"] + [("C", True, "2027-01-01", None)])
    found = one(district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY), "pm2_5")
    assert (found["points_due"], bool(found["valid"])) == (2, True)


def test_a_point_counts_on_its_first_and_last_day():
    frame = hours([10.0] * 72, site="A")
    points = stations([("A", True, "2025-06-02", "2025-06-02")])
    found = district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY)
    assert found["day"].dt.day.tolist() == [2]


def test_a_day_without_a_valid_point_stays_and_is_not_valid():
    frame = hours(with_gaps([10.0] * 24, 3), site="A")
    points = stations([("A", True, None, None)])
    found = one(district_days(station_days(frame, registry=REGISTRY), points, registry=REGISTRY), "pm2_5")
    assert np.isnan(found["value"])
    assert not found["valid"]


def test_the_feeds_8h_mean_restarts_every_day():
    found = sliding_8h(hours(np.arange(1.0, 33.0), "o3")).set_index("observed_at")["value"]
    assert found.iloc[0] == 1.0
    assert found.iloc[6] == 4.0
    assert found.iloc[7] == 4.5
    assert found.iloc[8] == 5.5
    assert found.iloc[24] == 25.0


def test_the_24h_mean_slides_over_midnight():
    found = sliding_24h(hours(np.arange(1.0, 49.0)))
    assert found["value"].iloc[23] == 12.5
    assert found["value"].iloc[24] == 13.5
    assert found["hours"].tolist() == [*range(1, 24), *[24] * 25]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9999)), min_size=24, max_size=24), st.integers(1, 24))
def test_running_means_are_the_means_of_their_windows(values, width):
    row = np.array([values], dtype=float)
    found = running_means(row, width, 1)[0]
    for end in range(24):
        window = row[0, max(0, end + 1 - width) : end + 1]
        expected = np.nan if np.isnan(window).all() else np.nanmean(window)
        assert found[end] == pytest.approx(expected, nan_ok=True, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(48)))
def test_the_order_of_rows_does_not_matter(order):
    frame = pd.concat([hours(np.arange(24.0), site="A"), hours(np.arange(24.0), "o3", site="B")])
    shuffled = frame.iloc[list(order)]
    pd.testing.assert_frame_equal(
        station_days(frame, registry=REGISTRY), station_days(shuffled, registry=REGISTRY)
    )
