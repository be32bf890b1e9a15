"""Long lists over several pages: a page of a thousand rows is slow to open and no help to a screen reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]

#: rows a page
ROWS = 100


@dataclass(frozen=True)
class Part:
    """One page of a list: its rows, its file, and links to all pages of the list (none where there is one)."""

    number: int
    file: str
    rows: Sequence[Record]
    links: tuple[tuple[str, str], ...]
    total: int


def paged(rows: Sequence[Record], stem: str, size: int = ROWS) -> list[Part]:
    """Return a list as pages `water.html`, `water-2.html`, …; an empty list is one page.

    Parameters
    ----------
    rows
        In the order they are shown.
    stem
        Of the files.
    size
        Rows a page.
    """
    starts = range(0, max(len(rows), 1), size)
    files = [f"{stem}.html" if start == 0 else f"{stem}-{start // size + 1}.html" for start in starts]
    words = [f"{start + 1}–{min(start + size, len(rows))}" for start in starts]
    links = tuple(zip(files, words, strict=True)) if len(files) > 1 else ()
    return [
        Part(number, file, rows[start : start + size], links, len(rows))
        for number, (file, start) in enumerate(zip(files, starts, strict=True), start=1)
    ]
