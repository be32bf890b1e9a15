"""Exports from abroad with one value a row: named columns, and times of other zones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, TimeArray, trimmed
from sources.cells import Cells, IntArray, delimited
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData
from sources.layout_functions import LayoutFunctions, layout_functions
from sources.naming import partition_of
from sources.result import ReadResult
from sources.times import parse_times
from vocabulary.clock import MINUTES_EAST
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError

#: every time states its year, so that none has to be chosen
_ANY_YEAR = datetime(9000, 1, 1)
_OFFSET = re.compile(r"^(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")


@dataclass(frozen=True)
class Rows:
    """The table: `places` of the columns by role, and its value cells (raw text and record of each, n)."""

    cells: Cells
    places: dict[str, int]
    width: int
    encoding: str
    cut: bool
    raw: Any
    line: IntArray

    def label(self, role: str) -> Any:
        """Return the trimmed texts of a column, one a value cell; '' where the export has no such column."""
        if role not in self.places:
            return pa.array(np.full(len(self.line), ""), pa.large_string())
        return pc.take(trimmed(self.cells.at(self.places[role])), pa.array(self.line))


def columns_of(fields: Sequence[str], roles: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return role -> place of the first column that has one of the role's names."""
    folded = [normalise_name(field.strip().strip('"')) for field in fields]
    found: dict[str, int] = {}
    for role, names in roles.items():
        places = [folded.index(name) for name in map(normalise_name, names) if name in folded]
        if places:
            found[role] = min(places)
    return found


def recognise_rows(head: str, facts: LayoutData) -> bool:
    """Return whether the first line of a text names the required columns."""
    fields = head.lstrip("\ufeff").split("\n", 1)[0].split(facts.rest["separator"])
    return set(facts.rest["required"]) <= set(columns_of(fields, facts.rest["roles"]))


def rows_of(content: bytes, delivery: Delivery, facts: LayoutData) -> Rows:
    """Read the table; the only value position of a row is its `value` column.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `layout-unknown` when a required column is missing.
    """
    text = decode(content)
    cells = delimited(text.text, facts.rest["separator"])
    fields = cells.record(0)
    places = columns_of(fields, facts.rest["roles"])
    lacking = [facts.rest["roles"][role][0] for role in facts.rest["required"] if role not in places]
    if lacking:
        wanted, found = ", ".join(lacking), ",".join(fields)[:120]
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{delivery.name} 第 1 行缺少列：{wanted}；实为 {found}",
            f"{delivery.name} line 1 lacks the columns {wanted}; found {found}",
        )
    raw, line, _ = cells.take((cells.position == places["value"]) & (cells.line > 0))
    return Rows(cells, places, len(fields), text.encoding, text.cut, raw, line)


def row_functions(name: str, read: Callable[[bytes, Delivery, LayoutData], ReadResult]) -> LayoutFunctions:
    """Return the functions of a layout with one value a row, told by its named columns."""

    def recognise(head: str, of: str, facts: LayoutData) -> float:
        if not recognise_rows(head, facts):
            return 0.0
        return 1.0 if partition_of(of, facts.names) else 0.9

    return layout_functions(name, recognise, read)


def offsets(words: Sequence[str], zones: Mapping[str, str]) -> IntArray:
    """Return minutes east of Greenwich of each zone (`-07:00`, `Z`, `EST`); a sentinel where unknown.

    Parameters
    ----------
    words
        n texts.
    zones
        Name of a zone to its offset, e.g. `EST` to `-05:00`.
    """
    known = {name.upper(): offset for name, offset in zones.items()}
    found = [_OFFSET.match(known.get(word.upper(), word)) for word in words]
    minutes = [
        UNKNOWN_ZONE
        if match is None
        else (1 if match["sign"] == "+" else -1) * (int(match["hours"]) * 60 + int(match["minutes"] or 0))
        for match in found
    ]
    return np.array(minutes, dtype=np.int64)


#: offset of a zone that is not stated or not known
UNKNOWN_ZONE = -(10**6)


def wall_times(words: Sequence[str], pattern: str) -> TimeArray:
    """Return the distinct texts of a time column as the wall time they state, NaT where unreadable."""
    return parse_times(words, pattern, _ANY_YEAR)


def at_home(wall: TimeArray, minutes: IntArray) -> TimeArray:
    """Return wall times of other zones as Asia/Shanghai wall time; NaT where the zone is not known."""
    known: BoolArray = minutes != UNKNOWN_ZONE
    shift = np.where(known, MINUTES_EAST - minutes, 0).astype("timedelta64[m]")
    home: TimeArray = np.where(known, wall + shift, np.datetime64("NaT", "us"))
    return home
