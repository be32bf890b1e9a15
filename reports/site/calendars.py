"""Calendars: one row a month, one cell a day, so that a year is read at a glance and by any screen reader."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: what stands in a day without data
_NOTHING = (0, "·")
_DAYS = 31


def month_rows(
    cells: Mapping[str, tuple[int, str]], months: list[str], *, last: str = "9999-12-31"
) -> list[dict[str, Any]]:
    """Return one row a month with 31 cells; None where the month has no such day or it is after `last`.

    Parameters
    ----------
    cells
        ISO day -> (level, text).
    months
        `2026-03`, …, in the order they are shown.
    """
    return [
        {"month": month, "days": [_cell(cells, month, day, last) for day in range(1, _DAYS + 1)]}
        for month in months
    ]


def since_first(cells: Mapping[str, object], months: Sequence[str]) -> list[str]:
    """Return the months from the first that has a day in `cells`, the newest first; none where no day is known."""
    first = min(cells, default="9999")[:7]
    return [month for month in months if month >= first][::-1]


def months_between(months: Iterable[str]) -> list[str]:
    """Return every month from the first to the last of some."""
    given = sorted(months)
    if not given:
        return []
    first, last = (int(text[:4]) * 12 + int(text[5:7]) - 1 for text in (given[0], given[-1]))
    return [f"{count // 12}-{count % 12 + 1:02d}" for count in range(first, last + 1)]


def _cell(cells: Mapping[str, tuple[int, str]], month: str, day: int, last: str) -> tuple[int, str] | None:
    year, number = (int(part) for part in month.split("-"))
    text = f"{month}-{day:02d}"
    if day > calendar.monthrange(year, number)[1] or text > last:
        return None
    return cells.get(text, _NOTHING)
