"""Black-odorous water (黑臭水体): grade of a value, of a point, of a water body.

Grades are 0 (not black-odorous), 1 (light), 2 (heavy); rural water knows 0 and 1.
Source: 城市黑臭水体整治工作指南 (2015) table 2.1 and 2.2; 农村黑臭水体治理工作指南(试行) (2019).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard
from indicators.water_limits import ClassArray, FloatArray

_NOT_GRADED = -1
_HEAVY = 2
#: depths are read to the millimetre at best
_DEPTH_PLACES = 9


def grade_values(
    parameter: str,
    values: npt.ArrayLike,
    standard: Standard,
    *,
    setting: str = "urban",
    depth: npt.ArrayLike | None = None,
) -> ClassArray:
    """Grade values of one parameter.

    Parameters
    ----------
    parameter : str
        transparency (m), do (mg/L), orp (mV), nh3_n (mg/L).
    values : array_like of float64, n
    standard : Standard
        Of topic black-odorous.
    setting : {'urban', 'rural'}
    depth : array_like of float64, n, optional
        Water depth in m; below 0.25 m the bounds of transparency are 40 % of it.

    Returns
    -------
    ndarray of int8, n
        0, 1, 2; -1 where the value is NaN or the parameter has no rule.

    Raises
    ------
    ValueError
        For another setting.
    """
    if setting not in ("urban", "rural"):
        raise ValueError(f"setting {setting!r}; expected 'urban' or 'rural'")
    given = np.asarray(values, dtype=np.float64)
    rules = standard.tables[setting]
    if parameter not in rules:
        return np.full(given.shape, _NOT_GRADED, dtype=np.int8)
    rule = rules[parameter]
    light: FloatArray = np.full(given.shape, float(rule["light"]))
    heavy: FloatArray = np.full(given.shape, float(rule.get("heavy", np.nan)))
    if depth is not None and "shallow_below" in rule:
        of_depth = np.asarray(depth, dtype=np.float64)
        # 40 % of 0.20 m are 0.08 m, in binary a hair more
        share = np.round(rule["depth_share"] * of_depth, _DEPTH_PLACES)
        bound = np.where(of_depth < rule["shallow_below"], share, np.inf)
        light, heavy = np.minimum(light, bound), np.minimum(heavy, bound)
    sign = 1.0 if rule["kind"] == "upper" else -1.0
    if rule.get("strict", False):
        result = (sign * given > sign * light).astype(np.int8)
    else:
        # the first bound belongs to the light grade, the second one does too
        result = (sign * given >= sign * light).astype(np.int8)
    beyond = sign * given > sign * heavy
    result = np.where(beyond, np.int8(_HEAVY), result)
    return np.where(np.isnan(given), np.int8(_NOT_GRADED), result).astype(np.int8, copy=False)


def grade_points(readings: pd.DataFrame, standard: Standard, *, setting: str = "urban") -> pd.DataFrame:
    """Grade points from all their data.

    Parameters
    ----------
    readings : DataFrame
        Columns site, parameter, value, optionally depth (m).
    standard : Standard
        Of topic black-odorous.
    setting : {'urban', 'rural'}

    Returns
    -------
    DataFrame, one row a site with graded data, sorted
        grade Int8, zh, en, items (parameters with black-odorous data), standard. Urban: heavy when one
        item is heavy in more than 60 % of its data or two items in more than 30 %; else light when any
        datum is black-odorous.
    """
    grade = np.full(len(readings), _NOT_GRADED, dtype=np.int8)
    for name in standard.tables[setting]:
        here = (readings["parameter"] == name).to_numpy(dtype=np.bool_)
        depth = readings["depth"].to_numpy(dtype=np.float64)[here] if "depth" in readings else None
        values = readings["value"].to_numpy(dtype=np.float64)[here]
        grade[here] = grade_values(name, values, standard, setting=setting, depth=depth)
    rows = pd.DataFrame({"site": readings["site"], "parameter": readings["parameter"], "grade": grade})
    rows = rows[rows["grade"] >= 0]
    rows = rows.assign(black=rows["grade"] > 0, heavy=rows["grade"] == _HEAVY)
    items = (
        rows.groupby(["site", "parameter"], sort=True)
        .agg(black=("black", "any"), heavy=("heavy", "mean"))
        .reset_index()
    )
    rule = standard.rule("grading.point")
    items["mostly"] = items["heavy"] > rule["one_item_share"]
    items["often"] = items["heavy"] > rule["two_items_share"]
    points = items.groupby("site").agg(
        black=("black", "any"), mostly=("mostly", "any"), often=("often", "sum")
    )
    heavy = points["mostly"] | (points["often"] >= rule["two_items"])
    named = items[items["black"]].groupby("site")["parameter"].agg(",".join)
    table = pd.DataFrame(
        {
            "grade": points["black"].astype("Int8").mask(heavy, _HEAVY),
            "items": named.reindex(points.index).astype("str").fillna(""),
        }
    )
    return _worded(table.rename_axis("site").reset_index(), standard)


def grade_bodies(points: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Grade water bodies from their points.

    Parameters
    ----------
    points : DataFrame
        Columns body, order (position along the water), grade.
    standard : Standard
        Of topic black-odorous.

    Returns
    -------
    DataFrame, one row a body, sorted
        grade Int8 (heavy when at least 60 % of its points are, or three in a row), n_points,
        n_heavy, zh, en, standard.
    """
    rule = standard.rule("grading.body")
    rows = points.sort_values(["body", "order"], ignore_index=True)
    heavy = rows["grade"] == _HEAVY
    run = ((heavy != heavy.shift()) | (rows["body"] != rows["body"].shift())).cumsum()
    rows = rows.assign(heavy=heavy, run=heavy.groupby(run).transform("sum"), black=rows["grade"] > 0)
    grouped = rows.groupby("body", sort=True)
    table = grouped.agg(
        n_points=("heavy", "size"), n_heavy=("heavy", "sum"), run=("run", "max"), black=("black", "any")
    )
    many = table["n_heavy"] >= rule["heavy_points_share"] * table["n_points"]
    in_a_row = table["run"] >= rule["consecutive_heavy_points"]
    table["grade"] = table["black"].astype("Int8").mask(many | in_a_row, _HEAVY)
    return _worded(table.reset_index()[["body", "grade", "n_points", "n_heavy"]], standard)


def _worded(table: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    words = standard.rule("words.grades")
    for language in ("zh", "en"):
        table[language] = table["grade"].map(dict(enumerate(words[language]))).astype("str")
    table["standard"] = pd.Series(standard.label, index=table.index, dtype="str")
    return table
