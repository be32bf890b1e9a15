"""Projection of shares of sections: the item means a year may end with, then classes, then counts.

Months to come are drawn from the same months of past years, some neighbours at once and all items of all sections
together, at this year's level as far as its months so far tell one. Concentrations are averaged and then classed;
neither classes nor shares are ever averaged. Where a section has no past month, its own months stand in.
Source: a choice of this project (standards/projection_2026.toml), docs/projection.md; classes by GB 3838-2002.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.projection import FloatArray, Projected
from indicators.registry import Standard
from indicators.water_limits import classify_values
from vocabulary.rounding import round_evaluation

_MONTHS = 12


def first_channel(monthly: pd.DataFrame, evaluation: Standard) -> pd.DataFrame:
    """Keep one channel a section, month and item, by the stated precedence (82号).

    Parameters
    ----------
    monthly : DataFrame
        Columns site, month, parameter, channel, mean, as `warehouse.aggregates.section_item_means` gives them.
    evaluation : Standard
        Of topic surface-water-evaluation.
    """
    rule = evaluation.rule("channels.automatic_first")
    first = monthly["parameter"].isin(rule["parameters"]).to_numpy(dtype=np.bool_)
    other = (monthly["channel"] != rule["precedence"][0]).to_numpy(dtype=np.bool_)
    ranked = monthly.assign(rank=np.where(first, other, ~other))
    keys = ["site", "month", "parameter"]
    return ranked.sort_values([*keys, "rank"]).drop_duplicates(keys).drop(columns="rank")


def month_table(
    monthly: pd.DataFrame, sites: Sequence[str], parameters: Sequence[str], years: Sequence[int]
) -> FloatArray:
    """Return monthly means as years x sites x parameters x 12, NaN where there is none."""
    table = np.full((len(years), len(sites), len(parameters), _MONTHS), np.nan)
    at = (
        pd.Index(years).get_indexer(pd.Index(monthly["month"].dt.year)),
        pd.Index(sites).get_indexer(pd.Index(monthly["site"])),
        pd.Index(parameters).get_indexer(pd.Index(monthly["parameter"])),
        monthly["month"].dt.month.to_numpy() - 1,
    )
    known = (at[0] >= 0) & (at[1] >= 0) & (at[2] >= 0)
    table[tuple(part[known] for part in at)] = monthly["mean"].to_numpy(dtype=np.float64)[known]
    return table


def classes_of(
    means: FloatArray,
    parameters: Sequence[str],
    waterbody: npt.NDArray[np.object_],
    class_standard: Standard,
    evaluation: Standard,
) -> npt.NDArray[np.int8]:
    """Return the class of each item from its mean: draws x sites x items, 0 where not judged."""
    result = np.zeros(means.shape, dtype=np.int8)
    waters = np.broadcast_to(waterbody, means.shape[:2]).ravel()
    for number, name in enumerate(parameters):
        places = int(evaluation.rule(f"rounding.{name}")["places"])
        values = means[:, :, number].ravel()
        there = np.isfinite(values)
        rounded = values.copy()
        rounded[there] = round_evaluation(values[there], places)
        found = classify_values(name, rounded, waters, class_standard)
        result[:, :, number] = found.reshape(means.shape[:2])
    return result


def project_sections(
    table: FloatArray,
    done: int,
    *,
    parameters: Sequence[str],
    waterbody: npt.NDArray[np.object_],
    classes: Sequence[int],
    standard: Standard,
    class_standard: Standard,
    evaluation: Standard,
) -> Projected | None:
    """Project the share (%) of sections whose class of the year is among `classes`.

    Parameters
    ----------
    table : ndarray of float64, years x sites x parameters x 12
        Monthly means, the year at hand last; see `month_table`.
    done : int
        Months of the year that have begun; those after it are drawn.
    parameters : sequence of str
    waterbody : ndarray of 'river' | 'lake' | '', sites
    classes : sequence of int
        1…6, 6 is worse than class Ⅴ.
    standard, class_standard, evaluation : Standard
        Of topics projection, surface-water-class and surface-water-evaluation.

    Returns
    -------
    Projected or None
        Middle, low and high are shares that whole sections can give. None where no month is to come, or too few
        have a mean.
    """
    rule = standard.rule("sections")
    this, past = table[-1, :, :, :done], table[:-1]
    left = _MONTHS - done
    months = np.isfinite(this).any(axis=1).sum(axis=1)
    if left <= 0 or months.max(initial=0) < int(rule["least_months"]):
        return None
    draws = int(standard.rule("interval")["draws"])
    generator = np.random.default_rng(_seed(parameters, classes, done, months, len(past)))
    drawn = _months_to_come(this, past, done, draws, rule, generator)
    count = np.isfinite(this).sum(axis=2) + np.isfinite(drawn).sum(axis=3)
    total = np.nansum(this, axis=2) + np.nansum(drawn, axis=3)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    worst = classes_of(means, parameters, waterbody, class_standard, evaluation).max(axis=2)
    judged = (worst > 0).sum(axis=1)
    shares = np.isin(worst, list(classes)).sum(axis=1) / np.maximum(judged, 1) * 100.0
    tail = (1.0 - float(standard.rule("interval")["level"])) / 2.0
    # only what whole sections can give
    low, middle, high = np.quantile(shares, [tail, 0.5, 1.0 - tail], method="inverted_cdf")
    used = int(np.isfinite(past[..., done:]).any(axis=(1, 2, 3)).sum())
    return Projected(float(middle), float(low), float(high), "past-years" if used else "own-days", used)


def _seed(
    parameters: Sequence[str], classes: Sequence[int], done: int, months: npt.NDArray[np.int64], past: int
) -> int:
    """Return a seed of what is projected, not of its values: means of engines may differ in the last bit."""
    text = repr((tuple(parameters), tuple(classes), done, months.tolist(), past))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _months_to_come(
    this: FloatArray,
    past: FloatArray,
    done: int,
    draws: int,
    rule: Mapping[str, Any],
    generator: np.random.Generator,
) -> FloatArray:
    """Return drawn means of the months to come: draws x sites x parameters x months."""
    block, left = int(rule["block_months"]), _MONTHS - done
    blocks = -(-left // block)
    own = np.isfinite(this)
    number = own.sum(axis=2)
    mean = np.where(number > 0, np.where(own, this, 0.0).sum(axis=2) / np.maximum(number, 1), np.nan)
    has_past = bool(np.isfinite(past[..., done:]).any())
    if has_past:
        year = np.repeat(generator.integers(0, len(past), (draws, blocks)), block, axis=1)[:, :left]
        # indices split by slices: draws x months come first
        drawn = past[year, :, :, done + np.arange(left)].transpose(0, 2, 3, 1)
        both = own & np.isfinite(past[..., :done])
        same = np.where(both, this, 0.0).sum(axis=3) / np.where(both, past[..., :done], 0.0).sum(axis=3).clip(
            1e-9
        )
        level = np.where(both.any(axis=3), same, 1.0)
        weight = number / (number + float(rule["half_weight_months"]))
        factor = np.exp(weight * np.log(np.maximum(level, 1e-9)))
        drawn = drawn * factor[year].transpose(0, 2, 3, 1)
    else:
        month = generator.integers(0, done, (draws, left))
        drawn = this[:, :, month].transpose(2, 0, 1, 3)
    drawn = np.where(np.isfinite(drawn), drawn, mean[None, :, :, None])
    off = np.exp(float(rule["spread"]) * generator.standard_normal((draws, *mean.shape, 1)))
    return np.asarray(drawn * off, dtype=np.float64)
