"""How large a workbook says it is, told before anything parses it.

The parser lays every sheet out in full: two cells at the far corners of a small file, or one damaged number,
would take more memory than there is and end the whole process. So the places of cells and the counts that
memory is reserved by are read here first: of xlsx from the text of its parts, of legacy xls from its records
([MS-XLS] 2.4) within the compound file that holds them ([MS-CFB] 2.2), of ods from its repetitions.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vocabulary.reasons import DeliveryRefusedError

#: beyond this a sheet is no export (the format's own limit is 16,384 columns)
MAX_CELLS = 20_000_000

_SHEET = re.compile(r"^xl/(?:work|dialog|macro)sheets/.*\.xml$")
_BINARY = re.compile(r"^xl/.*sheets?.*\.bin$")
#: cells that hold something: an empty one (`<c r="XFD1" s="1"/>`) takes no place
_CELL = re.compile(rb"""<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*["']([A-Za-z]+)(\d+)["'][^>]*(?<!/)>""")
_ANY_CELL = re.compile(rb"<(?:\w+:)?c(?:\s[^>]*)?(?<!/)>")
_ROW = re.compile(rb"""<(?:\w+:)?row\s(?:[^>]*?\s)?r\s*=\s*["'](\d+)""")
_ANY_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_ODS_ROW = re.compile(rb"(?s)<table:table-row\b(?P<head>[^>]*?)(?:/>|>(?P<body>.*?)</table:table-row>)")
_ODS_CELL = re.compile(rb"(?s)<table:(?:covered-)?table-cell\b(?P<head>[^>]*?)(?P<empty>/?)>")
_REPEATED = re.compile(rb"""number-(?:columns|rows)-repeated\s*=\s*["'](\d+)""")

_LETTERS = 26
_HEADER = 512
_FREE = 0xFFFFFFFA
_ENTRY = 128
#: records of a legacy sheet that hold a cell; their row and column come first
_CELL_RECORDS = frozenset(
    {0x0006, 0x00BD, 0x00BE, 0x00D6, 0x00FD, 0x0201, 0x0203, 0x0204, 0x0205, 0x0207, 0x027E}
)
_SHEET_AT, _STRINGS, _DIMENSIONS, _END = 0x0085, 0x00FC, 0x0200, 0x000A
_LEGACY_COLUMNS = 256


def check_zipped(content: bytes) -> None:
    """Refuse a zipped workbook whose sheets reach beyond the limit.

    Parameters
    ----------
    content
        A zip file whose parts are known to unfold within limits.

    Raises
    ------
    DeliveryRefusedError
        `file-too-large`; `file-unreadable` for sheets in a binary form that is not read.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for part in archive.namelist():
            name = part.replace("\\", "/").lower()
            if _BINARY.match(name):
                raise _unread("xlsb 工作簿不予读取", "binary sheets (xlsb) are not read")
            if _SHEET.match(name):
                _check_area(part, *_reach(archive.read(part)))
            elif name == "content.xml":
                _check_repetitions(archive.read(part))


def _reach(body: bytes) -> tuple[int, int]:
    """Return the last row and column of a sheet's cells; those without a place stand one after another."""
    cells = _CELL.findall(body)
    column = max(map(_column, {letters for letters, _ in cells}), default=0)
    row = max(map(int, {number for _, number in cells}), default=0)
    if len(cells) == len(_ANY_CELL.findall(body)):
        return row, column
    pieces = _ANY_ROW.split(body)
    row = max([row, *map(int, _ROW.findall(body))]) + len(pieces)
    return row, column + max(len(_ANY_CELL.findall(piece)) for piece in pieces)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * _LETTERS + letter - ord("A") + 1
    return number


def _check_repetitions(body: bytes) -> None:
    """Refuse a sheet of ods that repeats what it holds beyond the limit; trailing empty cells cost nothing."""
    rows = columns = 0
    for row in _ODS_ROW.finditer(body):
        across = held = 0
        for cell in _ODS_CELL.finditer(row["body"] or b""):
            across += _times(cell["head"])
            if not cell["empty"] or b"value" in cell["head"]:
                held = across
        if held:
            rows += _times(row["head"])
            columns = max(columns, held)
    _check_area("content.xml", rows, columns)


def _times(head: bytes) -> int:
    found = _REPEATED.search(head)
    return int(found[1]) if found else 1


def check_legacy(content: bytes) -> None:
    """Refuse a legacy workbook whose cells or counts reach beyond the limits.

    Raises
    ------
    DeliveryRefusedError
        `file-too-large`, or `file-unreadable` when its compound file is damaged.
    """
    try:
        book = _Compound(content).stream("Workbook", "Book")
        starts = []
        for kind, data in _records(book, 0):
            if kind == _SHEET_AT:
                starts.append(struct.unpack_from("<I", data)[0])
            elif kind == _STRINGS and struct.unpack_from("<I", data, 4)[0] > len(book):
                raise _damaged("more strings than bytes")
        for start in starts:
            _check_sheet(book, start)
    except (struct.error, IndexError, ValueError) as error:
        raise _damaged(str(error)) from error


def _check_sheet(book: bytes, start: int) -> None:
    rows = columns = 0
    for kind, data in _records(book, start):
        if kind == _DIMENSIONS:
            wide = "<IIHH" if len(data) >= struct.calcsize("<IIHH") else "<HHHH"
            first, last, left, right = struct.unpack_from(wide, data)
            if last < first or right < left:
                raise _damaged("the dimensions of a sheet end before they begin")
            _check_area("xls", last - first + 1, right - left + 1)
        elif kind in _CELL_RECORDS and len(data) >= 4:  # noqa: PLR2004 - row and column
            row, column = struct.unpack_from("<HH", data)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            # a record of several cells ends with its last column
            columns = max(columns, column + len(data) // 2 if kind in {0x00BD, 0x00BE} else 0)
    if columns > _LEGACY_COLUMNS:
        raise _damaged(f"a cell in column {columns}")
    _check_area("xls", rows, columns)


def _records(book: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records from an offset to the end of their substream: a chain, it can only be walked."""
    at, last = start, len(book) - 4
    while at <= last:
        kind, length = struct.unpack_from("<HH", book, at)
        at += 4
        yield kind, book[at : at + length]
        at += length
        if kind == _END:
            return


class _Compound:
    """The streams of a compound file by name."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in {9, 12} or mini_shift != 6:  # noqa: PLR2004 - the two sizes there are
            raise _damaged("sectors of an unknown size")
        self._sector = 1 << shift
        self._mini = 1 << mini_shift
        first, cutoff, mini_first = (struct.unpack_from("<I", content, at)[0] for at in (48, 56, 60))
        self._cutoff = cutoff
        self._fat = self._table(self._fat_sectors())
        self._entries = self._joined(self._chain(first, self._fat))
        self._mini_fat = self._table(self._chain(mini_first, self._fat))
        root = self._entry(0)
        self._small = self._joined(self._chain(root[0], self._fat))[: root[1]]

    def _fat_sectors(self) -> list[int]:
        """Return the sectors that hold the table of sectors: named in the header, then chained."""
        named = list(struct.unpack_from("<109I", self._content, 76))
        following, room = struct.unpack_from("<I", self._content, 68)[0], self._sector // 4 - 1
        for _ in range(len(self._content) // self._sector):
            if following >= _FREE:
                break
            more = struct.unpack_from(f"<{room + 1}I", self._content, (following + 1) * self._sector)
            named += more[:room]
            following = more[room]
        return [sector for sector in named if sector < _FREE]

    def _table(self, sectors: list[int]) -> npt.NDArray[np.uint32]:
        joined = self._joined(sectors)
        return np.frombuffer(joined[: len(joined) // 4 * 4], dtype="<u4")

    def _joined(self, sectors: list[int]) -> bytes:
        size = self._sector
        return b"".join(self._content[(place + 1) * size : (place + 2) * size] for place in sectors)

    def _chain(self, start: int, table: npt.NDArray[np.uint32]) -> list[int]:
        found: list[int] = []
        while start < _FREE:
            if start >= len(table) or len(found) >= len(table):
                raise _damaged("a chain of sectors that leads nowhere or in a circle")
            found.append(start)
            start = int(table[start])
        return found

    def _entry(self, number: int) -> tuple[int, int]:
        start, size = struct.unpack_from("<II", self._entries, number * _ENTRY + 116)
        if size > len(self._content):
            raise _damaged("a stream longer than the file")
        return start, size

    def stream(self, *names: str) -> bytes:
        """Return the stream of the first of some names that is there."""
        told = [
            self._entries[at : at + 64].decode("utf-16-le", "replace").split("\x00", 1)[0]
            for at in range(0, len(self._entries) - _ENTRY + 1, _ENTRY)
        ]
        for number, name in enumerate(told):
            if name:
                self._entry(number)
        for name in names:
            if name in told:
                start, size = self._entry(told.index(name))
                if size >= self._cutoff:
                    return self._joined(self._chain(start, self._fat))[:size]
                places = self._chain(start, self._mini_fat)
                mini = self._mini
                return b"".join(self._small[place * mini : (place + 1) * mini] for place in places)[:size]
        raise _damaged("no workbook in it")


def _check_area(place: str, rows: int, columns: int) -> None:
    if rows * columns > MAX_CELLS:
        raise DeliveryRefusedError(
            "file-too-large",
            f"工作表（{place}）有 {rows} 行 {columns} 列，超过 {MAX_CELLS} 个单元格",
            f"a sheet ({place}) reaches over {rows} rows and {columns} columns, more than {MAX_CELLS} cells",
        )


def _unread(zh: str, en: str) -> DeliveryRefusedError:
    return DeliveryRefusedError("file-unreadable", zh, en)


def _damaged(what: str) -> DeliveryRefusedError:
    return _unread(f"旧版工作簿已损坏：{what}", f"the legacy workbook is damaged: {what}")
