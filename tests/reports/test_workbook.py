"""The staff workbook: cells are typed, colours are the official ones with text, nothing runs as a formula."""

from __future__ import annotations

from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from indicators.registry import default_registry
from reports.site.palette import aqi_levels
from reports.workbook import About, key_of, workbook_sheets, write_workbook

_EVIL = '=cmd|"/C calc"!A1'


def about(key: str = "k1") -> About:
    levels = default_registry().get("HJ633-2012").tables["levels"].values()
    return About("示例区", 2025, datetime(2026, 4, 1, 8, 30), key, aqi_levels(list(levels)))


def frames(**given: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    return {
        plan.key: pd.DataFrame(given.get(plan.key, []), columns=[column.key for column in plan.columns])
        for plan in workbook_sheets()
    }


def written(**given: list[dict[str, Any]]) -> Any:
    return openpyxl.load_workbook(BytesIO(write_workbook(frames(**given), about())))


def cells(sheet: Any, row: int) -> dict[str, Any]:
    """The cells of a row by the Chinese half of their heading."""
    return {
        sheet.cell(1, place).value.split("\n")[0]: sheet.cell(row, place)
        for place in range(1, sheet.max_column + 1)
    }


def test_every_sheet_is_there_with_a_frozen_heading_a_filter_and_widths() -> None:
    book = written()
    assert book.sheetnames == [
        "说明",
        "指标",
        "断面逐月",
        "断面明细",
        "每日AQI",
        "排口",
        "排口逐月",
        "排放量与许可",
        "预警",
        "修订",
    ]
    for name in book.sheetnames[1:]:
        sheet = book[name]
        assert sheet.freeze_panes is not None
        assert sheet.freeze_panes.endswith("2")
        assert sheet.auto_filter.ref.startswith("A1:")
        assert sheet.print_title_rows in {"1:1", "$1:$1"}
        assert all(sheet.column_dimensions[cell.column_letter].width >= 6 for cell in sheet[1])


def test_classes_have_their_colour_and_their_sign() -> None:
    row = {
        "site": "S1",
        "name": "断面",
        "target": 4,
        "m01": 1,
        "m02": 2,
        "m03": 3,
        "m04": 4,
        "m05": 5,
        "m06": 6,
        "m07": "断流",
    }
    found = cells(written(sections=[row])["断面逐月"], 2)
    said = {name: cell.value for name, cell in found.items() if cell.value is not None}
    assert [said[f"{month}月"] for month in range(1, 8)] == ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ", "断流"]
    assert said["目标"] == "Ⅳ"
    fills = [found[f"{month}月"].fill.fgColor.rgb[-6:] for month in range(1, 7)]
    # 环办〔2011〕22号 表1: 蓝 蓝 绿 黄 橙 红, by hue
    red, green, blue = ([int(fill[at : at + 2], 16) for fill in fills] for at in (0, 2, 4))
    assert all(blue[place] > red[place] for place in (0, 1))
    assert green[2] > max(red[2], blue[2])
    assert min(red[3], green[3]) > 200 > blue[3]
    assert red[4] > green[4] > blue[4]
    assert red[5] > 150 > max(green[5], blue[5])
    assert len(set(fills)) == 6
    # a word, and a month without a reading, have no colour
    assert found["7月"].fill.fill_type is None
    assert found["8月"].value is None


def test_levels_of_the_index_have_the_colours_of_the_standard() -> None:
    rows = [{"day": pd.Timestamp(2025, 1, level), "aqi": level * 50, "level": level} for level in range(1, 7)]
    sheet = written(days=rows)["每日AQI"]
    # HJ 633-2012 table 2 and its colours: 优 绿 (0,228,0) … 严重污染 褐红 (126,0,35)
    expected = ["00E400", "FFFF00", "FF7E00", "FF0000", "99004C", "7E0023"]
    words = ["优", "良", "轻度污染", "中度污染", "重度污染", "严重污染"]
    for row, (fill, word) in enumerate(zip(expected, words, strict=True), start=2):
        cell = cells(sheet, row)["级别"]
        assert cell.value == word
        assert cell.fill.fgColor.rgb[-6:] == fill


def test_numbers_dates_and_texts_are_what_they_are() -> None:
    book = written(
        days=[{"day": pd.Timestamp(2025, 3, 10), "aqi": 151, "level": 4, "pm2_5": 115.25, "co": 0.1 + 0.2}],
        indicators=[
            {"indicator": 1, "name": "PM2.5", "value": 43.0, "target": 42.0, "status": "off-track"},
            {
                "indicator": 6,
                "name": "地下水",
                "value": None,
                "target": "完成市下达任务",
                "status": "target-pending",
            },
        ],
        alerts=[{"id": 7, "since": pd.Timestamp(2025, 3, 25, 8), "until": None, "class": 6}],
    )
    day = cells(book["每日AQI"], 2)
    assert day["日期"].is_date
    assert day["日期"].value.date() == date(2025, 3, 10)
    assert (day["AQI"].data_type, day["AQI"].value) == ("n", 151)
    assert day["PM2.5 µg/m³"].value == 115.25
    assert day["CO mg/m³"].value == 0.3
    first, sixth = cells(book["指标"], 2), cells(book["指标"], 3)
    assert (first["目标"].data_type, first["目标"].value) == ("n", 42)
    assert (sixth["目标"].data_type, sixth["目标"].value) == ("s", "完成市下达任务")
    assert sixth["现值"].value is None
    assert first["状态"].value == "未达标"
    assert first["状态"].fill.fill_type == "solid"
    episode = cells(book["预警"], 2)
    assert episode["起"].value == datetime(2025, 3, 25, 8)
    assert episode["止"].value is None
    assert episode["最差类别"].value == "劣Ⅴ"


@pytest.mark.parametrize(
    "text", [_EVIL, "+1", "-2+3", "@SUM(A1)", "\t=1", "#N/A", "1.5", "_x0041_", "<b>&amp;</b>"]
)
def test_no_text_becomes_anything_else(text: str) -> None:
    cell = cells(written(alerts=[{"id": 1, "name": text, "message": text}])["预警"], 2)
    for heading in ("对象", "内容"):
        assert cell[heading].data_type == "s"
        assert cell[heading].value.replace("_x005F_", "_") == text
        assert bool(cell[heading].quotePrefix) == (text[0] in "=+-@\t")


def test_characters_that_a_sheet_cannot_hold_are_marked() -> None:
    assert (
        cells(written(alerts=[{"id": 1, "name": "a\x00b\x1f"}])["预警"], 2)["对象"].value == "a\ufffdb\ufffd"
    )


def test_the_notes_tell_whose_it_is_and_what_colours_mean() -> None:
    notes = [[cell.value for cell in row] for row in written(sections=[{"site": "S1"}])["说明"].iter_rows()]
    text = "\n".join(str(value) for row in notes for value in row if value is not None)
    assert "示例区 2025" in text
    assert "2026-04-01 08:30" in text
    assert "劣Ⅴ 类" in text
    assert "AQI 重度污染" in text
    assert ["断面逐月", "断面逐月", "class of sections by month", 1] in notes


def test_a_workbook_knows_what_it_was_made_of(tmp_path: Path) -> None:
    place = tmp_path / "w.xlsx"
    assert key_of(place) is None
    place.write_bytes(write_workbook(frames(), about("abc123")))
    assert key_of(place) == "abc123"
    place.write_text("no workbook")
    assert key_of(place) is None
