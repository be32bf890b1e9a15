"""Writing a document part by part: headings, tables and charts get their numbers here."""

from __future__ import annotations

from collections.abc import Sequence

from reports.documents.model import (
    Cell,
    Chart,
    Heading,
    Note,
    Panel,
    Paragraph,
    Part,
    Table,
    bulleted,
)

_DIGITS = "零一二三四五六七八九"
_TEN = 10


def chinese_number(number: int) -> str:
    """Return a number of 1 to 99 in Chinese.

    >>> [chinese_number(n) for n in (1, 10, 11, 20, 23)]
    ['一', '十', '十一', '二十', '二十三']
    """
    tens, ones = divmod(number, _TEN)
    first = "" if tens == 0 else ("十" if tens == 1 else f"{_DIGITS[tens]}十")
    return first + (_DIGITS[ones] if ones or not tens else "")


class Composer:
    """Collects the parts of a document in order."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.parts: list[Part] = []
        self._chapter = self._section = self._tables = self._charts = 0

    def chapter(self, text: str) -> None:
        """Begin a chapter: 一、…."""
        self._chapter, self._section = self._chapter + 1, 0
        self.parts.append(Heading(f"{chinese_number(self._chapter)}、{text}", 1))

    def section(self, text: str) -> None:
        """Begin a section: （一）…."""
        self._section += 1
        self.parts.append(Heading(f"（{chinese_number(self._section)}）{text}", 2))

    def annex(self, text: str) -> None:
        """Begin an annex, which has no number of a chapter."""
        self._section = 0
        self.parts.append(Heading(text, 1))

    def say(self, text: str) -> None:
        """Add a paragraph."""
        self.parts.append(Paragraph(text))

    def note(self, text: str) -> None:
        """Add a remark in small print."""
        self.parts.append(Note(text))

    def items(self, items: Sequence[str], none: str) -> None:
        """Add a list, or the sentence that says why there is none."""
        self.parts.append(bulleted(items, none))

    def table(
        self,
        caption: str,
        head: Sequence[str],
        rows: Sequence[tuple[Cell, ...]],
        widths: Sequence[float],
        *,
        empty: str,
        wide: bool = False,
    ) -> None:
        """Add a table; where there is no row, the sentence `empty` alone."""
        if not rows:
            self.say(f"{caption}：{empty}")
            return
        self._tables += 1
        numbered = f"表{self._tables}　{caption}"
        self.parts.append(Table(numbered, tuple(head), tuple(rows), tuple(widths), empty, wide))

    def chart(self, caption: str, panels: Sequence[Panel], *, columns: int = 1, height: float = 2.4) -> None:
        """Add a chart; nothing where there is no panel."""
        if panels:
            self._charts += 1
            self.parts.append(Chart(f"图{self._charts}　{caption}", tuple(panels), columns, height))
