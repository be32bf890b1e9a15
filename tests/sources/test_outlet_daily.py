import datetime as dt

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one
from made_workbooks import xlsx

from sources import outlet_daily, outlet_hourly
from sources.catalogue import head_of, read_delivery
from sources.result import ReadResult

NAME = "CPDW001/CPDW001_2026-09.csv"
WATER = "排口编号,监测时间,COD日均值(mg/L),COD日排放量(kg),氨氮均值(mg/L),pH日均值,日排水量(m3),标记"


def read(content: bytes, name: str = NAME) -> ReadResult:
    return read_delivery(content, delivery("outlet-daily", name, content))


def text(*lines: str) -> ReadResult:
    return read(("\n".join(lines) + "\n").encode("gb18030"))


def test_a_day_of_wastewater():
    result = text(WATER, "CPDW001,2026-09-22,18.5,322.4,0.619,7.33,17436,N")
    assert result.readings[["parameter", "value"]].values.tolist() == [
        ["cod", 18.5],
        ["cod_mass", 322.4],
        ["nh3_n", 0.619],
        ["ph", 7.33],
        ["effluent_volume", 17436.0],
    ]
    assert set(result.readings["period"]) == {"1d"}
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2026-09-22")}
    assert set(result.readings["provider_flag"]) == {"N"}


@pytest.mark.parametrize(
    ("heading", "cell", "parameter", "value"),
    [
        ("颗粒物折算日均值(mg/m3)", "4.6", "flue_dust_norm", 4.6),
        ("烟尘日均浓度(mg/m³)", "4.6", "flue_dust", 4.6),
        ("二氧化硫日排放量(t)", "0.12", "flue_so2_mass", 120.0),
        ("氮氧化物日累计排放量(吨)", "1.2", "flue_nox_mass", 1200.0),
        ("废气排放量(万m3)", "442", "flue_volume", 4420000.0),
        ("标干流量(万Nm3)", "442", "flue_volume", 4420000.0),
        ("标干流量(m3/h)", "184320", "flue_flow", 184320.0),
        ("流量(m3)", "17436", "effluent_volume", 17436.0),
        ("流量(m3/h)", "726.5", "effluent_flow", 726.5),
    ],
)
def test_means_amounts_and_volumes_are_told_apart_by_heading_and_unit(heading, cell, parameter, value):
    reading = text(f"排口编号,日期,{heading}", f"X,2026-09-22,{cell}").readings.iloc[0]
    assert (reading["parameter"], reading["value"]) == (parameter, value)


@pytest.mark.parametrize(
    "day", ["2026-09-22", "2026/9/22", "20260922", "2026年9月22日", "２０２６-09-22", "2026-09-22 00:00:00"]
)
def test_days(day):
    assert list(text("排口编号,日期,pH", f"X,{day},7").readings["observed_at"]) == [
        pd.Timestamp("2026-09-22")
    ]


@pytest.mark.parametrize("day", ["2026-09-31", "2026-09", "09-22", "2026-09-22 18:00", "2026-09-22 18~19"])
def test_days_that_are_none(day):
    assert codes(text("排口编号,日期,pH", f"X,{day},7")) == {"time-invalid": 1}


def test_totals_below_the_days_and_missing_dates():
    result = text("排口编号,日期,pH", "X,2026-09-22,7", "排放总量,,3", "X,,7")
    assert codes(result) == {"summary-row": 1, "time-missing": 1}
    assert (result.cells_in, result.blank) == (3, 0)


def test_a_workbook_with_the_outlet_in_its_title():
    rows = [
        ["示例水厂总排口日均值报表", None, None],
        ["日期", "化学需氧量", None],
        [None, "均值(mg/L)", "排放量(t)"],
        [dt.date(2026, 9, 22), 18.5, 0.3224],
        ["合计", None, 0.3224],
    ]
    content = xlsx({"9月": rows}, {"9月": ["A1:C1", "A2:A3", "B2:C2"]})
    result = read(content, "日报.xlsx")
    assert one(result.readings, parameter="cod")["value"] == 18.5
    reading = one(result.readings, parameter="cod_mass")
    assert reading[["site", "value", "row", "sheet"]].tolist() == ["示例水厂总排口", 322.4, 4, "9月"]
    assert (codes(result), result.cells_in, result.blank) == ({"summary-row": 1}, 4, 1)
    assert outlet_daily.recognise(head_of(content), "日报.xlsx") > outlet_hourly.recognise(
        head_of(content), "日报.xlsx"
    )


def test_days_are_recognised_as_days_and_hours_as_hours():
    days, hours = f"{WATER}\nX,2026-09-22,1,2,3,7,5,N", "排口编号,监测时间,pH\nX,2026-09-22 18~19,7"
    assert (outlet_daily.recognise(days, NAME), outlet_hourly.recognise(days, NAME)) == (1.0, 0.1)
    assert (outlet_daily.recognise(hours, NAME), outlet_hourly.recognise(hours, NAME)) == (0.2, 1.0)
    assert outlet_daily.recognise("断面名称,监测时间,pH", NAME) == 0.0
    assert outlet_daily.partition(NAME) == "2026-09"
