"""What moved an indicator: parts add up to the difference, whatever the weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.contributions import (
    against_figure,
    counts_by_pollutant,
    parts_of_mean,
    point_weights,
    points_counted,
    shares_of,
    split_difference,
)


def parts(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["group", "weight", "value"])
    return parts_of_mean(frame["weight"], frame["value"], frame["group"])


def test_two_months_of_equal_weight_split_by_hand() -> None:
    # now 60 and 40 (mean 50), last year 80 and 40 (mean 60): January alone moved it, by half of its 20
    now, before = parts([("01", 1, 60), ("02", 1, 40)]), parts([("01", 1, 80), ("02", 1, 40)])
    assert split_difference(now, before).to_dict() == {"01": pytest.approx(-10.0), "02": pytest.approx(0.0)}


def test_a_month_that_only_weighs_more_counts_by_its_distance_from_the_mean() -> None:
    # equal means of months 60 and 40; this year three parts of January instead of one
    now, before = parts([("01", 3, 60), ("02", 1, 40)]), parts([("01", 1, 60), ("02", 1, 40)])
    found = split_difference(now, before)
    # wholes 55 and 50, between them 52.5: 0.25 x (60 - 52.5) and -0.25 x (40 - 52.5)
    assert found.to_dict() == {"01": pytest.approx(1.875), "02": pytest.approx(3.125)}
    assert found.sum() == pytest.approx(5.0)


def test_against_a_baseline_months_add_up_to_the_distance() -> None:
    found = against_figure(parts([("01", 1, 60), ("02", 3, 40)]), 54.0)
    # 0.25 x 6 and 0.75 x -14; the mean is 45
    assert found.to_dict() == {"01": pytest.approx(1.5), "02": pytest.approx(-10.5)}


ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.floats(0.1, 9), st.floats(0, 500)),
    min_size=1,
    max_size=12,
)


@given(now=ROWS, before=ROWS)
@settings(max_examples=60, deadline=None)
def test_parts_always_add_up(
    now: list[tuple[str, float, float]], before: list[tuple[str, float, float]]
) -> None:
    def mean(rows: list[tuple[str, float, float]]) -> float:
        return sum(weight * value for _, weight, value in rows) / sum(weight for _, weight, _ in rows)

    assert split_difference(parts(now), parts(before)).sum() == pytest.approx(
        mean(now) - mean(before), abs=1e-6
    )
    assert against_figure(parts(now), 50.0).sum() == pytest.approx(mean(now) - 50.0, abs=1e-6)


def test_a_point_weighs_less_on_days_with_more_points() -> None:
    points = pd.DataFrame({"day": pd.to_datetime(["2025-01-01", "2025-01-01", "2025-01-02"])})
    assert point_weights(points).tolist() == [0.5, 0.5, 1.0]


def test_points_count_while_they_belong_to_the_evaluation() -> None:
    days = pd.DataFrame(
        {
            "site": ["A", "A", "B", "C", "A"],
            "day": pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-01", "2025-01-01", "2025-01-03"]),
            "value": [1.0, 2.0, 3.0, 4.0, np.nan],
            "valid": [True, True, True, True, True],
        }
    )
    stations = pd.DataFrame(
        {
            "site": ["A", "B", "C"],
            "evaluation": [True, True, False],
            "valid_from": pd.to_datetime(["2025-01-02", None, None]),
            "valid_to": pd.to_datetime([None, None, None]),
        }
    )
    assert sorted(points_counted(days, stations)["value"]) == [2.0, 3.0]


def test_a_day_with_two_primary_pollutants_counts_half_for_each() -> None:
    found = counts_by_pollutant(pd.Series(["o3", "pm2_5,pm10", "o3", "pm10"]))
    assert found.to_dict() == {"o3": 2.0, "pm10": 1.5, "pm2_5": 0.5}
    assert found.sum() == 4


def test_shares_of_nothing_are_unknown() -> None:
    assert shares_of(pd.Series([1.0, 3.0])).tolist() == [25.0, 75.0]
    assert shares_of(pd.Series([1.0, -1.0])).isna().all()
