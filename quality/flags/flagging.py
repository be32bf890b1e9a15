"""Flag a whole frame: arrange it once, run every test over it, give each row its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from quality.flags.across import judge_neighbours, judge_pairs
from quality.flags.along import (
    judge_flat_line,
    judge_gap,
    judge_isolated,
    judge_range,
    judge_rate,
    judge_spike,
)
from quality.flags.points import Points, Rows, arrange, slices
from quality.flags.rules import TEST_KEYS, Kind, Rules, flag_rules
from quality.flags.verdicts import OVERALL, Bools, Codes, Verdict, worst
from vocabulary.reading import KEY

_NONE = timedelta(0)

_ALONG: dict[str, Callable[[Points, slice, Any], Codes]] = {
    "spike": judge_spike,
    "flat_line": judge_flat_line,
    "isolated": judge_isolated,
    "gap": judge_gap,
}


def flag(
    readings: pd.DataFrame, *, groups: Mapping[str, str] | None = None, rules: Rules | None = None
) -> pd.DataFrame:
    """Judge every reading by every test.

    Parameters
    ----------
    readings
        n rows with district, site, parameter, period, channel, observed_at and value (in canonical units);
        censor and detection_limit are read where they are there. In any order; other columns, among them
        the provider's own flag, are not looked at. Beside what is to be judged it must hold `context`
        before and after, and the other parameters of the sites and sites of the groups.
    groups
        Site -> group whose sites are compared at one time; a site that is not in it is compared with none.
        None: the sites of a district are one group.
    rules
        Thresholds; None: those in force (quality/data/flag_tests.toml).

    Returns
    -------
    DataFrame
        On the index of `readings`: n verdicts (int8, see `Verdict`) in a column of each test and in
        `overall`, the worst verdict of the evaluated tests that weigh. A missing value is 9 in all of them.

    Raises
    ------
    TooManySeriesError
        When the series over the time of the frame are too many to be told apart in 64 bits.
    KeyError
        When a column is missing.

    Notes
    -----
    Rows that repeat a reading are one point and get its verdicts. Where they state different values, and
    where a value is infinite, only the range is judged and nobody takes them for a neighbour.
    Source: IOOS QARTOD manuals (gross range, spike, rate of change, flat line), judged in time.
    """
    chosen = flag_rules() if rules is None else rules
    points, rows = arrange(readings, groups, _longest(chosen))
    silent = np.full(len(readings), Verdict.NOT_EVALUATED, dtype=np.int8)
    silent[readings["value"].isna().to_numpy()] = Verdict.MISSING
    verdicts = np.empty((len(TEST_KEYS) + 1, len(readings)), dtype=np.int8)
    verdicts[:] = silent
    weighs = {test.key for test in chosen.tests if test.weighs}
    weighty = []
    for number, test in enumerate(TEST_KEYS):
        found = _ranges(rows, points.kinds, chosen) if test == "range" else _over_points(points, test, chosen)
        if found is not None:
            own = verdicts[number]
            own[rows.at] = found if test == "range" else _of_rows(found, rows)
            if test in weighs:
                weighty.append(own)
    if weighty:
        verdicts[-1] = worst(weighty)
    return pd.DataFrame(verdicts.T, index=readings.index, columns=[*TEST_KEYS, OVERALL])


def context(parameter: str, period: str, channel: str, *, rules: Rules | None = None) -> timedelta:
    """Return how far before and after a changed reading the verdicts of its series can change.

    To judge those anew, a frame must reach as far again on both sides. At the time of the changed reading
    itself, verdicts of the other parameters of the site (cross-item) and of the other sites of the group
    (neighbours) can change too. Zero where no test over time is stated.
    """
    chosen = flag_rules() if rules is None else rules
    kind = (parameter, period, channel)
    near = [table[kind].within for table in (chosen.spike, chosen.isolated, chosen.gap) if kind in table]
    if kind in chosen.rate:
        # the reading before may have been condemned for what stands before it
        near.append(chosen.rate[kind].within + (chosen.spike[kind].within if kind in chosen.spike else _NONE))
    flat = [chosen.flat_line[kind].reach] if kind in chosen.flat_line else []
    return max([*near, *flat], default=_NONE)


def as_rows(
    readings: pd.DataFrame, verdicts: pd.DataFrame, *, least: Verdict = Verdict.SUSPECT
) -> pd.DataFrame:
    """Return the verdicts from `least` on as long rows, for a table that keeps what is not good.

    Returns
    -------
    DataFrame
        Columns of `vocabulary.reading.KEY`, test and verdict (int8), in the order of tests and rows;
        `overall` is not among the tests, missing values are not among the rows.
    """
    parts = []
    for test in TEST_KEYS:
        verdict = verdicts[test].to_numpy()
        at = np.flatnonzero((verdict >= least) & (verdict != Verdict.MISSING))
        parts.append(readings[list(KEY)].iloc[at].assign(test=test, verdict=verdict[at]))
    return pd.concat(parts, ignore_index=True)


def _longest(rules: Rules) -> timedelta:
    """Return a time that no stated time exceeds."""
    tables: tuple[Mapping[Kind, Any], ...] = (rules.spike, rules.rate, rules.isolated, rules.gap)
    near = [rule.within for table in tables for rule in table.values()]
    return max([*near, *(flat.reach for flat in rules.flat_line.values())], default=_NONE)


def _ranges(rows: Rows, kinds: tuple[Kind, ...], rules: Rules) -> Codes:
    verdict = np.full(len(rows.value), Verdict.NOT_EVALUATED, dtype=np.int8)
    for kind, at in slices(kinds, rows.bounds).items():
        band = rules.range.get(kind)
        if band is not None:
            verdict[at] = judge_range(rows.value[at], band)
    return verdict


def _over_points(points: Points, test: str, rules: Rules) -> Codes | None:
    """Return a verdict a point, or None when no threshold is stated for any kind there is."""
    if test == "cross_item":
        return judge_pairs(points, rules.pairs) if rules.pairs else None
    table: Mapping[Kind, Any] = getattr(rules, test)
    stated = {kind: at for kind, at in points.slices().items() if kind in table and at.stop > at.start}
    if not stated:
        return None
    verdict = np.full(len(points.value), Verdict.NOT_EVALUATED, dtype=np.int8)
    for kind, at in stated.items():
        if test == "neighbours":
            verdict[at] = judge_neighbours(points, kind, table[kind])
        elif test == "rate":
            verdict[at] = judge_rate(points, at, table[kind], _spikes(points, kind, at, rules))
        else:
            verdict[at] = _ALONG[test](points, at, table[kind])
    return verdict


def _spikes(points: Points, kind: Kind, at: slice, rules: Rules) -> Bools:
    """Tell which points of a kind the spike test condemns; none where it has no threshold."""
    rule = rules.spike.get(kind)
    if rule is None:
        return np.zeros(at.stop - at.start, dtype=bool)
    return np.asarray(judge_spike(points, at, rule) >= Verdict.SUSPECT, dtype=bool)


def _of_rows(verdict: Codes, rows: Rows) -> Codes:
    """Give every row the verdict of its point; a row that is no point is not evaluated."""
    if rows.point is None:
        return verdict
    found = np.append(verdict, np.int8(Verdict.NOT_EVALUATED))[rows.point]
    return np.asarray(found, dtype=np.int8)
