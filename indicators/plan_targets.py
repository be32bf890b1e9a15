"""Targets that later documents hand down or change (具体目标最终以市下达任务为准), put into the plan as of their day.

Source: note to the plans' tables of main indicators. Nothing is overwritten: every document's target stays in
the plan with its date, and the latest one known on the day of the judgement applies (`Indicator.target_at`).
"""

from __future__ import annotations

import pandas as pd

from indicators.plan_feeders import in_unit, said
from vocabulary.parameters import parameters
from vocabulary.plan import Indicator, Plan, Target

_TARGET = "target_"


def with_documents(plan: Plan, documents: pd.DataFrame) -> Plan:
    """Return the plan with the targets of its last year that documents state.

    Parameters
    ----------
    plan : Plan
    documents : DataFrame
        Readings `target_<statistic>`: site `<district>/<target year>`, observed_at the document's day, value in
        the parameter's unit, provider_flag with `文件=`.

    Notes
    -----
    Targets of other years, of another district, and figures whose unit the plan's does not compare with are left
    out. A document that repeats words (有效保障) brings no figure, and the plan's own words stay.
    """
    site = f"{plan.district}/{plan.last_year}"
    mine = documents[documents["site"] == site].sort_values(["observed_at", "parameter"])
    if mine.empty:
        return plan
    told = [_with_targets(plan, item, mine) for item in plan.indicator]
    return plan.model_copy(update={"indicator": tuple(told)})


def _with_targets(plan: Plan, indicator: Indicator, documents: pd.DataFrame) -> Indicator:
    key = _TARGET + indicator.feeder.statistic
    rows = documents[documents["parameter"] == key]
    by_hand = indicator.qualitative is not None and indicator.qualitative.rule == "evidence-by-hand"
    if rows.empty or by_hand:
        return indicator
    stated = zip(rows["observed_at"], rows["value"], rows["provider_flag"], strict=True)
    found = [
        Target(
            year=plan.last_year,
            value=value,
            document=said(flag, "文件") or key,
            reference=said(flag, "原文"),
            dated=moment.date(),
        )
        for moment, given, flag in stated
        if (value := in_unit(float(given), parameters()[key].unit, indicator.unit)) is not None
    ]
    return indicator.model_copy(update={"target": (*indicator.target, *found)})
