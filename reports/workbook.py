"""The staff workbook (工作簿) of a district and year: typed cells, official colours with text, nothing runs as a formula."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet

from reports.site.palette import Shade, water_classes
from reports.spreadsheet import CELL_CHARACTERS, SHEET_ROWS, SheetTooLongError
from reports.terminal import STATUS
from vocabulary.water_class import class_sign

AnyCell = Cell | MergedCell
#: characters a sheet's XML cannot hold
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
#: a text that a spreadsheet program would take for a formula when it is typed in again
_FORMULA = re.compile(r"^[=+\-@\t\r\n]")
_FILLS = {
    "green": "E2F4E5",
    "yellow": "FFF4CC",
    "red": "F9D6D5",
    "cyan": "DFF1F6",
    "dim": "EEEEEE",
    "": "FFFFFF",
}
_HEAD_FILL = PatternFill("solid", fgColor="DCE6EC")
_THIN = Side(style="thin", color="C8D0D6")
_GRID = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_WRAPPED = Alignment(wrap_text=True, vertical="center", indent=1)
_PLAIN = Alignment(vertical="center")
_INDENTED = Alignment(vertical="center", indent=1)
_CENTRED = Alignment(horizontal="center", vertical="center")
_NOTES = "说明"
#: points of a line of text, and of a heading of up to three
_LINE, _HEAD_HEIGHT = 16.5, 50
_FONT, _SIZE = "Calibri", 11


@dataclass(frozen=True)
class Column:
    """One column of a sheet; `kind` says how its cells are typed and shown."""

    key: str
    zh: str
    en: str
    kind: str
    width: int


@dataclass(frozen=True)
class SheetPlan:
    """One sheet: its columns, and how many of them stay in sight."""

    key: str
    zh: str
    en: str
    frozen: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class About:
    """What a workbook says of itself: whose, of which year, as known when; `key` tells two states apart."""

    district: str
    year: int
    known_at: datetime
    key: str
    levels: Mapping[int, Shade]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("reports").joinpath("data/workbook.toml").read_text("utf-8"))


@cache
def workbook_sheets() -> tuple[SheetPlan, ...]:
    """Return the sheets in order, from reports/data/workbook.toml."""
    return tuple(
        SheetPlan(
            item["key"],
            item["zh"],
            item["en"],
            item["frozen"],
            tuple(Column(*column) for column in item["columns"]),
        )
        for item in _data()["sheet"]
    )


def words(group: str) -> dict[str, str]:
    """Return the Chinese words of a group: verdict, period_kind, state, level."""
    found: dict[str, str] = _data()["words"][group]
    return found


def write_workbook(frames: Mapping[str, pd.DataFrame], about: About) -> bytes:
    """Return the workbook of a district and year.

    Parameters
    ----------
    frames
        Sheet key -> one row a record with the sheet's columns; a missing value is an empty cell. Columns of kind `class`
        hold 1…6 or a text that stands for it (断流), those of kind `level` 1…6.
    about
        What the workbook says of itself.

    Raises
    ------
    reports.spreadsheet.SheetTooLongError
        More rows than a sheet holds.
    """
    book = openpyxl.Workbook()
    plain = book.active
    if plain is not None:
        book.remove(plain)
    _notes(book.create_sheet(_NOTES), frames, about)
    for plan in workbook_sheets():
        _sheet(book.create_sheet(plan.zh), plan, frames[plan.key], about)
    book.properties.title = f"{about.district} {about.year}"
    book.properties.creator = "ecoplan"
    book.properties.identifier = about.key
    book.properties.created = book.properties.modified = about.known_at
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def key_of(path: Path) -> str | None:
    """Return the key a workbook was made with; None where there is none, or none of ours."""
    try:
        with zipfile.ZipFile(path) as parts:
            found = re.search(
                rb"<dc:identifier[^>]*>([^<]*)</dc:identifier>", parts.read("docProps/core.xml")
            )
    except (OSError, KeyError, zipfile.BadZipFile, InvalidFileException):
        return None
    return found[1].decode() if found else None


def _sheet(sheet: Worksheet, plan: SheetPlan, frame: pd.DataFrame, about: About) -> None:
    if len(frame) + 1 > SHEET_ROWS:
        raise SheetTooLongError(
            f"{plan.zh} 有 {len(frame)} 行，超过工作表上限 / {plan.key} has {len(frame)} rows, more than a sheet holds"
        )
    for place, column in enumerate(plan.columns, start=1):
        head = sheet.cell(1, place)
        _text(head, f"{column.zh}\n{column.en}")
        head.font, head.fill, head.border = Font(bold=True, name=_FONT, size=_SIZE), _HEAD_FILL, _GRID
        head.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center")
        sheet.column_dimensions[get_column_letter(place)].width = column.width
        # a column at a time; a cell of a workbook is written by itself
        for row, value in enumerate(frame[column.key].astype(object).tolist(), start=2):
            _cell(sheet.cell(row, place), value, column.kind, about)
    sheet.row_dimensions[1].height = _HEAD_HEIGHT
    for row, lines in enumerate(_lines(plan, frame), start=2):
        sheet.row_dimensions[row].height = _LINE * lines
    sheet.freeze_panes = sheet.cell(2, plan.frozen + 1).coordinate
    last = get_column_letter(len(plan.columns))
    sheet.auto_filter.ref = f"A1:{last}{max(len(frame) + 1, 2)}"
    _page(sheet)
    sheet.print_title_rows = "1:1"
    sheet.print_options.gridLines = True
    if sheet.oddFooter is not None:
        sheet.oddFooter.center.text = f"{about.district} {about.year} &P/&N"


def _page(sheet: Worksheet) -> None:
    """Print on A4, lying, as many pages long as it takes and one wide."""
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9  # A4
    sheet.page_setup.fitToHeight = 0
    if sheet.sheet_properties.pageSetUpPr is not None:
        sheet.sheet_properties.pageSetUpPr.fitToPage = True


def _lines(plan: SheetPlan, frame: pd.DataFrame) -> list[int]:
    """Return how many lines each row needs for its wrapped texts; a Chinese character is as wide as two others."""
    needed = pd.Series(1, index=frame.index)
    for column in plan.columns:
        if column.kind == "long":
            texts = frame[column.key].astype(object).where(frame[column.key].notna(), "").astype("str")
            wide = texts.str.len() + texts.str.count("[\u2e80-\uffef]")
            needed = needed.combine((wide // (column.width + 2) + 1).clip(1, 12), max)
    return [int(lines) for lines in needed]


def _cell(cell: AnyCell, value: Any, kind: str, about: About) -> None:
    """Write one cell: a number as a number, a time as a time, a text as a text, whatever it looks like."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return
    if kind in {"class", "level"}:
        _shaded(cell, value, water_classes() if kind == "class" else about.levels, kind)
    elif kind == "status":
        said, _, colour = STATUS.get(str(value), (str(value), "", ""))
        _text(cell, said)
        cell.fill = PatternFill("solid", fgColor=_FILLS[colour])
        cell.alignment = _INDENTED
    elif isinstance(value, str):
        _text(cell, value)
        cell.alignment = _WRAPPED if kind == "long" else _INDENTED
    elif kind in {"date", "time"}:
        moment = pd.Timestamp(value).to_pydatetime()
        cell.value = moment.date() if kind == "date" else moment
        cell.number_format = _data()["formats"][kind]
        cell.alignment = _CENTRED
    elif kind == "integer":
        cell.value = int(value)
        cell.number_format = _data()["formats"][kind]
        cell.alignment = _PLAIN
    else:
        # what binary fractions add is no part of the figure
        cell.value = float(f"{float(value):.12g}")
        cell.alignment = _PLAIN


