"""Manual monthly reports of surface-water sections: headers, units, dates and values as they come.

Expected readings were read off the rows by hand; GB 3838-2002 table 1 gives the items and units.
"""

import io
from datetime import date, datetime

import openpyxl
import pytest
from made_tables import csv, page, read, remarks, said, turned_away
from made_workbooks import xls, xlsx

from sources import water_monthly
from sources.catalogue import head_of, recognised
from vocabulary.reasons import DeliveryRefusedError

TITLE = ["茌平区2026年3月地表水水质监测月报"]
TOP = [
    "序号",
    "河流名称",
    "断面名称",
    "采样时间",
    None,
    None,
    "监测项目",
    None,
    None,
    None,
    "水质类别",
    None,
    "备注",
]
BELOW = [
    None,
    None,
    None,
    "年",
    "月",
    "日",
    "水温(℃)",
    "pH(无量纲)",
    "溶解氧(mg/L)",
    "氨氮(mg/L)",
    "规定类别",
    "实测类别",
    None,
]
SPANS = ["A1:M1", "A2:A3", "B2:B3", "C2:C3", "D2:F2", "G2:J2", "K2:L2", "M2:M3"]
FIRST = [1, "徒骇河", "徒骇河示例断面", 2026, 3, 5, 12.5, 8.1, 9.24, "0.025L", "Ⅳ", "Ⅱ", None]
SECOND = [2, "马颊河", "马颊河示例断面", 2026, 3, 6, 11.0, 7.9, 8.0, 1.62, "Ⅳ", "劣Ⅴ", None]
EXPECTED = [
    ("徒骇河示例断面", "water_temp", "2026-03-05", 12.5, ""),
    ("徒骇河示例断面", "ph", "2026-03-05", 8.1, ""),
    ("徒骇河示例断面", "do", "2026-03-05", 9.24, ""),
    ("徒骇河示例断面", "nh3_n", "2026-03-05", 0.025, "<"),
    ("徒骇河示例断面", "water_class", "2026-03-05", 2.0, ""),
    ("马颊河示例断面", "water_temp", "2026-03-06", 11.0, ""),
    ("马颊河示例断面", "ph", "2026-03-06", 7.9, ""),
    ("马颊河示例断面", "do", "2026-03-06", 8.0, ""),
    ("马颊河示例断面", "nh3_n", "2026-03-06", 1.62, ""),
    ("马颊河示例断面", "water_class", "2026-03-06", 6.0, ""),
]
ROWS = [TITLE, TOP, BELOW, FIRST, SECOND]


def simple(
    *rows,
    items=("pH", "溶解氧(mg/L)", "氨氮(mg/L)"),
    name="报表.csv",
    label=("断面名称", "采样日期"),
    above=(),
):
    return read("water-monthly", csv([*above, [*label, *items], *rows]), name)


def test_a_workbook_with_title_and_merged_headers():
    result = read("water-monthly", xlsx({"三月": ROWS}, {"三月": SPANS}), "月报/2026年3月.xlsx")
    assert said(result) == EXPECTED
    assert (result.cells_in, result.blank, len(result.rejects), result.problems) == (10, 0, 0, [])
    assert result.encoding == "xlsx"
    assert set(result.readings["channel"]) == {"manual"}
    assert set(result.readings["sheet"]) == {"三月"}
    assert result.readings["row"].tolist() == [4] * 5 + [5] * 5
    limits = result.readings["detection_limit"]
    assert limits.dropna().to_dict() == {3: 0.025}
    assert result.readings["column"].tolist()[3:5] == ["监测项目 氨氮(mg/L)", "水质类别 实测类别"]
    assert f"{result.issued_at:%Y-%m-%d %H:%M}" == "2026-04-01 00:00"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_same_as_csv_without_any_merged_range(encoding):
    result = read("water-monthly", csv(ROWS, encoding), "2026年3月.csv")
    assert said(result) == EXPECTED
    assert (result.cells_in, len(result.rejects), result.problems) == (10, 0, [])


def test_the_same_as_a_legacy_workbook():
    assert said(read("water-monthly", xls({"三月": ROWS}), "2026年3月.xls")) == EXPECTED


