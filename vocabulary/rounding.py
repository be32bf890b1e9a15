"""Rounding by GB/T 8170-2008 (数值修约规则): half to even on the decimal value, one step only.

The policy, in one place:

* A float64 read from a decimal text stands for that text. Up to 15 significant digits this is exact
  (`digits=15`): 0.125 -> 0.12, 0.135 -> 0.14, although neither 0.135 nor 13.5 steps are exact in binary.
* A *computed* value (a mean, a ratio) carries float noise: a mean that is 0.125 on paper may arrive as
  0.12499999999999997. So by default (`digits=12`) a value that agrees with a tie to within 1e-12 of its
  own size is that tie. Monitoring data have at most 9 significant digits, so no true value is moved.
* Results are the float64 nearest to the rounded decimal; -0.0 never comes out; NaN and infinities stay.

No limit or decimal place is written here: places come from the dated standards.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: powers of ten are exact in float64 up to this one
_MOST_PLACES = 22
#: from here on a text of 15 digits has no digit left below the wanted place
_ALREADY_ROUND = 1e15
#: from here on a tie would need a sixteenth digit
_NO_TIE = 1e14
#: relative error of `value * 10**places`, text to float and the product together, doubled
_FLOAT_NOISE = 4.5e-16
_MEAN_NOISE = 1e-12
#: a tie is never looked for further away than this many steps
_WIDEST_TIE = 1e-3
_EXACT_DIGITS = 15
_MEAN_DIGITS = 12
#: what a few steps of arithmetic leave behind, absolute and relative
_CEILING_NOISE = 1e-9
_CEILING_RELATIVE = 1e-14


def round_half_even(values: npt.ArrayLike, places: int, *, digits: int = _MEAN_DIGITS) -> FloatArray:
    """Round to `places` decimals, half to even on the decimal value.

    Parameters
    ----------
    values : array_like of float64, any shape
        Numbers; NaN stays NaN.
    places : int
        Decimals to keep, 0 to 22.
    digits : {12, 15}
        Significant digits at which a value is read before it is rounded: 12 for computed values
        (the default), 15 for values taken unchanged from a decimal text.

    Returns
    -------
    ndarray of float64, same shape

    Raises
    ------
    ValueError
        When `places` or `digits` is outside what is stated above.

    Notes
    -----
    GB/T 8170-2008, clauses 3.2 (half to even) and 3.3 (one step, no successive rounding).
    """
    if not 0 <= places <= _MOST_PLACES:
        raise ValueError(f"places must be 0 to {_MOST_PLACES}, got {places}")
    if digits not in (_MEAN_DIGITS, _EXACT_DIGITS):
        raise ValueError(f"digits must be {_MEAN_DIGITS} or {_EXACT_DIGITS}, got {digits}")
    given = np.asarray(values, dtype=np.float64)
    scale = 10.0**places
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = given * scale
        size = np.abs(scaled)
        whole = np.rint(scaled)
        noise = size * (_MEAN_NOISE if digits == _MEAN_DIGITS else _FLOAT_NOISE)
        if digits == _MEAN_DIGITS:
            np.minimum(noise, np.maximum(_WIDEST_TIE, size * _FLOAT_NOISE), out=noise)
        tie = (np.abs(np.abs(scaled - whole) - 0.5) <= noise) & (size < _NO_TIE)
    if tie.any():
        # the even neighbour of k + 1/2, found far away from any other tie
        whole = np.where(tie, 2.0 * np.rint(scaled / 2.0), whole)
    result = (whole + 0.0) / scale
    untouched = size >= _ALREADY_ROUND
    if untouched.any():
        result = np.where(untouched, given, result)
    return np.asarray(result, dtype=np.float64)


def round_evaluation(values: npt.ArrayLike, places: int, *, digits: int = _MEAN_DIGITS) -> FloatArray:
    """Round a surface-water evaluation result; only if that gives 0, keep one significant digit.

    Parameters
    ----------
    values, places, digits
        As in `round_half_even`.

    Returns
    -------
    ndarray of float64, same shape
        E.g. at 3 places 0.0006 -> 0.001 and 0.0004 -> 0.0004; a true 0 stays 0.

    Notes
    -----
    环办监测函〔2020〕82号 数据统计技术规定.
    """
    given = np.asarray(values, dtype=np.float64)
    rounded = round_half_even(given, places, digits=digits)
    vanished = (rounded == 0.0) & (given != 0.0)
    if not vanished.any():
        return rounded
    small = given[vanished]
    wanted = -np.floor(np.log10(np.abs(small))).astype(np.int64)
    kept = small.copy()
    for place in np.unique(wanted[wanted <= _MOST_PLACES]).tolist():
        here = wanted == place
        kept[here] = round_half_even(small[here], int(place), digits=digits)
    result = rounded.copy()
    result[vanished] = kept
    return result


def ceil_exact(values: npt.ArrayLike) -> FloatArray:
    """Round up to the next integer, without being pushed up by float noise.

    Parameters
    ----------
    values : array_like of float64, any shape
        A value within 1e-9 (and 1e-14 of its size) of an integer is that integer.

    Returns
    -------
    ndarray of float64, same shape
        NaN stays NaN.

    Notes
    -----
    The index rule "结果向上进位取整" of HJ 633 works on decimal arithmetic, where 100.00000000000001
    does not exist.
    """
    given = np.asarray(values, dtype=np.float64)
    nearest = np.rint(given)
    with np.errstate(invalid="ignore"):
        noise = _CEILING_NOISE + _CEILING_RELATIVE * np.abs(given)
        result = np.where(np.abs(given - nearest) <= noise, nearest, np.ceil(given))
    return np.asarray(result + 0.0, dtype=np.float64)
