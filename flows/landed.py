"""The bytes behind a reading: the landed file is opened, proved against its hash, and the row read again.

A row is what `vocabulary.reading` says: the physical line of a text, the row of a workbook's sheet, or the item of a
JSON body. A part of a zip archive is named by its `sheet`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sources.archive import archived
from sources.encoding import decode, unpack
from sources.landing import LandingError, LandingZone
from sources.workbook import is_workbook, open_sheets
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError

#: characters of a row that are shown around the raw text; the whole row is in the file
SHOWN = 400
_SEPARATORS = ",\t;"
_PAGE = b"<"
_BLANK = b"\xef\xbb\xbf \t\r\n"
#: parts a sheet's name is joined of: the file in an archive, then the sheet in it
_JOIN = "!"
#: rows in which the heading of a column is looked for
_HEAD_ROWS = 12
_PLACE = ["sha256", "sheet", "row", "column", "raw"]
_NOT_THERE = "原始文件该行没有此文本 / the row does not hold the text"


@dataclass(frozen=True)
class _Row:
    """A row as it stands in the file: its text, and its fields where it has any."""

    text: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class _Rows:
    """How to read a row of one file: (sheet, row) -> the row, or None where there is none."""

    row_of: Callable[[str, int], _Row | None]
    why: str = ""


def with_landed(rows: pd.DataFrame, zone: LandingZone) -> pd.DataFrame:
    """Return rows with what stands in the landed files at their places.

    Parameters
    ----------
    rows
        Columns sha256, sheet, row, column, raw; any index.
    zone
        The landing zone that holds the files.

    Returns
    -------
    pandas.DataFrame
        `rows` with `landed` (where the file lies), `landed_text` (the row's text, cut around `raw` to `SHOWN`
        characters), `proved` (the file has its hash and the cell of the row, under the column's heading where a
        heading is found, is `raw`) and `landed_why` ('' or why not).
    """
    places = rows[_PLACE].drop_duplicates()
    found = []
    # a file is opened once, however many of its rows are asked for
    for sha256, part in places.groupby("sha256", sort=False):
        opened = _opened(zone, str(sha256))
        heads: dict[tuple[str, str], int | None] = {}
        shown, held = [], []
        for sheet, row, column, raw in zip(
            part["sheet"], part["row"], part["column"], part["raw"], strict=True
        ):
            there = opened.row_of(sheet, int(row))
            if (sheet, column) not in heads:
                heads[sheet, column] = _place_of(opened, sheet, column)
            shown.append(None if there is None else _cut(there.text, raw))
            held.append(there is not None and _holds(there, raw, heads[sheet, column]))
        found.append(
            part.assign(
                landed=f"landing/{str(sha256)[:2]}/{sha256}",
                landed_text=pd.Series(shown, index=part.index, dtype=object),
                proved=held,
                landed_why=[opened.why or ("" if there else _NOT_THERE) for there in held],
            )
        )
    if not found:
        return rows.assign(landed="", landed_text=None, proved=False, landed_why="")
    return rows.merge(pd.concat(found), on=_PLACE, how="left")


def _opened(zone: LandingZone, sha256: str) -> _Rows:
    """Read a landed file; one that is not there or has changed has no rows and says why."""
    try:
        content = zone.read(sha256)
        plain, _ = unpack(content)
        parts = archived(plain)
        if parts is None:
            return _rows_of(plain)
        inner = {name: _rows_of(unpack(body)[0]) for name, body in parts}
    except (LandingError, OSError) as error:
        return _Rows(
            lambda _sheet, _row: None, f"原始文件无法核对：{error} / the landed file cannot be proved"
        )
    except DeliveryRefusedError as error:
        return _Rows(_nothing, f"{error.zh} / {error.en}")

    def row_of(sheet: str, row: int) -> _Row | None:
        name = next((name for name in inner if sheet == name or sheet.startswith(name + _JOIN)), None)
        return None if name is None else inner[name].row_of(sheet[len(name) + 1 :], row)

    return _Rows(row_of)


def _rows_of(content: bytes) -> _Rows:
    if is_workbook(content) or content.lstrip(_BLANK).startswith(_PAGE):
        return _of_workbook(content)
    try:
        text = decode(content).text
    except DeliveryRefusedError:
        # a log of raw frames may hold anything; one character a byte
        text = content.decode("latin-1")
    if text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}:
        items = _items(text)
        if items is not None:
            return _Rows(lambda _sheet, row: _of_item(items[row - 1]) if 0 < row <= len(items) else None)
    lines = text.split("\n")
    return _Rows(lambda _sheet, row: _of_line(lines[row - 1]) if 0 < row <= len(lines) else None)


def _nothing(_sheet: str, _row: int) -> None:
    """There is no such row: the file itself cannot be read."""


def _of_line(line: str) -> _Row:
    text = line.rstrip("\r")
    separator = max(_SEPARATORS, key=text.count)
    fields = next(csv.reader([text], delimiter=separator), [])
    return _Row(text, tuple(field.strip() for field in fields))


def _of_item(item: Any) -> _Row:
    values = item.values() if isinstance(item, dict) else item if isinstance(item, list) else [item]
    return _Row(json.dumps(item, ensure_ascii=False), tuple(str(value) for value in values))


def _items(text: str) -> list[Any] | None:
    """Return the records of a JSON body: itself, or its longest list; None where it has none."""
    try:
        body = json.loads(text.lstrip("\ufeff"))
    except ValueError:
        return None
    if isinstance(body, list):
        return body
    named = body.get("tbody") if isinstance(body, dict) else None
    if isinstance(named, list):
        return named
    lists = [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else []
    return max(lists, key=len, default=None)


def _of_workbook(content: bytes) -> _Rows:
    sheets = open_sheets(content)
    by_name = {sheet.name: sheet for sheet in sheets}

    def row_of(name: str, row: int) -> _Row | None:
        sheet = by_name.get(name) or (sheets[0] if len(sheets) == 1 else None)
        numbers = [] if sheet is None else sheet.cells.number.tolist()
        if sheet is None or row not in numbers:
            return None
        fields = sheet.cells.record(numbers.index(row))
        return _Row(",".join(fields), tuple(field.strip() for field in fields))

    return _Rows(row_of)


def _place_of(opened: _Rows, sheet: str, column: str) -> int | None:
    """Return where a column stands, by its heading in one of the first rows; None where no row has it once."""
    wanted = normalise_name(column)
    for row in range(1, _HEAD_ROWS + 1):
        there = opened.row_of(sheet, row)
        names = [normalise_name(field) for field in there.fields] if there else []
        if wanted and names.count(wanted) == 1:
            return names.index(wanted)
    return None


def _holds(row: _Row, raw: str, place: int | None) -> bool:
    """Tell whether a row holds a text: in its column, as one of its fields, or, without fields, anywhere."""
    wanted = raw.strip()
    if place is not None:
        return place < len(row.fields) and row.fields[place] == wanted
    return wanted in row.fields or (len(row.fields) <= 1 and wanted in row.text)


def _forms(raw: str) -> tuple[str, ...]:
    """Return how a text may be written within a row: as it is, within quotation marks, in JSON."""
    return (raw, raw.replace('"', '""'), json.dumps(raw, ensure_ascii=False)[1:-1])


def _cut(text: str, raw: str) -> str:
    if len(text) <= SHOWN:
        return text
    at = max((text.find(form) for form in _forms(raw)), default=0)
    first = min(max(at - SHOWN // 2, 0), len(text) - SHOWN)
    return ("…" if first else "") + text[first : first + SHOWN] + ("…" if first + SHOWN < len(text) else "")
