"""Recall: any table as the warehouse knew it at a time (`as_of`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from warehouse import bulk
from warehouse.schema import deliveries, readings, series


def believed(table: Table, as_of: datetime | None = None) -> ColumnElement[bool]:
    """Return the predicate for rows believed at `as_of` (UTC without zone; None: now)."""
    if as_of is None:
        return table.c.known_until.is_(None)
    return and_(
        table.c.known_from <= as_of,
        or_(table.c.known_until.is_(None), table.c.known_until > as_of),
    )


def recall_readings(
    connection: Connection,
    *,
    district: str,
    start: datetime,
    end: datetime,
    sites: Sequence[str] | None = None,
    parameters: Sequence[str] | None = None,
    periods: Sequence[str] | None = None,
    as_of: datetime | None = None,
    provenance: bool = False,
) -> pd.DataFrame:
    """Return readings with `start <= observed_at < end` as believed at `as_of`.

    Columns: site, parameter, period, observed_at, value, censor, detection_limit, provider_flag,
    channel, known_from; with `provenance` also raw, sheet, row, column, delivery (name), sha256.
    """
    columns: list[Any] = [
        series.c.site,
        series.c.parameter,
        series.c.period,
        readings.c.observed_at,
        readings.c.value,
        readings.c.censor,
        readings.c.detection_limit,
        readings.c.provider_flag,
        readings.c.channel,
        readings.c.known_from,
    ]
    joined: Any = readings.join(series, readings.c.series_id == series.c.id)
    if provenance:
        joined = joined.join(deliveries, readings.c.delivery_id == deliveries.c.id)
        columns += [
            readings.c.raw,
            readings.c.sheet,
            readings.c.row,
            readings.c.column,
            deliveries.c.name.label("delivery"),
            deliveries.c.sha256,
        ]
    query = (
        select(*columns)
        .select_from(joined)
        .where(
            series.c.district == district,
            readings.c.observed_at >= start,
            readings.c.observed_at < end,
            believed(readings, as_of),
        )
    )
    if sites is not None:
        query = query.where(series.c.site.in_(sites))
    if parameters is not None:
        query = query.where(series.c.parameter.in_(parameters))
    if periods is not None:
        query = query.where(series.c.period.in_(periods))
    frame = bulk.fetch(connection, query)
    for name in ("observed_at", "known_from"):
        frame[name] = frame[name].astype("datetime64[us]")
    frame["value"] = frame["value"].astype("float64")
    frame["detection_limit"] = frame["detection_limit"].astype("float64")
    return frame


def recall_table(
    connection: Connection, table: Table, *conditions: ColumnElement[bool], as_of: datetime | None = None
) -> pd.DataFrame:
    """Return the believed rows of a derived table, restricted by `conditions`."""
    return bulk.fetch(connection, select(table).where(believed(table, as_of), *conditions))
