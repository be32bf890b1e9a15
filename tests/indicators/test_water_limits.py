"""GB 3838-2002 table 1: every limit, one step below and one step above it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.registry import default_registry
from indicators.water_class import classify_values

STANDARD = default_registry().get("GB3838-2002")

#: typed from the printed table: item, waterbody, step of one digit, limits of Ⅰ to Ⅴ
UPPER = """
cod_mn          any   0.1      2 4 6 10 15
cod             any   0.1      15 15 20 30 40
bod5            any   0.1      3 3 4 6 10
nh3_n           any   0.01     0.15 0.5 1.0 1.5 2.0
tp              river 0.001    0.02 0.1 0.2 0.3 0.4
tp              lake  0.001    0.01 0.025 0.05 0.1 0.2
tn              lake  0.01     0.2 0.5 1.0 1.5 2.0
cu              any   0.001    0.01 1.0 1.0 1.0 1.0
zn              any   0.001    0.05 1.0 1.0 2.0 2.0
fluoride        any   0.001    1.0 1.0 1.0 1.5 1.5
se              any   0.0001   0.01 0.01 0.01 0.02 0.02
as              any   0.0001   0.05 0.05 0.05 0.1 0.1
hg              any   0.00001  0.00005 0.00005 0.0001 0.001 0.001
cd              any   0.00001  0.001 0.005 0.005 0.005 0.01
cr6             any   0.001    0.01 0.05 0.05 0.05 0.1
pb              any   0.001    0.01 0.01 0.05 0.05 0.1
cyanide         any   0.001    0.005 0.05 0.2 0.2 0.2
volatile_phenol any   0.0001   0.002 0.002 0.005 0.01 0.1
petroleum       any   0.01     0.05 0.05 0.05 0.5 1.0
las             any   0.01     0.2 0.2 0.2 0.3 0.3
sulfide         any   0.001    0.05 0.1 0.2 0.5 1.0
fecal_coliform  any   1        200 2000 10000 20000 40000
"""
ROWS = [line.split() for line in UPPER.strip().splitlines()]


def by_hand(value: Decimal, limits: list[Decimal], *, lower: bool = False) -> int:
    """Single-factor class from the definition: the best class whose limit the value keeps."""
    for number, limit in enumerate(limits, start=1):
        if (value >= limit) if lower else (value <= limit):
            return number
    return 6


CASES = [
    (item, water, str(Decimal(limit) + shift * Decimal(step)), [Decimal(text) for text in limits])
    for item, water, step, *limits in ROWS
    for limit in dict.fromkeys(limits)
    for shift in (-1, 0, 1)
]


@pytest.mark.parametrize(("item", "water", "value", "limits"), CASES)
def test_upper_limits(item: str, water: str, value: str, limits: list[Decimal]) -> None:
    expected = by_hand(Decimal(value), limits)
    for body in ("river", "lake") if water == "any" else (water,):
        assert classify_values(item, [float(value)], body, STANDARD).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7.51, 1), (7.5, 1), (7.49, 2),
        (6.01, 2), (6.0, 2), (5.99, 3),
        (5.01, 3), (5.0, 3), (4.99, 4),
        (3.01, 4), (3.0, 4), (2.99, 5),
        (2.01, 5), (2.0, 5), (1.99, 6), (0.0, 6),
    ],
)  # fmt: skip
def test_dissolved_oxygen(value: float, expected: int) -> None:
    assert classify_values("do", [value], "river", STANDARD).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"), [(5.99, 6), (6.0, 1), (6.01, 1), (7.0, 1), (8.99, 1), (9.0, 1), (9.01, 6)]
)
def test_ph(value: float, expected: int) -> None:
    assert classify_values("ph", [value], "lake", STANDARD).tolist() == [expected]


def test_every_printed_item_is_in_the_table_and_no_other() -> None:
    printed = {item for item, *_ in ROWS} | {"ph", "do"}
    assert {rule["parameter"] for rule in STANDARD.tables["limits"].values()} == printed
    assert STANDARD.rule("not_classed.water_temp")["parameter"] == "water_temp"


def test_trap_06_tp_in_a_river_and_in_a_lake() -> None:
    water = np.array(["river", "lake", ""], dtype=object)
    assert classify_values("tp", [0.2, 0.2, 0.2], water, STANDARD).tolist() == [3, 5, 0]


def test_trap_08_cadmium_in_micrograms_is_a_thousand_times_too_much() -> None:
    # 1 µg/L is 0.001 mg/L, class Ⅰ; taken for mg/L it would be 劣Ⅴ: sources convert, limits are in mg/L
    assert classify_values("cd", [1.0, 1.0 / 1000], "river", STANDARD).tolist() == [6, 1]


def test_what_cannot_be_judged() -> None:
    assert classify_values("cod_mn", [np.nan, -0.1, 0.0], "river", STANDARD).tolist() == [0, 0, 1]
    assert classify_values("turbidity", [3.0], "river", STANDARD).tolist() == [0]
    assert classify_values("tn", [9.0, 9.0], np.array(["river", "lake"]), STANDARD).tolist() == [0, 6]
    assert classify_values("nh3_n", [], "river", STANDARD).dtype == np.int8


@given(
    st.sampled_from([row[0] for row in ROWS] + ["do"]),
    st.lists(st.floats(0, 100, allow_nan=False), min_size=2, max_size=50),
)
@settings(max_examples=200, deadline=None)
def test_more_is_never_better(item: str, values: list[float]) -> None:
    ordered = np.sort(values)[:: -1 if item == "do" else 1]
    classes = classify_values(item, ordered, "lake", STANDARD)
    assert (np.diff(classes.astype(int)) >= 0).all()


@given(
    st.sampled_from([row for row in ROWS if row[1] in ("any", "lake")]),
    st.lists(st.decimals(0, 60, places=5), min_size=1, max_size=30),
)
@settings(max_examples=200, deadline=None)
def test_any_value_agrees_with_the_definition(row: list[str], values: list[Decimal]) -> None:
    limits = [Decimal(text) for text in row[3:]]
    ours = classify_values(row[0], [float(value) for value in values], "lake", STANDARD)
    assert ours.tolist() == [by_hand(value, limits) for value in values]
