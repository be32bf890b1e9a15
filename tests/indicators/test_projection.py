"""Projection to the year's end: reproducible, honest about what it knows, and as wide as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.projection import CUTS, DATA, LIMIT, REAL, coverage, covered, generated, real_series
from indicators.projection import TOPIC, Projected, project_days, rounded
from indicators.registry import Standard, default_registry

NO_PAST = np.empty((0, 365))


@pytest.fixture(scope="module")
def standard() -> Standard:
    (found,) = default_registry().of_topic(TOPIC)
    return found


def test_the_same_days_give_the_same_answer_and_other_days_another(standard: Standard) -> None:
    years = generated(7, 3)
    first = project_days(years[-1], 120, years[:-1], standard, kind="pm2_5")
    assert first == project_days(years[-1], 120, years[:-1], standard, kind="pm2_5")
    moved = years.copy()
    moved[-1, 3] += 1.0
    assert first != project_days(moved[-1], 120, moved[:-1], standard, kind="pm2_5")


def test_days_to_come_are_not_looked_at(standard: Standard) -> None:
    years = generated(8, 2)
    blind = years[-1].copy()
    blind[150:] = np.nan
    assert project_days(blind, 150, years[:-1], standard, kind="pm2_5") == project_days(
        years[-1], 150, years[:-1], standard, kind="pm2_5"
    )


@pytest.mark.parametrize(("elapsed", "holes"), [(365, 0), (27, 0), (40, 20), (0, 0)])
def test_a_year_that_is_over_or_hardly_begun_is_not_projected(
    standard: Standard, elapsed: int, holes: int
) -> None:
    days = generated(9, 1)[0]
    days[:holes] = np.nan
    assert project_days(days, elapsed, NO_PAST, standard, kind="pm2_5") is None


def test_the_method_says_what_the_projection_rests_on(standard: Standard) -> None:
    years = generated(10, 8)
    past = years[:-1].copy()
    past[-1, 60:] = np.nan  # a past year of two months is none
    found = [
        project_days(years[-1], 100, rows, standard, kind="pm2_5") for rows in (NO_PAST, past[-3:], past)
    ]
    told = [(one.method, one.years) for one in found if one is not None]
    assert told == [("own-days", 0), ("past-years", 2), ("past-years", 5)]


def test_a_year_like_the_last_one_ends_like_it(standard: Standard) -> None:
    # every day of every year is 40: nothing to come can differ but by the stated spread of the level
    flat = np.full((4, 365), 40.0)
    found = project_days(flat[-1], 200, flat[:-1], standard, kind="pm2_5")
    assert found is not None
    assert found.middle == pytest.approx(40.0, abs=0.5)
    assert found.low < 40.0 < found.high
    # one day to come moves a year by little
    last = project_days(flat[-1], 364, flat[:-1], standard, kind="pm2_5")
    assert last is not None
    assert last.high - last.low < 0.1


def test_a_dirtier_year_so_far_is_projected_dirtier(standard: Standard) -> None:
    years = generated(11, 3)
    dirty = project_days(years[-1] * 1.5, 180, years[:-1], standard, kind="pm2_5")
    clean = project_days(years[-1], 180, years[:-1], standard, kind="pm2_5")
    assert dirty is not None
    assert clean is not None
    assert dirty.low > clean.middle


@given(
    seed=st.integers(0, 10_000),
    elapsed=st.integers(28, 364),
    history=st.integers(0, 3),
    limit=st.sampled_from([None, 75.0]),
)
@settings(max_examples=15, deadline=None)
def test_ends_are_in_order_and_within_what_is_possible(
    seed: int, elapsed: int, history: int, limit: float | None
) -> None:
    (standard,) = default_registry().of_topic(TOPIC)
    years = generated(seed, history + 1)
    found = project_days(years[-1], elapsed, years[:-1], standard, kind="pm2_5", limit=limit)
    assert found is not None
    assert found.low <= found.middle <= found.high
    known = years[-1][:elapsed]
    if limit is None:
        assert found.low >= known.sum() / 365
    else:
        good = int((known <= limit).sum())
        assert good / 365 * 100 - 1e-9 <= found.low
        assert found.high <= (good + 365 - elapsed) / 365 * 100 + 1e-9


def test_rounding_is_that_of_results() -> None:
    assert rounded(Projected(42.25, 41.35, 43.449, "own-days", 0), 1) == (42.2, 41.4, 43.4)


@pytest.mark.parametrize("limit", [None, LIMIT], ids=["mean", "share"])
def test_the_stated_interval_holds_what_it_says_on_generated_years(
    standard: Standard, limit: float | None
) -> None:
    """The quick form of docs/projection.md: 9 years of each length of history, eleven months' ends each."""
    held = [coverage(standard, history, range(300, 309), limit)[0].mean() for history in (0, 1, 3)]
    # 27 years, of which the months hang together: the whole table is in docs/projection.md
    assert 0.65 <= float(np.mean(held)) <= 0.95


@pytest.mark.realdata
def test_the_real_year_lies_in_its_intervals(standard: Standard) -> None:
    files = sorted(DATA.glob(REAL))
    if not files:
        pytest.skip(f"no {REAL} below the folder of real data")
    series = real_series(files[0])
    assert len(series) == 4
    held = [
        inside
        for values, kind, limit in series.values()
        for inside, _ in covered(values, NO_PAST, standard, kind, limit)
    ]
    assert len(held) == len(series) * len(CUTS)
    assert np.mean(held) >= 0.70
