"""Small workbooks made by hand for the reader tests."""

import io
from collections.abc import Mapping, Sequence

import openpyxl
import xlwt

Rows = Sequence[Sequence[object]]


def xlsx(sheets: Mapping[str, Rows], merged: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """Return a workbook with these sheets; `merged` names ranges such as `A1:C1`."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cells in (merged or {}).get(name, ()):
            sheet.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xls(sheets: Mapping[str, Rows]) -> bytes:
    """Return a legacy workbook with these sheets."""
    book = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name)
        for row, fields in enumerate(rows):
            for column, field in enumerate(fields):
                if field is not None:
                    sheet.write(row, column, field)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
