"""Several tables below each other in one sheet: rivers, then lakes; or one table with its header on every page.

Each part is read under its own header: what stands in a column changes with it. Titles above the first
header hold for all parts, a part's own title goes before them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from sources.assembly import BoolArray, encode, trimmed
from sources.cells import Cells
from sources.layout import layout_data
from sources.table import split_heading
from sources.water_table_heading import Table, find_table
from sources.workbook import Sheet
from vocabulary.parameters import normalise_name


def tables_of(sheet: Sheet, layout: str) -> list[Table]:
    """Return the tables of a sheet from top to bottom; none where no header fits.

    Parameters
    ----------
    sheet
        A sheet.
    layout
        The layout's data file (`water_monthly`).
    """
    first = find_table(sheet, layout)
    if first is None:
        return []
    count = sheet.cells.records
    titles = list(range(first.header.first))
    starts = [_with_titles(first, row) for row in _header_rows(sheet, first, layout)]
    cuts = [
        start
        for start, end in pairwise([*starts, count])
        if find_table(_part(sheet, [*titles, *range(start, end)]), layout) is not None
    ]
    if not cuts:
        return [first]
    tables = [
        find_table(_part(sheet, [*(titles if begin else ()), *range(begin, end)]), layout)
        for begin, end in pairwise([0, *cuts, count])
    ]
    found = [table for table in tables if table is not None]
    return [*(replace(table, ends_file=False) for table in found[:-1]), found[-1]]


def _header_rows(sheet: Sheet, first: Table, layout: str) -> list[int]:
    """Return the records below the first header that name the column of sites again."""
    facts = layout_data(layout)
    wanted = {normalise_name(word) for word in facts.rest["roles"][facts.rest["site"]]}
    words, codes = encode(trimmed(sheet.cells.raw))
    named = np.array(
        [
            normalise_name(word) in wanted or normalise_name(split_heading(word)[0]) in wanted
            for word in words
        ],
        dtype=bool,
    )
    here = named[codes] & (sheet.cells.line > first.header.last)
    return [int(line) for line in np.unique(sheet.cells.line[here])]


def _with_titles(first: Table, row: int) -> int:
    """Return where a part begins: at the rows right above its header with one text, outside of values."""
    cells = first.sheet.cells
    solid = np.asarray(trimmed(cells.raw).to_numpy(zero_copy_only=False) != "", dtype=bool)
    valued = solid & np.isin(cells.position, list(first.heading.values))
    count = np.bincount(cells.line[solid], minlength=cells.records)
    values = np.bincount(cells.line[valued], minlength=cells.records)
    while row - 1 > first.header.last and count[row - 1] <= 1 and not values[row - 1]:
        row -= 1
    return row


def _part(sheet: Sheet, records: list[int]) -> Sheet:
    """Return some records of a sheet as a sheet; they keep their row numbers."""
    cells = sheet.cells
    kept: BoolArray = np.zeros(cells.records, dtype=bool)
    kept[records] = True
    raw, line, position = cells.take(kept[cells.line])
    renumbered = (np.cumsum(kept) - 1)[line]
    own = Cells(raw, renumbered, position, cells.number[kept], cells.width[kept])
    return Sheet(sheet.name, own, sheet.merged, sheet.encoding, sheet.cut)
