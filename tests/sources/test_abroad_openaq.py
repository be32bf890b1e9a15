import gzip
from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_deliveries import codes, delivery, one

from quality.judge import judge
from sources import abroad_openaq
from sources.catalogue import read_delivery
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

HEADER = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value"
NAME = "location-2178-20230222.csv.gz"


def line(**changed: str) -> str:
    fields = {
        "location_id": "2178",
        "sensors_id": "3919",
        "location": '"Del Norte, 2178"',
        "datetime": "2023-02-22T01:00:00-07:00",
        "lat": "35.1353",
        "lon": "-106.584702",
        "parameter": "pm10",
        "units": "µg/m³",
        "value": "14.0",
    } | changed
    return ",".join(fields[name] for name in HEADER.split(","))


def read(*lines: str, header: str = HEADER, name: str = NAME) -> ReadResult:
    content = gzip.compress(("\n".join([header, *lines]) + "\n").encode())
    return read_delivery(content, delivery("abroad-openaq", name, content))


def value(**changed: str) -> float:
    return float(read(line(**changed)).readings["value"].item())


def test_an_hour_of_a_location():
    row = read(line()).readings.iloc[0]
    assert (row["site"], row["parameter"], row["period"], row["value"], row["raw"]) == (
        "openaq-2178",
        "pm10",
        "1h",
        14.0,
        "14.0",
    )
    # the hour that ends at 01:00 in New Mexico begins at 15:00 in Shanghai
    assert row["observed_at"] == pd.Timestamp("2023-02-22 15:00")
    assert (row["row"], row["column"]) == (2, "value")


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-22T08:00:00Z",
        "2023-02-22 08:00:00+00",
        "2023-02-22T13:30:00+05:30",
        "2023-02-22T01:00:00.000-0700",
    ],
)
def test_spellings_of_one_moment(text):
    assert read(line(datetime=text)).readings["observed_at"].item() == pd.Timestamp("2023-02-22 15:00")


@settings(max_examples=40, deadline=None)
@given(
    moment=st.datetimes(datetime(1992, 1, 1), datetime(2060, 1, 1)).map(
        lambda at: at.replace(minute=0, second=0)
    ),
    minutes=st.integers(-12 * 4, 14 * 4).map(lambda quarter: 15 * quarter),
)
def test_a_moment_is_the_same_in_every_zone(moment, minutes):
    there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    found = read(line(datetime=there.isoformat(timespec="seconds"))).readings["observed_at"].item()
    # Shanghai is 8 hours ahead; the label is the end of the hour
    assert found == pd.Timestamp(moment).floor("s") + pd.Timedelta(hours=7)


def test_a_half_hour_of_a_zone_on_half_hours_is_an_hour_of_its_own():
    assert read(line(datetime="2023-02-22T01:00:00+05:30")).readings["observed_at"].item() == pd.Timestamp(
        "2023-02-22 02:30"
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"datetime": "2023-02-22T01:00:00"}, "timezone-unknown"),
        ({"datetime": ""}, "time-missing"),
        ({"datetime": "2023-02-30T01:00:00Z"}, "time-invalid"),
        ({"datetime": "2023-02-22T01:40:00Z"}, "period-unknown"),
        ({"location_id": ""}, "key-incomplete"),
        ({"parameter": "um003", "units": "particles/cm³"}, "unknown-parameter"),
        ({"units": "particles/cm³"}, "unknown-unit"),
        ({"units": ""}, "unknown-unit"),
        # a share of particles has no mass without their kind
        ({"parameter": "pm25", "units": "ppm"}, "unknown-unit"),
        ({"value": "n/a"}, "not-a-number"),
    ],
)
def test_what_is_not_guessed(changed, code):
    assert codes(read(line(**changed))) == {code: 1}


def test_mole_fractions_become_mass_at_the_reference_state_of_their_day():
    # molar volumes of an ideal gas: 24.465 L at 25 °C, 22.414 L at 0 °C; ozone 47.997, CO 28.010 g/mol
    now, before = "2018-09-01T01:00:00+08:00", "2018-08-31T01:00:00+08:00"
    assert value(parameter="o3", units="ppm", value="0.04", datetime=now) == pytest.approx(78.47, abs=0.01)
    assert value(parameter="o3", units="ppm", value="0.04", datetime=before) == pytest.approx(85.66, abs=0.01)
    assert value(parameter="o3", units="ppb", value="40", datetime=now) == pytest.approx(78.47, abs=0.01)
    assert value(parameter="co", units="ppm", value="0.5", datetime=now) == pytest.approx(0.5724, abs=0.0001)
    assert value(parameter="no2", units="ppm", value="0.02", datetime=now) == pytest.approx(37.61, abs=0.01)
    assert value(parameter="so2", units="ppb", value="2", datetime=now) == pytest.approx(5.237, abs=0.001)


def test_mass_is_only_shifted():
    assert value(parameter="co", units="µg/m³", value="35") == 0.035
    assert value(parameter="pm25", units="mg/m³", value="0.035") == 35


def test_the_first_of_two_sensors_stays():
    result = read(line(sensors_id="10001", value="99"), line(), line(sensors_id="3918", parameter="pm25"))
    assert codes(result) == {"second-series": 1}
    assert result.rejects["raw"].tolist() == ["99"]
    assert result.readings["parameter"].tolist() == ["pm10", "pm2_5"]


def test_a_sensor_that_gives_nothing_does_not_stand_in_the_way():
    result = read(line(value=""), line(sensors_id="10001", value="99"))
    assert (result.blank, result.readings["value"].tolist()) == (1, [99])


def test_missing_values_and_names():
    assert read(line(value="NaN"), line(value="1")).blank == 1
    assert abroad_openaq.partition(NAME) == "2023-02-22"
    assert abroad_openaq.recognise(HEADER + "\n", NAME) == 1.0
    assert abroad_openaq.recognise(HEADER, "x.csv") == 0.9
    with pytest.raises(DeliveryRefusedError, match=r"layout-unknown: .*units"):
        read("1,2", header="location_id,datetime,parameter,value")


def test_its_columns_are_judged_like_those_of_other_air():
    rows = [
        line(
            parameter=parameter,
            value=value,
            datetime=f"2023-02-{day}T{hour:02d}:00:00Z",
            sensors_id=parameter,
        )
        for day in (22, 23)
        for hour in range(1, 20)
        for parameter, value in (("pm25", "90"), ("pm10", "20"))
    ]
    result = read(*rows)
    assert one(judge(result.readings, source="abroad-openaq").counts, delivery=0)["refused"]
