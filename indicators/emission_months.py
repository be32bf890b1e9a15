"""Months of outlets: the mean of valid daily means, and whether there are enough of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from indicators.emission_validity import TOPICS, medium_of
from indicators.registry import Registry
from vocabulary.rounding import ceil_exact

_FEBRUARY = 2
_KEY = ["site", "parameter", "month"]


def outlet_months(days: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Monthly means of outlets.

    Parameters
    ----------
    days : DataFrame
        What `judge_outlet_days` gives: site, parameter, day, value, due, valid.
    registry : Registry
        The dated standards; the one in force on the month's first day applies.

    Returns
    -------
    DataFrame
        site, parameter, month (first day), value (mean of valid days, NaN without one), days (valid ones),
        days_due (calendar days; wastewater: days with discharge), valid; sorted.

    Notes
    -----
    Gas: at least 25 valid days, February 23 (HJ 76-2017). Wastewater: arithmetic mean of valid daily means,
    at least 75 % of the month's days (HJ 356-2019).
    """
    rows = days.assign(
        month=days["day"].to_numpy(dtype="datetime64[M]").astype("datetime64[us]"),
        medium=medium_of(days["parameter"]),
        taken=days["value"].where(days["valid"].astype(bool)),
        idle=(days["due"] == 0),
    )
    found = rows.groupby([*_KEY, "medium"], as_index=False).agg(
        value=("taken", "mean"), days=("taken", "count"), idle=("idle", "sum")
    )
    month_days = found["month"].dt.days_in_month
    water = (found["medium"] == "wastewater").to_numpy()
    found["days_due"] = month_days - found["idle"].where(water, 0)
    found["valid"] = False
    for medium, topic in TOPICS.items():
        of_medium = (found["medium"] == medium).to_numpy()
        for standard, in_force in registry.spans(topic, found["month"]):
            rule = standard.rule("validity")
            if "month_days" in rule:
                february = (found["month"].dt.month == _FEBRUARY).to_numpy()
                needs = np.where(february, float(rule["february_days"]), float(rule["month_days"]))
            else:
                needs = ceil_exact(float(rule["month_share"]) * found["days_due"].to_numpy(dtype=np.float64))
            mask = of_medium & in_force
            enough = (found["days"] >= needs) & (found["days"] > 0)
            found.loc[mask, "valid"] = enough[mask]
    return found[[*_KEY, "value", "days", "days_due", "valid"]].sort_values(_KEY, ignore_index=True)
