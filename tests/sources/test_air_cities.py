"""The hourly export of cities, and the daily tables whose columns may lie."""

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from quality.judge import judge
from sources import air_city_daily, air_quotsoft, air_quotsoft_cities
from sources.catalogue import read_delivery
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

HEADER = "日期,质量等级,AQI,PM2.5,PM10,SO2,NO2,CO,O3,城市"


def daily(*lines: str, header: str = HEADER, name: str = "聊城.csv", encoding: str = "gb18030") -> ReadResult:
    content = "\r\n".join([header, *lines, ""]).encode(encoding)
    return read_delivery(content, delivery("air-city-daily", name, content))


def test_cities_are_sites_of_their_own():
    content = "date,hour,type,聊城,德州\n20250310,0,O3_8h,84,\n".encode()
    result = read_delivery(content, delivery("air-quotsoft-cities", "china_cities_20250310.csv", content))
    row = result.readings.iloc[0]
    assert (row["site"], row["parameter"], row["period"], row["value"]) == ("聊城", "o3", "8h", 84)
    assert row["observed_at"] == pd.Timestamp("2025-03-09 23:00")
    assert (result.cells_in, result.blank, result.issued_stated) == (2, 1, True)


def test_stations_and_cities_are_told_apart_by_their_headings():
    stations, cities = "date,hour,type,1625A,1626A", "date,hour,type,聊城,济南"
    assert air_quotsoft.recognise(stations, "china_sites_20250310.csv") == 1.0
    assert air_quotsoft.recognise(cities, "china_cities_20250310.csv") < 0.3
    assert air_quotsoft_cities.recognise(cities, "china_cities_20250310.csv") == 1.0
    assert air_quotsoft_cities.recognise(cities, "x.csv") == 0.9
    assert air_quotsoft_cities.recognise(stations, "china_sites_20250310.csv") < 0.3
    assert air_quotsoft_cities.partition("china_cities_20250310.csv") == "2025-03-10"


def test_a_day_of_a_city():
    result = daily("2025-01-02,良,73,53,96,9,40,0.9,102,聊城")
    assert (result.cells_in, len(result.readings), result.encoding) == (7, 7, "gb18030")
    row = one(result.readings, parameter="co")
    assert (row["site"], row["period"], row["value"], row["row"]) == ("聊城", "1d", 0.9, 2)
    assert row["observed_at"] == pd.Timestamp("2025-01-02")


def test_ranks_and_words_are_no_cells_and_a_stated_unit_is_converted():
    result = daily(
        "2025年1月2日,聊城,73,118,PM2.5,1200,96",
        header="日期,城市,AQI指数,当天AQI排名,首要污染物,CO(μg/m³),O3_8h",
    )
    assert result.cells_in == 3
    assert one(result.readings, parameter="co")["value"] == 1.2
    assert one(result.readings, parameter="o3_8h")["value"] == 96


@pytest.mark.parametrize("date", ["2025-02-29", "25-01-02", "2025-01-02 08:00"])
def test_dates_that_are_none(date):
    assert codes(daily(f"{date},良,73,53,96,9,40,0.9,102,聊城")) == {"time-invalid": 7}


def test_rows_without_city_or_date_and_below_the_table():
    result = daily(
        "2025-01-02,良,73,53,96,9,40,0.9,102,",
        ",良,73,53,96,9,40,0.9,102,聊城",
        "平均值,,73,53,96,9,40,0.9,102,聊城",
    )
    assert codes(result) == {"key-incomplete": 7, "time-missing": 7, "summary-row": 7}


def test_a_table_of_stations_is_not_taken_for_one_of_cities():
    assert air_city_daily.recognise("城市,点位,日期,AQI,PM2.5,PM10", "x.csv") < 0.3
    assert air_city_daily.recognise(HEADER, "聊城.csv") == 0.9
    assert air_city_daily.recognise(HEADER, "聊城_202501.csv") == 1.0
    with pytest.raises(DeliveryRefusedError, match=r"layout-unknown: 聊城.csv .*城市、日期"):
        daily("2025-01-02,73", header="日期,AQI")


def test_columns_that_lie_are_read_and_then_refused_whole():
    # the rank stands under PM2.5, PM2.5 under PM10, and so on; CO ends up under O3
    lines = [f"2025-01-{day:02d},良,73,{180 + day},53,96,9,40,0.9,济南" for day in range(1, 29)]
    result = daily(*lines, name="济南.csv")
    assert (result.cells_in, len(result.readings), codes(result)) == (28 * 7, 28 * 7, {})
    judgement = judge(result.readings, source="air-city-daily", deliveries=["济南.csv"])
    assert judgement.refused[0].code == "columns-lie"
    assert "pm2_5 大于 pm10 的占 100.0%" in judgement.refused[0].zh
    assert judgement.accepted.empty
    assert judgement.refused_cells()["cells"].tolist() == [28 * 7]
    # the same days under their right names are accepted
    right = [f"2025-01-{day:02d},良,73,53,96,9,40,0.9,{100 + day},济南" for day in range(1, 29)]
    assert judge(daily(*right).readings, source="air-city-daily").refused == {}
