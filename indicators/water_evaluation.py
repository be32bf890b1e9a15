"""Evaluation of sections over a period: rounded means, then class, attainment and validity.

Source: 环办〔2011〕22号 三 (month, quarter, year), 二(一) (section); 环办监测函〔2020〕82号 (statistics).
Classes and ratios are never averaged.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Registry, Standard
from indicators.water_class import attach, result_label, sections_by_site
from indicators.water_limits import CLASS_TOPIC, EVALUATION_TOPIC, FloatArray
from indicators.water_means import dry_months, period_means, readings_used
from indicators.water_period import Period, parse_period
from indicators.water_result import TextArray, judge

#: columns that `evaluate_sections` returns, in order
SECTION_COLUMNS: tuple[str, ...] = (
    "site",
    "period",
    "start",
    "class",
    "items_used",
    "items",
    "worst",
    "multiples",
    "target_class",
    "attained",
    "nd_limited",
    "n_samples",
    "valid",
    "means",
    "nd_items",
    "months",
    "reason",
    "standard",
)
_USES = ("evaluation", "unrounded")


def section_means(
    readings: pd.DataFrame,
    sections: pd.DataFrame,
    period: str,
    *,
    registry: Registry,
    dry: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Average every parameter of every section over a period.

    Parameters are those of `evaluate_sections`; the result is the long frame of
    `indicators.water_means.period_means` (site, parameter, mean, rounded, nd, n, months,
    complete_months): the input of regions, trophic state and CWQI.
    """
    span = parse_period(period)
    evaluation = registry.in_force(EVALUATION_TOPIC, span.last_day)
    waterbody = sections.set_index("site")["waterbody"]
    return period_means(readings, waterbody, span, evaluation, dry)


