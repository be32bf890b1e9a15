import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xlsx

from quality.judge import judge
from sources import air_dustfall
from sources.catalogue import read_delivery
from sources.result import ReadResult


def read(
    *lines: str, header: str = "点位,月份,降尘量(t/(km²·30d))", name: str = "降尘_2025.csv"
) -> ReadResult:
    content = ("\r\n".join([header, *lines]) + "\r\n").encode("gb18030")
    return read_delivery(content, delivery("air-dustfall", name, content))


def test_a_month_of_a_point():
    row = read("党校,2025年3月,5.4").readings.iloc[0]
    assert (row["site"], row["parameter"], row["period"], row["value"]) == ("党校", "dustfall", "1mo", 5.4)
    assert (row["observed_at"], row["channel"]) == (pd.Timestamp("2025-03-01"), "manual")


@pytest.mark.parametrize(
    ("heading", "cell", "value"),
    [
        ("降尘量(t/(km²·30d))", "5.4", 5.4),
        ("降尘量（t/km2·30d）", "5.4", 5.4),
        ("降尘量(t/km²·月)", "5.4", 5.4),
        ("降尘量 t/(km2·30d)", "5.4", 5.4),
        ("降尘量，吨/平方公里·月", "5.4", 5.4),
        ("降尘(吨/月·平方公里)", "5.4", 5.4),
        ("自然降尘量(g/m²·30d)", "5.4", 5.4),
        # 180 mg a square metre and day are 5.4 g in 30 days
        ("降尘量(mg/m²·d)", "180", 5.4),
    ],
)
def test_spellings_of_the_unit(heading, cell, value):
    result = read(f"党校,2025-03,{cell}", header=f"点位,月份,{heading}")
    assert result.readings["value"].tolist() == pytest.approx([value], rel=1e-12)


@pytest.mark.parametrize("heading", ["降尘量", "降尘量(t/km²)", "降尘量(t/(km²·a))", "降尘量(mg/m3)"])
def test_units_that_are_not_guessed(heading):
    assert codes(read("党校,2025-03,5.4", header=f"点位,月份,{heading}")) == {"unknown-unit": 1}


def test_a_unit_in_a_column_of_its_own():
    result = read(
        "党校,2025-03,5.4,吨/平方公里·月",
        "区政府,2025-03,180,mg/m2·d",
        "聊大,2025-03,5.4,公斤",
        "茌平,2025-03,5.4,",
        header="点位,月份,降尘量,单位",
    )
    assert result.readings["value"].tolist() == pytest.approx([5.4, 5.4])
    assert result.rejects[["site", "code"]].to_numpy().tolist() == [
        ["聊大", "unknown-unit"],
        ["茌平", "unknown-unit"],
    ]


@pytest.mark.parametrize(
    "month", ["2025年3月", "2025年03月份", "2025-03", "2025/3", "2025.3", "202503", "2025-03-01"]
)
def test_spellings_of_a_month(month):
    assert read(f"党校,{month},5.4").readings["observed_at"].tolist() == [pd.Timestamp("2025-03-01")]


@pytest.mark.parametrize("month", ["2025年1-3月", "2025", "3月", "2025-13", "2025-03-15"])
def test_what_is_no_month(month):
    assert codes(read(f"党校,{month},5.4")) == {"time-invalid": 1}


def test_year_and_month_in_two_columns_of_a_workbook():
    content = xlsx(
        {
            "降尘": [
                ["2025年降尘监测结果"],
                ["点位", "年", "月", "降尘量(t/km²·30d)", "备注"],
                ["党校", 2025, 3, 5.4, ""],
                ["区政府", 2025, 3, "样品丢失", "缸被盗"],
                ["平均值", None, None, 5.4, None],
            ]
        }
    )
    result = read_delivery(content, delivery("air-dustfall", "降尘_2025.xlsx", content))
    assert (result.cells_in, result.blank, codes(result)) == (3, 1, {"summary-row": 1})
    row = one(result.readings, site="党校")
    assert (row["observed_at"], row["sheet"], row["row"]) == (pd.Timestamp("2025-03-01"), "降尘", 3)


def test_its_judge_knows_what_is_impossible():
    result = read("党校,2025-03,5.4", "区政府,2025-03,-1", "聊大,2025-03,5400")
    judgement = judge(result.readings, source="air-dustfall")
    assert judgement.accepted["site"].tolist() == ["党校"]
    assert judgement.quarantined["code"].tolist() == ["negative", "out-of-range"]


def test_names():
    head = "点位,月份,降尘量(t/(km²·30d))"
    assert air_dustfall.partition("降尘_2025年3月.csv") == "2025-03"
    assert air_dustfall.recognise(head, "降尘_202503.csv") == 1.0
    assert air_dustfall.recognise(head, "x.csv") == 0.9
    assert air_dustfall.recognise("点位,时间,PM2.5(μg/m³)", "x.csv") == 0.0
