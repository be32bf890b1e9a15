"""Class limits as a frame, for joining with readings: what a section broke, and by how much."""

from __future__ import annotations

import pandas as pd

from indicators.registry import Standard

_BODIES = ("river", "lake")


def class_bounds(standard: Standard, water_class: int) -> pd.DataFrame:
    """Return the limits of one class by item.

    Parameters
    ----------
    standard
        Of topic `surface-water-class` (GB 3838-2002, table 1).
    water_class
        1 to 5.

    Returns
    -------
    pandas.DataFrame
        parameter, waterbody (river | lake), kind (upper | lower | range), low, high; in canonical units,
        NaN where a side has no limit.
    """
    rows = []
    for rule in standard.tables["limits"].values():
        limit = rule["limits"][water_class - 1]
        low, high = limit if rule["kind"] == "range" else (limit, limit)
        bodies = _BODIES if rule["waterbody"] == "any" else (rule["waterbody"],)
        rows += [
            {
                "parameter": rule["parameter"],
                "waterbody": body,
                "kind": rule["kind"],
                "low": float(low) if rule["kind"] != "upper" else float("nan"),
                "high": float(high) if rule["kind"] != "lower" else float("nan"),
            }
            for body in bodies
        ]
    return pd.DataFrame(rows)
