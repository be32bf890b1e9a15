"""From item values to what a result says: class, items, main pollutants, multiples, non-detect mark.

One wide array (items x samples) is filled once; everything after works on whole rows of it.
Source: GB 3838-2002 table 1; 环办〔2011〕22号 section class, 主要污染指标 and 超标倍数.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.registry import Standard
from indicators.water_limits import BoolArray, ClassArray, FloatArray, classify_values, reference_limits
from vocabulary.rounding import round_half_even

TextArray = npt.NDArray[np.object_]
#: multiples that agree so far are equal
_TIE_PLACES = 9


@dataclass(frozen=True, eq=False)
class Judgement:
    """What n samples (or section means) are judged to be; every array has length n.

    `classes` is 0 where no item could be judged. `nd_limited` marks classes that hang on a non-detect
    alone: half its detection limit already misses class Ⅰ, and no detected item is as bad.
    """

    classes: ClassArray
    items_used: npt.NDArray[np.int64]
    items: TextArray
    worst: TextArray
    multiples: TextArray
    nd_limited: BoolArray


def judge(
    *,
    sample: npt.NDArray[np.int64],
    parameter: pd.Series,
    values: FloatArray,
    undetected: BoolArray,
    waterbody: npt.NDArray[Any],
    class_standard: Standard,
    evaluation: Standard,
) -> Judgement:
    """Judge n samples given as m item values.

    Parameters
    ----------
    sample : ndarray of int, m
        Which sample (0…n-1) a value belongs to; of a repeated (sample, parameter) the last counts.
    parameter : Series of str, m
    values : ndarray of float64, m
        Non-detects already at their calculation value.
    undetected : ndarray of bool, m
    waterbody : ndarray of 'river' | 'lake' | '', n
    class_standard, evaluation : Standard
        Of topics surface-water-class and surface-water-evaluation.

    Returns
    -------
    Judgement of n samples
    """
    names = list(evaluation.rule("items.section")["parameters"])
    wide, nd, present = _spread(names, sample, parameter, values, undetected, len(waterbody))
    names = [name for name, here in zip(names, present.tolist(), strict=True) if here]
    classes = np.zeros(wide.shape, dtype=np.int8)
    for row, name in enumerate(names):
        classes[row] = classify_values(name, wide[row], waterbody, class_standard)
    if "do" in names and class_standard.rule("do_saturation.river")["enabled"]:
        temperature = _spread(["water_temp"], sample, parameter, values, undetected, len(waterbody))[0]
        if len(temperature):
            row = names.index("do")
            classes[row] = _by_saturation(classes[row], wide[row], temperature[0], class_standard)
    worst_class = classes.max(axis=0, initial=0)
    certain = np.where(nd & (classes > 1), np.int8(0), classes).max(axis=0, initial=0)
    worst, multiples = _main_pollutants(
        names, wide, classes, worst_class, waterbody, class_standard, evaluation
    )
    return Judgement(
        classes=worst_class,
        items_used=np.count_nonzero(classes, axis=0).astype(np.int64),
        items=_joined(names, classes > 0),
        worst=worst,
        multiples=multiples,
        nd_limited=certain < worst_class,
    )


def _spread(
    names: list[str],
    sample: npt.NDArray[np.int64],
    parameter: pd.Series,
    values: FloatArray,
    undetected: BoolArray,
    n: int,
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Long to wide: (values, non-detects) of the items that occur, items x n, and which of `names` occur."""
    which, distinct = pd.factorize(parameter)
    position = pd.Index(names).get_indexer(pd.Index(distinct))[which]
    known = position >= 0
    present = np.zeros(len(names), dtype=np.bool_)
    present[position[known]] = True
    row = (np.cumsum(present) - 1)[position[known]]
    wide = np.full((int(present.sum()), n), np.nan)
    nd = np.zeros(wide.shape, dtype=np.bool_)
    wide[row, sample[known]] = values[known]
    nd[row, sample[known]] = undetected[known]
    return wide, nd, present


def _by_saturation(
    classes: ClassArray, do: FloatArray, temperature: FloatArray, standard: Standard
) -> ClassArray:
    """Class Ⅰ of dissolved oxygen also by its share of saturation (GB 3838-2002, table 1, item 3)."""
    rule = standard.rule("do_saturation.river")
    saturated = do >= rule["share"] * rule["numerator"] / (rule["offset"] + temperature)
    return np.where((classes > 0) & saturated, np.int8(1), classes).astype(np.int8, copy=False)


