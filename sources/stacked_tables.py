"""Tables below each other in one sheet, or one table with its header on every page: each is read under its own.

What stands in a column changes with its header. The lines of text right above a header are its title; those
above the first one hold for every table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow.compute as pc

from sources.assembly import encode, trimmed
from sources.cells import Cells
from sources.heading_rows import Header, has_number, roles_of
from sources.result import Problem
from sources.workbook import Sheet
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError

HeaderOf = Callable[[Sheet], Header | None]


@dataclass(frozen=True)
class Part:
    """A table: its lines as a sheet, its header, and whether the delivery may break off at its end."""

    sheet: Sheet
    header: Header
    may_break_off: bool


def headed(
    sheets: Sequence[Sheet], header_of: HeaderOf, roles: Mapping[str, Sequence[str]], key: Sequence[str]
) -> tuple[list[Part], list[Problem]]:
    """Return the tables that have a header and rows below it, and a remark on every other sheet.

    Parameters
    ----------
    sheets
        Of a delivery.
    header_of
        Finds the (first) header of a sheet.
    roles
        Role of a label column to its headings.
    key
        Roles of which one stands in every header.

    Raises
    ------
    DeliveryRefusedError
        `no-cells` when tables have their header, and none of them a row.
    """
    found: list[Part] = []
    others: list[Problem] = []
    headers = 0
    for sheet in sheets:
        parts = _parts(sheet, header_of, roles, key)
        filled = [part for part in parts if part.header.last + 1 < part.sheet.cells.records]
        headers += len(parts)
        found += filled
        if not filled:
            zh, en = ("只有表头", "nothing but its header") if parts else ("没有本版式的表头", "no header")
            others.append(
                Problem("sheet-skipped", f"工作表“{sheet.name}”{zh}", f"sheet {sheet.name!r} has {en}")
            )
    if headers and not found:
        raise DeliveryRefusedError(
            "no-cells", "只有表头，没有数据行", "there is a header and no row below it"
        )
    return found, others


def _parts(
    sheet: Sheet, header_of: HeaderOf, roles: Mapping[str, Sequence[str]], key: Sequence[str]
) -> list[Part]:
    header = header_of(sheet)
    if header is None:
        return []
    is_text = not sheet.merged and not sheet.name
    count, titles = sheet.cells.records, list(range(header.first))
    starts = _starts(sheet, header, roles, key)
    cuts = [
        start
        for start, end in pairwise([*starts, count])
        if header_of(_some(sheet, [*titles, *range(start, end)])) is not None
    ]
    if not cuts:
        return [Part(sheet, header, is_text)]
    parts = []
    for begin, end in pairwise([0, *cuts, count]):
        own = _some(sheet, [*(titles if begin else ()), *range(begin, end)])
        head = header_of(own)
        if head is not None:
            ends = end == count
            parts.append(Part(own if ends else replace(own, cut=False), head, is_text and ends))
    return parts


def _starts(
    sheet: Sheet, header: Header, roles: Mapping[str, Sequence[str]], key: Sequence[str]
) -> list[int]:
    """Return where tables below the first one begin: at the lines of text above their headers."""
    cells, spelled = sheet.cells, roles_of(roles)
    text = trimmed(cells.raw)
    # no heading ends with a digit, and most cells do
    worded = pc.invert(pc.match_substring_regex(text, "[0-9]$"))
    words, codes = encode(text.filter(worded))
    named = np.array([spelled.get(normalise_name(word)) in key for word in words], dtype=bool)
    lines = cells.line[np.asarray(worded.to_numpy(zero_copy_only=False), dtype=bool)][named[codes]]
    starts: list[int] = []
    for row in np.unique(lines[lines > header.last]).tolist():
        fields = [field.strip() for field in cells.record(row)]
        places = [place for place, field in enumerate(fields) if normalise_name(field) in spelled]
        # a line of data may hold a heading's word; whether this is a header its columns will tell
        if has_number(fields):
            continue
        begin = row
        while begin - 1 > max([header.last, *starts[-1:]]) and _is_above(sheet, begin - 1, places):
            begin -= 1
        starts.append(begin)
    return starts


def _is_above(sheet: Sheet, record: int, places: Sequence[int]) -> bool:
    """Whether a line is a title or a row of groups: one text, or texts outside of the label columns."""
    fields = [field.strip() for field in sheet.cells.record(record)]
    labelled = any(fields[place] for place in places if place < len(fields))
    return not has_number(fields) and (sum(map(bool, fields)) == 1 or (any(fields) and not labelled))


def _some(sheet: Sheet, records: Sequence[int]) -> Sheet:
    """Return some records of a sheet as a sheet; they keep their row numbers."""
    cells = sheet.cells
    kept = np.zeros(cells.records, dtype=bool)
    kept[list(records)] = True
    raw, line, position = cells.take(kept[cells.line])
    own = Cells(raw, (np.cumsum(kept) - 1)[line], position, cells.number[kept], cells.width[kept])
    return replace(sheet, cells=own)
