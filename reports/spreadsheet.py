"""A workbook (Office Open XML, ECMA-376) written from Arrow tables, a column at a time.

Writing cell by cell takes minutes for a month of hourly readings; here the cells of a column are made by
one expression and joined, and only a piece of a sheet is in memory. The same rows give the same bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa
import pyarrow.compute as pc

from reports.export_fields import ExportTable
from reports.export_files import escape_formulas

#: rows of a sheet, the heading among them (ECMA-376 part 1, 18.3.1.73; Excel's limit)
SHEET_ROWS = 1_048_576
#: characters of a cell (Excel's limit)
CELL_CHARACTERS = 32_767

_CUT = "…（已截断，全文见 csv 或 parquet 导出 / cut, see the csv or parquet export）"
#: rows made at a time; with the longest cells a piece still fits an array of texts
_PIECE = 10_000
_EPOCH_DAYS = 25_569  # 1970-01-01 counted from 1899-12-30, as workbooks count days
_DAY_US = 86_400_000_000
#: a moment that never changes, so that the archive does not either
_STAMP = (1980, 1, 1, 0, 0, 0)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: cell styles: 0 plain, 1 heading, 2 minutes, 3 milliseconds
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>'
    '<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_TIME_STYLES = {"wall": 2, "utc": 2, "known": 3}


class SheetTooLongError(Exception):
    """A table has more rows than a sheet can hold."""


@dataclass(frozen=True)
class _Sheet:
    name: str
    file: str


class Workbook:
    """A workbook under way; use it as a context manager. The sheet `first` is shown first."""

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._sheets: list[_Sheet] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the workbook, or leave it unfinished when something failed."""
        if kind is None:
            self._finish()
        self._archive.close()

    def add_table(self, table: ExportTable, rows: Iterable[pa.Table]) -> int:
        """Add a sheet with one row a record under the fields' names; return the number of records.

        Raises
        ------
        SheetTooLongError
            More rows than a sheet holds.
        """
        count = 0
        with self._begin(table.name) as sheet:
            widths = "".join(
                f'<col min="{place}" max="{place}" width="{20 if field.type != "integer" else 12}" customWidth="1"/>'
                for place, field in enumerate(table.fields, start=1)
            )
            sheet.write(
                f'<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
                f'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>{widths}</cols>'
                f"<sheetData>{_heading([field.name for field in table.fields])}".encode()
            )
            for part in rows:
                count += part.num_rows
                if count + 1 > SHEET_ROWS:
                    raise SheetTooLongError(
                        f"{table.zh} {table.name} 超过工作表上限 {SHEET_ROWS - 1} 行，请用 --from/--to 缩小范围，或用 "
                        f"--format csv/parquet / {table.name} has more than {SHEET_ROWS - 1} rows, the limit of "
                        "a sheet: narrow --from/--to, or use --format csv or parquet"
                    )
                for place in range(0, part.num_rows, _PIECE):
                    sheet.write(_rows_xml(part.slice(place, _PIECE), table))
            sheet.write(b"</sheetData></worksheet>")
        return count

    def add_notes(self, name: str, lines: Sequence[Sequence[str]]) -> None:
        """Add a sheet of texts; it becomes the first one."""
        with self._begin(name) as sheet:
            body = "".join(_text_row(line) for line in lines)
            sheet.write(
                f'<cols><col min="1" max="4" width="28" customWidth="1"/></cols><sheetData>{body}</sheetData>'
                "</worksheet>".encode()
            )
        self._sheets.insert(0, self._sheets.pop())

    def _begin(self, name: str) -> _Part:
        file = f"sheet{len(self._sheets) + 1}.xml"
        self._sheets.append(_Sheet(name, file))
        part = _Part(self._archive, f"xl/worksheets/{file}")
        part.write(f'{_HEAD}<worksheet xmlns="{_MAIN}">'.encode())
        return part

    def _finish(self) -> None:
        """Write what ties the sheets together."""
        numbered = list(enumerate(self._sheets, start=1))
        sheets = "".join(
            f'<sheet name={quoteattr(sheet.name)} sheetId="{place}" r:id="rId{place}"/>'
            for place, sheet in numbered
        )
        relations = "".join(
            f'<Relationship Id="rId{place}" Type="{_RELATIONS}/worksheet" Target="worksheets/{sheet.file}"/>'
            for place, sheet in numbered
        )
        kinds = "".join(
            f'<Override PartName="/xl/worksheets/{sheet.file}" ContentType="application/vnd.openxmlformats-'
            'officedocument.spreadsheetml.worksheet+xml"/>'
            for _, sheet in numbered
        )
        parts = {
            "[Content_Types].xml": (
                f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                '<Default Extension="xml" ContentType="application/xml"/>'
                '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                'spreadsheetml.sheet.main+xml"/>'
                '<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.'
                f'spreadsheetml.styles+xml"/>{kinds}</Types>'
            ),
            "_rels/.rels": (
                f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
                f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
            ),
            "xl/workbook.xml": (
                f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'
            ),
            "xl/_rels/workbook.xml.rels": (
                f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
                f'<Relationship Id="rId{len(numbered) + 1}" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
                "</Relationships>"
            ),
            "xl/styles.xml": _STYLES,
        }
        for name, text in parts.items():
            with _Part(self._archive, name) as part:
                part.write(text.encode())


