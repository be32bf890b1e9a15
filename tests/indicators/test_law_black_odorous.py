"""Black-odorous water: shares and depths at their bounds, typed from the compiled rules, section 6.1."""

from __future__ import annotations

import pandas as pd
import pytest

from indicators.registry import default_registry
from indicators.water_black_odorous import grade_bodies, grade_points, grade_values

STANDARD = default_registry().get("BLACKODOR-2015")


@pytest.mark.parametrize(
    ("item", "steps"),
    # m, mg/L, mV, mg/L: one step to the good side of the light bound, on it, one step further; the same for heavy
    [
        ("transparency", [(0.251, 0), (0.25, 1), (0.249, 1), (0.101, 1), (0.10, 1), (0.099, 2)]),
        ("do", [(2.01, 0), (2.0, 1), (1.99, 1), (0.21, 1), (0.2, 1), (0.19, 2)]),
        ("orp", [(50.1, 0), (50, 1), (49.9, 1), (-199.9, 1), (-200, 1), (-200.1, 2)]),
        ("nh3_n", [(7.99, 0), (8.0, 1), (8.01, 1), (14.99, 1), (15.0, 1), (15.01, 2)]),
    ],
)
def test_urban_bounds(item: str, steps: list[tuple[float, int]]) -> None:
    found = grade_values(item, [value for value, _ in steps], STANDARD)
    assert found.tolist() == [grade for _, grade in steps]


@pytest.mark.parametrize(
    ("item", "steps"),
    [
        ("transparency", [(0.251, 0), (0.25, 0), (0.249, 1)]),
        ("do", [(2.01, 0), (2.0, 0), (1.99, 1)]),
        ("nh3_n", [(14.99, 0), (15.0, 0), (15.01, 1)]),
    ],
)
def test_rural_bounds(item: str, steps: list[tuple[float, int]]) -> None:
    found = grade_values(item, [value for value, _ in steps], STANDARD, setting="rural")
    assert found.tolist() == [grade for _, grade in steps]


@pytest.mark.parametrize(
    # centimetres of depth and 40 % of them, as written
    ("depth", "bound"),
    [
        ("0.05", "0.02"),
        ("0.10", "0.04"),
        ("0.15", "0.06"),
        ("0.20", "0.08"),
        ("0.22", "0.088"),
        ("0.24", "0.096"),
    ],
)
def test_shallow_water_has_its_bound_at_40_percent_of_the_depth(depth: str, bound: str) -> None:
    values = [float(bound) + 0.001, float(bound), float(bound) - 0.001]
    found = grade_values("transparency", values, STANDARD, depth=[float(depth)] * 3)
    assert found.tolist() == [0, 1, 2]


def test_from_a_quarter_of_a_metre_the_plain_bounds_hold() -> None:
    found = grade_values("transparency", [0.10, 0.099, 0.25, 0.251], STANDARD, depth=[0.25] * 4)
    assert found.tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize(
    # heavy data of ammonia and of oxygen among ten: over 60 % of one, or over 30 % of two
    ("ammonia", "oxygen", "grade"),
    [(6, 0, 1), (7, 0, 2), (3, 3, 1), (4, 4, 2), (4, 3, 1), (5, 0, 1), (4, 0, 1), (0, 7, 2)],
)
def test_shares_of_heavy_data_of_a_point(ammonia: int, oxygen: int, grade: int) -> None:
    rows = [("P", "nh3_n", value) for value in [15.1] * ammonia + [8.0] * (10 - ammonia)]
    rows += [("P", "do", value) for value in [0.19] * oxygen + [2.0] * (10 - oxygen)]
    found = grade_points(pd.DataFrame(rows, columns=["site", "parameter", "value"]), STANDARD)
    assert found["grade"].tolist() == [grade]


@pytest.mark.parametrize(
    ("grades", "expected"),
    [
        # 60 % of the points; one below
        ([2, 1, 2, 1, 2], 2),
        ([2, 1, 2, 1, 1], 1),
        ([2, 2, 1, 2, 2, 1, 2, 1, 2, 1], 2),
        ([2, 2, 1, 2, 2, 1, 2, 1, 1, 1], 1),
        # three in a row, two in a row
        ([2, 2, 2, *[1] * 7], 2),
        ([2, 2, *[1] * 8], 1),
    ],
)
def test_shares_of_heavy_points_of_a_body(grades: list[int], expected: int) -> None:
    frame = pd.DataFrame({"body": "沟", "order": range(len(grades)), "grade": grades})
    assert grade_bodies(frame, STANDARD)["grade"].tolist() == [expected]
