"""Proof: the ledger recounted, the landed bytes still there, and the hash of the canonical dump."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from flows.recount import recount_air
from flows.settings import Settings
from sources.landing import LandingZone
from vocabulary.district import District
from warehouse.schema import deliveries
from warehouse.verify import verify_ledger


def prove(
    connection: Connection, settings: Settings, districts: Mapping[str, District] | None = None
) -> dict[str, Any]:
    """Return the record of `ecoplan verify`; `failures` is empty when all holds.

    Beside the ledger and the landed bytes, a sample of each district's stored days of air is computed
    again by the engine's SQL.
    """
    verdict = verify_ledger(connection)
    failures = [*verdict.failures, *_missing_bytes(connection, settings)]
    for district in (districts or {}).values():
        failures += recount_air(connection, district)
    return {
        "ok": not failures,
        "deliveries": verdict.deliveries,
        **verdict.totals,
        "dump_sha256": verdict.dump_sha256,
        "failures": failures,
    }


def _missing_bytes(connection: Connection, settings: Settings) -> list[str]:
    """Look for deliveries whose bytes are no longer in the landing zone, or not as long as they were."""
    zone = LandingZone(settings.home / "landing")
    failures = []
    query = select(deliveries.c.name, deliveries.c.sha256, deliveries.c.size).order_by(deliveries.c.id)
    for row in connection.execute(query):
        path = zone.path(row.sha256)
        if not path.is_file() or path.stat().st_size != row.size:
            failures.append(
                f"交付 {row.name} ({row.sha256[:12]}): 原始文件不在落地区 / delivery {row.name}: its bytes are not in "
                f"the landing zone"
            )
    return failures
