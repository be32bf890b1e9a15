"""Totals of outlets, enterprises and districts against permitted amounts (许可排放量)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from indicators.air_period import parse_period

_KG_A_TONNE = 1000.0
LEVELS: tuple[str, ...] = ("outlet", "enterprise", "district")


def totals(
    ledger: pd.DataFrame, outlets: pd.DataFrame, *, period: str, permitted: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Tonnes per outlet, enterprise and district.

    Parameters
    ----------
    ledger : DataFrame
        What `substitute` gives: site, parameter, observed_at, kg_measured, kg, substituted.
    outlets : DataFrame
        site, enterprise, district.
    period : str
        "2025", "2025-Q1", "2025-10", "2025-01..2025-06".
    permitted : DataFrame, optional
        level (outlet, enterprise, district), name, parameter, tonnes (a year), and optionally document.

    Returns
    -------
    DataFrame
        level, name, parameter, period, tonnes, tonnes_measured, tonnes_substituted, hours, open_hours (no
        value and no rule), permitted (a year), used (%, of the year's permit), over (bool).
        With open hours the tonnes are a lower bound.
    """
    span = parse_period(period)
    rows = ledger[span.contains(ledger["observed_at"])].merge(outlets, on="site", how="left")
    table = pd.DataFrame(
        {
            "parameter": rows["parameter"],
            "outlet": rows["site"],
            "enterprise": rows["enterprise"],
            "district": rows["district"],
            "tonnes": rows["kg"].fillna(0.0) / _KG_A_TONNE,
            "tonnes_measured": rows["kg_measured"].fillna(0.0) / _KG_A_TONNE,
            "tonnes_substituted": rows["kg"].where(rows["substituted"].astype(bool), 0.0) / _KG_A_TONNE,
            "open_hours": rows["kg"].isna(),
        }
    )
    parts = [_of_level(table, level) for level in LEVELS]
    found = pd.concat(parts, ignore_index=True).assign(period=period)
    limit = _permitted(permitted)
    found = found.merge(limit, on=["level", "name", "parameter"], how="left")
    found["used"] = found["tonnes"] / found["permitted"].where(found["permitted"] > 0) * 100
    found["over"] = found["tonnes"] > found["permitted"]
    first = ["level", "name", "parameter", "period"]
    return found[[*first, *[name for name in found.columns if name not in first]]]


def _of_level(table: pd.DataFrame, level: str) -> pd.DataFrame:
    named = table[table[level].notna() & (table[level] != "")]
    sums = named.groupby([level, "parameter"], as_index=False).agg(
        tonnes=("tonnes", "sum"),
        tonnes_measured=("tonnes_measured", "sum"),
        tonnes_substituted=("tonnes_substituted", "sum"),
        hours=("tonnes", "size"),
        open_hours=("open_hours", "sum"),
    )
    return sums.rename(columns={level: "name"}).assign(level=level)


def _permitted(permitted: pd.DataFrame | None) -> pd.DataFrame:
    names = ["level", "name", "parameter"]
    if permitted is None or permitted.empty:
        empty = pd.DataFrame({name: pd.Series([], dtype="str") for name in names})
        return empty.assign(permitted=np.array([], dtype=np.float64))
    return permitted[[*names, "tonnes"]].rename(columns={"tonnes": "permitted"})
