"""Headers of one to three rows, wherever they stand below titles: merged groups over their columns.

A header is told by its words, never by its place: of the rows that hold a table's label headings, and
those right above and below them, the fewest are taken that tell the most columns apart. A row below that says
something in a label column, or holds a number, is data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sources.assembly import PLAIN_NUMBER
from sources.cells import delimited, separator_of
from sources.table import split_heading
from sources.workbook import Sheet
from vocabulary.parameters import normalise_name
from vocabulary.units import unit_named

#: rows a header may have beyond the one with the label headings
_MORE_ROWS = 2
_NUMBER = re.compile(PLAIN_NUMBER)

#: the texts of one column's heading from top to bottom, each once
Pieces = tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """A header: its records `first` to `last`, and for every column the texts that head it."""

    first: int
    last: int
    columns: list[Pieces]

    @property
    def names(self) -> list[str]:
        """One text a column, its pieces joined by a blank."""
        return [" ".join(pieces) for pieces in self.columns]


def name_and_unit(pieces: Pieces) -> tuple[str, str]:
    """Return a heading's name without blanks between its pieces, and the unit nearest to the values.

    >>> name_and_unit(("颗粒物(mg/m3)", "折算浓度"))
    ('颗粒物折算浓度', 'mg/m3')
    """
    names: list[str] = []
    unit = ""
    for piece in pieces:
        if unit_named(piece) is not None and names:
            unit = piece
            continue
        name, stated = split_heading(piece)
        if stated and unit_named(stated) is None and piece is not pieces[-1]:
            name, stated = piece, ""
        names.append(name)
        unit = stated or unit
    return "".join(names), unit


def roles_of(roles: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the normalised headings of label columns with their role."""
    return {normalise_name(name): role for role, names in roles.items() for name in names}


def text_sheet(head: str) -> Sheet:
    """Return the first lines of an export as a table, to recognise its header by."""
    return Sheet("", delimited(head.lstrip("\ufeff"), separator_of(head)), (), "")


def has_number(fields: Sequence[str]) -> bool:
    """Whether one of the texts is a number."""
    return any(_NUMBER.match(field) for field in fields)


def find_header(
    sheet: Sheet,
    roles: Mapping[str, Sequence[str]],
    required: Callable[[set[str]], bool],
    known: Callable[[Pieces], int],
    within: int,
) -> Header | None:
    """Return the header of a table, or None.

    Parameters
    ----------
    sheet
        The table.
    roles
        Role of a label column to its headings.
    required
        Whether the roles found in one row make it the row of the label headings.
    known
        How much of a column's heading the layout knows: 0 nothing, more with its unit than without.
    within
        How many records from the top are looked at.
    """
    spelled = roles_of(roles)
    nameless: Header | None = None
    for record in range(min(within, sheet.cells.records)):
        fields = sheet.heading(record, record)
        found = {place: _role(field, spelled) for place, field in enumerate(fields)}
        places = [place for place, role in found.items() if role]
        if not required({role for role in found.values() if role}):
            continue
        below = _sub_rows(
            sheet, record, places, lambda field: normalise_name(field) in spelled or known((field,)) > 0
        )
        above = [record] if record == 0 or not _is_group(sheet, record - 1) else [record, record - 1]
        spans = [(first, last) for last in range(record, record + below + 1) for first in above]
        spans.sort(key=lambda span: span[1] - span[0])
        headers = [Header(first, last, _columns(sheet, first, last)) for first, last in spans]
        best = max(headers, key=lambda header: sum(map(known, set(header.columns))))
        if any(map(known, best.columns)):
            return best
        # a block of facts (`时间,2026年9月`) may stand above the table
        nameless = nameless or best
    return nameless


def _role(field: str, spelled: Mapping[str, str]) -> str | None:
    """Return the role of a label heading, also where a remark in brackets follows its name."""
    bare, _ = split_heading(field)
    return spelled.get(normalise_name(field)) or spelled.get(normalise_name(bare))


def _sub_rows(sheet: Sheet, record: int, places: Sequence[int], is_heading: Callable[[str], bool]) -> int:
    """Return how many rows below may belong to the header: no number, in label columns headings only."""
    count = 0
    for below in range(record + 1, min(record + 1 + _MORE_ROWS, sheet.cells.records)):
        fields = [field.strip() for field in sheet.cells.record(below)]
        own = [fields[place] for place in places if place < len(fields)]
        labelled = any(field and not is_heading(field) for field in own)
        if labelled or any(_NUMBER.match(field) for field in fields) or not any(fields):
            break
        count += 1
    return count


def _is_group(sheet: Sheet, record: int) -> bool:
    """Whether a row above may hold groups of columns: not one title, and no `name: value`."""
    fields = sheet.heading(record, record)
    solid = {field for field in fields if field}
    titled = len(solid) == 1 and bool(fields[0])
    return bool(solid) and not titled and not any(":" in field or "：" in field for field in solid)


def _columns(sheet: Sheet, first: int, last: int) -> list[Pieces]:
    rows = [sheet.heading(record, record) for record in range(first, last + 1)]
    width = max(map(len, rows))
    rows = [row + [""] * (width - len(row)) for row in rows]
    if not sheet.merged:
        for upper, lower in reversed(list(pairwise(rows))):
            for place in range(1, width):
                # without merged ranges a group stands over its first column only
                if not upper[place] and lower[place]:
                    upper[place] = upper[place - 1]
    return [tuple(dict.fromkeys(text for text in column if text)) for column in zip(*rows, strict=True)]
