"""The release's air figures from the warehouse's readings, and those of the national feed's hours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from benchmarks.realdata_district import FIRST, KEY, LAST, facts
from benchmarks.release_air import ITEMS, MEANS, feed_rates, measure, rate
from indicators.registry import load_standards
from warehouse.recall import recall_readings

#: name of the release -> parameter and period of its readings
COLUMNS: dict[str, tuple[str, str]] = {
    "AQI": ("aqi", "1h"),
    "O3_8h": ("o3", "8h"),
    "O3_8h_24h": ("o3_8h", "24h"),
    **{name: (name, "1h") for name in ITEMS},
    **{shown: (name, "24h") for shown, name in MEANS.items()},
}


def air_rates(connection: Connection, cities: pd.Series) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """Rates of the release's own air figures, and how many hours had nothing to compute from.

    `cities` is site -> city. An hour of which only the AQI came (a file cut within a line) is no
    disagreement: it is counted apart.
    """
    release = wide(connection, COLUMNS)
    if release.empty:
        return {}, {}
    alone = release["AQI"].notna() & release[list(ITEMS)].isna().all(axis=1)
    release["AQI"] = release["AQI"].mask(alone)
    return measure(release, load_standards(), cities), {"air_hours_without_items": int(alone.sum())}


def national_feed(data: Path) -> dict[str, dict[str, Any]]:
    """Rates over every file of the national feed below `data`; no reader in sources/ has this layout."""
    place = facts()["feed"]
    hours = [
        feature["properties"]
        for path in sorted((data / place["folder"]).glob(place["pattern"]))
        for feature in json.loads(path.read_text("utf-8-sig"))["features"]
    ]
    if not hours:
        return {"air_feed_aqi": rate(0, 0), "air_feed_primary": rate(0, 0)}
    return feed_rates(hours, load_standards())


def wide(connection: Connection, columns: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """One row a site and hour, one column a (parameter, period); NaN where there is no reading.

    Series by series and into place by a whole-number key, so that memory stays near that of the result.
    """
    sites: dict[str, int] = {}
    keys: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray] = {}
    for name, (parameter, period) in columns.items():
        found = recall_readings(
            connection,
            district=KEY,
            start=FIRST,
            end=LAST,
            parameters=[parameter],
            periods=[period],
        )
        codes, labels = pd.factorize(found["site"])
        numbers = np.array([sites.setdefault(str(site), len(sites)) for site in labels], dtype=np.int64)
        hours = found["observed_at"].to_numpy().astype("datetime64[h]").astype(np.int64)
        keys[name] = (numbers[codes] << 32) | hours
        values[name] = found["value"].to_numpy(dtype=np.float64)
    every = np.unique(np.concatenate(list(keys.values())))
    names = pd.array(list(sites), dtype="str")
    result = {
        "site": names.take(every >> 32),
        "observed_at": (every & 0xFFFFFFFF).astype("datetime64[h]").astype("datetime64[us]"),
    }
    for name in columns:
        line = np.full(len(every), np.nan)
        line[np.searchsorted(every, keys[name])] = values[name]
        result[name] = line
    return pd.DataFrame(result)
