"""Tests across series: parts against wholes, sites against the median of their neighbours."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.flags import FlagRuleError, Verdict, flag, flag_rules, read_rules
from quality.flags.rules import TEST_KEYS

GOOD, UNKNOWN, SUSPECT, BAD, MISSING = (int(verdict) for verdict in Verdict)
NOON = pd.Timestamp("2026-01-01 12:00")

HEAD = 'version = "t"\nvalid_from = 2000-01-01\n' + "\n".join(
    f'[[test]]\nkey = "{key}"\nzh = "{key}"\nen = "{key}"\nweighs = true' for key in TEST_KEYS
)
WHERE = 'periods = ["1h"]\nchannels = ["automatic"]\nbasis = "by hand"\nsure = "C"\n'
RULES = read_rules(
    f"""{HEAD}
[[cross_item]]
lesser = "pm2_5"
greater = "pm10"
{WHERE}suspect = 5
suspect_share = 0.1
bad = 30
bad_share = 0.5
[[cross_item]]
lesser = "nh3_n"
greater = "tn"
{WHERE}suspect = 0
[[cross_item]]
lesser = "tp"
greater = "tn"
{WHERE}suspect = 0
bad = 1
[[neighbours]]
parameters = ["co"]
{WHERE}sites = 3
suspect = 2
suspect_share = 1.0
bad = 6
bad_share = 3.0
"""
)


def at_noon(*rows, **columns):
    """Make one reading a row of (site, parameter, value)."""
    frame = pd.DataFrame(list(rows), columns=["site", "parameter", "value"]).astype({"value": float})
    stated = {"district": "d", "period": "1h", "channel": "automatic", "observed_at": NOON}
    return frame.assign(**(stated | columns))


def pair(part, whole):
    return flag(at_noon(("A", "pm2_5", part), ("A", "pm10", whole)), rules=RULES)["cross_item"].tolist()


def test_a_part_may_exceed_its_whole_by_what_is_stated():
    assert pair(90, 100) == [GOOD, GOOD]
    assert pair(115, 100) == [GOOD, GOOD]  # 5 and a tenth of 100
    assert pair(115.1, 100) == [SUSPECT, SUSPECT]
    assert pair(180, 100) == [SUSPECT, SUSPECT]  # 30 and a half of 100
    assert pair(180.1, 100) == [BAD, BAD]
    assert pair(180.1, np.nan) == [UNKNOWN, MISSING]


def test_only_the_same_site_time_period_and_channel_are_a_pair():
    for other in (
        {"site": "B"},
        {"observed_at": NOON + pd.Timedelta(hours=1)},
        {"period": "24h"},
        {"channel": "manual"},
        {"district": "e"},
    ):
        frame = at_noon(("A", "pm2_5", 500), ("A", "pm10", 1))
        frame.loc[1, list(other)] = list(other.values())
        assert flag(frame, rules=RULES)["cross_item"].tolist() == [UNKNOWN, UNKNOWN]


def test_of_several_pairs_the_worst_verdict_stays():
    found = flag(at_noon(("A", "tn", 2), ("A", "nh3_n", 1), ("A", "tp", 3.5)), rules=RULES)["cross_item"]
    assert found.tolist() == [BAD, GOOD, BAD]
    found = flag(at_noon(("A", "tn", 2), ("A", "nh3_n", 2.5)), rules=RULES)["cross_item"]
    assert found.tolist() == [SUSPECT, SUSPECT]


def test_each_site_is_paired_with_itself():
    rows = [(f"s{n}", name, value) for n in range(50) for name, value in (("pm10", 50 + n), ("pm2_5", 80))]
    found = flag(at_noon(*rows).sample(frac=1.0, random_state=4), rules=RULES)["cross_item"].sort_index()
    # 80 exceeds 1.1 x pm10 + 5 while pm10 is below 68.2: the first nineteen sites
    assert found.tolist() == [SUSPECT] * 38 + [GOOD] * 62


def neighbours(*values, groups=None, **columns):
    rows = at_noon(*((f"s{n}", "co", value) for n, value in enumerate(values)), **columns)
    return flag(rows, groups=groups, rules=RULES)["neighbours"].tolist()


def test_a_site_is_compared_with_the_median_of_the_others():
    assert neighbours(1, 1.2, 0.8, 3.0) == [GOOD] * 4  # 2.0 above the median 1
    assert neighbours(1, 1.2, 0.8, 3.1) == [GOOD] * 3 + [SUSPECT]
    assert neighbours(1, 1.2, 0.8, 7.1) == [GOOD] * 3 + [BAD]
    assert neighbours(4, 4.2, 3.8, 7.9) == [GOOD] * 4  # less than twice the median
    # two of six are far off: the median of the others of each stays 1
    assert neighbours(1, 1, 1, 1, 9, 9) == [GOOD, GOOD, GOOD, GOOD, BAD, BAD]
    # two of five: the others of a 1 are 1 1 9 9, their median is 5
    assert neighbours(1, 1, 1, 9, 9) == [SUSPECT, SUSPECT, SUSPECT, BAD, BAD]


def test_too_few_neighbours_are_none():
    assert neighbours(1, 1, 9) == [UNKNOWN] * 3
    assert neighbours(1, 1, 9, np.nan) == [UNKNOWN, UNKNOWN, UNKNOWN, MISSING]
    later = [NOON, NOON, NOON, NOON + pd.Timedelta(minutes=5)]
    frame = at_noon(*((f"s{n}", "co", 1) for n in range(4))).assign(observed_at=later)
    assert flag(frame, rules=RULES)["neighbours"].tolist() == [UNKNOWN] * 4


def test_groups_are_compared_apart_and_a_site_without_one_with_none():
    groups = {"s0": "low", "s1": "low", "s2": "low", "s3": "low", "s4": "high", "s5": "high"}
    found = neighbours(1, 1, 1, 9, 9, 9, 9, groups=groups)
    assert found == [GOOD, GOOD, GOOD, BAD, UNKNOWN, UNKNOWN, UNKNOWN]
    # a group of the same name in another district is another group
    found = neighbours(1, 1, 1, 9, groups=groups, district=["d", "d", "d", "e"])
    assert found == [UNKNOWN] * 4


@given(values=st.lists(st.sampled_from([0.1, 0.5, 1.0, 2.5, 3.0, 9.0, 30.0]), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_neighbours_are_judged_as_the_definition_says(values):
    expected = []
    for number, value in enumerate(values):
        others = values[:number] + values[number + 1 :]
        if len(others) < 3:
            expected.append(UNKNOWN)
            continue
        median = statistics.median(others)
        smaller = min(median, value)
        distance = abs(value - median) - 1e-7
        bad, suspect = distance > max(6, 3 * smaller), distance > max(2, smaller)
        expected.append(BAD if bad else SUSPECT if suspect else GOOD)
    assert neighbours(*values) == expected


def entry(test, **changes):
    stated = {"parameters": '["co"]', "periods": '["1h"]', "channels": '["automatic"]'}
    stated |= {"basis": '"by hand"', "sure": '"C"', **changes}
    lines = "\n".join(f"{key} = {value}" for key, value in stated.items() if value)
    return f"[[{test}]]\n{lines}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (entry("range", suspect="[0, 9]", bad="[1, 10]"), r"range 1: suspect \[0.0, 9.0\] does not lie"),
        (entry("rate", within='"3h"', suspect="9", bad="8"), "rate 1: suspect 9.0 is above bad 8.0"),
        (entry("rate", within='"soon"', suspect="9"), "rate 1: 'soon' is no length of time"),
        (entry("rate", within='"0h"', suspect="9"), "expected a time above zero"),
        (entry("rate", suspect="9"), "rate 1: within missing"),
        (entry("gap", within='"3h"', basis=""), "gap 1: basis missing"),
        (
            entry("gap", within='"3h"', parameters='["moon"]'),
            "gap 1: parameter moon is not in the vocabulary",
        ),
        (entry("gap", within='"3h"', periods='["2h"]'), "gap 1: period 2h is not in the vocabulary"),
        (entry("gap", within='"3h"') * 2, "gap 2: co 1h automatic stated twice"),
        (entry("neighbours", sites="0", suspect="1"), "neighbours 1: sites 0"),
        (
            entry("flat_line", eps="0", hole='"3h"', readings="1", suspect='"3h"', bad='"6h"'),
            "flat_line 1: readings 1",
        ),
        (
            entry("flat_line", eps="0", hole='"3h"', readings="3", suspect='"9h"', bad='"6h"'),
            "flat_line 1: suspect 9:00:00 is above bad 6:00:00",
        ),
        ('[[cross_item]]\nlesser = "co"\n', "cross_item 1: basis missing"),
    ],
)
def test_thresholds_that_cannot_be_right_are_refused_by_name(text, says):
    with pytest.raises(FlagRuleError, match=says):
        read_rules(f"{HEAD}\n{text}")


def test_the_thresholds_in_force_are_narrower_than_the_physical_range():
    from quality.suites import ranges

    physical = ranges()
    for (parameter, period, _), band in flag_rules().range.items():
        at = physical.parameters.index(parameter), physical.periods.index(period)
        low, high = physical.lower[at], physical.upper[at]
        assert low <= band.bad[0] or band.bad[0] < 0, parameter
        assert band.bad[1] <= high, parameter
        assert (band.suspect[0] > low) or (band.suspect[1] < high), parameter
