"""How far a plan has come: one record for every indicator, none silently absent.

A closed year is met or missed; a running year is on track, at risk or off track; what cannot be judged
says why. A straight line from the baseline is drawn only where the plan's statistical basis did not
change (no mark *) and both ends have one unit. How near counts as "at risk" is the plan's own data.
Source: the plan's table of main indicators with its notes, compilation of rules, section 6.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from indicators.plan_budget import (
    STILL,
    amount_left,
    bad_days_left,
    gap,
    mean_to_keep,
    members_to_spare,
    members_to_turn,
)
from indicators.plan_facts import GOOD_DAY_RATIO, PM2_5_MEAN, is_cumulative, plain
from vocabulary.plan import Baseline, Indicator, Plan, Target
from vocabulary.rounding import round_half_even

RESULT_DTYPES: dict[str, str] = {
    "district": "str",
    "plan": "str",
    "indicator": "int64",
    "name": "str",
    "period": "str",
    "value": "float64",
    "unit": "str",
    "numerator": "float64",
    "denominator": "float64",
    "valid": "boolean",
    "target": "str",
    "baseline": "str",
    "status": "str",
    "projection": "float64",
    "low": "float64",
    "high": "float64",
    "remaining": "str",
    "standard": "str",
    "reason_zh": "str",
    "reason_en": "str",
}
STATUSES = ("met", "on-track", "at-risk", "off-track", "not-applicable", "no-data", "target-pending")


#: the unit of an indicator that is a ratio
_PERCENT = "%"


class PlanYearError(ValueError):
    """The year lies before the plan's first year: another plan judges it."""


@dataclass(frozen=True)
class _Fact:
    value: float
    numerator: float
    denominator: float
    valid: bool
    standard: str
    answer: float
    zh: str
    en: str


@dataclass(frozen=True)
class _Verdict:
    status: str
    zh: str
    en: str
    remaining: str = ""


@dataclass(frozen=True)
class _Year:
    """The year judged: which, whether it is over, whether it is the plan's last, days still to come."""

    year: int
    closed: bool
    final: bool
    days_left: int


def path_value(plan: Plan, indicator: Indicator, year: int, as_of_day: dt.date) -> float | None:
    """Return where a straight line from the baseline to the target stands in a year.

    None where no line may be drawn: the statistical basis changed (*), there is no figure for the
    baseline year, its unit is another one, or the target is no number.
    """
    target = indicator.target_at(as_of_day)
    baseline = _baseline(plan, indicator)
    drawn = (
        not indicator.basis_changed
        and indicator.better in ("lower", "higher")
        and baseline is not None
        and baseline.unit == indicator.unit
        and target.value is not None
    )
    if not drawn or baseline is None or target.value is None:
        return None
    share = (year - baseline.year) / (target.year - baseline.year)
    return baseline.value + (target.value - baseline.value) * min(max(share, 0.0), 1.0)


def evaluate_plan(plan: Plan, facts: pd.DataFrame, *, year: int, as_of_day: dt.date) -> pd.DataFrame:
    """Judge every indicator of a plan for one year, as of a day.

    Parameters
    ----------
    plan : Plan
    facts : DataFrame
        Columns statistic, period, value, numerator, denominator, valid, standard, note
        (`indicators.plan_facts`); values are unrounded.
    year : int
        A year after the plan's last one gives the plan's final year: later years belong to the next
        plan (2026 is of 2026–2030).
    as_of_day : date
        The day of the judgement: the year is over from the first day of the next one on, and the
        latest target documented by this day applies.

    Returns
    -------
    DataFrame
        One row an indicator, in order, with the columns of `RESULT_DTYPES`: value rounded to the
        indicator's places (GB/T 8170), status one of `STATUSES`, and the reason in both languages.

    Raises
    ------
    PlanYearError
        When the year lies before the plan.
    ValueError
        When a fact stands twice for the year.
    """
    if year < plan.first_year:
        raise PlanYearError(f"{plan.id} runs {plan.first_year}–{plan.last_year}; {year} lies before it")
    judged = min(year, plan.last_year)
    end = dt.date(judged, 12, 31)
    when = _Year(
        year=judged,
        closed=as_of_day > end,
        final=judged == plan.last_year,
        days_left=max((end - max(as_of_day, dt.date(judged, 1, 1))).days + 1, 0),
    )
    of_year = facts[facts["period"] == str(judged)]
    twice = of_year[of_year["statistic"].duplicated()]
    if len(twice):
        raise ValueError(f"the fact {twice['statistic'].iloc[0]} stands twice for {judged}")
    known = {str(row["statistic"]): _read(row) for row in of_year.to_dict("records")}
    rows = [
        _record(plan, indicator, known.get(indicator.feeder.statistic), when, as_of_day)
        for indicator in plan.indicator
    ]
    return pd.DataFrame(rows)[list(RESULT_DTYPES)].astype(RESULT_DTYPES)


