"""Bulk ways of the embedded engine: frames are read in place as Arrow tables."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select


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
