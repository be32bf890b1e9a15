"""Shares of a plan that registered points give: black-odorous waters of the register, groundwater of class Ⅴ.

Frames of readings have the columns site, parameter, observed_at, value, censor and detection_limit, as the
warehouse recalls them. A feeder that gave nothing at all gives no fact; one that gave nothing for the year
gives a fact without a value that says so. Ratios and classes are never averaged.
Source: compilation of rules, section 6 (definitions), 6.1 and 6.2.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.county_shares import groundwater_v_share, share
from indicators.plan_facts import fact, facts_frame
from indicators.registry import Registry
from indicators.water_groundwater import TOPIC as GROUNDWATER_TOPIC
from indicators.water_groundwater import classify_groundwater
from indicators.water_limits import calculation_values
from vocabulary.parameters import parameters

BLACK_ODOROUS, GROUNDWATER_V = "black_odorous_ratio", "groundwater_v_ratio"
#: parameter of the state of a water body in the register
STATE = "black_odorous"


def black_odorous_fact(
    register: pd.DataFrame, sites: pd.DataFrame, year: int, *, as_of_day: dt.date
) -> pd.DataFrame:
    """Return the share of listed waters that are black-odorous by their last state of the year, one fact.

    Parameters
    ----------
    register : DataFrame
        Readings `black_odorous` (0 eliminated, 1 light, 2 heavy) of water bodies.
    sites : DataFrame
        The district's registry; bodies are points of surface water, those with `evaluation` count (rural
        waters do not belong to the built-up area).
    year : int
    as_of_day : date
        States of this day and later are not known yet.

    Notes
    -----
    A water that returned (返黑返臭) counts again. Bodies that are listed but in no registry make the fact not
    valid: whether they lie in the built-up area is not known.
    """
    if register.empty:
        return facts_frame([])
    bodies = _registered(sites, "surface_water", year)
    rows = _of_year(register[register["parameter"] == STATE], year, as_of_day)
    last = rows.sort_values(["site", "observed_at"]).drop_duplicates("site", keep="last")
    counted = last[last["site"].isin(bodies["key"])]
    strange = sorted(set(last["site"]) - set(sites["key"]))
    silent = _names(bodies, set(bodies["key"]) - set(counted["site"]))
    black = _names(bodies, set(counted.loc[counted["value"] > 0, "site"]))
    told = []
    if not len(counted):
        told.append((f"黑臭水体清单没有 {year} 年的状态", f"the register states nothing for {year}"))
    if black:
        told.append((f"仍黑臭 {'、'.join(black)}", f"black-odorous: {', '.join(black)}"))
    if silent and len(counted):
        told.append((f"无状态 {'、'.join(silent)}", f"without a state: {', '.join(silent)}"))
    if strange:
        told.append((f"未登记 {'、'.join(strange)}", f"in no registry: {', '.join(strange)}"))
    return _share_fact(
        BLACK_ODOROUS,
        year,
        len(black),
        len(counted),
        valid=not silent and not strange,
        told=told,
    )


def groundwater_fact(
    readings: pd.DataFrame, sites: pd.DataFrame, year: int, *, as_of_day: dt.date, registry: Registry
) -> pd.DataFrame:
    """Return the share of groundwater points of class Ⅴ, one fact.

    Parameters
    ----------
    readings : DataFrame
        Readings of the registered groundwater points.
    sites : DataFrame
        The district's registry.
    year : int
    as_of_day : date
        Samplings of this day and later are not known yet.
    registry : Registry

    Notes
    -----
    Several samplings of a year are put together item by item (their mean) before the point is classed, since
    classes are never averaged; a non-detect counts half its limit (GB/T 14848-2017; the mean of a year is this
    project's choice). A point without a class leaves the denominator and makes the fact not valid.
    """
    points = _registered(sites, "groundwater", year)
    if readings.empty or points.empty:
        return facts_frame([])
    rows = _of_year(readings[readings["site"].isin(points["key"])], year, as_of_day)
    if rows.empty:
        why = (f"地下水点位 {year} 年没有监测数据", f"no sampling of groundwater in {year}")
        return fact(GROUNDWATER_V, year, valid=False, told=[why])
    found = classify_groundwater(_means(rows, registry), registry=registry)
    classed = found[found["class"].notna()]
    silent = _names(points, set(points["key"]) - set(classed["site"]))
    counted = groundwater_v_share(found["class"])
    worst = classed[classed["class"] == classed["class"].max()] if counted["numerator"] else classed[:0]
    name = points.set_index("key")["name"]
    known = parameters()
    told = [
        (
            f"Ⅴ类 {name[site]}（{'、'.join(known[item].zh for item in items.split(','))}）",
            f"class V: {name[site]} ({', '.join(known[item].en for item in items.split(','))})",
        )
        for site, items in zip(worst["site"], worst["worst"], strict=True)
    ]
    if silent:
        told.append((f"无类别 {'、'.join(silent)}", f"without a class: {', '.join(silent)}"))
    standards = sorted(set(found["standard"]))
    return _share_fact(
        GROUNDWATER_V,
        year,
        counted["numerator"],
        counted["denominator"],
        valid=not silent,
        told=told,
        standard="; ".join(standards),
    )


def _means(rows: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Return one row a point and item: the mean of the year's samplings; a non-detect only where all are."""
    last = rows["observed_at"].max().date()
    factor = float(registry.in_force(GROUNDWATER_TOPIC, last).rule("non_detect.mean")["factor"])
    values, undetected = calculation_values(rows, factor)
    frame = rows.assign(
        mean=values,
        undetected=undetected,
        limit=rows["detection_limit"].fillna(rows["value"]),
        observed_at=rows.groupby("site")["observed_at"].transform("max"),
    ).sort_values(["site", "parameter", "observed_at", "mean"])
    means = (
        frame.groupby(["site", "observed_at", "parameter"], sort=True)
        .agg(mean=("mean", "mean"), undetected=("undetected", "all"), limit=("limit", "mean"))
        .reset_index()
    )
    return means.assign(
        value=means["mean"].where(~means["undetected"], means["limit"]),
        censor=np.where(means["undetected"], "<", ""),
        detection_limit=means["limit"].where(means["undetected"]),
    )


def _registered(sites: pd.DataFrame, medium: str, year: int) -> pd.DataFrame:
    return sites[
        (sites["kind"] == "point")
        & (sites["medium"] == medium)
        & sites["evaluation"].astype(bool)
        & (sites["valid_from"] <= pd.Timestamp(year, 12, 31))
        & (sites["valid_to"].isna() | (sites["valid_to"] >= pd.Timestamp(year, 1, 1)))
    ]


def _of_year(readings: pd.DataFrame, year: int, as_of_day: dt.date) -> pd.DataFrame:
    end = min(pd.Timestamp(year + 1, 1, 1), pd.Timestamp(as_of_day))
    return readings[(readings["observed_at"] >= pd.Timestamp(year, 1, 1)) & (readings["observed_at"] < end)]


def _names(sites: pd.DataFrame, keys: set[str]) -> list[str]:
    return sorted(sites.loc[sites["key"].isin(keys), "name"])


def _share_fact(
    statistic: str,
    year: int,
    part: int,
    whole: int,
    *,
    valid: bool,
    told: list[tuple[str, str]],
    standard: str = "",
) -> pd.DataFrame:
    """Return a share as a fact; without anything counted it has no value and says why."""
    figures: dict[str, float] = {}
    if whole:
        found = share(part, whole)
        figures = {name: float(found[name]) for name in ("value", "numerator", "denominator")}
    return fact(statistic, year, valid=valid and whole > 0, standard=standard, told=told, figures=figures)
