import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xls, xlsx

from sources.catalogue import head_of, read_delivery
from sources.reduction_ledger import recognise
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

WIDE = "项目编号,项目名称,年度,氮氧化物上报减排量(t),氮氧化物核定减排量(t),核定状态,佐证材料"
LONG = "项目编号,年度,污染物,单位,上报量,核定量"


def read(content: bytes, name: str = "重点工程减排台账.xlsx") -> ReadResult:
    return read_delivery(content, delivery("reduction-ledger", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"), "台账.csv")


def amounts(result: ReadResult) -> list[list[object]]:
    return result.readings[["site", "parameter", "value"]].values.tolist()


def test_claimed_and_recognised_stay_apart():
    result = text(WIDE, "CP-NOX-01,示例锅炉超低排放,2023,120.5,98.25,已核定,鲁环核〔2024〕示例号")
    assert amounts(result) == [
        ["CP-NOX-01", "reduction_nox_claimed", 120.5],
        ["CP-NOX-01", "reduction_nox_recognised", 98.25],
    ]
    reading = one(result.readings, parameter="reduction_nox_recognised")
    assert reading[["district", "period", "raw", "censor", "channel", "row", "column"]].tolist() == [
        "chiping",
        "1y",
        "98.25",
        "",
        "manual",
        2,
        "氮氧化物核定减排量(t)",
    ]
    assert reading["observed_at"] == pd.Timestamp("2023-01-01")
    assert reading["provider_flag"] == "状态=已核定;依据=鲁环核〔2024〕示例号"


def test_one_line_a_pollutant_with_units_of_its_own():
    result = text(
        LONG,
        "P1,2022年,NOx,吨,12.5,10",
        "P1,2022年度,挥发性有机物,kg,3500,",
        'P2,2022,化学需氧量(COD),万吨,0.0012,"0.0010"',
        "P3,2022,NH₃-N,t,1.5,--",
    )
    assert amounts(result) == [
        ["P1", "reduction_nox_claimed", 12.5],
        ["P1", "reduction_nox_recognised", 10.0],
        ["P1", "reduction_voc_claimed", 3.5],
        ["P2", "reduction_cod_claimed", 12.0],
        ["P2", "reduction_cod_recognised", 10.0],
        ["P3", "reduction_nh3_n_claimed", 1.5],
    ]
    assert (result.cells_in, result.blank, len(result.rejects)) == (8, 2, 0)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("P1,2022,NOx,,12.5,", "unknown-unit"),
        ("P1,2022,NOx,mg/L,12.5,", "unknown-unit"),
        ("P1,2022,二氧化碳,t,12.5,", "unknown-parameter"),
        ("P1,2022,,t,12.5,", "unknown-parameter"),
        ("P1,,NOx,t,12.5,", "time-missing"),
        ("P1,2021-2025,NOx,t,12.5,", "time-invalid"),
        ("P1,2022年1季度,NOx,t,12.5,", "time-invalid"),
        (",2022,NOx,t,12.5,", "key-incomplete"),
        ("P1,2022,NOx,t,约12,", "not-a-number"),
        ("P1,2022,NOx,t,12.5kg,", "unit-contradicts"),
        ("合计,2022,NOx,t,12.5,", "summary-row"),
    ],
)
def test_what_is_not_guessed(line, code):
    result = text(LONG, line)
    assert codes(result) == {code: 1}
    assert (result.cells_in, result.blank) == (2, 1)


def test_an_amount_that_does_not_say_what_it_is():
    result = text("项目名称,年度,氮氧化物减排量(t)", "示例锅炉,2023,120")
    assert codes(result) == {"amount-kind-unknown": 1}
    assert text("项目名称,年度,氮氧化物(t),口径", "示例锅炉,2023,120,").rejects["code"].tolist() == [
        "amount-kind-unknown"
    ]


