"""Makers of readings for the tests of the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vocabulary.reading import as_readings

PLAIN: dict[str, Any] = {
    "district": "chiping",
    "site": "CP-A1",
    "parameter": "pm2_5",
    "period": "1h",
    "observed_at": pd.Timestamp("2025-03-10 08:00"),
    "value": 35.0,
    "raw": "35",
    "censor": "",
    "detection_limit": np.nan,
    "provider_flag": "",
    "channel": "automatic",
    "sheet": "",
    "row": 2,
    "column": "9101A",
}

Maker = Callable[..., pd.DataFrame]


def build(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Give each row the plain reading's columns where it says nothing, and its own line number."""
    frame = pd.DataFrame([{**PLAIN, "row": n + 2, **row} for n, row in enumerate(rows)])
    if not rows:
        frame = pd.DataFrame(columns=[*PLAIN, "delivery"]).astype({"delivery": "int64"})
    readings = as_readings(frame)
    return readings if "delivery" not in frame else readings.assign(delivery=frame["delivery"].to_numpy())


@pytest.fixture(scope="session")
def make() -> Maker:
    return build


@pytest.fixture(scope="session")
def mixed() -> pd.DataFrame:
    """Give 4,000 seeded readings of three deliveries with every row-level defect among them."""
    rng = np.random.default_rng(7)
    n = 4000
    parameters = np.array(["pm2_5", "pm10", "o3", "ph", "water_temp", "nh3_n", "water_class", "made_up", ""])
    values = np.array(
        [35.0, 0.0, -0.0, -1.0, -99.0, -999.0, -9999.0, 14.0, 14.001, 2000.0, 2000.5, 1e9, 3.0, 3.5]
    )
    times = pd.Series(pd.to_datetime(["2025-03-10", "1970-01-01", "2100-01-01", "1990-01-01", None]))
    frame = as_readings(
        pd.DataFrame(
            {
                **PLAIN,
                "site": rng.choice(["CP-W1", "CP-W2", ""], n, p=[0.5, 0.4, 0.1]),
                "parameter": rng.choice(parameters, n),
                "period": rng.choice(["1h", "4h", "2h"], n, p=[0.6, 0.3, 0.1]),
                "observed_at": times.iloc[rng.choice(5, n, p=[0.6, 0.1, 0.1, 0.1, 0.1])].to_numpy(),
                "value": np.where(rng.random(n) < 0.05, np.nan, rng.choice(values, n)),
                "row": np.arange(n) + 2,
            }
        )
    )
    return frame.assign(delivery=rng.integers(0, 3, n))
