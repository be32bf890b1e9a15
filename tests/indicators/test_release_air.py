"""What the rate of the release's hourly AQI leaves out: told by the other stations of a city, never by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.release_air import hourly_rates, rounded_to_nearest
from indicators.registry import default_registry

ITEMS = ("pm2_5", "pm10", "so2", "no2", "o3", "co")
# PM2.5 of 36: IAQI 50 + 50 / 40 = 51.25, up 52, to the nearest 51 (HJ 633-2012 table 1)
UP, NEAREST = 52, 51
HOURS = 3


def published(aqi: dict[str, list[int]]) -> pd.DataFrame:
    """Three hours of each station with PM2.5 of 36 and the AQI given."""
    stations = pd.DataFrame({"site": list(aqi), "AQI": list(aqi.values())}).explode("AQI", ignore_index=True)
    hour = pd.to_timedelta(stations.groupby("site").cumcount(), unit="h")
    rows = stations.assign(observed_at=pd.Timestamp("2019-10-01") + hour, AQI=stations["AQI"].astype(float))
    return rows.assign(**dict.fromkeys(ITEMS, 0.0)).assign(pm2_5=36.0)


def kept(release: pd.DataFrame, cities: dict[str, str]) -> tuple[int, int]:
    """Rows that count and rows with everything in."""
    found = hourly_rates(release, default_registry(), pd.Series(cities, dtype="str"))
    with_defects = found["air_hourly_aqi_complete_with_defects"]
    return found["air_hourly_aqi_complete"]["rows"], with_defects["rows"]


def test_a_city_rounded_to_the_nearest_is_left_out():
    release = published({"1": [NEAREST] * HOURS, "2": [NEAREST] * HOURS, "3": [UP] * HOURS})
    assert kept(release, {"1": "A", "2": "A", "3": "B"}) == (HOURS, 3 * HOURS)


def test_a_stations_own_figures_take_no_part():
    cities = {"1": "A", "2": "A", "3": "A"}
    wrong = published({"1": [UP] * HOURS, "2": [UP] * HOURS, "3": [NEAREST] * HOURS})
    # station 3 alone differs: its hours stay in, and those of the others too
    assert kept(wrong, cities) == (3 * HOURS, 3 * HOURS)
    right = published({"1": [NEAREST] * HOURS, "2": [NEAREST] * HOURS, "3": [UP] * HOURS})
    # the others of station 3 tell: it is left out although its own figures agree; 1 and 2 see it and stay
    assert kept(right, cities) == (2 * HOURS, 3 * HOURS)


def test_nothing_is_left_out_where_the_city_is_unknown_or_has_no_other_station():
    release = published({"1": [NEAREST] * HOURS, "2": [NEAREST] * HOURS})
    assert kept(release, {}) == (2 * HOURS, 2 * HOURS)
    assert kept(release, {"1": "A"}) == (2 * HOURS, 2 * HOURS)
    assert kept(release, {"1": "A", "2": "B"}) == (2 * HOURS, 2 * HOURS)


def test_missing_items_take_no_part_in_the_nearest():
    rows = published({"1": [UP]}).assign(o3=np.nan)
    assert rounded_to_nearest(rows).tolist() == [NEAREST]
    assert np.isnan(rounded_to_nearest(rows.assign(**dict.fromkeys(ITEMS, np.nan)))).all()
