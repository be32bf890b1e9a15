"""Shares of the county's indicators (县级指标): numerator, denominator and value together, never a value alone.

Source: compilation of rules, section 6. A district has few sections and points, so a share moves in large steps;
without anything in the denominator it has no value (not applicable), never 0.
"""

from __future__ import annotations

from typing import TypedDict

import pandas as pd

_GROUNDWATER_V = 5


class Share(TypedDict):
    """A share in %; `value` is unrounded and NaN where the denominator is 0."""

    numerator: int
    denominator: int
    value: float


def share(part: int, whole: int) -> Share:
    """Put numerator, denominator and value side by side; ValueError when the part is no part of the whole."""
    if not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole}; expected a part between 0 and the whole")
    return {"numerator": part, "denominator": whole, "value": 100 * part / whole if whole else float("nan")}


def target_share(results: pd.DataFrame) -> Share:
    """Return 断面达标率: sections within their own target class over evaluated sections with a target.

    Parameters
    ----------
    results : DataFrame
        From `evaluate_sections`: valid, attained (NA without a class or a target).
    """
    counted = results["attained"][results["valid"] & results["attained"].notna()]
    return share(int(counted.sum()), len(counted))


def groundwater_v_share(classes: pd.Series) -> Share:
    """Return 地下水Ⅴ类比例: points of class Ⅴ over evaluated points; one class a point, NA: not evaluated."""
    evaluated = classes.dropna()
    return share(int((evaluated == _GROUNDWATER_V).sum()), len(evaluated))


def source_share(results: pd.DataFrame) -> Share:
    """Return 饮用水源达标率: sources that attain over sources judged (`judge_drinking_sources`)."""
    return share(int(results["attained"].sum()), len(results))


def eliminated_share(bodies: pd.DataFrame) -> Share:
    """Return 黑臭水体消除比例: eliminated bodies over listed ones.

    Parameters
    ----------
    bodies : DataFrame
        One row a listed body, those found later included: eliminated (验收销号), returned (返黑返臭: such a body
        counts as not eliminated until it is accepted again).

    Raises
    ------
    ValueError
        When a body (column body) stands twice.
    """
    twice = bodies["body"][bodies["body"].duplicated()]
    if len(twice):
        raise ValueError(f"bodies: {twice.iloc[0]!r} stands twice; expected one row a listed body")
    done = bodies["eliminated"].astype(bool) & ~bodies["returned"].astype(bool)
    return share(int(done.sum()), len(bodies))
