"""What is left of a running year: days above 100 still allowed, the mean the rest must keep, sections to turn.

Worked backwards from the rule by which the year will be judged, its rounding included: feeding exactly
the budget reaches the target, one unit more misses it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from vocabulary.rounding import round_evaluation, round_half_even

_PERCENT = 100
#: how a budget begins that is not reached yet: so much still has to change
STILL = "还须"


def _rounded(value: float, places: int) -> float:
    return float(round_half_even(np.asarray([value], dtype=np.float64), places)[0])


def bad_days_left(good: int, valid: int, days_left: int, target: float, places: int) -> int:
    """Return how many of the remaining days may exceed AQI 100; negative when too many did already.

    Parameters
    ----------
    good, valid : int
        Good and valid days so far.
    days_left : int
        Days of the year still to come, taken as valid.
    target : float
        The ratio in % the year must reach, compared after rounding to `places`.
    """
    whole = valid + days_left
    shares = round_half_even(np.arange(whole + 1, dtype=np.float64) / max(whole, 1) * _PERCENT, places)
    needed = int(np.searchsorted(shares, target, side="left"))
    return good + days_left - needed


def mean_to_keep(total: float, valid: int, days_left: int, target: float, places: int) -> float | None:
    """Return the highest mean (1 decimal) the remaining days may have for the year to stay at the target.

    Parameters
    ----------
    total : float
        Sum of the valid daily values so far.
    valid, days_left : int
        Valid days so far, and days still to come (taken as valid).
    target : float
        The year's mean may be at most this after rounding to `places`.

    Returns
    -------
    float or None
        None when no day is left. Below 0 when the target is out of reach.
    """
    if days_left <= 0:
        return None
    whole = valid + days_left
    highest = target + 0.5 * 10.0**-places
    start = int(np.floor((highest * whole - total) / days_left * 10))
    candidates = np.asarray([start + 1, start, start - 1], dtype=np.float64) / 10
    reached = [mean for mean in candidates if _rounded((total + mean * days_left) / whole, places) <= target]
    return float(reached[0])


def amount_left(amount: float, target: float, places: int) -> float:
    """Return the least further amount, to `places`, with which a sum reaches its target; 0 where it has.

    Parameters
    ----------
    amount : float
        The sum so far, unrounded.
    target : float
        What the sum must reach after rounding to `places`.
    """
    unit = 10.0**-places
    steps = max(int(np.floor((target - amount) / unit)) - 1, 0)
    candidates = np.round(np.arange(steps, steps + 4) * unit, places)
    reached = [step for step in candidates if _rounded(amount + step, places) >= target]
    return float(reached[0])


def members_to_turn(
    hits: int, count: int, target: float, places: int, better: Literal["lower", "higher"]
) -> int | None:
    """Return how many sections (waters, points) must change sides for their share to reach a target.

    Parameters
    ----------
    hits, count : int
        Members counted in the share, and all of them.
    target : float
        The share in %, compared after rounding to `places`.
    better : {'lower', 'higher'}
        Lower: so many must leave those counted; higher: so many must join them.

    Returns
    -------
    int or None
        0 where the target is reached; None where not even all of them reach it, or there is none.
    """
    if count <= 0:
        return None
    most = hits if better == "lower" else count - hits
    moved = np.arange(most + 1)
    after = hits - moved if better == "lower" else hits + moved
    shares = round_half_even(after / count * _PERCENT, places)
    reached = np.flatnonzero(shares <= target if better == "lower" else shares >= target)
    return int(reached[0]) if len(reached) else None


def members_to_spare(
    hits: int, count: int, target: float, places: int, better: Literal["lower", "higher"]
) -> int:
    """Return how many sections may still change to the wrong side with the share at its target; 0 where none may."""
    most = count - hits if better == "lower" else hits
    moved = np.arange(most + 1)
    after = hits + moved if better == "lower" else hits - moved
    shares = round_half_even(after / max(count, 1) * _PERCENT, places)
    kept = np.flatnonzero(shares <= target if better == "lower" else shares >= target)
    return int(kept[-1]) if len(kept) else 0


def month_mean_to_keep(
    total: float, months: int, months_left: int, limit: float, places: int, kind: Literal["upper", "lower"]
) -> float | None:
    """Return the worst mean the months to come may have for a section's item to stay within a limit.

    Parameters
    ----------
    total : float
        Sum of the monthly means so far.
    months, months_left : int
        Months with a mean so far, and months to come: the year's mean is the mean of its months (22号 三).
    limit : float
        Of the class wanted; a mean on it belongs to the class.
    places : int
        Decimals to which the year's mean is rounded (82号), and the unit of the answer.
    kind : {'upper', 'lower'}
        Whether the limit is a most or (dissolved oxygen) a least.

    Returns
    -------
    float or None
        None when no month is left, or the limit is out of reach even with a mean of 0.
    """
    if months_left <= 0:
        return None
    whole = months + months_left
    edge = (limit * whole - total) / months_left
    reach = whole / months_left + 1
    unit = 10.0**-places
    start, end = int(np.floor(edge / unit - reach)), int(np.ceil(edge / unit + reach))
    steps = np.round(np.arange(max(start, 0), max(end, 0) + 1) * unit, places)
    means = round_evaluation((total + steps * months_left) / whole, places)
    reached = np.flatnonzero(means <= limit if kind == "upper" else means >= limit)
    if not len(reached):
        return None
    return float(steps[reached[-1] if kind == "upper" else reached[0]])


def gap(value: float, target: float, places: int, better: Literal["lower", "higher"]) -> float:
    """Return by how much a figure still has to fall or rise, to `places`; 0 where it has.

    Feeding exactly the gap reaches the target, one unit of the last place less does not.
    """
    if better == "higher":
        return amount_left(value, target, places)
    unit = 10.0**-places
    steps = max(int(np.floor((value - target) / unit)) - 1, 0)
    candidates = np.round(np.arange(steps, steps + 4) * unit, places)
    reached = [step for step in candidates if _rounded(value - step, places) <= target]
    return float(reached[0])
