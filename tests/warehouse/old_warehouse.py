"""Makes warehouses as an older program left them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, Table, insert

from tests.warehouse.loading import no_rejects, readings, unit
from warehouse import dump, migrations
from warehouse.dump import canonical_dump
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.schema import metadata, section_results

T0 = datetime(2025, 7, 1)


def section(period: str, water_class: int | None, **given: object) -> dict[str, object]:
    return {
        "district": "d",
        "site": "断面甲",
        "period_kind": "month",
        "period": period,
        "start": datetime.fromisoformat(f"{period}-01"),
        "class": water_class,
        "items_used": 5,
        "items": "nh3_n",
        "worst": "nh3_n",
        "multiples": "0.2",
        "target_class": 3,
        "attained": water_class == 3,
        "nd_limited": False,
        "n_samples": 4,
        "mode": "evaluation",
        "standard": "GB 3838-2002",
        "known_from": T0,
        "known_until": None,
    } | given


def old_warehouse(warehouse: Warehouse) -> str:
    """Make a warehouse of version 1 with a little in every table that matters; return its hash of then.

    Written with statements of then, since the program of now writes columns that version 1 lacks.
    """
    with warehouse.bare_engine().begin() as connection:
        migrations.upgrade(connection, None, to=1)
        frame = readings([("断面甲", 0, 0.5), ("断面甲", 4, 1.5)])
        load_batch(connection, [unit(1, 2)], frame, no_rejects(), now=T0)
        load_batch(
            connection, [unit(2, 1)], readings([("断面甲", 0, 2.5)]), no_rejects(), now=datetime(2025, 7, 2)
        )
        old = _of_then(section_results)
        rows = [section("2025-01", 3), section("2025-02", None, attained=None), section("2025-03", 6)]
        rows.append(section("2025-03", 5, known_until=datetime(2025, 7, 2)))
        connection.execute(insert(old), rows)
        return hash_of_then(connection)


def _of_then(table: Table) -> Table:
    """The table without the columns that came with migrations."""
    old = table.to_metadata(type(metadata)())
    for name in [name for added in dump.ADDED.get(table.name, ()) for name in added]:
        old._columns.remove(old.c[name])
    return old


def hash_of_then(connection: Connection) -> str:
    """The dump of version 1: every column of its tables, none of those that came later."""
    digest = hashlib.sha256()
    kept, before = dict(dump.ADDED), dump.DERIVED
    dump.DERIVED = tuple(_of_then(table) for table in before)
    dump.ADDED.clear()
    try:
        for part in canonical_dump(connection):
            digest.update(part)
    finally:
        dump.ADDED.update(kept)
        dump.DERIVED = before
    return digest.hexdigest()
