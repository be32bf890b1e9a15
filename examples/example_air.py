"""Example exports of hourly air in the layout `china_sites_YYYYMMDD.csv`.

Header date,hour,type,<stations>; fifteen types an hour; `hour` is the end of the interval, so that
hour 0 of a day is the last interval of the day before. CRLF, no line break at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from example_numbers import (
    BLANK,
    Ints,
    Texts,
    as_text,
    between,
    by_season,
    day_range,
    divide_even,
    join_columns,
    smooth_noise,
    stream,
)

TYPES = (
    "AQI",
    "PM2.5",
    "PM2.5_24h",
    "PM10",
    "PM10_24h",
    "SO2",
    "SO2_24h",
    "NO2",
    "NO2_24h",
    "O3",
    "O3_24h",
    "O3_8h",
    "O3_8h_24h",
    "CO",
    "CO_24h",
)
ITEMS = ("pm2_5", "pm10", "so2", "no2", "o3", "co")
_TYPE_OF = {"pm2_5": "PM2.5", "pm10": "PM10", "so2": "SO2", "no2": "NO2", "o3": "O3", "co": "CO"}

#: days simulated before the first exported one, so that sliding means are full
LEAD = 3


def _hourly(days: Ints) -> Ints:
    """Bend daily numbers into hours: each day's number holds at noon, straight lines between."""
    before, after = np.concatenate([days[:1], days[:-1]]), np.concatenate([days[1:], days[-1:]])
    hour = np.arange(24)
    morning = before[:, None] * (12 - hour) + days[:, None] * (12 + hour)
    evening = days[:, None] * (36 - hour) + after[:, None] * (hour - 12)
    return divide_even(np.where(hour < 12, morning, evening), 24)


def levels(scenario: dict[str, Any], district: str, station: dict[str, Any]) -> dict[str, Ints]:
    """Return one station's hourly values without dirt: item -> array (days incl. lead, 24).

    µg/m³; CO in tenths of mg/m³.
    """
    air, seed = scenario["air"], scenario["seed"]
    days = day_range(scenario["first_day"], scenario["last_day"])
    days = np.concatenate([days[0] - np.arange(LEAD, 0, -1), days])
    # one weather for neighbouring districts, one for each station's own nuance
    weather = scenario["weather"]
    calm = _hourly(between(weather["at"], weather["factor"], _spread(stream(seed, "calm"), len(days), 3)))
    sky = scenario["sunshine"]
    sun = between(sky["at"], sky["factor"], _spread(stream(seed, "sun"), len(days), 2))[:, None]
    random = stream(seed, f"air {district} {station['code']}")
    size = (len(days), 24)

    def wobble(low: int, high: int) -> Ints:
        return np.asarray(random.integers(low, high + 1, size=size, dtype=np.int64))

    def season(name: str) -> Ints:
        return by_season(air["month"][name], days)[:, None]

    hour = {name: np.asarray(table, np.int64) for name, table in air["hour"].items()}
    own = station["particles"]
    pm2_5 = divide_even(season("pm2_5") * calm * hour["particles"] * own * wobble(920, 1080), 10**12)
    mild = (calm + 1000) // 2
    more = divide_even(season("pm10_more") * mild * hour["particles"] * wobble(800, 1200), 10**9)
    o3 = divide_even(season("o3_peak") * sun * hour["o3"] * station["o3"] * wobble(960, 1040), 10**12)
    return {
        "pm2_5": np.maximum(pm2_5, 2),
        "pm10": np.maximum(pm2_5, 2) + np.maximum(more, 2),
        "so2": np.maximum(divide_even(season("so2") * mild * wobble(700, 1300), 10**6), 2),
        "no2": np.maximum(divide_even(season("no2") * mild * hour["gases"] * wobble(850, 1150), 10**9), 3),
        "o3": np.maximum(o3, 1),
        "co": np.maximum(divide_even(season("co_tenths") * mild * wobble(850, 1150), 10**6), 2),
    }


