"""Tables however they are packed: xlsx, legacy xls, ods, a web page saved as `.xls`, or delimited text.

The content tells what it is, never the file's name. A sheet's cells keep the sheet's own row numbers.
Numbers come as the text a spreadsheet would show with 15 digits, times as ISO text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import lxml.html
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lxml import etree
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from sources.archive import check_workbook, is_zip
from sources.assembly import trimmed
from sources.cells import Cells, IntArray, delimited, separator_of
from sources.encoding import decode
from sources.workbook_bounds import check_legacy, check_zipped
from vocabulary.reasons import DeliveryRefusedError

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: significant digits a spreadsheet shows of a number
_DIGITS = ".15g"
#: characters in which a page must show that it is one
_PAGE_HEAD = 4096
#: encodings of sheets that are a workbook's own
_BOOKS = ("xlsx", "xls")


@dataclass(frozen=True)
class Merge:
    """A merged range, 0-based and inclusive: rows of the sheet and columns."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Sheet:
    """One table of a delivery.

    Attributes
    ----------
    name
        Of the sheet; '' for a text file.
    cells
        Its cells; rows without any content are no records, `number` is the sheet's own row.
    merged
        Merged ranges; their content stands in the upper left cell only.
    encoding
        Of a text; `xlsx`, `xls` or `html` otherwise.
    cut
        The text ends within a character.
    """

    name: str
    cells: Cells
    merged: tuple[Merge, ...]
    encoding: str
    cut: bool = False

    @property
    def is_book(self) -> bool:
        """Whether it comes out of a workbook, whose times and percentages are stored as plain numbers."""
        return self.encoding in _BOOKS

    @property
    def is_text(self) -> bool:
        """Whether it is delimited text, whose rows may differ in width; a sheet or page is a rectangle."""
        return not self.is_book and "+" not in self.encoding

    def heading(self, first: int, last: int) -> list[str]:
        """Return one text per column of the records `first` to `last`, merged ranges filled.

        Texts of several rows are joined by a blank, one that repeats the row above is left out.
        """
        width = int(self.cells.width[first : last + 1].max(initial=0))
        rows = [self._filled(record, width) for record in range(first, last + 1)]
        return [
            " ".join(text for place, text in enumerate(column) if text and text not in column[:place])
            for column in zip(*rows, strict=True)
        ]

    def _filled(self, record: int, width: int) -> list[str]:
        row = int(self.cells.number[record]) - 1
        texts = [text.strip() for text in self.cells.record(record)]
        texts += [""] * (width - len(texts))
        for merge in self.merged:
            if merge.top <= row <= merge.bottom:
                top = self._record_of(merge.top)
                if top is None:
                    continue
                word = self.cells.record(top)
                filling = word[merge.left].strip() if merge.left < len(word) else ""
                for place in range(merge.left, min(merge.right + 1, width)):
                    texts[place] = texts[place] or filling
        return texts

    def _record_of(self, row: int) -> int | None:
        found = np.flatnonzero(self.cells.number == row + 1)
        return int(found[0]) if len(found) else None

    def label(self, position: int) -> Any:
        """Return the trimmed texts of a label column, one a record; a merged range fills its rows."""
        texts = trimmed(self.cells.at(position))
        source = np.arange(self.cells.records)
        for merge in self.merged:
            if merge.left <= position <= merge.right and merge.bottom > merge.top:
                top = self._record_of(merge.top)
                within = (self.cells.number - 1 > merge.top) & (self.cells.number - 1 <= merge.bottom)
                if top is not None and merge.left == position:
                    source[within] = top
        return pc.take(texts, pa.array(source))


def is_workbook(content: bytes) -> bool:
    """Return whether the bytes are those of a spreadsheet program (a zip or an OLE file)."""
    return is_zip(content) or content.startswith(_OLE)


def open_sheets(content: bytes) -> list[Sheet]:
    """Return the tables of a delivery, in order; empty and hidden sheets are left out.

    Raises
    ------
    DeliveryRefusedError
        `file-empty` without content, `file-too-large` beyond the limits, `file-unreadable` when it is
        neither a workbook nor text, or damaged, or has a password.
    """
    if is_workbook(content):
        sheets = _workbook(content)
    else:
        text = decode(content)
        head = text.text.lstrip("\ufeff \t\r\n")[:_PAGE_HEAD].lower()
        if head.startswith("<"):
            sheets = _page(text.text, text.encoding)
        else:
            cells = delimited(text.text, separator_of(text.text[:_PAGE_HEAD]))
            return [Sheet("", cells, (), text.encoding, text.cut)]
    if not sheets:
        raise DeliveryRefusedError("file-empty", "没有一张有内容的表", "there is no table with content")
    return sheets


def shown(content: bytes, records: int = 60) -> str:
    """Return the first records of every table as comma-separated lines, to recognise a layout by."""
    return "\n".join(
        ",".join(field.replace(",", "，").replace("\n", "") for field in sheet.cells.record(record))
        for sheet in open_sheets(content)
        for record in range(min(records, sheet.cells.records))
    )