def _shaded(cell: AnyCell, value: Any, shades: Mapping[int, Shade], kind: str) -> None:
    """Write a class or level as a text on its colour; a word that stands for one (断流) has none."""
    if isinstance(value, str):
        _text(cell, value)
        return
    shade = shades[int(value)]
    _text(cell, class_sign(int(value)) if kind == "class" else shade.zh)
    _paint(cell, shade)
    cell.alignment = _CENTRED


def _paint(cell: AnyCell, shade: Shade) -> None:
    cell.fill = PatternFill("solid", fgColor="{:02X}{:02X}{:02X}".format(*shade.rgb))
    cell.font = Font(color="{:02X}{:02X}{:02X}".format(*shade.ink), name=_FONT, size=_SIZE)


def _text(cell: AnyCell, text: str) -> None:
    """Write a text as a text: no formula, no error value; a program that edits it keeps it so (quotePrefix)."""
    clean = _ESCAPE.sub("_x005F_", _ILLEGAL.sub("\ufffd", text))[:CELL_CHARACTERS]
    cell.value = clean
    cell.data_type = "s"
    if _FORMULA.match(clean):
        cell.quotePrefix = True


def _notes(sheet: Worksheet, frames: Mapping[str, pd.DataFrame], about: About) -> None:
    """Fill the first sheet: whose, as known when, what is in the sheets, and what the colours mean."""
    for letter, width in zip("ABCD", (22, 44, 44, 12), strict=True):
        sheet.column_dimensions[letter].width = width
    lines: list[Sequence[str | int]] = [
        (f"{about.district} {about.year} 年度工作簿",),
        (f"workbook of {about.year}",),
        ("截至 as known at", f"{about.known_at:%Y-%m-%d %H:%M}（北京时间 Asia/Shanghai）"),
        (
            "说明 note",
            "数字、日期为真数值，可筛选、可计算；颜色旁均有文字。",
            "Figures and dates are typed; every colour has its words beside it.",
        ),
        (),
        ("工作表 sheet", "内容", "content", "行数 rows"),
        *[(plan.zh, plan.zh, plan.en, len(frames[plan.key])) for plan in workbook_sheets()],
        (),
        ("颜色 colours", "含义", "meaning", ""),
    ]
    for row, line in enumerate(lines, start=1):
        for place, value in enumerate(line, start=1):
            cell = sheet.cell(row, place)
            cell.alignment = _WRAPPED if len(line) > 1 else _PLAIN
            if isinstance(value, int):
                cell.value = value
            else:
                _text(cell, value)
            if row == 1 or line[0] in {"工作表 sheet", "颜色 colours"}:
                cell.font = Font(bold=True, name=_FONT, size=14 if row == 1 else _SIZE)
    _page(sheet)
    row = len(lines)
    shades = [(class_sign(number) + " 类", shade) for number, shade in water_classes().items()]
    shades += [(f"AQI {shade.zh}", shade) for shade in about.levels.values()]
    for name, shade in shades:
        row += 1
        _text(sheet.cell(row, 1), name)
        _paint(sheet.cell(row, 1), shade)
        _text(sheet.cell(row, 2), f"{shade.zh}（{shade.clause}）")
        _text(sheet.cell(row, 3), shade.en)
