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
    cast,
    insert,
    literal,
    select,
)

from warehouse import bulk
from warehouse.chain import settle
from warehouse.rank import STEP, delivery_rank
from warehouse.schema import deliveries, quarantine, readings, series, stale_days
from warehouse.statements import statements_of
from warehouse.stored_chains import apply_updates, changed_days, mark_stale, stored_chains


@dataclass(frozen=True)
class Unit:
    """One delivery ready to load (工作单元). `blank` and the frames' rows make up its cells.

    Every field is the ledger's column of that name.
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
    ranks = free_ranks(connection, units)
    statements, duplicate, beyond = statements_of(connection, accepted, ids, ranks)
    rejected = pd.concat([rejected, beyond], ignore_index=True) if len(beyond) else rejected
    stored = stored_chains(connection, statements)
    settled = settle(stored, statements, pd.Timestamp(now))
    balance = _balance(units, ids, statements, settled.outcome, duplicate, rejected)
    _write_ledger(connection, units, ids, ranks, balance, accepted, now)
    bulk.append(connection, readings, settled.inserts)
    apply_updates(connection, settled.updates)
    write_quarantine(connection, rejected, ids, now)
    changed = changed_days(connection, settled.inserts)
    mark_stale(connection, changed)
    return Loaded(balance, changed)


def free_ranks(connection: Connection, units: list[Unit]) -> np.ndarray[Any, Any]:
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
    rows = pd.DataFrame([vars(unit) for unit in units])
    rows = rows.astype({"issued_at": "datetime64[us]", "modified_at": "datetime64[us]"})
    rows.insert(0, "id", ids)
    rows["rank"] = ranks
    observed = accepted.groupby("delivery")["observed_at"].agg(["min", "max"]).reindex(range(len(units)))
    rows["observed_from"] = observed["min"].astype("datetime64[us]").to_numpy()
    rows["observed_to"] = observed["max"].astype("datetime64[us]").to_numpy()
    for name in balance.columns.drop("delivery_id"):
        rows[name] = balance[name].to_numpy()
    rows["loaded_at"] = pd.Series([now] * len(units), dtype="datetime64[us]")
    bulk.append(connection, deliveries, rows)


def write_quarantine(
    connection: Connection, rejected: pd.DataFrame, ids: np.ndarray[Any, Any], now: datetime
) -> None:
    """Write rejected cells as open; `delivery` is the place of theirs in `ids`."""
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
