"""Two indices of surface water: trophic state of lakes (TLI) and the ranking index of places (CWQI).

Source: 环办〔2011〕22号 二(三)2 (营养状态); 城市地表水环境质量排名技术规定(试行) 2017 (CWQI).
Both take the long frame of `indicators.water_evaluation.section_means`.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from indicators.registry import Registry
from indicators.water_class import sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, FloatArray, limit_rules, reference_limits

#: indices that agree so far are equal
_GRADE_PLACES = 9


def trophic_state(means: pd.DataFrame, *, registry: Registry, day: dt.date) -> pd.DataFrame:
    """Compute TLI(Σ) and its grade for lakes and reservoirs.

    Parameters
    ----------
    means : DataFrame
        Columns site, parameter, mean (canonical units: chl_a mg/L, transparency m, others mg/L).
    registry : Registry
    day : date
        Last day of the period.

    Returns
    -------
    DataFrame, one row a site, sorted
        tli (NaN unless all five items are there and positive: weights are not re-shared), grade_zh,
        grade_en, n_items, tli_chl_a … tli_cod_mn, standard.
    """
    standard = registry.in_force("trophic-index", day)
    items = standard.tables["items"]
    rows = means[means["parameter"].isin(list(items))]
    # one mean a site and item: a repeated one is an error, so no pivot_table that would average it
    wide = rows.set_index(["site", "parameter"])["mean"].unstack("parameter")  # noqa: PD010 - see above
    wide = wide.reindex(columns=list(items))
    square_sum = sum(rule["r"] ** 2 for rule in items.values())
    result = pd.DataFrame(index=wide.index)
    total = np.zeros(len(wide))
    for name, rule in items.items():
        value = wide[name].to_numpy(dtype=np.float64)
        scaled = np.where(value > 0, value * rule["factor"], np.nan)
        single = 10.0 * (rule["intercept"] + rule["slope"] * np.log(scaled))
        result[f"tli_{name}"] = single
        total += rule["r"] ** 2 / square_sum * single
    result.insert(0, "tli", total)
    result.insert(1, "n_items", result[[f"tli_{name}" for name in items]].notna().sum(axis=1))
    # an index that is 50 on paper may be a hair above it in binary
    graded = np.round(total, _GRADE_PLACES)
    for language in ("en", "zh"):
        grade = np.full(len(total), "", dtype=object)
        undecided = ~np.isnan(total)
        for rule in standard.tables["grades"].values():
            here = undecided.copy()
            if "below" in rule:
                here &= graded < rule["below"]
            if "to" in rule:
                here &= graded <= rule["to"]
            grade[here] = rule[language]
            undecided &= ~here
        result.insert(1, f"grade_{language}", pd.Series(grade, index=result.index, dtype="str"))
    result["standard"] = pd.Series(standard.label, index=result.index, dtype="str")
    return result.rename_axis(columns=None).reset_index()


def section_index(
    means: pd.DataFrame, sections: pd.DataFrame, *, registry: Registry, day: dt.date
) -> pd.DataFrame:
    """Compute the CWQI of sections: the sum of the single indices of the items of a section's class.

    Parameters
    ----------
    means : DataFrame
        Columns site, parameter, mean (non-detects already at half their limit).
    sections : DataFrame
        Columns site, waterbody, target_class.
    registry : Registry
    day : date
        Last day of the period.

    Returns
    -------
    DataFrame, one row a site, sorted
        cwqi (NaN without items, or with DO at 0), n_items, items, standard. An item that is not
        monitored lowers the sum: compare equal `items` only.
    """
    standard = registry.in_force("water-index", day)
    class_standard = registry.in_force(CLASS_TOPIC, day)
    items = registry.in_force(EVALUATION_TOPIC, day).rule("items.section")["parameters"]
    rows = means[means["parameter"].isin(items)].reset_index(drop=True)
    water = sections_by_site(sections, rows["site"])["waterbody"].to_numpy(dtype=object)
    value = rows["mean"].to_numpy(dtype=np.float64)
    single = np.full(len(rows), np.nan)
    ph = standard.rule("item.ph")
    for name in rows["parameter"].unique().tolist():
        here = (rows["parameter"] == name).to_numpy(dtype=np.bool_)
        kind = limit_rules(name, class_standard)[0]["kind"]
        if kind == "range":
            single[here] = _ph_index(value[here], ph["neutral"], ph["acid_span"], ph["alkaline_span"])
            continue
        rule = standard.rule("item.do" if kind == "lower" else "item.upper")
        limit = reference_limits(name, water[here], class_standard, rule["reference_class"])
        if kind == "lower":
            # at 0 mg/L the index has no value; the section then has none either
            positive = value[here] > 0
            single[here] = np.where(positive, limit / np.where(positive, value[here], 1.0), np.inf)
        else:
            single[here] = value[here] / limit
    rows["single"] = single
    rows["order"] = rows["parameter"].map({name: number for number, name in enumerate(items)})
    judged = rows.dropna(subset=["single"]).sort_values(["site", "order"])
    grouped = judged.groupby("site", sort=True)
    result = pd.DataFrame(
        {
            "cwqi": grouped["single"].sum().replace(np.inf, np.nan),
            "n_items": grouped.size(),
            "items": grouped["parameter"].agg(",".join).astype("str"),
        }
    )
    result["standard"] = pd.Series(standard.label, index=result.index, dtype="str")
    return result.rename_axis("site").reset_index()


def _ph_index(values: FloatArray, neutral: float, acid_span: float, alkaline_span: float) -> FloatArray:
    away = values - neutral
    return np.where(away <= 0, -away / acid_span, away / alkaline_span)


def place_index(indices: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Average the CWQI of the sections of each place (district, city).

    Parameters
    ----------
    indices : DataFrame
        From `section_index`.
    places : DataFrame
        Columns site, place.

    Returns
    -------
    DataFrame, one row a place, best (smallest) first
        place, cwqi, n_sections, same_items (all its sections have the same items: comparable).
    """
    rows = places[["site", "place"]].drop_duplicates().merge(indices, on="site").dropna(subset=["cwqi"])
    grouped = rows.groupby("place", sort=True)
    item_sets = grouped["items"].nunique()
    table = pd.DataFrame(
        {
            "cwqi": grouped["cwqi"].mean(),
            "n_sections": grouped.size(),
            "same_items": item_sets == 1,
        }
    )
    return table.rename_axis("place").reset_index().sort_values(["cwqi", "place"], ignore_index=True)


def change_rate(before: float, now: float) -> float:
    """Return the change of an index in %; negative is better; NaN when there was none before."""
    return (now - before) / before * 100.0 if before else float("nan")