def _joined(names: list[str], used: BoolArray) -> TextArray:
    """Comma-joined names of the items used by each sample; one text a distinct set of items."""
    if not names:
        return np.full(used.shape[1], "", dtype=object)
    sets = (used.astype(np.int64) << np.arange(len(names), dtype=np.int64)[:, None]).sum(axis=0)
    which, distinct = pd.factorize(sets)
    texts = [
        ",".join(name for bit, name in enumerate(names) if (number >> bit) & 1)
        for number in distinct.tolist()
    ]
    result: TextArray = np.asarray(texts, dtype=object)[which]
    return result


def _main_pollutants(
    names: list[str],
    wide: FloatArray,
    classes: ClassArray,
    worst_class: ClassArray,
    waterbody: npt.NDArray[Any],
    class_standard: Standard,
    evaluation: Standard,
) -> tuple[TextArray, TextArray]:
    """Name the main pollutants (主要污染指标) of each sample and their exceedance multiples (超标倍数)."""
    rule = evaluation.rule("main_pollutants.section")
    worst = np.full(len(worst_class), "", dtype=object)
    multiples = worst.copy()
    bad = np.flatnonzero(worst_class >= rule["from_class"])
    if not len(bad):
        return worst, multiples
    values, item_class, water = wide[:, bad], classes[:, bad], waterbody[bad]
    ratio = exceedance_multiples(names, values, water, class_standard, evaluation)
    exceeds = item_class > rule["reference_class"]
    first = np.isin(names, evaluation.rule("main_pollutants.first")["parameters"])[:, None] & exceeds
    # equal multiples keep the order of the table: 0.06/0.05 and 0.006/0.005 differ in binary only
    by_size = -np.nan_to_num(np.round(ratio, _TIE_PLACES), nan=-np.inf)
    order = np.lexsort((by_size, -item_class, ~first, ~exceeds), axis=0)
    named = min(rule["most"], len(names))
    there = np.arange(named)[:, None] < exceeds.sum(axis=0)
    row = np.where(there, order[:named], -1)
    worst[bad] = _texts_of_rows(row, ["," + name for name in names])
    of_item = round_half_even(np.take_along_axis(ratio, order[:named], axis=0), rule["multiple_places"])
    shown = there & ~np.isnan(of_item)
    text = np.full(len(bad), "", dtype=object)
    label = np.asarray([f";{name}=" for name in names], dtype=object)
    for rank in range(named):
        # one text a distinct (multiple, item): far fewer than samples
        here = np.flatnonzero(shown[rank])
        steps = np.rint(of_item[rank, here] * 10 ** rule["multiple_places"]).astype(np.int64)
        which, pieces = pd.factorize(steps * len(names) + row[rank, here])
        value = (pieces // len(names)) / 10 ** rule["multiple_places"]
        numbers = np.char.mod(f"%.{rule['multiple_places']}f", value).astype(object)
        text[here] += (label[pieces % len(names)] + numbers)[which]
    multiples[bad] = pd.Series(text, dtype="str").str.slice(1).to_numpy(dtype=object)
    return worst, multiples


def _texts_of_rows(row: npt.NDArray[np.int64], pieces: list[str]) -> TextArray:
    """Join pieces by their numbers (ranks x n, -1 for none), one text a distinct combination."""
    code = np.zeros(row.shape[1], dtype=np.int64)
    for of_rank in row:
        code = code * (len(pieces) + 1) + of_rank + 1
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    texts = [
        "".join(pieces[number] for number in column if number >= 0)[1:] for column in row[:, first].T.tolist()
    ]
    result: TextArray = np.asarray(texts, dtype=object)[which]
    return result


def exceedance_multiples(
    names: list[str],
    wide: FloatArray,
    waterbody: npt.NDArray[Any],
    class_standard: Standard,
    evaluation: Standard,
) -> FloatArray:
    """Return (C - C_Ⅲ) / C_Ⅲ of every value; NaN for pH, DO, water temperature.

    Parameters
    ----------
    names : list of str, k
    wide : ndarray of float64, k x n
    waterbody : ndarray of 'river' | 'lake' | '', n

    Returns
    -------
    ndarray of float64, k x n
        Not rounded; negative within class Ⅲ.

    Notes
    -----
    环办〔2011〕22号, 超标倍数; lakes use the TP limit of lakes.
    """
    rule = evaluation.rule("main_pollutants.section")
    result = np.full(wide.shape, np.nan)
    for row, name in enumerate(names):
        if name not in rule["no_multiple"]:
            limit = reference_limits(name, waterbody, class_standard, rule["reference_class"])
            result[row] = (wide[row] - limit) / limit
    return result
