"""Checks of a delivery's columns against each other and against what is usual: whether they are what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quality.batch import Batch, Finding, Floats, Integers, Truths, above_share, told
from quality.class_limits import ClassLimits, class_limits
from quality.suites import DeliveryCheck

_HOUR = np.int64(3_600_000_000)


def _sites(batch: Batch, rows: Integers) -> Integers:
    """Return how many sites each delivery has among rows."""
    spread = pd.Series(batch.site[rows]).groupby(batch.delivery[rows]).nunique()
    found: Integers = spread.reindex(range(batch.n), fill_value=0).to_numpy(dtype=np.int64)
    return found


def mostly_greater(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries where a part exceeds its whole in most pairs of one site, period and time."""
    greater, lesser = check.terms["greater"], check.terms["lesser"]
    a, b = batch.rows_of(greater, check), batch.rows_of(lesser, check)
    if not len(a) or not len(b):
        return []
    pairs = batch.keyed(a).merge(batch.keyed(b)[["place", "value"]], on="place")
    rows = pairs["row"].to_numpy()
    delivery = batch.delivery[rows]
    turned = (pairs["value_x"] > pairs["value_y"]).to_numpy()
    total = np.bincount(delivery, minlength=batch.n)
    sites = _sites(batch, rows) if check.terms["sites"] > 1 else total
    most = check.terms["share"]
    return above_share(
        check,
        np.bincount(delivery[turned], minlength=batch.n),
        total,
        lambda d, share: f"{greater} 大于 {lesser} 的占 {share:.1%}（{total[d]} 对，上限 {most:.0%}）",
        lambda d, share: (
            f"{greater} exceeds {lesser} in {share:.1%} of {total[d]} pairs (at most {most:.0%})"
        ),
        enough=sites >= check.terms["sites"],
    )


