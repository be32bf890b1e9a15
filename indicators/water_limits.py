"""Class of single values under the limit rules of a standard.

Source: GB 3838-2002 table 1 and GB/T 14848-2017 table 1. The limit itself belongs to the class; equal
limits of neighbouring classes give the better class. Classes are 1…6 (Ⅰ…Ⅴ, 劣Ⅴ; groundwater 1…5);
0 stands for "not evaluated".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard

CLASS_TOPIC = "surface-water-class"
EVALUATION_TOPIC = "surface-water-evaluation"

ClassArray = npt.NDArray[np.int8]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def limit_rules(parameter: str, standard: Standard) -> list[Mapping[str, Any]]:
    """Return the limit rules of one parameter (TP has two: river and lake); empty when it is not classed."""
    return [rule for rule in standard.tables["limits"].values() if rule["parameter"] == parameter]


def _within(rule: Mapping[str, Any], values: FloatArray) -> ClassArray:
    """Class 1…n+1 of each value under one rule with n limits; NaN gives class 1 (masked by the caller)."""
    result = np.ones(values.shape, dtype=np.int8)
    kind = rule["kind"]
    for limit in rule["limits"]:
        # limits never tighten from Ⅰ to Ⅴ, so the class is one more than the number of limits missed
        if kind == "upper":
            missed = values > limit
        elif kind == "lower":
            missed = values < limit
        elif kind == "range":
            missed = (values < limit[0]) | (values > limit[1])
        else:
            raise ValueError(
                f"limit rule of {rule['parameter']}: kind {kind!r}; expected upper, lower or range"
            )
        result += missed.view(np.int8)
    return result


def classify_values(
    parameter: str,
    values: npt.ArrayLike,
    waterbody: npt.ArrayLike | str,
    standard: Standard,
) -> ClassArray:
    """Return the class of each value of one parameter.

    Parameters
    ----------
    parameter : str
        Key of the vocabulary, e.g. `nh3_n`.
    values : array_like of float64, n
        In the parameter's canonical unit.
    waterbody : 'river', 'lake', '' or array_like of these, n
        Where it is '' a parameter whose limits differ (TP) is not evaluated: unknown is never guessed.
    standard : Standard
        Of topic surface-water-class or groundwater-class.

    Returns
    -------
    ndarray of int8, n
        1…6 (groundwater 1…5); 0 where the value is NaN or negative, or the parameter is not classed
        for this water.

    Notes
    -----
    GB 3838-2002, table 1.
    """
    given = np.asarray(values, dtype=np.float64)
    result = np.zeros(given.shape, dtype=np.int8)
    present = given >= 0.0
    for rule in limit_rules(parameter, standard):
        if rule["waterbody"] == "any":
            return np.where(present, _within(rule, given), np.int8(0)).astype(np.int8, copy=False)
        if isinstance(waterbody, str):
            here = present if waterbody == rule["waterbody"] else np.zeros_like(present)
        else:
            here = present & np.asarray(pd.Series(waterbody) == rule["waterbody"], dtype=np.bool_)
        if here.all():
            return _within(rule, given)
        result[here] = _within(rule, given[here])
    return result


def calculation_values(readings: pd.DataFrame, factor: float) -> tuple[FloatArray, BoolArray]:
    """Return the values to calculate with and which of them are non-detects.

    Parameters
    ----------
    readings : DataFrame, n rows
        Columns value, censor, detection_limit. A non-detect (censor '<') counts as `factor` times its
        detection limit, or times its value where no limit is given.
    factor : float
        Rule `non_detect.mean` of 环办监测函〔2020〕82号: 0.5.
    """
    values = readings["value"].to_numpy(dtype=np.float64)
    undetected = (readings["censor"] == "<").to_numpy(dtype=np.bool_)
    if not undetected.any():
        return values, undetected
    limit = readings["detection_limit"].to_numpy(dtype=np.float64)
    limit = np.where(np.isnan(limit), values, limit)
    return np.where(undetected, factor * limit, values), undetected


def reference_limits(
    parameter: str, waterbody: npt.NDArray[Any], standard: Standard, number: int
) -> FloatArray:
    """Return the limit of class `number` for one parameter and each water; NaN where there is none.

    Parameters
    ----------
    parameter : str
    waterbody : ndarray of 'river' | 'lake' | '', n
    standard : Standard
    number : int
        Class 1…5.

    Returns
    -------
    ndarray of float64, n
        NaN for range items (pH) and for waters whose limit is not known.
    """
    result = np.full(len(waterbody), np.nan)
    for rule in limit_rules(parameter, standard):
        if rule["kind"] != "range":
            here = slice(None) if rule["waterbody"] == "any" else waterbody == rule["waterbody"]
            result[here] = float(rule["limits"][number - 1])
    return result
