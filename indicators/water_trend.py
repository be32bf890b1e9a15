"""Has the water become better? Changes of level, changes of regions, trends over years.

Source: 环办〔2011〕22号 四(二) (水质变化), 四(三) (秩相关系数法).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard
from vocabulary.rounding import round_half_even

_WORDS = {0: "same", 1: "better", 2: "much_better", -1: "worse", -2: "much_worse"}
#: shares of sections are compared at this many places of a percentage point: float noise is no change
_POINT_PLACES = 9


def change_of_levels(before: npt.ArrayLike, after: npt.ArrayLike, evaluation: Standard) -> pd.DataFrame:
    """Say how levels (1 优 … 5 重度污染) or classes (1…6) changed.

    Parameters
    ----------
    before, after : array_like of integers, n
        NaN or NA where there is none.
    evaluation : Standard
        Of topic surface-water-evaluation.

    Returns
    -------
    DataFrame of n rows
        steps (Int8, positive is better), change (-2…2, Int8), zh, en ('' without both sides).
    """
    first = pd.Series(before).astype("Int8").reset_index(drop=True)
    last = pd.Series(after).astype("Int8").reset_index(drop=True)
    steps = (first - last).astype("Int8")
    rule = evaluation.rule("change.levels")
    size = steps.abs()
    change = (size >= rule["some"]).astype("Int8") + (size >= rule["marked"]).astype("Int8")
    return _worded(steps.rename("steps"), change * steps.clip(-1, 1), evaluation)


def change_of_regions(
    good_before: npt.ArrayLike,
    bad_before: npt.ArrayLike,
    good_after: npt.ArrayLike,
    bad_after: npt.ArrayLike,
    evaluation: Standard,
) -> pd.DataFrame:
    """Say how regions changed by the shares of Ⅰ–Ⅲ and of 劣Ⅴ sections (组合类别比例法).

    Parameters
    ----------
    good_before, bad_before, good_after, bad_after : array_like of float64, n
        Percentages, unrounded.
    evaluation : Standard
        Of topic surface-water-evaluation.

    Returns
    -------
    DataFrame of n rows
        delta (ΔG - ΔD, percentage points), change (-2…2, Int8), zh, en.
    """
    columns = (good_before, bad_before, good_after, bad_after)
    g1, d1, g2, d2 = (np.asarray(column, dtype=np.float64) for column in columns)
    delta = round_half_even((g2 - g1) - (d2 - d1), _POINT_PLACES)
    rule = evaluation.rule("change.region")
    size = np.abs(delta)
    strength = (size > rule["some_above"]).astype(np.int8) + (size > rule["marked_above"]).astype(np.int8)
    sign = np.sign(np.nan_to_num(delta)).astype(np.int8)
    change = pd.Series(strength * sign).astype("Int8").mask(np.isnan(delta))
    return _worded(pd.Series(delta, name="delta"), change, evaluation)


def _worded(measure: pd.Series, change: pd.Series, evaluation: Standard) -> pd.DataFrame:
    rule = evaluation.rule("change.levels")
    result = pd.DataFrame({measure.name: measure, "change": change.astype("Int8")})
    for language in ("zh", "en"):
        words = {number: rule[f"{language}_{word}"] for number, word in _WORDS.items()}
        result[language] = result["change"].map(words).astype("str").fillna("")
    return result


def critical_value(years: int, standard: Standard, p: float = 0.05) -> float:
    """Return W_p for a number of years; between two rows of the table the stricter one (fewer years).

    Returns
    -------
    float
        NaN below the first row of the table.

    Raises
    ------
    ValueError
        When the table has no such p.
    """
    tables = [rule for rule in standard.tables["critical"].values() if rule["p"] == p]
    if not tables:
        known = sorted({rule["p"] for rule in standard.tables["critical"].values()})
        raise ValueError(f"p = {p}; expected one of {', '.join(map(str, known))}")
    rows = sorted((int(n), float(value)) for rule in tables for n, value in rule["values"])
    reached = [value for n, value in rows if n <= years]
    return reached[-1] if reached else float("nan")


def spearman_trends(
    yearly: pd.DataFrame, by: Sequence[str], standard: Standard, p: float = 0.05
) -> pd.DataFrame:
    """Test yearly means for a trend by Spearman's rank correlation.

    Parameters
    ----------
    yearly : DataFrame
        Columns of `by`, year, value; a missing value is a missing year.
    by : sequence of str
        What a series is, e.g. ('site', 'parameter').
    standard : Standard
        Of topic trend.
    p : {0.05, 0.01}
        One-sided.

    Returns
    -------
    DataFrame, one row a series
        Columns of `by`, n, r_s, critical, trend ('rising' | 'falling' | 'none' | 'too-short'), zh, en,
        standard. Equal values share their mean rank.

    Raises
    ------
    ValueError
        When a series has a year twice.
    """
    keys = list(by)
    rows = yearly.dropna(subset=["value"]).copy()
    twice = rows.duplicated([*keys, "year"])
    if twice.any():
        raise ValueError(f"a year stands twice: {rows.loc[twice, [*keys, 'year']].iloc[0].to_dict()}")
    grouped = rows.groupby(keys, sort=True)
    difference = grouped["value"].rank(method="average") - grouped["year"].rank()
    rows["square"] = difference**2
    table = rows.groupby(keys, sort=True).agg(n=("square", "size"), total=("square", "sum")).reset_index()
    n = table["n"].to_numpy(dtype=np.float64)
    enough = n >= standard.rule("test.length")["at_least"]
    span = np.where(enough, n**3 - n, 1.0)
    table["r_s"] = np.where(enough, 1.0 - 6.0 * table.pop("total").to_numpy() / span, np.nan)
    bounds = {years: critical_value(years, standard, p) for years in table["n"].unique().tolist()}
    table["critical"] = table["n"].map(bounds).astype("float64").where(enough)
    places = standard.rule("test.comparison")["places"]
    r_s = round_half_even(table["r_s"], places)
    significant = np.abs(r_s) >= table["critical"].to_numpy()
    words = standard.rule("words.trend")
    rising, falling = significant & (r_s > 0), significant & (r_s < 0)
    picks = [~enough, rising, falling]
    table["trend"] = pd.Series(np.select(picks, ["too-short", "rising", "falling"], "none"), dtype="str")
    for language in ("zh", "en"):
        texts = ["", words[f"{language}_up"], words[f"{language}_down"]]
        table[language] = pd.Series(np.select(picks, texts, words[f"{language}_none"]), dtype="str")
    table["standard"] = pd.Series(standard.label, index=table.index, dtype="str")
    return table
