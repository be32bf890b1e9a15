"""Tests along one series, each with the traps of time: holes, missing neighbours, mixed cadence, order."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from quality.flags import Verdict, as_rows, context, flag, read_rules
from quality.flags.points import TooManySeriesError

GOOD, UNKNOWN, SUSPECT, BAD, MISSING = (int(verdict) for verdict in Verdict)

TESTS = "\n".join(
    f'[[test]]\nkey = "{key}"\nzh = "{key}"\nen = "{key}"\nweighs = {str(key not in ("isolated", "gap")).lower()}'
    for key in ("range", "spike", "rate", "flat_line", "isolated", "gap", "cross_item", "neighbours")
)
KIND = 'parameters = ["pm2_5"]\nperiods = ["1h"]\nchannels = ["automatic"]\nbasis = "by hand"\nsure = "C"\n'
RULES = read_rules(
    f"""
version = "t"
valid_from = 2000-01-01
{TESTS}
[[range]]
{KIND}suspect = [1, 500]
bad = [0, 1000]
[[spike]]
{KIND}within = "3h"
side = 0.5
suspect = 50
suspect_share = 1.0
bad = 200
bad_share = 3.0
[[rate]]
{KIND}within = "3h"
suspect = 40
bad = 100
[[flat_line]]
{KIND}eps = 0
hole = "3h"
readings = 3
suspect = "6h"
bad = "12h"
floor = 2
[[isolated]]
{KIND}within = "6h"
[[gap]]
{KIND}within = "3h"
"""
)
EPS_RULES = read_rules(
    f"""
