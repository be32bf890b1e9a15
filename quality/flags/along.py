"""Tests along one series: spike, rate of change, flat line, isolated reading, gap. All in time, none in counts.

Each takes the points of one kind in order of series and time. `key` grows by the ticks between readings
of a series and by more than any stated time from one series to the next (`quality.flags.points`).
"""

from __future__ import annotations

import numpy as np

from quality.flags.points import Points
from quality.flags.rules import Band, FlatLine, Near, Rate, Spike
from quality.flags.verdicts import Bools, Codes, Floats, Ints, Verdict, beyond, graded

_HOUR = 3_600_000_000


def judge_range(value: Floats, band: Band) -> Codes:
    """Judge by the plausible values (QARTOD gross range); the ends belong to the range."""
    suspect = (value < band.suspect[0]) | (value > band.suspect[1])
    if not suspect.any():
        return np.full(len(value), Verdict.GOOD, dtype=np.int8)
    return graded(suspect, (value < band.bad[0]) | (value > band.bad[1]))


def judge_spike(points: Points, at: slice, rule: Spike) -> Codes:
    """Judge the excess over the mean of the readings before and after (QARTOD spike test).

    Not evaluated without a reading on both sides within the stated time. So that the neighbours of a spike
    and the edges of a step are none, the smaller of both steps must reach `side` of the excess, in the
    same direction; with `side` 0 the test is QARTOD's.
    """
    value = points.value[at]
    verdict = np.full(len(value), Verdict.NOT_EVALUATED, dtype=np.int8)
    near = points.near(at, rule.within)
    both = near[:-1] & near[1:]
    inner = verdict[1:-1]
    inner[both] = Verdict.GOOD
    step = np.diff(value)
    # a value less the mean of both neighbours is half the difference of the steps to and from it;
    # only what exceeds the amount, which is most often nothing, is looked at further
    leap = step[:-1] - step[1:]
    found = np.flatnonzero(both & beyond(np.abs(leap, out=leap), 2 * rule.bound.suspect))
    excess, bound = leap[found] * 0.5, rule.bound
    before, after = step[found], step[found + 1]
    size = np.minimum(np.abs(value[found] + value[found + 2]) * 0.5, np.abs(value[found + 1]))
    suspect = beyond(excess, np.maximum(bound.suspect, bound.suspect_share * size))
    if rule.side:
        suspect &= (before > 0) != (after > 0)
        suspect &= np.minimum(np.abs(before), np.abs(after)) >= rule.side * excess
    bad = suspect & beyond(excess, np.maximum(bound.bad, bound.bad_share * size))
    inner[found[suspect]] = Verdict.SUSPECT
    inner[found[bad]] = Verdict.BAD
    return verdict


def judge_rate(points: Points, at: slice, rule: Rate, spikes: Bools) -> Codes:
    """Judge the change an hour against the reading before (QARTOD rate of change).

    `spikes` tells which readings of the slice the spike test condemned: the way back from one of them says
    nothing of the reading that comes after it, which is not evaluated.
    """
    value, ticks = points.value[at], points.steps(at)
    verdict = np.full(len(value), Verdict.NOT_EVALUATED, dtype=np.int8)
    near = points.near(at, rule.within)
    near &= ~spikes[:-1]
    change = np.abs(np.diff(value))
    later = verdict[1:]
    later[near] = Verdict.GOOD
    # change / hours > limit, without dividing
    hours = np.asarray(ticks * (points.tick / _HOUR), dtype=np.float64)
    found = np.flatnonzero(near & (change > hours * rule.suspect))
    change, hours = change[found], hours[found]
    later[found[beyond(change, rule.suspect * hours)]] = Verdict.SUSPECT
    later[found[beyond(change, rule.bad * hours)]] = Verdict.BAD
    return verdict


