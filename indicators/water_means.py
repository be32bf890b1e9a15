"""Mean concentrations of surface water over a period: concentrations first, classes last.

Way of a mean: points of one sampling -> month (one channel, by the stated precedence) -> period -> points
of a lake -> rounding, once. Non-detects count half their limit, pH is averaged as hydrogen ions.

Source: 环办〔2011〕22号 三 (time), 二 (lakes); 环办监测函〔2020〕82号 数据统计技术规定 (precedence of channels,
half the detection limit, pH, decimals).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard
from indicators.water_limits import FloatArray, calculation_values
from indicators.water_period import Period
from vocabulary.rounding import round_evaluation

#: columns of the long frame that `period_means` returns
MEAN_COLUMNS: tuple[str, ...] = (
    "site",
    "parameter",
    "mean",
    "rounded",
    "nd",
    "n",
    "months",
    "complete_months",
)
_CHANNELS = ("automatic", "manual")


def to_averaged(parameter: pd.Series, values: FloatArray, evaluation: Standard) -> FloatArray:
    """Return what is averaged: the hydrogen-ion concentration for pH, the value itself for the rest."""
    if evaluation.rule("mean.ph")["method"] != "hydrogen-ion":
        return values
    return np.where((parameter == "ph").to_numpy(dtype=np.bool_), 10.0**-values, values)


def from_averaged(parameter: pd.Series, means: FloatArray, evaluation: Standard) -> FloatArray:
    """Undo `to_averaged` on means."""
    if evaluation.rule("mean.ph")["method"] != "hydrogen-ion":
        return means
    acid = (parameter == "ph").to_numpy(dtype=np.bool_)
    return np.where(acid, -np.log10(np.where(acid, means, 1.0)), means)


def rounded_means(parameter: pd.Series, means: FloatArray, evaluation: Standard) -> FloatArray:
    """Round means to the decimals of 82号; a parameter without a rule stays as it is.

    Parameters
    ----------
    parameter : Series of str, n
    means : ndarray of float64, n
    evaluation : Standard
        Of topic surface-water-evaluation, table `rounding`.
    """
    result = means.copy()
    for name, rule in evaluation.tables["rounding"].items():
        here = (parameter == name).to_numpy(dtype=np.bool_)
        if here.any():
            result[here] = round_evaluation(means[here], rule["places"])
    return result


def period_means(
    readings: pd.DataFrame,
    waterbody: pd.Series,
    period: Period,
    evaluation: Standard,
    dry: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Average every parameter of every site over a period.

    Parameters
    ----------
    readings : DataFrame
        Columns site, observed_at, parameter, value, censor, detection_limit, channel
        ('automatic' | 'manual'), optionally point (one of several points of the section or lake).
    waterbody : Series of 'river' | 'lake' | '', index site
    period : Period
    evaluation : Standard
        Of topic surface-water-evaluation.
    dry : DataFrame, optional
        Columns site, month ('2026-01' or a date), reason: months that are not evaluated.

    Returns
    -------
    DataFrame, one row a (site, parameter), sorted
        mean (unrounded, canonical unit), rounded, nd (the mean lies below a detection limit), n (readings),
        months (with a result), complete_months (manual, or automatic with enough readings).

    Raises
    ------
    ValueError
        For an unknown channel.
    KeyError
        When a column is missing.
    """
    rows = readings_used(readings, period, dry)
    values, undetected = calculation_values(rows, evaluation.rule("non_detect.mean")["factor"])
    limit = rows["detection_limit"].to_numpy(dtype=np.float64)
    limit = np.where(np.isnan(limit), rows["value"].to_numpy(dtype=np.float64), limit)
    frame = pd.DataFrame(
        {
            "site": rows["site"].array,
            "point": rows["point"].array if "point" in rows else "",
            "observed_at": rows["observed_at"].array,
            "month": _months(rows["observed_at"], period),
            "parameter": rows["parameter"].array,
            "channel": rows["channel"].array,
            "x": to_averaged(rows["parameter"], values, evaluation),
            "limit": np.where(undetected, limit, np.nan),
            "n": 1,
        }
    )
    if "point" in rows:
        frame = _one_sampling(frame, waterbody)
    monthly = _monthly(frame, period, evaluation)
    by_point = (
        monthly.groupby(["site", "point", "parameter"], sort=True)
        .agg(
            x=("x", "mean"),
            limit=("limit", "max"),
            n=("n", "sum"),
            months=("month", "nunique"),
            complete_months=("complete", "sum"),
        )
        .reset_index()
    )
    means = (
        by_point.groupby(["site", "parameter"], sort=True)
        .agg(
            x=("x", "mean"),
            limit=("limit", "max"),
            n=("n", "sum"),
            months=("months", "max"),
            complete_months=("complete_months", "max"),
        )
        .reset_index()
    )
    means["mean"] = from_averaged(means["parameter"], means["x"].to_numpy(dtype=np.float64), evaluation)
    means["rounded"] = rounded_means(means["parameter"], means["mean"].to_numpy(dtype=np.float64), evaluation)
    means["nd"] = means["mean"] < means["limit"]
    return means[list(MEAN_COLUMNS)]


