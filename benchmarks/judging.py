"""How fast readings are judged: `run()` gives seconds a batch, after import, on one core.

The peer is the same suite with the library's own row-id mode (`unexpected_index_column_names`),
the documented way to learn which rows failed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from quality.engine import run as run_expectations
from quality.judge import judge, judged_frame, terms
from quality.suites import suite_for
from vocabulary.reading import as_readings

SOURCE = "air-quotsoft"
TYPICAL = {"pm2_5": 50.0, "pm10": 90.0, "so2": 20.0, "no2": 40.0, "o3": 80.0, "co": 1.0, "aqi": 80.0}
FAILING = (-9999.0, -3.0, 1e9)


def batch(n: int, *, failing: float, deliveries: int, seed: int = 20260401) -> pd.DataFrame:
    """Make n hourly air readings of 1,600 stations, a share of them failing three ways.

    The suite of SOURCE judges them: twelve expectations and the checks of deliveries.
    """
    rng = np.random.default_rng(seed)
    names = np.array(list(TYPICAL), dtype=object)
    stations = np.array([f"{1001 + k}A" for k in range(1600)], dtype=object)
    # every station, item and hour once, in the order of the national files
    which = np.arange(n) // len(stations) % len(names)
    value = np.round(np.array(list(TYPICAL.values()))[which] * (0.8 + 0.2 * rng.random(n)), 1)
    value = np.where(names[which] == "aqi", np.round(value), value)
    bad = rng.random(n) < failing
    value[bad] = rng.choice(FAILING, int(bad.sum()))
    hour = np.arange(n) // (len(stations) * len(names))
    frame = as_readings(
        pd.DataFrame(
            {
                "district": "bench",
                "site": stations[np.arange(n) % len(stations)],
                "parameter": names[which],
                "period": "1h",
                "observed_at": pd.Timestamp("2025-01-01") + pd.to_timedelta(hour, unit="h"),
                "value": value,
                "raw": np.char.mod("%.3f", value),
                "censor": "",
                "detection_limit": np.nan,
                "provider_flag": "",
                "channel": "automatic",
                "sheet": "",
                "row": np.arange(n) + 2,
                "column": "PM2.5",
            }
        )
    )
    return frame.assign(delivery=np.arange(n) * deliveries // n)


def _seconds(work: Callable[[], object], runs: int) -> float:
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def _row_ids(readings: pd.DataFrame) -> object:
    frame = judged_frame(readings)
    suite = suite_for(SOURCE)
    frame["row_id"] = frame.index
    return run_expectations(frame, suite.expectations, terms(), id_column="row_id")


def run(*, runs: int = 3, peer: bool = True) -> list[dict[str, Any]]:
    """Return a record a batch: name, ours and peer (median seconds; peer None where not measured), runs."""
    judge(batch(50, failing=0.1, deliveries=1), source=SOURCE)  # the library is imported here
    cases = {
        "judge_700_rows": (700, 0.05, 1, 7, False),
        "judge_1M_rows_5pct_bad": (1_000_000, 0.05, 30, runs, peer),
        "judge_1M_rows_clean": (1_000_000, 0.0, 30, runs, False),
        "judge_1M_rows_30pct_bad": (1_000_000, 0.30, 30, runs, False),
    }
    found = []
    for name, (n, failing, deliveries, times, with_peer) in cases.items():
        readings = batch(n, failing=failing, deliveries=deliveries)
        ours = _seconds(lambda frame=readings: judge(frame, source=SOURCE), times)
        theirs = _seconds(lambda frame=readings: _row_ids(frame), 1) if with_peer else None
        found.append({"name": name, "ours": ours, "peer": theirs, "unit": "s", "runs": times})
    return found


if __name__ == "__main__":
    for result in run():
        print(result)
