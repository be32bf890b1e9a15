"""Tests across series at one time: items against each other, and sites against their neighbours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quality.flags.points import Points
from quality.flags.rules import Kind, Neighbours, Pair
from quality.flags.verdicts import Codes, Floats, Ints, Verdict, beyond, graded, worst


def judge_pairs(points: Points, pairs: Iterable[Pair]) -> Codes:
    """Judge parts against their wholes (PM2.5 and PM10, NH3-N and TN) at one site and time.

    Both readings of a pair get its verdict: which of them is wrong is not told. Not evaluated where the
    other one is missing.
    """
    verdict = np.full(len(points.value), Verdict.NOT_EVALUATED, dtype=np.int8)
    where = points.slices()
    for pair in pairs:
        for kind in [kind for kind in where if kind[0] == pair.lesser]:
            other: Kind = (pair.greater, kind[1], kind[2])
            if kind[1] not in pair.periods or kind[2] not in pair.channels or other not in where:
                continue
            part, whole = _same_place_and_time(points.local(kind), points.local(other))
            part += where[kind].start
            whole += where[other].start
            excess = points.value[part] - points.value[whole]
            size = np.abs(points.value[whole])
            found = graded(
                beyond(excess, pair.suspect + pair.suspect_share * size),
                beyond(excess, pair.bad + pair.bad_share * size),
            )
            for side in (part, whole):
                verdict[side] = worst([verdict[side], found])
    return verdict


def _same_place_and_time(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Return the positions of equal keys in two ascending arrays."""
    at = np.searchsorted(other, one)
    at[at == len(other)] = 0
    equal = np.flatnonzero(other[at] == one) if len(other) else np.zeros(0, dtype=np.int64)
    return equal, at[equal]


def judge_neighbours(points: Points, kind: Kind, rule: Neighbours) -> Codes:
    """Judge the distance from the median of the other sites of the group at the same time.

    Shares are of the smaller of the value and the median, as for spikes.
    """
    local = points.local(kind)
    value = points.value[points.slices()[kind]]
    verdict = np.full(len(value), Verdict.NOT_EVALUATED, dtype=np.int8)
    place = local // points.span
    group = points.groups[place]
    known = np.flatnonzero(group >= 0)
    cell = group[known] * points.span + (local - place * points.span)[known]
    median, others = _median_of_others(cell, value[known])
    enough = others >= rule.sites
    distance = np.abs(value[known] - median)
    bound, size = rule.bound, np.minimum(np.abs(median), np.abs(value[known]))
    verdict[known] = graded(
        enough & beyond(distance, np.maximum(bound.suspect, bound.suspect_share * size)),
        enough & beyond(distance, np.maximum(bound.bad, bound.bad_share * size)),
        enough,
    )
    return verdict


def _median_of_others(cell: Ints, value: Floats) -> tuple[Floats, Ints]:
    """Return for every value the median of the others of its cell (0 without others), and how many they are."""
    order = np.lexsort((value, cell))
    cell, ranked = cell[order], value[order]
    first = np.flatnonzero(np.concatenate(([True], cell[1:] != cell[:-1]))) if len(cell) else np.zeros(0, int)
    size = np.diff(np.append(first, len(cell)))
    begin, others = np.repeat(first, size), np.repeat(size - 1, size)
    rank = np.arange(len(cell)) - begin
    # the k-th of the others is the k-th of all before one's own rank, the next one from there on
    lower, upper = np.maximum(others - 1, 0) // 2, others // 2
    middle = ranked[_other(begin, lower, rank, others)] + ranked[_other(begin, upper, rank, others)]
    median = np.zeros(len(value))
    count = np.zeros(len(value), dtype=np.int64)
    median[order] = np.where(others > 0, middle * 0.5, 0.0)
    count[order] = others
    return median, count


def _other(begin: Ints, number: Ints, rank: Ints, others: Ints) -> Ints:
    return begin + np.where(others > 0, number + (number >= rank), 0)
