"""Example ledgers, returns, registers and hand-filled tables: small files as departments write them.

Workbooks are written by hand, uncompressed and with a fixed time, so that they are the same bytes on any machine.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from example_numbers import as_text, divide_even, stream

Rows = Sequence[Sequence[str]]

#: items of the manual report, in the order of the form
MONTHLY = (
    "水温(℃)",
    "pH(无量纲)",
    "溶解氧(mg/L)",
    "高锰酸盐指数(mg/L)",
    "化学需氧量(mg/L)",
    "五日生化需氧量(mg/L)",
    "氨氮(mg/L)",
    "总磷(mg/L)",
    "氟化物(mg/L)",
)
_WELL = {
    "ph": "pH",
    "hardness": "总硬度(mg/L)",
    "tds": "溶解性总固体(mg/L)",
    "sulfate": "硫酸盐(mg/L)",
    "chloride": "氯化物(mg/L)",
    "cod_mn": "耗氧量(mg/L)",
}
YEARS = tuple(range(2021, 2026))
_TIME = (2026, 4, 1, 0, 0, 0)
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/></Relationships>',
}
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def as_csv(rows: Rows, encoding: str = "utf-8") -> bytes:
    """Put rows together, CRLF; a cell with a comma is quoted."""
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode(encoding)


def as_workbook(sheet: str, rows: Rows) -> bytes:
    """Return a workbook with one sheet of texts."""
    body = "".join(
        f'<row r="{number}">'
        + "".join(
            f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
            for place, cell in enumerate(row)
            if cell
        )
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    parts = _PARTS | {
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        f'<sheets><sheet name="{escape(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as book:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3
            book.writestr(entry, (_XML + text).encode())
    return out.getvalue()


def reduction_rows(projects: Sequence[dict[str, Any]], prefix: str) -> Rows:
    """Return the ledger of projects: one line a project and year, amounts claimed and recognised apart."""
    header = [
        "项目编号",
        "项目名称",
        "年度",
        "污染物",
        "单位",
        "上报减排量",
        "核定减排量",
        "用于替代减排量",
        "核定状态",
    ]
    rows = [header]
    for number, project in enumerate(projects, start=1):
        offset = project.get("offset", [""] * len(YEARS))
        told = zip(YEARS, project["claimed"], project["recognised"], offset, strict=True)
        rows += [
            [
                f"{prefix}{number:02d}-{year}",
                project["name"],
                str(year),
                project["pollutant"],
                "吨",
                claimed,
                recognised,
                used,
                "已核定" if recognised else "核查中",
            ]
            for year, claimed, recognised, used in told
        ]
    return rows


def return_rows(lines: Rows) -> Rows:
    """Return the departments' figures: one line an indicator, one column a year."""
    years = [f"{year}年" for year in range(2020, 2026)]
    return [["指标序号", "指标名称", "单位", *years, "依据文件"], *lines]


def target_rows(lines: Rows) -> Rows:
    """Return targets that a document hands down."""
    return [["指标名称", "单位", "目标年", "目标值", "文号", "发文日期"], *lines]


def water_rows(bodies: Rows, quarter: int, name: str) -> Rows:
    """Return the register of black-odorous water at the end of one of the quarters."""
    header = ["序号", "水体名称", "水体类型", "黑臭等级", "治理状态"]
    lines = [
        [str(number), body[0], body[1], body[2], body[3 + quarter]]
        for number, body in enumerate(bodies, start=1)
    ]
    return [[f"黑臭水体清单（{name}）", "", "", "", ""], header, *lines]


def well_rows(seed: int, wells: Sequence[dict[str, Any]], year: int) -> Rows:
    """Return one year's samplings of groundwater; ammonia is below its detection limit everywhere."""
    rows = [["点位编号", "点位名称", "采样日期", *_WELL.values(), "氨氮(mg/L)"]]
    for number, well in enumerate(wells):
        random = stream(seed, f"groundwater {well['code']} {year}")
        moved = {
            item: int(divide_even(np.asarray([well[item] * int(random.integers(970, 1031))]), 1000)[0])
            for item in _WELL
        }
        # between 7.0 and 7.9 in every year
        moved["ph"] = well["ph"] + int(random.integers(-12, 13))
        if year == YEARS[-1] and "hard" in well:
            moved["hardness"] = well["hard"]
        cells = [str(as_text(np.asarray([moved[item]]), 2, trim=True)[0]) for item in _WELL]
        rows.append([well["code"], well["name"], f"{year}-06-{10 + number}", *cells, "0.025L"])
    return rows


def monthly_rows(manual: dict[str, Any], sample: Sequence[str]) -> Rows:
    """Return a hand-filled monthly report: title, header, one line; a section without water says 断流."""
    year, month = sample[0].split("-")
    header = ["序号", "河流名称", "断面名称", "采样日期", *MONTHLY, "备注"]
    if len(sample) == 1:
        line = ["1", manual["river"], manual["name"], f"{sample[0]}-05", *[""] * len(MONTHLY), "断流"]
    else:
        line = ["1", manual["river"], manual["name"], *sample[1:], ""]
    return [[f"地表水手工监测月报（{year}年{int(month)}月）"], header, line]


def dust_rows(area: str, dust: dict[str, str]) -> Rows:
    """Return the list of sand-dust events of a spring."""
    return [
        ["地区", "事件类型", "开始时间", "结束时间", "扣除因子", "文号"],
        [area, "沙尘", dust["begin"], dust["end"], "PM10;PM2.5", dust["document"]],
    ]
