"""What a district is told, as facts of its plan: the ledger of reduction projects and the departments' returns.

Frames of readings have the columns site, parameter, period, observed_at, value, censor, detection_limit and
provider_flag, as the warehouse recalls them. A feeder that gave nothing at all gives no fact; one that gave
nothing for the year gives a fact without a value that says so.
Source: compilation of rules, section 5 (reductions), 6 (definitions) and 6.3; the plans' own notes.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import numpy as np
import pandas as pd

from indicators.plan_facts import (
    GOOD_DAY_RATIO,
    PM2_5_MEAN,
    REDUCTION,
    fact,
    facts_frame,
    is_cumulative,
    plain,
)
from indicators.plan_points import BLACK_ODOROUS, GROUNDWATER_V
from indicators.reduction import CLAIMED, RECOGNISED, cumulative_reduction
from indicators.reduction import TOPIC as REDUCTION_TOPIC
from indicators.registry import NoStandardError, Registry
from vocabulary.parameters import parameters
from vocabulary.plan import Indicator, Plan
from vocabulary.units import unit_named, units

_RETURNED = "stat_"
_TREND = "_trend"
_AMOUNT = r"^reduction_(?P<pollutant>.+)_(?P<kind>claimed|recognised|offset)$"
_OFFSET = "offset"


def said(flag: str, word: str) -> str:
    """Return what a ledger's flag says under a word, '' for nothing.

    >>> said("状态=已核定;依据=示例〔2024〕1号", "依据")
    '示例〔2024〕1号'
    """
    found = re.search(rf"(?:^|;){re.escape(word)}=([^;]*)", flag)
    return found[1].strip() if found else ""


def in_unit(value: float, canonical: str, wanted: str) -> float | None:
    """Return a value of a parameter's unit in the unit a plan states; None where the two do not compare.

    >>> in_unit(30658.0, "t", "万吨")
    3.0658
    """
    found = unit_named(wanted or "1")
    given = units()[canonical]
    if found is None or found.dimension != given.dimension:
        return None
    return float(Decimal(repr(value)) * given.factor / found.factor)


def is_computed(indicator: Indicator) -> bool:
    """Tell whether we work an indicator out ourselves; the others are fed by returns."""
    feeder = indicator.feeder
    own = {PM2_5_MEAN, GOOD_DAY_RATIO, BLACK_ODOROUS, GROUNDWATER_V}
    return bool(feeder.levels) or feeder.statistic in own or is_cumulative(indicator)


# --- ledger of reduction projects -----------------------------------------------------------------


def reduction_facts(plan: Plan, ledger: pd.DataFrame, year: int, *, registry: Registry) -> pd.DataFrame:
    """Return the tonnes recognised since the plan's first year, one fact a pollutant of the plan.

    Parameters
    ----------
    plan : Plan
    ledger : DataFrame
        Readings `reduction_<pollutant>_<claimed|recognised|offset>` in t, one a project and year.
    year : int
    registry : Registry

    Returns
    -------
    DataFrame
        value: recognised, less what offset new projects (核算技术指南). Claimed amounts are told, never counted.
        Not valid while a year of the plan has nothing recognised.
    """
    wanted = [item.feeder.statistic for item in plan.indicator if is_cumulative(item)]
    if ledger.empty or not wanted:
        return facts_frame([])
    try:
        standard = registry.in_force(REDUCTION_TOPIC, dt.date(year, 12, 31))
    except NoStandardError:
        why = (f"{year} 年的减排核算规则尚未入库", f"no accounting rules of {year} on record")
        return facts_frame([fact(name, year, valid=False, told=[why]) for name in wanted])
    table = _statements(ledger, plan.first_year, year)
    sums = cumulative_reduction(table, standard, as_of=dt.date(year, 12, 31))
    return facts_frame(
        [_recognised(name, table, sums, range(plan.first_year, year + 1), standard.label) for name in wanted]
    )


def _recognised(
    name: str, table: pd.DataFrame, sums: pd.DataFrame, years: range, standard: str
) -> pd.DataFrame:
    """Return one pollutant's fact from its statements and their sums by year."""
    pollutant, year = name.removeprefix(REDUCTION), years[-1]
    mine = sums[sums["pollutant"] == pollutant]
    if mine.empty:
        why = ("台账中没有该污染物的项目", "the ledger has no project of this pollutant")
        return fact(name, year, valid=False, told=[why])
    own = table[(table["pollutant"] == pollutant) & (table["state"] == RECOGNISED)]
    absent = [str(one) for one in years if one not in set(own["year"])]
    claimed, of_year = plain(float(mine["claimed"].sum())), plain(float(mine["tonnes"].iloc[-1]))
    count = own["project"][own["tonnes"] >= 0].nunique()
    told = [
        (f"其中 {year} 年核定 {of_year} t", f"{of_year} t of them recognised in {year}"),
        (f"累计上报 {claimed} t（不计入）", f"{claimed} t claimed (not counted)"),
        (f"核定项目 {count} 个", f"{count} projects recognised"),
    ]
    if absent:
        told.append((f"缺 {'、'.join(absent)} 年核定量", f"nothing recognised for {', '.join(absent)}"))
    value = float(mine["cumulative"].iloc[-1])
    return fact(name, year, valid=not absent, standard=standard, told=told, value=value)


