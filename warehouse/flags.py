"""Quality flags on record: verdicts of our own on believed readings, kept as-of like derived rows.

Storage is compact. A row stands for one reading and one test that found it suspect (3) or bad (4). No row means that
the test found it good or did not evaluate it, provided the site is registered: every believed reading of a
registered site is flagged in the transaction that evaluates it (`flows/flagging.py`). Which of the two it was follows
from the thresholds and the readings, and `ecoplan quality flags --all` computes it again. A reading that is revised, or whose
neighbours are, is judged again; a verdict that no longer holds ends (`known_until`) and is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select

from warehouse import bulk
from warehouse.derive import replace_derived
from warehouse.recall import believed
from warehouse.schema import flags, readings, series

_SERIES = ("site", "parameter", "period")
_KEY = ("series_id", "observed_at", "test")


def replace_flags(
    connection: Connection,
    district: str,
    sites: Sequence[str],
    rows: pd.DataFrame,
    *,
    start: datetime,
    end: datetime,
    now: datetime,
) -> pd.DataFrame:
    """Make `rows` the believed flags of some sites in `start <= observed_at < end`; equal ones stay.

    Parameters
    ----------
    rows
        Columns site, parameter, period, observed_at, test, verdict: readings of series that are on record, unique.
    now
        Known-at time of the change, UTC without zone.

    Returns
    -------
    pandas.DataFrame
        site, observed_at, test and verdict of every flag that began or ended.
    """
    known = series_of(connection, district, sites).rename(columns={"id": "series_id"})
    scope = [
        flags.c.series_id.in_(known["series_id"].tolist()),
        flags.c.observed_at >= start,
        flags.c.observed_at < end,
    ]
    names = [*_KEY, "verdict"]
    wanted = rows.merge(known, on=list(_SERIES))[[*names, "site"]]
    query = select(*[flags.c[name] for name in names]).where(believed(flags), *scope)
    stored = bulk.fetch(connection, query).merge(known[["series_id", "site"]], on="series_id")
    both = pd.concat([_typed(wanted), _typed(stored[[*names, "site"]])], ignore_index=True)
    # what stands on one side only began or ended; a verdict that changed does both
    changed = both[~both.duplicated(names, keep=False)]
    if len(changed):
        replace_derived(connection, flags, wanted[names], scope=scope, key=_KEY, now=now)
    return changed[["site", "observed_at", "test", "verdict"]].reset_index(drop=True)


def recall_flags(
    connection: Connection,
    *,
    district: str,
    start: datetime,
    end: datetime,
    sites: Sequence[str] | None = None,
    least: Mapping[str, int] | None = None,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the flags on readings with `start <= observed_at < end` as believed at `as_of`.

    Parameters
    ----------
    least
        Test -> the least verdict wanted; None: every flag.

    Returns
    -------
    pandas.DataFrame
        site, parameter, period, observed_at, test, verdict, known_from.
    """
    columns = [*[series.c[name] for name in _SERIES], flags.c.observed_at, flags.c.test, flags.c.verdict]
    query = (
        select(*columns, flags.c.known_from)
        .select_from(flags.join(series, flags.c.series_id == series.c.id))
        .where(
            series.c.district == district,
            flags.c.observed_at >= start,
            flags.c.observed_at < end,
            believed(flags, as_of),
        )
    )
    if sites is not None:
        query = query.where(series.c.site.in_(list(sites)))
    if least is not None:
        query = query.where(at_least(least))
    frame = _typed(bulk.fetch(connection, query))
    return frame.astype({**dict.fromkeys(_SERIES, "str"), "known_from": "datetime64[us]"})


def turned_flags(connection: Connection, district: str, since: datetime) -> pd.DataFrame:
    """Return the flags that began or ended after `since` (UTC), each beside what it was.

    Returns
    -------
    pandas.DataFrame
        site, parameter, period, observed_at, test, old_verdict, new_verdict (Int64; NA: no flag).
    """
    columns = [*[series.c[name] for name in _SERIES], flags.c.observed_at, flags.c.test, flags.c.verdict]
    query = (
        select(*columns)
        .select_from(flags.join(series, flags.c.series_id == series.c.id))
        .where(series.c.district == district)
    )
    old = query.where(flags.c.known_from <= since, flags.c.known_until > since)
    new = query.where(flags.c.known_from > since, believed(flags))
    sides = {
        name: _typed(bulk.fetch(connection, side)).rename(columns={"verdict": f"{name}_verdict"})
        for name, side in (("old", old), ("new", new))
    }
    keys = [*_SERIES, "observed_at", "test"]
    if all(side.empty for side in sides.values()):
        return sides["old"].assign(new_verdict=pd.Series([], dtype="Int64"))
    turned = sides["old"].merge(sides["new"], on=keys, how="outer")
    return turned.astype({"old_verdict": "Int64", "new_verdict": "Int64"})


def at_least(least: Mapping[str, int]) -> ColumnElement[bool]:
    """Return the condition for flags whose verdict is at least the one of their test; none for no tests."""
    return or_(False, *[and_(flags.c.test == test, flags.c.verdict >= int(v)) for test, v in least.items()])


def not_flagged(least: Mapping[str, int], as_of: datetime | None = None) -> ColumnElement[bool]:
    """Return the condition for rows of `readings` that have no such flag."""
    mine = (flags.c.series_id == readings.c.series_id, flags.c.observed_at == readings.c.observed_at)
    return not_(select(flags.c.test).where(*mine, believed(flags, as_of), at_least(least)).exists())


def series_of(connection: Connection, district: str, sites: Sequence[str]) -> pd.DataFrame:
    """Return id, site, parameter and period of the series of some sites."""
    query = select(series.c.id, *[series.c[name] for name in _SERIES]).where(
        series.c.district == district, series.c.site.in_(list(sites))
    )
    return bulk.fetch(connection, query).astype({"id": "int64", **dict.fromkeys(_SERIES, "str")})


def span_of_readings(
    connection: Connection, district: str, sites: Sequence[str]
) -> tuple[datetime, datetime] | None:
    """Return the times of the first and the last believed reading of some sites; None without any."""
    low, high = connection.execute(
        select(func.min(readings.c.observed_at), func.max(readings.c.observed_at)).where(
            readings.c.series_id.in_(series_of(connection, district, sites)["id"].tolist()),
            readings.c.known_until.is_(None),
        )
    ).one()
    return None if low is None else (low, high)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = {"site": "str", "observed_at": "datetime64[us]", "test": "str", "verdict": "int64"}
    return frame.astype(kinds | ({"series_id": "int64"} if "series_id" in frame else {}))
