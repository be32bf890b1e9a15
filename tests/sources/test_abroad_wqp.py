import csv
import io

import numpy as np
import pandas as pd
import pytest
from made_deliveries import codes, delivery

from sources import abroad_wqp
from sources.catalogue import read_delivery
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError

PLAIN = {
    "OrganizationIdentifier": "ORG",
    "ActivityTypeCode": "Sample-Routine",
    "ActivityMediaName": "Water",
    "ActivityMediaSubdivisionName": "Surface Water",
    "ActivityStartDate": "2026-03-01",
    "ActivityStartTime/Time": "22:30:00",
    "ActivityStartTime/TimeZoneCode": "EST",
    "ActivityDepthHeightMeasure/MeasureValue": "",
    "ActivityDepthHeightMeasure/MeasureUnitCode": "",
    "MonitoringLocationIdentifier": "USGS-01594440",
    "ResultDetectionConditionText": "",
    "CharacteristicName": "Phosphorus",
    "ResultSampleFractionText": "Total",
    "ResultMeasureValue": "0.05",
    "ResultMeasure/MeasureUnitCode": "mg/l as P",
    "MeasureQualifierCode": "",
    "ResultStatusIdentifier": "Final",
    "MethodSpeciationName": "",
    "DetectionQuantitationLimitMeasure/MeasureValue": "",
    "DetectionQuantitationLimitMeasure/MeasureUnitCode": "",
}
SHORT = {
    "date": "ActivityStartDate",
    "time": "ActivityStartTime/Time",
    "zone": "ActivityStartTime/TimeZoneCode",
    "kind": "ActivityTypeCode",
    "medium": "ActivityMediaName",
    "submedium": "ActivityMediaSubdivisionName",
    "depth": "ActivityDepthHeightMeasure/MeasureValue",
    "depth_unit": "ActivityDepthHeightMeasure/MeasureUnitCode",
    "site": "MonitoringLocationIdentifier",
    "condition": "ResultDetectionConditionText",
    "name": "CharacteristicName",
    "fraction": "ResultSampleFractionText",
    "value": "ResultMeasureValue",
    "unit": "ResultMeasure/MeasureUnitCode",
    "qualifier": "MeasureQualifierCode",
    "status": "ResultStatusIdentifier",
    "speciation": "MethodSpeciationName",
    "limit": "DetectionQuantitationLimitMeasure/MeasureValue",
    "limit_unit": "DetectionQuantitationLimitMeasure/MeasureUnitCode",
}


def read(*rows: dict[str, str]) -> ReadResult:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(PLAIN))
    writer.writeheader()
    writer.writerows(PLAIN | {SHORT[key]: text for key, text in row.items()} for row in rows)
    content = out.getvalue().encode()
    return read_delivery(content, delivery("abroad-wqp", "result.csv", content))


def reading(**changed: str) -> pd.Series:
    result = read(changed)
    assert codes(result) == {}
    return result.readings.iloc[0]


