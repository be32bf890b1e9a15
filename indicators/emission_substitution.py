"""Substitution (修约) of missing mass: for tonnes only, concentrations stay as they were measured.

Gas by HJ 75-2017 tables 5 and 6 (the largest mass of the last valid hours, more of them the longer the gap
and the lower the capture rate); wastewater by HJ 356-2019 (mean of the preceding period of equal length,
median for pH). Numbers stand in `indicators/standards/`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.emission_mass import capture_rate, hourly_grid, mass_of_grid
from indicators.emission_validity import OUT_OF_CONTROL, STOPPED
from indicators.registry import Registry

_SERIES = ["site", "parameter"]


def substitute(
    hours: pd.DataFrame,
    *,
    registry: Registry,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> pd.DataFrame:
    """Hourly mass with gaps substituted.

    Parameters
    ----------
    hours, registry, start, end
        As in `emission_mass.mass`.

    Returns
    -------
    DataFrame
        site, parameter, observed_at, kg_measured (NaN in a gap), kg (for tonnes; NaN where no rule gives
        one), substituted (bool), rule ('' | name of the rule | 'no-rule'), clause; sorted.

    Notes
    -----
    HJ 75-2017 tables 5 and 6; below a capture rate of 75 % there is no rule: such hours stay NaN, and are
    settled by manual data or a material balance. HJ 356-2019 for wastewater.
    """
    return substitute_grid(hourly_grid(hours, registry=registry, start=start, end=end), registry=registry)


def substitute_grid(grid: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Substitute the gaps of a complete row of hours (`emission_mass.hourly_grid`); see `substitute`."""
    parts = []
    gas = grid[grid["medium"] == "flue_gas"]
    if len(gas):
        parts.append(_gas(mass_of_grid(gas), registry))
    water = grid[grid["medium"] == "wastewater"]
    if len(water):
        parts.append(_water(water, registry))
    columns = ["site", "parameter", "observed_at", "kg_measured", "kg", "substituted", "rule", "clause"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts)[columns].sort_values([*_SERIES, "observed_at"], ignore_index=True)


def _runs(frame: pd.DataFrame, gap: pd.Series) -> pd.Series:
    """Give a number to each run of equal `gap` within each series of a sorted frame."""
    changed = (gap != gap.shift()) | (frame["site"] != frame["site"].shift())
    changed |= frame["parameter"] != frame["parameter"].shift()
    return changed.cumsum()


