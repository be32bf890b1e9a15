"""Checks of a delivery (一次交付) as a whole: that it is what it claims to be.

Every check runs over the whole batch at once and is answered per delivery; what is checked, and
from how many rows on, is data (quality/data/suites.toml, [[delivery_check]]).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.suites import DeliveryCheck
from vocabulary.reasons import reasons

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Refusal(NamedTuple):
    """Why a delivery is refused whole: a code of reasons.toml and what was found."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True)
class Finding:
    """A delivery check that did not hold for one delivery."""

    delivery: int
    check: DeliveryCheck
    measured: float
    rows: int
    zh: str
    en: str


@dataclass(frozen=True)
class Batch:
    """The batch as the checks see it, all arrays of one length, text as integer codes.

    `ranged` is false on accepted rows without a physical range; `code` is the quarantine code of a row ('' = accepted) as position in `codes`; `n` deliveries.
    `elsewhere` counts the cells of each delivery that its reader had already rejected.
    """

    n: int
    delivery: Integers
    site: Integers
    parameter: Integers
    parameters: tuple[str, ...]
    period: Integers
    periods: tuple[str, ...]
    observed_at: npt.NDArray[np.datetime64]
    value: Floats
    ranged: npt.NDArray[np.bool_]
    code: Integers
    codes: tuple[str, ...]
    elsewhere: Integers


def _coded(batch: Batch, codes: list[str]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isin(np.array(batch.codes), codes)[batch.code])


def _seen(batch: Batch, check: DeliveryCheck) -> npt.NDArray[np.bool_]:
    return _coded(batch, ["", *check.terms["sees"]])


def _of(batch: Batch, parameter: str, within: npt.NDArray[np.bool_]) -> Integers:
    if parameter not in batch.parameters:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(within & (batch.parameter == batch.parameters.index(parameter)))


def _keyed(batch: Batch, rows: Integers) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "delivery": batch.delivery[rows],
            "site": batch.site[rows],
            "period": batch.period[rows],
            "observed_at": batch.observed_at[rows],
            "value": batch.value[rows],
        }
    )
    # a key may stand twice in a delivery; the later row is the correction
    return frame.drop_duplicates(["delivery", "site", "period", "observed_at"], keep="last")


def _mostly_greater(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    greater, lesser = check.terms["greater"], check.terms["lesser"]
    within = _seen(batch, check)
    a, b = _of(batch, greater, within), _of(batch, lesser, within)
    if not len(a) or not len(b):
        return []
    pairs = _keyed(batch, a).merge(_keyed(batch, b), on=["delivery", "site", "period", "observed_at"])
    delivery = pairs["delivery"].to_numpy()
    turned = (pairs["value_x"] > pairs["value_y"]).to_numpy()
    total = np.bincount(delivery, minlength=batch.n)
    share = np.bincount(delivery, weights=turned, minlength=batch.n) / np.maximum(total, 1)
    sites = pairs.groupby("delivery")["site"].nunique().reindex(range(batch.n), fill_value=0).to_numpy()
    enough = (total >= check.terms["rows"]) & (sites >= check.terms["sites"])
    hit = np.flatnonzero(enough & (share > check.terms["share"]))
    return [
        Finding(
            int(d),
            check,
            float(share[d]),
            int(total[d]),
            f"{greater} 大于 {lesser} 的占 {share[d]:.1%}（{total[d]} 对，上限 {check.terms['share']:.0%}）",
            f"{greater} exceeds {lesser} in {share[d]:.1%} of {total[d]} pairs (at most {check.terms['share']:.0%})",
        )
        for d in hit
    ]


def _median_outside(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    parameter, low, high = check.terms["parameter"], check.terms["low"], check.terms["high"]
    wanted = np.isin(np.array(batch.periods, dtype=object), check.terms["periods"])
    rows = _of(batch, parameter, _seen(batch, check) & wanted[batch.period])
    if not len(rows):
        return []
    frame = pd.DataFrame(
        {"delivery": batch.delivery[rows], "site": batch.site[rows], "value": batch.value[rows]}
    )
    found = frame.groupby("delivery").agg(
        median=("value", "median"), size=("value", "size"), sites=("site", "nunique")
    )
    outside = (found["median"] < low) | (found["median"] > high)
    hit = found[outside & (found["size"] >= check.terms["rows"]) & (found["sites"] >= check.terms["sites"])]
    return [
        Finding(
            int(d),
            check,
            float(median),
            int(size),
            f"{parameter} 的中位数为 {median:g}（{size} 个值，应在 {low:g}–{high:g}）",
            f"the median of {parameter} is {median:g} ({size} values, expected {low:g} to {high:g})",
        )
        for d, median, size in zip(hit.index, hit["median"], hit["size"], strict=True)
    ]


def _mostly_bad(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    ignored = _coded(batch, check.terms["ignores"])
    failing = ~(_coded(batch, [""]) | ignored)
    bad = np.bincount(batch.delivery[failing], minlength=batch.n) + batch.elsewhere
    total = np.bincount(batch.delivery[~ignored], minlength=batch.n) + batch.elsewhere
    share = bad / np.maximum(total, 1)
    hit = np.flatnonzero((total >= check.terms["rows"]) & (share > check.terms["share"]))
    return [
        Finding(
            int(d),
            check,
            float(share[d]),
            int(total[d]),
            f"不合格的占 {share[d]:.1%}（{total[d]} 个值，上限 {check.terms['share']:.0%}）",
            f"{share[d]:.1%} of {total[d]} values fail (at most {check.terms['share']:.0%})",
        )
        for d in hit
    ]


def _no_range(batch: Batch, check: DeliveryCheck) -> list[Finding]:
    without = np.bincount(batch.delivery[~batch.ranged], minlength=batch.n)
    total = np.bincount(batch.delivery, minlength=batch.n)
    share = without / np.maximum(total, 1)
    hit = np.flatnonzero((total >= check.terms["rows"]) & (share > check.terms["share"]))
    return [
        Finding(
            int(d),
            check,
            float(share[d]),
            int(total[d]),
            f"{without[d]} 个值没有量程可判",
            f"{without[d]} values have no range to be judged by",
        )
        for d in hit
    ]


_KINDS: dict[str, Any] = {
    "mostly-greater": _mostly_greater,
    "median-outside": _median_outside,
    "mostly-bad": _mostly_bad,
    "no-range": _no_range,
}


def findings(batch: Batch, checks: tuple[DeliveryCheck, ...]) -> list[Finding]:
    """Return every check that does not hold, by delivery and then by order of the suite."""
    found = [finding for check in checks for finding in _KINDS[check.kind](batch, check)]
    return sorted(found, key=lambda finding: (finding.delivery, finding.check.order))


def refusals(found: list[Finding]) -> dict[int, Refusal]:
    """Return the refused deliveries; the first refusing check of the suite gives the code."""
    refused: dict[int, Refusal] = {}
    for finding in found:
        if finding.check.severity == "refuse" and finding.delivery not in refused:
            reason = reasons()[finding.check.code]
            refused[finding.delivery] = Refusal(
                reason.code, f"{reason.zh}：{finding.zh}", f"{reason.en}: {finding.en}"
            )
    return refused