def test_the_same_as_a_page_saved_as_xls():
    top = ["序号", "河流名称", "断面名称", "采样时间", "监测项目", "水质类别", "备注"]
    spans = [(1, 2), (1, 2), (1, 2), (3, 1), (4, 1), (2, 1), (1, 2)]
    header = [(text, *span) for text, span in zip(top, spans, strict=True)]
    rows = [[(TITLE[0], 13, 1)], header, [text for text in BELOW if text], FIRST, SECOND]
    result = read("water-monthly", page(rows), "2026年3月.xls")
    assert said(result) == EXPECTED
    assert result.encoding == "html+gb18030"


@pytest.mark.parametrize("pack", [lambda rows: xlsx({"三月": rows}, {"三月": SPANS}), csv, page])
def test_it_is_recognised(pack):
    content = pack([[text if not isinstance(text, tuple) else text[0] for text in row] for row in ROWS])
    found = recognised(content, "月报/2026年3月.xlsx")
    assert next(iter(found)) == "water-monthly"
    assert found["water-monthly"] == 1.0
    assert water_monthly.recognise(head_of(content), "x.xlsx") == 0.9


def test_other_layouts_are_not_taken_for_it():
    release = "省份,流域,断面名称,监测时间,水质类别,水温(℃),pH(无量纲),溶解氧(mg/L),氨氮(mg/L),站点情况\n"
    release += "山东省,海河流域,x,03-05 04:00,Ⅲ,12,8,9,0.1,正常\n"
    assert water_monthly.recognise(release, "山东省/2026-03/x.csv") < 0.3
    assert water_monthly.recognise("date,hour,type,1001A", "x.csv") == 0.0
    assert water_monthly.recognise("断面名称,采样日期,备注\na,b,c\n", "x.csv") == 0.0
    assert water_monthly.recognise("断面名称,采样日期,pH\na,2026-03-05,7\n", "x.csv") == 0.2
    assert water_monthly.recognise("", "x.csv") == 0.0
    assert water_monthly.partition("月报/2026年3月.xlsx") == "2026-03"


@pytest.mark.parametrize(
    ("heading", "parameter", "value"),
    [
        ("高锰酸盐指数(mg/L)", "cod_mn", 4.2),
        ("高锰酸盐\n指数（mg/L）", "cod_mn", 4.2),
        ("高锰酸盐指数 （ｍｇ／Ｌ）", "cod_mn", 4.2),
        ("CODMn(mg/L)", "cod_mn", 4.2),
        ("高锰酸盐指数(CODMn)(mg/L)", "cod_mn", 4.2),
        ("高锰酸盐指数 mg/L", "cod_mn", 4.2),
        ("氨氮 NH3-N(mg/L)", "nh3_n", 4.2),
        ("氨氮（NH3-N）（mg/L）", "nh3_n", 4.2),
        ("NH3-N,mg/L", "nh3_n", 4.2),
        ("氨氮(以N计)(mg/L)", "nh3_n", 4.2),
        ("总磷(以P计)(mg/L)", "tp", 4.2),
        ("总磷（以Ｐ计）(毫克/升)", "tp", 4.2),
        ("总磷浓度(mg/L)", "tp", 4.2),
        ("铬（六价）(mg/L)", "cr6", 4.2),
        ("六价铬(μg/L)", "cr6", 0.0042),
        ("汞(ug/L)", "hg", 0.0042),
        ("氟化物（以F-计）(mg/L)", "fluoride", 4.2),
        ("五日生化需氧量(BOD5)(mg/L)", "bod5", 4.2),
        ("BOD5(mg/L)", "bod5", 4.2),
        ("化学需氧量(COD)(mg/L)", "cod", 4.2),
        ("阴离子表面活性剂(LAS)(mg/L)", "las", 4.2),
        ("粪大肠菌群(个/L)", "fecal_coliform", 4.2),
        ("粪大肠杆菌群（个／L）", "fecal_coliform", 4.2),
        ("粪大肠菌群(MPN/L)", "fecal_coliform", 4.2),
        ("水温(℃)", "water_temp", 4.2),
        ("pH值", "ph", 4.2),
        ("ｐＨ（无量纲）", "ph", 4.2),
        ("透明度(cm)", "transparency", 0.042),
        ("电导率(mS/m)", "conductivity", 42.0),
    ],
)
def test_spellings_of_items_and_units(heading, parameter, value):
    result = simple(["a", "2026-03-05", "4.2"], items=[heading])
    assert said(result) == [("a", parameter, "2026-03-05", pytest.approx(value, rel=1e-15), "")]
    assert result.problems == []


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        ("总磷(以PO43-计)(mg/L)", "unknown-parameter"),
        ("总磷(ppm)", "unknown-unit"),
        ("总磷(mg/kg)", "unknown-unit"),
        ("汞", "unknown-unit"),
        ("氨氮超标倍数", "unknown-parameter"),
        ("某指标(mg/L)", "unknown-parameter"),
    ],
)
def test_items_and_units_that_are_not_guessed(heading, code):
    result = simple(["a", "2026-03-05", "7", "4.2"], items=["pH", heading])
    assert turned_away(result) == [
        ("" if code == "unknown-parameter" else {"总": "tp", "汞": "hg"}[heading[0]], "4.2", code)
    ]
    assert (result.cells_in, len(result.readings)) == (2, 1)
    assert remarks(result) == ["column-unknown" if code == "unknown-parameter" else "unknown-unit"]


