"""Move a warehouse from one engine to the other: table by table, in bulk, in one transaction of the target.

What arrives is proved before it is committed: as many rows in every table, and the same canonical dump.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from sqlalchemy import Column, Connection, Date, MetaData, Select, Table, cast, func, select

from warehouse import bulk
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse, WarehouseError, version_of
from warehouse.schema import SCHEMA_VERSION, flags, metadata, readings, schema_version

#: rows moved at a time; bounds memory
SLICE_ROWS = 500_000

#: every table but the one that says what the schema is, those others refer to first
MOVED: tuple[Table, ...] = tuple(table for table in metadata.sorted_tables if table is not schema_version)
#: tables too long to move in one piece
_LONG = (readings, flags)


class TransferError(WarehouseError):
    """The target is not empty, or what arrived is not what was sent."""


def transfer(source: Warehouse, target: Warehouse) -> dict[str, Any]:
    """Copy everything of `source` into the empty `target`; `source` stays as it is.

    Returns
    -------
    dict
        `rows` by table and `dump_sha256`, the same on both sides.

    Raises
    ------
    TransferError
        When the target holds anything, or does not hold the same afterwards; nothing is kept then.
    """
    if source.url == target.url:
        raise TransferError(f"{target.shown()}: 来源与目标相同 / source and target are the same")
    with source.read() as read, target.begin() as write:
        refuse_unless_empty(write, target.shown())
        rows = {table.name: 0 for table in MOVED}
        for table in MOVED:
            for frame in pieces(read, table):
                bulk.append(write, table, frame)
                rows[table.name] += len(frame)
            bulk.advance_ids(write, table)
        sha256 = dump_sha256(read)
        prove_arrived(write, rows, sha256, target.shown())
    return {"rows": rows, "dump_sha256": sha256}


def refuse_unless_empty(connection: Connection, shown: str) -> None:
    """Raise when any table holds a row.

    Raises
    ------
    TransferError
        Naming the first table that does.
    """
    for table in MOVED:
        if connection.execute(select(table).limit(1)).first() is not None:
            raise TransferError(
                f"目标仓库 {shown} 不是空的（表 {table.name} 有数据），未写入任何内容 / the target {shown} is not empty "
                f"(table {table.name}), nothing was written"
            )


def prove_arrived(connection: Connection, rows: dict[str, int], sha256: str, shown: str) -> None:
    """Compare what is in the tables now with what was sent, before the transaction is committed.

    Raises
    ------
    TransferError
        Naming the table or the hash that differs.
    """
    for table in MOVED:
        found = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if found != rows[table.name]:
            raise TransferError(
                f"{shown}: 表 {table.name} 应有 {rows[table.name]} 行，实有 {found} 行 / table {table.name} holds "
                f"{found} rows, expected {rows[table.name]}"
            )
    arrived = dump_sha256(connection)
    if arrived != sha256:
        raise TransferError(
            f"{shown}: 规范转储哈希 {arrived} 与来源 {sha256} 不同，未写入任何内容 / the canonical dump hash {arrived} "
            f"is not the source's {sha256}, nothing was written"
        )


def pieces(connection: Connection, table: Table) -> Iterator[pd.DataFrame]:
    """Yield every row of a table in frames of bounded size, typed as the table says."""
    everything = select(table)
    queries = _by_days(connection, table) if table in _LONG else [everything]
    for query in queries:
        frame = bulk.fetch(connection, query)
        if len(frame):
            yield typed(frame, table)


def _by_days(connection: Connection, table: Table) -> list[Select[Any]]:
    """Cut a long table into runs of whole days of about `SLICE_ROWS` rows."""
    day = cast(table.c.observed_at, Date)
    counts = bulk.fetch(connection, select(day.label("day"), func.count().label("rows")).group_by(day))
    if counts.empty:
        return []
    counts = counts.sort_values("day")
    days = pd.to_datetime(counts["day"])
    part = (counts["rows"].cumsum() - 1) // SLICE_ROWS
    bounds = days.groupby(part.to_numpy()).agg(["min", "max"])
    return [
        select(table).where(
            table.c.observed_at >= _start(first), table.c.observed_at < _start(last) + timedelta(days=1)
        )
        for first, last in zip(bounds["min"], bounds["max"], strict=True)
    ]


def _start(day: pd.Timestamp) -> datetime:
    found: datetime = day.to_pydatetime()
    return found


def typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Give every column the pandas type of its SQL type, whatever the engine gave; unknown ones stay."""
    kinds = {float: "float64", int: "Int64", bool: "boolean", str: "str", datetime: "datetime64[us]"}
    return frame.astype(
        {name: kinds[table.c[name].type.python_type] for name in frame.columns if name in table.c}
    )


def fill_tables(target: Warehouse, folder: Path, *, version: int, sha256: str) -> None:
    """Fill an empty warehouse from Parquet files `<table>/<n>.parquet` that were written under `version`.

    Rows of an older version go into tables of that version, which are then migrated, in one transaction.

    Raises
    ------
    TransferError
        When the target holds anything, or its canonical dump is not `sha256` afterwards; nothing is kept then.
    """
    from warehouse.migrations import upgrade  # noqa: PLC0415  # Alembic is needed here only

    with target.explained(), target.bare_engine().begin() as write:
        bulk.lock_schema(write)
        found = version_of(write)
        if found is None:
            upgrade(write, None, version)
        elif found != version:
            raise TransferError(
                f"目标仓库 {target.shown()} 结构版本为 {found}，备份为 {version} / the target has schema version {found}, the "
                f"backup {version}: restore into a new place"
            )
        else:
            refuse_unless_empty(write, target.shown())
        rows = {table.name: 0 for table in MOVED}
        for table in MOVED:
            for part in sorted((folder / table.name).glob("*.parquet")):
                frame = typed(pq.read_table(part).to_pandas(), table)
                rows[table.name] += len(frame)
                bulk.append(write, Table(table.name, MetaData(), *map(Column, frame.columns)), frame)
        if version != SCHEMA_VERSION:
            upgrade(write, version)
        for table in MOVED:
            bulk.advance_ids(write, table)
        prove_arrived(write, rows, sha256, target.shown())
