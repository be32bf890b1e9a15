"""Air quality index (AQI, 空气质量指数) by HJ 633, both editions, hourly and daily.

Everything that differs between editions (breakpoints, inputs, overflow, missing items) stands in
`indicators/standards/aqi_*.toml`. Concentrations are rounded by GB/T 8170 first, IAQI are rounded up,
in integers: a concentration on a breakpoint gives exactly that IAQI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.air_editions import editions
from indicators.registry import Registry, Standard
from vocabulary.rounding import round_half_even

IntArray = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float64]

#: order in which primary pollutants (首要污染物) are named
POLLUTANTS: tuple[str, ...] = ("pm2_5", "pm10", "so2", "no2", "co", "o3")
#: column of a wide frame of days that feeds an item, where it is not the pollutant itself
_DAY_COLUMNS = {"o3_8h": "o3_mda8", "o3_1h": "o3_1h_max"}
#: rows worked on at once, so that the arrays stay in the processor's cache
_BLOCK = 1 << 15

MISSING = -1

_Rows = slice | npt.NDArray[np.intp]


class UnknownItemError(ValueError):
    """The edition has no breakpoints for the item."""


def _pollutant(item: str) -> str:
    return item.rsplit("_", 1)[0]


@lru_cache(maxsize=256)
def _lookup(points: tuple[float, ...], iaqi_at: tuple[int, ...], places: int, above: int) -> IntArray:
    """IAQI of every concentration step 0..last, then of anything above, then of a missing value.

    Exact: breakpoints and steps are whole numbers of 10**-places, the ceiling is a whole division.
    """
    scale = 10**places
    at = np.array([round(point * scale) for point in points], dtype=np.int64)
    index = np.array(iaqi_at, dtype=np.int64)
    steps = np.arange(at[-1] + 1, dtype=np.int64)
    high = np.clip(np.searchsorted(at, steps, side="left"), 1, len(at) - 1)
    low = high - 1
    rise = (index[high] - index[low]) * (steps - at[low])
    values = index[low] - (-rise // (at[high] - at[low]))
    return np.concatenate([values, [above, MISSING]]).astype(np.int16)


def _breakpoints(edition: Standard, item: str) -> Mapping[str, Any]:
    rows: Mapping[str, Mapping[str, Any]] = edition.tables["breakpoints"]
    if item not in rows:
        raise UnknownItemError(f"{edition.id} has no breakpoints for {item!r}; it has: {', '.join(rows)}")
    return rows[item]


def _steps(row: Mapping[str, Any], concentration: FloatArray, table: IntArray) -> npt.NDArray[np.intp]:
    """Position in the lookup table of each concentration, after rounding."""
    places = int(row["places"])
    rounded = round_half_even(concentration, places)
    if places:
        rounded = np.rint(rounded * 10.0**places)
    last = len(table) - 1
    position = np.where(rounded >= 0, np.minimum(rounded, last - 1), last)
    return position.astype(np.intp)


def iaqi(item: str, concentration: npt.ArrayLike, edition: Standard) -> IntArray:
    """Individual air quality index of one item.

    Parameters
    ----------
    item : str
        so2_24h so2_1h no2_24h no2_1h co_24h co_1h o3_8h o3_1h pm10_24h pm2_5_24h.
    concentration : array_like of float64, shape (n,)
        µg/m³, CO mg/m³; NaN or negative is missing.
    edition : Standard
        A standard of topic "aqi".

    Returns
    -------
    ndarray of int16, shape (n,)
        0..500; -1 where missing, or where the edition refers to another item (HJ 633-2012: 1-h SO2 and
        8-h O3 above 800 take the IAQI of the 24-h SO2 and the 1-h O3).

    Raises
    ------
    UnknownItemError
        When the edition has no such item.

    Notes
    -----
    HJ 633-2012 and HJ 633-2026, table 1; rounding before the index: HJ 633-2026 4.2.2.
    """
    row = _breakpoints(edition, item)
    table = _table(row)
    values = np.asarray(concentration, dtype=np.float64)
    return np.asarray(table.take(_steps(row, values, table)), dtype=np.int16)


def _table(row: Mapping[str, Any]) -> IntArray:
    above = MISSING if row["overflow"] == "use" else int(row["overflow_iaqi"])
    return _lookup(tuple(row["concentration"]), tuple(row["iaqi"]), int(row["places"]), above)


def _item_indices(
    edition: Standard,
    columns: Mapping[str, FloatArray],
    spare: Mapping[str, FloatArray],
) -> dict[str, IntArray]:
    """IAQI per item; an overflow that refers to another item takes that one's index (`spare` values)."""
    found: dict[str, IntArray] = {}
    for item, values in columns.items():
        row = _breakpoints(edition, item)
        table = _table(row)
        position = _steps(row, values, table)
        index = table.take(position)
        if row["overflow"] == "use":
            over = position == len(table) - 2
            other = row["overflow_item"]
            if over.any() and other in spare:
                index[over] = iaqi(other, spare[other][over], edition)
        found[item] = index
    return found


