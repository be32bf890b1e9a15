"""Revisions as they are stored: fetched for the keys at hand, changed, and the days they make stale."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, select, update

from warehouse import bulk
from warehouse.schema import RENAMED, readings, series, stale_days


def stored_chains(connection: Connection, statements: pd.DataFrame) -> pd.DataFrame:
    """Return every row of `readings` for the keys that statements speak about."""
    keys = statements[["series_id", "observed_at"]].drop_duplicates()
    nothing = select(readings).limit(0)
    if keys.empty:
        return typed_chain(bulk.fetch(connection, nothing))
    first, last = keys["observed_at"].min(), keys["observed_at"].max()
    within = readings.c.observed_at.between(first.to_pydatetime(), last.to_pydatetime())
    if connection.execute(select(readings.c.series_id).where(within).limit(1)).first() is None:
        return typed_chain(bulk.fetch(connection, nothing))
    bulk.stage(connection, "staged_keys", keys)
    wanted = bulk.staged("staged_keys", keys)
    query = select(readings).where(
        within,
        readings.c.kind != RENAMED,
        readings.c.series_id == wanted.c.series_id,
        readings.c.observed_at == wanted.c.observed_at,
    )
    stored = bulk.fetch(connection, query)
    bulk.unstage(connection, "staged_keys")
    return typed_chain(stored)


def apply_updates(connection: Connection, updates: pd.DataFrame) -> None:
    """Change stored rows, told by `old_rank_first` within their key, to their new ranks and end of belief."""
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
            readings.c.kind != RENAMED,
        )
    )
    bulk.unstage(connection, "staged_updates")


def changed_days(connection: Connection, inserts: pd.DataFrame) -> pd.DataFrame:
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


def mark_stale(connection: Connection, changed: pd.DataFrame) -> None:
    """Put the site-days of changed readings on record as waiting for their evaluation."""
    days = changed[["district", "site", "day"]].drop_duplicates()
    if days.empty:
        return
    rows = days.assign(day=days["day"].astype("datetime64[us]"))
    bulk.append(connection, stale_days, rows)


def typed_chain(stored: pd.DataFrame) -> pd.DataFrame:
    """Give fetched rows the types of new ones, empty or not, whatever the engine."""
    kinds = dict.fromkeys(("observed_at", "known_from", "known_until"), "datetime64[us]")
    kinds |= dict.fromkeys(("series_id", "delivery_id", "row", "rank_first", "rank_last"), "int64")
    kinds |= dict.fromkeys(("value", "detection_limit"), "float64")
    kinds |= dict.fromkeys(("raw", "censor", "provider_flag", "channel", "sheet", "column", "kind"), "str")
    return stored.astype(kinds)
