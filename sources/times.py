"""Times of observation as exports write them: with or without a year, an hour or a range of hours."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import FloatArray, TimeArray

#: how many years back a time without a year is looked for (29 February comes every 8 years at worst)
_YEARS_BACK = 8

_DAY_HOURS = 24


def parse_times(
    words: Sequence[str], pattern: str, not_after: datetime, *, whole_hours: bool = False
) -> TimeArray:
    """Read the distinct texts of a time column.

    Parameters
    ----------
    words
        n texts; folded by NFKC first, so that full-width digits, colons and tildes are read.
    pattern
        RE2 pattern with the groups m, d, H and perhaps y, M, S, H2 (end of a range of hours).
    not_after
        A time without a year is given the latest year in which it is not after this moment.
    whole_hours
        True where minutes or seconds, or a range of other than one hour, make a time unreadable.

    Returns
    -------
    array of n datetime64[us]
        NaT where the text is no such time. 24:00 is 00:00 of the next day.
    """
    folded = pa.array([unicodedata.normalize("NFKC", word).strip() for word in words], pa.string())
    found = pc.extract_regex(folded, pattern)
    parts = {name: _numbers(found, name) for name in ("y", "m", "d", "H", "M", "S", "H2")}
    hour, minute, second = parts["H"], np.nan_to_num(parts["M"]), np.nan_to_num(parts["S"])
    sound = (hour < _DAY_HOURS) | ((hour == _DAY_HOURS) & (minute == 0) & (second == 0))
    sound &= (minute < 60) & (second < 60)  # noqa: PLR2004 - minutes of an hour, seconds of a minute
    if whole_hours:
        last = parts["H2"]
        one_hour = (hour < _DAY_HOURS) & (last <= _DAY_HOURS) & ((hour + 1 - last) % _DAY_HOURS == 0)
        sound &= (minute == 0) & (second == 0) & (np.isnan(last) | one_hour)
    clock = (np.where(sound, hour, 0) * 3600 + minute * 60 + second).astype("timedelta64[s]")
    when = _days(parts["y"], parts["m"], parts["d"]) + clock
    yearless = np.isnan(parts["y"])
    limit = np.datetime64(not_after, "us")
    for year in range(not_after.year + 1, not_after.year - _YEARS_BACK - 1, -1):
        tried = _days(np.full(len(words), float(year)), parts["m"], parts["d"]) + clock
        when = np.where(yearless & np.isnat(when) & (tried <= limit), tried, when)
    read: TimeArray = np.where(sound, when, np.datetime64("NaT", "us"))
    return read


def _numbers(found: pa.Array, name: str) -> FloatArray:
    """Return one group of the pattern as numbers; NaN where it is absent."""
    if found.type.get_field_index(name) < 0:
        return np.full(len(found), np.nan)
    group = pc.struct_field(found, name)
    filled = pc.if_else(pc.equal(group, ""), None, group)
    values: FloatArray = pc.cast(filled, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _days(year: FloatArray, month: FloatArray, day: FloatArray) -> TimeArray:
    """Return the days of year, month and day; NaT where there is no such day."""
    known = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)  # noqa: PLR2004 - calendar
    months = np.where(known, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(known, day - 1, 0).astype("timedelta64[D]")
    real = known & (days.astype("datetime64[M]") == months)
    found: TimeArray = np.where(real, days.astype("datetime64[us]"), np.datetime64("NaT", "us"))
    return found


def parse_days(words: Sequence[str], patterns: Sequence[str]) -> TimeArray:
    """Read the distinct texts of a date column: the first of several RE2 patterns (groups y, m, d) that fits.

    Returns
    -------
    array of n datetime64[us]
        Midnight of the day, NaT where no pattern fits or there is no such day.
    """
    texts = pa.array(words, pa.string())
    days: TimeArray = np.full(len(words), np.datetime64("NaT", "us"))
    for pattern in patterns:
        found = pc.extract_regex(texts, pattern)
        tried = _days(_numbers(found, "y"), _numbers(found, "m"), _numbers(found, "d"))
        days = np.where(np.isnat(days), tried, days)
    return days


def latest_time(covered_to: datetime) -> datetime:
    """Return the latest moment a time without a year may mean: a day after what the delivery covers."""
    return covered_to + timedelta(days=1)