def _gas(table: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    frame = table.sort_values([*_SERIES, "observed_at"], ignore_index=True)
    gap = ~frame["valid"]
    frame["run"] = _runs(frame, gap)
    frame["length"] = frame.groupby("run")["run"].transform("size")
    rates = capture_rate(frame, registry=registry)
    quarter = frame["observed_at"].dt.to_period("Q").astype("str").str.replace("Q", "-Q")
    frame["alpha"] = (
        frame[_SERIES]
        .assign(quarter=quarter)
        .merge(rates, on=[*_SERIES, "quarter"], how="left")["rate"]
        .to_numpy()
    )
    standard = registry.of_topic("gas-validity")[-1]
    result = frame.assign(
        kg_measured=frame["kg"],
        kg=frame["kg"],
        substituted=False,
        rule=np.where(gap, "no-rule", ""),
        clause="",
    )
    anchor = _anchor(frame, gap)
    for name, rule in standard.tables["substitution"].items():
        best = _largest_before(frame, int(rule["valid_hours"]), anchor)
        hit = (gap & _applies(frame, rule)).to_numpy() & ~np.isnan(best)
        result.loc[hit, "kg"] = best[hit]
        result.loc[hit, "substituted"] = True
        result.loc[hit, "rule"] = name
        result.loc[hit, "clause"] = rule["clause"]
    return result


def _applies(frame: pd.DataFrame, rule: Mapping[str, Any]) -> pd.Series:
    fits = frame["alpha"] >= float(rule["alpha_from"])
    if "alpha_below" in rule:
        fits &= frame["alpha"] < float(rule["alpha_below"])
    if "run_up_to" in rule:
        fits &= frame["length"] <= int(rule["run_up_to"])
    if "run_over" in rule:
        fits &= frame["length"] > int(rule["run_over"])
    return fits


def _anchor(frame: pd.DataFrame, gap: pd.Series) -> npt.NDArray[np.intp]:
    """Row before which the valid hours are taken: the gap's first, or the last calibration before it.

    An out-of-control run with no calibration before it is counted from its own start.
    """
    position = np.arange(len(frame))
    run_start = pd.Series(position).groupby(frame["run"]).transform("min")
    calibrated = pd.Series(np.where(frame["calibration"], position, np.nan), index=frame.index)
    last = calibrated.groupby([frame["site"], frame["parameter"]]).ffill()
    before = last.reindex(run_start - 1).to_numpy()
    same = frame["site"].reindex(run_start - 1).to_numpy() == frame["site"].to_numpy()
    same &= frame["parameter"].reindex(run_start - 1).to_numpy() == frame["parameter"].to_numpy()
    lost = (frame["kind"] == OUT_OF_CONTROL).groupby(frame["run"]).transform("any").to_numpy()
    chosen = np.where(lost & same & ~np.isnan(before), before, run_start.to_numpy())
    return np.where(gap, chosen, position).astype(np.intp)


def _largest_before(frame: pd.DataFrame, hours: int, anchor: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Largest mass of the last `hours` valid, running hours of the series before each row's anchor."""
    counts = frame["valid"] & (frame["kind"] != STOPPED)
    valid = frame[counts]
    rolled = valid.groupby(_SERIES, sort=False)["kg"].rolling(hours, min_periods=1).max()
    by_row = pd.Series(rolled.to_numpy(), index=rolled.index.get_level_values(-1)).reindex(frame.index)
    carried = by_row.groupby([frame["site"], frame["parameter"]]).ffill()
    # what was known one row before the anchor, within the same series
    shifted = carried.groupby([frame["site"], frame["parameter"]]).shift()
    return np.asarray(shifted.to_numpy()[anchor], dtype=np.float64)


def _water(grid: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Fill concentrations and flow first, then multiply; measured values are left alone."""
    rule = registry.of_topic("wastewater-validity")[-1].rule("substitution")
    measured = mass_of_grid(grid)
    filled = _filled(grid, rule)
    usable = filled["value"].notna()
    counted = mass_of_grid(filled.assign(valid=filled["valid"] | (usable & (filled["kind"] != STOPPED))))
    gap = ~measured["valid"]
    done = gap & counted["kg"].notna()
    return measured.assign(
        kg_measured=measured["kg"],
        kg=counted["kg"],
        substituted=done,
        rule=np.select([done, gap], ["preceding-period", "no-rule"], ""),
        clause=np.where(done, rule["clause"], ""),
    )


def filled_wastewater(
    hours: pd.DataFrame,
    *,
    registry: Registry,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
) -> pd.DataFrame:
    """Fill the gaps of wastewater values: for statistics only, a verdict never rests on them.

    Parameters
    ----------
    hours, registry, start, end
        As in `emission_mass.hourly_grid`.

    Returns
    -------
    DataFrame
        site, parameter, observed_at, value (measured or filled; NaN where nothing precedes), filled; sorted.

    Notes
    -----
    HJ 356-2019: mean of the preceding period of equal length, reaching further back over its own gaps; pH:
    median. Hours without discharge are left as they are.
    """
    grid = hourly_grid(hours, registry=registry, start=start, end=end)
    water = grid[grid["medium"] == "wastewater"]
    if water.empty:
        return water.assign(filled=False)[[*_SERIES, "observed_at", "value", "filled"]]
    done = _filled(water, registry.of_topic("wastewater-validity")[-1].rule("substitution"))
    filled = ~done["valid"] & done["value"].notna()
    return done.assign(filled=filled)[[*_SERIES, "observed_at", "value", "filled"]]


def _filled(grid: pd.DataFrame, rule: Mapping[str, Any]) -> pd.DataFrame:
    """Fill each gap of N hours with the mean (median) of the N valid hours before it."""
    frame = grid.sort_values([*_SERIES, "observed_at"], ignore_index=True)
    gap = ~frame["valid"] & (frame["kind"] != STOPPED)
    idle = frame["kind"] == STOPPED
    # a pause without discharge lies inside a gap without ending it or lengthening it
    run = _runs(frame[~idle], gap[~idle])
    length = run.groupby(run).transform("size")
    starts = frame[~idle][gap[~idle] & (run != run.shift())]
    runs = pd.DataFrame({"run": run[starts.index], "length": length[starts.index]})
    valid = frame[frame["valid"] & ~idle]
    order = valid.groupby(_SERIES).cumcount()
    # valid hours of the same series before the start of each gap
    before = (frame["valid"] & ~idle).groupby([frame["site"], frame["parameter"]]).cumsum()[starts.index]
    runs["have"] = before.to_numpy()
    runs["take"] = np.minimum(runs["length"], runs["have"])
    runs[_SERIES] = starts[_SERIES]
    wanted = runs.loc[runs.index.repeat(runs["take"])]
    step = wanted.groupby(level=0).cumcount()
    wanted = wanted.assign(order=wanted["have"] - 1 - step)
    source = valid[[*_SERIES, "value"]].assign(order=order)
    found = wanted.merge(source, on=[*_SERIES, "order"], how="left")
    grouped = found.groupby(["run", "parameter"])["value"]
    filler = pd.DataFrame({"mean": grouped.mean(), "median": grouped.median()}).reset_index()
    method = filler["parameter"].map(lambda key: rule.get(key, rule["default"]))
    filler["fill"] = np.where(method == "median", filler["median"], filler["mean"])
    fill = run.map(filler.set_index("run")["fill"]).reindex(frame.index)
    return frame.assign(value=frame["value"].where(~gap, fill))