def median_outside(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries where the median of a parameter is far from anything usual."""
    parameter, low, high = check.terms["parameter"], check.terms["low"], check.terms["high"]
    rows = batch.rows_of(parameter, check, check.terms["periods"])
    if not len(rows):
        return []
    values = pd.Series(batch.value[rows]).groupby(batch.delivery[rows])
    every = range(batch.n)
    found = values.median().reindex(every).to_numpy()
    size = values.size().reindex(every, fill_value=0).to_numpy()
    sites = _sites(batch, rows) if check.terms["sites"] > 1 else size
    # a delivery without any has no median, and no comparison with that holds
    outside = (found < low) | (found > high)
    enough = (size >= check.terms["rows"]) & (sites >= check.terms["sites"])
    return told(
        check,
        np.flatnonzero(outside & enough),
        found,
        size,
        lambda d, median: f"{parameter} 的中位数为 {median:g}（{size[d]} 个值，应在 {low:g}–{high:g}）",
        lambda d, median: (
            f"the median of {parameter} is {median:g} ({size[d]} values, expected {low:g} to {high:g})"
        ),
    )


def _highest(values: Floats, start: Integers, end: Integers) -> Floats:
    """Return the highest of values[start:end] for every pair of places; every span holds at least one."""
    length = end - start
    level = np.frexp(length.astype(np.float64))[1].astype(np.int64) - 1
    found = np.empty(len(start))
    table = values
    # one step a power of two: a span is covered by two of the greatest power within it
    for power in range(int(level.max(initial=0)) + 1):
        if power:
            half = 1 << (power - 1)
            table = np.maximum(table[:-half], table[half:])
        here = level == power
        found[here] = np.maximum(table[start[here]], table[end[here] - (1 << power)])
    return found


def above_highest(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries where a mean exceeds the highest of the hours it is made of.

    The hours run from `first` to `last` hours after the start of the mean's own interval; a mean is compared
    where at least `present` of them are there.
    """
    terms = check.terms
    rows = batch.rows_of(terms["parameter"], check, terms["periods"])
    if not len(rows):
        return []
    means = batch.keyed(rows)
    hours = batch.keyed(batch.rows_of(terms["of"], check, ["1h"]))
    if means.empty or hours.empty:
        return []
    stations = int(batch.site.max()) + 1
    first_moment = batch.observed_at[np.concatenate([means["row"], hours["row"]])].min()

    def places(frame: pd.DataFrame) -> tuple[Integers, Integers]:
        rows = frame["row"].to_numpy()
        moment = (batch.observed_at[rows] - first_moment).astype("timedelta64[us]").astype(np.int64)
        return batch.delivery[rows] * stations + batch.site[rows], moment // _HOUR

    place, hour = places(hours)
    at, moment = places(means)
    # a day of room on both sides keeps the spans of one site apart from those of the next
    span = int(max(hour.max(), moment.max())) + 2 * (abs(terms["first"]) + abs(terms["last"])) + 3
    margin = abs(terms["first"]) + 1
    line = place * span + hour + margin
    order = np.argsort(line, kind="stable")
    line = line[order]
    wanted = at * span + moment + margin
    start = np.searchsorted(line, wanted + terms["first"], side="left").astype(np.int64)
    end = np.searchsorted(line, wanted + terms["last"], side="right").astype(np.int64)
    enough = end - start >= terms["present"]
    delivery = batch.delivery[means["row"].to_numpy()][enough]
    if not len(delivery):
        return []
    highest = _highest(hours["value"].to_numpy()[order], start[enough], end[enough])
    above = means["value"].to_numpy()[enough] > highest + terms["tolerance"]
    zh = f"{terms['parameter']} 高于所含小时的最大 {terms['of']}"
    en = f"{terms['parameter']} is above the highest hour of {terms['of']} it is made of"
    return _shares(batch, check, delivery, above, zh, en)


def _shares(
    batch: Batch, check: DeliveryCheck, delivery: Integers, failing: Truths, zh: str, en: str
) -> list[Finding]:
    total = np.bincount(delivery, minlength=batch.n)
    bad = np.bincount(delivery[failing], minlength=batch.n)
    most = check.terms["share"]
    return above_share(
        check,
        bad,
        total,
        lambda d, share: f"{zh}：{total[d]} 个中 {bad[d]} 个（{share:.1%}，上限 {most:.0%}）",
        lambda d, share: f"{en}: {bad[d]} of {total[d]} ({share:.1%}, at most {most:.0%})",
    )


def _beside(batch: Batch, rows: Integers, places: Integers) -> Floats:
    """Return the value of a parameter's rows at each place; NaN where there is none."""
    if not len(rows):
        return np.full(len(places), np.nan)
    keyed = batch.keyed(rows).sort_values("place")
    known = keyed["place"].to_numpy()
    at = np.minimum(np.searchsorted(known, places), len(known) - 1)
    found: Floats = np.where(known[at] == places, keyed["value"].to_numpy()[at], np.nan)
    return found


def _worst(
    batch: Batch, stated: pd.DataFrame, limits: ClassLimits, check: DeliveryCheck
) -> tuple[Floats, Truths]:
    """Return the worst class of the values beside each stated class, and whether enough of them are there."""
    worst = np.zeros(len(stated))
    complete = np.ones(len(stated), dtype=bool)
    places = stated["place"].to_numpy()
    for parameter, rule in limits.rules.items():
        values = _beside(batch, batch.rows_of(parameter, check), places)
        worst = np.fmax(worst, rule.classes(values))
        if parameter in limits.needed:
            complete &= ~np.isnan(values)
    return worst, complete


def class_contradicts(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries whose stated water class is not that of the values in the same row.

    A row is compared where every item of the release's own rule is there (quality/data/class_limits.toml). TP has two tables,
    for rivers and for lakes; a class that either of them gives is right.
    """
    rows = batch.rows_of("water_class", check)
    if not len(rows):
        return []
    stated = batch.keyed(rows).reset_index(drop=True)
    given = stated["value"].to_numpy()
    agrees = np.zeros(len(stated), dtype=bool)
    complete = np.ones(len(stated), dtype=bool)
    for limits in class_limits():
        worst, enough = _worst(batch, stated, limits, check)
        agrees |= worst == given
        complete &= enough
    delivery = batch.delivery[stated["row"].to_numpy()][complete]
    if not len(delivery):
        return []
    zh = "水质类别与同一行数值按 GB 3838 判定的类别不符"
    en = "the stated water class is not that of the row's own values under GB 3838"
    return _shares(batch, check, delivery, ~agrees[complete], zh, en)
