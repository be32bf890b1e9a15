"""GB/T 8170 rounding against decimal.Decimal and the vectors of the standard."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vocabulary.rounding import ceil_exact, round_evaluation, round_half_even


def exact(text: str | Decimal, places: int) -> float:
    return float(Decimal(text).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (0.125, 2, 0.12),
        (0.135, 2, 0.14),
        (2.5, 0, 2.0),
        (3.5, 0, 4.0),
        (74.5, 0, 74.0),
        (75.5, 0, 76.0),
        (0.2050, 2, 0.20),
        (60.4, 0, 60.0),
        (60.5, 0, 60.0),
        (60.51, 0, 61.0),
        (1.96, 1, 2.0),
        (1.94, 1, 1.9),
        (9.5, 0, 10.0),
        (2.675, 2, 2.68),
        (1.005, 2, 1.0),
        (-0.125, 2, -0.12),
        (-2.5, 0, -2.0),
        (-3.5, 0, -4.0),
        # one step only: 15.4546 -> 15, not 15.455 -> 15.46 -> 15.5 -> 16 (GB/T 8170, 3.3)
        (15.4546, 0, 15.0),
        # fifteen digits, all at the wanted place: nothing to round
        (99999999999.9999, 4, 99999999999.9999),
        (-9090251818541.55, 2, -9090251818541.55),
        (9753603.95021885, 8, 9753603.95021885),
    ],
)
@pytest.mark.parametrize("digits", [12, 15])
def test_vectors_of_the_standard(value: float, places: int, expected: float, digits: int) -> None:
    assert round_half_even(np.array([value]), places, digits=digits)[0] == expected


decimals_of_15_digits = st.builds(
    lambda number, exponent: Decimal(number).scaleb(-exponent),
    st.integers(min_value=-(10**15) + 1, max_value=10**15 - 1),
    st.integers(min_value=0, max_value=18),
)
decimals_of_9_digits = st.builds(
    lambda number, exponent: Decimal(number).scaleb(-exponent),
    st.integers(min_value=-(10**9) + 1, max_value=10**9 - 1),
    st.integers(min_value=0, max_value=12),
)


@given(st.lists(decimals_of_15_digits, min_size=1, max_size=50), st.integers(0, 9))
@settings(max_examples=300, deadline=None)
def test_text_of_up_to_15_digits_is_exact(texts: list[Decimal], places: int) -> None:
    ours = round_half_even(np.array([float(text) for text in texts]), places, digits=15)
    assert ours.tolist() == [exact(text, places) for text in texts]


@given(st.lists(decimals_of_9_digits, min_size=1, max_size=50), st.integers(0, 9))
@settings(max_examples=300, deadline=None)
def test_monitoring_values_are_exact_by_default(texts: list[Decimal], places: int) -> None:
    ours = round_half_even(np.array([float(text) for text in texts]), places)
    assert ours.tolist() == [exact(text, places) for text in texts]


@given(st.integers(-(10**7), 10**7), st.integers(0, 6))
@settings(max_examples=300, deadline=None)
def test_every_tie_goes_to_even(steps: int, places: int) -> None:
    tie = (Decimal(steps) + Decimal("0.5")).scaleb(-places)
    assert round_half_even([float(tie)], places)[0] == exact(tie, places)


@given(
    st.lists(st.integers(0, 99_999), min_size=1, max_size=400),
    st.integers(0, 4),
    st.integers(0, 3),
)
@settings(max_examples=300, deadline=None)
def test_mean_of_decimals_is_rounded_as_on_paper(numbers: list[int], decimals: int, places: int) -> None:
    on_paper = Decimal(sum(numbers)).scaleb(-decimals) / len(numbers)
    computed = float(np.mean([number / 10**decimals for number in numbers]))
    assert round_half_even([computed], places)[0] == exact(on_paper, places)


def test_noise_of_a_mean_does_not_move_a_tie() -> None:
    below, above = np.nextafter(0.125, 0), np.nextafter(np.nextafter(0.125, 1), 1)
    assert round_half_even([below, above, 0.12499999999999997], 2).tolist() == [0.12, 0.12, 0.12]
    assert round_half_even([np.nextafter(0.375, 0)], 2).tolist() == [0.38]
    assert round_half_even([0.1250001, 0.1249999], 2).tolist() == [0.13, 0.12]


def test_nan_infinity_zero_and_large_values() -> None:
    result = round_half_even([math.nan, math.inf, -math.inf, -0.001, 123456789012345.0, 1e300], 2)
    assert math.isnan(result[0])
    assert result[1:3].tolist() == [math.inf, -math.inf]
    assert math.copysign(1.0, result[3]) == 1.0
    assert result[4:].tolist() == [123456789012345.0, 1e300]


def test_series_and_shapes() -> None:
    assert round_half_even(pd.Series([0.125, None]), 2).dtype == np.float64
    assert round_half_even(np.full((2, 3), 2.5), 0).shape == (2, 3)
    assert round_half_even(np.array([]), 1).size == 0


@pytest.mark.parametrize(("places", "digits"), [(-1, 12), (23, 12), (2, 13)])
def test_wrong_arguments_are_named(places: int, digits: int) -> None:
    with pytest.raises(ValueError, match=r"places|digits"):
        round_half_even([1.0], places, digits=digits)


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (0.0006, 3, 0.001),
        (0.0004, 3, 0.0004),
        (0.0005, 3, 0.0005),
        (0.00044, 3, 0.0004),
        (0.00045, 3, 0.0004),
        (0.00047, 3, 0.0005),
        (0.0015, 3, 0.002),
        (0.04, 1, 0.04),
        (0.0, 3, 0.0),
        (-0.0004, 3, -0.0004),
        (0.4, 0, 0.4),
    ],
)
def test_evaluation_keeps_one_digit_only_when_nothing_is_left(
    value: float, places: int, expected: float
) -> None:
    assert round_evaluation([value], places)[0] == expected


@given(
    st.lists(decimals_of_9_digits.filter(lambda text: text != 0), min_size=1, max_size=20), st.integers(0, 5)
)
@settings(max_examples=200, deadline=None)
def test_evaluation_never_loses_a_value(texts: list[Decimal], places: int) -> None:
    ours = round_evaluation([float(text) for text in texts], places)
    assert (ours != 0).all()
    plain = np.array([exact(text, places) for text in texts])
    assert (ours[plain != 0] == plain[plain != 0]).all()


def test_ceiling_is_not_pushed_up_by_noise() -> None:
    assert ceil_exact([100.00000000000001, 99.99999999999999, 100.01, 0.1 * 3 * 10, -0.5]).tolist() == [
        100.0,
        100.0,
        101.0,
        3.0,
        0.0,
    ]
    assert ceil_exact([-99999999.9, 99999999.0001]).tolist() == [-99999999.0, 100000000.0]
    assert math.isnan(ceil_exact([math.nan])[0])


@given(decimals_of_9_digits.map(lambda text: text.quantize(Decimal("0.0001"))))
@settings(max_examples=200, deadline=None)
def test_ceiling_agrees_with_decimal(text: Decimal) -> None:
    assert ceil_exact([float(text)])[0] == float(text.to_integral_value(rounding=ROUND_CEILING))
