"""Exceedance of a section's own target class (规定类别), not of class Ⅲ.

A section whose target is Ⅳ does not exceed at class Ⅳ, one whose target is Ⅱ already exceeds at Ⅲ.
Source: 环办〔2011〕22号, 超标倍数; functional-zone attainment (功能区达标) follows the zone's target instead of Ⅲ.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.registry import Registry
from indicators.water_class import result_label, sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, classify_values, reference_limits
from vocabulary.rounding import round_half_even

#: multiples that agree so far are equal
_TIE_PLACES = 9
#: columns that `target_exceedances` returns, in order
TARGET_COLUMNS: tuple[str, ...] = (
    "site",
    "parameter",
    "value",
    "class",
    "target_class",
    "limit",
    "multiple",
    "standard",
)


def target_exceedances(
    means: pd.DataFrame,
    sections: pd.DataFrame,
    *,
    registry: Registry,
    day: dt.date,
    value: str = "rounded",
    standard: str | None = None,
) -> pd.DataFrame:
    """List the items of sections beyond the sections' own target class, worst first.

    Parameters
    ----------
    means : DataFrame
        Columns site, parameter and `value`; e.g. from `section_means`. One row a site and parameter.
    sections : DataFrame
        Columns site, waterbody, target_class (NA: no target, nothing to exceed).
    registry : Registry
    day : date
        Last day of the period: its editions apply.
    value : str
        Column of the concentrations, in canonical units; rounded means are what attainment compares.
    standard : str, optional
        Id of another class standard.

    Returns
    -------
    DataFrame, one row a site and item beyond the target
        value, class (of the item, 1…6), target_class, limit (of the target class; NaN for pH), multiple
        ((C - C_target) / C_target, one decimal; NaN for pH, DO, water temperature), standard. Sorted by
        site; within it by class, then by multiple, the largest first.
    """
    evaluation = registry.in_force(EVALUATION_TOPIC, day)
    class_standard = registry.in_force(CLASS_TOPIC, day) if standard is None else registry.get(standard)
    rule = evaluation.rule("main_pollutants.section")
    items = list(evaluation.rule("items.section")["parameters"])
    rows = means[means["parameter"].isin(items)].reset_index(drop=True)
    own = sections_by_site(sections, rows["site"])
    water = own["waterbody"].to_numpy(dtype=object)
    target = own["target_class"].to_numpy(dtype=np.int8, na_value=0)
    given = rows[value].to_numpy(dtype=np.float64)
    classes = np.zeros(len(rows), dtype=np.int8)
    limit = np.full(len(rows), np.nan)
    for name in rows["parameter"].unique().tolist():
        here = (rows["parameter"] == name).to_numpy(dtype=np.bool_)
        classes[here] = classify_values(name, given[here], water[here], class_standard)
        for number in np.unique(target[here & (target > 0)]).tolist():
            at = here & (target == number)
            limit[at] = reference_limits(name, water[at], class_standard, number)
    times = round_half_even((given - limit) / limit, rule["multiple_places"])
    plain = rows["parameter"].isin(rule["no_multiple"]).to_numpy(dtype=np.bool_)
    table = pd.DataFrame(
        {
            "site": rows["site"],
            "parameter": rows["parameter"],
            "value": given,
            "class": classes,
            "target_class": own["target_class"].array,
            "limit": limit,
            "multiple": np.where(plain, np.nan, times),
            "standard": pd.Series(result_label(class_standard, evaluation), index=rows.index, dtype="str"),
        }
    )
    place = rows["parameter"].map({name: number for number, name in enumerate(items)})
    # items are ordered as the exact multiple says, not as the printed one does; ties as in the table
    exact = np.round(np.nan_to_num((given - limit) / limit, nan=-np.inf), _TIE_PLACES)
    exact = np.where(plain, -np.inf, exact)
    beyond = (target > 0) & (classes > target)
    order = table.assign(_exact=exact, _place=place)[beyond].sort_values(
        ["site", "class", "_exact", "_place"], ascending=[True, False, False, True], kind="stable"
    )
    return order[list(TARGET_COLUMNS)].reset_index(drop=True)


def target_texts(exceedances: pd.DataFrame) -> pd.Series:
    """Write the items beyond the target as results do: 'nh3_n=0.2;tp=0.1;do' (DO and pH without a multiple).

    Parameters
    ----------
    exceedances : DataFrame
        From `target_exceedances`.

    Returns
    -------
    Series of str, index site
    """
    shown = np.char.mod("=%.1f", exceedances["multiple"].to_numpy(dtype=np.float64)).astype(object)
    bare = exceedances["multiple"].isna().to_numpy(dtype=np.bool_)
    text = exceedances["parameter"].astype(object) + np.where(bare, "", shown)
    joined = text.groupby(exceedances["site"]).agg(";".join)
    return pd.Series(joined, dtype="str")
