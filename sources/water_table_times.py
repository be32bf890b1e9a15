"""When the rows of a hand-filled table were sampled: one date column, or year, month and day apart.

Source: sources/data/water_table.toml, [time]. A row that names a month and no day is of the month
(period `1mo`). Where the rows give no date at all, the month that the title, the sheet's name or the
file's name states is theirs; nothing else is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, TimeArray, encode
from sources.water_table_heading import Table, fold_text, table_rules

_PARTS = ("year", "month", "day")
_SIGNS = {"year": "年", "month": "月", "day": "日"}
#: a date without a year may lie so many days after the stated month, not more
_LATEST = timedelta(days=62)


@dataclass(frozen=True)
class Stated:
    """The year, and perhaps the month, a table says it is of; None where it says nothing, or several things."""

    year: int | None
    month: int | None


@dataclass(frozen=True)
class RowTimes:
    """Times of n records.

    Attributes
    ----------
    when
        datetime64[us], NaT where unknown.
    monthly
        Where only the month is known; `when` is its first moment.
    given
        Where the row has any text of a date.
    dated
        Whether the table has a column of dates at all.
    """

    when: TimeArray
    monthly: BoolArray
    given: BoolArray
    dated: bool


def stated_time(table: Table, file_name: str) -> Stated:
    """Return what title, sheet or file say, the nearest first: a title goes before a name."""
    rules = table_rules()["time"]
    *titles, sheet = table.titles
    own = file_name.rsplit("/", 1)[-1]
    # the nearest text that names a month decides; one that names several decides nothing
    for text in (*reversed(titles), sheet, own):
        months = _months(text, rules["stated_months"])
        if months:
            return Stated(*months.pop()) if len(months) == 1 else Stated(None, None)
    for texts in (titles, [sheet], [own]):
        years = {
            int(found["y"]) for text in texts for p in rules["stated_years"] for found in re.finditer(p, text)
        }
        if len(years) == 1:
            return Stated(years.pop(), None)
    return Stated(None, None)


def _months(text: str, patterns: list[str]) -> set[tuple[int, int]]:
    """Return the months the first fitting pattern finds in a text."""
    for pattern in patterns:
        found = {(int(match["y"]), int(match["m"])) for match in re.finditer(pattern, fold_text(text))}
        found = {pair for pair in found if 1 <= pair[1] <= 12}  # noqa: PLR2004 - months of a year
        if found:
            return found
    return set()


def row_times(table: Table, stated: Stated) -> RowTimes:
    """Return the time of every record of a table's sheet (those of the header say nothing)."""
    labels = table.heading.labels
    texts = _texts(table, stated)
    if texts is None:
        count = table.sheet.cells.records
        given = np.zeros(count, dtype=bool)
        month = None if stated.month is None else datetime(stated.year or 1, stated.month, 1)
        return RowTimes(np.full(count, month, dtype="datetime64[us]"), ~given, given, dated=False)
    words, code = encode(texts)
    read = [_moment(word, stated, serial=table.sheet.is_book and "day" not in labels) for word in words]
    when = np.array([found[0] for found in read], dtype="datetime64[us]")[code]
    monthly = np.array([found[1] for found in read], dtype=bool)[code]
    given = np.array([bool(word) for word in words], dtype=bool)[code]
    return RowTimes(when, monthly, given, dated=True)


