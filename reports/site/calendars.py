"""Calendars: one row a month, one cell a day, so that a year is read at a glance and by any screen reader."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
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


def _cell(cells: Mapping[str, tuple[int, str]], month: str, day: int, last: str) -> tuple[int, str] | None:
    year, number = (int(part) for part in month.split("-"))
    text = f"{month}-{day:02d}"
    if day > calendar.monthrange(year, number)[1] or text > last:
        return None
    return cells.get(text, _NOTHING)
