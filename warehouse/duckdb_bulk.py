"""Bulk ways of the embedded engine: frames are read in place as Arrow tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select, Sequence, Table, func, select, text


def stage(connection: Connection, name: str, frame: pd.DataFrame) -> None:
    """Offer `frame` to the connection as a relation called `name`; replaces one of that name."""
    driver: Any = connection.connection.driver_connection
    driver.register(name, pa.Table.from_pandas(frame, preserve_index=False))


def unstage(connection: Connection, name: str) -> None:
    """Withdraw a relation offered by `stage`."""
    driver: Any = connection.connection.driver_connection
    driver.unregister(name)


def fetch(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """Return the rows of `query` as a frame, without a Python object per cell."""
    result: Any = connection.execute(query)
    table: pa.Table = result.cursor.to_arrow_table()
    return table.to_pandas()


def lock_district(connection: Connection, district: str) -> None:
    """Do nothing: the embedded engine has one writer at a time anyway."""


def lock_schema(connection: Connection) -> None:
    """Do nothing: the file is held by one process."""


def next_ids(connection: Connection, target: Table, _sequence: Sequence, count: int) -> npt.NDArray[np.int64]:
    """Return the next ids of `target`; one writer at a time, so the highest and one more is free."""
    highest = int(connection.execute(select(func.coalesce(func.max(target.c.id), 0))).scalar_one())
    return np.arange(highest + 1, highest + 1 + count, dtype="int64")


def advance_ids(connection: Connection, target: Table, sequence: Sequence) -> None:
    """Let `sequence` go on after the highest id; a sequence of this engine is made anew for that."""
    (first,) = next_ids(connection, target, sequence, 1)
    connection.execute(text(f'create or replace sequence "{sequence.name}" start with {int(first)}'))


def checkpoint(connection: Connection) -> None:
    """Write everything that is in the log into the file itself; outside of any transaction."""
    driver: Any = connection.connection.driver_connection
    driver.execute("checkpoint")
