"""Outlook of a running year in a record: projection where there is one, why not where there is none, what must turn."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indicators.plan import evaluate_plan
from indicators.plan_facts import fact, facts_frame
from indicators.plan_outlook import Outlook, not_projected, outlook_of, with_outlooks
from indicators.projection import TOPIC, Projected
from indicators.projection_sections import first_channel, month_table, project_sections
from indicators.registry import Standard, default_registry
from indicators.section_budget import class_wanted
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC
from vocabulary.district import load_district
from vocabulary.plan import Plan

DAY = dt.date(2025, 7, 1)
NAMES = ["do", "nh3_n"]


@pytest.fixture(scope="module")
def plan() -> Plan:
    district = load_district(Path(__file__).resolve().parents[2] / "districts" / "chiping")
    return next(plan for plan in district.plans if plan.id == "14FYP")


def standards() -> dict[str, Standard]:
    registry = default_registry()
    return {
        "standard": registry.in_force(TOPIC, DAY),
        "class_standard": registry.in_force(CLASS_TOPIC, DAY),
        "evaluation": registry.in_force(EVALUATION_TOPIC, DAY),
    }


def test_a_record_carries_its_projection_and_which_sections_must_turn(plan: Plan) -> None:
    of = {item.feeder.statistic: item for item in plan.indicator}
    facts = facts_frame(
        [
            fact("pm2_5_mean", 2025, valid=True, value=44.0, numerator=7964.0, denominator=181.0),
            fact(
                "class_v_worse_ratio_shengkong", 2025, valid=True, value=50.0, numerator=1.0, denominator=2.0
            ),
            fact("class_iii_ratio_guokong", 2025, valid=True, value=100.0, numerator=1.0, denominator=1.0),
            fact("black_odorous_ratio", 2025, valid=True, value=50.0, numerator=1.0, denominator=2.0),
            fact("rural_sewage_rate", 2025, valid=True, value=54.2),
        ]
    )
    rows = evaluate_plan(plan, facts, year=2025, as_of_day=DAY)
    words = "甲断面 氨氮 2.4→2 mg/L"
    outlooks = {item.feeder.statistic: not_projected(item) for item in plan.indicator}
    outlooks["pm2_5_mean"] = outlook_of(
        of["pm2_5_mean"], Projected(42.345, 40.04, 45.0, "past-years", 3), 0.8
    )
    outlooks["class_v_worse_ratio_shengkong"] = Outlook(50.0, 0.0, 50.0, "预测", "projected", words)
    outlooks["class_iii_ratio_guokong"] = Outlook(100.0, 0.0, 100.0, "预测", "projected", words)
    found = with_outlooks(rows, {item.number: item.feeder.statistic for item in plan.indicator}, outlooks)
    found = found.set_index("indicator")
    assert found.loc[1, ["projection", "low", "high"]].tolist() == [42.3, 40.0, 45.0]
    assert "年末预测 42.3（80 % 区间 40–45；按前 3 年同期分块抽样）" in found.loc[1, "reason_zh"]
    # one of two sections must leave; which and how much stands behind it
    assert found.loc[4, "remaining"] == f"还须 1 个脱离 / 1 must leave；{words}"
    # the target of III is 0 and reached: nothing must turn, one may turn worse
    assert found.loc[3, "remaining"] == "最多还可有 1 个变差 / at most 1 may turn worse"
    assert found.loc[5, "remaining"].startswith("还须 1 个脱离")
    # 55 - 54.2
    assert found.loc[7, "remaining"] == "还须升 0.8 % / must rise by 0.8 %"
    assert "年度报送数" in found.loc[7, "reason_zh"]
    # without data there is nothing to say of the year's end
    assert found.loc[8, "status"] == "no-data"
    assert "预测" not in found.loc[8, "reason_zh"]
    assert found["projection"].notna().sum() == 3
    assert set(found.reset_index().columns) == set(rows.columns)


def test_too_few_data_and_no_past_year_are_said(plan: Plan) -> None:
    item = plan.indicator[1]
    assert outlook_of(item, None, 0.8).zh == "不作预测：本年数据尚少"
    assert np.isnan(outlook_of(item, None, 0.8).projection)
    own = outlook_of(item, Projected(64.0, 60.0, 70.0, "own-days", 0), 0.8)
    assert "无往年数据" in own.zh
    assert "不外推" in not_projected(plan.indicator[7]).zh


def test_which_class_is_wanted(plan: Plan) -> None:
    assert [class_wanted(plan.indicator[number - 1]) for number in (3, 4)] == [3, 5]


def table(now: float, past: float | None) -> np.ndarray:
    """Two years of one section: oxygen 8 mg/L, ammonia as given; half of this year is over."""
    found = np.full((2, 1, 2, 12), np.nan)
    found[-1, 0, 0, :6], found[-1, 0, 1, :6] = 8.0, now
    if past is not None:
        found[0, 0, 0], found[0, 0, 1] = 8.0, past
    return found if past is not None else found[1:]


@pytest.mark.parametrize(
    ("now", "past", "share"),
    [(0.4, 0.4, 0.0), (6.0, 5.0, 100.0), (0.4, None, 0.0), (6.0, None, 100.0)],
)
def test_a_section_far_from_a_limit_stays_where_it_is(now: float, past: float | None, share: float) -> None:
    found = project_sections(
        table(now, past),
        6,
        parameters=NAMES,
        waterbody=np.array(["river"], dtype=object),
        classes=[6],
        **standards(),
    )
    assert found is not None
    assert (found.low, found.middle, found.high) == (share, share, share)
    assert found.method == ("own-days" if past is None else "past-years")


def test_a_section_at_a_limit_may_end_on_either_side() -> None:
    found = project_sections(
        table(2.0, 2.0),
        6,
        parameters=NAMES,
        waterbody=np.array(["river"], dtype=object),
        classes=[6],
        **standards(),
    )
    assert found is not None
    assert (found.low, found.high) == (0.0, 100.0)


def test_one_month_tells_nothing_and_a_whole_year_leaves_nothing() -> None:
    given = {"parameters": NAMES, "waterbody": np.array(["river"], dtype=object), "classes": [6]}
    begun = table(2.0, 2.0)
    begun[-1, :, :, 1:] = np.nan
    assert project_sections(begun, 1, **given, **standards()) is None
    assert project_sections(table(2.0, 2.0), 12, **given, **standards()) is None


def test_the_automatic_month_comes_first_where_the_rule_says_so() -> None:
    rows = [
        ("S1", "nh3_n", "manual", 1.0),
        ("S1", "nh3_n", "automatic", 2.0),
        ("S1", "cod", "manual", 3.0),
        ("S1", "cod", "automatic", 4.0),
    ]
    monthly = pd.DataFrame(rows, columns=["site", "parameter", "channel", "mean"])
    monthly["month"] = pd.Timestamp(2025, 3, 1)
    found = first_channel(monthly, standards()["evaluation"])
    placed = month_table(found, ["S1"], ["nh3_n", "cod"], range(2024, 2026))
    assert placed[1, 0, :, 2].tolist() == [2.0, 3.0]
    assert np.isfinite(placed).sum() == 2
