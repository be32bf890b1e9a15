"""Further targets and milestones of a plan: what is monitored or returned of them, and what is missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from flows.answers.air import air
from flows.answers.progress import plan_of_year
from flows.answers.records import known_at
from indicators.plan_facts import plain
from indicators.plan_feeders import in_unit, said
from vocabulary.clock import now_utc, wall_time
from vocabulary.district import District
from vocabulary.parameters import parameters
from vocabulary.plan import Milestone, Plan, Secondary
from vocabulary.rounding import round_half_even
from warehouse.recall import recall_readings

KEYS = (
    "district",
    "plan",
    "kind",
    "key",
    "name",
    "period",
    "value",
    "unit",
    "target",
    "status",
    "reason_zh",
    "reason_en",
    "reference",
    "known_at",
)
_RETURNED = "stat_"
_DUSTFALL, _OZONE = "dustfall", "o3"
_SIGNS = {"<=": "≤", ">=": "≥"}
_PLACES = 4


@dataclass(frozen=True)
class _Found:
    """A figure and where it is from, in words; without one the words say what is missing."""

    value: float | None
    zh: str
    en: str


@dataclass(frozen=True)
class _Asked:
    connection: Connection
    district: District
    year: int
    as_of: datetime | None


def secondary(
    connection: Connection, district: District, year: int, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return the further targets of the plan of a year, and its milestones, each with its state and reason.

    Parameters
    ----------
    connection : Connection
    district : District
    year : int
    as_of : datetime, optional
        UTC without zone.

    Returns
    -------
    list of dict
        Keys `KEYS`; kind is 'secondary' or 'milestone'. Dustfall is the mean of its months (each the mean of its
        sites), ozone the 90th percentile of MDA8; the others are figures that departments returned. Status is one of
        met, off-track (year over), on-track, at-risk (year running), no-data, target-pending, qualitative.
    """
    plan = plan_of_year(district, year)
    asked = _Asked(connection, district, year, as_of)
    today = wall_time(as_of or now_utc()).date()
    returned = _readings(asked, [district.key], _stated(plan))
    rows = [_secondary(asked, plan, item, returned, today) for item in plan.secondary]
    rows += [_milestone(asked, plan, item, returned, today) for item in plan.milestone]
    shown = known_at(as_of)
    return [{key: (row | {"known_at": shown})[key] for key in KEYS} for row in rows]


def _stated(plan: Plan) -> list[str]:
    keys = [item.key for item in plan.secondary] + [item.key for item in plan.milestone]
    return [_RETURNED + key for key in keys if _RETURNED + key in parameters()]


def _readings(asked: _Asked, sites: list[str], wanted: list[str]) -> pd.DataFrame:
    """Return readings of the plan's years up to the year asked for, oldest first."""
    end = datetime(asked.year + 1, 1, 1)
    span = (datetime(asked.year, 1, 1), end) if sites and wanted else (end, end)
    found = recall_readings(
        asked.connection,
        district=asked.district.key,
        start=span[0],
        end=span[1],
        sites=sites,
        parameters=wanted,
        as_of=asked.as_of,
    )
    return found.sort_values(["parameter", "observed_at", "site"], ignore_index=True)


def _secondary(
    asked: _Asked, plan: Plan, item: Secondary, returned: pd.DataFrame, today: dt.date
) -> dict[str, Any]:
    if item.key == _DUSTFALL:
        found = _dustfall(asked, item)
    elif item.key == _OZONE:
        found = _ozone(asked)
    else:
        found = _returned(item.key, item.unit, returned)
    target = item.text if item.value is None else f"{_SIGNS[str(item.comparison)]} {plain(item.value)}"
    status = _status(item, found.value, dt.date(asked.year, 12, 31) < today)
    return {
        "district": asked.district.key,
        "plan": plan.id,
        "kind": "secondary",
        "key": item.key,
        "name": item.name_zh,
        "period": str(asked.year),
        "value": found.value,
        "unit": item.unit,
        "target": target,
        "status": status,
        "reason_zh": found.zh,
        "reason_en": found.en,
        "reference": f"{item.document} {item.reference}".strip(),
    }


def _status(item: Secondary, value: float | None, closed: bool) -> str:
    if item.state == "pending":
        return "target-pending"
    if value is None:
        return "no-data"
    if item.value is None:
        # words are judged by whoever answers for them, never by a figure beside them
        return "qualitative"
    reached = value <= item.value if item.comparison == "<=" else value >= item.value
    if closed:
        return "met" if reached else "off-track"
    return "on-track" if reached else "at-risk"


