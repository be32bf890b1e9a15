"""Periods over which surface water is evaluated: week, ten days (旬), month, quarter, year, run of months (累计)."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import pandas as pd

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_YEAR = re.compile(r"\d{4}")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DEKAD = re.compile(r"(\d{4}-\d{2})(?:-D([123])|([上中下])旬)")
#: a week and ten days are one sampling time: they are never split into the months they touch
SHORT_KINDS = ("week", "dekad")


@dataclass(frozen=True)
class Period:
    """From `start` to before `end`: whole months, or a week or ten days.

    `kind` is week | dekad | month | quarter | year | months; `text` is the text it was read from.
    `months` is the number of months a mean is made of: 1 for a week and for ten days, also where a week
    touches two.
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

    @property
    def short(self) -> bool:
        """Whether it is shorter than a month: its readings are averaged as one."""
        return self.kind in SHORT_KINDS

    @property
    def days(self) -> int:
        """Calendar days."""
        return int((self.end - self.start).days)


def parse_period(text: str) -> Period:
    """Read `2026-10`, `2026-Q3`, `2026`, `2026-01..2026-06`, `2026-W45`, `2026-10-D1` or `2026-10上旬`.

    A week is the ISO week, Monday to Sunday; ten days (旬) are the days 1 to 10, 11 to 20, and 21 to the
    end of the month.

    Raises
    ------
    ValueError
        Saying what was found and which forms are known.

    Notes
    -----
    环办〔2011〕22号 三: 周、旬、月评价, 季度评价, 年度评价.
    """
    expected = (
        f"period {text!r}; expected 2026-10, 2026-Q3, 2026, 2026-01..2026-06, "
        "2026-W45 (week) or 2026-10-D1 (ten days)"
    )
    first, dots, last = text.partition("..")
    if dots:
        start, end = _month(first, expected), _month(last, expected)
        if end < start:
            raise ValueError(f"{expected}; the last month lies before the first")
        return _period(text, "months", start, (end.year - start.year) * 12 + end.month - start.month + 1)
    if _MONTH.fullmatch(text):
        return _period(text, "month", _month(text, expected), 1)
    quarter = _QUARTER.fullmatch(text)
    if quarter and int(quarter[1]):
        return _period(text, "quarter", pd.Timestamp(int(quarter[1]), 3 * int(quarter[2]) - 2, 1), 3)
    if _YEAR.fullmatch(text) and int(text):
        return _period(text, "year", pd.Timestamp(int(text), 1, 1), 12)
    week, dekad = _WEEK.fullmatch(text), _DEKAD.fullmatch(text)
    if week:
        return _week(text, int(week[1]), int(week[2]), expected)
    if dekad:
        month = _month(dekad[1], expected)
        return _dekad(text, month, int(dekad[2]) - 1 if dekad[2] else "上中下".index(dekad[3]))
    raise ValueError(expected)


def _week(text: str, year: int, number: int, expected: str) -> Period:
    try:
        monday = pd.Timestamp(dt.date.fromisocalendar(year, number, 1))
    except ValueError as error:
        raise ValueError(f"{expected}; {error}") from error
    return Period(text=text, kind="week", start=monday, end=monday + pd.Timedelta(days=7), months=1)


def _dekad(text: str, month: pd.Timestamp, number: int) -> Period:
    starts = [month + pd.Timedelta(days=days) for days in (0, 10, 20)]
    ends = [*starts[1:], month + pd.DateOffset(months=1)]
    return Period(text=text, kind="dekad", start=starts[number], end=ends[number], months=1)


def _month(text: str, expected: str) -> pd.Timestamp:
    found = _MONTH.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= 12 or not int(found[1]):  # noqa: PLR2004 - months of a year
        raise ValueError(expected)
    return pd.Timestamp(int(found[1]), int(found[2]), 1)


def _period(text: str, kind: str, start: pd.Timestamp, months: int) -> Period:
    return Period(text=text, kind=kind, start=start, end=start + pd.DateOffset(months=months), months=months)