def _statements(ledger: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """Return the ledger as `cumulative_reduction` takes it: an offset is recognised with negative tonnes."""
    named = ledger["parameter"].str.extract(_AMOUNT)
    offset = (named["kind"] == _OFFSET).to_numpy(dtype=np.bool_)
    table = pd.DataFrame(
        {
            "project": np.where(offset, ledger["site"] + " offset", ledger["site"]),
            "pollutant": named["pollutant"],
            "year": ledger["observed_at"].dt.year,
            "tonnes": np.where(offset, -ledger["value"], ledger["value"]),
            "state": np.where(named["kind"] == CLAIMED, CLAIMED, RECOGNISED),
            "stated_on": ledger["observed_at"],
        }
    )
    table = table[table["year"].between(first, last) & (ledger["period"] == "1y")]
    # sums of floats depend on their order
    return table.sort_values(["pollutant", "state", "year", "project"], ignore_index=True)


# --- statistics returns ---------------------------------------------------------------------------


def return_facts(plan: Plan, returns: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return the figures that departments returned for a year, in the plan's units.

    Parameters
    ----------
    plan : Plan
    returns : DataFrame
        Readings `stat_<statistic>` of the district itself.
    year : int

    Returns
    -------
    DataFrame
        value of period `1y`; for the EQI the change against the plan's base year in numerator (its first
        year with a figure where the base year has none) and the returned answer in words; an answer
        without its evidence (依据) is none.
    """
    if returns.empty:
        return facts_frame([])
    yearly = returns[returns["period"] == "1y"]
    return facts_frame(
        [_returned(plan, item, yearly, year) for item in plan.indicator if not is_computed(item)]
    )


def _returned(plan: Plan, indicator: Indicator, yearly: pd.DataFrame, year: int) -> pd.DataFrame:
    name = indicator.feeder.statistic
    mine = _years_of(yearly, _RETURNED + name)
    trend = _years_of(yearly, _RETURNED + name + _TREND)
    now, answer = mine[mine["year"] == year], trend[trend["year"] == year]
    told: list[tuple[str, str]] = []
    figures: dict[str, float] = {}
    if len(now):
        figures |= _figure(indicator, now.iloc[0], told)
    rule = indicator.qualitative
    if rule is not None and rule.stable_within is not None:
        base = _base(mine, plan, year)
        if base is not None and "value" in figures:
            since, index = base
            figures["numerator"] = float(Decimal(repr(figures["value"])) - Decimal(repr(index)))
            told.append((f"与 {since} 年的 {plain(index)} 相比", f"against {plain(index)} of {since}"))
        if len(answer) and _evidence(answer.iloc[0], told):
            figures["answer"] = float(answer["value"].iloc[0])
    if not len(now) and not len(answer):
        earlier = mine.loc[mine["year"] < year, "year"]
        zh, en = f"统计报表没有 {year} 年的数", f"no figure of {year} in the returns"
        if len(earlier):
            zh, en = f"{zh}，最近为 {earlier.iloc[-1]} 年", f"{en}, the latest is of {earlier.iloc[-1]}"
        told.append((zh, en))
    return fact(name, year, valid=True, told=told, figures=figures)


def _figure(indicator: Indicator, row: pd.Series, told: list[tuple[str, str]]) -> dict[str, float]:
    """Return the figure of a return in the plan's unit; a verdict by hand without evidence gives none."""
    canonical = parameters()[_RETURNED + indicator.feeder.statistic].unit
    value = in_unit(float(row["value"]), canonical, indicator.unit)
    if value is None:
        unit = indicator.unit
        told.append((f"报表单位无法换算为“{unit}”", f"not convertible to the plan's unit {unit!r}"))
        return {}
    rule = indicator.qualitative
    by_hand = rule is not None and rule.rule == "evidence-by-hand"
    if by_hand and not _evidence(row, told):
        return {}
    document = said(str(row["provider_flag"]), "依据")
    if document and not by_hand:
        told.append((f"依据 {document}", f"evidence: {document}"))
    return {"value": value}


def _evidence(row: pd.Series, told: list[tuple[str, str]]) -> bool:
    """Tell whether an answer in words comes with its evidence, and say which."""
    document = said(str(row["provider_flag"]), "依据")
    told.append(
        (f"结论依据 {document}", f"verdict by {document}")
        if document
        else ("报送的结论没有依据文件，不予采用", "the returned verdict has no evidence and is not taken")
    )
    return bool(document)


def _years_of(yearly: pd.DataFrame, parameter: str) -> pd.DataFrame:
    mine = yearly[yearly["parameter"] == parameter]
    return mine.assign(year=mine["observed_at"].dt.year).sort_values("year")


def _base(mine: pd.DataFrame, plan: Plan, year: int) -> tuple[int, float] | None:
    """Return year and index of the plan's base, or of its first year with one before `year`."""
    earlier = mine[(mine["year"] >= plan.baseline_year) & (mine["year"] < year)]
    return None if earlier.empty else (int(earlier["year"].iloc[0]), float(earlier["value"].iloc[0]))


def with_stated(facts: pd.DataFrame, plan: Plan, returns: pd.DataFrame, year: int) -> pd.DataFrame:
    """Tell beside figures that we work out what departments returned for them; it never takes their place."""
    yearly = returns[returns["period"] == "1y"]
    for item in plan.indicator:
        key = _RETURNED + item.feeder.statistic
        stated = _years_of(yearly, key) if is_computed(item) else yearly[:0]
        stated = stated[stated["year"] == year] if len(stated) else stated
        if stated.empty:
            continue
        value = in_unit(float(stated["value"].iloc[0]), parameters()[key].unit, item.unit)
        here = facts["statistic"] == item.feeder.statistic
        if value is not None and here.any():
            for language, text in (
                ("zh", f"统计报表填报 {plain(value)}（不替代）"),
                ("en", f"{plain(value)} stated in a return (does not replace it)"),
            ):
                column, sign = f"told_{language}", "；" if language == "zh" else "; "
                facts.loc[here, column] = [
                    f"{old}{sign}{text}" if old else text for old in facts.loc[here, column]
                ]
    return facts