version = "t"
valid_from = 2000-01-01
{TESTS}
[[flat_line]]
{KIND}eps = 0.1
hole = "3h"
readings = 3
suspect = "4h"
bad = "8h"
"""
)


def series(hours, values, **columns):
    """Make the readings of one site; hours since midnight may be fractions."""
    frame = pd.DataFrame(
        {
            "district": "d",
            "site": "A",
            "parameter": "pm2_5",
            "period": "1h",
            "channel": "automatic",
            "observed_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.asarray(hours) * 3600.0, unit="s"),
            "value": np.asarray(values, dtype=float),
        }
    )
    return frame.assign(**columns)


def verdicts(test, hours, values, rules=RULES, **columns):
    return flag(series(hours, values, **columns), rules=rules)[test].tolist()


def test_the_ends_of_a_range_belong_to_it():
    values = [1, 0.5, 0, -0.1, 500, 500.1, 1000, 1000.1, np.nan, np.inf]
    assert verdicts("range", range(10), values) == [
        *(GOOD, SUSPECT, SUSPECT, BAD),
        *(GOOD, SUSPECT, SUSPECT, BAD),
        *(MISSING, BAD),
    ]


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([10, 60, 10], GOOD),  # exceeds the mean of its neighbours by 50, which is the limit
        ([10, 61, 10], SUSPECT),
        ([10, 211, 10], BAD),  # by 201
        ([210, 9, 210], BAD),  # downwards by 201: the shares are of the 9
        ([160, 60, 160], SUSPECT),  # by 100, more than the share 1.0 of 60
        ([160, 85, 160], GOOD),  # by 75, less than 85
        ([100, 199, 100], GOOD),  # by 99, less than the share 1.0 of 100
        ([10, 400, 400], GOOD),  # an edge of a step is no spike
        ([10, 110, 60], SUSPECT),  # by 75; the smaller step 50 is more than half of it
        ([10, 110, 90], GOOD),  # by 60; the smaller step 20 is less than half of it
    ],
)
def test_a_spike_exceeds_the_mean_of_both_neighbours(values, middle):
    assert verdicts("spike", [0, 1, 2], values) == [UNKNOWN, middle, UNKNOWN]


def test_the_neighbours_of_a_spike_are_none():
    assert verdicts("spike", range(5), [10, 11, 300, 9, 10]) == [UNKNOWN, GOOD, BAD, GOOD, UNKNOWN]


def test_a_spike_between_missing_values_is_judged_by_the_next_ones_in_time():
    values = [10, np.nan, 500, np.nan, 10]
    assert verdicts("spike", range(5), values) == [UNKNOWN, MISSING, BAD, MISSING, UNKNOWN]


def test_a_spike_between_holes_is_not_evaluated():
    assert verdicts("spike", [0, 4, 8], [10, 500, 10]) == [UNKNOWN] * 3
    assert verdicts("spike", [0, 1, 5], [10, 500, 10]) == [UNKNOWN] * 3
    # three hours are near, a second more is not
    assert verdicts("spike", [0, 3, 6], [10, 500, 10])[1] == BAD
    assert verdicts("spike", [0, 3, 6 + 1 / 3600], [10, 500, 10])[1] == UNKNOWN


def test_a_spike_is_told_by_time_whatever_the_cadence():
    hours = [0, 1 / 12, 2 / 12, 3, 4, 6.5]
    assert verdicts("spike", hours, [10, 300, 10, 10, 300, 10]) == [UNKNOWN, BAD, GOOD, GOOD, BAD, UNKNOWN]


def test_the_rate_is_per_hour():
    # 81 in two hours is 40.5 an hour; 80 is the limit; 301 in three hours is 100.3 an hour
    assert verdicts("rate", [0, 2, 4, 7], [100, 181, 101, 402]) == [UNKNOWN, SUSPECT, GOOD, BAD]
    # a quarter of an hour: 11 is 44 an hour
    assert verdicts("rate", [0, 0.25], [100, 111]) == [UNKNOWN, SUSPECT]


def test_the_rate_needs_a_reading_near_before():
    assert verdicts("rate", [0, 4, 5], [10, 500, 10]) == [UNKNOWN, UNKNOWN, BAD]
    assert verdicts("rate", [0, 1, 2], [10, np.nan, 200]) == [UNKNOWN, MISSING, SUSPECT]


def test_the_way_back_from_a_spike_is_nobodys_fault():
    assert verdicts("rate", range(4), [10, 300, 10, 60]) == [UNKNOWN, BAD, UNKNOWN, SUSPECT]
    # a step that stays is no spike: up and, later, down are both judged
    assert verdicts("rate", range(5), [10, 300, 300, 10, 10]) == [UNKNOWN, BAD, GOOD, BAD, GOOD]


def test_a_run_is_flat_from_its_first_reading_when_it_lasts_long_enough():
    run = [7.0] * 7  # from 1 to 7 o'clock: six hours
    assert verdicts("flat_line", range(9), [5, *run, 9]) == [GOOD, *[SUSPECT] * 7, GOOD]
    assert verdicts("flat_line", range(8), [5, *run[:6], 9]) == [GOOD] * 8
    assert verdicts("flat_line", range(13), [7] * 13) == [BAD] * 13
    assert verdicts("flat_line", range(12), [7] * 12) == [SUSPECT] * 12


def test_a_hole_within_a_flat_run_ends_it():
    # five hours equal, a hole of four, five hours equal: neither part lasts six hours
    hours = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14]
    assert verdicts("flat_line", hours, [7] * 12) == [GOOD] * 12
    # with a hole of three hours it is one run of thirteen
    hours = [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]
    assert verdicts("flat_line", hours, [7] * 12) == [BAD] * 12


def test_missing_values_within_a_flat_run_are_only_time():
    values = [7, 7, np.nan, 7, np.nan, 7, 7]
    assert verdicts("flat_line", range(7), values) == [
        SUSPECT,
        SUSPECT,
        MISSING,
        SUSPECT,
        MISSING,
        SUSPECT,
        SUSPECT,
    ]


def test_a_run_is_measured_in_time_not_in_readings():
    # twelve readings five minutes apart last less than an hour
    assert verdicts("flat_line", np.arange(12) / 12, [7] * 12) == [GOOD] * 12
    # mixed cadence: five-minute readings, then hours, together six hours
    hours = [*(np.arange(12) / 12), 1, 2, 3, 4, 5, 6]
    assert verdicts("flat_line", hours, [7] * 18) == [SUSPECT] * 18


def test_two_equal_values_are_no_run():
    rules = read_rules(
        f'version = "t"\nvalid_from = 2000-01-01\n{TESTS}\n[[flat_line]]\n{KIND}'
        'eps = 0\nhole = "8h"\nreadings = 3\nsuspect = "6h"\nbad = "12h"\n'
    )
    assert verdicts("flat_line", [0, 7], [7, 7], rules) == [GOOD, GOOD]
    assert verdicts("flat_line", [0, 7, 14], [7, 7, 7], rules) == [BAD] * 3


def test_values_at_a_detection_limit_are_never_stuck():
    assert verdicts("flat_line", range(24), [2] * 24) == [UNKNOWN] * 24  # the stated floor
    assert verdicts("flat_line", range(24), [5] * 24, censor="<") == [UNKNOWN] * 24
    assert verdicts("flat_line", range(24), [5] * 24, detection_limit=5.0) == [UNKNOWN] * 24
    assert verdicts("flat_line", range(24), [5] * 24, detection_limit=4.0) == [BAD] * 24
    # one such value ends a run: six readings before it and six behind last five hours each
    censor = [*[""] * 6, "<", *[""] * 6]
    found = flag(series(range(13), [5] * 13, censor=censor), rules=RULES)["flat_line"]
    assert found.tolist() == [*[GOOD] * 6, UNKNOWN, *[GOOD] * 6]


def test_a_lonely_reading_is_not_evaluated_as_flat():
    assert verdicts("flat_line", [0, 10, 11], [7, 7, 7]) == [UNKNOWN, GOOD, GOOD]


def test_small_steps_that_wander_off_are_not_flat():
    # each step is 0.1, together they leave the band: 0.5 in five hours
    drift = [5.0, 5.1, 5.2, 5.3, 5.4, 5.5]
    assert verdicts("flat_line", range(6), drift, EPS_RULES) == [GOOD] * 6
    # the last five lie within 0.1 for four hours
    calm = [5.0, 5.1, 5.2, 5.3, 5.3, 5.2, 5.3, 5.2]
    assert verdicts("flat_line", range(8), calm, EPS_RULES) == [GOOD] * 2 + [SUSPECT] * 6
    assert verdicts("flat_line", range(9), [5.0, 5.1] * 4 + [5.0], EPS_RULES) == [BAD] * 9


def test_a_reading_alone_is_isolated_and_the_first_after_a_hole_is_said_so():
    hours = [0, 1, 8, 15, 16]
    assert verdicts("isolated", hours, [7] * 5) == [GOOD, GOOD, SUSPECT, GOOD, GOOD]
    assert verdicts("gap", hours, [7] * 5) == [SUSPECT, GOOD, SUSPECT, SUSPECT, GOOD]
    # a missing value is no reading: it neither keeps company nor fills a hole
    values = [7, 7, np.nan, 7, np.nan, 7]
    assert verdicts("isolated", [0, 1, 5, 8, 12, 15], values)[3] == SUSPECT
    assert verdicts("gap", [0, 1, 2, 3, 4, 5.5], values)[-1] == GOOD


def test_isolated_and_gap_do_not_weigh():
    found = flag(series([0, 50], [7, 8]), rules=RULES)
    assert found["isolated"].tolist() == found["gap"].tolist() == [SUSPECT, SUSPECT]
    assert found["overall"].tolist() == [GOOD, GOOD]


def test_the_overall_verdict_is_the_worst_of_the_evaluated():
    found = flag(series([0, 1, 2, 20], [10, 600, 10, np.nan]), rules=RULES)
    assert found.loc[1, ["range", "spike", "rate"]].tolist() == [SUSPECT, BAD, BAD]
    assert found["overall"].tolist() == [GOOD, BAD, GOOD, MISSING]
    other = flag(series([0], [10], parameter="co"), rules=RULES)
    assert (other == UNKNOWN).all(axis=None)


def test_rows_that_repeat_a_reading_are_one():
    # the spike stands twice: its neighbours are the hours beside, not its copy
    found = verdicts("spike", [0, 1, 1, 2], [10, 500, 500, 10])
    assert found == [UNKNOWN, BAD, BAD, UNKNOWN]
    assert verdicts("spike", [0, 1, 1, 2], [10, 500, np.nan, 10]) == [UNKNOWN, BAD, MISSING, UNKNOWN]


def test_contradicting_rows_are_nobodys_neighbour():
    # 10 and 500 are stated for one hour: the hours beside look past it, three hours apart
    found = flag(series([0, 1, 2.5, 2.5, 4, 5], [10, 11, 10, 500, 300, 12]), rules=RULES)
    assert found["spike"].tolist() == [UNKNOWN, GOOD, UNKNOWN, UNKNOWN, BAD, UNKNOWN]
    assert found["range"].tolist() == [GOOD] * 6
    assert found["isolated"].tolist() == [GOOD, GOOD, UNKNOWN, UNKNOWN, GOOD, GOOD]


def test_infinite_values_and_unknown_times_are_nobodys_neighbour():
    frame = series([0, 1, 2, 3, 4], [10, np.inf, 500, -np.inf, 10])
    found = flag(frame, rules=RULES)
    assert found["spike"].tolist() == [UNKNOWN, UNKNOWN, BAD, UNKNOWN, UNKNOWN]
    # the last hour stands after a spike: its rate is not evaluated
    assert found["overall"].tolist() == [GOOD, BAD, BAD, BAD, GOOD]
    frame = series([0, 1, 2], [10, 500, 10])
    frame.loc[1, "observed_at"] = pd.NaT
    assert flag(frame, rules=RULES)["spike"].tolist() == [UNKNOWN] * 3


def test_series_do_not_touch():
    # the same hours at another site, in another channel, period, parameter and district
    spike = series([0, 1, 2], [10, 500, 10])
    high = [
        spike.assign(value=500.0, **{column: word})
        for column, word in {"site": "B", "channel": "manual", "district": "e", "parameter": "co"}.items()
    ]
    found = flag(pd.concat([high[0], spike, *high[1:]], ignore_index=True), rules=RULES)
    assert found["spike"].tolist()[3:6] == [UNKNOWN, BAD, UNKNOWN]
    assert found["spike"].tolist()[:3] == [UNKNOWN, GOOD, UNKNOWN]


def test_times_over_centuries_to_the_microsecond_are_told_apart():
    # thousands of series over 200 years exceed 64 bits in microseconds; whole hours need less
    sites = pd.DataFrame({"site": [f"s{n}" for n in range(4000)]})
    early = series([0, 1, 2], [10, 500, 10])
    late = early.assign(observed_at=early["observed_at"] + pd.Timedelta(days=80_000))
    frame = pd.concat([early, late], ignore_index=True).drop(columns="site").merge(sites, how="cross")
    found = flag(frame, rules=RULES)
    assert (found["spike"] == BAD).to_numpy().tolist() == (frame["value"] == 500).to_numpy().tolist()
    odd = frame.assign(
        observed_at=frame["observed_at"] + pd.to_timedelta(np.arange(len(frame)) % 7, unit="us")
    )
    with pytest.raises(TooManySeriesError, match=r"4000 series over \d+ h do not fit"):
        flag(odd, rules=RULES)


def test_context_reaches_as_far_as_a_verdict():
    assert context("pm2_5", "1h", "automatic", rules=RULES) == timedelta(
        hours=15
    )  # bad 12 h and a hole of 3 h
    assert context("pm2_5", "1h", "manual", rules=RULES) == timedelta(0)
    assert context("pm2_5", "1h", "automatic", rules=EPS_RULES) == timedelta(hours=11)


def test_what_is_not_good_becomes_rows():
    frame = series([0, 1, 2, 3], [10, 600, 10, np.nan])
    rows = as_rows(frame, flag(frame, rules=RULES))
    assert rows[["test", "verdict"]].to_numpy().tolist() == [
        ["range", SUSPECT],
        ["spike", BAD],
        ["rate", BAD],
        ["gap", SUSPECT],
    ]
    assert rows["observed_at"].dt.hour.tolist() == [1, 1, 1, 0]
    assert rows["verdict"].dtype == np.int8


def test_an_empty_frame_has_no_verdicts():
    found = flag(series([], []), rules=RULES)
    assert found.shape == (0, 9)
    assert as_rows(series([], []), found).empty
