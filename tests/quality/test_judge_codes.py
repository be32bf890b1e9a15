"""Every code has a reading that trips it and a reading at its boundary that does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quality.judge import judge
from quality.suites import suite_for

AIR, WATER, OUTLET = "air-quotsoft", "water-cnemc-api", "outlet-hourly"
TIME = pd.Timestamp

# source, code, rows that trip it, rows at the boundary that pass
CASES = [
    (AIR, "key-incomplete", [{"site": ""}, {"site": None}], [{"site": "0"}]),
    (AIR, "unknown-parameter", [{"parameter": "pm25"}, {"parameter": ""}], [{"parameter": "pm2_5"}]),
    (AIR, "period-unknown", [{"period": "2h"}, {"period": ""}], [{"period": "8h"}]),
    (AIR, "time-missing", [{"observed_at": pd.NaT}], [{"observed_at": TIME("2025-01-01")}]),
    (
        AIR,
        "time-implausible",
        [{"observed_at": TIME("1989-12-31 23:59")}, {"observed_at": TIME("2100-01-01")}],
        [{"observed_at": TIME("1990-01-01")}, {"observed_at": TIME("2099-12-31 23:00")}],
    ),
    (AIR, "not-a-number", [{"value": np.nan}], [{"value": 0.0}]),
    (
        AIR,
        "sentinel",
        [{"value": -9999.0}, {"value": -999.0}, {"value": -99.0}],
        [{"value": 99.0}, {"value": 999.0}],
    ),
    (AIR, "negative", [{"value": -0.001}, {"value": -np.inf}], [{"value": 0.0}, {"value": -0.0}]),
    (
        AIR,
        "out-of-range",
        [{"value": np.nextafter(2000.0, 3000.0)}, {"value": np.inf}, {"parameter": "aqi", "value": 501.0}],
        [{"value": 2000.0}, {"parameter": "aqi", "value": 500.0}, {"parameter": "pm10", "value": 10000.0}],
    ),
    (
        WATER,
        "out-of-range",
        [
            {"parameter": "ph", "value": 14.01},
            {"parameter": "do", "value": 50.1},
            {"parameter": "water_temp", "value": -5.1},
        ],
        [
            {"parameter": "ph", "value": 14.0},
            {"parameter": "ph", "value": 0.0},
            {"parameter": "do", "value": 50.0},
            {"parameter": "water_temp", "value": -5.0},
            {"parameter": "nh3_n", "value": 0.025},
        ],
    ),
    (
        OUTLET,
        "out-of-range",
        [{"parameter": "flue_so2", "value": 10000.1}, {"parameter": "flue_o2", "value": 25.01}],
        [{"parameter": "flue_so2", "value": 10000.0}, {"parameter": "flue_o2", "value": 25.0}],
    ),
    (AIR, "channel-unknown", [{"channel": "by hand"}, {"channel": ""}], [{"channel": "manual"}]),
    (OUTLET, "censor-unknown", [{"parameter": "cod", "censor": "L"}], [{"parameter": "cod", "censor": "<"}]),
    (
        WATER,
        "class-unknown",
        [{"parameter": "water_class", "value": 3.5}],
        [{"parameter": "water_class", "value": float(n)} for n in range(1, 7)]
        + [{"parameter": "ph", "value": 3.5}],
    ),
    (
        WATER,
        "out-of-range",
        [{"parameter": "water_class", "value": 7.0}, {"parameter": "water_class", "value": 0.0}],
        [],
    ),
]


@pytest.mark.parametrize(("source", "code", "failing", "passing"), CASES)
def test_a_code_is_tripped_and_its_boundary_is_not(make, source, code, failing, passing):
    judgement = judge(make([*failing, *passing]), source=source)
    assert judgement.quarantined["code"].tolist() == [code] * len(failing)
    assert judgement.quarantined["row"].tolist() == [n + 2 for n in range(len(failing))]
    assert len(judgement.accepted) == len(passing)
    assert not judgement.refused


def test_every_code_of_the_suites_has_its_case():
    stated = {
        item.code
        for source in (AIR, WATER, OUTLET, "hj212")
        for item in suite_for(source).expectations
        if item.severity == "quarantine"
    }
    assert stated == {code for _, code, _, _ in CASES}


def test_a_flag_names_its_row_and_keeps_it(make):
    rows = [{"parameter": "aqi", "value": v} for v in (80.0, 80.5, 500.5)] + [{"value": 35.5}]
    judgement = judge(make(rows), source=AIR)
    # 500.5 is beyond the scale: quarantined, so there is nothing left to flag
    assert judgement.quarantined["row"].tolist() == [4]
    assert judgement.accepted["value"].tolist() == [80.0, 80.5, 35.5]
    assert judgement.flagged[["delivery", "row", "parameter", "code"]].to_dict("records") == [
        {"delivery": 0, "row": 3, "parameter": "aqi", "code": "aqi-not-whole"}
    ]
    assert judge(make(rows[:1]), source=AIR).flagged.empty


def test_a_parameter_that_may_be_negative_is_not_called_negative(make):
    rows = [{"parameter": "flue_temp", "value": -40.0}, {"parameter": "water_temp", "value": -0.5}]
    assert judge(make(rows), source=OUTLET).quarantined.empty


def test_a_stand_in_is_one_only_where_it_cannot_be_a_measurement(make):
    rows = [{"parameter": "orp", "value": v} for v in (-99.0, -999.0)] + [
        {"parameter": "flue_temp", "value": -99.0}
    ]
    found = judge(make(rows), source=WATER).quarantined
    assert found[["row", "code"]].to_dict("records") == [
        {"row": 3, "code": "sentinel"},
        {"row": 4, "code": "sentinel"},
    ]


def test_the_first_failing_expectation_of_the_suite_gives_the_code(make):
    rows = [
        {"site": "", "parameter": "nonsense", "value": -9999.0},
        {"value": -9999.0, "observed_at": pd.NaT},
    ]
    assert judge(make(rows), source=AIR).quarantined["code"].tolist() == ["key-incomplete", "time-missing"]


def test_a_quarantined_reading_keeps_where_it_came_from(make):
    row = {"raw": "-9999", "value": -9999.0, "sheet": "S1", "row": 17, "column": "9101A", "delivery": 4}
    found = judge(make([row]), source=AIR).quarantined
    assert found.drop(columns="district").to_dict("records") == [
        {
            "site": "CP-A1",
            "parameter": "pm2_5",
            "period": "1h",
            "observed_at": TIME("2025-03-10 08:00"),
            "raw": "-9999",
            "sheet": "S1",
            "row": 17,
            "column": "9101A",
            "code": "sentinel",
            "cells": 1,
            "delivery": 4,
        }
    ]


def test_a_censored_or_flagged_reading_is_judged_by_its_value_only(make):
    rows = [{"censor": "<", "detection_limit": 3.0, "value": 1.5}, {"provider_flag": "维护"}]
    assert len(judge(make(rows), source=AIR).accepted) == 2
