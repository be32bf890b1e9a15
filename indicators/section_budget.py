"""Which sections must turn for a share to reach its target, by which item, and how much of it.

Source: 环办〔2011〕22号 三 (the year's mean is the mean of its months), 环办监测函〔2020〕82号 (decimals), GB 3838-2002 table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.plan_budget import month_mean_to_keep
from indicators.projection import FloatArray
from indicators.registry import Standard
from indicators.water_limits import limit_rules, reference_limits
from vocabulary.parameters import parameters as vocabulary
from vocabulary.plan import Indicator
from vocabulary.rounding import round_evaluation

ITEM_DTYPES: dict[str, str] = {
    "site": "str",
    "parameter": "str",
    "mean": "float64",
    "limit": "float64",
    "kind": "str",
    "change": "float64",
    "percent": "float64",
    "keep": "float64",
}


def class_wanted(indicator: Indicator) -> int:
    """Return the worst class a section may have to stand on the right side of a share.

    A share that is to rise counts its classes (1…3: Ⅲ); one that is to fall counts those not wanted (6: Ⅴ is enough).
    """
    counted = indicator.feeder.classes
    return max(counted) if indicator.better == "higher" else min(counted) - 1


def items_beyond(
    this: FloatArray,
    done: int,
    *,
    sites: Sequence[str],
    parameters: Sequence[str],
    waterbody: npt.NDArray[np.object_],
    wanted: int,
    class_standard: Standard,
    evaluation: Standard,
) -> pd.DataFrame:
    """List the items by which sections miss a class, with what it takes.

    Parameters
    ----------
    this : ndarray of float64, sites x parameters x 12
        Monthly means of the year, NaN where there is none.
    done : int
        Months that have begun; the others are to come.
    sites, parameters : sequence of str
    waterbody : ndarray of 'river' | 'lake' | '', sites
    wanted : int
        Class 1…5.
    class_standard, evaluation : Standard

    Returns
    -------
    DataFrame with the columns of `ITEM_DTYPES`, one row a section and item beyond the limit
        mean (rounded by 82号), limit, change (by how much the mean must fall; dissolved oxygen rise: kind 'lower'),
        percent (of the mean), keep (the mean the months to come must keep; NaN where no month is left or it is out of
        reach). pH has no amount and is left out.
    """
    rows: list[pd.DataFrame] = []
    known = np.isfinite(this[:, :, :done])
    number = known.sum(axis=2)
    total = np.where(known, this[:, :, :done], 0.0).sum(axis=2)
    for at, name in enumerate(parameters):
        limits = reference_limits(name, waterbody, class_standard, wanted)
        rule = limit_rules(name, class_standard)
        there = (number[:, at] > 0) & np.isfinite(limits)
        if not there.any():
            continue
        kind, places = rule[0]["kind"], int(evaluation.rule(f"rounding.{name}")["places"])
        mean = np.full(len(sites), np.nan)
        mean[there] = round_evaluation(total[there, at] / number[there, at], places)
        beyond = there & (mean > limits if kind == "upper" else mean < limits)
        keep = [
            month_mean_to_keep(
                float(total[row, at]), int(number[row, at]), 12 - done, limits[row], places, kind
            )
            for row in np.flatnonzero(beyond)
        ]
        change = np.round(np.abs(mean - limits), places)[beyond]
        rows.append(
            pd.DataFrame(
                {
                    "site": np.asarray(sites, dtype=object)[beyond],
                    "parameter": name,
                    "mean": mean[beyond],
                    "limit": limits[beyond],
                    "kind": kind,
                    "change": change,
                    "percent": change / mean[beyond] * 100.0,
                    "keep": [np.nan if one is None else one for one in keep],
                }
            )
        )
    found = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(ITEM_DTYPES))
    return found.astype(ITEM_DTYPES).sort_values(["site", "parameter"], ignore_index=True)


def items_in_words(items: pd.DataFrame, names: dict[str, str]) -> str:
    """Write what it takes, Chinese then English: one piece a section and item."""
    if items.empty:
        return ""
    known = vocabulary()
    pieces = []
    columns = (
        items[name] for name in ("site", "parameter", "mean", "limit", "kind", "change", "percent", "keep")
    )
    for site, key, mean, limit, kind, change, percent, keep in zip(*columns, strict=True):
        item = known[key]
        unit = item.unit
        word, sign = ("降", "≤") if kind == "upper" else ("升", "≥")
        piece = f"{names[site]} {item.zh} {mean:.10g}→{limit:.10g} {unit}（须{word} {change:.10g}，{percent:.1f} %"
        if not np.isnan(keep):
            piece += f"；余下月均 {sign} {keep:.10g}"
        pieces.append(piece + "）")
    return "；".join(pieces)
