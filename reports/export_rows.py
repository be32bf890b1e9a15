"""The rows of an export, read from the warehouse as it was known at a time, sorted, as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select

from reports.export_fields import ARROW, ExportTable
from vocabulary.clock import SHANGHAI
from vocabulary.parameters import parameters
from vocabulary.reasons import reasons
from warehouse import bulk
from warehouse.recall import believed
from warehouse.schema import (
    air_days,
    aqi_days,
    deliveries,
    indicator_results,
    outlet_results,
    quarantine,
    readings,
    section_results,
    series,
)

#: a month with more readings than this is read day by day, so that memory stays bounded
MONTH_ROWS = 500_000

_SERIES = ("district", "site", "parameter", "period")
_DELIVERY = ("source", "delivery", "sha256")

#: derived table -> (table, the column that places a row in time, what orders its rows)
_DERIVED: dict[str, tuple[Table, str, tuple[str, ...]]] = {
    "section_results": (section_results, "start", ("district", "site", "start", "period_kind", "period")),
    "air_days": (air_days, "day", ("district", "site", "day", "parameter")),
    "aqi_days": (aqi_days, "day", ("district", "site", "day", "edition")),
    "outlet_results": (
        outlet_results,
        "start",
        ("district", "site", "parameter", "start", "period_kind"),
    ),
    "indicator_results": (indicator_results, "period", ("district", "plan", "period", "indicator")),
}


@dataclass(frozen=True)
class Choice:
    """What to export: districts, `start <= time < end` (Asia/Shanghai, None: open), as known at `as_of` (UTC)."""

    districts: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None
    as_of: datetime | None = None

    def within(self, column: Any) -> list[ColumnElement[bool]]:
        """Return the conditions that place a time column in the range."""
        found: list[ColumnElement[bool]] = []
        if self.start is not None:
            found.append(column >= self.start)
        if self.end is not None:
            found.append(column < self.end)
        return found


def rows_of(connection: Connection, table: ExportTable, choice: Choice) -> Iterator[pa.Table]:
    """Yield the rows of one table in their order, in one piece or several, with the table's schema."""
    if table.name == "readings":
        yield from _readings(connection, table, choice)
    elif table.name == "quarantine":
        yield as_arrow(_quarantine(connection, choice), table)
    else:
        yield as_arrow(_derived(connection, table.name, choice), table)


def as_arrow(frame: pd.DataFrame, table: ExportTable) -> pa.Table:
    """Give a frame the schema of an exported table; missing stays missing."""
    columns = [_column(frame[field.name], field.type) for field in table.fields]
    return pa.Table.from_arrays(columns, schema=table.schema)


_PANDAS = {"string": "str", "integer": "Int64", "number": "float64", "boolean": "boolean"}


def _column(values: pd.Series, kind: str) -> pa.Array:
    if kind in _PANDAS:
        typed = values.astype(_PANDAS[kind])
        return _whole(pa.array(typed, from_pandas=True)).cast(ARROW[kind])
    if kind == "wall":
        return _whole(pa.array(values.astype("datetime64[us]"), from_pandas=True)).cast(ARROW[kind])
    moments = values.astype("datetime64[us]").dt.tz_localize("UTC")
    return _whole(pa.array(moments, from_pandas=True)).cast(ARROW[kind])


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _readings(connection: Connection, table: ExportTable, choice: Choice) -> Iterator[pa.Table]:
    names = bulk.fetch(connection, select(series).where(series.c.district.in_(choice.districts)))
    # sorted here by code point, since engines disagree on the order of text
    names = names.sort_values(list(_SERIES), kind="stable").reset_index(drop=True)
    names["unit"] = _units(names["parameter"])
    files = bulk.fetch(
        connection,
        select(
            deliveries.c.id, deliveries.c.source, deliveries.c.name.label("delivery"), deliveries.c.sha256
        ).where(deliveries.c.district.in_(choice.districts)),
    )
    place = pd.Series(names.index, index=names["id"])
    file_place = pd.Series(files.index, index=files["id"])
    empty = True
    for start, end in _spans(connection, choice):
        rows = bulk.fetch(connection, _reading_query(choice, start, end))
        if rows.empty:
            continue
        empty = False
        rows["observed_at"] = rows["observed_at"].astype("datetime64[us]")
        at = place.loc[rows["series_id"]].to_numpy()
        rows = rows.iloc[np.lexsort((at, rows["observed_at"].to_numpy()))].reset_index(drop=True)
        at = place.loc[rows["series_id"]].to_numpy()
        told = files.iloc[file_place.loc[rows["delivery_id"]].to_numpy()].reset_index(drop=True)
        known = names.iloc[at].reset_index(drop=True)
        rows = rows.assign(
            **{name: known[name] for name in (*_SERIES, "unit")},
            **{name: told[name] for name in _DELIVERY},
            observed_utc=utc_of(rows["observed_at"]),
        )
        yield as_arrow(rows, table)
    if empty:
        yield table.schema.empty_table()


