"""Checks of a delivery (一次交付) as a whole: that it is what it claims to be.

Every check runs over the whole batch at once and is answered per delivery; what is checked, and
from how many rows on, is data (quality/data/suites.toml, [[delivery_check]]).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from quality import delivery_form, delivery_values
from quality.batch import Batch, Finding
from quality.suites import DeliveryCheck
from vocabulary.reasons import reasons


class Refusal(NamedTuple):
    """Why a delivery is refused whole: a code of reasons.toml and what was found."""

    code: str
    zh: str
    en: str


class Remark(NamedTuple):
    """What a check that refuses nothing says of a delivery, by its number; `severity` is warn or note."""

    delivery: int
    code: str
    severity: str
    zh: str
    en: str


_KINDS: dict[str, Callable[[Batch, DeliveryCheck], list[Finding]]] = {
    "mostly-greater": delivery_values.mostly_greater,
    "median-outside": delivery_values.median_outside,
    "above-highest": delivery_values.above_highest,
    "class-contradicts": delivery_values.class_contradicts,
    "mostly-bad": delivery_form.mostly_bad,
    "no-range": delivery_form.no_range,
    "repeated-keys": delivery_form.repeated_keys,
    "mixed-order": delivery_form.mixed_order,
    "incomplete": delivery_form.incomplete,
    "volume": delivery_form.volume,
    "stale": delivery_form.stale,
    "ahead": delivery_form.ahead,
}


def findings(batch: Batch, checks: tuple[DeliveryCheck, ...]) -> list[Finding]:
    """Return every check that does not hold, by delivery and then by order of the suite."""
    found = [finding for check in checks for finding in _KINDS[check.kind](batch, check)]
    return sorted(found, key=lambda finding: (finding.delivery, finding.check.order))


def refusals(found: Sequence[Finding]) -> dict[int, Refusal]:
    """Return the refused deliveries; the first refusing check of the suite gives the code."""
    refused: dict[int, Refusal] = {}
    for finding in found:
        if finding.check.severity == "refuse" and finding.delivery not in refused:
            reason = reasons()[finding.check.code]
            refused[finding.delivery] = Refusal(
                reason.code, f"{reason.zh}：{finding.zh}", f"{reason.en}: {finding.en}"
            )
    return refused


def remarks(found: Sequence[Finding]) -> list[Remark]:
    """Return what the checks that refuse nothing say, by delivery and then by order of the suite.

    Of several checks of one code the first one speaks, so that a delivery is not told of one thing twice.
    """
    said: dict[tuple[int, str], Remark] = {}
    for finding in found:
        check, reason = finding.check, reasons()[finding.check.code]
        if check.severity == "refuse" or (finding.delivery, check.code) in said:
            continue
        said[finding.delivery, check.code] = Remark(
            finding.delivery,
            check.code,
            check.severity,
            f"{reason.zh}：{finding.zh}",
            f"{reason.en}: {finding.en}",
        )
    return list(said.values())
