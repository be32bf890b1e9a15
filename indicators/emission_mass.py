"""Tonnes of outlets: hourly mass from measured concentration and flow, on a complete row of hours.

Mass uses the measured dry concentration (`flue_so2`), compliance the normalised one (`flue_so2_norm`).
An hour that was not delivered is an hour without a valid value: it is there, and it is substituted.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.emission_validity import (
    EFFLUENT_FLOW,
    FLUE_FLOW,
    OTHER,
    STOPPED,
    VALID,
    validity,
)
from indicators.registry import Registry

#: gas items with a mass, by their measured dry concentration; wastewater items have no such list
GAS_ITEMS: tuple[str, ...] = ("flue_dust", "flue_so2", "flue_nox")
#: wastewater readings that are no concentration
NOT_CONCENTRATIONS: tuple[str, ...] = ("ph", "water_temp", "colour", "fecal_coliform", EFFLUENT_FLOW)
#: mg/m³ · m³/h -> kg/h ; mg/L · m³ -> kg
_GAS_KG = 1e-6
_WATER_KG = 1e-3


def hourly_grid(
    hours: pd.DataFrame,
    *,
    registry: Registry,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> pd.DataFrame:
    """Lay readings on a complete row of hours for each site and parameter.

    Parameters
    ----------
    hours : DataFrame
        site, parameter, observed_at, value, provider_flag; one value per key.
    registry : Registry
        The dated standards.
    start, end : datetime, optional
        First hour and first hour after; without them the first and last hour of any row.

    Returns
    -------
    DataFrame
        site, parameter, observed_at, value (NaN when not valid), valid, kind, calibration, medium; sorted.
        An hour not delivered has kind "other"; where the flow says that nothing left, kind "stopped".
    """
    rows = hours.reset_index(drop=True)
    checked = validity(rows, registry=registry)
    table = pd.concat(
        [
            rows[["site", "parameter", "observed_at", "value"]],
            checked[["medium", "valid", "kind", "calibration"]],
        ],
        axis=1,
    )
    first = rows["observed_at"].min() if start is None else pd.Timestamp(start)
    after = rows["observed_at"].max() + pd.Timedelta(hours=1) if end is None else pd.Timestamp(end)
    if pd.isna(first) or pd.isna(after):
        return table
    clock = pd.DataFrame({"observed_at": pd.date_range(first, after, freq="h", inclusive="left", unit="us")})
    series = table[["site", "parameter", "medium"]].drop_duplicates()
    grid = series.merge(clock, how="cross").merge(
        table.drop(columns="medium"), on=["site", "parameter", "observed_at"], how="left"
    )
    grid["valid"] = grid["valid"].astype("boolean").fillna(value=False).astype(bool)
    grid["calibration"] = grid["calibration"].astype("boolean").fillna(value=False).astype(bool)
    grid["kind"] = grid["kind"].fillna(OTHER)
    grid["value"] = grid["value"].where(grid["valid"])
    grid = _stop_dry_hours(grid)
    return grid.sort_values(["site", "parameter", "observed_at"], ignore_index=True)


def _stop_dry_hours(grid: pd.DataFrame) -> pd.DataFrame:
    """Mark hours in which the valid flow is zero: nothing leaves, so nothing is missing."""
    flow = grid["parameter"].isin([EFFLUENT_FLOW, FLUE_FLOW]) & grid["valid"] & (grid["value"] == 0)
    dry = grid.loc[flow, ["site", "medium", "observed_at"]].drop_duplicates()
    joined = grid[["site", "medium", "observed_at"]].merge(dry, how="left", indicator=True)
    still = (joined["_merge"] == "both").to_numpy() & ~flow.to_numpy()
    return grid.assign(kind=grid["kind"].mask(still, STOPPED))


def mass(
    hours: pd.DataFrame,
    *,
    registry: Registry,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> pd.DataFrame:
    """Hourly mass of every item, as measured: nothing substituted.

    Parameters
    ----------
    hours, registry, start, end
        As in `hourly_grid`. Gas: flue_dust, flue_so2, flue_nox (mg/m³, dry, as measured) and flue_flow
        (m³/h, dry standard). Wastewater: concentrations (mg/L) and effluent_flow (m³/h).

    Returns
    -------
    DataFrame
        site, parameter (of the concentration), observed_at, kg (NaN where not valid; 0 while stopped),
        valid, kind (why not: of the concentration, else of the flow), calibration, medium.

    Notes
    -----
    Gas: G = C·Qsn·1e-6 kg/h (HJ 212-2017 D.2); wastewater: C·Q/1000 kg (HJ 212-2017 D.1).
    """
    return mass_of_grid(hourly_grid(hours, registry=registry, start=start, end=end))


def mass_of_grid(grid: pd.DataFrame) -> pd.DataFrame:
    """Multiply concentrations and flows of a complete grid; see `mass`."""
    gas = grid["medium"] == "flue_gas"
    item = (gas & grid["parameter"].isin(GAS_ITEMS)) | (~gas & ~grid["parameter"].isin(NOT_CONCENTRATIONS))
    flow = grid.loc[
        grid["parameter"].isin([FLUE_FLOW, EFFLUENT_FLOW]),
        ["site", "medium", "observed_at", "value", "valid", "kind"],
    ].rename(columns={"value": "flow", "valid": "flow_valid", "kind": "flow_kind"})
    joined = grid[item].merge(flow, on=["site", "medium", "observed_at"], how="left")
    flow_valid = joined["flow_valid"].astype("boolean").fillna(value=False).astype(bool)
    stopped = (joined["kind"] == STOPPED) | (flow_valid & (joined["flow"] == 0))
    valid = (joined["valid"] & flow_valid) | stopped
    factor = np.where(joined["medium"] == "flue_gas", _GAS_KG, _WATER_KG)
    kg = (joined["value"] * joined["flow"] * factor).where(valid).mask(stopped, 0.0)
    kind = joined["kind"].mask(joined["valid"], joined["flow_kind"].fillna(OTHER)).mask(valid, VALID)
    return pd.DataFrame(
        {
            "site": joined["site"],
            "parameter": joined["parameter"],
            "observed_at": joined["observed_at"],
            "kg": kg,
            "valid": valid,
            "kind": kind.mask(stopped, STOPPED),
            "calibration": joined["calibration"],
            "medium": joined["medium"],
        }
    )


def capture_rate(hours: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Capture rate of valid data (有效数据捕集率) per quarter.

    Parameters
    ----------
    hours : DataFrame
        What `mass` (or `hourly_grid`) gives: site, parameter, observed_at, valid, kind.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame
        site, parameter, quarter ("2025-Q1"), hours, stopped, invalid, rate (0..1; NaN when the source stood
        still all the quarter), enough (rate >= 75 %).

    Notes
    -----
    HJ 75-2017: (hours - invalid - stopped) / (hours - stopped).
    """
    required = float(registry.of_topic("gas-validity")[-1].rule("capture")["required"])
    table = pd.DataFrame(
        {
            "site": hours["site"],
            "parameter": hours["parameter"],
            "quarter": hours["observed_at"].dt.to_period("Q").astype("str").str.replace("Q", "-Q"),
            "stopped": hours["kind"] == STOPPED,
            "invalid": ~hours["valid"].astype(bool) & (hours["kind"] != STOPPED),
        }
    )
    keys = ["site", "parameter", "quarter"]
    found = table.groupby(keys, as_index=False).agg(
        hours=("stopped", "size"), stopped=("stopped", "sum"), invalid=("invalid", "sum")
    )
    running = found["hours"] - found["stopped"]
    found["rate"] = (running - found["invalid"]) / running.where(running > 0)
    return found.assign(enough=found["rate"] >= required)
