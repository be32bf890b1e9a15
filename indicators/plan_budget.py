"""What is left of a running year: days above 100 still allowed, the mean the rest must keep.

Worked backwards from the rule by which the year will be judged, its rounding included: feeding exactly
the budget reaches the target, one unit more misses it.
"""

from __future__ import annotations

import numpy as np

from vocabulary.rounding import round_half_even

_PERCENT = 100


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