def test_the_line_may_say_what_an_amount_is():
    result = text(
        "项目名称,年度,口径,氮氧化物(t),COD减排量(吨)",
        "示例锅炉,2023,上报,120,",
        "示例锅炉,2023,核定,98,",
        "示例水厂,2023,用于替代,,-3.5",
    )
    assert amounts(result) == [
        ["示例锅炉", "reduction_nox_claimed", 120.0],
        ["示例锅炉", "reduction_nox_recognised", 98.0],
        ["示例水厂", "reduction_cod_offset", -3.5],
    ]


def test_a_workbook_with_a_merged_header_and_the_year_in_its_title():
    rows = [
        ["茌平区2024年度重点工程减排台账", None, None, None, None],
        ["序号", "项目名称", "减排量（吨）", None, None],
        [None, None, "氮氧化物", None, "挥发性有机物"],
        [None, None, "上报", "核定", "核定"],
        [1, "示例锅炉超低排放", 40, 38.6, None],
        [2, "示例喷涂替代", None, None, 12.25],
        ["合计", None, 40, 38.6, 12.25],
    ]
    merges = ["A1:E1", "A2:A4", "B2:B4", "C2:E2", "C3:D3"]
    result = read(xlsx({"台账": rows}, {"台账": merges}))
    assert amounts(result) == [
        ["示例锅炉超低排放", "reduction_nox_claimed", 40.0],
        ["示例锅炉超低排放", "reduction_nox_recognised", 38.6],
        ["示例喷涂替代", "reduction_voc_recognised", 12.25],
    ]
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2024-01-01")}
    assert (result.cells_in, result.blank, codes(result)) == (9, 3, {"summary-row": 3})


def test_a_sheet_a_year():
    head = ["项目编号", "核定NOx减排量(t)"]
    result = read(
        xls(
            {
                "2022年": [head, ["P1", 10]],
                "2023年": [head, ["P1", 4.5]],
                "填表说明": [["填表说明"], ["单位：吨"]],
            }
        )
    )
    assert result.readings[["sheet", "row", "value"]].values.tolist() == [
        ["2022年", 2, 10.0],
        ["2023年", 2, 4.5],
    ]
    assert result.readings["observed_at"].tolist() == [pd.Timestamp("2022-01-01"), pd.Timestamp("2023-01-01")]
    assert [problem.code for problem in result.problems] == ["sheet-skipped"]


def test_a_merged_project_holds_for_its_lines():
    rows = [
        ["项目名称", "年度", "污染物", "核定减排量(吨)"],
        ["示例锅炉", 2023, "NOx", 10],
        [None, None, "VOCs", 2.5],
        ["示例水厂", 2023, "COD", 7],
    ]
    result = read(xlsx({"台账": rows}, {"台账": ["A2:A3", "B2:B3"]}))
    assert amounts(result) == [
        ["示例锅炉", "reduction_nox_recognised", 10.0],
        ["示例锅炉", "reduction_voc_recognised", 2.5],
        ["示例水厂", "reduction_cod_recognised", 7.0],
    ]
    assert codes(read(xlsx({"台账": rows}))) == {"time-missing": 1}


def test_a_title_with_two_years_tells_none():
    assert codes(text("2022年上报、2023年核定台账", "项目编号,核定NOx减排量(t)", "P1,10")) == {
        "time-missing": 1
    }
    assert codes(text("2021-2025年台账", "项目编号,核定NOx减排量(t)", "P1,10")) == {"time-missing": 1}


def test_unknown_columns_are_named_and_their_values_kept_apart():
    result = text("项目编号,年度,核定NOx减排量(t),折算系数", "P1,2023,10,0.5")
    assert codes(result) == {"unknown-parameter": 1}
    assert [(problem.code, "折算系数" in problem.zh) for problem in result.problems] == [
        ("column-unknown", True)
    ]


def test_recognised_by_its_header():
    assert recognise(WIDE, "重点工程减排台账.csv") == 1.0
    assert recognise(LONG, "x.csv") == 0.9
    assert recognise(head_of(xlsx({"a": [["台账"], WIDE.split(",")]})), "x.xlsx") == 0.9
    assert recognise("项目名称,投资(万元)", "x.csv") == 0.0
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        text("项目名称,投资(万元)", "a,1")
