"""What `ecoplan quarantine` answers: flat records with stable keys (docs/reference/records.md)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, select

from flows.answers.records import as_records
from vocabulary.clock import wall_time
from vocabulary.reasons import reasons
from warehouse import bulk
from warehouse.appeal import counted_by_day, state_at, steps_of
from warehouse.schema import deliveries, quarantine

_WEEKS = ["district", "source", "week", "code", "state"]


def quarantine_list(
    connection: Connection,
    district: str | None,
    *,
    code: str | None = None,
    states: Collection[str] = (),
    limit: int = 200,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return quarantined cells, newest first, each with file, row, column, raw text, reason and state.

    At an earlier time, a cell that was dealt with later was still open. `states` says how the cells
    must stand; without it, those that are open.
    """
    query = _quarantine(as_of).order_by(quarantine.c.id.desc()).limit(limit)
    query = query.where(state_at(as_of).in_(tuple(states) or ("open",)))
    if district is not None:
        query = query.where(deliveries.c.district == district)
    if code is not None:
        query = query.where(quarantine.c.code == code)
    return _with_reasons(as_records(bulk.fetch(connection, query)))


def quarantine_show(
    connection: Connection, identity: int, *, as_of: datetime | None = None
) -> dict[str, Any] | None:
    """Return one quarantined cell with what became of it, or nothing."""
    query = _quarantine(as_of).where(quarantine.c.id == identity)
    records = _with_reasons(as_records(bulk.fetch(connection, query)))
    if not records:
        return None
    known_from = connection.execute(
        select(quarantine.c.known_from).where(quarantine.c.id == identity)
    ).scalar_one()
    since = wall_time(known_from).isoformat(timespec="seconds")
    return {**records[0], "known_from": since, "steps": steps_of(connection, identity, as_of)}


def quarantine_weeks(
    connection: Connection, districts: Collection[str], *, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return reasons counted by district, source, ISO week and state, the newest week first.

    The week is that of the observation, or of the delivery's issue where the observation's is not known.
    """
    rows = bulk.fetch(connection, counted_by_day(as_of))
    rows = rows[rows["district"].isin(list(districts))]
    if rows.empty:
        return []
    week = pd.to_datetime(rows["day"]).dt.isocalendar()
    rows["week"] = week["year"].astype("str") + "-W" + week["week"].astype("str").str.zfill(2)
    found = rows.groupby(_WEEKS).agg(cells=("cells", "sum"), deliveries=("delivery_id", "nunique"))
    found = found.reset_index().sort_values(
        ["week", "district", "source", "cells", "code", "state"],
        ascending=[False, True, True, False, True, True],
    )
    found[["cells", "deliveries"]] = found[["cells", "deliveries"]].astype("int64")
    return _with_reasons(as_records(found[[*_WEEKS, "cells", "deliveries"]]))


def _quarantine(as_of: datetime | None) -> Select[Any]:
    columns = ("id", "site", "parameter", "period", "observed_at", "raw", "sheet", "row", "column", "code")
    query = select(
        deliveries.c.district,
        deliveries.c.source,
        deliveries.c.name.label("delivery"),
        deliveries.c.sha256,
        *[quarantine.c[name] for name in columns],
        quarantine.c.cells,
        state_at(as_of).label("state"),
    ).select_from(quarantine.join(deliveries, quarantine.c.delivery_id == deliveries.c.id))
    return query if as_of is None else query.where(quarantine.c.known_from <= as_of)


def _with_reasons(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = reasons()
    for record in records:
        reason = known.get(record["code"])
        record["reason_zh"] = reason.zh if reason else record["code"]
        record["reason_en"] = reason.en if reason else record["code"]
    return records
