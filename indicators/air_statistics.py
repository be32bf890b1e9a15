"""Air statistics of a period: means, percentiles, attainment, good days (优良天数).

Percentiles, decimals, day counts and limits stand in `indicators/standards/air_*.toml`. A period that
spans a change of standard is given once per standard, labelled, never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.air_aqi import daily_aqi
from indicators.air_editions import limit_of, limits_named
from indicators.air_events import apply_events
from indicators.air_period import Period, is_february, parse_period
from indicators.air_ranking import change_rate, composite_index, rank_index
from indicators.registry import Registry, Standard, default_registry
from vocabulary.rounding import round_half_even

__all__ = [
    "air_statistics",
    "apply_events",
    "attainment",
    "change_rate",
    "composite_index",
    "good_days",
    "good_days_series",
    "percentile",
    "rank_index",
    "standards_of_period",
]

FloatArray = npt.NDArray[np.float64]

_PERCENT = 100
_RESULT_KINDS = {
    "site": "str",
    "period": "str",
    "parameter": "str",
    "statistic": "str",
    "value": "float64",
    "rounded": "float64",
    "n_valid": "int64",
    "n_days": "int64",
    "valid": "bool",
    "limit": "float64",
    "attained": "boolean",
    "exceedance_multiple": "float64",
    "attaining_ratio": "float64",
    "series": "str",
    "standard": "str",
}


def percentile(values: npt.ArrayLike, p: int) -> float:
    """Percentile of a series of daily values.

    Parameters
    ----------
    values : array_like of float64, shape (n,)
        NaN are left out.
    p : int
        0..100.

    Returns
    -------
    float
        X_(s) + (X_(s+1) - X_(s))·(k - s) with k = 1 + (n - 1)·p %, s = floor(k); NaN when n = 0.

    Notes
    -----
    HJ 663 annex A (percentile of n sorted daily values).
    """
    given = np.asarray(values, dtype=np.float64)
    given = given[~np.isnan(given)]
    if len(given) == 0:
        return float("nan")
    return float(_group_percentile(np.zeros(len(given), dtype=np.intp), given, 1, p)[0])


def _group_percentile(codes: npt.NDArray[np.intp], values: FloatArray, groups: int, p: int) -> FloatArray:
    """Percentile p of each group; every group 0..groups-1 has at least one value."""
    order = np.lexsort((values, codes))
    ranked = values[order]
    count = np.bincount(codes, minlength=groups)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    # the position in whole numbers, so that 95 % of 101 values is the 96th and not the 95.999…th
    whole, rest = np.divmod((count - 1) * p, _PERCENT)
    low = ranked[first + whole]
    high = ranked[first + np.minimum(whole + 1, count - 1)]
    return np.asarray(low + (high - low) * (rest / _PERCENT), dtype=np.float64)


def standards_of_period(registry: Registry, period: Period, standard: str | None = None) -> list[Standard]:
    """Return the limits (topic air-quality-limits) that apply in a period, or the one asked for.

    A year that spans a change has two: its figures are given under each.
    """
    if standard is not None:
        return [limits_named(registry, standard, period.end)]
    return [
        item
        for item in registry.of_topic("air-quality-limits")
        if item.valid_from <= period.end and (item.valid_to is None or item.valid_to >= period.start)
    ]


def air_statistics(
    days: pd.DataFrame, *, registry: Registry, period: str, standard: str | None = None
) -> pd.DataFrame:
    """Statistics of a period for each site (the district is site '').

    Parameters
    ----------
    days : DataFrame
        Long: site, day, parameter, value, valid (`station_days` or `district_days`).
    registry : Registry
        The dated standards.
    period : str
        "2025", "2025-Q3", "2025-10", "2025-01..2025-06".
    standard : str, optional
        Id of the limits, or of the AQI or evaluation edition that belongs to them; without it every
        standard in force in the period, one block each.

    Returns
    -------
    DataFrame
        site, period, parameter, statistic (mean, p95…), value (unrounded), rounded (as published),
        n_valid, n_days (calendar), valid (enough days in the year and in each month), limit, attained
        (whole years only, else NA), exceedance_multiple (NaN when not exceeded), attaining_ratio (%),
        series, standard.

    Notes
    -----
    GB 3095 table 4 (validity), HJ 663 tables 1 and 3 (percentiles, decimals). Attainment compares the
    value rounded to the places of evaluation, which for PM2.5 in 2026 are fewer than the published ones.
    """
    span = parse_period(period)
    chosen = days[span.contains(days["day"]) & days["valid"].astype(bool) & days["value"].notna()]
    blocks = [
        _block(chosen, span, limits, registry.get(str(limits.rule("companions")["evaluation"])))
        for limits in standards_of_period(registry, span, standard)
    ]
    if not any(len(block) for block in blocks):
        return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in _RESULT_KINDS.items()})
    return pd.concat(blocks, ignore_index=True)


def _block(days: pd.DataFrame, span: Period, limits: Standard, evaluation: Standard) -> pd.DataFrame:
    parts = []
    for row in evaluation.tables["statistics"].values():
        part = days[days["parameter"] == row["parameter"]]
        if len(part) and (span.whole_year or row["monthly"]):
            parts.append(_statistic(part, span, row, limits, evaluation))
    if not parts:
        return pd.DataFrame()
    frame = pd.concat(parts, ignore_index=True)
    frame["series"] = str(limits.rule("companions")["series"])
    frame["standard"] = limits.label
    return frame[list(_RESULT_KINDS)].astype(_RESULT_KINDS)


def _statistic(
    part: pd.DataFrame, span: Period, row: Mapping[str, Any], limits: Standard, evaluation: Standard
) -> pd.DataFrame:
    codes, sites = pd.factorize(part["site"], sort=True)
    values = part["value"].to_numpy(dtype=np.float64)
    count = np.bincount(codes, minlength=len(sites))
    if row["statistic"] == "mean":
        value = np.bincount(codes, weights=values, minlength=len(sites)) / count
    else:
        value = _group_percentile(codes, values, len(sites), int(row["statistic"].removeprefix("p")))
    pollutant = row["parameter"].removesuffix("_mda8")
    limit = limit_of(limits, pollutant, row["limit_basis"])
    evaluated = round_half_even(value, int(row["evaluation_places"]))
    decimals = evaluation.rule("decimals")
    over = np.zeros(len(value), dtype=np.bool_) if limit is None else evaluated > limit
    multiple = np.full(len(value), np.nan) if limit is None else (evaluated - limit) / limit
    return pd.DataFrame(
        {
            "site": pd.Series(sites, dtype="str"),
            "period": span.text,
            "parameter": row["parameter"],
            "statistic": row["statistic"],
            "value": value,
            "rounded": round_half_even(value, int(row["places"])),
            "n_valid": count,
            "n_days": span.calendar_days,
            "valid": _enough_days(
                part["day"], codes, len(sites), span, _day_rule(row["parameter"], evaluation)
            ),
            "limit": np.nan if limit is None else limit,
            "attained": pd.arrays.BooleanArray(
                ~over, np.full(len(value), not span.whole_year or limit is None)
            ),
            "exceedance_multiple": np.where(
                over, round_half_even(multiple, int(decimals["exceedance_multiple"])), np.nan
            ),
            "attaining_ratio": _attaining_ratio(codes, values, count, row, limits, decimals),
        }
    )


def _attaining_ratio(
    codes: npt.NDArray[np.intp],
    values: FloatArray,
    count: npt.NDArray[np.int64],
    row: Mapping[str, Any],
    limits: Standard,
    decimals: Mapping[str, Any],
) -> FloatArray:
    limit = limit_of(limits, row["parameter"].removesuffix("_mda8"), row["daily_basis"])
    if limit is None:
        return np.full(len(count), np.nan)
    attaining = round_half_even(values, int(row["evaluation_places"])) <= limit
    share = np.bincount(codes, weights=attaining, minlength=len(count)) * _PERCENT / count
    return round_half_even(share, int(decimals["attaining_ratio"]))


def _day_rule(parameter: str, evaluation: Standard) -> Mapping[str, Any]:
    """Return how many days a parameter needs: most every day, TSP, BaP and Pb on some days only."""
    sparse = evaluation.rule("sparse_validity")
    if parameter in sparse["parameters"]:
        return {**sparse, "february_days": sparse["month_days"]}
    return evaluation.rule("validity")


def _enough_days(
    days: pd.Series, codes: npt.NDArray[np.intp], groups: int, span: Period, rule: Mapping[str, Any]
) -> npt.NDArray[np.bool_]:
    """Tell which groups have enough daily values in each month, and in the year where it is one."""
    months = span.months
    month = (days.to_numpy(dtype="datetime64[M]") - span.first).astype(np.int64)
    count = np.bincount(codes * len(months) + month, minlength=groups * len(months)).reshape(groups, -1)
    needs = np.where(is_february(months), int(rule["february_days"]), int(rule["month_days"]))
    enough = (count >= needs).all(axis=1)
    if span.whole_year:
        enough &= count.sum(axis=1) >= int(rule["year_days"])
    if span.whole_quarter and "quarter_days" in rule:
        enough &= count.sum(axis=1) >= int(rule["quarter_days"])
    return np.asarray(enough)


def attainment(statistics: pd.DataFrame) -> pd.DataFrame:
    """Attainment of each item: it attains only if each of its statistics does.

    Parameters
    ----------
    statistics : DataFrame
        What `air_statistics` gives for a whole year.

    Returns
    -------
    DataFrame
        site, period, standard, parameter, attained (NA where one is), valid.

    Notes
    -----
    HJ 663 table 1: annual mean and percentile; CO and O3 by percentile alone.
    """
    keys = ["site", "period", "standard", "parameter"]
    grouped = statistics.groupby(keys, sort=False)
    frame = grouped.agg(valid=("valid", "all"), unknown=("attained", lambda column: column.isna().any()))
    frame["attained"] = grouped["attained"].all().astype("boolean").mask(frame["unknown"].astype(bool))
    return frame.reset_index()[[*keys, "attained", "valid"]]


def good_days(aqi: pd.DataFrame, period: str, *, registry: Registry | None = None) -> dict[str, Any]:
    """Good-day ratio (优良天数比率) of one site or district.

    Parameters
    ----------
    aqi : DataFrame
        What `daily_aqi` gives, of one site.
    period : str
        "2025", "2025-10", ….
    registry : Registry, optional
        The dated standards; the project's own where none is given.

    Returns
    -------
    dict
        site, period, good, valid_days, calendar_days, ratio (%, 1 decimal, None without a valid day),
        heavy (days above 200), heavy_ratio, edition (joined by + when there are several).

    Raises
    ------
    ValueError
        When the frame holds several sites.

    Notes
    -----
    优良天数比例 = days with AQI <= 100 / valid days; a day is valid when all six items are, or when the
    items at hand give an AQI above 100.
    """
    known = default_registry() if registry is None else registry
    span = parse_period(period)
    rows = aqi[span.contains(aqi["day"])]
    sites = rows["site"].unique()
    if len(sites) > 1:
        raise ValueError(f"good_days takes one site, got {len(sites)}: {', '.join(map(str, sites[:3]))}, …")
    rule = known.in_force("air-evaluation", span.end).rule("good_days")
    counted = rows[rows["valid"].astype(bool) & rows["aqi"].notna()]
    value = counted["aqi"].to_numpy(dtype=np.int64)
    valid_days = len(value)
    good = int((value <= int(rule["good_at_most"])).sum())
    heavy = int((value > int(rule["heavy_above"])).sum())
    places = int(rule["places"])
    return {
        "site": str(sites[0]) if len(sites) else "",
        "period": period,
        "good": good,
        "valid_days": valid_days,
        "calendar_days": span.calendar_days,
        "ratio": _share(good, valid_days, places),
        "heavy": heavy,
        "heavy_ratio": _share(heavy, valid_days, places),
        "edition": "+".join(sorted(counted["edition"].unique())),
    }


def _share(part: int, whole: int, places: int) -> float | None:
    return float(round_half_even([part * _PERCENT / whole], places)[0]) if whole else None


def good_days_series(
    days: pd.DataFrame, *, registry: Registry, period: str, standard: str | None = None, both: bool = False
) -> list[dict[str, Any]]:
    """Good days under each standard of the period: `aqi_2012` and, from 2026 on, `aqi_2026`.

    Parameters
    ----------
    days : DataFrame
        Daily values of one site or of the district.
    registry : Registry
        The dated standards.
    period : str
        "2026", ….
    standard : str, optional
        The one standard to use.
    both : bool
        Give every series, for a comparison from year to year, also outside its time.

    Returns
    -------
    list of dict
        The record of `good_days` with, beside, series ("aqi_2012") and standard (the AQI edition).
    """
    span = parse_period(period)
    limits = (
        registry.of_topic("air-quality-limits") if both else standards_of_period(registry, span, standard)
    )
    editions = {
        str(item.rule("companions")["aqi"]): str(item.rule("companions")["series"]) for item in limits
    }
    chosen = days[span.contains(days["day"])]
    return [
        {
            **good_days(daily_aqi(chosen, registry=registry, edition=edition), period, registry=registry),
            "series": f"aqi_{series}",
            "standard": registry.get(edition).label,
        }
        for edition, series in editions.items()
    ]
