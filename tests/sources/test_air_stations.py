"""Hourly station tables: the crawl of city pages, and exports with units in their headings."""

import pandas as pd
import pytest
from made_deliveries import codes, delivery
from made_workbooks import xls, xlsx

from sources import air_pm25in, air_station_long
from sources.catalogue import read_delivery, recognised
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

CRAWL = "Date,Hour,WatchPoint,AQI,Level,PrimaryPollution,PM2.5,PM10,CO,NO2,O3_1h,O3_8h,SO2"
LONG = "点位,时间,PM2.5(μg/m³),CO(mg/m3),O3（微克/立方米）"


def crawl(*lines: str) -> ReadResult:
    content = ("\n".join([CRAWL, *lines]) + "\n").encode()
    return read_delivery(content, delivery("air-pm25in", "聊城.csv", content))


def export(*lines: str, header: str = LONG, encoding: str = "gb18030") -> ReadResult:
    content = ("\r\n".join([header, *lines]) + "\r\n").encode(encoding)
    return read_delivery(content, delivery("air-station-long", "空气站_202503.csv", content))


def times(result: ReadResult) -> list[str]:
    return result.readings["observed_at"].dt.strftime("%Y-%m-%d %H:%M").drop_duplicates().tolist()


def test_every_missing_mark_of_the_crawl_is_blank():
    result = crawl("20200402,08,二轻机,NaN,—,—,—,-,,NaN,--,*,4")
    assert (result.cells_in, result.blank, len(result.readings)) == (8, 7, 1)


def test_an_hour_of_the_crawl_and_midnight():
    result = crawl(
        "20200402,08,区政府,50,优,NaN,35,45,0.6,21,51,65,4", "20200402,00,区政府,50,优,NaN,35,,,,,,"
    )
    assert times(result) == ["2020-04-02 07:00", "2020-04-01 23:00"]
    found = result.readings[result.readings["row"] == 2].set_index(["parameter", "period"])["value"].to_dict()
    assert found == {
        ("aqi", "1h"): 50,
        ("pm2_5", "1h"): 35,
        ("pm10", "1h"): 45,
        ("co", "1h"): 0.6,
        ("no2", "1h"): 21,
        ("o3", "1h"): 51,
        ("o3", "8h"): 65,
        ("so2", "1h"): 4,
    }


def test_line_breaks_within_a_cell_keep_the_physical_lines():
    words = '"\n                颗粒物(PM10)\n                细颗粒物(PM2.5)\n"'
    result = crawl(
        f"20200403,17,监控中心,55,良,{words},39,59,0.6,15,151,110,9", "20200403,17,党校,,,,40,,,,,,"
    )
    assert codes(result) == {}
    assert result.readings["row"].unique().tolist() == [2, 6]


def test_a_key_stated_twice_gives_both_statements_in_order():
    line = "20200402,20,区政府,50,优,NaN,{},45,0.6,21,51,65,4"
    result = crawl(line.format(35), line.format(36))
    twice = result.readings[result.readings["parameter"] == "pm2_5"]
    assert twice[["row", "value"]].to_numpy().tolist() == [[2, 35], [3, 36]]


def test_a_station_renamed_in_place_is_two_sites():
    result = crawl(
        "20200402,08,监控中心(20190222启用),NaN,严重污染,细颗粒物(PM2.5),311,NaN,NaN,82,15,13,16",
        "20200402,08,监控中心,50,优,NaN,35,40,0.7,20,51,56,5",
    )
    pm = result.readings[result.readings["parameter"] == "pm2_5"]
    assert dict(zip(pm["site"], pm["value"], strict=True)) == {"监控中心(20190222启用)": 311, "监控中心": 35}


def test_the_crawl_is_known_by_its_header_alone():
    assert air_pm25in.recognise(CRAWL, "聊城.csv") == 0.9
    assert air_pm25in.recognise("Date,Hour,Station,AQI,PM2.5,PM10", "聊城.csv") == 0.0
    assert air_pm25in.partition("聊城.csv") is None


@pytest.mark.parametrize(
    ("label", "start"),
    [
        ("2025-03-10 08:00", "2025-03-10 07:00"),
        ("2025/3/10 8:00:00", "2025-03-10 07:00"),
        ("2025-03-10 08", "2025-03-10 07:00"),
        ("2025年3月10日8时", "2025-03-10 07:00"),
        ("2025-03-10 24:00", "2025-03-10 23:00"),
        ("2025-03-10 00:00", "2025-03-09 23:00"),
        ("2025-03-10 08~09", "2025-03-10 08:00"),
        ("2025-03-10 23:00~24:00", "2025-03-10 23:00"),
        ("２０２５-03-10 ０８：００", "2025-03-10 07:00"),
    ],
)
def test_hours_end_at_their_label_and_ranges_begin_at_theirs(label, start):
    assert times(export(f"党校,{label},35,0.6,51")) == [start]


