"""Every form an emission platform exports its hours in: workbooks, pages, merged headers, titles, marks."""

import datetime as dt

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xls, xlsx

from sources.catalogue import head_of, read_delivery
from sources.outlet_hourly import recognise
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

NAME = "导出/CPDA001_2026-09.xlsx"
HEADER = ["排口编号", "监测时间", "颗粒物浓度(mg/m3)", "颗粒物折算浓度(mg/m3)", "含氧量(%)", "标记"]


def read(content: bytes, name: str = NAME) -> ReadResult:
    return read_delivery(content, delivery("outlet-hourly", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode(), "小时.csv")


def values(result: ReadResult) -> dict[tuple[str, str], float]:
    return {
        (site, parameter): value
        for site, parameter, value in zip(
            result.readings["site"], result.readings["parameter"], result.readings["value"], strict=True
        )
    }


def test_a_workbook_keeps_sheet_row_and_column():
    hour = dt.datetime(2026, 9, 22, 18)
    result = read(xlsx({"9月": [["某厂小时数据"], [], HEADER, ["CPDA001", hour, 4.49, 4.6, 8.7, "N"]]}))
    assert (result.cells_in, result.blank, result.encoding) == (3, 0, "xlsx")
    reading = one(result.readings, parameter="flue_dust_norm")
    assert reading[["sheet", "row", "column", "raw", "value", "provider_flag"]].tolist() == [
        "9月",
        4,
        "颗粒物折算浓度(mg/m3)",
        "4.6",
        4.6,
        "N",
    ]
    assert reading["observed_at"] == pd.Timestamp("2026-09-22 18:00")


def test_the_midnight_of_a_workbook_is_an_hour_where_others_are():
    hours = [dt.datetime(2026, 9, 22, 0), dt.datetime(2026, 9, 22, 1)]
    result = read(xlsx({"9月": [["排口编号", "监测时间", "pH"], *(["W1", hour, 7.1] for hour in hours)]}))
    assert result.readings["observed_at"].tolist() == [pd.Timestamp(hour) for hour in hours]
    dates = read(xlsx({"9月": [["排口编号", "监测时间", "pH"], ["W1", dt.date(2026, 9, 22), 7.1]]}))
    assert codes(dates) == {"time-invalid": 1}


def test_legacy_workbook_and_a_page_saved_as_xls_say_the_same():
    row = ["CPDA001", "2026-09-22 18~19", "4.49", "4.60", "8.7", "N"]
    cells = "".join(f"<td>{field}</td>" for field in row)
    heads = "".join(f"<th>{field}</th>" for field in HEADER)
    page = f"<html><body><table><tr>{heads}</tr><tr>{cells}</tr></table></body></html>".encode()
    old = read(xls({"Sheet1": [HEADER, row]}), "CPDA001_2026-09.xls")
    web = read(page, "CPDA001_2026-09.xls")
    expected = {
        ("CPDA001", "flue_dust"): 4.49,
        ("CPDA001", "flue_dust_norm"): 4.6,
        ("CPDA001", "flue_o2"): 8.7,
    }
    assert values(old) == values(web) == expected
    assert (old.encoding, web.encoding) == ("xls", "html+utf-8")


def test_gas_and_wastewater_on_sheets_of_their_own_and_a_cover_sheet():
    gas = [["排口编号", "监测时间", "二氧化硫折算浓度(mg/m3)"], ["G1", "2026-09-22 18~19", 17]]
    water = [["排口编号", "监测时间", "氨氮(mg/L)", "流量(m3)"], ["W1", "2026-09-22 18~19", 0.62, 726.5]]
    result = read(xlsx({"说明": [["导出说明"], ["本表由平台生成"]], "废气": gas, "废水": water}))
    assert values(result) == {
        ("G1", "flue_so2_norm"): 17.0,
        ("W1", "nh3_n"): 0.62,
        ("W1", "effluent_flow"): 726.5,
    }
    assert (result.cells_in, result.blank, len(result.rejects)) == (3, 0, 0)
    assert [(problem.code, "说明" in problem.zh) for problem in result.problems] == [("sheet-skipped", True)]


def test_a_merged_header_of_two_rows():
    rows = [
        ["排口编号", "监测时间", "颗粒物(mg/m3)", None, None, "氮氧化物", None, None, "标干流量(m3/h)"],
        [None, None, "实测浓度", "折算浓度", "排放量(kg)", "浓度(mg/m3)", "折算(mg/m3)", "排放量(t)", None],
        ["G1", "2026-09-22 18~19", 4.4, 4.6, 0.8, 30, 32, 0.0055, 184320],
    ]
    merges = ["A1:A2", "B1:B2", "C1:E1", "F1:H1", "I1:I2"]
    result = read(xlsx({"数据": rows}, {"数据": merges}))
    assert values(result) == {
        ("G1", "flue_dust"): 4.4,
        ("G1", "flue_dust_norm"): 4.6,
        ("G1", "flue_dust_mass"): 0.8,
        ("G1", "flue_nox"): 30.0,
        ("G1", "flue_nox_norm"): 32.0,
        ("G1", "flue_nox_mass"): 5.5,
        ("G1", "flue_flow"): 184320.0,
    }
    assert one(result.readings, parameter="flue_nox_mass")["column"] == "氮氧化物 排放量(t)"
    assert set(result.readings["row"]) == {3}


def test_a_group_row_above_the_labels_and_units_in_a_third_row():
    result = text(
        "某厂9月报表,,,,",
        ",,颗粒物,,烟气",
        "排口编号,监测时间,浓度,折算浓度,含氧量",
        ",,mg/m3,(ug/m3),%",
        "G1,2026-09-22 18~19,4.4,4600,8.7",
    )
    assert values(result) == {
        ("G1", "flue_dust"): 4.4,
        ("G1", "flue_dust_norm"): 4.6,
        ("G1", "flue_o2"): 8.7,
    }
    assert (result.cells_in, len(result.rejects)) == (3, 0)


def test_a_factor_without_unit_under_its_group_is_not_guessed():
    result = text("排口编号,监测时间,颗粒物(mg/m3),", ",,浓度,排放量", "G1,2026-09-22 18,4.4,0.8")
    assert codes(result) == {"unknown-unit": 1}
    assert values(result) == {("G1", "flue_dust"): 4.4}


@pytest.mark.parametrize(
    ("title", "site"),
    [
        ("监控点名称：1号锅炉排口  导出时间：2026-10-01", "1号锅炉排口"),
        ("排口编号: CPDA001，排口名称: 1号炉", "CPDA001"),
        ("示例热电1号炉排口小时数据报表", "示例热电1号炉排口"),
    ],
)
def test_the_outlet_stands_in_the_title(title, site):
    rows = [[title], ["监测时间", "含氧量(%)"], ["2026-09-22 18~19", 8.7], ["平均值", 8.7]]
    result = read(xlsx({"Sheet1": rows}, {"Sheet1": ["A1:B1"]}))
    assert values(result) == {(site, "flue_o2"): 8.7}
    assert codes(result) == {"summary-row": 1}


def test_a_block_of_facts_above_the_header_is_no_header():
    result = text(
        "时间,2026年9月,企业,某厂", "排口编号:CPDA001", "监测时间,含氧量(%)", "2026-09-22 18~19,8.7"
    )
    assert values(result) == {("CPDA001", "flue_o2"): 8.7}


def test_a_second_header_row_that_hides_the_time_refuses_the_export():
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        text(
            ",监测时间,颗粒物,", ",排口编号,实测浓度(mg/m3),折算浓度(mg/m3)", "CPDA901,2026-09-22 19~20,,5.1"
        )


def test_an_outlet_that_is_named_nowhere_refuses_the_export():
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        text("九月小时数据", "监测时间,含氧量(%)", "2026-09-22 18~19,8.7")


def test_enterprise_and_outlet_name_where_there_is_no_number():
    result = text(
        "企业名称,排口名称,监测时间,pH",
        "示例水厂,总排口,2026-09-22 18~19,7.1",
        "示例水厂,,2026-09-22 19~20,7.2",
    )
    assert values(result) == {("示例水厂/总排口", "ph"): 7.1}
    assert codes(result) == {"key-incomplete": 1}


def test_a_merged_outlet_holds_for_its_rows():
    rows = [["排口编号", "监测时间", "pH"], ["W1", "2026-09-22 18~19", 7.1], [None, "2026-09-22 19~20", 7.2]]
    result = read(xlsx({"废水": rows}, {"废水": ["A2:A3"]}))
    assert result.readings[["site", "value"]].values.tolist() == [["W1", 7.1], ["W1", 7.2]]


def test_marks_alone_and_behind_a_number_hold_for_their_factor_in_that_row():
    result = text(
        "排口编号,监测时间,颗粒物浓度(mg/m3),颗粒物折算浓度(mg/m3),二氧化硫浓度(mg/m3),含氧量(%)",
        "G1,2026-09-22 18~19,维护,4.6,17,8.7",
        "G1,2026-09-22 19~20,4.5(M),4.7,17.5 D,8.8",
        "G1,2026-09-22 20~21,4.5,4.7,c,T",
        "G1,2026-09-22 21~22,停运,,17,",
        "G1,2026-09-22 22~23,4.5,4.7,17,8.9",
    )
    assert (result.cells_in, result.blank, len(result.rejects)) == (20, 6, 0)
    flags = result.readings.groupby(["row", "parameter"])["provider_flag"].first().to_dict()
    assert flags == {
        (2, "flue_dust_norm"): "维护",
        (2, "flue_so2"): "",
        (2, "flue_o2"): "",
        (3, "flue_dust"): "M",
        (3, "flue_dust_norm"): "M",
        (3, "flue_so2"): "D",
        (3, "flue_o2"): "",
        (4, "flue_dust"): "",
        (4, "flue_dust_norm"): "",
        (5, "flue_so2"): "停运",
        (6, "flue_dust"): "",
        (6, "flue_dust_norm"): "",
        (6, "flue_so2"): "",
        (6, "flue_o2"): "",
    }
    assert one(result.readings, row=3, parameter="flue_so2")[["value", "raw"]].tolist() == [17.5, "17.5 D"]


def test_words_that_are_no_marks_stay_rejected():
    result = text(
        "排口编号,监测时间,pH", "W1,2026-09-22 18,7.1(X)", "W1,2026-09-22 19,见备注", "W1,2026-09-22 20,7.2"
    )
    assert codes(result) == {"not-a-number": 2}
    assert values(result) == {("W1", "ph"): 7.2}


def test_a_column_of_marks_for_each_factor():
    result = text(
        "排口编号,监测时间,COD(mg/L),COD标记,氨氮(mg/L),氨氮标记,标记",
        "W1,2026-09-22 18~19,20,N,0.5,校准,-",
        "W1,2026-09-22 19~20,21,,0.6,--,手工",
    )
    assert (result.cells_in, result.blank) == (4, 0)
    flags = result.readings.groupby(["row", "parameter"])["provider_flag"].first().to_dict()
    assert flags == {(2, "cod"): "N", (2, "nh3_n"): "校准", (3, "cod"): "手工", (3, "nh3_n"): "手工"}


def test_columns_of_marks_below_a_merged_factor():
    result = text("排口编号,监测时间,COD,,流量", ",,浓度(mg/L),标记,m3/h", "W1,2026-09-22 18~19,20,M,100")
    assert result.readings[["parameter", "value", "provider_flag"]].values.tolist() == [
        ["cod", 20.0, "M"],
        ["effluent_flow", 100.0, ""],
    ]


def test_a_header_that_stands_again_on_every_page():
    result = text(
        "排口编号,监测时间,pH", "W1,2026-09-22 18,7.1", "排口编号,监测时间,pH", "W1,2026-09-22 19,7.2", "W1,x"
    )
    assert result.readings[["row", "value"]].values.tolist() == [[2, 7.1], [4, 7.2]]
    assert (result.cells_in, result.blank, len(result.rejects)) == (2, 0, 0)


def test_a_heading_word_in_a_label_column_alone_is_no_header():
    result = text("排口编号,监测时间,pH", "W1,监测时间,7.1", "W1,2026-09-22 19,7.2")
    assert codes(result) == {"header-repeated": 1}
    assert values(result) == {("W1", "ph"): 7.2}


def test_tables_below_each_other_are_read_each_under_its_own_header():
    rows = [
        ["示例厂小时数据"],
        ["监控点名称：1号炉排口"],
        ["监测时间", "颗粒物", None, "含氧量(%)"],
        [None, "浓度(mg/m3)", "折算(mg/m3)", None],
        ["2026-09-22 18~19", 4.4, 4.6, 8.7],
        ["平均值", 4.4, 4.6, 8.7],
        ["监控点名称：污水总排口"],
        ["监测时间", "pH", "COD(mg/L)"],
        ["2026-09-22 18~19", 7.1, 20],
    ]
    result = read(xlsx({"数据": rows}, {"数据": ["B3:C3"]}))
    assert values(result) == {
        ("1号炉排口", "flue_dust"): 4.4,
        ("1号炉排口", "flue_dust_norm"): 4.6,
        ("1号炉排口", "flue_o2"): 8.7,
        ("污水总排口", "ph"): 7.1,
        ("污水总排口", "cod"): 20.0,
    }
    assert result.readings["row"].tolist() == [5, 5, 5, 9, 9]
    assert codes(result) == {"summary-row": 3}


def test_tabs_and_semicolons_separate_as_well():
    for sign in "\t;":
        result = text(sign.join(["排口编号", "监测时间", "pH"]), sign.join(["W1", "2026-09-22 18", "7.1"]))
        assert values(result) == {("W1", "ph"): 7.1}


def test_a_volume_of_gas_is_no_mean_flow():
    result = text("排口编号,监测时间,标干流量(万m3),流量(m3)", "G1,2026-09-22 18,18.4,700")
    assert values(result) == {("G1", "flue_volume"): 184000.0, ("G1", "effluent_flow"): 700.0}


def test_notes_below_the_table_of_a_workbook_are_no_readings():
    rows = [
        HEADER,
        ["G1", "2026-09-22 18~19", 4.4, 4.6, 8.7, "N"],
        ["制表：监控中心"],
        ["备注：以上为自动监测数据"],
    ]
    result = read(xlsx({"9月": rows}))
    assert (len(result.readings), len(result.rejects)) == (3, 0)
    assert result.cells_in == len(result.readings) + result.blank


def test_a_workbook_is_recognised_by_its_rows():
    rows = [["某厂"], HEADER, ["G1", "2026-09-22 18~19", 4.4, 4.6, 8.7, "N"]]
    assert recognise(head_of(xlsx({"9月": rows})), NAME) == 1.0
    days = [HEADER, ["G1", "2026-09-22", 4.4, 4.6, 8.7, "N"]]
    assert recognise(head_of(xlsx({"9月": days})), NAME) < 0.5


def test_a_sheet_with_nothing_but_its_header_is_no_harm_beside_others():
    full, empty = [HEADER, ["G1", "2026-09-22 18~19", 4.4, 4.6, 8.7, "N"]], [["小时数据"], HEADER]
    result = read(xlsx({"8月": empty, "9月": full}))
    assert (result.cells_in, [problem.code for problem in result.problems]) == (3, ["sheet-skipped"])
    with pytest.raises(DeliveryRefusedError, match="no-cells"):
        read(xlsx({"8月": empty, "说明": [["无"], ["数据"]]}))
