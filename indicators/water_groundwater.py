"""Class of groundwater: the worst item gives the class; Ⅴ is worse than the Ⅳ limit.

Source: GB/T 14848-2017, 4 (classes), table 1 (limits), single-factor evaluation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from indicators.registry import Registry, Standard
from indicators.water_limits import calculation_values, classify_values, limit_rules

TOPIC = "groundwater-class"
_NAMED = 3


def classify_groundwater(
    readings: pd.DataFrame, *, registry: Registry, standard: str | None = None
) -> pd.DataFrame:
    """Classify every sampling of groundwater points.

    Parameters
    ----------
    readings : DataFrame
        Columns site, observed_at, parameter, value, censor, detection_limit. Parameters without limits
        are ignored. A non-detect counts half its limit; where class Ⅰ means "not detected" it is class Ⅰ.
    registry : Registry
    standard : str, optional
        Id of the standard to use in place of the one in force on each row's day.

    Returns
    -------
    DataFrame, one row a (site, observed_at), sorted
        class (Int8 1…5, NA when no item could be judged), items_used, worst (up to three items of that
        class in table order, '' for Ⅰ–Ⅲ), nd_limited (the class hangs on a non-detect), standard.
        Days before every edition give no row.
    """
    if standard is None:
        spans = [
            (edition, readings[mask]) for edition, mask in registry.spans(TOPIC, readings["observed_at"])
        ]
    else:
        spans = [(registry.get(standard), readings)]
    parts = [_classify(rows, edition) for edition, rows in spans]
    if not parts:
        parts = [_classify(readings[:0], registry.of_topic(TOPIC)[-1])]
    return pd.concat(parts, ignore_index=True).sort_values(["site", "observed_at"], ignore_index=True)


def _classify(readings: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    values, undetected = calculation_values(readings, standard.rule("non_detect.mean")["factor"])
    keys = readings[["site", "observed_at"]]
    names = list(dict.fromkeys(rule["parameter"] for rule in standard.tables["limits"].values()))
    order = {name: number for number, name in enumerate(names)}
    item = np.zeros(len(readings), dtype=np.int8)
    for name in set(readings["parameter"].unique()) & set(names):
        here = (readings["parameter"] == name).to_numpy(dtype=np.bool_)
        item[here] = classify_values(name, values[here], "any", standard)
        if any(rule.get("non_detect_is_first", False) for rule in limit_rules(name, standard)):
            item[here & undetected & (item > 0)] = 1
    rows = keys.assign(
        parameter=readings["parameter"],
        item=item,
        certain=np.where(undetected & (item > 1), 0, item),
        used=item > 0,
    )
    grouped = rows.groupby(["site", "observed_at"], sort=True)
    table = grouped.agg(
        best_known=("item", "max"), items_used=("used", "sum"), certain=("certain", "max")
    ).reset_index()
    table["class"] = table["best_known"].astype("Int8").mask(table["best_known"] == 0)
    table["nd_limited"] = table["certain"] < table["best_known"]
    rows["worst_of_sample"] = grouped["item"].transform("max")
    bad = rows[(rows["item"] == rows["worst_of_sample"]) & (rows["item"] > _NAMED)]
    bad = bad.assign(order=bad["parameter"].map(order)).sort_values(["site", "observed_at", "order"])
    bad = bad[bad.groupby(["site", "observed_at"]).cumcount() < _NAMED]
    named = bad.groupby(["site", "observed_at"])["parameter"].agg(",".join).rename("worst").reset_index()
    table = table.merge(named, on=["site", "observed_at"], how="left")
    table["worst"] = table["worst"].astype("str").fillna("")
    table["standard"] = pd.Series(standard.label, index=table.index, dtype="str")
    return table[["site", "observed_at", "class", "items_used", "worst", "nd_limited", "standard"]]
