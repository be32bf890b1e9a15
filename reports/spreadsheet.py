"""A workbook written from Arrow tables by openpyxl, row after row: no sheet is in memory as a whole.

openpyxl keeps the rows in a file of the system's temporary folder until the workbook is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from reports.export_fields import ExportTable
from reports.export_files import escape_formulas

#: rows of a sheet, the heading among them (ECMA-376 part 1, 18.3.1.73; Excel's limit)
SHEET_ROWS = 1_048_576
#: characters of a cell (Excel's limit)
CELL_CHARACTERS = 32_767

_CUT = "…（已截断，全文见 csv 或 parquet 导出 / cut, see the csv or parquet export）"
#: rows made into Python values at a time
_PIECE = 10_000
_MILLISECONDS = "yyyy-mm-dd hh:mm:ss.000"


class SheetTooLongError(Exception):
    """A table has more rows than a sheet can hold."""


class Workbook:
    """A workbook under way; use it as a context manager. Nothing is written when something failed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._book = openpyxl.Workbook(write_only=True)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the workbook, unless something failed."""
        if kind is None:
            self._book.save(self._path)

    def add_table(self, table: ExportTable, rows: Iterable[pa.Table]) -> int:
        """Add a sheet with one row a record under the fields' names; return the number of records.

        Raises
        ------
        SheetTooLongError
            More rows than a sheet holds.
        """
        sheet = self._book.create_sheet(table.name)
        sheet.freeze_panes = "A2"
        for place, field in enumerate(table.fields, start=1):
            width = 12 if field.type == "integer" else 20
            sheet.column_dimensions[get_column_letter(place)].width = width
        count = 0
        with closing(sheet):
            sheet.append([_heading(sheet, field.name) for field in table.fields])
            for part in rows:
                count += part.num_rows
                if count + 1 > SHEET_ROWS:
                    raise SheetTooLongError(
                        f"{table.zh} {table.name} 超过工作表上限 {SHEET_ROWS - 1} 行，请用 --from/--to 缩小范围，或用 "
                        f"--format csv/parquet / {table.name} has more than {SHEET_ROWS - 1} rows, the limit of "
                        "a sheet: narrow --from/--to, or use --format csv or parquet"
                    )
                for begin in range(0, part.num_rows, _PIECE):
                    columns = [
                        _cells(sheet, values.combine_chunks(), field.type)
                        for field, values in zip(table.fields, part.slice(begin, _PIECE).columns, strict=True)
                    ]
                    # openpyxl takes a workbook row by row
                    for row in zip(*columns, strict=True):
                        sheet.append(row)
        return count

    def add_notes(self, name: str, lines: Sequence[Sequence[str]]) -> None:
        """Add a sheet of texts; it becomes the first one."""
        sheet = self._book.create_sheet(name, 0)
        for letter in "ABCD":
            sheet.column_dimensions[letter].width = 28
        with closing(sheet):
            for line in lines:
                sheet.append(list(_cells(sheet, pa.array(line, pa.string()), "string")))


def _heading(sheet: Any, name: str) -> Any:
    cell = WriteOnlyCell(sheet, name)
    cell.font = Font(bold=True)
    return cell


def _cells(sheet: Any, values: pa.Array, kind: str) -> Iterator[Any]:
    """Yield the values of a column as openpyxl takes them; a missing value and an empty text are None."""
    if kind == "string":
        return (_text_cell(sheet, text) for text in _texts(values).to_pylist())
    if kind == "known":
        return (_moment_cell(sheet, moment) for moment in _naive(values).to_pylist())
    if kind in {"wall", "utc"}:
        return iter(_naive(values).to_pylist())
    return iter(values.to_pylist())


def _naive(values: pa.Array) -> pa.Array:
    """Return times without their zone, which a workbook cannot hold."""
    return values.cast(pa.int64()).cast(pa.timestamp("us"))


def _moment_cell(sheet: Any, moment: Any) -> Any:
    if moment is None:
        return None
    cell = WriteOnlyCell(sheet, moment)
    cell.number_format = _MILLISECONDS
    return cell


def _text_cell(sheet: Any, text: str | None) -> Any:
    if not text or text[0] != "#":
        return text or None
    # openpyxl takes texts like #N/A for errors of a formula
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


def _texts(values: pa.Array) -> pa.Array:
    """Return texts that openpyxl and a spreadsheet program take as what they are, and no formula among them."""
    text = escape_formulas(values)
    # what looks like an escape of the format is escaped itself, then what XML cannot hold
    text = pc.replace_substring_regex(text, r"_(x[0-9A-Fa-f]{4}_)", r"_x005F_\1")
    text = pc.replace_substring(text, "\r", "_x000D_")
    text = pc.replace_substring_regex(text, "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd")
    # cut last, escapes counted: openpyxl cuts longer texts without a word
    long = pc.greater(pc.utf8_length(text), CELL_CHARACTERS)
    kept = pc.utf8_slice_codeunits(text, 0, CELL_CHARACTERS - len(_CUT))
    return pc.if_else(long, pc.binary_join_element_wise(kept, _CUT, ""), text)
