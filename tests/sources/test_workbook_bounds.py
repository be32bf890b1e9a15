"""A workbook that would take more memory than there is, is refused before anything parses it."""

import io
import re
import struct
import zipfile

import openpyxl
import pytest
import xlwt
from made_workbooks import xls, xlsx

from sources.workbook import open_sheets
from vocabulary.reasons import DeliveryRefusedError


def refused(content: bytes) -> str:
    with pytest.raises(DeliveryRefusedError) as refusal:
        open_sheets(content)
    return refusal.value.code


def repacked(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """Return a zip file with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as made:
        for name in source.namelist():
            body = source.read(name)
            if name == part:
                assert old in body
                body = body.replace(old, new)
            made.writestr(name, body)
    return out.getvalue()


def legacy(row: int, column: int) -> bytes:
    """Return a legacy workbook with a number that stands elsewhere than at A1."""
    sound, number = xls({"a": [[1.23456789]]}), struct.pack("<HHHH", 0x0203, 14, 0, 0)
    assert sound.count(number) == 1
    return sound.replace(number, struct.pack("<HHHH", 0x0203, 14, row, column))


def test_two_cells_at_the_far_corners_of_a_sheet():
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "断面", 1
    out = io.BytesIO()
    book.save(out)
    assert len(out.getvalue()) < 10_000
    assert refused(out.getvalue()) == "file-too-large"


def test_an_empty_cell_at_the_far_corner_takes_no_place():
    content = repacked(
        xlsx({"a": [["断面"]]}),
        "xl/worksheets/sheet1.xml",
        b"</sheetData>",
        b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>',
    )
    (sheet,) = open_sheets(content)
    assert sheet.cells.raw.to_pylist() == ["断面"]


def test_cells_without_a_place_are_counted():
    content = xlsx({"a": [[1, 2], [3, 4]]})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        body = archive.read("xl/worksheets/sheet1.xml")
    bare = re.sub(rb'<c r="[A-Z]+\d+"', b"<c", body)
    (sheet,) = open_sheets(repacked(content, "xl/worksheets/sheet1.xml", body, bare))
    assert sheet.cells.raw.to_pylist() == ["1", "2", "3", "4"]
    # rows of a million each in one sheet: a row's number and cells that follow one another
    far = bare.replace(b'<row r="2"', b'<row r="1048576"').replace(b"<c", b'<c r="SZZ1"><v>1</v></c><c', 1)
    assert refused(repacked(content, "xl/worksheets/sheet1.xml", body, far)) == "file-too-large"


def test_binary_sheets_are_not_read():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("[Content_Types].xml", "<Types/>")
        made.writestr("xl/worksheets/sheet1.bin", b"\x00")
    assert refused(out.getvalue()) == "file-unreadable"


@pytest.mark.parametrize(("across", "down"), [(2_000_000, 100), (20_000_001, 1)])
def test_repetitions_of_an_open_document(across, down):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr(
            "content.xml",
            f'<table:table><table:table-row table:number-rows-repeated="{down}"><table:table-cell'
            f' table:number-columns-repeated="{across}" office:value="1"/></table:table-row></table:table>',
        )
    assert refused(out.getvalue()) == "file-too-large"


def test_a_legacy_cell_has_at_most_256_columns():
    assert open_sheets(legacy(3, 5))[0].cells.number.tolist() == [4]
    assert refused(legacy(65535, 256)) == "file-unreadable"
    assert refused(legacy(0, 65535)) == "file-unreadable"


def test_the_last_row_of_a_legacy_sheet_is_within_the_limits():
    (sheet,) = open_sheets(legacy(65535, 2))
    assert sheet.cells.number.tolist() == [65536]


@pytest.mark.parametrize(("last_row", "last_column"), [(2**31, 1), (65536, 65535)])
def test_dimensions_that_reserve_memory(last_row, last_column):
    sound = xls({"a": [[1.5]]})
    at = sound.index(struct.pack("<HH", 0x0200, 14)) + 4
    lying = sound[:at] + struct.pack("<IIHH", 0, last_row, 0, last_column) + sound[at + 12 :]
    assert refused(lying) == "file-too-large"


def test_strings_that_reserve_memory():
    sound = xls({"a": [["断面"]]})
    at = sound.index(struct.pack("<H", 0x00FC)) + 4
    assert struct.unpack_from("<I", sound, at + 4)[0] == 1
    assert refused(sound[: at + 4] + struct.pack("<I", 2**31) + sound[at + 8 :]) == "file-unreadable"


@pytest.mark.parametrize("at", [30, 32, 44, 48, 60, 68, 76])
def test_a_damaged_compound_file(at):
    sound = xls({"a": [["断面"]]})
    hurt = sound[:at] + b"\x7f\x7f\x7f\x0f" + sound[at + 4 :]
    try:
        sheets = open_sheets(hurt)
    except DeliveryRefusedError as refusal:
        code = refusal.code
        assert code == "file-unreadable"
    else:
        assert sheets[0].cells.raw.to_pylist() == ["断面"]


def test_a_small_workbook_of_many_sheets_reads():
    book = xlwt.Workbook()
    for number in range(200):
        sheet = book.add_sheet(f"表{number}")
        sheet.write(number, number, f"{number}号")
    out = io.BytesIO()
    book.save(out)
    found = open_sheets(out.getvalue())
    assert [sheet.cells.raw.to_pylist()[-1] for sheet in found] == [f"{number}号" for number in range(200)]


def test_a_legacy_workbook_of_eight_megabytes_names_its_sectors_in_a_chain():
    # the header names 109 sectors of 128 entries, which reach 7 MB; the rest is chained
    book = xlwt.Workbook()
    sheet = book.add_sheet("a")
    for row in range(0, 65536, 8):
        sheet.write(row, 0, f"{row:01000d}")
    out = io.BytesIO()
    book.save(out)
    assert len(out.getvalue()) > 109 * 128 * 512
    (found,) = open_sheets(out.getvalue())
    assert found.cells.records == 8192
