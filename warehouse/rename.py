"""Rename: readings kept under a site's delivered name move under its key, once a registry knows the name.

The old rows stay, marked as renamed and no longer believed, so that `as_of` tells what was known then; the
canonical dump and the ledger count the rows that took over. The order of the statements is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select, update

from warehouse import bulk
from warehouse.chain import settle
from warehouse.schema import RENAMED, deliveries, flags, readings, series
from warehouse.statements import KEY, series_ids
from warehouse.stored_chains import apply_updates, changed_days, mark_stale, stored_chains, typed_chain

_RANK = [*KEY, "rank"]


def delivered_names(connection: Connection, district: str, registered: list[str]) -> list[str]:
    """Return the sites with readings of a district that are none of `registered`, sorted."""
    query = select(series.c.id, series.c.site).where(
        series.c.district == district, series.c.site.not_in(registered)
    )
    found = bulk.fetch(connection, query)
    if found.empty:
        return []
    stands = (
        select(readings.c.series_id)
        .where(readings.c.series_id.in_(found["id"].tolist()), readings.c.kind != RENAMED)
        .distinct()
    )
    ids = set(connection.execute(stands).scalars())
    return sorted(found.loc[found["id"].isin(ids), "site"].astype("str").unique().tolist())


def rename_sites(
    connection: Connection, district: str, keys: Mapping[str, str], *, now: datetime
) -> pd.DataFrame:
    """Move every reading of some delivered names under their keys, within the caller's transaction.

    Parameters
    ----------
    keys
        Delivered name -> key of the registry.
    now
        Known-at time, UTC without zone.

    Returns
    -------
    DataFrame
        One row a name, parameter and period: `name, site, parameter, period, readings, first, last`.
    """
    bulk.lock_district(connection, district)
    told = []
    for name, key in sorted(keys.items()):
        found = bulk.fetch(
            connection, select(series).where(series.c.district == district, series.c.site == name)
        )
        if found.empty:
            continue
        target = series_ids(connection, found.assign(site=key))
        new_id = pd.Series(target, index=found["id"].to_numpy())
        rows = bulk.fetch(
            connection,
            select(readings).where(
                readings.c.series_id.in_(new_id.index.tolist()), readings.c.kind != RENAMED
            ),
        )
        if rows.empty:
            continue
        rows = typed_chain(rows)
        told.append(_told(rows, found.assign(name=name, site=key)))
        _move(connection, rows, new_id, now)
    columns = ["name", "site", "parameter", "period", "readings", "first", "last"]
    return pd.concat(told, ignore_index=True)[columns] if told else pd.DataFrame(columns=columns)


def _told(rows: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    spans = rows.groupby("series_id")["observed_at"].agg(["count", "min", "max"]).reset_index()
    spans = spans.rename(columns={"count": "readings", "min": "first", "max": "last"})
    return names.merge(spans, left_on="id", right_on="series_id")


def _move(connection: Connection, rows: pd.DataFrame, new_id: pd.Series, now: datetime) -> None:
    """Restate the rows of some series under others, and mark them as renamed."""
    moved = rows.assign(series_id=new_id.loc[rows["series_id"]].to_numpy())
    # a revision is its first and its last statement
    last = moved[moved["rank_last"] != moved["rank_first"]]
    statements = pd.concat(
        [moved.assign(rank=moved["rank_first"]), last.assign(rank=last["rank_last"])], ignore_index=True
    )
    stored = stored_chains(connection, statements)
    settled = settle(stored, _apart(statements, stored), pd.Timestamp(now))
    bulk.append(connection, readings, settled.inserts)
    apply_updates(connection, settled.updates)
    mark_stale(connection, changed_days(connection, settled.inserts))
    old = readings.c.series_id.in_(new_id.index.tolist())
    connection.execute(
        update(readings)
        .where(old, readings.c.kind != RENAMED)
        .values(kind=RENAMED, known_until=func.coalesce(readings.c.known_until, now))
    )
    connection.execute(
        update(flags)
        .where(flags.c.series_id.in_(new_id.index.tolist()), flags.c.known_until.is_(None))
        .values(known_until=now)
    )
    _count_again(connection, rows, settled.inserts)


def _apart(statements: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Give statements ranks that none of their key has: one file may name a site in both ways.

    What was known under the key is held to be said first.
    """
    given = pd.concat(
        [stored[[*KEY, name]].rename(columns={name: "rank"}) for name in ("rank_first", "rank_last")]
    )
    taken = pd.MultiIndex.from_frame(given.drop_duplicates())
    rank = statements["rank"].to_numpy(dtype="int64").copy()
    while True:
        shared = pd.MultiIndex.from_frame(statements.assign(rank=rank)[_RANK]).isin(taken)
        if not shared.any():
            return statements.assign(rank=rank)
        rank = rank + shared


def _count_again(connection: Connection, rows: pd.DataFrame, inserts: pd.DataFrame) -> None:
    """Put the counts of the deliveries right: what a key had been told before is unchanged now."""
    # each side has both kinds before they are subtracted: a place that neither side has would be no number
    gained, lost = (
        pd.crosstab(side["delivery_id"], side["kind"]).reindex(columns=["new", "revised"], fill_value=0)
        for side in (inserts, rows)
    )
    change = gained.sub(lost, fill_value=0).astype("int64")
    change = change[(change != 0).any(axis="columns")]
    if change.empty:
        return
    change["unchanged"] = -change["new"] - change["revised"]
    staged = change.reset_index().astype(np.int64)
    bulk.stage(connection, "staged_counts", staged)
    by = bulk.staged("staged_counts", staged)
    names = ("new", "revised", "unchanged")
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == by.c.delivery_id)
        .values({name: deliveries.c[name] + by.c[name] for name in names})
    )
    bulk.unstage(connection, "staged_counts")