def _texts(table: Table, stated: Stated) -> Any:
    """Return one text of a date a record, None where the table has no such columns."""
    labels = table.heading.labels
    if "month" not in labels and "date" not in labels:
        return None
    if "month" in labels and ("day" in labels or "date" not in labels):
        parts = [
            _part(table, part, labels[part])
            if part in labels
            else pa.scalar(f"{stated.year}年" if part == "year" and stated.year else "", pa.large_string())
            for part in _PARTS
        ]
        days = pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))
        # a column of months may spell the year as well
        months = _folded(table, labels["month"])
        days = pc.if_else(pc.match_substring_regex(months, r"^(19|20)[0-9]{2}[^0-9]?[0-9]"), months, days)
        # a sheet keeps a month as its first day
        days = pc.replace_substring_regex(days, r"^([0-9]{4}-[0-9]{2})-01( 00:00:00)?$", r"\1")
        # a row without month and day has no date, even where the year is the table's
        dated = pc.match_substring_regex(days, "月|^[0-9]{4}[^年]")
        days = pc.if_else(dated, days, pa.scalar("", pa.large_string()))
    else:
        days = _folded(table, labels["date"])
    if "clock" in labels:
        clock = _folded(table, labels["clock"])
        some = pc.and_(pc.not_equal(clock, ""), pc.match_substring_regex(days, r"\d日?$"))
        timed = pc.binary_join_element_wise(days, clock, pa.scalar(" ", pa.large_string()))
        days = pc.if_else(some, timed, days)
    return days


def _folded(table: Table, place: int) -> Any:
    """Return a label column folded by NFKC and trimmed."""
    return pc.utf8_trim_whitespace(pc.utf8_normalize(table.sheet.label(place), "NFKC"))


def _part(table: Table, part: str, place: int) -> Any:
    """Return year, month or day of every record with its sign (`3月`), '' where the cell is blank."""
    text = pc.replace_substring_regex(_folded(table, place), "(年|月|月份|日|号)$", "")
    signed = pc.binary_join_element_wise(
        text, pa.scalar(_SIGNS[part], pa.large_string()), pa.scalar("", pa.large_string())
    )
    marks = pa.array(table_rules()["missing"], pa.large_string())
    return pc.if_else(pc.is_in(text, value_set=marks), pa.scalar("", pa.large_string()), signed)


def _moment(word: str, stated: Stated, *, serial: bool) -> tuple[datetime | None, bool]:
    """Read one text of a date; None where it is none. The second says that only the month is known."""
    rules = table_rules()["time"]
    if serial and re.match(rules["serial"], word):
        first = datetime.combine(rules["serial_from"], time())
        return first + timedelta(seconds=round(float(word) * 86400)), False
    for pattern in rules["days"]:
        if match := re.match(pattern, word):
            return _built(match, None), False
    for pattern in rules["months"]:
        if match := re.match(pattern, word):
            return _built(match, None), True
    if stated.year is not None:
        for pattern in rules["yearless"]:
            if match := re.match(pattern, word):
                return _in_year(match, stated), False
    return None, False


def _built(match: re.Match[str], year: int | None) -> datetime | None:
    parts = match.groupdict()
    try:
        return datetime(
            year or int(parts["y"]),
            int(parts["m"]),
            int(parts.get("d") or 1),
            int(parts.get("H") or 0),
            int(parts.get("M") or 0),
            int(parts.get("S") or 0),
        )
    except ValueError:  # 31 November: digits, but no date; the cell is turned away as such
        return None


def _in_year(match: re.Match[str], stated: Stated) -> datetime | None:
    """Return a date without a year: in the stated one, or a month's tail in the one before."""
    year = stated.year or 1
    found = _built(match, year)
    if found is not None and stated.month is not None:
        month = datetime(year, stated.month, 1)
        if found - month > _LATEST:
            return _built(match, year - 1)
    return found


def label_times(table: Table, role: str, stated: Stated) -> TimeArray:
    """Return the days in a label column of dates, one a record; NaT where absent, blank or no day."""
    place = table.heading.labels.get(role)
    if place is None:
        return np.full(table.sheet.cells.records, np.datetime64("NaT", "us"))
    words, code = encode(_folded(table, place))
    read = [_moment(word, stated, serial=table.sheet.is_book) for word in words]
    days = [None if monthly else when for when, monthly in read]
    found: TimeArray = np.array(days, dtype="datetime64[us]")[code]
    return found
