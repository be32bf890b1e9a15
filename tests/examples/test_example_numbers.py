"""The whole-number arithmetic of the examples: exact against fractions."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def numbers():
    import example_numbers

    return example_numbers


@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(1, 10**6)), min_size=1, max_size=20))
def test_division_is_half_even(numbers, pairs):
    above, below = (np.asarray(column, np.int64) for column in zip(*pairs, strict=True))
    found = numbers.divide_even(above, below).tolist()
    assert found == [round(Fraction(a, b)) for a, b in pairs]


@pytest.mark.parametrize(
    ("value", "places", "trim", "text"),
    [
        (125, 2, False, "1.25"),
        (120, 2, True, "1.2"),
        (100, 2, True, "1"),
        (-5, 1, False, "-0.5"),
        (7, 0, False, "7"),
    ],
)
def test_numbers_as_text(numbers, value, places, trim, text):
    assert numbers.as_text(np.asarray([value]), places, trim=trim)[0] == text
    assert numbers.as_text(np.asarray([numbers.BLANK]), places, trim=trim, blank="--")[0] == "--"


def test_tables_hold_at_their_points_and_ends(numbers):
    found = numbers.between([0, 10, 20], [100, 200, 50], np.asarray([-5, 0, 5, 10, 15, 20, 99]))
    assert found.tolist() == [100, 100, 150, 200, 125, 50, 50]


def test_a_season_holds_in_the_middle_of_the_month(numbers):
    days = numbers.day_range(date(2025, 1, 1), date(2025, 12, 31))
    months = [0, 300, 600, 900, 1200, 1500, 1500, 1200, 900, 600, 300, 0]
    found = dict(zip(days.astype(str).tolist(), numbers.by_season(months, days).tolist(), strict=True))
    assert (found["2025-02-16"], found["2025-06-16"], found["2025-01-16"]) == (300, 1500, 0)
    assert found["2025-03-01"] == 450
    assert 0 <= min(found.values()) <= max(found.values()) <= 1500


def test_streams_do_not_move_each_other(numbers):
    first = numbers.stream(1, "a").integers(0, 1000, 5).tolist()
    assert numbers.stream(1, "a").integers(0, 1000, 5).tolist() == first
    assert numbers.stream(1, "b").integers(0, 1000, 5).tolist() != first
