"""Aggregation in the engine's own SQL: hours to days, MDA8, statistics of a period, means of sections.

One SQLAlchemy Core query each, the same text for every engine, over what was believed at `as_of`. No rule
stands here: counts, windows, percentiles and factors are the caller's, from the dated standards. Hourly
values are summed as whole numbers of 1e-6, so a sum is the same in any order and on any engine.

docs/decisions/0009-aggregates.md says what uses them, and what the nightly uses instead.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Double,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    select,
)

from warehouse import bulk
from warehouse.day_rule import MaximumRule
from warehouse.flags import not_flagged
from warehouse.recall import believed
from warehouse.schema import air_days, readings, series

#: hourly concentrations have at most six decimals
_STEP = 1e6
_PERCENT = 100
_PH = "ph"
_OZONE = "o3"


def flags_delivered(
    connection: Connection, district: str, start: datetime, end: datetime, *, as_of: datetime | None = None
) -> list[str]:
    """Return the provider flags of a district's readings in `start <= observed_at < end`, each once."""
    query = (
        select(readings.c.provider_flag)
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(*_within(district, start, end, as_of))
        .distinct()
    )
    return sorted(connection.execute(query).scalars())


def daily_means(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    parameters: Collection[str],
    min_hours: int,
    *,
    usable_flags: Collection[str] | None = None,
    left_out: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Average the hours of each natural day.

    Parameters
    ----------
    district, start, end
        Readings of period `1h` with `start <= observed_at < end`.
    min_hours
        Hourly values that make the day valid (GB 3095 table 4).
    usable_flags
        Provider flags, as delivered, that leave a reading usable; None: all.
    left_out
        Test -> least verdict of our own flags that leaves a reading out; None: none does.

    Returns
    -------
    pandas.DataFrame
        site, day, parameter, value (canonical unit, unrounded; NaN without an hour), hours, valid.
    """
    hours = _hours(district, start, end, parameters, usable_flags, left_out, as_of).subquery()
    count = func.count(hours.c.steps)
    query = select(
        hours.c.site,
        hours.c.day,
        hours.c.parameter,
        _of_steps(func.sum(hours.c.steps), count).label("value"),
        count.label("hours"),
        (count >= min_hours).label("valid"),
    ).group_by(hours.c.site, hours.c.day, hours.c.parameter)
    return _days(bulk.fetch(connection, query))


def daily_maximum(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    parameters: Collection[str] = (_OZONE,),
    *,
    usable_flags: Collection[str] | None = None,
    left_out: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return site, day, parameter, value (the highest hour, NaN without one) and hours of each natural day."""
    hours = _hours(district, start, end, parameters, usable_flags, left_out, as_of).subquery()
    query = select(
        hours.c.site,
        hours.c.day,
        hours.c.parameter,
        func.max(hours.c.value).label("value"),
        func.count(hours.c.value).label("hours"),
    ).group_by(hours.c.site, hours.c.day, hours.c.parameter)
    return _days(bulk.fetch(connection, query))


def daily_maximum_8h(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    rule: MaximumRule,
    *,
    parameter: str = _OZONE,
    usable_flags: Collection[str] | None = None,
    left_out: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Find the daily maximum of 8-h means (MDA8).

    An hour label h of the standard is the interval that starts at h - 1, so a window that ends at label h
    takes the hours that start at h - `window_hours` .. h - 1 of the same natural day.

    Returns
    -------
    pandas.DataFrame
        site, day, parameter, value (NaN without a valid window), hours, windows (valid ones).
    """
    hours = _hours(district, start, end, (parameter,), usable_flags, left_out, as_of).subquery()
    ends = range(rule.first_end, rule.last_end + 1)
    within = {stop: hours.c.hour.between(stop - rule.window_hours, stop - 1) for stop in ends}
    sums = [func.sum(hours.c.steps).filter(within[stop]).label(f"sum_{stop}") for stop in ends]
    counts = [func.count(hours.c.steps).filter(within[stop]).label(f"count_{stop}") for stop in ends]
    keys = [hours.c.site, hours.c.day, hours.c.parameter]
    # one pass over the hours: a row a day with the sum and the count of every window
    windows = (
        select(*keys, func.count(hours.c.steps).label("hours"), *sums, *counts).group_by(*keys).subquery()
    )
    enough = {stop: windows.c[f"count_{stop}"] >= max(rule.window_needs, 1) for stop in ends}
    means = [
        case((enough[stop], _of_steps(windows.c[f"sum_{stop}"], windows.c[f"count_{stop}"]))) for stop in ends
    ]
    valid = [case((enough[stop], 1), else_=0) for stop in ends]
    query = select(
        windows.c.site,
        windows.c.day,
        windows.c.parameter,
        # of both engines: the greatest of those that are not null
        func.greatest(*means).label("value"),
        windows.c.hours,
        sum(valid[1:], start=literal(0) + valid[0]).label("windows"),
    )
    return _days(bulk.fetch(connection, query)).astype({"windows": "int64"})


def period_statistics(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    percentiles: Mapping[str, Sequence[int]],
    *,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Mean and percentiles of valid daily values in `start <= day < end`.

    Parameters
    ----------
    percentiles
        Parameter of `air_days` -> percentiles wanted beside the mean, 0..100.

    Returns
    -------
    pandas.DataFrame
        site ('' is the district), parameter, statistic (mean, p95, …), value (unrounded), n_valid; sorted.

    Notes
    -----
    HJ 663 annex A: k = 1 + (n - 1)·p %, interpolated between neighbours; that is SQL's percentile_cont.
    """
    wanted = sorted({p for given in percentiles.values() for p in given})
    value = air_days.c.value
    query = (
        select(
            air_days.c.site,
            air_days.c.parameter,
            func.count(value).label("n_valid"),
            func.avg(value).label("mean"),
            *[func.percentile_cont(p / _PERCENT).within_group(value).label(f"p{p}") for p in wanted],
        )
        .where(
            air_days.c.district == district,
            air_days.c.day >= start,
            air_days.c.day < end,
            air_days.c.valid,
            value.is_not(None),
            air_days.c.parameter.in_(list(percentiles)),
            believed(air_days, as_of),
        )
        .group_by(air_days.c.site, air_days.c.parameter)
    )
    wide = bulk.fetch(connection, query)
    names = ["mean", *[f"p{p}" for p in wanted]]
    long = wide.melt(["site", "parameter", "n_valid"], names, var_name="statistic", value_name="value")
    asked = {(key, f"p{p}") for key, given in percentiles.items() for p in given}
    asked |= {(key, "mean") for key in percentiles}
    kept = long[pd.MultiIndex.from_frame(long[["parameter", "statistic"]]).isin(asked)]
    order = ["site", "parameter", "statistic"]
    return kept.astype({"value": "float64"})[[*order, "value", "n_valid"]].sort_values(
        order, ignore_index=True
    )


def section_item_means(
    connection: Connection,
    district: str,
    start: datetime,
    end: datetime,
    *,
    non_detect_factor: float,
    ph_as_hydrogen_ions: bool,
    usable_flags: Collection[str] | None = None,
    sites: Collection[str] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Average every item of every section over each month, channels apart.

    Parameters
    ----------
    non_detect_factor
        What a `<` reading counts: this times its detection limit, or times its value where no limit is given.
    ph_as_hydrogen_ions
        Average 10^-pH and go back by -log10.

    Returns
    -------
    pandas.DataFrame
        site, month (its first day), parameter, channel, mean, n (readings), times (samplings), nd (the mean
        lies below a detection limit); sorted.

    Notes
    -----
    环办监测函〔2020〕82号 数据统计技术规定.
    """
    stated = readings.c.value
    undetected = readings.c.censor == "<"
    limit = func.coalesce(readings.c.detection_limit, stated)
    value: ColumnElement[Any] = case((undetected, limit * non_detect_factor), else_=stated)
    is_ph = and_(literal(ph_as_hydrogen_ions), series.c.parameter == _PH)
    month = cast(func.date_trunc("month", readings.c.observed_at), DateTime)
    inner = (
        select(
            series.c.site,
            month.label("month"),
            series.c.parameter,
            readings.c.channel,
            readings.c.observed_at,
            value.label("x"),
            # null for all but pH, so that no logarithm is taken of anything else
            case((is_ph, func.power(10.0, -value))).label("acid"),
            case((undetected, limit)).label("below"),
        )
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(*_within(district, start, end, as_of), *_chosen(usable_flags, sites))
        .subquery()
    )
    keys = [inner.c.site, inner.c.month, inner.c.parameter, inner.c.channel]
    mean = func.coalesce(-func.log10(func.avg(inner.c.acid)), func.avg(inner.c.x))
    query = select(
        *keys,
        mean.label("mean"),
        func.count(inner.c.x).label("n"),
        func.count(inner.c.observed_at.distinct()).label("times"),
        func.coalesce(mean < func.max(inner.c.below), literal(False)).label("nd"),
    ).group_by(*keys)
    frame = bulk.fetch(connection, query)
    frame = frame.astype({"month": "datetime64[us]", "mean": "float64", "n": "int64", "times": "int64"})
    return frame.astype({"nd": "bool"}).sort_values(
        ["site", "month", "parameter", "channel"], ignore_index=True
    )


def _within(
    district: str, start: datetime, end: datetime, as_of: datetime | None
) -> list[ColumnElement[bool]]:
    return [
        series.c.district == district,
        readings.c.observed_at >= start,
        readings.c.observed_at < end,
        believed(readings, as_of),
    ]


def _chosen(
    usable_flags: Collection[str] | None, sites: Collection[str] | None = None
) -> list[ColumnElement[bool]]:
    chosen: list[ColumnElement[bool]] = []
    if usable_flags is not None:
        chosen.append(readings.c.provider_flag.in_(sorted(usable_flags)))
    if sites is not None:
        chosen.append(series.c.site.in_(sorted(sites)))
    return chosen


def _hours(
    district: str,
    start: datetime,
    end: datetime,
    parameters: Collection[str],
    usable_flags: Collection[str] | None,
    left_out: Mapping[str, int] | None,
    as_of: datetime | None,
) -> Select[Any]:
    """Select site, day, hour (0..23), parameter, value and steps (whole 1e-6) of hourly readings.

    A negative or endless value is an outage code or a drifted zero: its hour stays, without a value.
    """
    number = case((readings.c.value.between(0.0, sys.float_info.max), readings.c.value))
    return (
        select(
            series.c.site,
            cast(cast(readings.c.observed_at, Date), DateTime).label("day"),
            extract("hour", readings.c.observed_at).label("hour"),
            series.c.parameter,
            number.label("value"),
            cast(func.round(number * _STEP), BigInteger).label("steps"),
        )
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            *_within(district, start, end, as_of),
            *_chosen(usable_flags),
            *([not_flagged(left_out, as_of)] if left_out else []),
            series.c.period == "1h",
            series.c.parameter.in_(sorted(parameters)),
        )
    )


def _of_steps(total: Any, count: Any) -> ColumnElement[Any]:
    """Return the mean of `count` values whose steps sum to `total`; null without a value."""
    quotient: ColumnElement[Any] = (cast(total, Double) / _STEP) / func.nullif(cast(count, Double), 0.0)
    return quotient


def _days(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype(
        {"site": "str", "day": "datetime64[us]", "parameter": "str", "value": "float64", "hours": "int64"}
    )
