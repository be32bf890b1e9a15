"""What a backfill turned: verdicts that came to be believed since a moment, beside what was believed before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Table, and_, func, select

from vocabulary.water_class import SIGNS
from warehouse import bulk
from warehouse.schema import aqi_days, indicator_results, outlet_results, section_results


@dataclass(frozen=True)
class _Kind:
    """A derived table: what its rows are told by, and the verdict that may turn."""

    name: str
    table: Table
    key: tuple[str, ...]
    verdict: str
    group: str


_KINDS = (
    _Kind("section", section_results, ("district", "site", "period_kind", "period"), "class", "period_kind"),
    _Kind("day", aqi_days, ("district", "site", "day", "edition"), "level", "edition"),
    _Kind(
        "outlet",
        outlet_results,
        ("district", "site", "parameter", "period_kind", "start"),
        "verdict",
        "period_kind",
    ),
    _Kind("indicator", indicator_results, ("district", "plan", "indicator", "period"), "status", "plan"),
)


def what_turned(connection: Connection, districts: Sequence[str], since: datetime) -> list[dict[str, Any]]:
    """Count verdicts by what they were and what they are now.

    Parameters
    ----------
    connection
        The warehouse.
    districts
        District keys.
    since
        UTC without zone: the beginning of the run.

    Returns
    -------
    list of dict
        district, kind (section, day, outlet, indicator), group (the period kind, edition or plan), old and new
        verdict ('' where there was none, or none is left), count. Rows whose verdict stayed are left out.
    """
    found = [_turned(connection, kind, districts, since) for kind in _KINDS]
    rows = pd.concat([part for part in found if len(part)] or found[:1], ignore_index=True)
    rows = rows.sort_values(["district", "kind", "group", "old", "new"], ignore_index=True)
    return [
        {**record, "count": int(record["count"])}
        for record in rows[["district", "kind", "group", "old", "new", "count"]].to_dict("records")
    ]


def _turned(connection: Connection, kind: _Kind, districts: Sequence[str], since: datetime) -> pd.DataFrame:
    """Return the counts of one derived table."""
    past, fresh = kind.table.alias("past"), kind.table.alias("fresh")
    # what was believed when the run began, and what is believed now
    was = and_(past.c.known_from < since, (past.c.known_until.is_(None)) | (past.c.known_until >= since))
    old = select(*[past.c[name] for name in kind.key], past.c[kind.verdict].label("old")).where(
        was, past.c.known_until.is_not(None), past.c.district.in_(districts)
    )
    new = select(*[fresh.c[name] for name in kind.key], fresh.c[kind.verdict].label("new")).where(
        fresh.c.known_from >= since, fresh.c.known_until.is_(None), fresh.c.district.in_(districts)
    )
    before, after = old.subquery("before"), new.subquery("after")
    same = and_(*[before.c[name] == after.c[name] for name in kind.key])
    either = func.coalesce
    group = either(after.c[kind.group], before.c[kind.group]).label("group")
    district = either(after.c.district, before.c.district).label("district")
    query = (
        select(district, group, before.c.old, after.c.new, func.count().label("count"))
        .select_from(before.outerjoin(after, same, full=True))
        .where(before.c.old.is_distinct_from(after.c.new))
        .group_by(district, group, before.c.old, after.c.new)
    )
    counts = bulk.fetch(connection, query)
    for side in ("old", "new"):
        counts[side] = _words(kind, counts[side])
    return counts.assign(kind=kind.name)


def _words(kind: _Kind, verdicts: pd.Series) -> pd.Series:
    """Write verdicts as people read them: a class by its sign, a level by its number, none as ''."""
    if kind.name == "section":
        verdicts = verdicts.astype("Int64").map(dict(enumerate(SIGNS, start=1)))
    elif kind.name == "day":
        verdicts = verdicts.astype("Int64").astype("string")
    # in the dtype of objects a missing verdict is '' on every engine, also where all of them are missing
    return verdicts.astype("object").where(verdicts.notna(), "").astype("str")
