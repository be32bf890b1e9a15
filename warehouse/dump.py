"""The canonical dump: what the warehouse says, whatever engine, order or number of runs made it say so.

Readings with their chain of revisions, quarantine, believed derived rows and episodes, sorted; no run
times, known-at times, surrogate keys or outbox. Its SHA-256 is promise 1 in one line.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
from sqlalchemy import ColumnElement, Connection, Table, func, literal, or_, select

from warehouse import bulk
from warehouse.recall import believed
from warehouse.schema import (
    RENAMED,
    air_days,
    aqi_days,
    deliveries,
    episodes,
    flags,
    indicator_results,
    outlet_results,
    quarantine,
    readings,
    section_results,
    series,
)

#: derived tables of the dump
DERIVED: tuple[Table, ...] = (section_results, air_days, aqi_days, outlet_results, indicator_results)
#: columns that came with a migration -> what it filled them with, one group a migration. A group is dumped only
#: where it says more, so that a warehouse keeps its hash when it is migrated (docs/decisions/0008)
ADDED: dict[str, tuple[dict[str, ColumnElement[Any]], ...]] = {
    section_results.name: (
        {"valid": section_results.c["class"].is_not(None), "reason": literal("")},
        {"left_out": literal(0)},
    ),
    air_days.name: ({"left_out": literal(0)},),
    indicator_results.name: ({"left_out": literal(0)},),
}
_EPISODE = ["rule", "district", "subject", "level", "state", "since", "until", "class", "limit"]
#: rows of readings taken at a time, so that the dump of a large warehouse needs little memory
_MONTHS_AT_A_TIME = 1


def dump_sha256(connection: Connection) -> str:
    """Return the SHA-256 of the canonical dump."""
    digest = hashlib.sha256()
    for part in canonical_dump(connection):
        digest.update(part)
    return digest.hexdigest()


def canonical_dump(connection: Connection) -> Iterator[bytes]:
    """Yield the canonical dump as CSV, table by table."""
    yield from _readings(connection)
    yield from _flags(connection)
    yield _text("quarantine", _quarantine(connection))
    for table in DERIVED:
        yield from _derived(connection, table)
    rows = bulk.fetch(
        connection,
        select(*[episodes.c[name] for name in _EPISODE]).where(episodes.c.state != "annulled"),
    )
    # who acknowledged, or closed by hand what the data hold open, is history of people, not of data
    by_hand = (rows["state"] == "resolved") & rows["until"].isna()
    rows["state"] = rows["state"].replace("acknowledged", "firing").mask(by_hand, "firing")
    yield _text("episodes", rows)


def _derived(connection: Connection, table: Table) -> Iterator[bytes]:
    """Yield the believed rows of a derived table, then those whose later columns say more than their fill."""
    groups = ADDED.get(table.name, ())
    left_out = {"known_from", "known_until"}.union(*groups)
    names = [column.name for column in table.columns if column.name not in left_out]
    shown = [table.c[name] for name in names]
    yield _text(table.name, bulk.fetch(connection, select(*shown).where(believed(table))))
    for added in groups:
        more = or_(*[table.c[name].is_distinct_from(fill) for name, fill in added.items()])
        query = select(*shown, *[table.c[name] for name in added]).where(believed(table), more)
        rows = bulk.fetch(connection, query)
        if len(rows):
            yield _text(f"{table.name} {' '.join(added)}", rows)


def _text(name: str, rows: pd.DataFrame, *, sort: bool = True) -> bytes:
    shown = pd.DataFrame({column: _plain(rows[column]) for column in rows.columns})
    if sort and len(shown):
        shown = shown.sort_values(list(shown.columns), kind="stable", na_position="first")
    buffer = io.BytesIO()
    buffer.write(f"# {name}\n".encode())
    # in one chunk: the writer fills in garbage for a table whose text begins with an empty chunk
    pa_csv.write_csv(pa.Table.from_pandas(shown, preserve_index=False).combine_chunks(), buffer)
    return buffer.getvalue()


def _plain(values: pd.Series) -> pd.Series:
    """Give a column one type on every engine; Arrow writes floats in their shortest exact form."""
    if pd.api.types.is_float_dtype(values.dtype):
        return values.astype("float64")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.astype("datetime64[us]")
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("Int64")
    found = values.dropna()
    if len(found) and isinstance(found.iloc[0], (bool, int, np.integer)):
        return values.astype("Int64")
    if len(found) and isinstance(found.iloc[0], datetime):
        return _plain(pd.to_datetime(values))
    return values.astype("str")


def _series(connection: Connection) -> pd.DataFrame:
    names = bulk.fetch(connection, select(series))
    columns = ["district", "site", "parameter", "period"]
    # sorted here by code point, since engines disagree on the order of text
    names = names.sort_values(columns, kind="stable").reset_index(drop=True)
    names["place"] = np.arange(len(names))
    return names


def _months(connection: Connection) -> list[tuple[datetime, datetime]]:
    low, high = connection.execute(
        select(func.min(readings.c.observed_at), func.max(readings.c.observed_at))
    ).one()
    if low is None:
        return []
    starts = pd.date_range(
        pd.Timestamp(low).to_period("M").to_timestamp(), pd.Timestamp(high), freq=f"{_MONTHS_AT_A_TIME}MS"
    )
    ends = starts + pd.DateOffset(months=_MONTHS_AT_A_TIME)
    return [(a.to_pydatetime(), b.to_pydatetime()) for a, b in zip(starts, ends, strict=True)]


def _readings(connection: Connection) -> Iterator[bytes]:
    names = _series(connection)
    place = pd.Series(names["place"].to_numpy(), index=names["id"].to_numpy())
    for start, end in _months(connection):
        said = [readings.c[name] for name in ("series_id", "observed_at", "value", "censor", "provider_flag")]
        query = (
            select(
                *said,
                func.min(readings.c.rank_first).label("first"),
                func.count().filter(readings.c.known_until.is_(None)).label("believed"),
            )
            .where(readings.c.observed_at >= start, readings.c.observed_at < end, readings.c.kind != RENAMED)
            .group_by(*said)
        )
        rows = bulk.fetch(connection, query)
        at = place.loc[rows["series_id"]].to_numpy()
        observed = pd.to_datetime(rows["observed_at"]).to_numpy()
        order = np.lexsort((rows["first"].to_numpy(), observed, at))
        rows = rows.iloc[order]
        known = names.iloc[at[order]].reset_index(drop=True)
        shown: dict[str, Any] = {name: known[name] for name in ("district", "site", "parameter", "period")}
        for name in ("observed_at", "value", "censor", "provider_flag", "believed"):
            shown[name] = rows[name].reset_index(drop=True)
        yield _text(f"readings {start:%Y-%m}", pd.DataFrame(shown), sort=False)


def _flags(connection: Connection) -> Iterator[bytes]:
    query = (
        select(
            series.c.district,
            series.c.site,
            series.c.parameter,
            series.c.period,
            flags.c.observed_at,
            flags.c.test,
            flags.c.verdict,
        )
        .select_from(flags.join(series, flags.c.series_id == series.c.id))
        .where(believed(flags))
    )
    yield _text("flags", bulk.fetch(connection, query))


def _quarantine(connection: Connection) -> pd.DataFrame:
    columns = [
        deliveries.c.district,
        deliveries.c.source,
        deliveries.c.sha256,
        *[
            quarantine.c[name]
            for name in ("sheet", "row", "column", "site", "parameter", "period", "observed_at")
        ],
        *[quarantine.c[name] for name in ("raw", "code", "cells")],
        # that somebody dismissed a cell is history of people, not of data; what was replayed stands elsewhere
        literal("open").label("state"),
    ]
    joined = quarantine.join(deliveries, quarantine.c.delivery_id == deliveries.c.id)
    waits = quarantine.c.state != "replayed"
    return bulk.fetch(connection, select(*columns).select_from(joined).where(waits))
