"""Reductions by key projects (重点工程减排量): checks of a claimed amount, and sums of recognised ones.

The amounts themselves come with their evidence from the ledger of projects; nothing here replaces the
recognition (核定) by the higher authority.
Source: 《主要污染物总量减排核算技术指南》(2021), 国发〔2021〕33号.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard

TOPIC = "key-project-reduction"
RECOGNISED, CLAIMED = "recognised", "claimed"
FloatArray = npt.NDArray[np.float64]


def _array(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


def sewage_tonnes(
    volume: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, standard: Standard
) -> FloatArray:
    """Return t: volume in 10⁴ m³, concentrations before and after in mg/L."""
    factor = float(standard.rule("formulas.sewage")["factor"])
    return np.asarray(_array(volume) * (_array(before) - _array(after)) * factor)


def gas_tonnes(
    flow: npt.ArrayLike, hours: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, standard: Standard
) -> FloatArray:
    """Return t: dry standard flow in m³/h, operating hours, concentrations before and after in mg/m³."""
    factor = float(standard.rule("formulas.gas")["factor"])
    return np.asarray(_array(flow) * _array(hours) * (_array(before) - _array(after)) * factor)


def coal_replaced_tonnes(
    coal: npt.ArrayLike, emission_factor: npt.ArrayLike, removal: npt.ArrayLike, standard: Standard
) -> FloatArray:
    """Return t: coal replaced in t, emission factor in kg/t, removal (0…1) of the equipment it had."""
    factor = float(standard.rule("formulas.coal_replaced")["factor"])
    return np.asarray(_array(coal) * _array(emission_factor) * factor * (1.0 - _array(removal)))


def voc_treated_tonnes(
    generated: npt.ArrayLike, treated_before: npt.ArrayLike, treated_after: npt.ArrayLike
) -> FloatArray:
    """Return t: VOCs generated in t; collection x removal (0…1) before and after the project."""
    return np.asarray(_array(generated) * (_array(treated_after) - _array(treated_before)))


def voc_substituted_tonnes(
    used: npt.ArrayLike, content_before: npt.ArrayLike, content_after: npt.ArrayLike
) -> FloatArray:
    """Return t: material used in t, its VOC content (0…1) before and after the substitution at the source."""
    return np.asarray(_array(used) * (_array(content_before) - _array(content_after)))


def first_year_part(
    tonnes: npt.ArrayLike, months: npt.ArrayLike, standard: Standard
) -> tuple[FloatArray, FloatArray]:
    """Split a year's amount of a project by its months of operation: (this year, next year)."""
    whole = _array(tonnes)
    now = whole * _array(months) / int(standard.rule("accounting.plan")["months_a_year"])
    return now, whole - now


def cumulative_reduction(ledger: pd.DataFrame, standard: Standard, *, as_of: dt.date) -> pd.DataFrame:
    """Sum what was recognised, year by year, as it was known on a day.

    Parameters
    ----------
    ledger : DataFrame
        Append-only statements: project, pollutant, year, tonnes, state ('recognised' 核定 | 'claimed' 上报),
        stated_on (day). Of statements about one project, pollutant, year and state the last one counts. What
        is used to offset new or expanded projects is a statement with negative tonnes.
    standard : Standard
        Of topic key-project-reduction: its years.
    as_of : date
        Statements after this day are not known yet.

    Returns
    -------
    DataFrame, one row a pollutant and year of the plan that has begun by `as_of`, sorted
        tonnes (recognised in the year), cumulative (recognised since the plan's first year), claimed (of
        the year, kept apart: never in the sum), projects (recognised in the year).

    Raises
    ------
    ValueError
        For another state, or a year outside the plan.
    """
    rule = standard.rule("accounting.plan")
    first, last = int(rule["first_year"]), int(rule["last_year"])
    strange = ledger["state"][~ledger["state"].isin([RECOGNISED, CLAIMED])]
    if len(strange):
        raise ValueError(
            f"ledger, row {strange.index[0]}: state {strange.iloc[0]!r}; expected recognised or claimed"
        )
    outside = ledger["year"][~ledger["year"].between(first, last)]
    if len(outside):
        raise ValueError(
            f"ledger, row {outside.index[0]}: year {outside.iloc[0]}; expected {first} to {last}"
        )
    known = ledger[pd.to_datetime(ledger["stated_on"]) <= pd.Timestamp(as_of)]
    keys = ["project", "pollutant", "year", "state"]
    current = known.sort_values("stated_on", kind="stable").drop_duplicates(keys, keep="last")
    pollutants = sorted(known["pollutant"].unique())
    years = range(first, min(last, as_of.year) + 1)
    index = pd.MultiIndex.from_product([pollutants, years], names=["pollutant", "year"])
    recognised = current[current["state"] == RECOGNISED].groupby(["pollutant", "year"])
    claimed = current[current["state"] == CLAIMED].groupby(["pollutant", "year"])
    table = pd.DataFrame(
        {
            "tonnes": recognised["tonnes"].sum().reindex(index).fillna(0.0),
            "claimed": claimed["tonnes"].sum().reindex(index).fillna(0.0),
            "projects": recognised.size().reindex(index).fillna(0).astype("int64"),
        },
        index=index,
    )
    table.insert(1, "cumulative", table.groupby("pollutant")["tonnes"].cumsum())
    return table.reset_index()


def reduction_progress(cumulative: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
    """Return progress in %: recognised sum over target; NaN without a target above 0."""
    wanted = _array(target)
    return np.asarray(_array(cumulative) / np.where(wanted > 0, wanted, np.nan) * 100.0)


def fall_progress(base: npt.ArrayLike, now: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
    """Return progress in % from a base towards a target: (base - now)/(base - target); NaN where both are one."""
    way = _array(base) - _array(target)
    return np.asarray((_array(base) - _array(now)) / np.where(way != 0, way, np.nan) * 100.0)