@lru_cache(maxsize=1)
def _primary_names() -> Any:
    """Return the text for every set of pollutants; bit k of the position stands for POLLUTANTS[k]."""
    texts = [
        ",".join(name for bit, name in enumerate(POLLUTANTS) if number >> bit & 1)
        for number in range(1 << len(POLLUTANTS))
    ]
    return pd.array(texts, dtype="str")


class _Index:
    """AQI, level, primary pollutants and completeness of n rows, filled block by block."""

    def __init__(self, rows: int, not_monitored: Sequence[str] = ()) -> None:
        due = [place for place, name in enumerate(POLLUTANTS) if name not in not_monitored]
        # every line is the usual case: a slice copies nothing
        self.due: slice | list[int] = due if not_monitored else slice(None)
        self.per_pollutant = np.full((len(POLLUTANTS), rows), MISSING, dtype=np.int16)
        self.aqi = np.full(rows, MISSING, dtype=np.int16)
        self.level = np.zeros(rows, dtype=np.int8)
        self.primary = np.zeros(rows, dtype=np.uint8)
        self.valid = np.zeros(rows, dtype=np.bool_)
        self.edition = np.zeros(rows, dtype=np.intp)

    def fill(self, at: _Rows, edition: Standard, by_item: Mapping[str, IntArray], size: int) -> None:
        """Put the indices of `size` rows, which stand at `at`, in their places."""
        publication = edition.tables["publication"]
        block = np.full((len(POLLUTANTS), size), MISSING, dtype=np.int16)
        for item, index in by_item.items():
            line = block[POLLUTANTS.index(_pollutant(item))]
            np.maximum(line, index, out=line)
        top = block.max(axis=0)
        complete = block[self.due].min(axis=0) >= 0
        mask = np.zeros(size, dtype=np.uint8)
        for bit in range(len(POLLUTANTS)):
            mask |= (block[bit] == top).astype(np.uint8) << np.uint8(bit)
        mask[top <= int(publication["primary_above"])] = 0
        self.per_pollutant[:, at] = block
        self.aqi[at] = top
        self.level[at] = level_of(top, edition)
        self.primary[at] = mask
        self.valid[at] = complete | (top > int(publication["publish_above"]))


def _compute(
    index: _Index,
    edition: Standard,
    mask: npt.NDArray[np.bool_],
    columns: Mapping[str, FloatArray],
    spare: Mapping[str, FloatArray],
) -> None:
    """Compute the rows of `mask` under one edition; `columns` hold every row, by item."""
    every = bool(mask.all())
    places = np.arange(0) if every else np.flatnonzero(mask)
    rows = len(mask) if every else len(places)
    for start in range(0, rows, _BLOCK):
        part = slice(start, min(start + _BLOCK, rows))
        at: _Rows = part if every else places[part]
        by_item = _item_indices(
            edition,
            {name: values[at] for name, values in columns.items()},
            {name: values[at] for name, values in spare.items()},
        )
        index.fill(at, edition, by_item, part.stop - part.start)


def _masked(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_]) -> Any:
    return pd.arrays.IntegerArray(values, missing)


def level_of(aqi: npt.ArrayLike, edition: Standard) -> npt.NDArray[np.int8]:
    """Level 1..6 (优…严重污染) of each AQI; 0 where the AQI is missing (negative).

    HJ 633 table 2: a level holds up to and including its upper bound.
    """
    uppers = np.array([row["upper"] for row in edition.tables["levels"].values()], dtype=np.int64)
    values = np.asarray(aqi, dtype=np.int64)
    level = np.minimum(np.searchsorted(uppers, values, side="left") + 1, len(uppers))
    return np.where(values < 0, 0, level).astype(np.int8)


def _result(keys: pd.DataFrame, index: _Index, labels: Sequence[str], *, publish_all: bool) -> pd.DataFrame:
    shown = (index.aqi >= 0) if publish_all else index.valid
    missing = ~shown
    columns: dict[str, Any] = {
        "edition": pd.array(list(labels) or [""], dtype="str").take(index.edition),
        "aqi": _masked(index.aqi, missing),
        "level": _masked(index.level, missing),
        "primary": _primary_names().take(np.where(shown, index.primary, 0).astype(np.intp)),
        "valid": index.valid,
    }
    for position, name in enumerate(POLLUTANTS):
        line = index.per_pollutant[position]
        columns[f"iaqi_{name}"] = _masked(line, line < 0)
    return pd.concat([keys, pd.DataFrame(columns, index=keys.index)], axis=1)


def wide_days(days: pd.DataFrame) -> pd.DataFrame:
    """Spread a long frame of days into one row per (site, day); a value that is not valid becomes NaN.

    Parameters
    ----------
    days : DataFrame
        site, day, parameter, value, valid, as `air_days.station_days` gives it.

    Returns
    -------
    DataFrame
        site, day and one float64 column per parameter, sorted by site and day.

    Raises
    ------
    ValueError
        When a (site, day, parameter) stands twice.
    """
    if days.duplicated(["site", "day", "parameter"]).any():
        twice = days.loc[days.duplicated(["site", "day", "parameter"])].iloc[0]
        raise ValueError(f"site {twice['site']!r}, day {twice['day']}, {twice['parameter']}: stands twice")
    values = days.assign(value=days["value"].where(days["valid"].astype(bool)))
    wide = values.pivot(index=["site", "day"], columns="parameter", values="value")  # noqa: PD010 - a mean is not meant
    wide.columns = wide.columns.astype(object)
    wide.columns.name = None
    return wide.reset_index()


