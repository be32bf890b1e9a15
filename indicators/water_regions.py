"""Rivers, basins, regions: one result from the results of their sections.

Fewer than five sections: the mean of each item over the sections is judged like one section. Five or
more: shares of classes (断面水质类别比例法); there is no mean class then. Classes are never averaged.
Source: 环办〔2011〕22号 二(二).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from indicators.registry import Registry, Standard
from indicators.water_class import result_label, sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, classify_values
from indicators.water_means import from_averaged, rounded_means, to_averaged
from indicators.water_result import judge
from vocabulary.rounding import round_half_even
from vocabulary.water_class import WORSE_THAN_V

REGION_COLUMNS: tuple[str, ...] = (
    "region",
    "n_sections",
    *(f"n_class_{number}" for number in range(1, WORSE_THAN_V + 1)),
    "good_share",
    "bad_share",
    "method",
    "class",
    "level",
    "label_zh",
    "label_en",
    "main",
    "shares",
    "multiples",
    "standard",
)


def evaluate_regions(
    results: pd.DataFrame,
    means: pd.DataFrame,
    regions: pd.DataFrame,
    sections: pd.DataFrame,
    *,
    registry: Registry,
    day: dt.date,
    standard: str | None = None,
) -> pd.DataFrame:
    """Evaluate rivers, basins or regions.

    Parameters
    ----------
    results : DataFrame
        From `evaluate_sections`; only valid rows with a class take part.
    means : DataFrame
        From `section_means` of the same readings and period.
    regions : DataFrame
        Columns site, region; a site may belong to several regions.
    sections : DataFrame
        Columns site, waterbody, target_class.
    registry : Registry
    day : date
        Last day of the period: its editions apply.
    standard : str, optional
        Id of another class standard.

    Returns
    -------
    DataFrame, one row a region with at least one evaluated section, sorted
        n_sections and n_class_1…n_class_6 (counts), good_share (Ⅰ–Ⅲ) and bad_share (劣Ⅴ) in %, unrounded,
        method ('mean' | 'shares'), class (Int8; method mean only), level (1 优 … 5 重度污染), label_zh,
        label_en, main (up to three items when worse than 良好), shares ('tp=40.0;…': 断面超标率 of
        these, method shares), multiples (method mean), standard.
    """
    evaluation = registry.in_force(EVALUATION_TOPIC, day)
    class_standard = registry.in_force(CLASS_TOPIC, day) if standard is None else registry.get(standard)
    evaluated = results[results["valid"] & results["class"].notna()][["site", "class"]]
    member = regions[["site", "region"]].drop_duplicates().merge(evaluated, on="site", how="inner")
    counts = (
        pd.crosstab(member["region"], member["class"].astype("int64"))
        .reindex(columns=range(1, WORSE_THAN_V + 1), fill_value=0)
        .sort_index()
    )
    total = counts.sum(axis=1)
    table = counts.add_prefix("n_class_").rename_axis(columns=None)
    table.insert(0, "n_sections", total)
    table["good_share"] = 100 * counts[[1, 2, 3]].sum(axis=1) / total
    table["bad_share"] = 100 * counts[WORSE_THAN_V] / total
    few = (total < evaluation.rule("region.few")["fewer_than"]).to_numpy(dtype=np.bool_)
    table["method"] = pd.Series(np.where(few, "mean", "shares"), index=table.index, dtype="str")
    own = means.merge(member[["site", "region"]], on="site", how="inner")
    by_mean = _by_mean(own, table.index[few], sections, class_standard, evaluation)
    table["class"] = by_mean["class"].reindex(table.index).astype("Int8")
    table["level"] = _levels(table, evaluation)
    by_share = _by_share(own, table, sections, class_standard, evaluation)
    polluted = (table["level"] > 2).fillna(value=False)  # noqa: PLR2004 - levels: 1 优, 2 良好
    for column in ("main", "shares", "multiples"):
        text = by_mean[column].reindex(table.index).astype("str").fillna("")
        if column in by_share:
            text = text.where(few, by_share[column].reindex(table.index).astype("str").fillna(""))
        table[column] = text.where(polluted, "").astype("str")
    for language in ("zh", "en"):
        words = {rule["level"]: rule[language] for rule in evaluation.tables["levels"].values()}
        table[f"label_{language}"] = table["level"].map(words).astype("str").fillna("")
    table["standard"] = pd.Series(result_label(class_standard, evaluation), index=table.index, dtype="str")
    return table.rename_axis("region").reset_index()[list(REGION_COLUMNS)]


def levels_of_classes(classes: pd.Series, evaluation: Standard) -> pd.Series:
    """Return the level of each class: Ⅰ–Ⅱ 优 (1), Ⅲ 良好 (2), Ⅳ 轻度 (3), Ⅴ 中度 (4), 劣Ⅴ 重度污染 (5).

    Parameters
    ----------
    classes : Series of Int8, n
    evaluation : Standard
        Of topic surface-water-evaluation; its table `levels` also has the words and colours.

    Returns
    -------
    Series of Int8, n, same index
        NA where there is no class.
    """
    of_class = {
        number: rule["level"] for rule in evaluation.tables["levels"].values() for number in rule["classes"]
    }
    return classes.map(of_class).astype("Int8")


def _levels(table: pd.DataFrame, evaluation: Standard) -> pd.Series:
    """Level 1 (优) to 5 (重度污染): from the class of the mean, or from the shares."""
    level = levels_of_classes(table["class"], evaluation)
    open_ = (table["method"] == "shares").to_numpy(dtype=np.bool_, copy=True)
    good, bad = table["good_share"].to_numpy(), table["bad_share"].to_numpy()
    for rule in evaluation.rule("region.shares")["rules"]:
        holds = open_.copy()
        if "good_at_least" in rule:
            holds &= good >= rule["good_at_least"]
        if "bad_at_least" in rule:
            holds &= bad >= rule["bad_at_least"]
        level = level.mask(holds, rule["level"])
        open_ &= ~holds
    return level


def _by_mean(
    own: pd.DataFrame,
    few: pd.Index,
    sections: pd.DataFrame,
    class_standard: Standard,
    evaluation: Standard,
) -> pd.DataFrame:
    """Judge the means over the sections of regions with few of them; index region."""
    rows = own[own["region"].isin(few)].reset_index(drop=True)
    rows["x"] = to_averaged(rows["parameter"], rows["mean"].to_numpy(dtype=np.float64), evaluation)
    mean = (
        rows.groupby(["region", "parameter"], sort=True).agg(x=("x", "mean"), nd=("nd", "all")).reset_index()
    )
    value = from_averaged(mean["parameter"], mean["x"].to_numpy(dtype=np.float64), evaluation)
    rows["waterbody"] = sections_by_site(sections, rows["site"])["waterbody"]
    kinds = rows.groupby("region")["waterbody"].agg(["first", "nunique"]).reindex(few)
    # rivers and lakes together have no common TP limit: not guessed
    water = kinds["first"].where(kinds["nunique"] == 1, "").to_numpy(dtype=object)
    judged = judge(
        sample=few.get_indexer(mean["region"]).astype(np.int64),
        parameter=mean["parameter"],
        values=rounded_means(mean["parameter"], value, evaluation),
        undetected=mean["nd"].to_numpy(dtype=np.bool_),
        waterbody=water,
        class_standard=class_standard,
        evaluation=evaluation,
    )
    classes = pd.Series(judged.classes, index=few).astype("Int8")
    return pd.DataFrame(
        {
            "class": classes.mask(classes == 0),
            "main": judged.worst,
            "shares": "",
            "multiples": judged.multiples,
        },
        index=few,
    )


def _by_share(
    own: pd.DataFrame,
    table: pd.DataFrame,
    sections: pd.DataFrame,
    class_standard: Standard,
    evaluation: Standard,
) -> pd.DataFrame:
    """Order items by the share of sections beyond class Ⅲ (断面超标率); index region."""
    rule: dict[str, Any] = dict(evaluation.rule("main_pollutants.region"))
    items = evaluation.rule("items.section")["parameters"]
    reference = evaluation.rule("main_pollutants.section")["reference_class"]
    rows = own[own["parameter"].isin(items)].reset_index(drop=True)
    water = sections_by_site(sections, rows["site"])["waterbody"].to_numpy(dtype=object)
    value = rows["rounded"].to_numpy(dtype=np.float64)
    rows["beyond"] = False
    for name in rows["parameter"].unique().tolist():
        here = (rows["parameter"] == name).to_numpy(dtype=np.bool_)
        classes = classify_values(name, value[here], water[here], class_standard)
        rows.loc[here, "beyond"] = classes > reference
    beyond = rows[rows["beyond"]].groupby(["region", "parameter"]).size().rename("n").reset_index()
    beyond["share"] = 100 * beyond["n"] / beyond["region"].map(table["n_sections"]).astype("int64")
    beyond["order"] = beyond["parameter"].map({name: number for number, name in enumerate(items)})
    beyond = beyond.sort_values(["region", "share", "order"], ascending=[True, False, True])
    beyond = beyond[beyond.groupby("region").cumcount() < rule["most"]]
    places = rule["share_places"]
    written = np.char.mod(f"%.{places}f", round_half_even(beyond["share"].to_numpy(dtype=np.float64), places))
    beyond["text"] = beyond["parameter"] + "=" + pd.Series(written, index=beyond.index, dtype="str")
    grouped = beyond.groupby("region")
    return pd.DataFrame({"main": grouped["parameter"].agg(",".join), "shares": grouped["text"].agg(";".join)})


def share_of_classes(results: pd.DataFrame, *, worst: int = 3, best: int = 1) -> dict[str, float | int]:
    """Return numerator, denominator and percentage of valid sections with a class from `best` to `worst`.

    Parameters
    ----------
    results : DataFrame
        From `evaluate_sections`; dry sections and sections without a class are out of the denominator.
    worst, best : int
        Ⅰ–Ⅲ: 1 to 3; 劣Ⅴ: best=6, worst=6.

    Returns
    -------
    dict
        numerator, denominator, value (%, unrounded; NaN when the denominator is 0).
    """
    classes = results["class"][results["valid"] & results["class"].notna()]
    counted = int(classes.between(best, worst).sum())
    value = 100 * counted / len(classes) if len(classes) else float("nan")
    return {"numerator": counted, "denominator": len(classes), "value": value}
