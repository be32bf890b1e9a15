"""Evaluation periods of air: a year, a quarter, a month, or a run of months."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

_MONTHS_A_YEAR = 12
_QUARTER_MONTHS = 3
_FEBRUARY = 2
_YEAR = re.compile(r"(\d{4})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.IGNORECASE)


class PeriodError(ValueError):
    """The text names no period."""


@dataclass(frozen=True)
class Period:
    """Whole calendar months, both ends included."""

    text: str
    first: np.datetime64
    last: np.datetime64

    @property
    def start(self) -> dt.date:
        """First day."""
        day: dt.date = self.first.astype("datetime64[D]").astype(dt.date)
        return day

    @property
    def end(self) -> dt.date:
        """Last day."""
        day: dt.date = ((self.last + 1).astype("datetime64[D]") - 1).astype(dt.date)
        return day

    @property
    def months(self) -> npt.NDArray[np.datetime64]:
        """Return the months, as datetime64[M]."""
        return np.arange(self.first, self.last + 1)

    @property
    def calendar_days(self) -> int:
        """Days of the period."""
        return (self.end - self.start).days + 1

    @property
    def whole_year(self) -> bool:
        """Tell whether the period is one calendar year."""
        january = int(self.first.astype(np.int64)) % _MONTHS_A_YEAR == 0
        return january and len(self.months) == _MONTHS_A_YEAR

    @property
    def whole_quarter(self) -> bool:
        """Tell whether the period is one quarter of a calendar year."""
        begins = int(self.first.astype(np.int64)) % _QUARTER_MONTHS == 0
        return begins and len(self.months) == _QUARTER_MONTHS

    def contains(self, days: pd.Series) -> npt.NDArray[np.bool_]:
        """Tell which days (datetime64) lie in the period."""
        month = days.to_numpy(dtype="datetime64[M]")
        return np.asarray((month >= self.first) & (month <= self.last))


def is_february(months: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Tell which months (datetime64[M]) are a February."""
    return np.asarray(months.astype(np.int64) % _MONTHS_A_YEAR == _FEBRUARY - 1)


def parse_period(text: str) -> Period:
    """Read "2025", "2025-Q3", "2025-10" or "2025-01..2025-06".

    Raises
    ------
    PeriodError
        When the text is none of these, or a run of months ends before it begins.
    """
    first, _, last = text.partition("..")
    start, end = _span(first.strip(), text)
    if last:
        _, end = _span(last.strip(), text)
    if end < start:
        raise PeriodError(f"period {text!r} ends before it begins")
    return Period(text, start, end)


def _span(part: str, text: str) -> tuple[np.datetime64, np.datetime64]:
    if found := _YEAR.fullmatch(part):
        start = np.datetime64(f"{found[1]}-01", "M")
        return start, start + (_MONTHS_A_YEAR - 1)
    if found := _QUARTER.fullmatch(part):
        start = np.datetime64(f"{found[1]}-01", "M") + _QUARTER_MONTHS * (int(found[2]) - 1)
        return start, start + (_QUARTER_MONTHS - 1)
    found = _MONTH.fullmatch(part)
    if found and 1 <= int(found[2]) <= _MONTHS_A_YEAR:
        start = np.datetime64(part, "M")
        return start, start
    raise PeriodError(f"period {text!r}: expected YYYY, YYYY-Qn, YYYY-MM or YYYY-MM..YYYY-MM")
