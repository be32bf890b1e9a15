"""Bulk ways of PostgreSQL: COPY into a temporary table, and an advisory lock per district."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Double,
    MetaData,
    Select,
    Sequence,
    String,
    Table,
    func,
    select,
    text,
)
from sqlalchemy.schema import CreateTable, DropTable


def _column_type(dtype: Any) -> Any:
    if pd.api.types.is_bool_dtype(dtype):
        return Boolean
    if pd.api.types.is_integer_dtype(dtype):
        return BigInteger
    if pd.api.types.is_float_dtype(dtype):
        return Double
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return DateTime
    return String


def _table(name: str, frame: pd.DataFrame | None = None) -> Table:
    columns = [] if frame is None else [Column(str(key), _column_type(frame[key].dtype)) for key in frame]
    return Table(name, MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


def stage(connection: Connection, name: str, frame: pd.DataFrame) -> None:
    """Copy `frame` into a temporary table called `name` that ends with the transaction."""
    connection.execute(DropTable(_table(name), if_exists=True))
    table = _table(name, frame)
    connection.execute(CreateTable(table))
    buffer = io.BytesIO()
    # an unquoted empty field is null and a quoted one the empty text, on both sides
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    # in one chunk: the writer fills in garbage for a table whose text begins with an empty chunk
    rows = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()
    pa_csv.write_csv(rows, buffer, write_options=options)
    driver: Any = connection.connection.driver_connection
    quoted = connection.dialect.identifier_preparer.quote(name)
    with driver.cursor() as cursor, cursor.copy(f"COPY {quoted} FROM STDIN (FORMAT csv)") as copy:
        copy.write(buffer.getbuffer())


def unstage(connection: Connection, name: str) -> None:
    """Drop the temporary table made by `stage`."""
    connection.execute(DropTable(_table(name), if_exists=True))


def fetch(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """Return the rows of `query` as a frame."""
    result = connection.execute(query)
    return pd.DataFrame(result.fetchall(), columns=list(result.keys()))


def lock_district(connection: Connection, district: str) -> None:
    """Let one transaction at a time settle the readings of a district; one that only reads never waits."""
    connection.execute(
        text(
            "select pg_advisory_xact_lock(hashtextextended(:name, 0))"
            " where current_setting('transaction_read_only') = 'off'"
        ),
        {"name": district},
    )


def lock_schema(connection: Connection) -> None:
    """Let one transaction at a time make or change the tables."""
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended('schema', 1))"))


def hold(connection: Connection, name: str, wait: float) -> None:
    """Hold the lock called `name` until the connection is closed, in no transaction."""
    bound = {"bound": f"{max(1, round(wait * 1000))}ms"}
    connection.execute(text("select set_config('lock_timeout', :bound, false)"), bound)
    connection.execute(text("select pg_advisory_lock(hashtextextended(:name, 2))"), {"name": name})
    connection.commit()


def next_ids(connection: Connection, _target: Table, sequence: Sequence, count: int) -> npt.NDArray[np.int64]:
    """Take `count` numbers of the table's sequence; what a rolled back transaction took stays unused."""
    drawn = select(sequence.next_value()).select_from(func.generate_series(1, count).alias("place"))
    return np.sort(np.fromiter(connection.execute(drawn).scalars(), dtype="int64", count=count))


def advance_ids(connection: Connection, target: Table, sequence: Sequence) -> None:
    """Let `sequence` go on after the highest id."""
    after = func.coalesce(func.max(target.c.id), 0) + 1
    connection.execute(select(func.setval(sequence.name, after, False)))
