"""From what other rooms evaluate to facts a plan is judged by: one row a statistic and period.

A fact has the columns `FACT_COLUMNS`: value is unrounded (the plan's indicator says its places);
numerator and denominator stand beside every ratio, and for a mean the sum and the number of days, so
that what is left of a running year can be worked out. A share without a single section has the
denominator 0 and no value: it is not applicable, never 0. `answer` is an answer in words as its code (NaN
none); `told_zh` and `told_en` say what is to be known beside the figure: amounts claimed, evidence, sites
without a class. Where there is no value they say why.
Source: compilation of rules, section 3.3, 3.4, 3.6 (days), 6 (shares of sections).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from indicators.air_period import is_february
from indicators.air_statistics import good_days
from indicators.registry import Registry
from vocabulary.plan import Indicator, Plan

FACT_DTYPES: dict[str, str] = {
    "statistic": "str",
    "period": "str",
    "value": "float64",
    "numerator": "float64",
    "denominator": "float64",
    "valid": "bool",
    "standard": "str",
    "note": "str",
    "answer": "float64",
    "told_zh": "str",
    "told_en": "str",
}
_NOTHING_MORE: dict[str, str | float] = {"answer": np.nan, "told_zh": "", "told_en": ""}
FACT_COLUMNS = tuple(FACT_DTYPES)

PM2_5_MEAN = "pm2_5_mean"
GOOD_DAY_RATIO = "good_day_ratio"
#: statistics of amounts that projects reduced, summed since the plan's first year, begin with this
REDUCTION = "reduction_"


def is_cumulative(indicator: Indicator) -> bool:
    """Tell whether an indicator is an amount that grows from year to year towards its target."""
    return indicator.feeder.statistic.startswith(REDUCTION)


def plain(value: float) -> str:
    """Write a figure without a tail of zeros: 42, 65.3, 2061.6."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def facts_frame(rows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put facts together in the contract's columns and dtypes; without any the frame is empty."""
    if not rows:
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in FACT_DTYPES.items()})
    whole = pd.concat(rows, ignore_index=True)
    for name, nothing in _NOTHING_MORE.items():
        whole[name] = whole[name].fillna(nothing) if name in whole else nothing
    return whole[list(FACT_COLUMNS)].astype(FACT_DTYPES)


def fact(
    statistic: str,
    year: int,
    *,
    valid: bool,
    standard: str = "",
    note: str = "",
    told: Sequence[tuple[str, str]] = (),
    figures: Mapping[str, float] | None = None,
    **stated: float,
) -> pd.DataFrame:
    """Return one fact; of value, numerator, denominator and answer NaN where `figures` (or `stated`) has none.

    `told` are remarks, each in Chinese and English.
    """
    row = {
        "statistic": statistic,
        "period": str(year),
        "valid": valid,
        "standard": standard,
        "note": note,
        "told_zh": "；".join(zh for zh, _ in told),
        "told_en": "; ".join(en for _, en in told),
    }
    figure = dict.fromkeys(("value", "numerator", "denominator"), np.nan)
    whole = dict(_NOTHING_MORE) | row | figure | dict(figures or {}) | stated
    return pd.DataFrame({name: pd.array([whole[name]], dtype=kind) for name, kind in FACT_DTYPES.items()})


def last_day(year: int, as_of_day: dt.date) -> dt.date:
    """Return the last whole day of a year that is over on `as_of_day` (the day before, or 31 December)."""
    return min(dt.date(year, 12, 31), as_of_day - dt.timedelta(days=1))


def _in_year(days: pd.Series, year: int, as_of_day: dt.date) -> pd.Series:
    return (days >= pd.Timestamp(year, 1, 1)) & (days <= pd.Timestamp(last_day(year, as_of_day)))


def enough_days(days: pd.Series, year: int, as_of_day: dt.date, registry: Registry) -> bool:
    """Tell whether the days with a valid value suffice for a year, or for its closed months so far.

    GB 3095 table 4: 324 days a year, 27 a month, 25 in February; year to date: every closed month.
    """
    last = last_day(year, as_of_day)
    if last.year < year:
        return False
    rule = registry.in_force("air-evaluation", last).rule("validity")
    months = np.arange(np.datetime64(f"{year}-01", "M"), np.datetime64(last + dt.timedelta(days=1), "M"))
    month = days.to_numpy(dtype="datetime64[M]").astype(np.int64) - np.datetime64(f"{year}-01", "M").astype(
        np.int64
    )
    count = np.bincount(month, minlength=12)[: len(months)]
    needs = np.where(is_february(months), int(rule["february_days"]), int(rule["month_days"]))
    whole_year = last == dt.date(year, 12, 31)
    return bool((count >= needs).all()) and (not whole_year or len(days) >= int(rule["year_days"]))