def judge_flat_line(points: Points, at: slice, rule: FlatLine) -> Codes:
    """Judge runs of values that stay within `eps` for at least a stated time (QARTOD flat line).

    A run must hold `readings` values at least: two equal ones on both sides of a hole are no evidence. Every reading of such a run gets its verdict, the first ones too. A hole longer than `hole` ends a run;
    a value at or below its detection limit is not evaluated, ends a run, and bridges none. Not evaluated
    either: a reading without another within `hole`.
    """
    value, key = points.value[at], points.key[at]
    low = points.low[at] | (value <= rule.floor)
    near = points.near(at, rule.hole)
    evaluated = _beside(near)
    evaluated &= ~low
    # the steps are not made where only equal values are looked for
    link = ~beyond(np.abs(np.diff(value)), rule.eps) if rule.eps else value[1:] == value[:-1]
    link &= near
    link &= ~(low[1:] | low[:-1])
    runs = _runs(link)
    suspect = _held(key, value, runs, points.at_least(rule.suspect), rule)
    bad = _held(key, value, runs, points.at_least(rule.bad), rule)
    return graded(suspect, bad, evaluated)


def judge_isolated(points: Points, at: slice, rule: Near) -> Codes:
    """Judge readings suspect that have no other within the stated time, before or after."""
    beside = _beside(points.near(at, rule.within))
    return graded(~beside, np.zeros(len(beside), dtype=bool))


def judge_gap(points: Points, at: slice, rule: Near) -> Codes:
    """Judge readings suspect that have none before them within the stated time: the first after a hole.

    The first reading of a series is one of them: nothing in the frame tells a beginning from a hole.
    """
    after = np.ones(at.stop - at.start, dtype=bool)
    after[1:] = ~points.near(at, rule.within)
    return graded(after, np.zeros(len(after), dtype=bool))


def _beside(near: Bools) -> Bools:
    """Tell which of n points are near the one before or after; `near` says it for the n - 1 steps."""
    beside = np.zeros(len(near) + 1, dtype=bool)
    beside[1:] = near
    beside[:-1] |= near
    return beside


def _runs(link: Bools) -> tuple[Ints, Ints]:
    """Return the first and the last point of every stretch of linked points; `link` has n - 1 steps."""
    edged = np.zeros(len(link) + 2, dtype=bool)
    edged[1:-1] = link
    edge = np.flatnonzero(edged[1:] != edged[:-1])
    return edge[::2], edge[1::2]


def _held(key: Ints, value: Floats, runs: tuple[Ints, Ints], ticks: int, rule: FlatLine) -> Bools:
    """Tell which points lie in a stretch of a run that lasts `ticks` and spreads no more than eps."""
    held = np.zeros(len(key), dtype=bool)
    first, last = runs
    long = ((key[last] - key[first]) >= ticks) & (last - first + 1 >= rule.readings)
    first, last = first[long], last[long]
    if not len(first):
        return held
    size = last - first + 1
    inside = np.repeat(first - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
    if rule.eps == 0:
        held[inside] = True
        return held
    # values may drift within a chain of small steps: look at each stretch that just lasts long enough
    until = np.maximum(np.searchsorted(key, key[inside] + ticks), inside + rule.readings - 1)
    whole = until <= np.repeat(last, size)
    begin, until = inside[whole], until[whole]
    calm = ~beyond(_spread(value, begin, until), rule.eps)
    marks = np.zeros(len(held) + 1, dtype=np.int64)
    np.add.at(marks, begin[calm], 1)
    np.add.at(marks, until[calm] + 1, -1)
    return np.asarray(np.cumsum(marks[:-1]) > 0, dtype=bool)


def _spread(value: Floats, begin: Ints, until: Ints) -> Floats:
    """Return maximum - minimum of value[begin : until + 1] for every stretch.

    Each stretch is two overlapping blocks of the largest power of two that fits.
    """
    size = until - begin + 1
    level = np.floor(np.log2(size)).astype(np.int64)
    spread = np.zeros(len(begin))
    top, bottom = value, value
    for step in range(int(level.max(initial=0)) + 1):
        here = np.flatnonzero(level == step)
        a, z = begin[here], until[here] - (1 << step) + 1
        spread[here] = np.maximum(top[a], top[z]) - np.minimum(bottom[a], bottom[z])
        shift = 1 << step
        top = np.maximum(top[:-shift], top[shift:])
        bottom = np.minimum(bottom[:-shift], bottom[shift:])
    return spread
