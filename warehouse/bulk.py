"""Choose the bulk ways of the engine at hand; the only place that asks which engine it is."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, Table, column, insert, select, table

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
