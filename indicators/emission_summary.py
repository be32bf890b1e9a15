"""Tonnes and capture rate of outlets for a span of days, beside the item their limit names."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from indicators.emission_mass import GAS_ITEMS, capture_rate, hourly_grid, mass_of_grid
from indicators.emission_substitution import substitute_grid
from indicators.registry import Registry

_KG_A_TONNE = 1000.0
_KEY = ["site", "parameter"]
#: hours that the rules of substitution look back (HJ 75-2017 tables 5, 6): give at least these before `start`
LOOK_BACK = dt.timedelta(hours=2160)


def outlet_tonnes(
    hours: pd.DataFrame, *, registry: Registry, start: dt.datetime, end: dt.datetime
) -> pd.DataFrame:
    """Tonnes of each outlet and item in [start, end), and the capture rate of the quarter of the last hour.

    Parameters
    ----------
    hours : DataFrame
        site, parameter, observed_at, value, provider_flag: the span, the quarter it lies in and `LOOK_BACK`
        before, as far as they are at hand; substitution and capture rate rest on them.
    registry : Registry
        The dated standards.
    start, end : datetime
        First hour and first hour after.

    Returns
    -------
    DataFrame
        site, parameter (as a limit names it: flue_nox_norm, cod), tonnes, tonnes_measured,
        tonnes_substituted, hours, open_hours (no value and no rule: the tonnes are a lower bound),
        capture_rate (0..1), capture_enough; sorted.

    Notes
    -----
    HJ 75-2017, HJ 356-2019; see `emission_substitution` and `emission_mass`.
    """
    known = hours[hours["observed_at"] < end]
    # laid out once: what is substituted and what the capture rate counts are the same hours
    grid = hourly_grid(known, registry=registry, end=end)
    ledger = substitute_grid(grid, registry=registry)
    columns = [*_KEY, "tonnes", "tonnes_measured", "tonnes_substituted", "hours", "open_hours"]
    columns += ["capture_rate", "capture_enough"]
    if ledger.empty:
        return pd.DataFrame(columns=columns)
    span = ledger[ledger["observed_at"] >= start]
    table = pd.DataFrame(
        {
            "site": span["site"],
            "parameter": span["parameter"],
            "tonnes": span["kg"].fillna(0.0) / _KG_A_TONNE,
            "tonnes_measured": span["kg_measured"].fillna(0.0) / _KG_A_TONNE,
            "tonnes_substituted": span["kg"].where(span["substituted"].astype(bool), 0.0) / _KG_A_TONNE,
            "open_hours": span["kg"].isna(),
        }
    )
    sums = table.groupby(_KEY, as_index=False).agg(
        tonnes=("tonnes", "sum"),
        tonnes_measured=("tonnes_measured", "sum"),
        tonnes_substituted=("tonnes_substituted", "sum"),
        hours=("tonnes", "size"),
        open_hours=("open_hours", "sum"),
    )
    rates = capture_rate(mass_of_grid(grid), registry=registry)
    last = rates.sort_values("quarter").drop_duplicates(_KEY, keep="last")
    last = last.rename(columns={"rate": "capture_rate", "enough": "capture_enough"})
    found = sums.merge(last[[*_KEY, "capture_rate", "capture_enough"]], on=_KEY, how="left")
    names = {item: f"{item}_norm" for item in GAS_ITEMS}
    found["parameter"] = found["parameter"].replace(names)
    return found[columns].sort_values(_KEY, ignore_index=True)
