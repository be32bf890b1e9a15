"""Derived rows are kept like readings: a recomputed row that differs ends the old one's belief."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, update

from warehouse import bulk
from warehouse.recall import recall_table

_KNOWN = ("known_from", "known_until")


def replace_derived(
    connection: Connection,
    table: Table,
    rows: pd.DataFrame,
    *,
    scope: Sequence[ColumnElement[bool]],
    key: Sequence[str],
    now: datetime,
) -> pd.DataFrame:
    """Make `rows` the believed content of `table` within `scope`; equal rows stay as they are.

    Parameters
    ----------
    rows
        Every column of `table` but the two known-at columns; unique by `key`.
    scope
        Conditions that bound what is being replaced; believed rows in it that `rows` lacks end.
    now
        Known-at time of the change, UTC without zone.

    Returns
    -------
    pandas.DataFrame
        The rows that are new or differ, with `change` = new | changed.
    """
    names = [column.name for column in table.columns if column.name not in _KNOWN]
    wanted = _typed(rows[names], table)
    recalled = recall_table(connection, table, *scope)[[*names, "known_from"]]
    if recalled.empty:
        # the first time there is nothing to compare with
        fresh = wanted.sort_values(list(key), ignore_index=True)
        change = np.full(len(fresh), "new")
    else:
        begins = _compared(connection, table, wanted, _typed(recalled, table), scope, key, now)
        fresh, change = begins[names], np.where(begins["side"] == "both", "changed", "new")
    if not fresh.empty:
        fresh = _typed(fresh, table)
        bulk.append(connection, table, fresh.assign(known_from=pd.Timestamp(now)))
    return fresh.assign(change=change)


def _compared(
    connection: Connection,
    table: Table,
    wanted: pd.DataFrame,
    stored: pd.DataFrame,
    scope: Sequence[ColumnElement[bool]],
    key: Sequence[str],
    now: datetime,
) -> pd.DataFrame:
    """End the belief in stored rows that are wanted no more or otherwise; return the rows that begin, with `side`."""
    both = wanted.merge(stored, on=list(key), how="outer", suffixes=("", "_stored"), indicator="side")
    same = (both["side"] == "both").to_numpy(copy=True)
    for name in wanted.columns:
        if name not in key:
            same &= _equal(both[name], both[f"{name}_stored"])
    ends = both[~same & (both["side"] != "left_only")]
    if not ends.empty:
        _end_belief(connection, table, ends, scope, key, now)
    return both[~same & (both["side"] != "right_only")]


def _end_belief(
    connection: Connection,
    table: Table,
    ends: pd.DataFrame,
    scope: Sequence[ColumnElement[bool]],
    key: Sequence[str],
    now: datetime,
) -> None:
    keys = ends[[*key]].reset_index(drop=True)
    name = f"ended_{table.name}"
    bulk.stage(connection, name, keys)
    staged = bulk.staged(name, keys)
    connection.execute(
        update(table)
        .values(known_until=now)
        # the scope lets the engine skip the rest of the history
        .where(table.c.known_until.is_(None), *scope, *[table.c[part] == staged.c[part] for part in key])
    )
    bulk.unstage(connection, name)


#: pandas types that stand for the Python types of SQL columns; the others are times
_KINDS = {float: "float64", int: "Int64", bool: "boolean", str: "str"}


def _typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Give every column the pandas type that stands for its SQL type, so that rows compare."""
    wanted = {
        name: pd.api.types.pandas_dtype(_KINDS.get(table.c[name].type.python_type, "datetime64[us]"))
        for name in frame.columns
    }
    return frame.astype({name: kind for name, kind in wanted.items() if frame[name].dtype != kind})


def _equal(left: pd.Series, right: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    equal = (left == right).fillna(value=False).to_numpy(dtype=bool)
    both_missing = left.isna().to_numpy() & right.isna().to_numpy()
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = equal | both_missing
    return result
