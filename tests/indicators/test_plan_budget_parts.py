"""Remaining budgets of shares, items and figures: exactly the budget reaches the target, one unit more misses it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from indicators.plan_budget import gap, members_to_spare, members_to_turn, month_mean_to_keep
from indicators.registry import default_registry
from indicators.section_budget import items_beyond, items_in_words
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC
from vocabulary.rounding import round_evaluation, round_half_even

DAY = pd.Timestamp("2026-06-30").date()
BETTER = st.sampled_from(["lower", "higher"])


def share(hits: int, count: int) -> float:
    return float(round_half_even(np.array([hits / count * 100]), 1)[0])


@given(count=st.integers(1, 40), hits=st.integers(0, 40), target=st.integers(0, 1000), better=BETTER)
@settings(max_examples=120, deadline=None)
def test_turning_so_many_sections_reaches_the_share_and_one_fewer_does_not(
    count: int, hits: int, target: int, better: str
) -> None:
    assume(hits <= count)
    wanted = target / 10
    sign = -1 if better == "lower" else 1

    def reached(value: int) -> bool:
        return share(value, count) <= wanted if better == "lower" else share(value, count) >= wanted

    turn = members_to_turn(hits, count, wanted, 1, better)  # type: ignore[arg-type]
    assert turn is not None
    assert reached(hits + sign * turn)
    if turn:
        assert not reached(hits + sign * (turn - 1))
        assert members_to_spare(hits, count, wanted, 1, better) == 0  # type: ignore[arg-type]
        return
    spare = members_to_spare(hits, count, wanted, 1, better)  # type: ignore[arg-type]
    assert reached(hits - sign * spare)
    beyond = hits - sign * (spare + 1)
    if 0 <= beyond <= count:
        assert not reached(beyond)


def test_without_a_section_nothing_can_turn() -> None:
    assert members_to_turn(0, 0, 0.0, 1, "lower") is None


@given(
    months=st.lists(st.integers(1, 4000), min_size=1, max_size=11),
    limit=st.integers(1, 2000),
    kind=st.sampled_from(["upper", "lower"]),
)
@settings(max_examples=120, deadline=None)
def test_months_that_keep_the_mean_stay_within_the_limit_and_one_unit_more_does_not(
    months: list[int], limit: int, kind: str
) -> None:
    # hundredths of mg/L
    left, total, bound = 12 - len(months), sum(months) / 100, limit / 100
    keep = month_mean_to_keep(total, len(months), left, bound, 2, kind)  # type: ignore[arg-type]

    def reached(mean: float) -> bool:
        year = float(round_evaluation(np.array([(total + mean * left) / 12]), 2)[0])
        return year <= bound if kind == "upper" else year >= bound

    if keep is None:
        assert kind == "upper"
        assert not reached(0.0)
        return
    assert reached(keep)
    step = 0.01 if kind == "upper" else -0.01
    if keep + step >= 0:
        assert not reached(round(keep + step, 2))


def test_the_mean_to_keep_by_hand() -> None:
    # six months of 2.4 of a limit of 2.0: (6 x 2.4 + 6 x 1.6) / 12 = 2.00; 1.61 gives 2.005 -> 2.00 (half to even),
    # 1.62 gives 2.01
    assert month_mean_to_keep(14.4, 6, 6, 2.0, 2, "upper") == 1.61
    assert month_mean_to_keep(14.4, 6, 0, 2.0, 2, "upper") is None


@given(value=st.integers(0, 100_000), target=st.integers(0, 100_000), better=BETTER)
@settings(max_examples=80, deadline=None)
def test_feeding_exactly_the_gap_reaches_the_figure(value: int, target: int, better: str) -> None:
    at, wanted = Decimal(value) / 100, Decimal(target) / 10
    short = Decimal(repr(gap(float(at), float(wanted), 1, better)))  # type: ignore[arg-type]
    sign = -1 if better == "lower" else 1

    def reached(amount: Decimal) -> bool:
        told = round(at + sign * amount, 1)  # half to even
        return told <= wanted if better == "lower" else told >= wanted

    assert reached(short)
    if short > 0:
        assert not reached(short - Decimal("0.1"))


def test_items_beyond_a_class_say_by_how_much() -> None:
    names = ["do", "nh3_n", "tp"]
    table = np.full((2, 3, 12), np.nan)
    # six months: the first section has too much ammonia and too little oxygen for class Ⅴ, the other is fine
    table[0, 0, :6], table[0, 1, :6], table[0, 2, :6] = 1.8, 2.4, 0.3
    table[1, 0, :6], table[1, 1, :6], table[1, 2, :6] = 8.0, 0.5, 0.1
    registry = default_registry()
    found = items_beyond(
        table,
        6,
        sites=["S1", "S2"],
        parameters=names,
        waterbody=np.array(["river", "river"], dtype=object),
        wanted=5,
        class_standard=registry.in_force(CLASS_TOPIC, DAY),
        evaluation=registry.in_force(EVALUATION_TOPIC, DAY),
    )
    assert found["site"].tolist() == ["S1", "S1"]
    assert found["parameter"].tolist() == ["do", "nh3_n"]
    # GB 3838-2002 table 1, class V: oxygen at least 2 mg/L, ammonia at most 2.0 mg/L
    assert found["limit"].tolist() == [2.0, 2.0]
    assert found["change"].tolist() == [0.2, 0.4]
    assert found["percent"].round(1).tolist() == [11.1, 16.7]
    # (6 x 1.8 + 6 x 2.1) / 12 = 1.95 -> 2.0 (half to even); with 2.0 it is 1.9
    assert found["keep"].tolist() == [2.1, 1.61]
    words = items_in_words(found, {"S1": "甲断面"})
    assert "甲断面 氨氮 2.4→2 mg/L（须降 0.4，16.7 %；余下月均 ≤ 1.61）" in words
    assert "须升 0.2" in words


def test_nothing_beyond_says_nothing() -> None:
    registry = default_registry()
    found = items_beyond(
        np.full((1, 1, 12), 0.1),
        12,
        sites=["S1"],
        parameters=["nh3_n"],
        waterbody=np.array(["river"], dtype=object),
        wanted=5,
        class_standard=registry.in_force(CLASS_TOPIC, DAY),
        evaluation=registry.in_force(EVALUATION_TOPIC, DAY),
    )
    assert found.empty
    assert items_in_words(found, {}) == ""


def test_a_limit_out_of_reach_is_told_by_nothing_to_keep() -> None:
    assert month_mean_to_keep(60.0, 11, 1, 2.0, 2, "upper") is None
    # eleven months of 0: 23.4 / 12 = 1.95 -> 2.0 (half to even), 23.3 / 12 -> 1.9
    assert month_mean_to_keep(0.0, 11, 1, 2.0, 1, "lower") == 23.4
