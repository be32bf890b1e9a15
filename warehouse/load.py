"""Load: one transaction for readings, quarantine, balance and the days that became stale.

A batch is one or more deliveries of one district and source. Either every row of the batch is in the
warehouse with a ledger row per delivery whose balance the database checks, or nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import (
    Connection,
    Date,
    DateTime,
    and_,
    cast,
    insert,
    literal,
    not_,
    select,
    update,
)

from warehouse import bulk
from warehouse.chain import STATED, settle
from warehouse.rank import PLACES, STEP, delivery_rank
from warehouse.schema import deliveries, quarantine, readings, series, stale_days

_SERIES = ["district", "site", "parameter", "period"]
_REFUSED_COUNTS = ("new", "revised", "unchanged", "duplicate")


@dataclass(frozen=True)
class Unit:
    """One delivery ready to load (工作单元). `blank` and the frames' rows make up its cells.

    issued_at and modified_at are Asia/Shanghai wall times without zone.
    """

    district: str
    source: str
    partition: str
    sha256: str
    name: str
    size: int
    issued_at: datetime
    modified_at: datetime
    encoding: str
    cells_in: int
    blank: int
    state: str = "loaded"
    code: str = ""
    detail_zh: str = ""
    detail_en: str = ""


@dataclass(frozen=True)
class Loaded:
    """What the batch did: one row a delivery, and the keys whose belief changed."""

    balance: pd.DataFrame
    changed: pd.DataFrame


def known_units(connection: Connection, district: str, source: str) -> set[str]:
    """Return the SHA-256 of every delivery the ledger already holds for a district and source.

    In a transaction that writes the answer holds until its end: another process that loads waits.
    """
    bulk.lock_district(connection, district)
    query = select(deliveries.c.sha256).where(
        deliveries.c.district == district, deliveries.c.source == source
    )
    return set(connection.execute(query).scalars())


def load_batch(
    connection: Connection,
    units: list[Unit],
    accepted: pd.DataFrame,
    rejected: pd.DataFrame,
    *,
    now: datetime,
) -> Loaded:
    """Load a batch within the caller's transaction.

    Parameters
    ----------
    units
        The deliveries, none of them in the ledger yet, all of one district and source.
    accepted, rejected
        Readings and rejected cells with an integer column `delivery`: the place in `units`.
    now
        Known-at time of the batch, UTC without zone.
    """
    if not units:
        return Loaded(pd.DataFrame(), pd.DataFrame())
    district = units[0].district
    bulk.lock_district(connection, district)
    ids = bulk.next_ids(connection, deliveries, len(units))
    ranks = _ranks(connection, units)
    statements, duplicate, beyond = _statements(connection, accepted, ids, ranks)
    rejected = pd.concat([rejected, beyond], ignore_index=True) if len(beyond) else rejected
    stored = _stored_chains(connection, statements)
    settled = settle(stored, statements, pd.Timestamp(now))
    balance = _balance(units, ids, statements, settled.outcome, duplicate, rejected)
    _write_ledger(connection, units, ids, ranks, balance, accepted, now)
    bulk.append(connection, readings, settled.inserts)
    _apply_updates(connection, settled.updates)
    _write_quarantine(connection, rejected, ids, now)
    changed = _changed(connection, settled.inserts)
    _mark_stale(connection, changed)
    return Loaded(balance, changed)


def _ranks(connection: Connection, units: list[Unit]) -> np.ndarray[Any, Any]:
    """Return one rank a unit; a rank that is taken moves on by the smallest step, so none is shared."""
    wanted = [delivery_rank(unit.issued_at, unit.modified_at) for unit in units]
    query = select(deliveries.c.rank).where(
        deliveries.c.district == units[0].district,
        deliveries.c.rank >= min(wanted),
    )
    taken = set(connection.execute(query).scalars())
    ranks = []
    for rank in wanted:
        free = rank
        while free in taken:
            free += STEP
        taken.add(free)
        ranks.append(free)
    return np.array(ranks, dtype="int64")


def _series_ids(connection: Connection, accepted: pd.DataFrame) -> np.ndarray[Any, Any]:
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


def _statements(
    connection: Connection,
    accepted: pd.DataFrame,
    ids: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
) -> tuple[pd.DataFrame, np.ndarray[Any, Any], pd.DataFrame]:
    """Turn readings into statements; return them, the number of duplicates per delivery, and rejected cells.

    A statement that says what the one before it in the same delivery said is a duplicate.
    """
    frame = accepted.drop(columns=["district", "site", "parameter", "period"])
    delivery = accepted["delivery"].to_numpy(dtype="int64")
    frame["series_id"] = _series_ids(connection, accepted) if len(accepted) else np.array([], dtype="int64")
    frame["delivery_id"] = ids[delivery] if len(accepted) else np.array([], dtype="int64")
    frame["rank"] = ranks[delivery] if len(accepted) else np.array([], dtype="int64")
    frame = frame.reset_index(drop=True)
    frame["at"] = np.arange(len(frame))
    beyond = np.array([], dtype="int64")
    key = ["series_id", "observed_at"]
    duplicates = np.zeros(len(ids), dtype="int64")
    if frame.duplicated(key).any():
        order = np.lexsort(
            (
                frame["row"].to_numpy(),
                frame["rank"].to_numpy(),
                frame["observed_at"].to_numpy(),
                frame["series_id"].to_numpy(),
            )
        )
        frame = frame.iloc[order].reset_index(drop=True)
        within = [*key, "delivery_id"]
        again = ~_differs(frame, within)
        repeats = again & ~_differs(frame, list(STATED))
        duplicates = np.bincount(
            frame["delivery"].to_numpy(dtype="int64")[repeats], minlength=len(ids)
        ).astype("int64")
        frame = frame[~repeats].reset_index(drop=True)
        place = frame.groupby(within, sort=False).cumcount().to_numpy()
        # a rank has room for so many statements of one reading in one delivery; the rest are turned away
        beyond = frame.loc[place >= PLACES, "at"].to_numpy()
        frame["rank"] = frame["rank"].to_numpy() + place
        frame = frame[place < PLACES].reset_index(drop=True)
    return frame.drop(columns=["at"]), duplicates, _turned_away(accepted, beyond)


def _turned_away(accepted: pd.DataFrame, places: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return readings as rejected cells: the reading is stated too often in one delivery."""
    rows = accepted.iloc[places]
    names = ["site", "parameter", "period", "observed_at", "raw", "sheet", "row", "column", "delivery"]
    return rows[names].assign(code="repeated-too-often", cells=1)


