"""Hours of outlets against their limits: exceedance (gas), warning (wastewater), excluded hours listed.

Gas: the hourly mean of the normalised concentration is what a limit holds for. Wastewater: the legal unit
is the daily mean, so an hour above the daily limit is a warning; an instantaneous limit, where one is
loaded, holds for the hour.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.emission_limits import limits_on
from indicators.emission_validity import validity
from indicators.registry import Registry
from vocabulary.rounding import round_half_even

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: a value this close to its limit, relatively, is on it: float noise is no exceedance
_NOISE = 1e-9
_MULTIPLE_PLACES = 6

OK, EXCEED_HOUR, WARN_HOUR, EXCLUDED, NO_LIMIT = "ok", "exceed_hour", "warn_hour", "excluded", "no-limit"


def above(
    value: FloatArray, limit: FloatArray, lower: FloatArray, censor: npt.NDArray[np.object_]
) -> BoolArray:
    """Tell where a value is outside its limit.

    Parameters
    ----------
    value, limit, lower : ndarray of float64, shape (n,)
        NaN limit: no limit. `lower` is the lower bound of a range (pH).
    censor : ndarray of str, shape (n,)
        '<': below its detection limit, never above; '>': the true value is larger than the one given.

    Returns
    -------
    ndarray of bool, shape (n,)

    Notes
    -----
    Full-value comparison (GB/T 8170 4.3, 全数值比较法): the value is not rounded first.
    """
    step = _NOISE * np.maximum(1.0, np.abs(limit))
    over = (value > limit + step) | ((censor == ">") & (value >= limit - step))
    under = value < lower - step
    return np.asarray((over & (censor != "<")) | (under & (censor != ">")))


def multiple(value: FloatArray, limit: FloatArray, outside: BoolArray, ranged: BoolArray) -> FloatArray:
    """Exceedance multiple (C - S) / S where a value is above; NaN elsewhere and for ranges (pH)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        times = round_half_even((value - limit) / limit, _MULTIPLE_PLACES)
    return np.where(outside & ~ranged & (limit > 0), times, np.nan)


def judge_outlet_hours(hours: pd.DataFrame, limits: pd.DataFrame, *, registry: Registry) -> pd.DataFrame:
    """Judge every hour of outlets.

    Parameters
    ----------
    hours : DataFrame, n rows
        Long: site, parameter (flue_so2_norm, flue_nox_norm, flue_dust_norm, cod, nh3_n, tp, tn, ph, …),
        observed_at (start of the hour), value, provider_flag, censor.
    limits : DataFrame
        site, parameter, basis (hourly, daily, instant, warning), limit, unit, o2_ref, valid_from, valid_to,
        clause, document; optionally limit_lower.
    registry : Registry
        The dated standards.

    Returns
    -------
    DataFrame, n rows
        site, parameter, observed_at, value, valid, limit, verdict, multiple, clause, basis, reason.
        verdict: ok, exceed_hour, warn_hour, excluded (a limit, but the value does not count), no-limit.

    Notes
    -----
    Standards: GB 13223 and DB37 series (hourly mean), GB 18918 table 1 (daily mean), HJ 212-2017 table 8.
    A value flagged as above the measuring range is no data, but a warning.
    """
    rows = hours.reset_index(drop=True)
    checked = validity(rows, registry=registry)
    strict = limits_on(rows, limits, ("hourly", "instant"))
    soft = limits_on(rows, limits, ("warning", "daily"))
    value = rows["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    censor = rows["censor"].fillna("").to_numpy(dtype=object)
    valid = checked["valid"].to_numpy()

    def outside(found: pd.DataFrame) -> BoolArray:
        over = above(value, found["limit"].to_numpy(), found["limit_lower"].to_numpy(), censor)
        return np.asarray(valid & over)

    exceed = outside(strict)
    warn = outside(soft) & ~exceed
    has_strict = strict["limit"].notna().to_numpy()
    has_soft = soft["limit"].notna().to_numpy()
    limited = has_strict | has_soft
    out_of_range = checked["high"].to_numpy() & limited
    # the limit shown is the one the verdict rests on
    from_soft = (warn | ~has_strict) & has_soft
    shown = strict.where(~pd.Series(from_soft), soft)
    limit = shown["limit"].to_numpy()
    verdict = np.select(
        [~limited, exceed, warn | out_of_range, ~valid], [NO_LIMIT, EXCEED_HOUR, WARN_HOUR, EXCLUDED], OK
    )
    clause = np.where(out_of_range & ~valid, checked["clause"], shown["clause"])
    return pd.DataFrame(
        {
            "site": rows["site"],
            "parameter": rows["parameter"],
            "observed_at": rows["observed_at"],
            "value": value,
            "valid": valid,
            "limit": limit,
            "verdict": pd.Series(verdict, dtype="str"),
            "multiple": multiple(value, limit, exceed | warn, shown["limit_lower"].notna().to_numpy()),
            "clause": pd.Series(clause, dtype="str"),
            "basis": shown["basis"],
            "reason": checked["reason"],
        }
    )
