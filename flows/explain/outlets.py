"""Why an outlet's hour or day is judged as it is: the permit's limit, the value, and what was measured beside it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flows.evaluate import registry_of
from flows.explain.chain import Asked, Chain, said_number, unit_key, unit_of, words_of
from flows.used_readings import divide
from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.emission_validity import EFFLUENT_FLOW

_VERDICTS = {
    "ok": ("达标", "within its limit"),
    "exceed_hour": ("小时超标", "above its hourly limit"),
    "warn_hour": ("小时值高于日均限值（提示，不判超标）", "hour above the daily limit: a warning"),
    "excluded": ("不参与判定", "not judged"),
    "exceed_day": ("日均超标", "daily mean above its limit"),
}
_BASES = {"hourly": "小时", "daily": "日均", "instant": "瞬时", "warning": "内控预警"}
#: order of verdicts, what needs a person first
_ORDER = {
    name: place for place, name in enumerate(("exceed_day", "exceed_hour", "warn_hour", "excluded", "ok"))
}
_DAILY = timedelta(days=1)


def explain_outlet(asked: Asked, site: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return the chain of an outlet's hour, or of a day: its means, and its hours that are not within the limit.

    Judged anew from the readings as known at the time asked for; what is plainly within its limit is not
    kept in the warehouse.
    """
    chain = Chain(asked)
    registry = registry_of(asked.district)
    day = start.replace(hour=0, minute=0)
    found = asked.recall(day, day + _DAILY, sites=[site], periods=["1h"])
    used = divide(asked.connection, asked.district, found, "emissions", marks=False, as_of=asked.as_of)
    limits = asked.district.permit_limits
    whole_day = end - start >= _DAILY
    if len(used.kept):
        if whole_day:
            days = judge_outlet_days(used.kept, limits, registry=registry)
            _days(chain, site, days[days["verdict"] != "no-limit"], used.kept)
        hours = judge_outlet_hours(used.kept, limits, registry=registry)
        hours = hours[(hours["observed_at"] >= start) & (hours["observed_at"] < end)]
        keep = hours["verdict"] != "no-limit"
        if whole_day:
            keep &= ~hours["verdict"].isin(["ok", "excluded"])
        _hours(chain, site, hours[keep], used.kept)
    if not chain.count:
        chain.step(
            "result",
            None,
            "该时段没有受限值约束的监测值",
            "no limited value of this time",
            site=site,
            at=start,
        )
    left = used.flagged[(used.flagged["observed_at"] >= start) & (used.flagged["observed_at"] < end)]
    left = left[asked.wanted_in(left)]
    chain.leaves(1, left, used=False, notes=("质控标记，未采用", "not used: a verdict of our own"))
    chain.rejected(1, [site], start, end)
    return chain.records()


def _wanted(chain: Chain, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[chain.asked.wanted_in(rows)]
    order = rows["verdict"].map(_ORDER)
    return rows.assign(order=order).sort_values(["order", "parameter"], kind="stable")


def _hours(chain: Chain, site: str, hours: pd.DataFrame, found: pd.DataFrame) -> None:
    for record in (
        _wanted(chain, hours).sort_values(["order", "observed_at"], kind="stable").to_dict("records")
    ):
        top = _result(chain, site, record, record["observed_at"], "1h", str(record["basis"]))
        mine = found[found["observed_at"] == record["observed_at"]]
        own = mine["parameter"] == record["parameter"]
        chain.leaves(top, mine[own], used=bool(record["valid"]))
        helps = np.array(
            [_belongs(name, str(record["parameter"])) for name in mine["parameter"]], dtype=np.bool_
        )
        beside = mine[~own & helps]
        if len(beside):
            step = chain.step("input", top, "同一小时的相关量", "measured in the same hour", used=None)
            chain.leaves(step, beside, used=None)


def _belongs(name: str, limited: str) -> bool:
    """Tell whether a reading helps to understand a limited one: what it was normalised from, oxygen, flow."""
    return name == limited.removesuffix("_norm") or name in {"flue_o2", "flue_flow", EFFLUENT_FLOW}


def _days(chain: Chain, site: str, days: pd.DataFrame, found: pd.DataFrame) -> None:
    for record in _wanted(chain, days).to_dict("records"):
        top = _result(chain, site, record, record["day"], "1d", "daily")
        step = chain.step(
            "input",
            top,
            f"有效小时值 {int(record['hours'])} 个，应有 {int(record['due'])} 个",
            f"{int(record['hours'])} valid hours of {int(record['due'])} due",
            site=site,
            parameter=record["parameter"],
            n_readings=int(record["hours"]),
            used=bool(record["valid"]),
        )
        chain.leaves(step, found[found["parameter"] == record["parameter"]])
        flow = found[found["parameter"] == EFFLUENT_FLOW]
        if len(flow) and not str(record["parameter"]).startswith("flue_"):
            weights = chain.step(
                "input", top, "按流量加权", "weighted by flow", parameter=EFFLUENT_FLOW, used=True
            )
            chain.leaves(weights, flow, listed=False)


def _result(chain: Chain, site: str, record: dict[str, Any], at: Any, period: str, basis: str) -> int:
    name = str(record["parameter"])
    zh, en = words_of(name)
    verdict = _VERDICTS[str(record["verdict"])]
    unit = unit_of(name)
    moment = pd.Timestamp(at)
    limits = chain.asked.district.permit_limits
    rows = limits[(limits["site"] == site) & (limits["parameter"] == name) & (limits["basis"] == basis)]
    held = rows[
        (rows["valid_from"] <= moment) & (rows["valid_to"].isna() | (rows["valid_to"] >= moment.normalize()))
    ]
    held = held.sort_values("valid_from").tail(1)
    lower = held["limit_lower"].iloc[0] if len(held) else None
    low = "" if pd.isna(lower) else f"{said_number(lower)}~"
    limit = f"{low}{said_number(record['limit'])} {unit}".strip()
    value = f"{said_number(record['value'])} {unit}".strip() or "—"
    more = f"，超标 {record['multiple']:.2f} 倍" if pd.notna(record["multiple"]) else ""
    why = f"（{record['reason']}）" if record.get("reason") else ""
    top = chain.step(
        "result",
        None,
        f"{zh} {value}，限值 {limit}：{verdict[0]}{more}{why}",
        f"{en} {value}, limit {limit}: {verdict[1]}{why}",
        site=site,
        parameter=name,
        period=period,
        at=pd.Timestamp(at).to_pydatetime(),
        value=record["value"],
        unit=unit_key(name),
        limit=limit,
        clause=record["clause"],
        used=record["verdict"] != "excluded",
    )
    for rule in held.to_dict("records"):
        chain.step(
            "rule",
            top,
            f"许可限值 {limit}（{_BASES[basis]}），自 {rule['valid_from']:%Y-%m-%d} 起",
            f"permit limit {limit} ({rule['basis']}), from {rule['valid_from']:%Y-%m-%d}",
            site=site,
            parameter=name,
            limit=limit,
            standard=rule["document"],
            clause=rule["clause"],
        )
    return top
