"""Whole-number arithmetic for the example exports: the same bytes on any machine.

Floating point is avoided on purpose: a sine or a mean may differ in its last bit from one machine
to the next, and a value at a half would then be rounded the other way.
"""

from __future__ import annotations

import zlib
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[Any]

#: stands for a missing value in arrays of whole numbers
BLANK = -(10**9)


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one site and purpose; another name never moves this one."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))


def divide_even(numerator: Ints, denominator: Ints | int) -> Ints:
    """Divide whole numbers, the half to even (GB/T 8170); the denominator is positive."""
    down, rest = np.divmod(numerator, denominator)
    twice = 2 * rest
    up = (twice > denominator) | ((twice == denominator) & (down % 2 == 1))
    return np.asarray(down + up, dtype=np.int64)


def between(at: list[int], values: list[int], where: Ints) -> Ints:
    """Interpolate a table linearly in whole numbers; outside the table its ends hold."""
    x, y = np.asarray(at, np.int64), np.asarray(values, np.int64)
    inside = np.clip(where, x[0], x[-1])
    right = np.clip(np.searchsorted(x, inside, side="left"), 1, len(x) - 1)
    left = right - 1
    return y[left] + divide_even((y[right] - y[left]) * (inside - x[left]), x[right] - x[left])


def smooth_noise(random: np.random.Generator, count: int, window: int) -> Ints:
    """Return numbers 0..999 that move slowly: means over `window` of even draws."""
    draws = random.integers(0, 1000, size=count + window - 1, dtype=np.int64)
    total = np.concatenate([np.zeros(1, np.int64), np.cumsum(draws)])
    return divide_even(total[window:] - total[:-window], window)


def by_season(months: list[int], days: npt.NDArray[np.datetime64]) -> Ints:
    """Take a table of twelve months to each day; the table's value holds in the middle of the month."""
    month = days.astype("datetime64[M]")
    day = (days - month).astype("timedelta64[D]").astype(np.int64)
    number = month.astype(np.int64) % 12
    table = np.asarray(months, np.int64)
    later = day >= 15
    first = np.where(later, number, (number - 1) % 12)
    second = np.where(later, (number + 1) % 12, number)
    part = np.where(later, day - 15, day + 15)
    return divide_even(table[first] * (30 - np.minimum(part, 30)) + table[second] * np.minimum(part, 30), 30)


def as_text(values: Ints, places: int = 0, *, trim: bool = False, blank: str = "") -> Texts:
    """Write whole numbers as decimals with `places` digits; `trim` drops zeros at the end (1.20 -> 1.2)."""
    unique, inverse = np.unique(values, return_inverse=True)
    scale = 10**places

    def written(number: int) -> str:
        if number == BLANK:
            return blank
        sign, size = ("-", -number) if number < 0 else ("", number)
        text = f"{sign}{size // scale}" + (f".{size % scale:0{places}d}" if places else "")
        return text.rstrip("0").rstrip(".") if trim and places else text

    return np.asarray([written(int(number)) for number in unique], dtype=np.str_)[inverse].reshape(
        values.shape
    )


def day_range(first: date, last: date) -> npt.NDArray[np.datetime64]:
    """Return all days from `first` to `last`, both included."""
    return np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)


def interval_range(first: date, last: date, hours: int) -> npt.NDArray[np.datetime64]:
    """Return the starts of all intervals of `hours` hours from `first` to the end of `last`."""
    return np.arange(np.datetime64(first, "h"), np.datetime64(last, "h") + 24, np.timedelta64(hours, "h"))


def join_columns(columns: list[Texts | str]) -> Texts:
    """Join columns of text with commas into one array of lines."""
    lines: Texts = np.asarray(columns[0], dtype=np.str_)
    for column in columns[1:]:
        lines = np.strings.add(np.strings.add(lines, ","), column)
    return lines
