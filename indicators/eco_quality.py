"""Ecological quality index (EQI, 生态质量指数): its classes, its changes, the sum of its parts.

The index is published by the province and the national centre; the sum is here to check a statistics return.
Source: 区域生态质量评价办法(试行), 环监测〔2021〕99号.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard
from vocabulary.rounding import round_half_even

TOPIC = "ecological-quality"
#: differences of published values (two decimals) carry no float noise beyond this
_PLACES = 6


def eqi_of_parts(parts: Mapping[str, npt.ArrayLike], standard: Standard) -> npt.NDArray[np.float64]:
    """Sum the four parts to the index.

    Parameters
    ----------
    parts : mapping
        pattern, function, diversity, stress -> array_like of float64, 0…100.
    standard : Standard
        Of topic ecological-quality.

    Returns
    -------
    ndarray of float64
        0.36·pattern + 0.35·function + 0.19·diversity + 0.10·(100 - stress); not rounded.

    Raises
    ------
    ValueError
        When a part is missing or another one is given.
    """
    rules = standard.tables["parts"]
    if set(parts) != set(rules):
        raise ValueError(f"parts {', '.join(sorted(parts))}; expected {', '.join(rules)}")
    columns = []
    for name, rule in rules.items():
        value = np.asarray(parts[name], dtype=np.float64)
        columns.append(float(rule["weight"]) * (100.0 - value if rule["inverted"] else value))
    return np.asarray(sum(columns), dtype=np.float64)


def eqi_classes(eqi: npt.ArrayLike, standard: Standard) -> npt.NDArray[np.int8]:
    """Return the class (1 一类 … 5 五类) of each index; 0 where it is NaN."""
    values = round_half_even(eqi, _PLACES)
    bounds = [float(rule["at_least"]) for rule in standard.tables["classes"].values() if "at_least" in rule]
    number = 1 + sum((values < bound).astype(np.int8) for bound in bounds)
    return np.where(np.isnan(values), 0, number).astype(np.int8)


def eqi_changes(before: npt.ArrayLike, after: npt.ArrayLike, standard: Standard) -> pd.DataFrame:
    """Grade the change of the index between two years.

    Parameters
    ----------
    before, after : array_like of float64, n
    standard : Standard
        Of topic ecological-quality.

    Returns
    -------
    DataFrame of n rows
        delta, step (-3 … 3: 明显变差 … 明显变好; 0 基本稳定; NA without one side), zh, en.
    """
    delta = round_half_even(
        np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64), _PLACES
    )
    rules = sorted(standard.tables["changes"].values(), key=lambda rule: rule["at_least"])
    size = np.zeros(delta.shape, dtype=np.int64)
    for rule in rules:
        size = np.where(np.abs(delta) >= float(rule["at_least"]), int(rule["step"]), size)
    step = pd.Series(size * np.sign(np.nan_to_num(delta)).astype(np.int64)).astype("Int8")
    step = step.mask(np.isnan(delta))
    result = pd.DataFrame({"delta": delta, "step": step})
    for language in ("zh", "en"):
        words = {0: rules[0][language]}
        for rule in rules[1:]:
            words[int(rule["step"])] = rule[f"{language}_better"]
            words[-int(rule["step"])] = rule[f"{language}_worse"]
        result[language] = step.map(words).astype("str").fillna("")
    return result
