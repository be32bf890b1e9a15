"""Sliding means as the national real-time release publishes them, hour by hour.

They serve to check published figures and to feed the hourly AQI of HJ 633-2012; the daily evaluation is
in `air_days`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.air_days import HOURS, running_means

FloatArray = npt.NDArray[np.float64]

_WINDOW_8H = 8


def sliding_24h(hours: pd.DataFrame) -> pd.DataFrame:
    """Mean of the last 24 hours, up to and including each hour.

    Parameters
    ----------
    hours : DataFrame
        Long: site, parameter, observed_at (start of the hour), value. One value per key.

    Returns
    -------
    DataFrame
        site, parameter, observed_at (start of the window's last hour), value (unrounded), hours (values in
        the window, 1..24); no row for a window without a value.

    Notes
    -----
    The release's `*_24h` figures are these, rounded half to even, on full windows.
    """
    return _sliding(hours, HOURS, restart=False)


def sliding_8h(hours: pd.DataFrame) -> pd.DataFrame:
    """Mean of the last 8 hours of the natural day: hours 1..t up to t = 8, then t-7..t.

    Parameters
    ----------
    hours : DataFrame
        As in `sliding_24h`; usually ozone only.

    Returns
    -------
    DataFrame
        As in `sliding_24h`; hours is 1..8.

    Notes
    -----
    The release's `O3_8h` restarts at 01:00. HJ 663 itself takes only windows that end at 8..24.
    """
    return _sliding(hours, _WINDOW_8H, restart=True)


def _sliding(hours: pd.DataFrame, width: int, *, restart: bool) -> pd.DataFrame:
    parts = [_of_parameter(part, width, restart=restart) for _, part in hours.groupby("parameter", sort=True)]
    if not parts:
        return hours.loc[:, ["site", "parameter", "observed_at", "value"]].assign(
            hours=pd.Series([], dtype="int64")
        )
    return pd.concat(parts, ignore_index=True)


def _of_parameter(part: pd.DataFrame, width: int, *, restart: bool) -> pd.DataFrame:
    codes, sites = pd.factorize(part["site"], sort=True)
    stamps = part["observed_at"].to_numpy(dtype="datetime64[h]")
    first = stamps.min().astype("datetime64[D]").astype("datetime64[h]")
    at = (stamps - first).astype(np.int64)
    length = (int(at.max()) // HOURS + 1) * HOURS
    values = np.full((len(sites), length), np.nan)
    values[codes, at] = part["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    present = np.isfinite(values)
    shape = (-1, HOURS) if restart else (len(sites), length)
    means = running_means(values.reshape(shape), width, 1).reshape(values.shape)
    # the mean of "is there" over a window of known width is its count
    ones = running_means(present.astype(np.float64).reshape(shape), width, 1).reshape(values.shape)
    span = np.minimum(np.arange(1, length + 1), width)
    if restart:
        span = np.minimum(np.arange(length) % HOURS + 1, width)
    count = np.rint(ones * span).astype(np.int64)
    row, column = np.nonzero(count > 0)
    return pd.DataFrame(
        {
            "site": pd.Series(sites.take(row), dtype="str"),
            "parameter": pd.Series(part["parameter"].iloc[0], index=range(len(row)), dtype="str"),
            "observed_at": (first + column).astype("datetime64[us]"),
            "value": means[row, column],
            "hours": count[row, column],
        }
    )
