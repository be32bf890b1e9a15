"""Words beside an AQI: which pollutants exceed (超标污染物), which may stay unmonitored.

Source: HJ 633-2012 (超标污染物: IAQI above 100; the 2026 edition deleted the term), HJ 633-2026 5.3.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.air_aqi import POLLUTANTS
from indicators.registry import Registry


def exceeding_pollutants(aqi: pd.DataFrame, *, registry: Registry) -> pd.Series:
    """Name the pollutants whose IAQI is above 100, where the edition has that term.

    Parameters
    ----------
    aqi : DataFrame, n rows
        From `daily_aqi` or `hourly_aqi`: edition, iaqi_pm2_5 … iaqi_o3.
    registry : Registry

    Returns
    -------
    Series of str, n, same index
        Parameter keys joined by comma; '' without one, and under HJ 633-2026.
    """
    text = np.full(len(aqi), "", dtype=object)
    for label in aqi["edition"].unique().tolist():
        rule = registry.get(label).tables.get("exceeding")
        if rule is None:
            continue
        here = (aqi["edition"] == label).to_numpy(dtype=np.bool_)
        for name in POLLUTANTS:
            above = (aqi[f"iaqi_{name}"] > int(rule["above"])).fillna(value=False).to_numpy(dtype=np.bool_)
            text[here & above] += "," + name
    return pd.Series(text, index=aqi.index, dtype="str").str.slice(1)


def may_stay_unmonitored(aqi: pd.DataFrame, pollutant: str, *, day: dt.date, registry: Registry) -> bool:
    """Tell whether an item may be left out of the programme without hiding the index.

    Parameters
    ----------
    aqi : DataFrame
        From `daily_aqi`, of one site or district: day, aqi, primary; the years before `day`.
    pollutant : str
        One of POLLUTANTS.
    day : date
        The three years before it count.
    registry : Registry

    Returns
    -------
    bool
        False when the item was a primary pollutant on a day above 100 in these years, or when they hold no
        day with it: nothing is known then.
    """
    rule = registry.in_force("aqi", day).rule("not_monitored")
    first = pd.Timestamp(day) - pd.DateOffset(years=int(rule["years"]))
    rows = aqi[(aqi["day"] >= first) & (aqi["day"] < pd.Timestamp(day))]
    rows = rows[rows[f"iaqi_{pollutant}"].notna() & rows["aqi"].notna()]
    named = ("," + rows["primary"] + ",").str.contains(f",{pollutant},", regex=False)
    return bool(len(rows)) and not bool((named & (rows["aqi"] > int(rule["above"]))).any())
