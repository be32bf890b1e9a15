"""Days of air: from hourly values to daily means, MDA8 and the day's 1-h ozone maximum, with validity.

`observed_at` is the START of an hour: hour label h of the standards is the interval that starts at h-1,
so the natural day (hours 01..24) is the calendar day of `observed_at`.
Counts and windows stand in `indicators/standards/air_hj663_*.toml` (topic air-evaluation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.air_editions import editions, limit_of
from indicators.registry import Registry, Standard
from vocabulary.rounding import round_half_even

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: pollutants with a 24-h mean
MEAN_PARAMETERS: tuple[str, ...] = ("so2", "no2", "co", "pm10", "pm2_5")
#: every parameter of a day, in the order of the result
DAY_PARAMETERS: tuple[str, ...] = (*MEAN_PARAMETERS, "o3_mda8", "o3_1h_max")
HOURS = 24
#: hourly values have at most six decimals
_SUM_SCALE = 1e6

_BEFORE_ALL = np.datetime64("1900-01-01", "D")
_AFTER_ALL = np.datetime64("2999-12-31", "D")
_DAY_COLUMNS = ("site", "day", "parameter", "value", "hours", "valid", "standard")


class DoubledHourError(ValueError):
    """One site, parameter and hour has two values: decide which before days are computed."""


@dataclass(frozen=True)
class HourGrid:
    """Hourly values of one parameter, one row per (site, day), one column per hour of the day."""

    sites: npt.NDArray[np.intp]
    days: npt.NDArray[np.datetime64]
    values: FloatArray

    @property
    def count(self) -> npt.NDArray[np.int64]:
        """Hours with a value, per row."""
        return np.asarray(np.isfinite(self.values).sum(axis=1), dtype=np.int64)


def _grid(frame: pd.DataFrame, site_codes: npt.NDArray[np.intp]) -> HourGrid:
    """Spread one parameter's hours; missing and negative values are NaN, doubled keys an error."""
    stamps = frame["observed_at"].to_numpy(dtype="datetime64[h]")
    days = stamps.astype("datetime64[D]")
    hour = (stamps - days).astype(np.int64)
    day_number = days.astype(np.int64)
    first = int(day_number.min())
    width = int(day_number.max()) - first + 1
    key = site_codes.astype(np.int64) * width + (day_number - first)
    rows, inverse = np.unique(key, return_inverse=True)
    cell = inverse * HOURS + hour
    doubled = np.bincount(cell, minlength=len(rows) * HOURS) > 1
    if doubled.any():
        at = frame.iloc[int(np.flatnonzero(doubled[cell])[0])]
        raise DoubledHourError(
            f"site {at['site']!r}, {at['parameter']}, {at['observed_at']}: expected one value, found several"
        )
    values = frame["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    # a negative concentration is an outage code or a drifted zero, never a value (compilation of rules, section 3.3)
    values = np.where(values >= 0, values, np.nan)
    flat = np.full(len(rows) * HOURS, np.nan)
    flat[cell] = values
    site_of_row, day_of_row = np.divmod(rows, width)
    return HourGrid(
        sites=site_of_row.astype(np.intp),
        days=(day_of_row + first).astype("datetime64[D]"),
        values=flat.reshape(-1, HOURS),
    )


def _mean(values: FloatArray) -> FloatArray:
    """Mean over the hours at hand, NaN where there is none."""
    present = np.isfinite(values)
    count = present.sum(axis=1)
    total = np.where(present, values, 0.0).sum(axis=1)
    result: FloatArray = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return result


def running_means(values: FloatArray, hours: int, needs: int) -> FloatArray:
    """Compute running means over the last `hours` columns.

    Parameters
    ----------
    values : ndarray of float64, shape (n, m)
        NaN = missing.
    hours : int
        Width of the window; the first columns' windows are shorter, they hold what has begun.
    needs : int
        Values a window must have; otherwise its mean is NaN.

    Returns
    -------
    ndarray of float64, shape (n, m)
    """
    present = np.isfinite(values)
    rows = values.shape[0]
    # whole numbers of 1e-6: sums of decimals carry no float noise
    scaled = np.rint(np.where(present, values, 0.0) * _SUM_SCALE)
    total = np.concatenate([np.zeros((rows, 1)), np.cumsum(scaled, axis=1)], axis=1)
    count = np.concatenate([np.zeros((rows, 1)), np.cumsum(present, axis=1)], axis=1)
    end = np.arange(1, values.shape[1] + 1)
    start = np.maximum(end - hours, 0)
    number = count[:, end] - count[:, start]
    window = (total[:, end] - total[:, start]) / _SUM_SCALE
    enough = number >= max(needs, 1)
    result: FloatArray = np.divide(window, number, out=np.full(values.shape, np.nan), where=enough)
    return result


def maximum_8h(values: FloatArray, rule: Mapping[str, Any]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Daily maximum 8-h mean (MDA8) and the number of its valid windows.

    Parameters
    ----------
    values : ndarray of float64, shape (n, 24)
        Hourly ozone of a natural day, hours 01..24.
    rule : Mapping
        The table `ozone` of a standard of topic air-evaluation.

    Returns
    -------
    (ndarray of float64, ndarray of int64), shape (n,)
        NaN where no window is valid.

    Notes
    -----
    HJ 663 6.1.2: 17 windows that end at hours 8..24, each with at least 6 of 8 hourly values.
    """
    means = running_means(values, int(rule["window_hours"]), int(rule["window_needs"]))
    ends = means[:, int(rule["first_end"]) - 1 : int(rule["last_end"])]
    present = np.isfinite(ends)
    best = np.where(present, ends, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(best), best, np.nan), np.asarray(present.sum(axis=1), dtype=np.int64)


def station_days(hours: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Daily values of every site from its hourly values.

    Parameters
    ----------
    hours : DataFrame
        Long: site, parameter (so2 no2 co pm10 pm2_5 o3), observed_at (start of the hour), value; µg/m³,
        CO mg/m³. Other parameters are left aside.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame
        site, day (datetime64[us]), parameter (DAY_PARAMETERS), value (unrounded), hours (hourly values of
        the day), valid, standard (air-evaluation in force on the day); sorted by site, day, parameter.

    Raises
    ------
    DoubledHourError
        When a site, parameter and hour stands twice.

    Notes
    -----
    GB 3095 table 4 (20 hourly values for a daily mean); HJ 663 6.1.2 (MDA8: 14 windows, or fewer and
    the maximum above the grade 2 limit).
    """
    known = hours[hours["parameter"].isin([*MEAN_PARAMETERS, "o3"])]
    codes, sites = pd.factorize(known["site"], sort=True)
    parts = []
    for parameter in known["parameter"].unique():
        chosen = (known["parameter"] == parameter).to_numpy()
        grid = _grid(known.loc[chosen], codes[chosen])
        names = sites.take(grid.sites)
        if parameter == "o3":
            parts.extend(_ozone_days(grid, names, registry))
        else:
            parts.append(_mean_days(grid, names, parameter, registry))
    if not parts:
        return _no_days()
    return _ordered(pd.concat(parts, ignore_index=True))


def _day_frame(grid: HourGrid, names: Any, parameter: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": pd.Series(names, dtype="str"),
            "day": grid.days.astype("datetime64[us]"),
            "parameter": parameter,
            "hours": grid.count,
        }
    )


def _mean_days(grid: HourGrid, names: Any, parameter: str, registry: Registry) -> pd.DataFrame:
    frame = _day_frame(grid, names, parameter).assign(value=_mean(grid.values), valid=False, standard="")
    for standard, mask in editions(registry, "air-evaluation", frame["day"]):
        needs = int(standard.rule("validity")["day_hours"])
        frame.loc[mask, "valid"] = frame.loc[mask, "hours"] >= needs
        frame.loc[mask, "standard"] = standard.label
    return frame


def _ozone_days(grid: HourGrid, names: Any, registry: Registry) -> list[pd.DataFrame]:
    mda8 = _day_frame(grid, names, "o3_mda8").assign(value=np.nan, valid=False, standard="")
    top = _day_frame(grid, names, "o3_1h_max").assign(valid=False, standard="")
    present = np.isfinite(grid.values)
    best = np.where(present, grid.values, -np.inf).max(axis=1, initial=-np.inf)
    top["value"] = np.where(np.isfinite(best), best, np.nan)
    limits = editions(registry, "air-quality-limits", mda8["day"])
    for standard, mask in editions(registry, "air-evaluation", mda8["day"]):
        value, windows = maximum_8h(grid.values[mask], standard.rule("ozone"))
        mda8.loc[mask, "value"] = value
        mda8.loc[mask, "valid"] = windows >= int(standard.rule("ozone")["windows"])
        top.loc[mask, "valid"] = top.loc[mask, "hours"] >= int(standard.rule("validity")["day_hours"])
        mda8.loc[mask, "standard"] = top.loc[mask, "standard"] = standard.label
        mda8.loc[mask, "valid"] |= _above(mda8["value"], standard.rule("ozone"), limits)[mask]
        top.loc[mask, "valid"] |= _above(top["value"], standard.rule("ozone_1h"), limits)[mask]
    return [mda8, top]


def _above(value: pd.Series, rule: Mapping[str, Any], limits: list[tuple[Standard, BoolArray]]) -> BoolArray:
    """Tell where the rounded value is above the limit of its day that the rule names."""
    result = np.zeros(len(value), dtype=np.bool_)
    rounded = round_half_even(value.to_numpy(), 0)
    for standard, mask in limits:
        limit = limit_of(standard, "o3", rule["counts_above"])
        if limit is not None:
            result[mask] = rounded[mask] > limit
    return result


def _no_days() -> pd.DataFrame:
    kinds = {
        "site": "str",
        "day": "datetime64[us]",
        "parameter": "str",
        "value": "float64",
        "hours": "int64",
        "valid": "bool",
        "standard": "str",
    }
    return pd.DataFrame({name: pd.Series([], dtype=kind) for name, kind in kinds.items()})


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    frame["parameter"] = frame["parameter"].astype("str")
    frame["standard"] = frame["standard"].astype("str")
    rank = frame["parameter"].map({name: place for place, name in enumerate(DAY_PARAMETERS)})
    extra = [name for name in frame.columns if name not in _DAY_COLUMNS]
    order = frame.assign(_rank=rank).sort_values(["site", "day", "_rank"], kind="stable").index
    return frame.loc[order, [*_DAY_COLUMNS, *extra]].reset_index(drop=True)


def district_days(days: pd.DataFrame, stations: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Daily values of the district: the mean of its evaluation points' daily values.

    Parameters
    ----------
    days : DataFrame
        What `station_days` gives.
    stations : DataFrame
        site, evaluation (bool: 评价点), valid_from, valid_to (days, ends included; NaT or None: open).
        A site may have several rows with periods apart.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame
        As `station_days`, with site '' and, beside, points (valid ones) and points_due (evaluation points
        on that day). `hours` is the sum over the points taken. A day with no valid point stays, not valid.

    Notes
    -----
    HJ 663 table A.2: mean of the points' daily values, not of city hours; HJ 663-2013: 75 % of the points.
    """
    due = _points_on(days, stations)
    taken = due[due["valid"] & due["value"].notna()]
    keys = ["day", "parameter"]
    mean = taken.groupby(keys).agg(total=("value", "sum"), points=("value", "size"), hours=("hours", "sum"))
    frame = due[keys].drop_duplicates().merge(mean.reset_index(), on=keys, how="left")
    if frame.empty:
        return _no_days().assign(points=pd.Series([], dtype="int64"), points_due=pd.Series([], dtype="int64"))
    frame["points"] = frame["points"].fillna(0).astype("int64")
    frame["hours"] = frame["hours"].fillna(0).astype("int64")
    frame["value"] = frame["total"] / frame["points"].where(frame["points"] > 0)
    frame["points_due"] = _points_due(frame["day"], stations)
    frame["site"] = pd.Series("", index=frame.index, dtype="str")
    frame["valid"] = False
    frame["standard"] = ""
    for standard, mask in editions(registry, "air-evaluation", frame["day"]):
        share = float(standard.rule("district")["points_share"])
        part = frame.loc[mask]
        enough = (part["points"] > 0) & (part["points"] >= share * part["points_due"] - 1e-9)
        frame.loc[mask, "valid"] = enough
        frame.loc[mask, "standard"] = standard.label
    return _ordered(frame.drop(columns="total"))


def _spans(stations: pd.DataFrame) -> pd.DataFrame:
    points = stations[stations["evaluation"].astype(bool)].copy()
    points["valid_from"] = pd.to_datetime(points["valid_from"]).astype("datetime64[us]")
    points["valid_to"] = pd.to_datetime(points["valid_to"]).astype("datetime64[us]")
    return points[["site", "valid_from", "valid_to"]]


def _points_on(days: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Days of evaluation points, on days the point belongs to the evaluation."""
    joined = days.merge(_spans(stations), on="site", how="inner")
    begun = joined["valid_from"].isna() | (joined["day"] >= joined["valid_from"])
    open_ = joined["valid_to"].isna() | (joined["day"] <= joined["valid_to"])
    kept = joined[begun & open_].drop(columns=["valid_from", "valid_to"])
    return kept.drop_duplicates(["site", "day", "parameter"])


def _points_due(days: pd.Series, stations: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Count the evaluation points of each day, whether they delivered or not."""
    spans = _spans(stations)
    start = spans["valid_from"].to_numpy(dtype="datetime64[D]")
    end = spans["valid_to"].to_numpy(dtype="datetime64[D]")
    start = np.where(np.isnat(start), _BEFORE_ALL, start)
    end = np.where(np.isnat(end), _AFTER_ALL, end)
    day = days.to_numpy(dtype="datetime64[D]")
    begun = np.searchsorted(np.sort(start), day, side="right")
    ended = np.searchsorted(np.sort(end), day, side="left")
    return np.asarray(begun - ended, dtype=np.int64)
