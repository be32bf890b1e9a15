"""How good the data of a document are: deliveries, quarantine, flags, corrections, and the rules they rest on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, select

from flows.answers.quality import VERDICTS
from flows.answers.records import as_records
from indicators.registry import Registry
from quality.flags import flag_rules
from reports.documents.evidence import Records
from vocabulary.clock import wall_time
from vocabulary.district import District
from vocabulary.plan import Plan
from vocabulary.reasons import reasons
from vocabulary.rounding import round_half_even
from warehouse import bulk
from warehouse.appeal import state_at
from warehouse.flags import recall_flags
from warehouse.schema import (
    deliveries,
    indicator_results,
    quarantine,
    readings,
    runs,
)

_REMARK = re.compile(r"[a-z]{2,} [a-z]{2,}")
#: clauses of one standard that are written out
_CLAUSES = 8
#: states of the year itself: what was judged while it ran changes every night
_TURNS = ["value", "status"]


def turned_told(
    connection: Connection, district: District, plan: Plan, year: int, as_of: datetime
) -> Records:
    """Return what was turned of a year's indicators after they were first judged with the year over.

    Of an indicator's rows in order of knowledge, those whose value or status differs from the one before.
    """
    first_day = datetime(year + 1, 1, 1)
    over = connection.execute(
        select(func.min(runs.c.started_at)).where(runs.c.run_date >= first_day)
    ).scalar_one_or_none()
    if over is None:
        return []
    columns = ("indicator", "name", "value", "status", "known_from", "known_until")
    query = select(*[indicator_results.c[name] for name in columns]).where(
        indicator_results.c.district == district.key,
        indicator_results.c.plan == plan.id,
        indicator_results.c.period == str(year),
        indicator_results.c.known_from <= as_of,
        indicator_results.c.known_from >= over,
    )
    rows = bulk.fetch(connection, query).sort_values(["indicator", "known_from"], ignore_index=True)
    if rows.empty:
        return []
    before = rows.groupby("indicator")[_TURNS].shift()
    first = rows["indicator"] != rows["indicator"].shift()
    same = (before["value"] == rows["value"]) | (before["value"].isna() & rows["value"].isna())
    turned = rows[~first & (~same | (before["status"] != rows["status"]))]
    if turned.empty:
        return []
    earlier = before.loc[turned.index]
    moments = [wall_time(moment).isoformat(timespec="seconds") for moment in turned["known_from"]]
    turned = turned.assign(
        old_value=earlier["value"],
        old_status=earlier["status"],
        new_value=turned["value"],
        new_status=turned["status"],
        known_at=moments,
    )
    names = "indicator name known_at old_value new_value old_status new_status"
    return as_records(turned[names.split()])


def sources_told(connection: Connection, district: District, as_of: datetime) -> Records:
    """Return one record a source: what it delivered by a time, and what became of its cells."""
    mine = and_(deliveries.c.district == district.key, deliveries.c.loaded_at <= as_of)
    query = select(
        deliveries.c.id,
        deliveries.c.source,
        deliveries.c.state,
        deliveries.c.cells_in,
        deliveries.c.blank,
        deliveries.c.observed_from,
        deliveries.c.observed_to,
        deliveries.c.loaded_at,
    ).where(mine)
    told = bulk.fetch(connection, query)
    cells = select(deliveries.c.source, func.sum(quarantine.c.cells).label("cells"))
    waits = (
        cells.select_from(quarantine.join(deliveries, quarantine.c.delivery_id == deliveries.c.id))
        .where(mine, quarantine.c.known_from <= as_of, state_at(as_of) != "replayed")
        .group_by(deliveries.c.source)
    )
    quarantined = bulk.fetch(connection, waits).set_index("source")["cells"]
    again = (
        select(deliveries.c.source, func.count().label("revised"))
        .select_from(readings.join(deliveries, readings.c.delivery_id == deliveries.c.id))
        .where(mine, readings.c.kind == "revised", readings.c.known_from <= as_of)
        .group_by(deliveries.c.source)
    )
    revised = bulk.fetch(connection, again).set_index("source")["revised"]
    titles = {source.key: source.title_zh for source in district.sources}
    # what is configured and never came is told too
    keys = [*titles, *sorted(set(told["source"]) - set(titles))]
    return [_source(key, titles.get(key, key), told, quarantined, revised) for key in keys]


def _source(
    key: str, title: str, told: pd.DataFrame, quarantined: pd.Series, revised: pd.Series
) -> dict[str, Any]:
    mine = told[told["source"] == key]
    cells, blank = int(mine["cells_in"].sum()), int(mine["blank"].sum())
    away = int(quarantined.get(key, 0))
    coverage = ""
    if cells:
        share = round_half_even([(1 - (away + blank) / cells) * 100], 2)
        coverage = f"{float(share[0]):.2f} %"
    return {
        "source": key,
        "title": title,
        "deliveries": len(mine),
        "refused": int((mine["state"] == "refused").sum()),
        "cells_in": cells,
        "blank": blank,
        "quarantined": away,
        "revised": int(revised.get(key, 0)),
        "coverage": coverage,
        "observed_from": _minute(mine["observed_from"].min()),
        "observed_to": _minute(mine["observed_to"].max()),
        "loaded_at": _minute(mine["loaded_at"].max(), utc=True),
    }


def _minute(moment: Any, *, utc: bool = False) -> str:
    if pd.isna(moment):
        return ""
    at = pd.Timestamp(moment).to_pydatetime()
    return f"{wall_time(at) if utc else at:%Y-%m-%d %H:%M}"


def quarantined_told(connection: Connection, district: District, as_of: datetime) -> Records:
    """Count the district's quarantined cells by reason, the most first; what was replayed is left out."""
    query = (
        select(quarantine.c.code, func.sum(quarantine.c.cells).label("cells"))
        .select_from(quarantine.join(deliveries, quarantine.c.delivery_id == deliveries.c.id))
        .where(
            deliveries.c.district == district.key,
            quarantine.c.known_from <= as_of,
            state_at(as_of) != "replayed",
        )
        .group_by(quarantine.c.code)
    )
    rows = bulk.fetch(connection, query)
    known = reasons()
    rows["cells"] = rows["cells"].astype("int64")
    rows["reason_zh"] = rows["code"].map(lambda code: known[code].zh if code in known else code)
    rows = rows.sort_values(["cells", "code"], ascending=[False, True])
    return as_records(rows[["code", "reason_zh", "cells"]])