def test_a_result():
    row = reading()
    assert (row["site"], row["parameter"], row["period"]) == ("USGS-01594440", "tp", "sample")
    assert (row["value"], row["raw"], row["censor"], row["channel"]) == (0.05, "0.05", "", "manual")
    # 22:30 Eastern standard time is 11:30 of the next day in Shanghai
    assert row["observed_at"] == pd.Timestamp("2026-03-02 11:30")
    assert (row["row"], row["column"], row["provider_flag"]) == (2, "ResultMeasureValue", "")


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"zone": "EDT"}, "2026-03-02 10:30"),
        ({"zone": "PST"}, "2026-03-02 14:30"),
        ({"zone": "UTC"}, "2026-03-02 06:30"),
        ({"time": "9:05"}, "2026-03-01 22:05"),
        # without a time of day: the day as written
        ({"time": "", "zone": ""}, "2026-03-01 00:00"),
    ],
)
def test_times(changed, at):
    assert reading(**changed)["observed_at"] == pd.Timestamp(at)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"zone": ""}, "timezone-unknown"),
        ({"zone": "XYZ"}, "timezone-unknown"),
        ({"date": ""}, "time-missing"),
        ({"date": "2026-02-30"}, "time-invalid"),
        ({"time": "25:00"}, "time-invalid"),
        ({"site": ""}, "key-incomplete"),
        ({"name": "Phlogiston"}, "unknown-parameter"),
        ({"fraction": "Dissolved"}, "unknown-parameter"),
        ({"unit": "furlong"}, "unknown-unit"),
        ({"unit": ""}, "unknown-unit"),
        ({"unit": "deg C"}, "unknown-unit"),
        ({"unit": "mg/l as CaCO3"}, "basis-unknown"),
        ({"name": "Ammonia", "unit": "mg/l"}, "basis-unknown"),
        ({"name": "Chloride", "unit": "mg/l as CaCO3"}, "basis-unknown"),
        ({"kind": "Quality Control Sample-Field Blank"}, "quality-control-sample"),
        ({"kind": "Quality Control Field Replicate Msr/Obs"}, "quality-control-sample"),
        ({"medium": "Sediment", "submedium": ""}, "medium-other"),
        ({"submedium": "Groundwater"}, "medium-other"),
        ({"value": "clear"}, "not-a-number"),
        ({"value": "1,200"}, "not-a-number"),
        ({"value": "", "condition": "Systematic Contamination"}, "not-a-number"),
    ],
)
def test_what_is_not_guessed(changed, code):
    assert codes(read(changed)) == {code: 1}


@pytest.mark.parametrize(
    ("changed", "parameter", "value"),
    [
        ({"unit": "ug/l", "value": "35"}, "tp", 0.035),
        ({"unit": "mg/l asPO4", "value": "1"}, "tp", 0.32614),
        ({"name": "Ammonia-nitrogen", "unit": "mg/l", "value": "0.3"}, "nh3_n", 0.3),
        ({"name": "Ammonia", "unit": "mg/l", "speciation": "as NH4", "value": "1"}, "nh3_n", 0.77648),
        ({"name": "Ammonia", "unit": "mg/l as N", "speciation": "", "value": "1"}, "nh3_n", 1.0),
        ({"name": "Nitrate", "fraction": "Dissolved", "unit": "mg/l asNO3", "value": "10"}, "nitrate", 2.259),
        (
            {"name": "Temperature, water", "fraction": "", "unit": "deg C", "value": "-0.2"},
            "water_temp",
            -0.2,
        ),
        ({"name": "pH", "fraction": "", "unit": "std units", "value": "7.6"}, "ph", 7.6),
        ({"name": "Lead", "unit": "ng/l", "value": "250"}, "pb", 0.00025),
        ({"name": "Specific conductance", "unit": "uS/cm @25C", "value": "512"}, "conductivity", 512),
        (
            {"name": "Fecal Coliform", "fraction": "", "unit": "cfu/100ml", "value": "23"},
            "fecal_coliform",
            230,
        ),
        (
            {"name": "Depth, Secchi disk depth", "fraction": "", "unit": "ft", "value": "10"},
            "transparency",
            3.048,
        ),
        ({"name": "Chlorophyll a", "fraction": "", "unit": "ug/l", "value": "1.2e1"}, "chl_a", 0.012),
    ],
)
def test_units_and_bases(changed, parameter, value):
    row = reading(**changed)
    assert row["parameter"] == parameter
    assert row["value"] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("condition", ["Not Detected", "*Non-detect", "Present Below Quantification Limit"])
def test_not_detected_is_less_than_its_limit(condition):
    row = reading(value="", unit="", condition=condition, limit="5", limit_unit="ug/l")
    assert (row["value"], row["censor"], row["detection_limit"], row["raw"]) == (0.005, "<", 0.005, condition)


