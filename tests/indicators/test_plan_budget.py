"""Remaining budget: exactly the budget reaches the target, one unit more misses it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.plan_budget import bad_days_left, mean_to_keep


def _half_even(value: Fraction, places: int) -> Fraction:
    return Fraction(round(value * 10**places), 10**places)


def _reaches_ratio(good: int, whole: int, target: str) -> bool:
    return _half_even(Fraction(good * 100, whole), 1) >= Fraction(target)


@given(
    bad=st.integers(0, 200),
    good=st.integers(0, 200),
    left=st.integers(1, 200),
    target=st.integers(100, 999).map(lambda tenths: f"{tenths // 10}.{tenths % 10}"),
)
def test_exactly_the_days_left_reach_the_ratio_and_one_more_misses(bad, good, left, target):
    valid = good + bad
    whole = valid + left
    budget = bad_days_left(good, valid, left, float(target), 1)
    if 0 <= budget <= left:
        assert _reaches_ratio(good + left - budget, whole, target)
    if 0 <= budget < left:
        assert not _reaches_ratio(good + left - budget - 1, whole, target)
    if budget < 0:
        assert not _reaches_ratio(good + left, whole, target)
    if budget > left:
        assert _reaches_ratio(good, whole, target)


@given(
    total=st.integers(0, 40_000),
    valid=st.integers(0, 364),
    left=st.integers(1, 365),
    target=st.integers(5, 80),
)
def test_exactly_the_mean_left_reaches_the_target_and_a_tenth_more_misses(total, valid, left, target):
    keep = mean_to_keep(float(total), valid, left, float(target), 0)
    assert keep is not None
    mean = Fraction(round(keep * 10), 10)
    whole = valid + left
    assert _half_even((total + mean * left) / whole, 0) <= target
    assert _half_even((total + (mean + Fraction(1, 10)) * left) / whole, 0) > target


@pytest.mark.parametrize(("target", "expected"), [(42.0, 42.5), (43.0, 43.4)])
def test_a_whole_year_ahead_may_end_at_the_last_value_that_rounds_to_the_target(target, expected):
    # half to even: 42.5 -> 42 still reaches 42, but 43.5 -> 44 misses 43
    assert mean_to_keep(0.0, 0, 365, target, 0) == expected


def test_no_day_left_leaves_nothing_to_keep():
    assert mean_to_keep(15000.0, 365, 0, 42.0, 0) is None


def test_hand_computed_days():
    # 365 days, 65.3 %: 239/365 = 65.479, 238/365 = 65.205 -> 65.2. At least 239 good, so 126 bad in all.
    assert bad_days_left(150, 200, 165, 65.3, 1) == 126 - 50
