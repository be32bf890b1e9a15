"""Commands that look after the warehouse itself: migrate, backup, restore, move."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from commands.options import Json
from flows.settings import Settings
from warehouse.backup import back_up, restore
from warehouse.engine import Warehouse, WarehouseError
from warehouse.transfer import transfer


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(migrate)
    app.command()(backup)
    app.command("restore")(restore_backup)
    app.command()(move)


def migrate(as_json: Json = False) -> None:
    """把旧版数据仓库升级到本程序的结构 / bring an older warehouse to this program's schema."""
    warehouse = _warehouse(Settings())
    if not warehouse.exists():
        raise WarehouseError(
            f"{warehouse.shown()} 还不存在，无需升级 / there is no warehouse yet, nothing to migrate"
        )
    before, after = warehouse.migrate()
    record = {"warehouse": warehouse.shown(), "from": before, "to": after, "migrated": before != after}
    _tell(
        record,
        f"结构版本 {before} → {after} / schema version {before} → {after}"
        if before != after
        else f"已是结构版本 {after} / is at schema version {after}",
        as_json,
    )


def backup(
    path: Annotated[Path, typer.Argument(help="备份文件（.zip）/ the backup's file")], as_json: Json = False
) -> None:
    """备份数据仓库与落地区到一个文件 / back up the warehouse and the landing zone as one file."""
    settings = Settings()
    record = back_up(_warehouse(settings), settings.home / "landing", path)
    _tell(
        record,
        f"已备份 {record['members']} 个文件到 {path}，规范转储哈希 {record['dump_sha256']} / "
        f"{record['members']} files backed up",
        as_json,
    )


def restore_backup(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="备份文件 / the backup's file")],
    as_json: Json = False,
) -> None:
    """把备份恢复到空的数据目录 / restore a backup into an empty home."""
    settings = Settings()
    warehouse = _warehouse(settings)
    record = restore(path, warehouse, settings.home / "landing")
    _tell(
        record,
        f"已恢复 {record['members']} 个文件，规范转储哈希 {record['dump_sha256']} / {record['members']} files restored",
        as_json,
    )


def move(
    to: Annotated[
        str,
        typer.Option(
            "--to", envvar="ECOPLAN_MOVE_TO", help="目标仓库的 SQLAlchemy URL / URL of the empty target"
        ),
    ],
    as_json: Json = False,
) -> None:
    """把数据仓库搬到另一个引擎（DuckDB ↔ PostgreSQL）/ move the warehouse to the other engine."""
    settings = Settings()
    source = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait)
    if not source.exists():
        raise WarehouseError(f"{source.shown()} 还不存在 / there is no warehouse to move yet")
    try:
        make_url(to)
    except ArgumentError as error:
        # the text may hold a password, so it is not repeated
        raise typer.BadParameter(
            f"--to 不是 SQLAlchemy URL / is not an SQLAlchemy URL: {type(error).__name__}"
        ) from None
    target = Warehouse(to, lock_wait=settings.lock_wait)
    record = transfer(source, target) | {"to": target.shown()}
    moved = sum(record["rows"].values())
    _tell(
        record,
        f"已搬移 {moved} 行，规范转储哈希 {record['dump_sha256']}；请把 ECOPLAN_WAREHOUSE 设为 {target.shown()} / "
        f"{moved} rows moved; set ECOPLAN_WAREHOUSE to the target",
        as_json,
    )


def _warehouse(settings: Settings) -> Warehouse:
    return Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait)


def _tell(record: Mapping[str, Any], said: str, as_json: bool) -> None:
    typer.echo(json.dumps(record, ensure_ascii=False, indent=1) if as_json else said)