def _differs(frame: pd.DataFrame, columns: list[str]) -> np.ndarray[Any, Any]:
    differs = np.zeros(len(frame), dtype=bool)
    differs[:1] = True
    for name in columns:
        values = frame[name].to_numpy()
        differs[1:] |= values[1:] != values[:-1]
    return differs


def _stored_chains(connection: Connection, statements: pd.DataFrame) -> pd.DataFrame:
    keys = statements[["series_id", "observed_at"]].drop_duplicates()
    nothing = select(readings).limit(0)
    if keys.empty:
        return _typed_chain(bulk.fetch(connection, nothing))
    first, last = keys["observed_at"].min(), keys["observed_at"].max()
    within = readings.c.observed_at.between(first.to_pydatetime(), last.to_pydatetime())
    if connection.execute(select(readings.c.series_id).where(within).limit(1)).first() is None:
        return _typed_chain(bulk.fetch(connection, nothing))
    bulk.stage(connection, "staged_keys", keys)
    wanted = bulk.staged("staged_keys", keys)
    query = select(readings).where(
        within,
        readings.c.series_id == wanted.c.series_id,
        readings.c.observed_at == wanted.c.observed_at,
    )
    stored = bulk.fetch(connection, query)
    bulk.unstage(connection, "staged_keys")
    return _typed_chain(stored)


def _typed_chain(stored: pd.DataFrame) -> pd.DataFrame:
    """Give fetched rows the types of new ones, empty or not, whatever the engine."""
    kinds = dict.fromkeys(("observed_at", "known_from", "known_until"), "datetime64[us]")
    kinds |= dict.fromkeys(("series_id", "delivery_id", "row", "rank_first", "rank_last"), "int64")
    kinds |= dict.fromkeys(("value", "detection_limit"), "float64")
    kinds |= dict.fromkeys(("raw", "censor", "provider_flag", "channel", "sheet", "column", "kind"), "str")
    return stored.astype(kinds)


def _balance(
    units: list[Unit],
    ids: np.ndarray[Any, Any],
    statements: pd.DataFrame,
    outcome: np.ndarray[Any, Any],
    duplicate: np.ndarray[Any, Any],
    rejected: pd.DataFrame,
) -> pd.DataFrame:
    delivery = statements["delivery"].to_numpy(dtype="int64")
    size = len(units)
    counts = {
        name: np.bincount(delivery[outcome == name], minlength=size)
        for name in ("new", "revised", "unchanged")
    }
    turned_away = np.bincount(
        rejected["delivery"].to_numpy(dtype="int64"),
        weights=rejected["cells"].to_numpy(dtype="float64"),
        minlength=size,
    ).astype("int64")
    return pd.DataFrame(
        {
            "delivery_id": ids,
            "cells_in": [unit.cells_in for unit in units],
            **counts,
            "duplicate": duplicate,
            "quarantined": turned_away,
            "blank": [unit.blank for unit in units],
        }
    )


