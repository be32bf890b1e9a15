"""Days of outlets: flow-weighted daily means of wastewater, daily means of gas, against daily limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.emission_hours import above, multiple
from indicators.emission_limits import limits_on
from indicators.emission_validity import EFFLUENT_FLOW, STOPPED, TOPICS, validity
from indicators.registry import Registry, Standard
from vocabulary.rounding import ceil_exact

FloatArray = npt.NDArray[np.float64]

HOURS_A_DAY = 24
EXCEED_DAY = "exceed_day"
_KEY = ["site", "parameter", "day"]


def judge_outlet_days(hours: pd.DataFrame, limits: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Daily means of outlets and their verdict.

    Parameters
    ----------
    hours : DataFrame
        As in `judge_outlet_hours`; for wastewater with the parameter effluent_flow (m³/h).
    limits : DataFrame
        As in `judge_outlet_hours`; only items that have a limit are computed, only `daily` ones judged.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame
        site, parameter, day, value, hours (valid values taken), due (values due), valid, limit, verdict
        (ok, exceed_day, excluded, no-limit), multiple, clause, reason; sorted.

    Notes
    -----
    Wastewater (HJ 356-2019): flow-weighted mean of the valid values, at least 75 % of the values due; hours
    without discharge are not due. Gas (HJ 212-2017 D.2.2, HJ 75-2017): arithmetic mean, at least 20 valid
    hours, or 75 % of the operating hours where the source ran a part of the day.
    """
    rows = hours.reset_index(drop=True)
    checked = validity(rows, registry=registry)
    rows = rows.assign(
        day=rows["observed_at"].dt.floor("D"),
        medium=checked["medium"],
        counts=checked["valid"],
        idle=checked["kind"] == STOPPED,
    )
    wanted = rows.merge(limits[["site", "parameter"]].drop_duplicates(), on=["site", "parameter"])
    idle = _idle_hours(rows)
    parts = [
        _days_under(wanted[mask & (wanted["medium"] == medium)], rows, idle, standard)
        for medium, topic in TOPICS.items()
        for standard, mask in registry.spans(topic, wanted["observed_at"])
    ]
    parts = [part for part in parts if len(part)]
    days = pd.concat(parts, ignore_index=True) if parts else _no_days()
    return _judged(days.sort_values(_KEY, ignore_index=True), limits)


def _no_days() -> pd.DataFrame:
    kinds = {"site": "str", "parameter": "str", "day": "datetime64[us]", "value": "float64", "hours": "int64"}
    kinds |= {"due": "int64", "valid": "bool", "reason": "str"}
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})


def _idle_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Hours of each site and day in which the source stood still or nothing was discharged."""
    dry = (rows["parameter"] == EFFLUENT_FLOW) & rows["counts"] & (rows["value"] == 0)
    hours = rows.loc[dry | rows["idle"], ["site", "day", "observed_at"]].drop_duplicates()
    return hours.groupby(["site", "day"], as_index=False).agg(idle=("observed_at", "size"))


def _days_under(
    wanted: pd.DataFrame, rows: pd.DataFrame, idle: pd.DataFrame, standard: Standard
) -> pd.DataFrame:
    """Daily means of one medium under one edition."""
    if wanted.empty:
        return _no_days()
    rule = standard.rule("validity")
    gas = "day_hours" in rule
    taken = wanted[wanted["counts"]]
    taken = taken.assign(weight=1.0) if gas else _weighted(taken, rows, standard)
    taken = taken[taken["weight"].notna()]
    sums = (
        taken.assign(product=taken["value"] * taken["weight"])
        .groupby(_KEY, as_index=False)
        .agg(product=("product", "sum"), weight=("weight", "sum"), hours=("value", "size"))
    )
    days = wanted[_KEY].drop_duplicates().merge(sums, on=_KEY, how="left")
    days = days.merge(idle, on=["site", "day"], how="left")
    days["hours"] = days["hours"].fillna(0).astype("int64")
    days["due"] = HOURS_A_DAY - days["idle"].fillna(0).astype("int64")
    days["value"] = days["product"] / days["weight"].where(days["weight"] > 0)
    due = days["due"].to_numpy(dtype=np.float64)
    if gas:
        part = np.minimum(float(rule["day_hours"]), ceil_exact(float(rule["operating_share"]) * due))
        needs = np.where(due < HOURS_A_DAY, part, float(rule["day_hours"]))
    else:
        needs = ceil_exact(float(rule["day_share"]) * due)
    days["valid"] = (due > 0) & (days["hours"] >= needs) & days["value"].notna()
    reason = np.select([due <= 0, ~days["valid"].to_numpy()], ["no-discharge", "too-few-values"], "")
    days["reason"] = pd.Series(reason, index=days.index, dtype="str")
    return days[[*_KEY, "value", "hours", "due", "valid", "reason"]]


def _weighted(taken: pd.DataFrame, rows: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Give each wastewater value its weight: the valid flow of its hour, or 1 where the item is not weighted."""
    averaging = standard.rule("averaging")
    flow = rows.loc[
        (rows["parameter"] == EFFLUENT_FLOW) & rows["counts"], ["site", "observed_at", "value"]
    ].drop_duplicates(["site", "observed_at"])
    joined = taken.merge(flow.rename(columns={"value": "weight"}), on=["site", "observed_at"], how="left")
    method = {name: averaging.get(name, averaging["default"]) for name in joined["parameter"].unique()}
    plain = joined["parameter"].map(method) == "arithmetic"
    return joined.assign(weight=joined["weight"].mask(plain, 1.0))


def _judged(days: pd.DataFrame, limits: pd.DataFrame) -> pd.DataFrame:
    found = limits_on(days.rename(columns={"day": "observed_at"}), limits, ("daily",))
    value = days["value"].to_numpy(dtype=np.float64)
    limit, lower = found["limit"].to_numpy(), found["limit_lower"].to_numpy()
    censor = np.full(len(days), "", dtype=object)
    valid = days["valid"].to_numpy(dtype=bool)
    exceed = valid & above(value, limit, lower, censor)
    verdict = np.select([np.isnan(limit), ~valid, exceed], ["no-limit", "excluded", EXCEED_DAY], "ok")
    return days.assign(
        limit=limit,
        verdict=pd.Series(verdict, index=days.index, dtype="str"),
        multiple=multiple(value, limit, exceed, ~np.isnan(lower)),
        clause=found["clause"].to_numpy(),
    )[[*_KEY, "value", "hours", "due", "valid", "limit", "verdict", "multiple", "clause", "reason"]]