def _workbook(content: bytes) -> list[Sheet]:
    if is_zip(content):
        check_workbook(content)
        check_zipped(content)
    else:
        check_legacy(content)
    kind = "xlsx" if is_zip(content) else "xls"
    try:
        with CalamineWorkbook.from_object(io.BytesIO(content)) as book:
            sheets = []
            for meta in book.sheets_metadata:
                if meta.visible != SheetVisibleEnum.Visible or meta.typ != SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_name(meta.name)
                rows = sheet.to_python(skip_empty_area=False)
                merged = tuple(Merge(*top, *bottom) for top, bottom in sheet.merged_cell_ranges or ())
                sheets.append((meta.name, rows, merged))
    except CalamineError as error:
        raise _damaged(error) from error
    except BaseException as error:
        # a parser written in Rust ends a damaged file by a panic, which is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(error) from error
    return [Sheet(name, _cells(rows), merged, kind) for name, rows, merged in sheets if _solid(rows).size]


def _damaged(error: BaseException) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        "file-unreadable",
        f"工作簿已损坏或加密：{error}",
        f"the workbook is damaged or has a password: {error}",
    )


def _spelled(value: object) -> str:
    """Return a cell's content as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return format(value, _DIGITS)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, (date, time)):
        return value.isoformat()
    return "" if value is None else str(value)


def _solid(rows: Sequence[Sequence[object]]) -> IntArray:
    """Return the 0-based rows that have any content."""
    return np.flatnonzero([any(field not in {"", None} for field in row) for row in rows]).astype(np.int64)


def _cells(rows: Sequence[Sequence[object]]) -> Cells:
    """Take the rows with content as records, numbered as in the sheet."""
    kept = _solid(rows)
    texts = [[_spelled(field) for field in rows[row]] for row in kept.tolist()]
    width = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    raw = pa.array([field for row in texts for field in row], pa.large_string())
    line = np.repeat(np.arange(len(texts), dtype=np.int64), width)
    position = np.arange(len(line), dtype=np.int64) - np.repeat(np.cumsum(width) - width, width)
    return Cells(raw, line, position, kept + 1, width)


def _page(text: str, encoding: str) -> list[Sheet]:
    """Return the tables of a web page or of a spreadsheet in XML, as platforms save them under `.xls`."""
    body = text.lstrip("\ufeff \t\r\n").encode("utf-8", "surrogatepass")
    try:
        if b"urn:schemas-microsoft-com:office:spreadsheet" in body[:_PAGE_HEAD]:
            safe = etree.XMLParser(
                resolve_entities=False, no_network=True, huge_tree=False, encoding="utf-8", recover=True
            )
            tables = list(etree.fromstring(body, safe).iter("{*}Worksheet"))
            found = [_grid(table.iter("{*}Row"), "{*}Cell") for table in tables]
            names = [next((v for k, v in table.items() if k.endswith("}Name")), "") for table in tables]
            kind = "xml"
        else:
            page = lxml.html.document_fromstring(body, parser=lxml.html.HTMLParser(encoding="utf-8"))
            tables = [table for table in page.iter("table") if table.find(".//table") is None]
            found = [_grid(table.iter("tr"), "td th") for table in tables]
            names = [f"table{place + 1}" if len(tables) > 1 else "" for place in range(len(tables))]
            kind = "html"
    except (etree.LxmlError, ValueError, AttributeError) as error:
        raise DeliveryRefusedError(
            "file-unreadable", f"网页或 XML 表格已损坏：{error}", f"the page or XML table is damaged: {error}"
        ) from error
    return [
        Sheet(name, _cells(rows), merged, f"{kind}+{encoding}")
        for name, (rows, merged) in zip(names, found, strict=True)
        if _solid(rows).size
    ]


def _grid(rows: Any, kinds: str) -> tuple[list[list[str]], tuple[Merge, ...]]:
    """Lay out the cells of a page's table: spans take their place, their content stands upper left."""
    laid: list[dict[int, str]] = []
    taken: set[tuple[int, int]] = set()
    merged: list[Merge] = []
    for row, line in enumerate(rows):
        laid.append({})
        place = 0
        for cell in line.iterchildren(*kinds.split()):
            attributes = {key.rsplit("}", 1)[-1].lower(): value for key, value in cell.items()}
            if "index" in attributes:
                place = max(place, _count(attributes["index"]) - 1)
            while (row, place) in taken:
                place += 1
            across = _count(attributes.get("colspan", "1")) + _count(attributes.get("mergeacross", "0"), 0)
            down = _count(attributes.get("rowspan", "1")) + _count(attributes.get("mergedown", "0"), 0)
            laid[row][place] = "".join(cell.itertext()).replace("\xa0", " ").strip()
            if across > 1 or down > 1:
                merged.append(Merge(row, place, row + down - 1, place + across - 1))
                taken |= {(row + below, place + beside) for below in range(down) for beside in range(across)}
            place += across
    width = max((max(line, default=-1) + 1 for line in laid), default=0)
    width = max([width, *(merge.right + 1 for merge in merged)])
    return [[line.get(place, "") for place in range(width)] for line in laid], tuple(merged)


def _count(text: str, least: int = 1) -> int:
    """Return a span; a nonsensical or enormous one is read as the least."""
    clean = text.strip()
    return max(least, int(clean)) if clean.isascii() and clean.isdigit() and len(clean) <= 3 else least  # noqa: PLR2004 - spans of 1000 are no table
