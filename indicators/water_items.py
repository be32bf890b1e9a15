"""Which items the national network evaluates: five always, X by what went wrong (5+X).

Source: “十四五”国家地表水监测方案 (9+X), 环办监测函〔2020〕714号 (5+X). Sections of the county's own network are
evaluated by every one of the 21 items that is there.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.registry import Registry
from indicators.water_class import sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, classify_values


def national_items(
    means: pd.DataFrame,
    sections: pd.DataFrame,
    *,
    registry: Registry,
    day: dt.date,
    value: str = "rounded",
) -> pd.DataFrame:
    """List the items that sections of the national network are evaluated by.

    Parameters
    ----------
    means : DataFrame
        Columns site, parameter and `value`: results of the last and the current year (of months, or of
        samplings), any number of rows a site and parameter.
    sections : DataFrame
        Columns site, waterbody, target_class.
    registry : Registry
    day : date
        Its editions apply.
    value : str
        Column of the concentrations.

    Returns
    -------
    DataFrame, sorted by site and table order
        site, parameter, reason ('always' | 'beyond'): the five items, and X, those of table 1 (21 items)
        beyond class Ⅲ, or beyond the section's target where that is Ⅰ or Ⅱ.
    """
    evaluation = registry.in_force(EVALUATION_TOPIC, day)
    standard = registry.in_force(CLASS_TOPIC, day)
    rule = evaluation.rule("items.national_evaluated")
    items = list(evaluation.rule("items.section")["parameters"])
    rows = means[means["parameter"].isin(items) & means["site"].isin(sections["site"])]
    rows = rows.reset_index(drop=True)
    own = sections_by_site(sections, rows["site"])
    reference = np.minimum(
        own["target_class"].to_numpy(dtype=np.int8, na_value=rule["beyond_class"]), rule["beyond_class"]
    )
    water = own["waterbody"].to_numpy(dtype=object)
    given = rows[value].to_numpy(dtype=np.float64)
    classes = np.zeros(len(rows), dtype=np.int8)
    for name in rows["parameter"].unique().tolist():
        here = (rows["parameter"] == name).to_numpy(dtype=np.bool_)
        classes[here] = classify_values(name, given[here], water[here], standard)
    beyond = rows.loc[classes > reference, ["site", "parameter"]].assign(reason="beyond")
    always = sections[["site"]].merge(pd.DataFrame({"parameter": rule["parameters"]}), how="cross")
    table = pd.concat([always.assign(reason="always"), beyond], ignore_index=True)
    table = table.drop_duplicates(["site", "parameter"])
    place = table["parameter"].map({name: number for number, name in enumerate(items)})
    order = table.assign(_place=place).sort_values(["site", "_place"])
    return order[["site", "parameter", "reason"]].astype("str").reset_index(drop=True)