def _dustfall(asked: _Asked, item: Secondary) -> _Found:
    """Return the mean of the months' dustfall; every month beyond the target is named."""
    stations = asked.district.sites
    sites = stations.loc[stations["medium"] == "air", "key"].tolist()
    rows = _readings(asked, sites, [_DUSTFALL])
    rows = rows[rows["period"] == "1mo"]
    if rows.empty:
        return _Found(None, f"尚未接入 {asked.year} 年降尘监测数据", f"no dustfall of {asked.year} connected")
    months = rows.groupby(rows["observed_at"].dt.month)["value"].mean()
    value = in_unit(float(months.mean()), parameters()[_DUSTFALL].unit, item.unit)
    if value is None:
        return _Found(
            None, f"降尘量单位无法换算为“{item.unit}”", f"dustfall is not convertible to {item.unit!r}"
        )
    beyond = months[months > item.value] if item.value is not None else months[:0]
    named = "、".join(f"{month}月 {plain(_rounded(amount, 2))}" for month, amount in beyond.items())
    return _Found(
        _rounded(value, _PLACES),
        f"{len(months)} 个月平均" + (f"；超出的月份 {named}" if named else "；各月均未超出"),
        f"mean of {len(months)} months; {len(beyond)} of them beyond the target",
    )


def _ozone(asked: _Asked) -> _Found:
    records = air(asked.connection, asked.district, str(asked.year), as_of=asked.as_of)
    found = [row for row in records if (row["parameter"], row["statistic"]) == ("o3_mda8", "p90")]
    if not found or found[-1]["value"] is None:
        return _Found(None, f"{asked.year} 年没有臭氧监测数据", f"no ozone of {asked.year}")
    row = found[-1]
    compared = "未超过" if row["attained"] else "超过"
    return _Found(
        float(row["rounded"]),
        f"日最大8小时第90百分位数，{compared}二级限值 {plain(float(row['limit']))}；定性目标由责任部门结合多年判断",
        f"90th percentile of MDA8, {'within' if row['attained'] else 'above'} the limit of {plain(float(row['limit']))}; "
        "a target in words is judged over several years",
    )


def _returned(key: str, unit: str, returned: pd.DataFrame) -> _Found:
    mine = returned[returned["parameter"] == _RETURNED + key]
    if mine.empty:
        return _Found(None, "统计报表没有该年该项数据", "no figure of this year in the returns")
    last = mine.iloc[-1]
    canonical = parameters()[_RETURNED + key].unit
    value = in_unit(float(last["value"]), canonical, unit)
    if value is None:
        return _Found(None, f"报表单位无法换算为“{unit}”", f"not convertible to {unit!r}")
    document = said(str(last["provider_flag"]), "依据")
    return _Found(
        _rounded(value, _PLACES),
        "统计报表" + (f"；依据 {document}" if document else "；未注明依据"),
        "returned" + (f"; evidence: {document}" if document else "; without evidence"),
    )


def _rounded(value: float, places: int) -> float:
    return float(round_half_even([value], places)[0])


def _milestone(
    asked: _Asked, plan: Plan, item: Milestone, returned: pd.DataFrame, today: dt.date
) -> dict[str, Any]:
    """Return a milestone: done where a return says so with its evidence, else what its day says."""
    mine = returned[returned["parameter"] == _RETURNED + item.key]
    value = None if mine.empty else float(mine["value"].iloc[-1])
    document = "" if mine.empty else said(str(mine["provider_flag"].iloc[-1]), "依据")
    if value == 1 and document:
        status, zh, en = "met", f"已完成；依据 {document}", f"done; evidence: {document}"
    elif today > item.due:
        status, zh, en = (
            "no-data",
            f"已于 {item.due} 到期，尚无完成证明",
            f"due since {item.due}, no evidence of completion",
        )
    else:
        status, zh, en = "target-pending", f"{item.due} 到期", f"due on {item.due}"
    return {
        "district": asked.district.key,
        "plan": plan.id,
        "kind": "milestone",
        "key": item.key,
        "name": item.name_zh,
        "period": str(asked.year),
        "value": value,
        "unit": "",
        "target": f"{item.due}",
        "status": status,
        "reason_zh": zh,
        "reason_en": en,
        "reference": item.document,
    }