def test_units_in_a_row_of_their_own():
    units = ["", "", "无量纲", "mg/L", "μg/L", "个/L"]
    result = simple(
        units, ["a", "2026-03-05", "8", "9", "0.04", "330"], items=["pH", "溶解氧", "汞", "粪大肠菌群"]
    )
    assert [(name, value) for _, name, _, value, _ in said(result)] == [
        ("ph", 8.0), ("do", 9.0), ("hg", 0.00004), ("fecal_coliform", 330.0)
    ]  # fmt: skip
    assert (result.cells_in, result.problems) == (4, [])


def test_a_row_of_dashes_is_no_row_of_units():
    result = simple(["a", "2026-03-05", "-", "-", "-"], ["b", "2026-03-05", "8", "9", "1"])
    assert (result.cells_in, result.blank, len(result.readings)) == (6, 3, 3)


def test_a_unit_for_the_whole_table_and_for_single_items():
    above = [["单位：mg/L（pH无量纲、水温℃、汞μg/L、粪大肠菌群个/L）"]]
    items = ["水温", "pH", "铜", "汞", "粪大肠菌群", "镉"]
    result = simple(["a", "2026-03-05", "8", "7", "0.01", "0.04", "330", "0.001"], items=items, above=above)
    assert [(name, value) for _, name, _, value, _ in said(result)] == [
        ("water_temp", 8.0), ("ph", 7.0), ("cu", 0.01), ("hg", 0.00004), ("fecal_coliform", 330.0), ("cd", 0.001)
    ]  # fmt: skip
    assert result.problems == []


def test_an_item_left_out_of_the_tables_unit_is_not_given_it():
    result = simple(["a", "2026-03-05", "0.01", "0.04"], items=["铜", "汞"], above=[["单位：mg/L（汞除外）"]])
    assert turned_away(result) == [("hg", "0.04", "unknown-unit")]


def test_a_group_of_columns_may_state_the_unit():
    rows = [
        ["断面名称", "采样日期", "监测项目（mg/L）", None],
        [None, None, "pH", "铅"],
        ["a", "2026-03-05", 7, 0.02],
    ]
    result = read("water-monthly", xlsx({"表": rows}, {"表": ["A1:A2", "B1:B2", "C1:D1"]}))
    assert [row[1::2] for row in said(result)] == [("ph", 7.0), ("pb", 0.02)]


def test_without_any_unit_the_forms_own_is_taken_and_said():
    result = simple(["a", "2026-03-05", "9", "1.2", "0.001"], items=["溶解氧", "氨氮", "镉"])
    assert [row[1::2] for row in said(result)] == [("do", 9.0), ("nh3_n", 1.2)]
    assert turned_away(result) == [("cd", "0.001", "unknown-unit")]
    assert remarks(result) == ["unknown-unit", "unit-by-form"]


def test_a_group_of_targets_was_not_measured():
    rows = [
        ["断面名称", "采样日期", "监测结果", None, "目标水质", None],
        [None, None, "氨氮(mg/L)", "总磷(mg/L)", "氨氮(mg/L)", "总磷(mg/L)"],
        ["a", "2026-03-05", 1.1, 0.2, 1.5, 0.3],
    ]
    result = read("water-monthly", xlsx({"表": rows}, {"表": ["A1:A2", "B1:B2", "C1:D1", "E1:F1"]}))
    assert [row[1::2] for row in said(result)] == [("nh3_n", 1.1), ("tp", 0.2)]
    assert (result.cells_in, len(result.rejects)) == (2, 0)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-05", "2026-03-05"),
        ("2026/3/5", "2026-03-05"),
        ("2026.3.5", "2026-03-05"),
        ("20260305", "2026-03-05"),
        ("2026年3月5日", "2026-03-05"),
        ("２０２６年３月５日", "2026-03-05"),
        ("2026-03-05 00:00:00", "2026-03-05"),
        ("2026年3月", "2026-03"),
        ("2026-03", "2026-03"),
        ("202603", "2026-03"),
    ],
)
def test_dates(text, day):
    assert {row[2] for row in said(simple(["a", text, "7", "9", "1"]))} == {day}


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01", "3月5日", "46086", "2026.1", "三月", "5"])
def test_dates_that_are_none(text):
    assert [row[2] for row in turned_away(simple(["a", text, "7", "9", "1"]))] == ["time-invalid"] * 3