def utc_of(wall: pd.Series) -> pd.Series:
    """Return the UTC instants, without zone, of Asia/Shanghai wall times."""
    # summer time was kept until 1991: an hour told twice is taken as its first
    first = np.ones(len(wall), dtype=bool)
    aware = wall.dt.tz_localize(SHANGHAI, ambiguous=first, nonexistent="shift_forward")
    return aware.dt.tz_convert("UTC").dt.tz_localize(None)


def _units(keys: pd.Series) -> pd.Series:
    known = {key: item.unit for key, item in parameters().items()}
    return keys.map(known).fillna("").astype("str")


def _reading_query(choice: Choice, start: datetime, end: datetime) -> Select[Any]:
    columns = (
        "series_id observed_at value raw censor detection_limit provider_flag channel delivery_id sheet row column "
        "known_from"
    )
    return (
        select(*[readings.c[name] for name in columns.split()])
        .select_from(readings.join(series, series.c.id == readings.c.series_id))
        .where(
            series.c.district.in_(choice.districts),
            readings.c.observed_at >= start,
            readings.c.observed_at < end,
            believed(readings, choice.as_of),
        )
    )


def _spans(connection: Connection, choice: Choice) -> Iterator[tuple[datetime, datetime]]:
    """Yield the months with readings in the range, and the days of those that hold very many."""
    low, high = connection.execute(
        select(func.min(readings.c.observed_at), func.max(readings.c.observed_at)).where(
            *choice.within(readings.c.observed_at)
        )
    ).one()
    if low is None:
        return
    first, last = pd.Timestamp(low), pd.Timestamp(high)
    for month in pd.period_range(first, last, freq="M"):
        start, end = month.start_time, (month + 1).start_time
        count = select(func.count()).where(
            readings.c.observed_at >= start, readings.c.observed_at < end, believed(readings, choice.as_of)
        )
        if connection.execute(count).scalar_one() <= MONTH_ROWS:
            edges = pd.DatetimeIndex([start, end])
        else:
            edges = pd.date_range(start, end, freq="D")
        for a, b in pairwise(edges):
            begin = max(a, pd.Timestamp(choice.start)) if choice.start is not None else a
            until = min(b, pd.Timestamp(choice.end)) if choice.end is not None else b
            if begin < until:
                yield begin.to_pydatetime(), until.to_pydatetime()


def _quarantine(connection: Connection, choice: Choice) -> pd.DataFrame:
    columns = "id site parameter period observed_at raw sheet row column code cells state note known_from known_until"
    when = choice.within(quarantine.c.observed_at)
    query = (
        select(
            *[quarantine.c[name] for name in columns.split()],
            deliveries.c.district,
            deliveries.c.source,
            deliveries.c.name.label("delivery"),
            deliveries.c.sha256,
        )
        .select_from(quarantine.join(deliveries, deliveries.c.id == quarantine.c.delivery_id))
        .where(deliveries.c.district.in_(choice.districts))
    )
    if choice.as_of is not None:
        query = query.where(quarantine.c.known_from <= choice.as_of)
    for condition in when:
        # a cell whose time could not be read is in every range: nothing may be lost
        query = query.where(or_(quarantine.c.observed_at.is_(None), condition))
    rows = bulk.fetch(connection, query)
    if choice.as_of is not None:
        # a cell that was dealt with later was still open then
        later = rows["known_until"].astype("datetime64[us]") > pd.Timestamp(choice.as_of)
        rows["state"] = rows["state"].astype("str").mask(later, "open")
    known = reasons()
    for language in ("zh", "en"):
        texts = {code: getattr(reason, language) for code, reason in known.items()}
        rows[f"reason_{language}"] = rows["code"].map(texts).fillna(rows["code"])
    order = ["district", "source", "delivery", "sha256", "sheet", "row", "column", "id"]
    return rows.sort_values(order, kind="stable")


def _derived(connection: Connection, name: str, choice: Choice) -> pd.DataFrame:
    table, time, order = _DERIVED[name]
    query = select(table).where(table.c.district.in_(choice.districts), believed(table, choice.as_of))
    if name != "indicator_results":
        query = query.where(*choice.within(table.c[time]))
    rows = bulk.fetch(connection, query)
    if name == "indicator_results" and len(rows):
        rows = rows[_years_within(rows["period"], choice)]
    if name in {"air_days", "outlet_results"}:
        rows["unit"] = _units(rows["parameter"].str.replace(_STATISTIC, "", regex=True))
    return rows.sort_values(list(order), kind="stable")


#: what a daily statistic's key adds to the key of its parameter
_STATISTIC = "_(mda8|1h_max)$"


def _years_within(periods: pd.Series, choice: Choice) -> pd.Series:
    """Tell which years share a moment with the range."""
    years = periods.astype("int64")
    chosen = pd.Series(data=True, index=periods.index)
    if choice.start is not None:
        chosen &= years >= choice.start.year
    if choice.end is not None:
        chosen &= years <= (pd.Timestamp(choice.end) - pd.Timedelta(microseconds=1)).year
    return chosen


def sorted_episodes(records: list[Mapping[str, Any]], table: ExportTable) -> pa.Table:
    """Return episodes as an Arrow table, in the order district, subject, since, rule."""
    frame = pd.DataFrame(records, columns=[field.name for field in table.fields])
    return as_arrow(frame.sort_values(["district", "subject", "since", "rule"], kind="stable"), table)
