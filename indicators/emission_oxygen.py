"""Flue gas arithmetic: normalisation to reference oxygen, wet to dry, standard state, ppm.

Source: HJ 212-2017 appendix D.2 (as HJ 75-2017, HJ 76-2017). Constants stand in
`indicators/standards/gas_hj75_2017.toml`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from indicators.registry import Standard, default_registry

FloatArray = npt.NDArray[np.float64]

_STANDARD = "HJ75-2017"
_STANDARD_KELVIN = 273.0
_STANDARD_PASCAL = 101325.0
_MOLAR_VOLUME = 22.4
_SECONDS = 3600.0
#: mass of NO2 over NO
_NO_TO_NO2 = 46.0 / 30.0


def normalise_oxygen(
    c: npt.ArrayLike, o2: npt.ArrayLike, o2_ref: npt.ArrayLike, *, standard: Standard | None = None
) -> FloatArray:
    """Normalise a dry concentration to the reference oxygen content (折算浓度).

    Parameters
    ----------
    c : array_like of float64
        Measured dry concentration at standard state, mg/m³.
    o2 : array_like of float64
        Measured dry oxygen, %.
    o2_ref : array_like of float64
        Reference oxygen, %; NaN where the discharge standard names none: c is the result then.
    standard : Standard, optional
        Topic gas-validity; HJ 75-2017 without it.

    Returns
    -------
    ndarray of float64, mg/m³
        C·(21 - O2_ref)/(21 - O2). NaN where not computable: oxygen missing, negative, or at the guard
        (20.9 %) and above: air, not flue gas; nothing is divided by (nearly) zero.

    Notes
    -----
    HJ 212-2017 D.2.3. Compliance uses this concentration; mass uses the measured one.
    """
    rule = (default_registry().get(_STANDARD) if standard is None else standard).rule("oxygen")
    air, guard = float(rule["air_o2"]), float(rule["guard_at"])
    given, oxygen, reference = np.broadcast_arrays(
        np.asarray(c, dtype=np.float64),
        np.asarray(o2, dtype=np.float64),
        np.asarray(o2_ref, dtype=np.float64),
    )
    usable = (oxygen >= 0) & (oxygen < guard)
    normalised = given * (air - reference) / np.where(usable, air - oxygen, np.nan)
    return np.asarray(np.where(np.isnan(reference), given, normalised), dtype=np.float64)


def excess_air(o2: npt.ArrayLike, *, standard: Standard | None = None) -> FloatArray:
    """Return the excess air coefficient α = 21/(21 - O2); NaN where `normalise_oxygen` computes nothing."""
    rule = (default_registry().get(_STANDARD) if standard is None else standard).rule("oxygen")
    air, guard = float(rule["air_o2"]), float(rule["guard_at"])
    oxygen = np.asarray(o2, dtype=np.float64)
    usable = (oxygen >= 0) & (oxygen < guard)
    return np.asarray(air / np.where(usable, air - oxygen, np.nan), dtype=np.float64)


def normalise_excess_air(
    c: npt.ArrayLike, o2: npt.ArrayLike, alpha_ref: npt.ArrayLike, *, standard: Standard | None = None
) -> FloatArray:
    """Normalise by the excess air coefficient a discharge standard names: C·α/αs (HJ 212-2017 D.2.3).

    Parameters
    ----------
    c, o2 : array_like of float64
        As in `normalise_oxygen`.
    alpha_ref : array_like of float64
        Reference coefficient αs, e.g. 1.2, 1.4; NaN where the standard names none: c is the result then.
    """
    reference = np.asarray(alpha_ref, dtype=np.float64)
    given = np.asarray(c, dtype=np.float64)
    normalised = given * excess_air(o2, standard=standard) / reference
    return np.asarray(np.where(np.isnan(reference), given, normalised), dtype=np.float64)


def dry_concentration(c_wet: npt.ArrayLike, moisture: npt.ArrayLike) -> FloatArray:
    """Wet to dry: C / (1 - X), moisture in % (0 up to, not including, 100; else NaN). HJ 212-2017 D.2."""
    wet = np.asarray(moisture, dtype=np.float64)
    usable = (wet >= 0) & (wet < 100)  # noqa: PLR2004 - per cent
    return np.asarray(
        np.asarray(c_wet, dtype=np.float64) / np.where(usable, 1.0 - wet / 100.0, np.nan), dtype=np.float64
    )


def standard_concentration(
    c: npt.ArrayLike, temperature: npt.ArrayLike, pressure: npt.ArrayLike, gauge: npt.ArrayLike
) -> FloatArray:
    """Concentration at standard state (273 K, 101325 Pa).

    Parameters
    ----------
    c : array_like
        mg/m³ at flue conditions.
    temperature : array_like
        Flue temperature, °C.
    pressure, gauge : array_like
        Atmospheric pressure and static pressure of the flue gas, Pa.

    Notes
    -----
    HJ 212-2017 D.2: Csn = Cs·101325/(Ba+Ps)·(273+ts)/273.
    """
    kelvin = _STANDARD_KELVIN + np.asarray(temperature, dtype=np.float64)
    pascal = np.asarray(pressure, dtype=np.float64) + np.asarray(gauge, dtype=np.float64)
    return np.asarray(
        np.asarray(c, dtype=np.float64) * _STANDARD_PASCAL / pascal * kelvin / _STANDARD_KELVIN,
        dtype=np.float64,
    )


def standard_flow(
    velocity: npt.ArrayLike,
    area: float,
    temperature: npt.ArrayLike,
    pressure: npt.ArrayLike,
    gauge: npt.ArrayLike,
    moisture: npt.ArrayLike,
) -> FloatArray:
    """Dry flow at standard state, m³/h.

    Parameters
    ----------
    velocity : array_like
        Flue velocity, m/s.
    area : float
        Cross section, m².
    temperature, pressure, gauge : array_like
        °C; Pa; Pa.
    moisture : array_like
        %.

    Notes
    -----
    HJ 212-2017 D.2: Qsn = 3600·F·V·273/(273+ts)·(Ba+Ps)/101325·(1-Xsw).
    """
    kelvin = _STANDARD_KELVIN + np.asarray(temperature, dtype=np.float64)
    pascal = np.asarray(pressure, dtype=np.float64) + np.asarray(gauge, dtype=np.float64)
    dry = 1.0 - np.asarray(moisture, dtype=np.float64) / 100.0
    flow = _SECONDS * area * np.asarray(velocity, dtype=np.float64)
    return np.asarray(flow * _STANDARD_KELVIN / kelvin * pascal / _STANDARD_PASCAL * dry, dtype=np.float64)


def mg_of_ppm(ppm: npt.ArrayLike, molar_mass: float) -> FloatArray:
    """Volume to mass concentration at standard state, mg/m³: M/22.4·ppm (HJ 212-2017 D.2)."""
    return np.asarray(np.asarray(ppm, dtype=np.float64) * molar_mass / _MOLAR_VOLUME, dtype=np.float64)


def nox_as_no2(no: npt.ArrayLike, no2: npt.ArrayLike) -> FloatArray:
    """NOx as NO2 from mass concentrations of NO and NO2 (HJ 212-2017 D.2)."""
    return np.asarray(
        np.asarray(no, dtype=np.float64) * _NO_TO_NO2 + np.asarray(no2, dtype=np.float64), dtype=np.float64
    )
