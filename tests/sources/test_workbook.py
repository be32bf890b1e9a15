"""Tables however they are packed: every kind of file gives the same cells, and a damaged one one reason."""

import io
from datetime import date, datetime
from functools import cache

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.workbook import open_sheets, shown
from vocabulary.reasons import DeliveryRefusedError

_PAGE = """<html><head><meta charset="gbk"></head><body><table border=1>
<tr><th rowspan=2>断面名称</th><th colspan="2">总磷</th></tr><tr><td>浓度</td><td>类别</td></tr>
<tr><td rowspan="2">前&nbsp;油坊</td><td>0.05L</td><td>Ⅱ</td></tr><tr><td>&lt;0.05</td><td>Ⅲ</td></tr>
</table></body></html>"""

_XML = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="三月"><Table>
<Row><Cell ss:MergeAcross="1"><Data ss:Type="String">断面</Data></Cell></Row>
<Row><Cell><Data ss:Type="String">甲&secret;</Data></Cell><Cell ss:Index="3"><Data>7.5</Data></Cell></Row>
</Table></Worksheet></Workbook>"""


@cache
def xlsx() -> bytes:
    # a workbook holds the time it was made: made once, so that every test sees the same bytes
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "三月"
    sheet["B2"], sheet["C2"], sheet["C3"], sheet["D3"] = "断面", "总磷", "浓度", "类别"
    sheet.merge_cells("B2:B3")
    sheet.merge_cells("C2:D2")
    sheet["B5"], sheet["C5"], sheet["D5"] = "甲", 0.1 + 0.2, 3
    sheet["C6"], sheet["D6"], sheet["E6"] = datetime(2026, 3, 1, 8), date(2026, 3, 1), True
    sheet.merge_cells("B5:B6")
    hidden = book.create_sheet("隐藏")
    hidden["A1"], hidden["A2"], hidden.sheet_state = "x", "y", "hidden"
    book.create_sheet("空")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_of_one_row_is_a_sheet():
    book = openpyxl.Workbook()
    book.active["A1"] = "断面"
    out = io.BytesIO()
    book.save(out)
    (sheet,) = open_sheets(out.getvalue())
    assert sheet.cells.record(0) == ["断面"]
    (page,) = open_sheets(b"<table><tr><td>a</td></tr></table>")
    assert page.cells.record(0) == ["a"]


def test_a_workbook_keeps_its_rows_and_fills_its_merged_headings():
    (sheet,) = open_sheets(xlsx())
    assert sheet.name == "三月"
    assert sheet.cells.number.tolist() == [2, 3, 5, 6]
    assert sheet.heading(0, 1) == ["", "断面", "总磷 浓度", "总磷 类别", ""]
    assert sheet.label(1).to_pylist() == ["断面", "断面", "甲", "甲"]
    # 0.30000000000000004 is what the file holds; a spreadsheet shows 15 digits of it
    assert sheet.cells.record(2)[2:4] == ["0.3", "3"]
    assert sheet.cells.record(3)[2:5] == ["2026-03-01 08:00:00", "2026-03-01", "TRUE"]


def test_a_legacy_workbook_reads_alike():
    book = xlwt.Workbook()
    sheet = book.add_sheet("三月")
    sheet.write_merge(0, 1, 0, 0, "断面")
    sheet.write_merge(0, 0, 1, 2, "总磷")
    sheet.write(1, 1, "浓度")
    sheet.write(1, 2, "类别")
    sheet.write(2, 0, "甲")
    sheet.write(2, 1, 0.05)
    sheet.write(2, 2, "Ⅱ")
    out = io.BytesIO()
    book.save(out)
    (found,) = open_sheets(out.getvalue())
    assert found.heading(0, 1) == ["断面", "总磷 浓度", "总磷 类别"]
    assert found.cells.record(2) == ["甲", "0.05", "Ⅱ"]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
def test_a_page_saved_as_xls_is_told_by_its_content(encoding):
    (sheet,) = open_sheets(_PAGE.encode(encoding))
    assert sheet.encoding == f"html+{encoding}"
    assert sheet.heading(0, 1) == ["断面名称", "总磷 浓度", "总磷 类别"]
    assert sheet.cells.record(2) == ["前 油坊", "0.05L", "Ⅱ"]
    assert sheet.label(0).to_pylist()[2:] == ["前 油坊", "前 油坊"]
    assert sheet.cells.record(3)[1:] == ["<0.05", "Ⅲ"]


def test_a_spreadsheet_in_xml_reads_no_entity_of_another_file():
    (sheet,) = open_sheets(_XML.encode())
    assert sheet.name == "三月"
    assert sheet.cells.record(1) == ["甲&secret;", "", "7.5"]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_text_is_split_at_the_separator_it_holds(separator):
    (sheet,) = open_sheets(separator.join(["断面", "总磷", "pH"]).encode("gb18030") + b"\n")
    assert sheet.cells.record(0) == ["断面", "总磷", "pH"]


def test_the_head_of_a_workbook_is_shown_as_lines():
    assert shown(xlsx()).split("\n")[2:] == [",甲,0.3,3,", ",,2026-03-01 08:00:00,2026-03-01,TRUE"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b"PK\x03\x04 and no archive", "file-unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and no workbook", "file-unreadable"),
        (b"<html><body>404 Not Found</body></html>", "file-empty"),
        (b"\x00\x01\x02\xff", "file-unreadable"),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(content, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        open_sheets(content)
    assert refused.value.code == code


#: a workbook holds the time it was made at: it must not change between two examples
_SOUND = {"xlsx": xlsx(), "page": _PAGE.encode("gb18030"), "xml": _XML.encode()}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["xlsx", "page", "xml"]))
def test_damage_ends_in_sheets_or_in_a_refusal(data, kind):
    content = bytearray(_SOUND[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    kept = bytes(content[: data.draw(st.integers(1, len(content)))])
    sheets, code = [], ""
    try:
        sheets = open_sheets(kept)
    except DeliveryRefusedError as refused:
        code = refused.code
    assert bool(sheets) != (code in {"file-unreadable", "file-empty", "file-too-large", "archive-unsafe"})
    assert all(sheet.cells.width.sum() == len(sheet.cells.raw) for sheet in sheets)