def _read(row: dict[Any, Any]) -> _Fact:
    return _Fact(
        value=float(row["value"]),
        numerator=float(row["numerator"]),
        denominator=float(row["denominator"]),
        valid=bool(row["valid"]),
        standard=str(row["standard"]),
        answer=float(row["answer"]),
        zh=str(row["told_zh"]),
        en=str(row["told_en"]),
    )


def _baseline(plan: Plan, indicator: Indicator) -> Baseline | None:
    return next((item for item in indicator.baseline if item.year == plan.baseline_year), None)


def _record(
    plan: Plan, indicator: Indicator, fact: _Fact | None, when: _Year, as_of_day: dt.date
) -> dict[str, Any]:
    target = indicator.target_at(as_of_day)
    value = np.nan if fact is None else _rounded(fact.value, indicator.decimals)
    verdict = _judge(plan, indicator, target, fact, value, when, as_of_day)
    if fact is not None and fact.zh and not np.isnan(value):
        verdict = replace(verdict, zh=f"{verdict.zh}；{fact.zh}", en=f"{verdict.en}; {fact.en}")
    if target.document != plan.document:
        verdict = replace(
            verdict,
            zh=f"{verdict.zh}；目标见 {target.document}（{target.dated}）",
            en=f"{verdict.en}; target of {target.document} ({target.dated})",
        )
    if fact is not None and not fact.valid and verdict.status not in ("not-applicable", "no-data"):
        verdict = replace(
            verdict,
            zh=f"{verdict.zh}；有效数据不足，仅供参考",
            en=f"{verdict.en}; too few valid data, for information only",
        )
    return {
        "district": plan.district,
        "plan": plan.id,
        "indicator": indicator.number,
        "name": indicator.name_zh,
        "period": str(when.year),
        "value": value,
        "unit": indicator.unit,
        # only a ratio has them: the sum behind a mean is no figure to show
        "numerator": fact.numerator if fact is not None and indicator.unit == _PERCENT else np.nan,
        "denominator": fact.denominator if fact is not None and indicator.unit == _PERCENT else np.nan,
        "valid": pd.NA if fact is None else fact.valid,
        "target": plain(target.value) if target.value is not None else target.text,
        "baseline": _baseline_text(plan, indicator),
        "status": verdict.status,
        "projection": np.nan,
        "low": np.nan,
        "high": np.nan,
        "remaining": verdict.remaining,
        "standard": "" if fact is None else fact.standard,
        "reason_zh": verdict.zh,
        "reason_en": verdict.en,
    }


def _baseline_text(plan: Plan, indicator: Indicator) -> str:
    baseline = _baseline(plan, indicator)
    if baseline is None:
        return ""
    other = baseline.unit != indicator.unit or indicator.basis_changed
    return f"{plain(baseline.value)} {baseline.unit}*".replace(" *", "*") if other else plain(baseline.value)


def _rounded(value: float, places: int) -> float:
    return float(round_half_even(np.asarray([value], dtype=np.float64), places)[0])


