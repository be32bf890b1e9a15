"""Changes of level and region, and Spearman's test with its table of W_p."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from indicators.registry import default_registry
from indicators.water_trend import change_of_levels, change_of_regions, critical_value, spearman_trends

REGISTRY = default_registry()
EVALUATION = REGISTRY.get("MEP22-2011")
TREND = REGISTRY.get("SPEARMAN-2011")

P05 = {4: 1.0, 5: 0.9, 6: 0.829, 7: 0.714, 8: 0.643, 9: 0.6, 10: 0.564, 12: 0.506, 14: 0.456, 16: 0.425, 18: 0.399, 20: 0.377, 22: 0.359, 24: 0.343, 26: 0.329, 28: 0.317, 30: 0.306}  # fmt: skip
P01 = {5: 1.0, 6: 0.943, 7: 0.893, 8: 0.833, 9: 0.783, 10: 0.746, 12: 0.712, 14: 0.645, 16: 0.601, 18: 0.564, 20: 0.534, 22: 0.508, 24: 0.485, 26: 0.465, 28: 0.448, 30: 0.432}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "change", "zh"),
    [
        (3, 3, 0, "无明显变化"),
        (3, 2, 1, "有所好转"),
        (3, 1, 2, "明显好转"),
        (5, 1, 2, "明显好转"),
        (2, 3, -1, "有所变差"),
        (1, 4, -2, "明显变差"),
    ],
)
def test_change_of_levels(before: int, after: int, change: int, zh: str) -> None:
    row = change_of_levels([before], [after], EVALUATION).iloc[0]
    assert (row["change"], row["zh"], row["steps"]) == (change, zh, before - after)


def test_change_without_one_side() -> None:
    found = change_of_levels(pd.array([1, None], dtype="Int8"), pd.array([None, 2], dtype="Int8"), EVALUATION)
    assert found["change"].isna().all()
    assert found["zh"].tolist() == ["", ""]


@pytest.mark.parametrize(
    ("good", "bad", "delta", "change"),
    [
        (60.0, 10.0, 10.0, 0),
        (60.1, 10.0, 10.1, 1),
        (70.0, 10.0, 20.0, 1),
        (70.1, 10.0, 20.1, 2),
        (45.0, 15.0, -10.0, 0),
        (45.0, 15.1, -10.1, -1),
        (30.0, 10.1, -20.1, -2),
        (60.0, 0.0, 20.0, 1),
    ],
)
def test_change_of_regions(good: float, bad: float, delta: float, change: int) -> None:
    row = change_of_regions([50.0], [10.0], [good], [bad], EVALUATION).iloc[0]
    assert row["delta"] == pytest.approx(delta)
    assert row["change"] == change


def test_float_noise_is_no_change() -> None:
    # 1/3 and 13/30 are 10 percentage points apart on paper
    assert change_of_regions([100 / 3], [0.0], [1300 / 30], [0.0], EVALUATION)["change"].tolist() == [0]


@pytest.mark.parametrize(("p", "table"), [(0.05, P05), (0.01, P01)])
def test_every_critical_value(p: float, table: dict[int, float]) -> None:
    assert {years: critical_value(years, TREND, p) for years in table} == table
    for years in range(min(table), 31):
        # between two rows the stricter one, of fewer years
        assert critical_value(years, TREND, p) == table[max(n for n in table if n <= years)]
    assert critical_value(50, TREND, p) == table[30]
    assert math.isnan(critical_value(min(table) - 1, TREND, p))
    with pytest.raises(ValueError, match=r"expected one of 0\.01, 0\.05"):
        critical_value(9, TREND, 0.1)


@pytest.mark.parametrize("years", [4, 5, 6, 7, 8])
def test_critical_values_from_all_permutations(years: int) -> None:
    orders = np.array(list(permutations(range(years))))
    r_s = 1 - 6 * ((orders - np.arange(years)) ** 2).sum(axis=1) / (years**3 - years)
    levels = np.unique(r_s.round(9))
    reached = [level for level in levels if (r_s >= level - 1e-9).mean() <= 0.05]
    assert round(float(min(reached)), 3) == P05[years]


def series(values: list[float | None], start: int = 2016) -> pd.DataFrame:
    return pd.DataFrame({"site": "R", "year": range(start, start + len(values)), "value": values})


@pytest.mark.parametrize(
    ("values", "r_s", "trend"),
    [
        ([1, 2, 3, 4, 5], 1.0, "rising"),
        ([5, 4, 3, 2, 1], -1.0, "falling"),
        # d = (0, 0, 0, 1, -1): r_s = 1 - 6 * 2 / 120 = 0.9, the limit itself is significant
        ([1, 2, 3, 5, 4], 0.9, "rising"),
        # r_s = 1 - 6 * 4 / 120 = 0.8
        ([2, 1, 3, 5, 4], 0.8, "none"),
        # 29/35 = 0.82857 is the 0.829 of six years
        ([1, 2, 3, 5, 6, 4], 1 - 6 * 6 / 210, "rising"),
        ([1, 2, 3, 4], math.nan, "too-short"),
    ],
)
def test_trends(values: list[float], r_s: float, trend: str) -> None:
    row = spearman_trends(series(values), ["site"], TREND).iloc[0]
    assert row["r_s"] == pytest.approx(r_s, nan_ok=True)
    assert (row["trend"], row["n"], row["standard"]) == (trend, len(values), "SPEARMAN-2011")


def test_words_and_several_series() -> None:
    both = pd.concat([series([1, 2, 3, 4, 5]), series([5, 4, 3, None, 2, 1]).assign(site="S")])
    found = spearman_trends(both.sample(frac=1, random_state=3), ["site"], TREND)
    assert found["zh"].tolist() == ["显著上升", "显著下降"]
    assert found["n"].tolist() == [5, 5]


def test_a_year_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a year stands twice"):
        spearman_trends(pd.concat([series([1, 2, 3, 4, 5])] * 2), ["site"], TREND)
