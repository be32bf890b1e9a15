"""The warehouse against the bare engine: first load, replacement of one day, statistics of a year.

The same long frame of hourly readings is loaded (a) through `load_batch`, with ledger, balance,
provenance and revisions, and (b) by the bare embedded engine into a plain table of the same columns,
batch by batch in the same sizes. Then one day is delivered again with every twentieth value changed:
(a) as revisions, the old ones kept, (b) by delete and insert. Seconds, wall time, one process, the two
ways one after the other in one run; memory is the process's peak. `ECOPLAN_BENCH_DAYS` sets the size:
78 days are 20.2 million readings.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from vocabulary.reading import empty_rejects
from warehouse.engine import Warehouse
from warehouse.load import Unit, load_batch

STATIONS = 1800
ITEMS = ("pm2_5", "pm10", "so2", "no2", "co", "o3")
START = datetime(2025, 1, 1)
_NOTHING = empty_rejects().assign(delivery=pd.Series([], dtype="int64"))


def day_frame(day: int, *, changed: bool = False) -> pd.DataFrame:
    """Make one national day: 1,800 stations × 24 hours × 6 items = 259,200 readings."""
    size = STATIONS * len(ITEMS) * 24
    rng = np.random.default_rng(day)
    value = np.round(rng.gamma(2.0, 25.0, size), 1)
    if changed:
        value[::20] += 1.0
    hours = (
        pd.date_range(START + timedelta(days=day), periods=24, freq="h").to_numpy().astype("datetime64[us]")
    )
    stations = np.array([f"{1000 + number}A" for number in range(STATIONS)], dtype=object)
    constant = {
        "district": "nation",
        "period": "1h",
        "censor": "",
        "provider_flag": "",
        "channel": "automatic",
        "sheet": "",
    }
    frame = pd.DataFrame(
        {
            "site": pd.array(np.repeat(stations, len(ITEMS) * 24), dtype="str"),
            "parameter": pd.array(
                np.tile(np.repeat(np.array(ITEMS, dtype=object), 24), STATIONS), dtype="str"
            ),
            "observed_at": np.tile(hours, STATIONS * len(ITEMS)),
            "value": value,
            "raw": pd.array(value.astype(str).astype(object), dtype="str"),
            "detection_limit": np.nan,
            "row": np.arange(size, dtype="int64"),
            "delivery": np.zeros(size, dtype="int64"),
        }
    ).assign(**constant)
    return frame.assign(column=frame["site"])


def unit(number: int, day: int, cells: int) -> Unit:
    """One delivery for one day."""
    issued = START + timedelta(days=day + 1, hours=number // 10_000)
    return Unit(
        district="nation",
        source="air-quotsoft",
        partition=f"{START + timedelta(days=day):%Y-%m-%d}",
        sha256=f"{number:064x}",
        name=f"china_sites_{day}.csv",
        size=cells,
        issued_at=issued,
        modified_at=issued,
        encoding="utf-8",
        cells_in=cells,
        blank=0,
    )


def _ours(warehouse: Warehouse, number: int, day: int, frame: pd.DataFrame) -> float:
    begun = time.perf_counter()
    with warehouse.begin() as connection:
        load_batch(
            connection,
            [unit(number, day, len(frame))],
            frame,
            _NOTHING,
            now=START + timedelta(days=400 + number),
        )
    return time.perf_counter() - begun


def _bare(file: Path, frame: pd.DataFrame, day: int, *, replace: bool) -> float:
    begun = time.perf_counter()
    connection = duckdb.connect(str(file))
    connection.execute("begin")
    connection.register("incoming", pa.Table.from_pandas(frame, preserve_index=False))
    if replace:
        first = START + timedelta(days=day)
        connection.execute(
            "delete from readings where observed_at >= ? and observed_at < ?",
            [first, first + timedelta(days=1)],
        )
        connection.execute("insert into readings select * from incoming")
    else:
        connection.execute("create table if not exists readings as select * from incoming limit 0")
        connection.execute("insert into readings select * from incoming")
    connection.execute("commit")
    connection.close()
    return time.perf_counter() - begun


_YEAR = """
select site, parameter, avg(day_mean), quantile_cont(day_mean, 0.95) from (
  select {site} as site, {parameter} as parameter, cast(observed_at as date) as day, avg(value) as day_mean
  from {source} where {condition} group by 1, 2, 3 having count(*) >= 20
) group by 1, 2
"""


def _statistics(file: Path, *, ours: bool) -> float:
    source = "readings r join series s on s.id = r.series_id" if ours else "readings r"
    query = _YEAR.format(
        site="s.site" if ours else "r.site",
        parameter="s.parameter" if ours else "r.parameter",
        source=source,
        condition="r.known_until is null" if ours else "true",
    )
    connection = duckdb.connect(str(file), read_only=True)
    begun = time.perf_counter()
    connection.execute(query).fetchall()
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def run() -> list[dict[str, Any]]:
    """Return first load, day replacement and yearly statistics: seconds, ours and the bare engine's."""
    days = int(os.environ.get("ECOPLAN_BENCH_DAYS", "78"))
    with tempfile.TemporaryDirectory() as folder:
        ours_file, bare_file = Path(folder) / "ours.duckdb", Path(folder) / "bare.duckdb"
        warehouse = Warehouse(f"duckdb:///{ours_file}")
        warehouse.engine()
        ours, bare = [], []
        for day in range(days):
            frame = day_frame(day)
            ours.append(_ours(warehouse, day, day, frame))
            bare.append(_bare(bare_file, frame, day, replace=False))
        again, bare_again = [], []
        for number, day in enumerate((days // 2, days - 1, 0)):
            frame = day_frame(day, changed=True)
            again.append(_ours(warehouse, 10_000 + number, day, frame))
            bare_again.append(_bare(bare_file, frame, day, replace=True))
        year = [_statistics(ours_file, ours=True) for _ in range(3)]
        bare_year = [_statistics(bare_file, ours=False) for _ in range(3)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        {"name": "first_load", "ours": sum(ours), "peer": sum(bare), "unit": "s", "runs": ours},
        {"name": "replace_day", "ours": min(again), "peer": min(bare_again), "unit": "s", "runs": again},
        {"name": "year_statistics", "ours": min(year), "peer": min(bare_year), "unit": "s", "runs": year},
        {"name": "peak_memory", "ours": peak, "peer": None, "unit": "MiB", "runs": [peak]},
    ]