def _spread(random: np.random.Generator, count: int, window: int) -> Ints:
    """Widen a slow noise again, so that calm and windy spells both occur."""
    return np.clip((smooth_noise(random, count, window) - 500) * 3 // 2 + 500, 0, 999)


def with_gaps(values: dict[str, Ints], random: np.random.Generator) -> dict[str, Ints]:
    """Leave single cells and now and then a whole hour blank, as a real feed does."""
    shape = next(iter(values.values())).shape
    silent = random.integers(0, 1000, size=shape) < 2
    return {
        item: np.where(silent | (random.integers(0, 1000, size=shape) < 4), BLANK, array)
        for item, array in values.items()
    }


def _window_mean(flat: Ints, length: int) -> Ints:
    present = flat != BLANK
    total = np.concatenate([np.zeros(length, np.int64), np.cumsum(np.where(present, flat, 0))])
    count = np.concatenate([np.zeros(length, np.int64), np.cumsum(present)])
    n = count[length:] - count[:-length]
    return np.where(n > 0, divide_even(total[length:] - total[:-length], np.maximum(n, 1)), BLANK)


def _o3_sliding(o3: Ints) -> tuple[Ints, Ints, Ints]:
    """O3 as the feed slides it: 24-h maximum, 8-h mean restarting at 01:00, its running maximum.

    Label 24 of the last is MDA8: the maximum over the means that end at 08 … 24.
    """
    present = o3 != BLANK
    total = np.cumsum(np.where(present, o3, 0), axis=1)
    count = np.cumsum(present, axis=1)
    total[:, 8:], count[:, 8:] = total[:, 8:] - total[:, :-8], count[:, 8:] - count[:, :-8]
    mean = np.where(count > 0, divide_even(total, np.maximum(count, 1)), BLANK)
    running = np.maximum.accumulate(mean, axis=1)
    running[:, 23] = mean[:, 7:].max(axis=1)
    padded = np.concatenate([np.full(23, BLANK), o3.ravel()])
    maximum = np.lib.stride_tricks.sliding_window_view(padded, 24).max(axis=1)
    return np.asarray(maximum).reshape(o3.shape), mean, running


def _iaqi(values: Ints, points: list[int], iaqi: list[int]) -> Ints:
    """Individual index, rounded up to a whole number; above the last breakpoint not computed."""
    x, y = np.asarray(points, np.int64), np.asarray(iaqi[: len(points)], np.int64)
    right = np.clip(np.searchsorted(x, values, side="left"), 1, len(x) - 1)
    left = right - 1
    rise = (y[right] - y[left]) * (values - x[left])
    found = y[left] - (-rise // (x[right] - x[left]))
    return np.where((values == BLANK) | (values > x[-1]), BLANK, found)


def published_aqi(values: dict[str, Ints], feed: dict[str, Any], new: npt.NDArray[np.bool_]) -> Ints:
    """Return the hourly AQI the feed publishes; `new` marks the hours judged by the edition of 2026."""
    best = np.full(values["o3"].shape, BLANK)
    for item, array in values.items():
        points = feed["co_tenths"] if item == "co" else feed[item]
        index = _iaqi(array, points, feed["iaqi"])
        if f"{item}_new" in feed:
            index = np.where(new, _iaqi(array, feed[f"{item}_new"], feed["iaqi"]), index)
        best = np.maximum(best, index)
    return best


def columns(values: dict[str, Ints], feed: dict[str, Any], new: npt.NDArray[np.bool_]) -> Texts:
    """Return one station's cells as delivered: text of shape (days, 24, 15) in the order of TYPES."""
    shape = values["o3"].shape
    found: dict[str, Texts] = {"AQI": as_text(published_aqi(values, feed, new))}
    for item in ITEMS:
        places = 1 if item == "co" else 0
        name = _TYPE_OF[item]
        found[name] = as_text(values[item], places, trim=True)
        if item != "o3":
            mean = _window_mean(values[item].ravel(), 24).reshape(shape)
            found[f"{name}_24h"] = as_text(mean, places, trim=True)
    maximum, mean8, mda8 = _o3_sliding(values["o3"])
    found |= {"O3_24h": as_text(maximum), "O3_8h": as_text(mean8), "O3_8h_24h": as_text(mda8)}
    return np.stack([found[name] for name in TYPES], axis=-1)


def station_columns(scenario: dict[str, Any], values: dict[str, Ints]) -> Texts:
    """Return `columns` under the edition in force on each day."""
    first = np.datetime64(scenario["first_day"], "D") - LEAD
    days = first + np.arange(values["o3"].shape[0])
    new = np.broadcast_to(
        (days >= np.datetime64(scenario["air"]["feed"]["switch"]))[:, None], values["o3"].shape
    )
    return columns(values, scenario["air"]["feed"], new)


def day_rows(cells: Texts, day: date, scenario: dict[str, Any]) -> Texts:
    """Return the lines of one day's file as an array (hours 0 … 23, 15): hour 0 ends the day before."""
    first = np.datetime64(scenario["first_day"], "D") - LEAD
    start = int((np.datetime64(day, "D") - first).astype(np.int64)) * 24 - 1
    flat = cells.reshape(-1, *cells.shape[2:])[start : start + 24]
    hours = as_text(np.arange(len(flat), dtype=np.int64))[:, None]
    parts: list[Texts | str] = [np.broadcast_to(hours, flat.shape[:2]), np.asarray(TYPES)]
    parts += [flat[:, :, station] for station in range(flat.shape[2])]
    lines = join_columns(parts)
    return np.strings.add(f"{day:%Y%m%d},", lines)


def file_name(day: date) -> str:
    """Return the name the release gives a day's file."""
    return f"china_sites_{day:%Y%m%d}.csv"


def as_file(header: list[str], lines: Texts | list[str]) -> bytes:
    """Put header and lines together: CRLF between lines, none at the end."""
    flat = lines if isinstance(lines, list) else lines.ravel().tolist()
    return "\r\n".join([",".join(["date", "hour", "type", *header]), *flat]).encode()


def district_values(scenario: dict[str, Any], district: str) -> dict[str, dict[str, Ints]]:
    """Return station code -> item -> hourly values with gaps, before the planted dirt."""
    return {
        station["code"]: with_gaps(
            levels(scenario, district, station),
            stream(scenario["seed"], f"gaps {district} {station['code']}"),
        )
        for station in scenario["air"]["station"]
        if station["district"] == district
    }


def index_of(scenario: dict[str, Any], day: date) -> int:
    """Return the row of a day in the arrays of `district_values`."""
    first: date = scenario["first_day"]
    return (day - first).days + LEAD


def all_days(scenario: dict[str, Any]) -> Iterator[date]:
    """Yield the days that have a file: one more than the readings, for the last hour of the last day."""
    last: date = scenario["last_day"]
    for day in day_range(scenario["first_day"], last):
        yield day.astype(date)
    yield date.fromordinal(last.toordinal() + 1)
