"""Reference states of air concentrations: 标况 (273.15 K) before 2018-09-01, 实况 after; never mixed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_STANDARD_KELVIN = 273.15
_REFERENCE_KELVIN = 298.15
_STANDARD_HECTOPASCAL = 1013.25


def gas_at_reference(c_standard: npt.ArrayLike) -> FloatArray:
    """Convert gases from standard state (273.15 K) to the reference state (298.15 K), both at 1013.25 hPa.

    GB 3095-2012 amendment of 2018, GB 3095-2026 3: factor 273.15/298.15 = 0.91615.
    """
    factor = _STANDARD_KELVIN / _REFERENCE_KELVIN
    return np.asarray(np.asarray(c_standard, dtype=np.float64) * factor, dtype=np.float64)


def particles_at_actual(
    c_standard: npt.ArrayLike, kelvin: npt.ArrayLike, hectopascal: npt.ArrayLike
) -> FloatArray:
    """Convert particulates from standard state to the air's actual temperature and pressure.

    GB 3095-2012 amendment of 2018: C·(273.15/T)·(P/1013.25), T in K, P in hPa.
    """
    shrink = _STANDARD_KELVIN / np.asarray(kelvin, dtype=np.float64)
    press = np.asarray(hectopascal, dtype=np.float64) / _STANDARD_HECTOPASCAL
    return np.asarray(np.asarray(c_standard, dtype=np.float64) * shrink * press, dtype=np.float64)