@pytest.mark.parametrize(
    "label", ["2025-03-10", "2025-03-10 08:30", "2025-03-10 08~10", "03-10 08:00", "早上"]
)
def test_labels_that_are_no_hour(label):
    assert codes(export(f"党校,{label},35,0.6,51")) == {"time-invalid": 3}


def test_units_stand_in_the_headings():
    result = export("党校,2025-03-10 08:00,35,600,0.051", header="站点,时间,PM2.5(ug/m3),CO(μg/m³),O3(mg/m³)")
    assert result.readings.set_index("parameter")["value"].to_dict() == {"pm2_5": 35, "co": 0.6, "o3": 51}


@pytest.mark.parametrize(
    ("heading", "code"),
    [
        ("NO2", "unknown-unit"),
        ("NO2(ppb)", "unknown-unit"),
        ("NO2(mg/L)", "unknown-unit"),
        ("NO(μg/m³)", "unknown-parameter"),
        ("PM2.5(μg/m3)", "column-repeated"),
    ],
)
def test_headings_that_are_not_guessed(heading, code):
    result = export("党校,2025-03-10 08:00,35,0.6,51,17", header=f"{LONG},{heading}")
    assert codes(result) == {code: 1}
    assert len(result.readings) == 3


def test_eight_hours_of_ozone_stand_beside_the_hour():
    result = export("党校,2025-03-10 08:00,51,65", header="点位,时间,O3(μg/m³),O3_8h(μg/m³)")
    assert result.readings["period"].tolist() == ["1h", "8h"]


def test_a_title_above_and_sums_below():
    result = export(
        LONG,
        "党校,2025-03-10 08:00,35,0.6,51",
        "平均值,,35,0.6,51",
        "备注：仪器校准",
        header="聊城市空气站小时数据,,,,",
    )
    assert codes(result) == {"summary-row": 3}
    assert result.readings["row"].unique().tolist() == [3]


def test_the_code_goes_before_the_name_and_flags_are_kept():
    header = "站点编号,站点名称,时间,PM2.5(μg/m³),标记,备注"
    result = export("1627A,党校,2025-03-10 08:00,35,H,有效", ",聊大东校,2025-03-10 08:00,36,,", header=header)
    assert result.readings["site"].tolist() == ["1627A", "聊大东校"]
    assert result.readings["provider_flag"].tolist() == ["H;有效", ""]


def test_lines_of_the_wrong_width():
    result = export(
        "党校,2025-03-10 08:00,35,0.6,51,9", "党校,2025-03-10 09:00,35", "党校,2025-03-10 10:00,35,0.6,51"
    )
    assert codes(result) == {"line-too-long": 4, "line-too-short": 1}


def test_a_workbook_with_real_times_and_several_sheets():
    head = ["点位", "日期", "小时", "PM2.5(μg/m³)"]
    content = xlsx(
        {
            "说明": [["导出说明"], ["单位见表头"]],
            "党校": [["小时数据"], head, ["党校", pd.Timestamp("2025-03-10").to_pydatetime(), 8, 35.5]],
            "聊大": [head, ["聊大东校", "2025-03-10", "24", "--"], ["聊大东校", "2025-03-10", "9", "维护"]],
        }
    )
    result = read_delivery(content, delivery("air-station-long", "空气站_202503.xlsx", content))
    assert (result.cells_in, result.blank, codes(result)) == (3, 1, {"not-a-number": 1})
    row = result.readings.iloc[0]
    assert (row["sheet"], row["row"], row["value"], row["raw"]) == ("党校", 3, 35.5, "35.5")
    assert row["observed_at"] == pd.Timestamp("2025-03-10 07:00")
    assert result.rejects["sheet"].tolist() == ["聊大"]
    assert [problem.code for problem in result.problems] == ["sheet-skipped"]
    assert recognised(content, "空气站_202503.xlsx")["air-station-long"] == 1.0


def test_a_legacy_workbook_of_one_time_column():
    content = xls({"Sheet1": [["站点", "监测时间", "AQI"], ["党校", "2025-03-10 08:00", 42]]})
    result = read_delivery(content, delivery("air-station-long", "a.xls", content))
    assert (result.readings["value"].tolist(), times(result)) == ([42], ["2025-03-10 07:00"])


@pytest.mark.parametrize(
    "header", ["点位,PM2.5(μg/m³)", "时间,PM2.5(μg/m³)", "点位,时间,备注", "点位,日期,PM10(μg/m³)"]
)
def test_headers_that_do_not_fit(header):
    with pytest.raises(DeliveryRefusedError, match="layout-unknown"):
        export("a,2025-03-10 08:00,35", header=header)
    assert air_station_long.recognise(header, "x.csv") == 0.0
