"""Load real exports the project's own way, prove the ledger, and count every file's cells another way."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from benchmarks.realdata_district import KEY, Layout, layouts, make_district
from flows.night import night
from flows.proof import prove
from flows.run import FAILED
from flows.settings import Settings
from vocabulary.district import load_districts
from warehouse.engine import Warehouse
from warehouse.schema import deliveries, quarantine
from warehouse.verify import COUNTS


class LoadError(Exception):
    """The night over the real exports failed, or there are none."""


@dataclass
class Loaded:
    """A warehouse that holds the exports, and what was measured on the way.

    `by_source` has the counts of the ledger, one row a source; `reasons` the cells in quarantine by source
    and code.
    """

    settings: Settings
    warehouse: Warehouse
    sites: pd.DataFrame
    proof: dict[str, Any]
    by_source: pd.DataFrame
    reasons: pd.DataFrame
    faults: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def count_cells(path: Path, layout: Layout) -> int | None:
    """Value positions of one file by the csv or json module: an independent reading; None where there is none."""
    if not layout.form:
        return None
    text = path.read_bytes().decode("utf-8-sig")
    if layout.form == "geojson":
        return _values([list(item["properties"]) for item in json.loads(text)["features"]], layout)
    if layout.form == "json":
        return _values(json.loads(text)["tbody"], layout)
    return _values(list(csv.reader(io.StringIO(text, newline="")))[1:], layout)


def _values(rows: list[list[Any]], layout: Layout) -> int:
    return sum(max(len(row) - layout.labels, 0) for row in rows)


def load(data: Path, folder: Path, tell: Callable[[str], None] = lambda _line: None) -> Loaded:
    """Make a home and a district below `folder`, run one night, prove the ledger, compare the counts.

    Raises
    ------
    LoadError
        When there is nothing to load, or a source failed.
    """
    if not layouts(data):
        raise LoadError(f"{data}: no exports of a known layout; set ECOPLAN_REALDATA")
    make_district(data, folder / "districts")
    settings = Settings(home=folder / "home", districts=folder / "districts", warehouse="")
    began = time.monotonic()
    run, status = night(settings, tell=tell)
    seconds = dict(run.summary.stages) | {"night": time.monotonic() - began}
    if status >= FAILED:
        failures = [*run.summary.failures, *[item.failure for item in run.summary.sources if item.failure]]
        raise LoadError("; ".join(failures))
    warehouse = Warehouse(settings.warehouse_url(), read_only=True)
    sites = load_districts(settings.districts)[KEY].sites
    began = time.monotonic()
    with warehouse.read() as connection:
        proof = prove(connection, settings)
        query = select(deliveries.c.sha256, deliveries.c.cells_in, deliveries.c.name, deliveries.c.code)
        ledger = {row.sha256: row for row in connection.execute(query)}
        by_source, reasons = _counts(connection)
    seconds["verify"] = time.monotonic() - began
    began = time.monotonic()
    faults = [*proof["failures"], *_miscounted(data, ledger)]
    seconds["count"] = time.monotonic() - began
    return Loaded(settings, warehouse, sites, proof, by_source, reasons, faults, seconds)


def _counts(connection: Connection) -> tuple[pd.DataFrame, pd.DataFrame]:
    sums = [func.sum(deliveries.c[name]).label(name) for name in COUNTS]
    by_source = select(deliveries.c.source, func.count().label("deliveries"), *sums)
    by_source = by_source.group_by(deliveries.c.source).order_by(deliveries.c.source)
    cells = func.sum(quarantine.c.cells).label("cells")
    reasons = select(deliveries.c.source, quarantine.c.code, cells).join(
        deliveries, deliveries.c.id == quarantine.c.delivery_id
    )
    reasons = reasons.group_by(deliveries.c.source, quarantine.c.code)
    reasons = reasons.order_by(deliveries.c.source, quarantine.c.code)
    return (
        pd.read_sql(by_source, connection, index_col="source").astype("int64"),
        pd.read_sql(reasons, connection, index_col=["source", "code"]).astype("int64"),
    )


def _miscounted(data: Path, ledger: dict[str, Any]) -> list[str]:
    """Say which files are not in the ledger, were refused, or hold other cells than the ledger says."""
    faults = []
    for layout in layouts(data):
        for path in layout.files():
            name = path.relative_to(data).as_posix()
            row = ledger.get(hashlib.sha256(path.read_bytes()).hexdigest())
            if row is None:
                faults.append(f"{name}: not in the ledger")
            elif row.code != layout.refused:
                found, wanted = row.code or "loaded", layout.refused or "loaded"
                faults.append(f"{name}: {found}, expected {wanted}")
            elif (count := count_cells(path, layout)) is not None and row.cells_in != count:
                faults.append(f"{name}: the ledger says {row.cells_in} cells, the file holds {count}")
    return faults


def peak_gib() -> float:
    """Most memory this process held so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
