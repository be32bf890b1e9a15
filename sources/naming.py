"""Dates in the names of exports: which days a delivery covers and when it was issued.

The rule, the same for every layout (patterns are the layout's data):

1. a stamp of issue beyond the data date (`…_issued20250401.csv`, `…更正20250401…`): the end of that
   day, or the very minute when the stamp has one;
2. the date the name speaks of: the end of that day, or of that month; the very hour when the name has
   one (`2026-03-01T04.json`: an answer taken at 04:00);
3. the time of last modification (and the result says that nothing was stated).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.layout import NameRule


@dataclass(frozen=True)
class Issue:
    """When a delivery was issued and which time `[covered_from, covered_to)` it speaks of.

    Wall time of Asia/Shanghai without zone. `stated` is False when only the modification time told;
    `partition` is `YYYY-MM-DD`, `YYYY-MM` or None.
    """

    issued_at: datetime
    stated: bool
    covered_from: datetime
    covered_to: datetime
    partition: str | None


def _moment(match: re.Match[str]) -> datetime | None:
    """Return the day (or minute) a match names; None when there is no such day."""
    parts = match.groupdict()
    try:
        return datetime(
            int(parts["y"]),
            int(parts["m"]),
            int(parts.get("d") or 1),
            int(parts.get("H") or 0),
            int(parts.get("M") or 0),
        )
    except ValueError:  # 20251399: digits, but no date; the name then tells nothing
        return None


def _last(patterns: tuple[re.Pattern[str], ...], text: str) -> tuple[datetime, bool] | None:
    for pattern in patterns:
        for match in reversed(list(pattern.finditer(text))):
            moment = _moment(match)
            if moment is not None:
                return moment, bool(match.groupdict().get("H"))
    return None


def _after_month(start: datetime) -> datetime:
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


def issue_of(name: str, modified_at: datetime, rule: NameRule) -> Issue:
    """Read the dates of a delivery's name, the file's own part first, then its folders upwards."""
    stamp = _last(rule.issued, name)
    bare = name
    for pattern in rule.issued:
        bare = pattern.sub("", bare)
    covered: tuple[datetime, datetime, str] | None = None
    taken: datetime | None = None
    for part in reversed(bare.split("/")):
        if day := _last(rule.days, part):
            start = day[0].replace(hour=0, minute=0)
            covered = (start, start + timedelta(days=1), f"{start:%Y-%m-%d}")
            taken = day[0] if day[1] else None
        elif month := _last(rule.months, part):
            covered = (month[0], _after_month(month[0]), f"{month[0]:%Y-%m}")
        if covered:
            break
    today = modified_at.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end, partition = covered or (today, today + timedelta(days=1), None)
    if stamp:
        moment, to_the_minute = stamp
        issued_at = moment if to_the_minute else moment + timedelta(days=1)
        return Issue(issued_at, True, start, end, partition)
    if covered:
        return Issue(taken or end, True, start, end, partition)
    return Issue(modified_at, False, start, end, None)


def partition_of(name: str, rule: NameRule) -> str | None:
    """Return the day or month a name speaks of (`2025-03-10`, `2025-03`), or None."""
    return issue_of(name, datetime(1970, 1, 1), rule).partition