def flags_told(connection: Connection, district: District, year: int, as_of: datetime) -> Records:
    """Count the readings of a year that flags call suspect or bad, by test."""
    rows = recall_flags(
        connection,
        district=district.key,
        start=datetime(year, 1, 1),
        end=datetime(year + 1, 1, 1),
        as_of=as_of,
    )
    counted = rows.groupby(["test", "verdict"]).size().rename("readings").reset_index()
    words = {item.key: item.zh for item in flag_rules().tests}
    counted["test_zh"] = counted["test"].map(lambda key: words.get(key, key))
    counted["verdict_zh"] = counted["verdict"].map({key: zh for key, (zh, _) in VERDICTS.items()})
    return as_records(counted.sort_values(["test", "verdict"])[["test_zh", "verdict_zh", "readings"]])


def standards_used(registry: Registry, records: list[Any]) -> Records:
    """Return the editions that records name, each with the clauses of its rules."""
    named = "\n".join(sorted({str(row.get("standard") or "") for row in records}))
    used = [head for head in registry.records() if _plain(head["id"]) in _plain(named)]
    found = []
    for head in used:
        rules = registry.describe(head["id"])["rules"]
        # remarks in English stand in the rules as well; here it is clauses that are named
        named_clauses = [str(rule["clause"]) for rule in rules if not _REMARK.search(str(rule["clause"]))]
        clauses = dict.fromkeys(named_clauses)
        found.append(
            {name: head[name] for name in ("id", "title_zh", "valid_from", "valid_to")}
            | {"clauses": _clauses(list(clauses), str(head["id"]))}
        )
    return found


def _clauses(clauses: list[str], standard: str) -> str:
    text = "；".join(clauses[:_CLAUSES])
    more = f"；等 {len(clauses)} 条，全部见 ecoplan standards show {standard}"
    return text + (more if len(clauses) > _CLAUSES else "")


def _plain(label: str) -> str:
    return "".join(label.split()).casefold()
