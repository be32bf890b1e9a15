"""What a document says, apart from how it looks: headings, paragraphs, tables, charts and notes.

Filled once from the data and rendered twice (`page`, `word`), so that both say the same. Texts are plain:
the renderers escape them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

#: what a colour says beside the words; never the only sign
Tone = Literal["", "good", "warn", "bad", "dim", "info"]
#: shape of one row of a chart
Shape = Literal["line", "bar", "limit"]


#: Latin, Greek, signs, subscripts and the Roman numerals of classes: what the font of charts has
_DRAWABLE = re.compile(r"^[\x20-\x7eµμ°±²³·×–—≤≥₀-₉Ⅰ-Ⅻ]*$")


class DocumentError(ValueError):
    """A document cannot be made of what was asked for."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table; `number` sets it to the right."""

    text: str
    tone: Tone = ""
    number: bool = False


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3, with its number in the text."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Note:
    """A remark in small print."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of short statements."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with a header row that is repeated on every page.

    `widths` are shares of the width, one a column; `wide` asks for a page on its side; `empty` is what is
    said where there is no row: a table is never blank.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[float, ...]
    empty: str
    wide: bool = False

    def __post_init__(self) -> None:
        """Check that every row has as many cells as the header."""
        if len(self.widths) != len(self.head):
            raise DocumentError(f"{self.caption}: {len(self.head)} columns, {len(self.widths)} widths")
        if wrong := [row for row in self.rows if len(row) != len(self.head)]:
            raise DocumentError(f"{self.caption}: a row of {len(wrong[0])} cells under {len(self.head)}")

    def header(self) -> tuple[Cell, ...]:
        """Return the header row; above figures alone it is set to the right like them."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.head)
        return tuple(
            Cell(text, number=bool(column) and all(cell.number for cell in column))
            for text, column in zip(self.head, columns, strict=True)
        )


@dataclass(frozen=True)
class Series:
    """One row of figures of a chart; `word` stands in the legend below it, None is a gap.

    `colour` is `#rrggbb`, '' takes the next of the palette.
    """

    word: str
    values: tuple[float | None, ...]
    shape: Shape = "line"
    colour: str = ""


@dataclass(frozen=True)
class Panel:
    """One pair of axes. `title` and `x` are drawn: digits, signs and Latin letters only (see `charts`)."""

    title: str
    x: tuple[str, ...]
    series: tuple[Series, ...]
    stacked: bool = False


@dataclass(frozen=True)
class Chart:
    """A picture of one or more panels; what it shows is said in `caption`, its words in the legend below."""

    caption: str
    panels: tuple[Panel, ...]
    columns: int = 1
    height: float = 2.4


Part = Heading | Paragraph | Note | Bullets | Table | Chart


@dataclass(frozen=True)
class Document:
    """A whole document.

    `key` is the stem of its files, `as_of` the time of knowledge in Asia/Shanghai (ISO text), `facts` what
    stands below the title, one line each.
    """

    key: str
    title: str
    subtitle: str
    district: str
    as_of: str
    facts: tuple[str, ...]
    parts: tuple[Part, ...] = field(default=())


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """Return a row of cells; plain texts are set to the left."""
    return tuple(item if isinstance(item, Cell) else Cell(item) for item in texts)


def number(text: str, tone: Tone = "") -> Cell:
    """Return a cell for a figure."""
    return Cell(text, tone, number=True)


def drawable(text: str) -> bool:
    """Tell whether a label can be drawn on a chart."""
    return _DRAWABLE.match(text) is not None


def legend(chart: Chart) -> list[tuple[str, str, str]]:
    """Return mark, word and colour of every distinct word of a chart, in order of appearance."""
    found: dict[str, tuple[str, str, str]] = {}
    for panel in chart.panels:
        for place, series in enumerate(panel.series):
            found.setdefault(series.word, (mark_of(series, place), series.word, colour_of(series, place)))
    return list(found.values())


#: marks of lines, in order; the charts draw the same shapes
MARKS = ("●", "■", "▲", "◆", "▼", "★")
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def mark_of(series: Series, place: int) -> str:
    """Return the sign of a series in the legend."""
    return {"bar": "■", "limit": "┄"}.get(series.shape) or MARKS[place % len(MARKS)]


def colour_of(series: Series, place: int) -> str:
    """Return the colour of a series."""
    return series.colour or ("#555555" if series.shape == "limit" else PALETTE[place % len(PALETTE)])


def bulleted(items: Sequence[str], none: str) -> Bullets | Paragraph:
    """Return a list, or a sentence that says why there is none."""
    return Bullets(tuple(items)) if items else Paragraph(none)