def _judge(
    plan: Plan,
    indicator: Indicator,
    target: Target,
    fact: _Fact | None,
    value: float,
    when: _Year,
    as_of_day: dt.date,
) -> _Verdict:
    source_zh, source_en = indicator.feeder.source_zh, indicator.feeder.source_en
    if fact is not None and fact.denominator == 0:
        return _Verdict(
            "not-applicable", "辖区内没有应评价的断面，不适用", "no section to evaluate here: not applicable"
        )
    if fact is None:
        missing_zh, missing_en = f"尚未接入{source_zh}数据", f"{source_en} not connected yet"
    else:
        missing_zh = fact.zh or f"{source_zh}本年没有有效数据"
        missing_en = fact.en or f"no valid data of {source_en} this year"
    answered = fact is not None and not np.isnan(fact.answer)
    absent = fact is None or (np.isnan(value) and not answered)
    if target.state == "pending":
        known_zh, known_en = (f"；{missing_zh}", f"; {missing_en}") if absent else ("", "")
        return _Verdict(
            "target-pending",
            f"目标为“{target.text}”，尚无数值{known_zh}",
            f"the target is handed down later, no figure yet{known_en}",
        )
    if fact is None or absent or (np.isnan(value) and target.state != "qualitative"):
        return _Verdict("no-data", missing_zh, missing_en)
    if target.state == "qualitative":
        return _in_words(indicator, target, fact, value)
    return _against_number(plan, indicator, target, fact, value, when, as_of_day)


def _in_words(indicator: Indicator, target: Target, fact: _Fact, value: float) -> _Verdict:
    """Judge a target in words: a verdict entered by hand (1 or 0), or the change of the index.

    Where the change of the index is not known, the answer returned with its evidence counts (-1 worse, 0
    stable, 1 better).
    """
    rule = indicator.qualitative
    if rule is not None and rule.stable_within is not None:
        change = fact.numerator
        if np.isnan(change) and np.isnan(fact.answer):
            return _Verdict(
                "no-data", "缺少与基准年相比的变化量", "the change against the base year is not known"
            )
        if np.isnan(change):
            attained = fact.answer >= 0
            zh, en = f"{target.text}：按报送的结论", "by the answer that was returned"
            if np.isnan(value):
                zh, en = f"{zh}；{fact.zh}", f"{en}; {fact.en}"
        else:
            attained = change > -rule.stable_within
            zh, en = f"{target.text}：变化 {change:+.2f}", f"change of {change:+.2f}"
    else:
        attained = value == 1
        zh, en = f"{target.text}：依据人工录入的结论", "by the verdict entered with its evidence"
    return _Verdict("met" if attained else "off-track", zh, en)


def _attains(indicator: Indicator, value: float, wanted: float) -> bool:
    return value <= wanted if indicator.better == "lower" else value >= wanted


def _near(plan: Plan, indicator: Indicator, value: float, wanted: float) -> bool:
    margin = abs(wanted) * plan.judging.at_risk_margin
    return _attains(indicator, value, wanted + margin if indicator.better == "lower" else wanted - margin)


def _against_number(
    plan: Plan,
    indicator: Indicator,
    target: Target,
    fact: _Fact,
    value: float,
    when: _Year,
    as_of_day: dt.date,
) -> _Verdict:
    goal = float(target.value if target.value is not None else np.nan)
    shown = f"{value:.{indicator.decimals}f}" + (" %" if indicator.unit == "%" else "")
    figures_zh, figures_en = f"{shown}，目标 {plain(goal)}", f"{shown}, target {plain(goal)}"
    if fact.denominator > 0 and indicator.unit == "%":
        ratio = f"{plain(fact.numerator)}/{plain(fact.denominator)}"
        figures_zh, figures_en = f"{ratio} = {figures_zh}", f"{ratio} = {figures_en}"
    if is_cumulative(indicator) and goal > 0:
        done = f"{value / goal * 100:.1f} %"
        figures_zh = f"累计核定 {figures_zh}，完成 {done}"
        figures_en = f"recognised so far {figures_en}, {done} of it"
    if when.closed and when.final:
        if _attains(indicator, value, goal):
            return _Verdict("met", f"{figures_zh}，完成", f"{figures_en}: met")
        return _Verdict("off-track", f"{figures_zh}，未完成", f"{figures_en}: missed")
    path = path_value(plan, indicator, when.year, as_of_day)
    wanted = goal if path is None else _rounded(path, indicator.decimals)
    if path is None:
        line_zh, line_en = (
            "口径不同或无基数，不画路径",
            "no line from the baseline: its basis differs or it is absent",
        )
    else:
        line_zh, line_en = f"路径值 {plain(wanted)}", f"{plain(wanted)} on the line"
    zh, en = f"{figures_zh}；{line_zh}", f"{figures_en}; {line_en}"
    left, possible = _remaining(indicator, fact, wanted, when)
    if when.closed:
        left = left if is_cumulative(indicator) else ""
        return replace(_closed_within(plan, indicator, value, goal, path, zh, en), remaining=left)
    if not possible:
        return _Verdict("off-track", zh, en, left)
    if _attains(indicator, value, wanted):
        return _Verdict("on-track", zh, en, left)
    # without a line only the plan's last year can be off it
    near = _near(plan, indicator, value, wanted) or (path is None and not when.final)
    return _Verdict("at-risk" if near else "off-track", zh, en, left)