def _column(frame: pd.DataFrame, name: str) -> FloatArray:
    if name in frame.columns:
        return np.asarray(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
    return np.full(len(frame), np.nan)


def daily_aqi(
    days: pd.DataFrame,
    *,
    registry: Registry,
    edition: str | None = None,
    inputs: Literal["assessment", "text"] = "assessment",
    not_monitored: Sequence[str] = (),
) -> pd.DataFrame:
    """Daily AQI of sites or of a district.

    Parameters
    ----------
    days : DataFrame
        Long (site, day, parameter, value, valid) or wide (site, day, so2, no2, co, pm10, pm2_5, o3_mda8
        and, if at hand, o3_1h_max; NaN = not valid); µg/m³, CO mg/m³.
    registry : Registry
        The dated standards.
    edition : str, optional
        Id of the edition for every day ("HJ633-2012"); without it the one in force on the day.
    inputs : {"assessment", "text"}
        HJ 633-2012 only: the six items of the national assessment, or the seven of its text (with the
        daily maximum of 1-h O3).
    not_monitored : sequence of str
        Pollutants (POLLUTANTS) that the programme does not monitor: they hide no index. Whether one may be
        left out, `air_marks.may_stay_unmonitored` tells.

    Returns
    -------
    DataFrame
        site, day, edition, aqi (Int16; NA when not to be published), level (Int8, 1..6), primary
        (parameter keys joined by comma, '' up to 50), valid (all six valid, or AQI of those at hand > 100),
        iaqi_pm2_5 … iaqi_o3 (Int16).

    Raises
    ------
    UnknownItemError
        When `not_monitored` names no pollutant of the index, or all of them.

    Notes
    -----
    HJ 633-2012 4; HJ 633-2026 4 and 5.3 (missing items).
    """
    strange = set(not_monitored).difference(POLLUTANTS)
    if strange or set(not_monitored) == set(POLLUTANTS):
        raise UnknownItemError(
            f"not_monitored {', '.join(not_monitored)}; expected some of {', '.join(POLLUTANTS)}"
        )
    wide = wide_days(days) if "parameter" in days.columns else days
    wide = wide.reset_index(drop=True)
    keys = wide[["site", "day"]]
    index = _Index(len(wide), not_monitored)
    labels: list[str] = []
    spare = {"o3_1h": _column(wide, "o3_1h_max"), "so2_24h": _column(wide, "so2")}
    for standard, mask in editions(registry, "aqi", wide["day"], only=edition):
        items = standard.tables["daily"]["inputs" if inputs == "assessment" else "text_inputs"]
        columns = {item: _column(wide, _DAY_COLUMNS.get(item, _pollutant(item))) for item in items}
        _compute(index, standard, mask, columns, spare)
        index.edition[mask] = len(labels)
        labels.append(standard.label)
    return _result(keys, index, labels, publish_all=False)


def hourly_aqi(
    hours: pd.DataFrame,
    *,
    registry: Registry,
    edition: str | None = None,
    inputs: Literal["edition", "feed"] = "edition",
) -> pd.DataFrame:
    """Hourly (real-time) AQI.

    Parameters
    ----------
    hours : DataFrame
        Wide: site, observed_at (start of the hour), so2, no2, co, o3, pm10, pm2_5 and, as far as the
        edition needs them, o3_8h, pm10_24h, pm2_5_24h, so2_24h; NaN = missing.
    registry : Registry
        The dated standards.
    edition : str, optional
        Id of the edition for every hour; without it the one in force on the day.
    inputs : {"edition", "feed"}
        "edition": by the text (2012: PM with its sliding 24-h mean, O3 also with its sliding 8 h); items
        missing: NA up to 100. "feed": what the national release publishes, 1-h means of what is there.

    Returns
    -------
    DataFrame
        site, observed_at, edition, aqi, level, primary, valid, iaqi_*, as in `daily_aqi`.

    Notes
    -----
    HJ 633-2012 4, HJ 633-2026 4; the feed's rule reproduces 99.99 % of the release's own figures.
    """
    hours = hours.reset_index(drop=True)
    keys = hours[["site", "observed_at"]]
    index = _Index(len(hours))
    labels: list[str] = []
    spare = {"o3_1h": _column(hours, "o3"), "so2_24h": _column(hours, "so2_24h")}
    for standard, mask in editions(registry, "aqi", hours["observed_at"], only=edition):
        rule = standard.tables["hourly" if inputs == "edition" else "feed"]
        columns = {
            item: _column(hours, column) for item, column in zip(rule["inputs"], rule["columns"], strict=True)
        }
        _compute(index, standard, mask, columns, spare)
        index.edition[mask] = len(labels)
        labels.append(standard.label)
    return _result(keys, index, labels, publish_all=inputs == "feed")
