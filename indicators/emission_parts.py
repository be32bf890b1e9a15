"""From parts to means: 5-second readings to minutes, minutes to hours; the flag an aggregate gets; furnaces.

Exports of platforms are hourly; this is for those that deliver minutes, and to check hours against them.
Source: HJ 212-2017 D.2.2 (eq. 23, 24) and the notes of tables C.16 to C.18; MEE order 10 (2020).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from indicators.registry import Standard
from vocabulary.rounding import ceil_exact

_KEYS = ["site", "parameter", "observed_at"]


def means_of_parts(parts: pd.DataFrame, to: Literal["minute", "hour"], standard: Standard) -> pd.DataFrame:
    """Average the valid parts of a minute or an hour of flue gas.

    Parameters
    ----------
    parts : DataFrame
        site, parameter, observed_at (start of the part), value, valid; a part stands once.
    to : {"minute", "hour"}
        From 5-second readings to minutes, or from minute means to hours.
    standard : Standard
        Of topic gas-validity.

    Returns
    -------
    DataFrame, one row a site, parameter and minute or hour with a part, sorted
        value (arithmetic mean of the valid parts, NaN without any), parts (valid ones), valid (enough of
        them: 12 readings a minute, 45 minutes an hour).

    Raises
    ------
    ValueError
        When a part stands twice.
    """
    twice = parts.duplicated(_KEYS)
    if twice.any():
        raise ValueError(f"a part stands twice: {parts.loc[twice, _KEYS].iloc[0].to_dict()}")
    needs = int(standard.rule("validity")["minute_readings" if to == "minute" else "hour_minutes"])
    taken = parts["valid"].astype(bool) & parts["value"].notna()
    rows = parts.assign(
        observed_at=parts["observed_at"].dt.floor("min" if to == "minute" else "h"),
        value=parts["value"].where(taken),
        taken=taken,
    )
    result = rows.groupby(_KEYS, as_index=False, sort=True).agg(
        value=("value", "mean"), parts=("taken", "sum")
    )
    return result.assign(valid=result["parts"] >= needs)


def aggregate_is_normal(parts: pd.DataFrame, by: list[str], standard: Standard) -> pd.DataFrame:
    """Tell whether an aggregate's flag is normal (N).

    Parameters
    ----------
    parts : DataFrame
        Columns of `by`, and normal (bool) of each part.
    by : list of str
        What an aggregate is, e.g. site, parameter, hour.
    standard : Standard
        Of topic gas-validity (at least 75 % normal parts) or wastewater-validity (every part).

    Returns
    -------
    DataFrame, one row an aggregate, sorted
        Columns of `by`, parts, normal_parts, normal.
    """
    share = float(standard.rule("aggregate_flag")["normal_share"])
    flags = parts.assign(normal=parts["normal"].astype(bool))
    table = flags.groupby(by, as_index=False, sort=True).agg(
        parts=("normal", "size"), normal_parts=("normal", "sum")
    )
    needs = ceil_exact(share * table["parts"].to_numpy(dtype=np.float64))
    return table.assign(normal=table["normal_parts"].to_numpy() >= needs)


def furnace_days(means: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Count the 5-minute means of furnace temperature below 850 °C on each natural day.

    Parameters
    ----------
    means : DataFrame
        site (furnace), observed_at (start of the five minutes), value (°C). Minutes under a permitted mark
        (start-up, stop, fault) are left out by the caller.
    standard : Standard
        Of topic waste-incineration.

    Returns
    -------
    DataFrame, one row a site and day, sorted
        means (counted), below, violated (more than five times).

    Raises
    ------
    ValueError
        When a time is no start of five minutes.
    """
    rule = standard.rule("furnace.temperature")
    step = f"{int(rule['mean_minutes'])}min"
    strange = means["observed_at"] != means["observed_at"].dt.floor(step)
    if strange.any():
        raise ValueError(f"furnace means: {means.loc[strange, 'observed_at'].iloc[0]} is no start of {step}")
    rows = means[means["value"].notna()]
    rows = rows.assign(day=rows["observed_at"].dt.floor("D"), low=rows["value"] < float(rule["celsius"]))
    table = rows.groupby(["site", "day"], as_index=False, sort=True).agg(
        means=("low", "size"), below=("low", "sum")
    )
    return table.assign(violated=table["below"] > int(rule["times_a_day"]))