def test_other_ways_of_a_limit():
    # a value beside `Not Detected` is the limit where no other is given, and the limit counts where one is
    row = reading(value="0.02", condition="Not Detected")
    assert (row["value"], row["censor"], row["detection_limit"]) == (0.02, "<", 0.02)
    row = reading(value="0", condition="Not Detected", limit="0.01", limit_unit="mg/l as P")
    assert (row["value"], row["censor"], row["detection_limit"]) == (0.01, "<", 0.01)
    row = reading(value="<0.02", limit="0.5", limit_unit="mg/l")
    assert (row["value"], row["censor"], row["detection_limit"], row["raw"]) == (0.02, "<", 0.02, "<0.02")
    row = reading(value="> 2400", name="Fecal Coliform", fraction="", unit="MPN/100ml")
    assert (row["value"], row["censor"]) == (24000, ">")
    row = reading(value="", condition="Present Above Quantification Limit", limit="2", limit_unit="mg/l")
    assert (row["value"], row["censor"], row["detection_limit"]) == (2, ">", 2)


def test_an_estimate_below_quantitation_stays_a_value():
    row = reading(
        value="0.006",
        condition="Present Below Quantification Limit",
        qualifier="J",
        limit="0.01",
        limit_unit="mg/l",
    )
    assert (row["value"], row["censor"], row["provider_flag"]) == (0.006, "", "J")
    assert row["detection_limit"] == 0.01


@pytest.mark.parametrize(
    "limit",
    [
        {},
        {"limit": "0.01"},
        {"limit": "0.01", "limit_unit": "furlong"},
        {"limit": "0", "limit_unit": "mg/l"},
        {"limit": "<0.01", "limit_unit": "mg/l"},
        {"limit": "see note", "limit_unit": "mg/l"},
    ],
)
def test_not_detected_without_a_usable_limit(limit):
    result = read({"value": "", "unit": "", "condition": "Not Detected"} | limit)
    assert codes(result) == {"limit-missing": 1}
    assert result.rejects["raw"].tolist() == ["Not Detected"]


def test_blank_is_a_row_that_says_nothing():
    result = read({"value": ""}, {"value": "NA"}, {"value": "", "condition": "Not Reported"}, {})
    assert (result.cells_in, result.blank, len(result.readings)) == (4, 3, 1)


@pytest.mark.parametrize(
    ("status", "qualifier", "flag"),
    [
        ("Accepted", "", ""),
        ("Preliminary", "", "Preliminary"),
        ("Rejected", "R", "R;Rejected"),
        ("Final", "J", "J"),
        ("", "", ""),
    ],
)
def test_flags_say_what_the_provider_does_not_stand_by(status, qualifier, flag):
    assert reading(status=status, qualifier=qualifier)["provider_flag"] == flag


def test_the_shallowest_of_a_profile_stays_and_a_repetition_is_none():
    result = read(
        {"depth": "3", "depth_unit": "m", "value": "0.07"},
        {"depth": "3", "depth_unit": "ft", "value": "0.05"},
        {"depth": "6", "depth_unit": "ft", "value": "0.05"},
        {"depth": "1", "depth_unit": "fathom", "value": "0.06"},
        {"depth": "3", "depth_unit": "m", "value": "0.07", "date": "2026-03-02"},
    )
    assert codes(result) == {"second-series": 2}
    assert result.rejects["raw"].tolist() == ["0.07", "0.06"]
    assert result.readings["value"].tolist() == [0.05, 0.05, 0.07]


def test_detection_limits_are_none_where_none_is_stated():
    assert np.isnan(reading()["detection_limit"])


def test_names():
    head = ",".join(PLAIN)
    assert abroad_wqp.recognise(head, "result_2026-03-01.csv") == 1.0
    assert abroad_wqp.recognise(head.replace("/", "."), "result.csv") == 0.9
    content = b"MonitoringLocationIdentifier,ResultMeasureValue\na,1\n"
    with pytest.raises(DeliveryRefusedError, match=r"layout-unknown: .*ActivityStartDate"):
        abroad_wqp.read(content, delivery("abroad-wqp", "x.csv", content))