class _Part:
    """One file of the archive, written piece by piece."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        known = zipfile.ZipInfo(name, _STAMP)
        known.compress_type = zipfile.ZIP_DEFLATED
        known.external_attr = 0o644 << 16
        self._file = archive.open(known, "w", force_zip64=True)

    def write(self, content: bytes | memoryview) -> None:
        self._file.write(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def _heading(names: Sequence[str]) -> str:
    cells = "".join(f'<c t="inlineStr" s="1"><is><t>{escape(name)}</t></is></c>' for name in names)
    return f"<row>{cells}</row>"


def _text_row(texts: Sequence[str]) -> str:
    safe = escape_formulas(pa.array(texts, pa.string())).to_pylist()
    cells = "".join(
        f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>' for text in safe
    )
    return f"<row>{cells}</row>"


def _rows_xml(part: pa.Table, table: ExportTable) -> bytes:
    """Return the rows of a piece of a sheet, every column made by one expression."""
    if part.num_rows == 0:
        return b""
    cells = [
        _cells(values.combine_chunks(), field.type)
        for field, values in zip(table.fields, part.columns, strict=True)
    ]
    rows = pc.binary_join_element_wise("<row>", *cells, "</row>", "")
    joined: str = "".join(rows.to_pylist())
    return joined.encode()


def _cells(values: pa.Array, kind: str) -> pa.Array:
    """Return the cells of a column as XML; a missing value and an empty text are an empty cell."""
    if kind == "string":
        before, text, after = (
            '<c t="inlineStr"><is><t xml:space="preserve">',
            _xml_text(values),
            "</t></is></c>",
        )
    elif kind == "boolean":
        before, text, after = '<c t="b"><v>', values.cast(pa.int8()).cast(pa.string()), "</v></c>"
    elif kind in _TIME_STYLES:
        moment = values.cast(pa.int64())
        days = pc.add(pc.divide(moment.cast(pa.float64()), float(_DAY_US)), float(_EPOCH_DAYS))
        before, text, after = f'<c s="{_TIME_STYLES[kind]}"><v>', days.cast(pa.string()), "</v></c>"
    else:
        before, text, after = "<c><v>", values.cast(pa.string()), "</v></c>"
    texts = text.cast(pa.string())
    filled = pc.binary_join_element_wise(before, texts, after, "")
    filled = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), filled)
    return pc.fill_null(filled, "<c/>")


def _xml_text(values: pa.Array) -> pa.Array:
    """Return texts that XML and a spreadsheet program read as what they are, and no formula among them."""
    text = escape_formulas(values)
    long = pc.greater(pc.utf8_length(text), CELL_CHARACTERS)
    if pc.any(long).as_py():
        kept = pc.utf8_slice_codeunits(text, 0, CELL_CHARACTERS - len(_CUT))
        text = pc.if_else(long, pc.binary_join_element_wise(kept, _CUT, ""), text)
    # what looks like an escape of the format is escaped itself, then what XML cannot hold
    text = pc.replace_substring_regex(text, r"_(x[0-9A-Fa-f]{4}_)", r"_x005F_\1")
    text = pc.replace_substring(text, "\r", "_x000D_")
    text = pc.replace_substring_regex(text, "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd")
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = pc.replace_substring(text, sign, name)
    return text
