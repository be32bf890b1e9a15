"""Composite index (综合指数) and ranking by 城市环境空气质量排名技术规定 (环办监测〔2018〕19号)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import NoStandardError, Registry, default_registry
from vocabulary.rounding import round_half_even


def composite_index(
    statistics: pd.DataFrame | Mapping[str, float],
    *,
    registry: Registry | None = None,
    scheme: str | None = None,
    day: dt.date | None = None,
) -> dict[str, Any]:
    """Composite index of a period.

    Parameters
    ----------
    statistics : DataFrame or mapping
        What `air_statistics` gives for one site, period and standard, or item -> value (so2, no2, pm10,
        pm2_5: means; co: 95th percentile, mg/m³; o3_mda8: 90th percentile).
    registry : Registry, optional
        The dated standards; the project's own where none is given.
    scheme : str, optional
        The divisors ("2012", "2026"); without it the default scheme of the rule.
    day : date, optional
        Day whose ranking rule applies; the latest rule without it.

    Returns
    -------
    dict
        scheme, index (2 decimals; None when an item is missing), singles (item -> 3 decimals), primary
        (items with the largest single index, joined by comma), missing (items, joined), standard.

    Raises
    ------
    NoStandardError
        When there is no such scheme.
    ValueError
        When the frame holds more than one site, period or standard.

    Notes
    -----
    I_i = C_i / S_i, I = sum of six; annual grade 2 limits also for months. A sum of fewer items is no
    composite index.
    """
    known = default_registry() if registry is None else registry
    standard = known.of_topic("ranking-index")[-1] if day is None else known.in_force("ranking-index", day)
    index_rule = standard.rule("index")
    name = scheme or str(index_rule["default_scheme"])
    schemes = standard.tables["schemes"]
    if name not in schemes:
        raise NoStandardError(f"{standard.id} has no index scheme {name!r}; it has: {', '.join(schemes)}")
    rule = schemes[name]
    values = _values(statistics, rule)
    singles = {
        item: values[item] / divisor * weight
        for item, divisor, weight in zip(rule["items"], rule["divisors"], rule["weights"], strict=True)
        if item in values
    }
    shown = round_half_even(list(singles.values()), int(index_rule["single_places"]))
    missing = [item for item in rule["items"] if item not in singles]
    total = round_half_even([sum(singles.values())], int(index_rule["places"]))[0]
    largest = shown.max(initial=-np.inf)
    return {
        "scheme": name,
        "index": None if missing else float(total),
        "singles": dict(zip(singles, shown.tolist(), strict=True)),
        "primary": ",".join(item for item, at in zip(singles, shown, strict=True) if at == largest),
        "missing": ",".join(missing),
        "standard": standard.label,
    }


def _values(statistics: pd.DataFrame | Mapping[str, float], rule: Mapping[str, Any]) -> dict[str, float]:
    if not isinstance(statistics, pd.DataFrame):
        return {item: float(value) for item, value in statistics.items() if not pd.isna(value)}
    for column in ("site", "period", "standard"):
        found = statistics[column].unique()
        if len(found) > 1:
            raise ValueError(f"composite_index takes one {column}, got {', '.join(map(str, found))}")
    wanted = pd.DataFrame({"parameter": rule["items"], "statistic": rule["statistics"]})
    joined = wanted.merge(statistics, on=["parameter", "statistic"], how="inner").dropna(subset="rounded")
    return dict(zip(joined["parameter"], joined["rounded"].astype(float), strict=True))


def rank_index(index: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Rank composite indices, best (smallest) first; ties share the rank; 0 where the index is missing."""
    values = np.asarray(index, dtype=np.float64)
    known = np.sort(values[~np.isnan(values)])
    rank = np.searchsorted(known, values, side="left") + 1
    return np.where(np.isnan(values), 0, rank).astype(np.int64)


def change_rate(now: float, before: float) -> float | None:
    """Change rate (I - I0) / I0 in %, 1 decimal; None when there is no earlier value."""
    if pd.isna(now) or pd.isna(before) or before == 0:
        return None
    return float(round_half_even([(now - before) / before * 100], 1)[0])