def test_no_date_at_all():
    assert [row[2] for row in turned_away(simple(["a", "", "7", "9", "1"]))] == ["time-missing"] * 3


def test_a_time_of_day_is_kept():
    result = simple(["a", "2026/3/5 9:30", "7", "9", "1"])
    assert set(result.readings["observed_at"]) == {datetime(2026, 3, 5, 9, 30)}


def test_dates_of_a_workbook_with_and_without_their_format():
    rows = [
        ["断面名称", "采样日期", "pH"],
        ["a", date(2026, 3, 5), 7],
        ["b", 46086, 8],
        ["c", datetime(2026, 3, 5, 9, 30), 8],
    ]
    result = read("water-monthly", xlsx({"表": rows}))
    # 46086 days after 1899-12-30
    assert [row[2] for row in said(result)] == ["2026-03-05", "2026-03-05", "2026-03-05"]
    assert result.readings["observed_at"].iloc[2] == datetime(2026, 3, 5, 9, 30)


@pytest.mark.parametrize(
    ("above", "name"),
    [
        ([["2026年3月水质监测结果"]], "x.csv"),
        ([["监测结果"]], "2026年3月.csv"),
        ([["监测结果"]], "断面202603.csv"),
    ],
)
def test_a_month_in_the_title_or_the_name_dates_a_table_without_dates(above, name):
    result = simple(["a", "7", "9", "1"], label=["断面名称"], above=above, name=name)
    assert {row[2] for row in said(result)} == {"2026-03"}
    result = simple(["a", "3月5日", "7", "9", "1"], above=above, name=name)
    assert {row[2] for row in said(result)} == {"2026-03-05"}


def test_a_date_without_a_year_goes_back_over_new_year():
    result = simple(["a", "12月29日", "7", "9", "1"], above=[["2026年1月水质监测月报"]])
    assert {row[2] for row in said(result)} == {"2025-12-29"}


def test_a_table_of_several_months_or_none_dates_nothing():
    for title in ("2026年1-3月水质监测结果", "2026年1月至3月", "2026年3月与2026年4月", "监测结果"):
        result = simple(["a", "7", "9", "1"], label=["断面名称"], above=[[title]])
        assert [row[2] for row in turned_away(result)] == ["time-missing"] * 3, title


def test_the_year_of_the_title_completes_month_and_day():
    result = simple(
        ["a", "3", "5", "7", "9", "1"], label=["断面名称", "月", "日"], above=[["2026年地表水监测结果"]]
    )
    assert {row[2] for row in said(result)} == {"2026-03-05"}


def test_a_month_that_a_sheet_keeps_as_its_first_day():
    rows = [["断面名称", "月份", "pH"], ["a", datetime(2026, 3, 1), 7]]
    assert said(read("water-monthly", xlsx({"表": rows}))) == [("a", "ph", "2026-03", 7.0, "")]


def test_merged_dates_and_rivers_hold_for_all_their_rows():
    rows = [
        ["河流名称", "断面名称", "采样日期", "pH"],
        ["徒骇河", "a", date(2026, 3, 5), 7],
        [None, "b", None, 8],
    ]
    result = read("water-monthly", xlsx({"表": rows}, {"表": ["A2:A3", "C2:C3"]}))
    assert [row[:4:3] + row[2:3] for row in said(result)] == [
        ("a", 7.0, "2026-03-05"),
        ("b", 8.0, "2026-03-05"),
    ]


def test_several_samplings_of_a_month():
    result = simple(["a", "2026-03-05", "7", "9", "1"], ["a", "2026-03-20", "8", "8", "2"])
    assert [(row[1], row[2], row[3]) for row in said(result)] == [
        ("ph", "2026-03-05", 7.0), ("do", "2026-03-05", 9.0), ("nh3_n", "2026-03-05", 1.0),
        ("ph", "2026-03-20", 8.0), ("do", "2026-03-20", 8.0), ("nh3_n", "2026-03-20", 2.0),
    ]  # fmt: skip


