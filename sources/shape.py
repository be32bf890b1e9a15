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
    cells: Cells, header: int, width: int, labels: int, missing: frozenset[str], *, may_break_off: bool = True
) -> Shape:
    """Compare every record after the header's with the header's width.

    Parameters
    ----------
    header
        Index of the header's record; records up to it are left alone.
    width
        Fields of the header.
    labels
        Leading fields without values: a record of no more fields is a note, not a cut line.
    missing
        Marks of a blank; trailing blanks beyond the header do not make a line long.
    may_break_off
        False for bodies that cannot end in the middle of a record (JSON).
    """
    body = np.arange(cells.records) > header
    short = body & (cells.width < width)
    extra = (cells.position >= width) & ~among(trimmed(cells.raw), missing)
    long = body & (np.bincount(cells.line[extra], minlength=cells.records) > 0)
    last = cells.records - 1
    cut = last if may_break_off and short[last] and cells.width[last] > labels else -1
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
