"""Statements: what a delivery says, as rows that the chain of revisions can be settled with.

A statement that says what the one before it in the same delivery said is a duplicate. The others take their
places within the rank of their delivery, in the order of its lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, and_, not_, select

from warehouse import bulk
from warehouse.chain import STATED
from warehouse.rank import PLACES
from warehouse.schema import series

_SERIES = ["district", "site", "parameter", "period"]
#: what a reading is a reading of, once it has its series
KEY = ("series_id", "observed_at")


def statements_of(
    connection: Connection,
    accepted: pd.DataFrame,
    ids: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
) -> tuple[pd.DataFrame, np.ndarray[Any, Any], pd.DataFrame]:
    """Turn readings into statements; return them, the number of duplicates per delivery, and rejected cells.

    Parameters
    ----------
    accepted
        Readings with an integer column `delivery`: the place in `ids` and `ranks`.
    ids, ranks
        Of the deliveries.
    """
    frame = keyed(connection, accepted, ids, ranks)
    frame["at"] = np.arange(len(frame))
    beyond = np.array([], dtype="int64")
    duplicates = np.zeros(len(ids), dtype="int64")
    if frame.duplicated(list(KEY)).any():
        frame = placed(frame)
        repeats = frame["repeats"].to_numpy()
        duplicates = np.bincount(
            frame["delivery"].to_numpy(dtype="int64")[repeats], minlength=len(ids)
        ).astype("int64")
        frame = frame[~repeats].reset_index(drop=True)
        place = frame["place"].to_numpy()
        # a rank has room for so many statements of one reading in one delivery; the rest are turned away
        beyond = frame.loc[place >= PLACES, "at"].to_numpy()
        frame["rank"] = frame["rank"].to_numpy() + place
        frame = frame[place < PLACES].drop(columns=["repeats", "place"]).reset_index(drop=True)
    return frame.drop(columns=["at"]), duplicates, _turned_away(accepted, beyond)


def keyed(
    connection: Connection,
    accepted: pd.DataFrame,
    ids: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
) -> pd.DataFrame:
    """Return readings with `series_id`, `delivery_id` and `rank` of their delivery; index 0..n-1."""
    frame = accepted.drop(columns=_SERIES)
    delivery = accepted["delivery"].to_numpy(dtype="int64")
    frame["series_id"] = series_ids(connection, accepted) if len(accepted) else np.array([], dtype="int64")
    frame["delivery_id"] = ids[delivery] if len(accepted) else np.array([], dtype="int64")
    frame["rank"] = ranks[delivery] if len(accepted) else np.array([], dtype="int64")
    return frame.reset_index(drop=True)


def placed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return keyed readings in order, with `repeats` (says what the one before says) and `place`.

    The place of a reading counts the statements of its key before it in its delivery; what repeats a
    statement has its place.
    """
    order = np.lexsort(
        (
            frame["row"].to_numpy(),
            frame["rank"].to_numpy(),
            frame["observed_at"].to_numpy(),
            frame["series_id"].to_numpy(),
        )
    )
    frame = frame.iloc[order].reset_index(drop=True)
    within = [*KEY, "delivery_id"]
    begins = _differs(frame, within)
    repeats = ~begins & ~_differs(frame, list(STATED))
    said = np.cumsum(~repeats)
    group = np.cumsum(begins) - 1
    return frame.assign(repeats=repeats, place=said - said[begins][group])


def _turned_away(accepted: pd.DataFrame, places: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return readings as rejected cells: the reading is stated too often in one delivery."""
    rows = accepted.iloc[places]
    names = ["site", "parameter", "period", "observed_at", "raw", "sheet", "row", "column", "delivery"]
    return rows[names].assign(code="repeated-too-often", cells=1)


def series_ids(connection: Connection, accepted: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the series id of every row, making series that are new."""
    codes, names = _group_numbers(accepted)
    bulk.stage(connection, "staged_series", names)
    wanted = bulk.staged("staged_series", names)
    same = and_(*[series.c[name] == wanted.c[name] for name in _SERIES])
    missing = select(*[wanted.c[name] for name in _SERIES]).where(
        not_(select(series.c.id).where(same).exists())
    )
    known = bulk.fetch(connection, missing.order_by(*[wanted.c[name] for name in _SERIES]))
    if not known.empty:
        known.insert(0, "id", bulk.next_ids(connection, series, len(known)))
        bulk.append(connection, series, known)
    numbers = bulk.fetch(connection, select(wanted.c.number, series.c.id).where(same))
    bulk.unstage(connection, "staged_series")
    by_number = np.zeros(len(names), dtype="int64")
    by_number[numbers["number"].to_numpy(dtype="int64")] = numbers["id"].to_numpy(dtype="int64")
    found: np.ndarray[Any, Any] = by_number[codes]
    return found


def _group_numbers(accepted: pd.DataFrame) -> tuple[np.ndarray[Any, Any], pd.DataFrame]:
    code = np.zeros(len(accepted), dtype="int64")
    parts = []
    for name in _SERIES:
        values, labels = pd.factorize(accepted[name])
        code = code * max(len(labels), 1) + values
        parts.append(labels)
    numbers, first = pd.factorize(code)
    at = pd.Series(np.arange(len(code))).groupby(numbers).first().to_numpy() if len(code) else []
    names = accepted.iloc[at][_SERIES].reset_index(drop=True)
    names["number"] = np.arange(len(first), dtype="int64")
    return numbers, names


def _differs(frame: pd.DataFrame, columns: list[str]) -> np.ndarray[Any, Any]:
    differs = np.zeros(len(frame), dtype=bool)
    differs[:1] = True
    for name in columns:
        values = frame[name].to_numpy()
        differs[1:] |= values[1:] != values[:-1]
    return differs