def evaluate_sections(
    readings: pd.DataFrame,
    sections: pd.DataFrame,
    period: str,
    *,
    registry: Registry,
    standard: str | None = None,
    use: str = "evaluation",
    dry: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Evaluate sections over a week, ten days, month, quarter, year or run of months.

    Parameters
    ----------
    readings : DataFrame
        Columns site, observed_at, parameter, value, censor, detection_limit, channel
        ('automatic' | 'manual'), optionally point.
    sections : DataFrame
        Columns site, waterbody ('river' | 'lake' | ''), target_class.
    period : str
        `2026-10`, `2026-Q3`, `2026`, `2026-01..2026-06`, `2026-W45`, `2026-10-D1`. The editions in force
        on its last day apply.
    registry : Registry
    standard : str, optional
        Id of another class standard.
    use : {'evaluation', 'unrounded'}
        Classify means rounded by 82号, or unrounded ones.
    dry : DataFrame, optional
        Columns site, month, reason (断流, 结冰, …): such a month is not evaluated and leaves the
        denominator; its readings are not used.

    Returns
    -------
    DataFrame, one row a site with readings or a dry month, sorted by site
        Columns as `classify_samples` (class, items_used, items, worst, multiples, target_class, attained,
        nd_limited, standard) with period, start, n_samples (sampling times), valid (enough months),
        means ('ph=8;do=7.2;…', rounded), nd_items (means below a detection limit), months (with a
        result), reason (of dry months). A section without a class is never valid.

    Raises
    ------
    ValueError
        For a period, use, channel or waterbody that is not known.
    NoStandardError
        When no edition is in force.
    """
    if use not in _USES:
        raise ValueError(f"use {use!r}; expected one of {', '.join(_USES)}")
    span = parse_period(period)
    evaluation = registry.in_force(EVALUATION_TOPIC, span.last_day)
    class_standard = (
        registry.in_force(CLASS_TOPIC, span.last_day) if standard is None else registry.get(standard)
    )
    waterbody = sections.set_index("site")["waterbody"]
    means = period_means(readings, waterbody, span, evaluation, dry)
    reasons = _reasons(dry, span)
    keys = pd.DataFrame({"site": pd.Series(sorted({*means["site"], *reasons.index}), dtype="str")})
    site = sections_by_site(sections, keys["site"])
    sample = keys.set_index("site").index.get_indexer(means["site"]).astype(np.int64)
    judged = judge(
        sample=sample,
        parameter=means["parameter"],
        values=means["rounded" if use == "evaluation" else "mean"].to_numpy(dtype=np.float64),
        undetected=means["nd"].to_numpy(dtype=np.bool_),
        waterbody=site["waterbody"].to_numpy(dtype=object),
        class_standard=class_standard,
        evaluation=evaluation,
    )
    result = attach(keys, site, judged, result_label(class_standard, evaluation))
    used = means[means["parameter"].isin(evaluation.rule("items.section")["parameters"])]
    months = used.groupby("site")[["months", "complete_months"]].max().reindex(keys["site"]).fillna(0)
    complete = months["complete_months"].to_numpy(dtype=np.int64)
    result["months"] = months["months"].to_numpy(dtype=np.int64)
    result["valid"] = result["class"].notna().to_numpy() & (complete >= months_needed(span, evaluation))
    result["period"] = pd.Series(period, index=keys.index, dtype="str")
    result["start"] = pd.Series(span.start, index=keys.index).astype("datetime64[us]")
    result["n_samples"] = _samplings(readings_used(readings, span, dry), keys["site"])
    result["means"], result["nd_items"] = _texts(means, sample, len(keys), evaluation)
    result["reason"] = keys["site"].map(reasons).astype("str").fillna("")
    return result[list(SECTION_COLUMNS)]


def months_needed(period: Period, evaluation: Standard) -> int:
    """Return how many complete months a period needs (22号 三): up to a month 1, quarter 2, year 8, else 8 of 12."""
    if period.short or period.kind == "month":
        return 1
    if period.kind == "quarter":
        return int(evaluation.rule("mean.quarter")["min_months"])
    rule = evaluation.rule("mean.year")
    return -(-int(rule["min_months"]) * period.months // int(rule["months"]))


def _reasons(dry: pd.DataFrame | None, period: Period) -> pd.Series:
    """Why months of a section are not evaluated, by site: the bare reason for one month, else with months."""
    if dry is None or dry.empty:
        return pd.Series([], dtype="str", index=pd.Index([], dtype="str"))
    listed = dry_months(dry)
    inside = (listed["month"] >= period.start.strftime("%Y-%m")) & (
        listed["month"] <= period.last_day.strftime("%Y-%m")
    )
    listed = listed[inside].sort_values(["site", "month"])
    text = listed["reason"] if period.kind == "month" else listed["month"] + " " + listed["reason"]
    return text.groupby(listed["site"]).agg(";".join)


def _samplings(used: pd.DataFrame, sites: pd.Series) -> npt.NDArray[np.int64]:
    count = used[["site", "observed_at"]].drop_duplicates().groupby("site").size().reindex(sites)
    samplings: npt.NDArray[np.int64] = count.fillna(0).to_numpy(dtype=np.int64)
    return samplings


def _texts(
    means: pd.DataFrame, sample: npt.NDArray[np.int64], n: int, evaluation: Standard
) -> tuple[pd.Series, pd.Series]:
    """Write the rounded means ('ph=8;do=7.2') and the items below a detection limit ('tp,hg') of n sites."""
    order = [
        *evaluation.rule("items.section")["parameters"],
        *evaluation.rule("items.separate")["parameters"],
    ]
    here = set(means["parameter"].unique())
    rest = sorted(here.difference(order))
    texts: TextArray = np.full(n, "", dtype=object)
    nd_texts = texts.copy()
    for name in [*(item for item in order if item in here), *rest]:
        rows = (means["parameter"] == name).to_numpy(dtype=np.bool_)
        where = sample[rows]
        shown = plain_texts(means["rounded"].to_numpy(dtype=np.float64)[rows])
        texts[where] = texts[where] + (";" + name + "=" + shown)
        below = where[means["nd"].to_numpy(dtype=np.bool_)[rows]]
        nd_texts[below] = nd_texts[below] + ("," + name)
    return (
        pd.Series(texts, dtype="str").str.slice(1),
        pd.Series(nd_texts, dtype="str").str.slice(1),
    )


def plain_texts(values: FloatArray) -> TextArray:
    """Write numbers without exponent and without trailing zeros: 0.150 -> 0.15, 5e-05 -> 0.00005."""
    fixed = np.char.mod("%.10f", values)
    return np.char.rstrip(np.char.rstrip(fixed, "0"), ".").astype(object)
