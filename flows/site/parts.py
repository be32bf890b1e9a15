"""Parts of the site as plain data, kept beside it: a part is gathered again only where what it rests on changed.

Whether it changed is told by counts and known-at times of the rows it rests on, and by the rules and files
of its district (`flows.rulebook`); no clock has a say, so a night that finds nothing gathers nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, func, select

from flows.rulebook import judgement
from flows.run import write_whole
from vocabulary.district import District
from warehouse import bulk
from warehouse.schema import deliveries, flags, readings, series

#: years that the site shows by day: the running one and the one before
YEARS_BY_DAY = 2
#: kinds of sites that have pages of their own
KINDS = ("section", "station", "outlet")


@dataclass(frozen=True)
class Span:
    """The days the site shows: from the first of January of the year before to the day after the last."""

    start: datetime
    end: datetime

    @property
    def days(self) -> list[str]:
        """Every day, as ISO text."""
        return [f"{day:%Y-%m-%d}" for day in pd.date_range(self.start, self.end, inclusive="left")]

    @property
    def months(self) -> list[str]:
        """Every month, as `2026-03`."""
        return [f"{month:%Y-%m}" for month in pd.period_range(self.start, self.last, freq="M")]

    @property
    def years(self) -> list[int]:
        """Every year."""
        return list(range(self.start.year, self.last.year + 1))

    @property
    def last(self) -> datetime:
        """The last day."""
        return self.end - timedelta(days=1)


class Parts:
    """Kept parts in a folder; `gathered` counts those that had to be gathered in this build."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.gathered: list[str] = []

    def take(self, name: str, key: Any, gather: Callable[[], Any]) -> tuple[Any, str]:
        """Return a part's data and the hash of it; it is gathered where none of the same key is kept.

        Parameters
        ----------
        name
            Of the part, as a file may be called.
        key
            Plain data: what the part rests on.
        """
        wanted = json.dumps(key, ensure_ascii=False, default=str)
        place = self._folder / f"{name}.json"
        kept = _kept(place)
        if kept is None or kept.get("key") != wanted:
            data = json.loads(json.dumps(gather(), ensure_ascii=False, default=str, allow_nan=False))
            kept = {"key": wanted, "hash": digest(data), "data": data}
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(place, json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode())
            self.gathered.append(name)
        return kept["data"], str(kept["hash"])


def digest(data: Any) -> str:
    """Return the hash of plain data."""
    text = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def spans_of(connection: Connection, district: District, run_date: date) -> dict[str, Span]:
    """Return the days the site shows of each kind of site (`section`, `station`, `outlet`), and of all of them (`""`).

    Each ends with the last reading of a registered site of its kind, at most with the run's date: where the air
    stopped years ago and the water went on, the last known of both is shown. A kind without readings has the
    days of all; a district without any those up to the run's date.
    """
    query = (
        select(series.c.site, func.max(readings.c.observed_at).label("last"))
        .select_from(readings.join(series, readings.c.series_id == series.c.id))
        .where(
            series.c.district == district.key,
            readings.c.observed_at < datetime.combine(run_date + timedelta(days=1), datetime.min.time()),
        )
        .group_by(series.c.site)
    )
    found = dict(connection.execute(query).tuples().all())
    rows = district.sites.drop_duplicates("key", keep="last")
    last = rows["key"].map(found)
    latest = last.groupby(rows["kind"]).max().dropna()
    whole = latest.max().date() if len(latest) else run_date
    days = {kind: latest[kind].date() if kind in latest.index else whole for kind in KINDS}
    return {kind: _span(day) for kind, day in {**days, "": whole}.items()}


def _span(last: date) -> Span:
    start = datetime(last.year - YEARS_BY_DAY + 1, 1, 1)
    return Span(start, datetime.combine(last, datetime.min.time()) + timedelta(days=1))


def rules_of(district: District, run_date: date) -> str:
    """Return the hash of the rules and files by which a district is judged."""
    return judgement(district, run_date).rules


def rows_known(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> list[str]:
    """Return count and latest known-at times of some rows: another answer where any of them changed."""
    query = select(func.count(), func.max(table.c.known_from), func.max(table.c.known_until))
    return [str(value) for value in connection.execute(query.where(*conditions)).one()]


def readings_known(
    connection: Connection, district: District, sites: Sequence[str], start: datetime, end: datetime
) -> list[str]:
    """Return what is known of the readings of some sites and of their flags in `start <= observed_at < end`."""
    mine = select(series.c.id).where(series.c.district == district.key, series.c.site.in_(list(sites)))
    return [
        entry
        for table in (readings, flags)
        for entry in rows_known(
            connection,
            table,
            table.c.series_id.in_(mine),
            table.c.observed_at >= start,
            table.c.observed_at < end,
        )
    ]


def deliveries_known(connection: Connection, district: District) -> list[str]:
    """Return what is known of a district's deliveries: how many, and when the last one was loaded."""
    query = select(func.count(), func.max(deliveries.c.loaded_at)).where(
        deliveries.c.district == district.key
    )
    return [str(value) for value in connection.execute(query).one()]


def fetched(connection: Connection, query: Any) -> pd.DataFrame:
    """Return the rows of a query as a frame."""
    return bulk.fetch(connection, query)


def _kept(place: Path) -> dict[str, Any] | None:
    """Return a kept part; None where there is none, or none that can be read: it is gathered again."""
    try:
        found = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"key", "hash", "data"} <= set(found) else None
