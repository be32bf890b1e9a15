"""Prove the ledger: every delivery's balance, recounted from the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, func, not_, select

from warehouse.dump import dump_sha256
from warehouse.schema import RENAMED, deliveries, quarantine, readings, series, stale_days

COUNTS = ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank")


@dataclass
class Verdict:
    """Outcome of `verify_ledger`; `failures` says in words what does not hold."""

    deliveries: int
    totals: dict[str, int]
    dump_sha256: str
    failures: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when every check holds."""
        return not self.failures


def verify_ledger(connection: Connection) -> Verdict:
    """Recount every delivery, look for orphans and doubles, and hash the canonical dump."""
    sums = connection.execute(
        select(
            func.count(),
            *[func.coalesce(func.sum(deliveries.c[name]), 0) for name in COUNTS],
        )
    ).one()
    verdict = Verdict(
        deliveries=int(sums[0]),
        totals={name: int(sums[place + 1]) for place, name in enumerate(COUNTS)},
        dump_sha256=dump_sha256(connection),
    )
    verdict.failures += _balances(connection)
    verdict.failures += _orphans(connection)
    verdict.failures += _doubles(connection)
    stale = connection.execute(select(func.count()).select_from(stale_days)).scalar_one()
    if stale:
        verdict.failures.append(f"{stale} 个点位日尚未重算 / site-days wait to be evaluated")
    return verdict


def _balances(connection: Connection) -> list[str]:
    """Compare each delivery's counts with the rows that carry its id."""
    kept = (
        select(readings.c.delivery_id, func.count().label("rows"))
        .where(readings.c.kind != RENAMED)
        .group_by(readings.c.delivery_id)
        .subquery()
    )
    away = (
        select(quarantine.c.delivery_id, func.sum(quarantine.c.cells).label("cells"))
        .where(quarantine.c.state != "replayed")
        .group_by(quarantine.c.delivery_id)
        .subquery()
    )
    stated = deliveries.c.new + deliveries.c.revised
    query = (
        select(
            deliveries.c.name,
            deliveries.c.sha256,
            stated.label("stated"),
            func.coalesce(kept.c.rows, 0).label("rows"),
            deliveries.c.quarantined,
            func.coalesce(away.c.cells, 0).label("cells"),
            deliveries.c.cells_in,
            (stated + deliveries.c.unchanged + deliveries.c.duplicate + deliveries.c.quarantined)
            .op("+")(deliveries.c.blank)
            .label("sum"),
        )
        .select_from(
            deliveries.outerjoin(kept, kept.c.delivery_id == deliveries.c.id).outerjoin(
                away, away.c.delivery_id == deliveries.c.id
            )
        )
        .order_by(deliveries.c.id)
    )
    failures = []
    for row in connection.execute(query).mappings():
        where = f"{row['name']} ({row['sha256'][:12]})"
        if row["stated"] != row["rows"]:
            failures.append(
                f"交付 {where}: 台账记 {row['stated']} 条入库监测值，实有 {row['rows']} 条 / delivery {where}: "
                f"the ledger says {row['stated']} readings, the warehouse holds {row['rows']}"
            )
        if row["quarantined"] != row["cells"]:
            failures.append(
                f"交付 {where}: 台账记隔离 {row['quarantined']} 格，实有 {row['cells']} 格 / delivery {where}: "
                f"the ledger says {row['quarantined']} cells in quarantine, there are {row['cells']}"
            )
        if row["cells_in"] != row["sum"]:
            failures.append(f"交付 {where}: 收支不平 / delivery {where}: the balance does not hold")
    return failures


def _orphans(connection: Connection) -> list[str]:
    homeless = connection.execute(
        select(func.count())
        .select_from(readings)
        .where(not_(select(series.c.id).where(series.c.id == readings.c.series_id).exists()))
    ).scalar_one()
    unclaimed = connection.execute(
        select(func.count())
        .select_from(readings)
        .where(not_(select(deliveries.c.id).where(deliveries.c.id == readings.c.delivery_id).exists()))
    ).scalar_one()
    found = []
    if homeless:
        found.append(f"{homeless} 条监测值没有序列 / readings without a series")
    if unclaimed:
        found.append(f"{unclaimed} 条监测值没有交付来源 / readings without a delivery")
    return found


def _doubles(connection: Connection) -> list[str]:
    """Look for readings believed twice, and for chains where nothing is believed any more."""
    per_key = (
        select(
            readings.c.series_id,
            readings.c.observed_at,
            func.count().filter(readings.c.known_until.is_(None)).label("believed"),
        )
        .where(readings.c.kind != RENAMED)
        .group_by(readings.c.series_id, readings.c.observed_at)
        .subquery()
    )
    query = (
        select(
            deliveries.c.name,
            series.c.site,
            series.c.parameter,
            per_key.c.observed_at,
            per_key.c.believed,
        )
        .select_from(
            per_key.join(series, series.c.id == per_key.c.series_id)
            .join(
                readings,
                and_(
                    readings.c.series_id == per_key.c.series_id,
                    readings.c.observed_at == per_key.c.observed_at,
                ),
            )
            .join(deliveries, deliveries.c.id == readings.c.delivery_id)
        )
        .where(per_key.c.believed != 1)
        .limit(20)
    )
    return [
        f"交付 {row.name}: {row.site} {row.parameter} {row.observed_at} 有 {row.believed} 条现行值（应为 1）/ "
        f"delivery {row.name}: {row.believed} believed values, expected 1"
        for row in connection.execute(query)
    ]