def test_several_rows_of_a_month_without_a_day_cannot_be_told_apart():
    result = simple(
        ["a", "2026年3月", "7", "9", "1"], ["a", "2026年3月", "8", "", "2"], ["b", "2026年3月", "8", "8", "2"]
    )
    assert turned_away(result) == [
        ("ph", "7", "time-ambiguous"), ("nh3_n", "1", "time-ambiguous"),
        ("ph", "8", "time-ambiguous"), ("nh3_n", "2", "time-ambiguous"),
    ]  # fmt: skip
    assert [row[:2] for row in said(result)] == [("a", "do"), ("b", "ph"), ("b", "do"), ("b", "nh3_n")]


def test_a_file_without_a_table_is_refused():
    book = openpyxl.Workbook()
    book.active.append(["说明", "本月无数据"])
    out = io.BytesIO()
    book.save(out)
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        read("water-monthly", out.getvalue())
    with pytest.raises(DeliveryRefusedError, match="no-cells"):
        simple()
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        simple(["a", "b"], items=[])


def test_a_group_above_the_row_of_names_may_state_the_unit():
    rows = [
        ["基本信息", None, None, "监测项目(mg/L)", None],
        ["河流", "断面名称", "采样日期", "铅", "镉"],
        ["r", "a", "2026-03-05", 1, 2],
    ]
    result = read("water-monthly", xlsx({"表": rows}, {"表": ["A1:C1", "D1:E1"]}))
    assert [row[1::2] for row in said(result)] == [("pb", 1.0), ("cd", 2.0)]
    assert (result.cells_in, result.problems) == (2, [])


def test_names_symbols_and_units_in_three_rows():
    rows = [["", "", "NH3-N", "Pb"], ["", "", "mg/L", "μg/L"], ["a", "2026-03-05", "1", "2"]]
    result = simple(*rows, items=["氨氮", "铅"])
    assert [row[1::2] for row in said(result)] == [("nh3_n", 1.0), ("pb", 0.002)]
    assert (result.cells_in, result.problems) == (2, [])


def test_remarks_in_brackets_after_the_headings_of_labels():
    result = simple(
        ["a", "2026/3/5", "0.3"],
        label=["断面名称（点位）", "监测日期（年/月/日）"],
        items=["氨氮（以N计，mg/L）"],
    )
    assert said(result) == [("a", "nh3_n", "2026-03-05", 0.3, "")]


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("1月", "2026-01"),
        ("2", "2026-02"),
        ("２０２６年３月", "2026-03"),
        ("2025-12", "2025-12"),
        ("202511", "2025-11"),
    ],
)
def test_a_column_of_months_under_a_year_in_the_title(text, month):
    result = simple(
        ["a", text, "7"], label=["断面名称", "月份"], items=["pH"], above=[["2026年地表水监测数据"]]
    )
    assert said(result) == [("a", "ph", month, 7.0, "")]


@pytest.mark.parametrize("text", ["13", "一季度", "1-3月", "2026年1-3月"])
def test_what_is_no_single_month(text):
    result = simple(
        ["a", text, "7"], label=["断面名称", "月份"], items=["pH"], above=[["2026年地表水监测数据"]]
    )
    assert [row[2] for row in turned_away(result)] == ["time-invalid"]


def test_the_hour_of_sampling_in_a_column_of_its_own():
    result = simple(
        ["a", 2026, 3, 5, "09:30", "7"],
        ["a", 2026, 3, 5, "15:00", "8"],
        label=["断面名称", "年", "月", "日", "时分"],
        items=["pH"],
    )
    assert result.readings["observed_at"].tolist() == [datetime(2026, 3, 5, 9, 30), datetime(2026, 3, 5, 15)]


def test_items_of_a_lake():
    items = ["叶绿素a(mg/m3)", "透明度(m)", "藻密度(个/L)", "总氮(mg/L)"]
    result = simple(["东昌湖", "2026-03-05", "12", "0.8", "1.2E+07", "1.1"], items=items)
    assert [row[1::2] for row in said(result)] == [
        ("chl_a", 0.012), ("transparency", 0.8), ("algal_density", 12_000_000.0), ("tn", 1.1)
    ]  # fmt: skip
