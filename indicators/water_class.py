"""Class of surface water of a sampling (real-time mode: single unrounded values, as the national release does).

Source: GB 3838-2002 table 1, single-factor rule: the worst item gives the class; 环办〔2011〕22号 says
which items take part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Registry, Standard
from indicators.water_limits import (
    CLASS_TOPIC,
    EVALUATION_TOPIC,
    BoolArray,
    FloatArray,
    calculation_values,
    classify_values,
)
from indicators.water_means import from_averaged, to_averaged
from indicators.water_result import Judgement, judge

__all__ = [
    "SAMPLE_COLUMNS",
    "attach",
    "classify_samples",
    "classify_values",
    "result_label",
    "sections_by_site",
]

#: columns that `classify_samples` returns, in order
SAMPLE_COLUMNS: tuple[str, ...] = (
    "site",
    "observed_at",
    "class",
    "items_used",
    "items",
    "worst",
    "multiples",
    "target_class",
    "attained",
    "nd_limited",
    "standard",
)


def sections_by_site(sections: pd.DataFrame, sites: pd.Series) -> pd.DataFrame:
    """Look up waterbody and target class of sites; an unregistered site has '' and NA.

    Parameters
    ----------
    sections : DataFrame
        Columns site (unique), waterbody ('river' | 'lake' | ''), target_class (Int64 or NA).
    sites : Series of str, n rows

    Returns
    -------
    DataFrame of n rows: waterbody str, target_class Int8

    Raises
    ------
    ValueError
        When a site stands twice in `sections` or a waterbody has another name.
    """
    repeated = sections["site"][sections["site"].duplicated()]
    if len(repeated):
        raise ValueError(f"sections: site {repeated.iloc[0]!r} stands twice; expected one row a site")
    strange = sections["waterbody"].dropna()[~sections["waterbody"].dropna().isin(["river", "lake", ""])]
    if len(strange):
        raise ValueError(f"sections: waterbody {strange.iloc[0]!r}; expected 'river', 'lake' or ''")
    found = sections.set_index("site")[["waterbody", "target_class"]].reindex(sites.to_numpy())
    return pd.DataFrame(
        {
            "waterbody": found["waterbody"].astype("str").fillna("").to_numpy(),
            "target_class": found["target_class"].astype("Int8").array,
        }
    )


def result_label(class_standard: Standard, evaluation: Standard) -> str:
    """Return the id that results carry; an overruled rule of either standard shows in it."""
    if evaluation.overruled and not class_standard.overruled:
        return evaluation.label.replace(evaluation.id, class_standard.id)
    return class_standard.label


def classify_samples(
    readings: pd.DataFrame,
    sections: pd.DataFrame,
    *,
    registry: Registry,
    mode: str = "real-time",
    standard: str | None = None,
) -> pd.DataFrame:
    """Classify every sampling (site, observed_at) by its single unrounded values.

    Parameters
    ----------
    readings : DataFrame
        Columns site, observed_at, parameter, value, censor, detection_limit; other parameters than the
        21 items are ignored; of a repeated key the last row counts. With a column point (several verticals
        of one section) the points of a sampling are averaged first.
    sections : DataFrame
        Columns site, waterbody ('river' | 'lake' | ''), target_class.
    registry : Registry
    mode : {'real-time'}
        The national release's way; rounded means are the work of `evaluate_sections`.
    standard : str, optional
        Id of a class standard that takes the place of the one in force on each row's day.

    Returns
    -------
    DataFrame, one row a (site, observed_at), sorted
        class Int8 (NA when no item could be judged), items_used int64, items ('ph,do,…' in table order),
        worst (up to three items beyond class Ⅲ, worst first), multiples ('nh3_n=1.2;tp=0.5'),
        target_class Int8, attained boolean, nd_limited bool (a better class cannot be excluded because
        it hangs on a non-detect), standard str ('' before every edition).

    Raises
    ------
    ValueError
        For another mode.
    KeyError
        When a column is missing.
    """
    if mode != "real-time":
        raise ValueError(f"mode {mode!r}; expected 'real-time' (rounded means: evaluate_sections)")
    parts = []
    left = np.ones(len(readings), dtype=np.bool_)
    editions = (
        registry.spans(CLASS_TOPIC, readings["observed_at"])
        if standard is None
        else [(registry.get(standard), np.ones(len(readings), dtype=np.bool_))]
    )
    for class_standard, mask in editions:
        for evaluation, also in registry.spans(EVALUATION_TOPIC, readings["observed_at"][mask]):
            rows = np.flatnonzero(mask)[also]
            left[rows] = False
            parts.append(_classify(readings.iloc[rows], sections, class_standard, evaluation))
    if left.any() or not parts:
        parts.append(_unjudged(readings[left], sections))
    result = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return result.sort_values(["site", "observed_at"], ignore_index=True)[list(SAMPLE_COLUMNS)]


def _classify(
    readings: pd.DataFrame, sections: pd.DataFrame, class_standard: Standard, evaluation: Standard
) -> pd.DataFrame:
    keys = readings[["site", "observed_at"]]
    sample = keys.groupby(["site", "observed_at"], sort=True).ngroup().to_numpy()
    first = np.unique(sample, return_index=True)[1]
    samples = keys.iloc[first].reset_index(drop=True)
    site = sections_by_site(sections, samples["site"])
    values, undetected = calculation_values(readings, evaluation.rule("non_detect.mean")["factor"])
    parameter = readings["parameter"]
    if "point" in readings:
        sample, parameter, values, undetected = _over_points(
            sample, parameter, values, undetected, evaluation
        )
    judged = judge(
        sample=sample,
        parameter=parameter,
        values=values,
        undetected=undetected,
        waterbody=site["waterbody"].to_numpy(dtype=object),
        class_standard=class_standard,
        evaluation=evaluation,
    )
    return attach(samples, site, judged, result_label(class_standard, evaluation))


def _over_points(
    sample: npt.NDArray[np.int64],
    parameter: pd.Series,
    values: FloatArray,
    undetected: BoolArray,
    evaluation: Standard,
) -> tuple[npt.NDArray[np.int64], pd.Series, FloatArray, BoolArray]:
    """Average the points (verticals) of one sampling (22号 三); below the limit only where all points are."""
    rows = pd.DataFrame({"sample": sample, "parameter": parameter.array, "nd": undetected})
    rows["x"] = to_averaged(rows["parameter"], values, evaluation)
    mean = (
        rows.groupby(["sample", "parameter"], sort=True).agg(x=("x", "mean"), nd=("nd", "all")).reset_index()
    )
    return (
        mean["sample"].to_numpy(dtype=np.int64),
        mean["parameter"],
        from_averaged(mean["parameter"], mean["x"].to_numpy(dtype=np.float64), evaluation),
        mean["nd"].to_numpy(dtype=np.bool_),
    )


def attach(keys: pd.DataFrame, site: pd.DataFrame, judged: Judgement, label: str) -> pd.DataFrame:
    """Put the keys, the judgement and the attainment of the own target class side by side."""
    result = keys.copy()
    classes = pd.Series(judged.classes, index=keys.index).astype("Int8")
    result["class"] = classes.mask(classes == 0)
    result["items_used"] = judged.items_used
    result["items"] = judged.items
    result["worst"] = judged.worst
    result["multiples"] = judged.multiples
    result["target_class"] = site["target_class"].array
    result["attained"] = (result["class"] <= result["target_class"]).astype("boolean")
    result["nd_limited"] = judged.nd_limited
    result["standard"] = pd.Series(label, index=keys.index, dtype="str")
    return result


def _unjudged(readings: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    """Rows on days before every edition: listed, never judged."""
    keys = readings[["site", "observed_at"]].drop_duplicates(ignore_index=True)
    n = len(keys)
    nothing = Judgement(
        classes=np.zeros(n, dtype=np.int8),
        items_used=np.zeros(n, dtype=np.int64),
        items=np.full(n, "", dtype=object),
        worst=np.full(n, "", dtype=object),
        multiples=np.full(n, "", dtype=object),
        nd_limited=np.zeros(n, dtype=np.bool_),
    )
    return attach(keys, sections_by_site(sections, keys["site"]), nothing, "")