def _closed_within(
    plan: Plan, indicator: Indicator, value: float, goal: float, path: float | None, zh: str, en: str
) -> _Verdict:
    """Judge a closed year before the plan's last: the target itself, else the line where there is one."""
    if _attains(indicator, value, goal):
        return _Verdict("met", zh, en)
    if path is None:
        return _Verdict("at-risk", zh, en)
    wanted = _rounded(path, indicator.decimals)
    if _attains(indicator, value, wanted):
        return _Verdict("on-track", zh, en)
    return _Verdict("at-risk" if _near(plan, indicator, value, wanted) else "off-track", zh, en)


def _amount_left(indicator: Indicator, fact: _Fact, wanted: float) -> str:
    amount = amount_left(fact.value, wanted, indicator.decimals)
    shown = f"{amount:.{indicator.decimals}f} {indicator.unit}"
    return f"还需核定 {shown} / {shown} still to be recognised" if amount > 0 else ""


def _remaining(indicator: Indicator, fact: _Fact, wanted: float, when: _Year) -> tuple[str, bool]:
    """Return the remaining budget in the unit staff act on, and whether the year can still reach it."""
    statistic = indicator.feeder.statistic
    if is_cumulative(indicator):
        return _amount_left(indicator, fact, wanted), True
    if statistic == GOOD_DAY_RATIO:
        left = bad_days_left(
            int(fact.numerator), int(fact.denominator), when.days_left, wanted, indicator.decimals
        )
        if left < 0:
            return f"超标天数已多出 {-left} 天 / {-left} days above 100 too many already", False
        return f"今年最多还可有 {left} 天超标 / at most {left} more days above 100 this year", True
    if statistic == PM2_5_MEAN:
        return _mean_left(indicator, fact, wanted, when)
    return "" if when.closed else _figure_left(indicator, fact, wanted), True


def _figure_left(indicator: Indicator, fact: _Fact, wanted: float) -> str:
    """Return how many members of a share, or how much of a figure, must still change."""
    if indicator.better not in ("lower", "higher"):
        return ""
    if fact.denominator > 0 and indicator.unit == _PERCENT:
        return _members_left(indicator, fact, wanted)
    short = gap(fact.value, wanted, indicator.decimals, "lower" if indicator.better == "lower" else "higher")
    shown = f"{short:.{indicator.decimals}f} {indicator.unit}"
    word, english = ("降", "fall") if indicator.better == "lower" else ("升", "rise")
    return f"{STILL}{word} {shown} / must {english} by {shown}" if short > 0 else ""


def _members_left(indicator: Indicator, fact: _Fact, wanted: float) -> str:
    """Return how many sections, waters or points of a share must turn, or still may."""
    counts = int(fact.numerator), int(fact.denominator)
    better: Literal["lower", "higher"] = "lower" if indicator.better == "lower" else "higher"
    turn = members_to_turn(*counts, wanted, indicator.decimals, better)
    away = ("脱离", "leave") if better == "lower" else ("达到", "reach the classes")
    if turn:
        return f"{STILL} {turn} 个{away[0]} / {turn} must {away[1]}"
    spare = members_to_spare(*counts, wanted, indicator.decimals, better)
    return f"最多还可有 {spare} 个变差 / at most {spare} may turn worse"


def _mean_left(indicator: Indicator, fact: _Fact, wanted: float, when: _Year) -> tuple[str, bool]:
    keep = mean_to_keep(fact.numerator, int(fact.denominator), when.days_left, wanted, indicator.decimals)
    if keep is None:
        return "", True
    if keep < 0:
        return "今年已无法达到 / out of reach this year", False
    shown = f"{keep:.1f}"
    return (
        f"余下日均值须 ≤ {shown} {indicator.unit} / the rest of the year must average ≤ {shown}",
        True,
    )
