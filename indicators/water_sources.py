"""Drinking-water sources (饮用水水源): every item of table 1 within class Ⅲ, every item of table 2 within its limit.

Source: GB 3838-2002 tables 1 and 2 (集中式生活饮用水地表水源地补充项目); total nitrogen, water temperature and
fecal coliform are left out, as in the section evaluation.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.registry import Registry
from indicators.water_class import result_label, sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, classify_values

_SOURCE_CLASS = 3
_NOISE = 1e-9


def judge_drinking_sources(
    means: pd.DataFrame,
    sections: pd.DataFrame,
    *,
    registry: Registry,
    day: dt.date,
    value: str = "rounded",
) -> pd.DataFrame:
    """Judge surface drinking-water sources.

    Parameters
    ----------
    means : DataFrame
        Columns site, parameter and `value` (canonical units); e.g. from `section_means`.
    sections : DataFrame
        Columns site, waterbody, target_class: the sources.
    registry : Registry
    day : date
        Last day of the period: its editions apply.
    value : str
        Column of the concentrations.

    Returns
    -------
    DataFrame, one row a site with items that can be judged, sorted
        attained (every item), items_used, beyond (items not within, in table order), standard.
    """
    evaluation = registry.in_force(EVALUATION_TOPIC, day)
    standard = registry.in_force(CLASS_TOPIC, day)
    basic = list(evaluation.rule("items.section")["parameters"])
    extra = {rule["parameter"]: rule for rule in standard.tables["drinking_source"].values()}
    order = {name: place for place, name in enumerate([*basic, *extra])}
    rows = means[means["site"].isin(sections["site"]) & means["parameter"].isin(list(order))]
    rows = rows.reset_index(drop=True)
    water = sections_by_site(sections, rows["site"])["waterbody"].to_numpy(dtype=object)
    given = rows[value].to_numpy(dtype=np.float64)
    judged = np.zeros(len(rows), dtype=np.bool_)
    beyond = judged.copy()
    for name in rows["parameter"].unique().tolist():
        here = (rows["parameter"] == name).to_numpy(dtype=np.bool_)
        if name in extra:
            limit = float(extra[name]["limit"])
            judged[here] = given[here] >= 0
            beyond[here] = given[here] > limit * (1 + _NOISE)
        else:
            number = classify_values(name, given[here], water[here], standard)
            judged[here] = number > 0
            beyond[here] = number > _SOURCE_CLASS
    table = rows[["site", "parameter"]].assign(beyond=beyond)[judged]
    table = table.assign(_place=table["parameter"].map(order)).sort_values(["site", "_place"])
    grouped = table.groupby("site", sort=True)
    result = grouped.agg(items_used=("parameter", "size"), worse=("beyond", "any"))
    names = table[table["beyond"]].groupby("site")["parameter"].agg(",".join)
    result.insert(0, "attained", ~result.pop("worse"))
    result["beyond"] = names.reindex(result.index).astype("str").fillna("")
    result["standard"] = pd.Series(result_label(standard, evaluation), index=result.index, dtype="str")
    return result.reset_index()