def _write_ledger(
    connection: Connection,
    units: list[Unit],
    ids: np.ndarray[Any, Any],
    ranks: np.ndarray[Any, Any],
    balance: pd.DataFrame,
    accepted: pd.DataFrame,
    now: datetime,
) -> None:
    rows = pd.DataFrame(
        {
            "id": ids,
            "district": [unit.district for unit in units],
            "source": [unit.source for unit in units],
            "partition": [unit.partition for unit in units],
            "sha256": [unit.sha256 for unit in units],
            "name": [unit.name for unit in units],
            "size": [unit.size for unit in units],
            "issued_at": pd.Series([unit.issued_at for unit in units], dtype="datetime64[us]"),
            "modified_at": pd.Series([unit.modified_at for unit in units], dtype="datetime64[us]"),
            "rank": ranks,
            "encoding": [unit.encoding for unit in units],
            "state": [unit.state for unit in units],
            "code": [unit.code for unit in units],
            "detail_zh": [unit.detail_zh for unit in units],
            "detail_en": [unit.detail_en for unit in units],
        }
    )
    observed = accepted.groupby("delivery")["observed_at"].agg(["min", "max"]).reindex(range(len(units)))
    rows["observed_from"] = observed["min"].astype("datetime64[us]").to_numpy()
    rows["observed_to"] = observed["max"].astype("datetime64[us]").to_numpy()
    for name in ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank"):
        rows[name] = balance[name].to_numpy()
    rows["loaded_at"] = pd.Series([now] * len(units), dtype="datetime64[us]")
    bulk.append(connection, deliveries, rows)


def _apply_updates(connection: Connection, updates: pd.DataFrame) -> None:
    if updates.empty:
        return
    bulk.stage(connection, "staged_updates", updates)
    new = bulk.staged("staged_updates", updates)
    first, last = updates["observed_at"].min(), updates["observed_at"].max()
    connection.execute(
        update(readings)
        .values(rank_first=new.c.rank_first, rank_last=new.c.rank_last, known_until=new.c.known_until)
        .where(
            # the range lets the engine skip everything but the days at hand
            readings.c.observed_at.between(first.to_pydatetime(), last.to_pydatetime()),
            readings.c.series_id == new.c.series_id,
            readings.c.observed_at == new.c.observed_at,
            readings.c.rank_first == new.c.old_rank_first,
        )
    )
    bulk.unstage(connection, "staged_updates")


def _write_quarantine(
    connection: Connection, rejected: pd.DataFrame, ids: np.ndarray[Any, Any], now: datetime
) -> None:
    if rejected.empty:
        return
    names = ["site", "parameter", "period", "observed_at", "raw", "sheet", "row", "column", "code", "cells"]
    rows = rejected[names].reset_index(drop=True)
    rows.insert(0, "id", bulk.next_ids(connection, quarantine, len(rows)))
    rows["delivery_id"] = ids[rejected["delivery"].to_numpy(dtype="int64")]
    rows["state"] = "open"
    rows["note"] = ""
    rows["known_from"] = pd.Timestamp(now)
    bulk.append(connection, quarantine, rows)


def _changed(connection: Connection, inserts: pd.DataFrame) -> pd.DataFrame:
    """Return district, site, parameter, period and day of every reading whose belief changed."""
    believed = inserts[inserts["known_until"].isna()]
    days = believed[["series_id"]].assign(day=believed["observed_at"].dt.normalize()).drop_duplicates()
    if days.empty:
        return days.assign(district="", site="", parameter="", period="")
    # the series of one batch are few; fetch those of the ids at hand
    ids = days[["series_id"]].drop_duplicates()
    bulk.stage(connection, "staged_ids", ids)
    wanted = bulk.staged("staged_ids", ids)
    known = bulk.fetch(connection, select(series).where(series.c.id == wanted.c.series_id))
    bulk.unstage(connection, "staged_ids")
    return days.merge(known, left_on="series_id", right_on="id").drop(columns=["id"])


def _mark_stale(connection: Connection, changed: pd.DataFrame) -> None:
    days = changed[["district", "site", "day"]].drop_duplicates()
    if days.empty:
        return
    rows = days.assign(day=days["day"].astype("datetime64[us]"))
    bulk.append(connection, stale_days, rows)


def record_refusal(connection: Connection, unit: Unit, *, now: datetime) -> None:
    """Write the ledger row of a delivery refused before any cell could be read."""
    bulk.lock_district(connection, unit.district)
    (rank,) = _ranks(connection, [unit])
    (identity,) = bulk.next_ids(connection, deliveries, 1)
    connection.execute(
        insert(deliveries).values(
            id=int(identity),
            district=unit.district,
            source=unit.source,
            partition=unit.partition,
            sha256=unit.sha256,
            name=unit.name,
            size=unit.size,
            issued_at=unit.issued_at,
            modified_at=unit.modified_at,
            rank=int(rank),
            encoding=unit.encoding,
            state="refused",
            code=unit.code,
            detail_zh=unit.detail_zh,
            detail_en=unit.detail_en,
            cells_in=0,
            quarantined=0,
            blank=0,
            loaded_at=now,
            **dict.fromkeys(_REFUSED_COUNTS, 0),
        )
    )


def mark_range(connection: Connection, district: str, first: datetime, end: datetime) -> None:
    """Mark every site-day with readings in `first <= observed_at < end` as stale, to be recomputed."""
    # an evaluation that is under way erases the marks of its district when it ends
    bulk.lock_district(connection, district)
    day = cast(cast(readings.c.observed_at, Date), DateTime)
    chosen = (
        select(literal(district), series.c.site, day)
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            series.c.district == district,
            readings.c.observed_at >= first,
            readings.c.observed_at < end,
            readings.c.known_until.is_(None),
        )
        .distinct()
    )
    connection.execute(insert(stale_days).from_select(["district", "site", "day"], chosen))
