"""Groundwater points by items of GB/T 14848-2017: spellings, units, limits; expected readings by hand."""

import pytest
from made_tables import csv, page, read, remarks, said, turned_away
from made_workbooks import xlsx

from sources import groundwater_points
from sources.catalogue import recognised

HEADER = [
    "序号",
    "监测井名称",
    "区县",
    "采样日期",
    "pH",
    "总硬度(以CaCO3计)(mg/L)",
    "耗氧量（CODMn法，以O2计）(mg/L)",
    "硝酸盐(以N计)(mg/L)",
    "水质类别",
    "Ⅴ类指标",
]
FIRST = [1, "茌平示例井", "茌平区", "2026-05-12", 7.6, 412, "0.5L", "<0.08", "Ⅲ", ""]
SECOND = [2, "高新区示例井", "高新区", "2026/5/13", 7.4, 690, 1.2, 21.5, "V类", "总硬度"]
EXPECTED = [
    ("茌平示例井", "ph", "2026-05-12", 7.6, ""),
    ("茌平示例井", "total_hardness", "2026-05-12", 412.0, ""),
    ("茌平示例井", "cod_mn", "2026-05-12", 0.5, "<"),
    ("茌平示例井", "nitrate", "2026-05-12", 0.08, "<"),
    ("茌平示例井", "water_class", "2026-05-12", 3.0, ""),
    ("高新区示例井", "ph", "2026-05-13", 7.4, ""),
    ("高新区示例井", "total_hardness", "2026-05-13", 690.0, ""),
    ("高新区示例井", "cod_mn", "2026-05-13", 1.2, ""),
    ("高新区示例井", "nitrate", "2026-05-13", 21.5, ""),
    ("高新区示例井", "water_class", "2026-05-13", 5.0, ""),
]
ROWS = [["聊城市2026年上半年地下水水质监测结果表"], HEADER, FIRST, SECOND]


@pytest.mark.parametrize(
    "pack",
    [
        lambda rows: xlsx({"地下水": rows}, {"地下水": ["A1:J1"]}),
        csv,
        page,
        lambda rows: csv(rows, "gb18030"),
    ],
)
def test_points_by_items(pack):
    content = pack(ROWS)
    result = read("groundwater-points", content, "地下水_2026-05.xlsx")
    assert said(result) == EXPECTED
    assert (result.cells_in, result.blank, len(result.rejects), result.problems) == (10, 0, 0, [])
    assert set(result.readings["channel"]) == {"manual"}
    found = recognised(content, "地下水_2026-05.xlsx")
    assert next(iter(found)) == "groundwater-points"
    assert found["groundwater-points"] == 1.0
    assert groundwater_points.partition("地下水_2026-05.xlsx") == "2026-05"


@pytest.mark.parametrize(
    ("heading", "parameter", "value"),
    [
        ("溶解性总固体(mg/L)", "tds", 3.0),
        ("耗氧量(mg/L)", "cod_mn", 3.0),
        ("高锰酸盐指数(mg/L)", "cod_mn", 3.0),
        ("亚硝酸盐（以N计）(mg/L)", "nitrite", 3.0),
        ("氨氮（以N计）(mg/L)", "nh3_n", 3.0),
        ("挥发性酚类（以苯酚计）(mg/L)", "volatile_phenol", 3.0),
        ("总大肠菌群(MPN/100mL)", "total_coliform", 3.0),
        ("总大肠菌群(CFU/100mL)", "total_coliform", 3.0),
        ("总大肠菌群(MPN/L)", "total_coliform", pytest.approx(0.3)),
        ("菌落总数(CFU/mL)", "colony_count", 3.0),
        ("浑浊度(NTU)", "turbidity", 3.0),
        ("色（铂钴色度单位）", "colour", 3.0),
        ("色度(度)", "colour", 3.0),
        ("三氯甲烷(μg/L)", "chloroform", 3.0),
        ("四氯化碳(mg/L)", "carbon_tetrachloride", 3000.0),
        ("铬（六价）(mg/L)", "cr6", 3.0),
        ("砷(μg/L)", "as", 0.003),
        ("钠(mg/L)", "na", 3.0),
        ("碘化物(mg/L)", "iodide", 3.0),
    ],
)
def test_spellings_of_items(heading, parameter, value):
    result = read(
        "groundwater-points", csv([["点位名称", "采样日期", heading], ["a", "2026-05-12", "3"]]), "x.csv"
    )
    assert said(result) == [("a", parameter, "2026-05-12", value, "")]
    assert result.problems == []


def test_what_is_not_guessed():
    header = ["点位名称", "采样日期", "pH", "硝酸盐(以NO3-计)(mg/L)", "砷", "总硬度(德国度)"]
    result = read("groundwater-points", csv([header, ["a", "2026-05-12", "7", "3", "3", "3"]]), "x.csv")
    assert turned_away(result) == [
        ("", "3", "unknown-parameter"),
        ("as", "3", "unknown-unit"),
        ("total_hardness", "3", "unknown-unit"),
    ]
    assert sorted(remarks(result)) == ["column-unknown", "unknown-unit", "unknown-unit"]


def test_not_detected_and_not_monitored():
    header = ["点位名称", "采样日期", "总大肠菌群(MPN/100mL)", "苯(μg/L)", "铝(mg/L)", "铁(mg/L)"]
    result = read(
        "groundwater-points", csv([header, ["a", "2026-05-12", "未检出", "ND", "未检出", "-1"]]), "x.csv"
    )
    assert said(result) == [
        ("a", "total_coliform", "2026-05-12", 2.0, "<"),
        ("a", "benzene", "2026-05-12", 1.4, "<"),
    ]
    assert turned_away(result) == [("al", "未检出", "detection-limit-unknown")]
    assert (result.cells_in, result.blank) == (4, 1)
