"""Checks of a delivery's form: keys, order, bad rows, completeness, volume against the ledger, freshness."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quality.batch import Batch, Finding, Truths, above_share, told
from quality.suites import DeliveryCheck


def mostly_bad(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries most of whose values fail.

    Cells that the reader turned away count where their code speaks against the delivery (`of_reader`).
    """
    ignored = batch.coded(check.terms["ignores"])
    failing = ~(batch.coded([""]) | ignored)
    elsewhere = batch.rejected(check.terms["of_reader"])
    bad = np.bincount(batch.delivery[failing], minlength=batch.n) + elsewhere
    total = np.bincount(batch.delivery[~ignored], minlength=batch.n) + elsewhere
    most = check.terms["share"]
    return above_share(
        check,
        bad,
        total,
        lambda d, share: f"不合格的占 {share:.1%}（{total[d]} 个值，上限 {most:.0%}）",
        lambda d, share: f"{share:.1%} of {total[d]} values fail (at most {most:.0%})",
    )


def no_range(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries with values that no physical range is stated for."""
    without = np.bincount(batch.delivery[~batch.ranged], minlength=batch.n)
    return above_share(
        check,
        without,
        batch.total,
        lambda d, _: f"{without[d]} 个值没有量程可判",
        lambda d, _: f"{without[d]} values have no range to be judged by",
    )


def repeated_keys(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries that state one site, parameter, period and time more than once."""
    repeats = np.bincount(batch.delivery[batch.repeats], minlength=batch.n)
    return above_share(
        check,
        repeats,
        batch.total,
        lambda d, _: f"{batch.total[d]} 个值中 {repeats[d]} 个是重复的",
        lambda d, _: f"{repeats[d]} of {batch.total[d]} values say again what was said for their key",
    )


def mixed_order(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries whose times run neither forwards nor backwards within a series."""
    time = batch.observed_at
    same = batch.delivery[1:] == batch.delivery[:-1]
    if not (same & ~(time[1:] >= time[:-1])).any():
        # every delivery runs forwards as a whole, so every series in it does
        return []
    order = np.argsort(batch.series, kind="stable")
    series, time = batch.series[order], time[order]
    delivery = batch.delivery[order][1:]
    together = series[1:] == series[:-1]
    forwards = np.bincount(delivery[together & (time[1:] > time[:-1])], minlength=batch.n)
    backwards = np.bincount(delivery[together & (time[1:] < time[:-1])], minlength=batch.n)
    astray = np.minimum(forwards, backwards)
    return above_share(
        check,
        astray,
        batch.total,
        lambda d, _: f"时间顺序有 {astray[d]} 处折返",
        lambda d, _: f"the times turn around {astray[d]} times",
    )


def incomplete(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries that hold far fewer readings a cell than their layout usually does."""
    cells = np.array([facts.cells_in or 0 for facts in batch.facts], dtype=np.int64)
    filled = batch.total / np.maximum(cells, 1)
    least = check.terms["usual"] * check.terms["least"]
    hit = np.flatnonzero((cells >= check.terms["rows"]) & (filled < least))
    usual = check.terms["usual"]
    return told(
        check,
        hit,
        filled,
        cells,
        lambda d, share: f"{cells[d]} 个单元格中只有 {share:.1%} 有可用数值（通常约 {usual:.0%}）",
        lambda d, share: f"only {share:.1%} of {cells[d]} cells hold a value (usually about {usual:.0%})",
    )


def volume(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries that hold far less or more than the ledger's last ones of their kind."""
    found = []
    for number, facts in enumerate(batch.facts):
        if facts.cells_in is None or facts.expected is None:
            continue
        expected, held = facts.expected, facts.cells_in - facts.blank
        if expected.deliveries < check.terms["needs"] or not expected.usual:
            continue
        ratio = held / expected.usual
        small = ratio < check.terms["least"] and held < expected.low
        if small or ratio > check.terms["most"]:
            zh = f"有内容的单元格 {held} 个，是此前 {expected.deliveries} 份的中位数 {expected.usual:g} 的 {ratio:.0%}"
            en = (
                f"{held} cells hold something, {ratio:.0%} of {expected.usual:g}, the median of the last "
                f"{expected.deliveries} deliveries"
            )
            found.append(Finding(number, check, float(ratio), held, zh, en))
    return found


def _newest(batch: Batch) -> pd.Series:
    """Return the newest time of each delivery that has any, by its number."""
    accepted = batch.coded([""]) & ~np.isnat(batch.observed_at)
    times = pd.Series(batch.observed_at[accepted])
    return times.groupby(batch.delivery[accepted]).max()


def stale(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries whose newest reading is much older than their day of issue.

    A correction is issued long after: where a delivery names the day or month that it speaks of, the newest reading
    is held against its end.
    """
    found = []
    for place, newest in _newest(batch).items():
        number = int(str(place))
        facts = batch.facts[number]
        if facts.issued_at is None:
            continue
        due = min(facts.issued_at, facts.until or facts.issued_at)
        days = float((due - newest) / pd.Timedelta(days=1))
        if days > check.terms["days"]:
            usual = f"{check.terms['days']:g}"
            zh = f"最新监测时间 {newest:%Y-%m-%d %H:%M}，早于 {due:%Y-%m-%d %H:%M} {days:.1f} 天（通常不超过 {usual} 天）"
            en = f"the newest reading is of {newest:%Y-%m-%d %H:%M}, {days:.1f} days before {due:%Y-%m-%d %H:%M} (usually at most {usual})"
            found.append(Finding(number, check, days, int(batch.total[number]), zh, en))
    return found


def ahead(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    """Find deliveries that hold readings of a time after their issue."""
    issued = pd.Series([facts.issued_at for facts in batch.facts], dtype="datetime64[us]")
    limit = (issued + pd.Timedelta(hours=check.terms["hours"])).to_numpy()
    # a comparison with a time that is not known is false
    late: Truths = np.greater(batch.observed_at, limit[batch.delivery])
    late &= batch.coded([""])
    count = np.bincount(batch.delivery[late], minlength=batch.n)
    return above_share(
        check,
        count,
        batch.total,
        lambda d, _: f"{count[d]} 个值的监测时间晚于发布时间 {batch.facts[d].issued_at:%Y-%m-%d %H:%M}",
        lambda d, _: (
            f"{count[d]} values are of a time after {batch.facts[d].issued_at:%Y-%m-%d %H:%M}, when it was issued"
        ),
    )
