"""Lines that do not have the header's width, the same for every delimited layout.

What can be known from the width alone: the last line of a file that was cut ends early, and only its
last cell is in doubt. Any other line of the wrong width may have slipped by a column, so none of its
values can be placed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sources.assembly import BoolArray, ValueCells, among, trimmed
from sources.cells import Cells, IntArray
from sources.result import Problem


@dataclass(frozen=True)
class Shape:
    """Which records (n of each) are short or long; `cut` is the record that ends the file early, or -1."""

    short: BoolArray
    long: BoolArray
    cut: int


def shape_of(
    cells: Cells,
    header: int,
    width: int,
    missing: frozenset[str],
    *,
    notes: int = 0,
    may_break_off: bool = True,
    mid_character: bool = False,
) -> Shape:
    """Compare every record after the header's with the header's width.

    Parameters
    ----------
    header
        Index of the header's record; records up to it are left alone.
    width
        Fields of the header.
    missing
        Marks of a blank; trailing blanks beyond the header do not make a line long.
    notes
        A last record of no more than so many fields is a note below the table, not a cut line.
    may_break_off
        False for bodies that cannot end in the middle of a record (JSON).
    mid_character
        The bytes end within a character: the last record is cut whatever its width.
    """
    body = np.arange(cells.records) > header
    short = body & (cells.width < width)
    extra = (cells.position >= width) & ~among(trimmed(cells.raw), missing)
    long = body & (np.bincount(cells.line[extra], minlength=cells.records) > 0)
    last = cells.records - 1
    ends_early = may_break_off and bool(short[last]) and int(cells.width[last]) > notes
    cut = last if ends_early or (mid_character and bool(body[last])) else -1
    if cut >= 0:
        short[cut] = False
    return Shape(short, long, cut)


def reject_misfits(
    book: ValueCells, shape: Shape, line: IntArray, position: IntArray, cells: Cells
) -> list[Problem]:
    """Turn away the cells of misfit records; `line` and `position` place the book's cells."""
    problems = []
    if shape.cut >= 0:
        number, width = int(cells.number[shape.cut]), int(cells.width[shape.cut])
        book.reject((line == shape.cut) & (position == width - 1), "line-truncated")
        problems.append(
            Problem(
                "file-truncated",
                f"文件在第 {number} 行第 {width} 列处中断",
                f"the file breaks off in line {number}, column {width}",
                number,
            )
        )
    book.reject(shape.short[line], "line-too-short")
    book.reject(shape.long[line], "line-too-long")
    return problems