def pm2_5_mean(
    district_days: pd.DataFrame, year: int, *, as_of_day: dt.date, registry: Registry
) -> pd.DataFrame:
    """Return the year's PM2.5: mean of the district's valid daily values (HJ 663), one fact.

    Parameters
    ----------
    district_days : DataFrame
        Columns day (datetime64), parameter, value (µg/m³), valid; one row a day and parameter.
    year : int
    as_of_day : date
        Days before it count; the year is whole from the first day of the next one on.
    registry : Registry

    Raises
    ------
    ValueError
        When a day stands twice (several sites in one frame).
    """
    chosen = district_days[
        (district_days["parameter"] == "pm2_5")
        & district_days["valid"].astype(bool)
        & district_days["value"].notna()
        & _in_year(district_days["day"], year, as_of_day)
    ]
    _once(chosen["day"], PM2_5_MEAN)
    total, count = float(chosen["value"].sum()), len(chosen)
    return fact(
        PM2_5_MEAN,
        year,
        value=total / count if count else np.nan,
        numerator=total if count else np.nan,
        denominator=float(count) if count else np.nan,
        valid=enough_days(chosen["day"], year, as_of_day, registry),
        standard=_evaluation(registry, year, as_of_day),
        note="" if count else "no-valid-days",
    )


def good_day_ratio(
    aqi_days: pd.DataFrame,
    year: int,
    *,
    as_of_day: dt.date,
    registry: Registry,
    edition: str | None = None,
) -> pd.DataFrame:
    """Return the year's good-day ratio in %: days with AQI <= 100 over valid days, one fact.

    Parameters
    ----------
    aqi_days : DataFrame
        Columns day, edition, aqi, valid of the district.
    year, as_of_day, registry
        As for `pm2_5_mean`.
    edition : str, optional
        The AQI edition to count by; needed where days are given under several.

    Raises
    ------
    ValueError
        When a day stands under several editions and none was asked for.
    """
    chosen = aqi_days[_in_year(aqi_days["day"], year, as_of_day)]
    if edition is not None:
        chosen = chosen[chosen["edition"] == edition]
    _once(chosen["day"], GOOD_DAY_RATIO)
    record = good_days(chosen.assign(site=""), str(year), registry=registry)
    good, count = int(record["good"]), int(record["valid_days"])
    counted = chosen[chosen["valid"].astype(bool) & chosen["aqi"].notna()]
    return fact(
        GOOD_DAY_RATIO,
        year,
        value=good / count * 100 if count else np.nan,
        numerator=float(good) if count else np.nan,
        denominator=float(count) if count else np.nan,
        valid=enough_days(counted["day"], year, as_of_day, registry),
        standard=str(record["edition"]),
        note="" if count else "no-valid-days",
    )


def section_ratio(
    results: pd.DataFrame,
    sites: pd.DataFrame,
    *,
    statistic: str,
    levels: Sequence[str],
    classes: Sequence[int],
    year: int,
) -> pd.DataFrame:
    """Return the share in % of the sections of some levels whose class of the year is among `classes`.

    Parameters
    ----------
    results : DataFrame
        Columns site, period, class (1 … 6 or NA), optionally valid and standard: classes of yearly
        mean concentrations (never means of classes).
    sites : DataFrame
        The district's registry: key, kind, level, evaluation, valid_from, valid_to.
    statistic : str
        Name of the fact.
    levels, classes
        Which sections count in the denominator, and which of them in the numerator.
    year : int

    Notes
    -----
    Ⅰ–Ⅲ 比例 and 劣Ⅴ 比例 = sections of the class / evaluated sections (compilation of rules, section 6). No section of
    these levels in the registry: denominator 0 and no value. Sections without a class leave the
    denominator and make the fact not valid.
    """
    wanted = sites[
        (sites["kind"] == "section")
        & sites["level"].isin(list(levels))
        & sites["evaluation"].astype(bool)
        & (sites["valid_from"] <= pd.Timestamp(year, 12, 31))
        & (sites["valid_to"].isna() | (sites["valid_to"] >= pd.Timestamp(year, 1, 1)))
    ]
    if wanted.empty:
        return fact(
            statistic,
            year,
            value=np.nan,
            numerator=0.0,
            denominator=0.0,
            valid=True,
            standard="",
            note="no-sections",
        )
    found = results[
        (results["period"] == str(year)) & results["site"].isin(wanted["key"]) & results["class"].notna()
    ]
    _once(found["site"], statistic)
    hits, count = int(found["class"].isin(list(classes)).sum()), len(found)
    complete = set(found["site"]) == set(wanted["key"])
    if "valid" in found:
        complete = complete and bool(found["valid"].astype(bool).all())
    names = found["standard"].unique().tolist() if "standard" in found else []
    return fact(
        statistic,
        year,
        value=hits / count * 100 if count else np.nan,
        numerator=float(hits) if count else np.nan,
        denominator=float(count) if count else np.nan,
        valid=complete,
        standard="; ".join(sorted(str(name) for name in names)),
        note="" if count else "no-class",
    )


def section_facts(plan: Plan, results: pd.DataFrame, sites: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return one fact for every indicator of a plan that is a share of sections."""
    return facts_frame(
        [
            section_ratio(
                results,
                sites,
                statistic=indicator.feeder.statistic,
                levels=indicator.feeder.levels,
                classes=indicator.feeder.classes,
                year=year,
            )
            for indicator in plan.indicator
            if indicator.feeder.levels
        ]
    )


def _evaluation(registry: Registry, year: int, as_of_day: dt.date) -> str:
    return registry.in_force("air-evaluation", last_day(year, max(as_of_day, dt.date(year, 1, 2)))).label


def _once(keys: pd.Series, statistic: str) -> None:
    twice = keys[keys.duplicated()]
    if len(twice):
        raise ValueError(f"{statistic}: {twice.iloc[0]} stands twice; expected one row each")
