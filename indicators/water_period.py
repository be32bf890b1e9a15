"""Periods over which surface water is evaluated: a month, a quarter, a year, a run of months (累计)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Period:
    """Whole months from `start` to before `end`.

    `kind` is month | quarter | year | months; `text` is the text it was read from.
    """

    text: str
    kind: str
    start: pd.Timestamp
    end: pd.Timestamp
    months: int

    @property
    def last_day(self) -> pd.Timestamp:
        """The last day of the period: its date decides which edition of a standard applies."""
        return self.end - pd.Timedelta(days=1)


def parse_period(text: str) -> Period:
    """Read `2026-10`, `2026-Q3`, `2026` or `2026-01..2026-06`.

    Raises
    ------
    ValueError
        Saying what was found and which forms are known.
    """
    expected = f"period {text!r}; expected 2026-10, 2026-Q3, 2026 or 2026-01..2026-06"
    first, dots, last = text.partition("..")
    if dots:
        start, end = _month(first, expected), _month(last, expected)
        if end < start:
            raise ValueError(f"{expected}; the last month lies before the first")
        return _period(text, "months", start, (end.year - start.year) * 12 + end.month - start.month + 1)
    if _MONTH.fullmatch(text):
        return _period(text, "month", _month(text, expected), 1)
    quarter = _QUARTER.fullmatch(text)
    if quarter:
        return _period(text, "quarter", pd.Timestamp(int(quarter[1]), 3 * int(quarter[2]) - 2, 1), 3)
    if _YEAR.fullmatch(text) and int(text):
        return _period(text, "year", pd.Timestamp(int(text), 1, 1), 12)
    raise ValueError(expected)


def _month(text: str, expected: str) -> pd.Timestamp:
    found = _MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 12 or not int(found[1]):  # noqa: PLR2004 - months of a year
        raise ValueError(expected)
    return pd.Timestamp(int(found[1]), int(found[2]), 1)


def _period(text: str, kind: str, start: pd.Timestamp, months: int) -> Period:
    return Period(text=text, kind=kind, start=start, end=start + pd.DateOffset(months=months), months=months)
