"""Black-odorous water: bounds of values, points from all their data, bodies from their points."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from indicators.registry import default_registry
from indicators.water_black_odorous import grade_bodies, grade_points, grade_values

STANDARD = default_registry().get("BLACKODOR-2015")


@pytest.mark.parametrize(
    ("item", "value", "grade"),
    [
        ("transparency", 0.26, 0), ("transparency", 0.25, 1), ("transparency", 0.10, 1), ("transparency", 0.09, 2),
        ("do", 2.1, 0), ("do", 2.0, 1), ("do", 0.2, 1), ("do", 0.1, 2),
        ("orp", 51, 0), ("orp", 50, 1), ("orp", -200, 1), ("orp", -201, 2),
        ("nh3_n", 7.9, 0), ("nh3_n", 8.0, 1), ("nh3_n", 15.0, 1), ("nh3_n", 15.1, 2),
        ("do", math.nan, -1), ("cod", 99.0, -1),
    ],
)  # fmt: skip
def test_urban(item: str, value: float, grade: int) -> None:
    assert grade_values(item, [value], STANDARD).tolist() == [grade]


@pytest.mark.parametrize(
    ("item", "value", "grade"),
    [
        ("transparency", 0.25, 0), ("transparency", 0.24, 1), ("do", 2.0, 0), ("do", 1.9, 1),
        ("nh3_n", 15.0, 0), ("nh3_n", 15.1, 1), ("orp", -300.0, -1),
    ],
)  # fmt: skip
def test_rural(item: str, value: float, grade: int) -> None:
    assert grade_values(item, [value], STANDARD, setting="rural").tolist() == [grade]


def test_shallow_water_is_judged_by_its_depth() -> None:
    # 0.20 m deep: bounds at 40 % = 0.08 m; at 0.25 m and deeper, or of unknown depth, the plain ones
    depth = [0.20, 0.20, 0.25, math.nan]
    assert grade_values("transparency", [0.09, 0.07, 0.09, 0.09], STANDARD, depth=depth).tolist() == [
        0,
        2,
        2,
        2,
    ]


def points(data: dict[str, list[float]]) -> pd.Series:
    rows = [("P", item, value) for item, values in data.items() for value in values]
    found = grade_points(pd.DataFrame(rows, columns=["site", "parameter", "value"]), STANDARD)
    assert len(found) == 1
    return found.iloc[0]


def test_a_point_is_heavy_by_one_item_or_by_two() -> None:
    # more than 60 % of one item
    assert points({"nh3_n": [16, 16, 16, 16, 9, 9]})["grade"] == 2
    row = points({"nh3_n": [16, 16, 16, 9, 9]})
    assert (row["grade"], row["zh"], row["items"]) == (1, "轻度黑臭", "nh3_n")
    # more than 30 % of two items
    assert points({"nh3_n": [16, 16, 9, 9, 9], "do": [0.1, 0.1, 1, 1, 1]})["grade"] == 2
    assert points({"nh3_n": [16] * 3 + [9] * 7, "do": [0.1] * 3 + [1] * 7})["grade"] == 1
    assert points({"nh3_n": [1], "do": [6]})["grade"] == 0


def body(*grades: int) -> pd.Series:
    frame = pd.DataFrame({"body": "沟", "order": range(len(grades)), "grade": grades})
    return grade_bodies(frame.sample(frac=1, random_state=1), STANDARD).iloc[0]


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        ((2, 2, 2, 1, 1), 2),
        ((2, 1, 2, 1, 1), 1),
        ((2, 1, 2, 1, 2), 2),
        ((2, 2, 2, 1, 1, 1, 1), 2),
        ((2, 2, 1, 2, 1, 1, 1), 1),
        ((0, 0, 0), 0),
        ((0, 1, 0), 1),
    ],
)
def test_a_body_is_heavy_by_share_or_by_three_in_a_row(grades: tuple[int, ...], expected: int) -> None:
    row = body(*grades)
    assert (row["grade"], row["n_heavy"]) == (expected, grades.count(2))


def test_two_bodies_do_not_run_into_each_other() -> None:
    frame = pd.DataFrame(
        {"body": ["a"] * 4 + ["b"] * 4, "order": [*range(4)] * 2, "grade": [1, 1, 2, 2, 2, 1, 1, 1]}
    )
    assert grade_bodies(frame, STANDARD)["grade"].tolist() == [1, 1]


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ValueError, match="setting 'village'"):
        grade_values("do", [1.0], STANDARD, setting="village")
