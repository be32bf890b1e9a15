"""Choose the bulk ways of the engine at hand; the only place that asks which engine it is."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, Select, Sequence, Table, column, insert, select, table

from warehouse import duckdb_bulk, postgres_bulk


def _ways(connection: Connection) -> ModuleType:
    return duckdb_bulk if connection.dialect.name == "duckdb" else postgres_bulk


def stage(connection: Connection, name: str, frame: pd.DataFrame) -> None:
    """Offer `frame` to the engine as a relation called `name` for this transaction."""
    _ways(connection).stage(connection, name, frame)


def unstage(connection: Connection, name: str) -> None:
    """Withdraw what `stage` offered."""
    _ways(connection).unstage(connection, name)


def fetch(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """Return the rows of `query` as a frame."""
    frame: pd.DataFrame = _ways(connection).fetch(connection, query)
    return frame


def lock_district(connection: Connection, district: str) -> None:
    """Hold other writers of this district off until the transaction ends."""
    _ways(connection).lock_district(connection, district)


def lock_schema(connection: Connection) -> None:
    """Let one process at a time make or change the tables, until the transaction ends."""
    _ways(connection).lock_schema(connection)


def hold(connection: Connection, name: str, wait: float) -> None:
    """Hold a lock of the server called `name` while the connection is open; an error after `wait` seconds."""
    postgres_bulk.hold(connection, name, wait)


def checkpoint(connection: Connection) -> None:
    """Write the embedded engine's log into its file; outside of any transaction."""
    duckdb_bulk.checkpoint(connection)


def next_ids(connection: Connection, target: Table, count: int) -> npt.NDArray[np.int64]:
    """Return `count` ids of `target` that no row has and no other process is given."""
    sequence = _sequence(target)
    if sequence is None:
        raise LookupError(f"rows of {target.name} have no ids of their own")
    ids: npt.NDArray[np.int64] = _ways(connection).next_ids(connection, target, sequence, count)
    return ids


def advance_ids(connection: Connection, target: Table) -> None:
    """Let the ids of `target` go on after the highest there is; after rows came in with their ids."""
    sequence = _sequence(target)
    if sequence is not None:
        _ways(connection).advance_ids(connection, target, sequence)


def _sequence(target: Table) -> Sequence | None:
    numbered = target.c.get("id")
    given = None if numbered is None else numbered.default
    return given if isinstance(given, Sequence) else None


def staged(name: str, frame: pd.DataFrame) -> Any:
    """Return the SQLAlchemy relation of a staged frame."""
    return table(name, *[column(str(key)) for key in frame.columns])


def append(connection: Connection, target: Table, frame: pd.DataFrame) -> None:
    """Insert every row of `frame` into `target`; the frame's columns are the target's by name."""
    if frame.empty:
        return
    name = f"appended_{target.name}"
    stage(connection, name, frame)
    names = [str(key) for key in frame.columns]
    connection.execute(insert(target).from_select(names, select(*staged(name, frame).c)))
    unstage(connection, name)
