import json

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from sources import air_cnemc_feed as feed
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

NAME = "airnow_2018-02-20T07.json"


def station(**changed: object) -> dict[str, object]:
    """Return station 1002A as the feed gave it at 07:00 on 2018-02-20."""
    return {
        "aqi": "26",
        "area": "北京市",
        "co": "0.2",
        "o3": "112",
        "o3_24h": "83",
        "o3_8h": "86",
        "o3_8h_24h": "85",
        "pm10": "-;",
        "positionname": "定陵",
        "primarypollutant": "-;",
        "quality": "优",
        "stationcode": "1002A",
        "timepoint": "2018-02-20T07:00:00",
    } | changed


def read(*stations: object, name: str = NAME, plain: bool = False) -> ReadResult:
    body: object = list(stations)
    if not plain:
        body = {"type": "FeatureCollection", "features": [{"properties": item} for item in stations]}
    content = json.dumps(body).encode()
    return feed.read(content, delivery("air-cnemc-feed", name, content))


def value(result: ReadResult, parameter: str, period: str) -> tuple[float, str]:
    row = one(result.readings, parameter=parameter, period=period)
    return row["value"], row["column"]


def test_a_station_hour():
    result = read(station())
    # aqi, co, four of ozone, pm10; words are no cells
    assert (result.cells_in, len(result.readings), result.blank) == (7, 6, 1)
    row = one(result.readings, parameter="co")
    assert (row["site"], row["period"], row["value"], row["raw"]) == ("1002A", "1h", 0.2, "0.2")
    # 07:00 is the end of the hour
    assert row["observed_at"] == pd.Timestamp("2018-02-20 06:00")
    assert (row["row"], row["column"], row["channel"]) == (1, "co", "automatic")


def test_both_pairs_of_ozone_are_put_right_and_keep_the_key_they_came_under():
    result = read(station())
    assert value(result, "o3", "1h") == (83, "o3_24h")
    assert value(result, "o3", "24h") == (112, "o3")
    assert value(result, "o3", "8h") == (85, "o3_8h_24h")
    assert value(result, "o3_8h", "24h") == (86, "o3_8h")
    assert result.problems == []


@pytest.mark.parametrize("day", ["2018-01-01", "2023-11-09"])
def test_the_first_and_the_last_day_of_the_exchange(day):
    result = read(station(timepoint=f"{day}T07:00:00"))
    assert value(result, "o3", "1h") == (83, "o3_24h")


def test_after_the_exchange_the_keys_hold_what_they_say():
    result = read(station(timepoint="2023-11-14T07:00:00", o3="83", o3_24h="112"))
    assert value(result, "o3", "1h") == (83, "o3")
    assert value(result, "o3", "24h") == (112, "o3_24h")


@pytest.mark.parametrize("day", ["2017-12-31", "2023-11-10", "2023-11-13"])
def test_ozone_of_days_without_a_rule_is_not_guessed(day):
    result = read(station(timepoint=f"{day}T07:00:00"))
    assert codes(result) == {"column-unsettled": 4}
    assert set(result.readings["parameter"]) == {"aqi", "co"}


def test_one_of_a_pair_alone_still_has_its_meaning():
    lone = station()
    del lone["o3_24h"]
    assert value(read(lone), "o3", "24h") == (112, "o3")


def test_a_delivery_that_contradicts_the_rule_is_remarked():
    turned = [station(stationcode=f"{place}A", o3="62", o3_24h="84") for place in range(1000, 1024)]
    result = read(*turned)
    assert [problem.code for problem in result.problems] == ["columns-doubtful"]
    assert "24 个站中有 24 个站" in result.problems[0].zh
    assert read(*turned[:23]).problems == []
    # a few stations of many are no proof
    assert (
        read(*turned[:4], *[station(stationcode=f"{place}A") for place in range(1100, 1120)]).problems == []
    )


def test_the_plain_list_with_capital_keys_and_another_mark():
    record = {
        "TimePoint": "2024-05-01T00:00:00",
        "StationCode": "1625A",
        "PM2_5": "35",
        "O3_8h_24h": "—",
        "SO2": 4,
    }
    result = read(record, plain=True)
    assert (result.cells_in, result.blank) == (3, 1)
    assert value(result, "pm2_5", "1h") == (35, "PM2_5")
    assert one(result.readings, parameter="so2")["raw"] == "4"
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2024-04-30 23:00")}


def test_a_key_that_only_some_stations_have_and_one_nobody_knows():
    result = read(station(), station(stationcode="1003A", no2="8", benzene="1.5"))
    # the first station has neither key: that is no cell of the export
    assert result.cells_in == 7 + 9
    assert codes(result) == {"unknown-parameter": 1}
    assert [(problem.code, "benzene" in problem.en) for problem in result.problems] == [
        ("column-unknown", True)
    ]
    assert one(result.readings, parameter="no2")["row"] == 2


@pytest.mark.parametrize(
    ("changed", "code", "cells"),
    [
        ({"timepoint": "-;"}, "time-missing", 6),
        ({"timepoint": "2018-02-30T07:00:00"}, "time-invalid", 6),
        ({"timepoint": "2018-02-20T07:30:00"}, "time-invalid", 6),
        ({"stationcode": ""}, "key-incomplete", 6),
        ({"aqi": "优"}, "not-a-number", 1),
    ],
)
def test_cells_that_cannot_be_placed(changed, code, cells):
    assert codes(read(station(**changed))) == {code: cells}


def test_a_feature_that_is_no_record_is_one_rejected_cell():
    content = json.dumps({"features": [{"properties": station()}, {"properties": None}, "?"]}).encode()
    result = feed.read(content, delivery("air-cnemc-feed", NAME, content))
    assert codes(result) == {"line-unreadable": 2}
    assert result.cells_in == 7 + 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"features": [{"properties": {"stationcode"', "file-unreadable"),
        (b'{"result": 1}', "layout-unknown"),
        (b'"text"', "layout-unknown"),
        (b"[]", "layout-unknown"),
        (b'[{"stationcode": "1A", "timepoint": "x", "area": "y"}]', "layout-unknown"),
    ],
)
def test_refused_as_a_whole(content, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        feed.read(content, delivery("air-cnemc-feed", NAME, content))
    assert refused.value.code == code


def test_names():
    assert feed.partition(NAME) == "2018-02-20"
    head = json.dumps({"features": [{"properties": station()}]})
    assert feed.recognise(head, NAME) == 1.0
    assert feed.recognise(head, "x.json") == 0.9
    assert feed.recognise('{"thead": []}', NAME) == 0.0
