"""Upkeep of a machine: the warehouse is compacted, old results are dropped, a backup is made and old ones end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from flows.settings import Settings
from vocabulary.clock import now_utc, wall_time
from warehouse import bulk
from warehouse.backup import back_up
from warehouse.engine import Warehouse

#: backups of upkeep are named by their day; other files in that folder are left alone
_BACKUP = "ecoplan-{:%Y%m%d-%H%M%S}.zip"


@dataclass
class Upkeep:
    """What was done: bytes of the embedded file before and after, files dropped, the backup."""

    bytes_before: int = 0
    bytes_after: int = 0
    summaries_dropped: int = 0
    backup: str = ""
    dump_sha256: str = ""
    backups_dropped: int = 0
    remarks: list[str] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"remarks": "; ".join(self.remarks)}


def keep_up(
    settings: Settings, *, dry_run: bool = False, tell: Callable[[str], None] = lambda _line: None
) -> Upkeep:
    """Compact the warehouse, drop run summaries that are too old, back up and drop the oldest backups.

    Nothing that a number rests on is ever dropped: readings, landed bytes and the ledger stay. A backup is
    made before anything is dropped.

    Raises
    ------
    warehouse.engine.WarehouseError
        When the warehouse is not there, is in use, or the backup cannot be written.
    """
    done = Upkeep()
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait)
    if warehouse.exists() and not dry_run:
        done.bytes_before = _size(warehouse)
        _compact(warehouse)
        done.bytes_after = _size(warehouse)
        tell(f"仓库 {done.bytes_before} → {done.bytes_after} 字节 / warehouse compacted")
    if settings.backups is None:
        done.remarks.append("未设置 ECOPLAN_BACKUPS，没有备份 / not set: no backup was made")
    elif warehouse.exists() and not dry_run:
        _backed_up(settings, warehouse, settings.backups, done)
        tell(f"已备份 {done.backup} / backed up")
    done.summaries_dropped = _old_summaries(settings, dry_run)
    return done


def _size(warehouse: Warehouse) -> int:
    return warehouse.file.stat().st_size if warehouse.file is not None and warehouse.file.exists() else 0


def _compact(warehouse: Warehouse) -> None:
    """Write the log into the file (embedded), or let the server reclaim and count what it holds."""
    engine = warehouse.engine()
    if warehouse.file is not None:
        with warehouse.explained(), engine.connect() as connection:
            bulk.checkpoint(connection)
        return
    with (
        warehouse.explained(),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.execute(text("vacuum (analyze)"))


def _backed_up(settings: Settings, warehouse: Warehouse, folder: Path, done: Upkeep) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _BACKUP.format(wall_time(now_utc()))
    record = back_up(warehouse, settings.home / "landing", target)
    done.backup, done.dump_sha256 = str(target), str(record["dump_sha256"])
    mine = sorted(folder.glob("ecoplan-[0-9]*-[0-9]*.zip"))
    for old in mine[: -settings.keep_backups]:
        old.unlink()
        done.backups_dropped += 1


def _old_summaries(settings: Settings, dry_run: bool) -> int:
    """Drop run summaries older than `keep_runs_days`; the warehouse keeps its own copy of each."""
    before = (datetime.now(UTC) - timedelta(days=settings.keep_runs_days)).timestamp()
    old = [path for path in (settings.home / "runs").glob("*.json") if path.stat().st_mtime < before]
    for path in [] if dry_run else old:
        path.unlink()
    return len(old)
