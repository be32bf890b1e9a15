"""Means against their hours, classes against their rows, medians against what is usual."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.delivery_values import _highest
from quality.judge import judge

DAY = pd.Timestamp("2025-07-10")
AIR, API = "air-quotsoft", "water-cnemc-api"


def warned(make, rows, source=AIR):
    judged = judge(make(rows), source=source)
    assert not judged.refused
    return [(remark.code, remark.severity) for remark in judged.remarks]


def ozone_days(mda8, hourly, *, days=24, hours=range(24)):
    rows = []
    for day in range(days):
        start = DAY + pd.Timedelta(days=day)
        rows += [
            {"parameter": "o3", "value": float(hourly), "observed_at": start + pd.Timedelta(hours=hour)}
            for hour in hours
        ]
        rows.append({"parameter": "o3_8h", "period": "1d", "value": float(mda8), "observed_at": start})
    return rows


def test_a_highest_mean_above_every_hour_is_told(make):
    assert warned(make, ozone_days(102.0, 100.0)) == [("columns-doubtful", "warn")]
    assert warned(make, ozone_days(101.0, 100.0)) == [], "one of rounding"
    assert warned(make, ozone_days(102.0, 100.0, days=23)) == [], "too few to tell"
    # 17 of 24 hours: the highest may be among those that are missing
    assert warned(make, ozone_days(102.0, 100.0, hours=range(17))) == []
    assert warned(make, ozone_days(102.0, 100.0, hours=range(18))) == [("columns-doubtful", "warn")]


def test_the_hours_are_of_the_same_day_and_site(make):
    days = ozone_days(150.0, 100.0)
    # each day's highest hour stands at 23:00, another site's at noon
    for row in days:
        if row["parameter"] == "o3" and row["observed_at"].hour == 23:
            row["value"] = 150.0
    assert warned(make, days) == []
    for row in days:
        if row["value"] == 150.0 and row["parameter"] == "o3":
            row["site"] = "CP-A2"
    assert warned(make, days) == [("columns-doubtful", "warn")]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    spans=st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), min_size=1, max_size=20),
)
def test_the_highest_of_any_span_is_the_highest(values, spans):
    start = np.array([min(first, len(values) - 1) for first, _ in spans])
    end = np.minimum(start + np.array([length for _, length in spans]), len(values))
    found = _highest(np.array(values), start, end)
    assert found.tolist() == [max(values[a:b]) for a, b in zip(start, end, strict=True)]


#: GB 3838-2002 table 1: class III of a river by cod_mn (5 is within 6, above 4); TP 0.06 is class II of a river, IV of a lake
ROW = {"ph": 7.5, "do": 8.0, "cod_mn": 5.0, "nh3_n": 0.1, "tp": 0.06}


def release(stated, n, start=0, **changed):
    rows = []
    for place in range(start, start + n):
        key = {"site": f"S{place}", "period": "4h", "observed_at": DAY}
        rows += [{**key, "parameter": name, "value": value} for name, value in (ROW | changed).items()]
        rows.append({**key, "parameter": "water_class", "value": float(stated)})
    return rows


def test_a_class_that_its_own_row_gives_is_right_for_a_river_or_a_lake(make):
    assert warned(make, release(3, 30), API) == []
    assert warned(make, release(4, 30), API) == [], "TP 0.06 in a lake is class IV"
    assert warned(make, release(2, 30), API) == [("class-contradicts", "warn")]
    assert warned(make, release(6, 30, do=1.9), API) == []
    assert warned(make, release(5, 30, do=1.9), API) == [("class-contradicts", "warn")]


def test_few_contradictions_are_counted_and_not_told(make):
    rows = [*release(3, 27), *release(2, 3, start=27)]
    judged = judge(make(rows), source=API)
    assert [(remark.code, remark.severity) for remark in judged.remarks] == [("class-contradicts", "note")]
    assert "30 个中 3 个" in judged.remarks[0].zh


def test_a_row_that_lacks_an_item_is_not_compared(make):
    rows = [row for row in release(1, 30) if row["parameter"] != "tp"]
    assert warned(make, rows, API) == []


def test_a_median_of_another_unit_is_told(make):
    def sites(value, n=30):
        return [{"site": f"S{k}", "parameter": "tp", "period": "4h", "value": value} for k in range(n)]

    # micrograms under the name of milligrams
    assert warned(make, sites(70.0), API) == [("unit-doubtful", "warn")]
    assert warned(make, sites(0.07), API) == []
    assert warned(make, sites(70.0, n=23), API) == []