def readings_used(readings: pd.DataFrame, period: Period, dry: pd.DataFrame | None) -> pd.DataFrame:
    """Return the readings of a period that have a value and lie in no dry month; ValueError for a channel."""
    strange = readings["channel"][~readings["channel"].isin(_CHANNELS)]
    if len(strange):
        raise ValueError(f"readings: channel {strange.iloc[0]!r}; expected one of {', '.join(_CHANNELS)}")
    at = readings["observed_at"]
    keep = (at >= period.start) & (at < period.end) & readings["value"].notna()
    rows = readings[keep]
    if dry is None or dry.empty:
        return rows
    site_month = pd.MultiIndex.from_arrays([rows["site"], rows["observed_at"].dt.strftime("%Y-%m")])
    return rows[~site_month.isin(pd.MultiIndex.from_frame(dry_months(dry)[["site", "month"]]))]


def dry_months(dry: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of dry months (断流, 结冰 …) with month as 'YYYY-MM' text, each once."""
    months = pd.to_datetime(dry["month"].astype("str").str.slice(0, 7), format="%Y-%m")
    return dry.assign(month=months.dt.strftime("%Y-%m")).drop_duplicates(["site", "month"])


def _one_sampling(frame: pd.DataFrame, waterbody: pd.Series) -> pd.DataFrame:
    """Average the points of a section within one sampling; a lake keeps its points until the end."""
    lake = (frame["site"].map(waterbody) == "lake").to_numpy(dtype=np.bool_)
    together = (
        frame[~lake]
        .groupby(["site", "observed_at", "month", "parameter", "channel"], sort=False)
        .agg(x=("x", "mean"), limit=("limit", "max"), n=("n", "sum"))
        .reset_index()
        .assign(point="")
    )
    return pd.concat([frame[lake], together], ignore_index=True)


def _months(observed_at: pd.Series, period: Period) -> npt.NDArray[np.int64]:
    """Return the month number of each reading; a week or ten days is one step, whichever months it touches."""
    if period.short:
        return np.zeros(len(observed_at), dtype=np.int64)
    months: npt.NDArray[np.int64] = observed_at.to_numpy(dtype="datetime64[M]").astype(np.int64)
    return months


def _monthly(frame: pd.DataFrame, period: Period, evaluation: Standard) -> pd.DataFrame:
    """One value a (site, point, month, parameter): the channel that comes first, automatic if complete.

    Of a week or ten days the one value is that of its days.
    """
    monthly = (
        frame.groupby(["site", "point", "month", "parameter", "channel"], sort=True)
        .agg(x=("x", "mean"), limit=("limit", "max"), n=("n", "sum"), times=("observed_at", "nunique"))
        .reset_index()
    )
    completeness = evaluation.rule("completeness.automatic")
    month = monthly["month"].to_numpy(dtype=np.int64).astype("datetime64[M]")
    days = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    if period.short:
        days = np.full(len(monthly), period.days)
    automatic = (monthly["channel"] == "automatic").to_numpy(dtype=np.bool_)
    scheduled = completeness["scheduled_per_day"] * days
    enough = monthly["times"].to_numpy(dtype=np.int64) >= completeness["share"] * scheduled
    monthly["complete"] = ~automatic | enough
    first = monthly["parameter"].isin(evaluation.rule("channels.automatic_first")["parameters"]).to_numpy()
    rank = np.where(
        first,
        _rank(monthly["channel"], evaluation.rule("channels.automatic_first")["precedence"]),
        _rank(monthly["channel"], evaluation.rule("channels.manual_first")["precedence"]),
    )
    # an automatic month with too few readings is used only where no other channel has one
    monthly["rank"] = rank + np.where(monthly["complete"], 0, len(_CHANNELS))
    return monthly.sort_values("rank", kind="stable").drop_duplicates(["site", "point", "month", "parameter"])


def _rank(channel: pd.Series, precedence: list[str]) -> npt.NDArray[np.int64]:
    rank: npt.NDArray[np.int64] = channel.map(
        {name: number for number, name in enumerate(precedence)}
    ).to_numpy(dtype=np.int64)
    return rank
