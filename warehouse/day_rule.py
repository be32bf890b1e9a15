"""What the aggregates are told of a dated standard: how days and their maxima are made, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class MaximumRule:
    """How a daily maximum 8-h mean is made: the windows end at hours `first_end`..`last_end` of the day.

    HJ 663 6.1.2: 8 hours, at least 6 of them, ends 8..24.
    """

    window_hours: int
    window_needs: int
    first_end: int
    last_end: int


@dataclass(frozen=True)
class DayRule:
    """What makes a day of air valid from `start` until before `end`; `standard` labels the rows.

    A limit of None means that the standard has none: an exceedance then makes no short day valid.
    """

    start: datetime
    end: datetime
    standard: str
    day_hours: int
    maximum: MaximumRule
    windows: int
    mda8_limit: float | None
    peak_limit: float | None
