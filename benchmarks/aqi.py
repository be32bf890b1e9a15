"""Concentrations a second through the daily AQI, on one core.

Measured: `daily_aqi` on a wide frame of station days, six concentrations a day with decimals, as daily
means have them; from the frame to the finished frame (rounding, six indices, AQI, level, primary
pollutants, validity). A concentration is one cell. Best of several runs after one to warm up.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from indicators.air_aqi import daily_aqi
from indicators.registry import default_registry

DAYS = 1_000_000
RUNS = 5
MEANS = {"so2": 15.0, "no2": 35.0, "co": 0.8, "pm10": 90.0, "pm2_5": 50.0, "o3_mda8": 110.0}


def station_days(days: int, seed: int = 633) -> pd.DataFrame:
    """Daily values of six items, a hundredth of them missing, on days of both editions."""
    rng = np.random.default_rng(seed)
    first = np.datetime64("2024-01-01", "us")
    columns: dict[str, object] = {
        "site": pd.array(["1625A"], dtype="str").take(np.zeros(days, dtype=np.intp)),
        "day": first + rng.integers(0, 900, days) * np.timedelta64(1, "D"),
    }
    for name, mean in MEANS.items():
        values = rng.gamma(2.0, mean / 2.0, days)
        values[rng.random(days) < 0.01] = np.nan
        columns[name] = values
    return pd.DataFrame(columns)


def run() -> dict[str, object]:
    """Return name, ours (concentrations a second), unit and every run."""
    registry = default_registry()
    frame = station_days(DAYS)
    daily_aqi(frame.head(1000), registry=registry)
    rates = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        daily_aqi(frame, registry=registry)
        rates.append(len(MEANS) * len(frame) / (time.perf_counter() - begun))
    return {"name": "daily_aqi", "ours": max(rates), "unit": "concentrations/s", "runs": rates}


if __name__ == "__main__":
    print(run())
