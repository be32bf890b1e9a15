"""Midnights of a workbook: a moment at 00:00 comes out of a sheet as a bare date.

A spreadsheet stores a moment as a number, and one without a fraction cannot be told from a date. Where other
cells of the same columns state an hour, the bare date is that day's midnight; where none does, it stays a
date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def with_midnights(words: Sequence[str], *, is_book: bool, beside: Sequence[str] = ()) -> list[str]:
    """Return the distinct texts of a time column with its midnights written out.

    Parameters
    ----------
    words
        The column's distinct texts.
    is_book
        Whether they stand in a workbook; elsewhere they stay as they are.
    beside
        Texts of a column of the same kind, as evidence only (the end of an event beside its begin).

    >>> with_midnights(["2026-09-22", "2026-09-22 01:00:00"], is_book=True)
    ['2026-09-22 00:00:00', '2026-09-22 01:00:00']
    """
    hourly = is_book and any(_MOMENT.match(word) for word in (*words, *beside))
    return [f"{word} 00:00:00" if hourly and _DATE.match(word) else word for word in words]
