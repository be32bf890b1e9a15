"""What documents are made of: answers of the read commands and counts of the ledger, as of one time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, select

from flows.answers import as_records, indicators, known_at
from flows.answers_air import air
from flows.answers_quality import VERDICTS
from flows.evaluate import registry_of
from indicators.air_editions import in_force_on_its_day
from indicators.plan_feeders import said
from indicators.registry import Registry
from quality.flags import flag_rules
from reports.documents.evidence import Evidence, Form, Records
from reports.documents.model import DocumentError
from vocabulary.clock import wall_time
from vocabulary.district import District
from vocabulary.plan import Plan, Secondary
from vocabulary.reasons import reasons
from vocabulary.rounding import round_half_even
from warehouse import bulk
from warehouse.appeal import state_at
from warehouse.flags import recall_flags
from warehouse.recall import recall_readings, recall_table
from warehouse.schema import (
    aqi_days,
    deliveries,
    indicator_results,
    quarantine,
    quarantine_steps,
    readings,
    runs,
    section_results,
    series,
)

_MONTHS = range(1, 13)
_GOOD_LEVEL = 2
_LEDGER = r"^reduction_(?P<pollutant>.+)_(?P<kind>claimed|recognised|offset)$"
_ALL_TIMES = (datetime(1990, 1, 1), datetime(2100, 1, 1))
#: clauses of one standard that are written out
_CLAUSES = 8
#: states of the year itself: what was judged while it ran changes every night
_TURNS = ["value", "status"]


def latest_change(connection: Connection) -> datetime | None:
    """Return the first whole second after the warehouse's last change, UTC; None for an empty one.

    The time of knowledge of a document for which none is stated: the same warehouse gives the same document.
    """
    columns = (
        runs.c.started_at,
        runs.c.ended_at,
        deliveries.c.loaded_at,
        quarantine_steps.c.at,
        indicator_results.c.known_from,
    )
    moments = [connection.execute(select(func.max(column))).scalar_one_or_none() for column in columns]
    known = [moment for moment in moments if moment is not None]
    return max(known).replace(microsecond=0) + timedelta(seconds=1) if known else None


def judged_on(connection: Connection, as_of: datetime) -> date:
    """Return the date of the latest run known at a time.

    Raises
    ------
    DocumentError
        When there was none yet.
    """
    query = select(func.max(runs.c.run_date)).where(runs.c.started_at <= as_of)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise DocumentError(
            f"截至 {known_at(as_of)} 还没有运行过，没有可写的结果 / nothing had run by {known_at(as_of)}"
        )
    day: date = found.date()
    return day


def evaluation_facts(
    connection: Connection, district: District, form: Form, plan: Plan, year: int, as_of: datetime
) -> Evidence:
    """Gather an evaluation of one plan and year as known at a time (UTC without zone).

    Raises
    ------
    DocumentError
        When no indicator of that year is on record.
    """
    registry = registry_of(district)
    years = range(plan.first_year, year + 1)
    told = {
        one: [row for row in indicators(connection, district, one, as_of=as_of) if row["plan"] == plan.id]
        for one in years
    }
    if not told[year]:
        raise DocumentError(
            f"{district.name_zh} 截至 {known_at(as_of)} 没有 {year} 年的指标记录 / no indicators of {year} were on "
            f"record for {district.key} at {known_at(as_of)}"
        )
    airs = {one: air(connection, district, str(one), as_of=as_of) for one in years}
    months = [f"{year}-{month:02d}" for month in _MONTHS]
    # a month without data answers nothing, and need not be asked where the year has none
    air_months = {name: air(connection, district, name, as_of=as_of) for name in months if airs[year]}
    levels, primary = _air_days(connection, district, registry, years, as_of)
    sections = _sections(connection, district, years, as_of)
    day = judged_on(connection, as_of)
    return Evidence(
        form=form,
        district=district,
        plan=plan,
        year=year,
        as_of=known_at(as_of),
        judged_on=day,
        indicators={one: rows for one, rows in told.items() if rows},
        sections=sections,
        air={one: rows for one, rows in airs.items() if rows},
        air_months={name: rows for name, rows in air_months.items() if rows},
        air_levels=levels,
        air_primary=primary,
        ledger=_ledger(connection, district, years, as_of),
        moved=[],
        further=_further(plan, airs[year]),
        turned=_turned(connection, district, plan, year, as_of),
        sources=_sources(connection, district, as_of),
        quarantined=_quarantined(connection, district, as_of),
        flags=_flags(connection, district, year, as_of),
        standards=standards_used(
            registry,
            [*told[year], *sections, *airs[year], *[row for rows in air_months.values() for row in rows]],
        ),
    )


# --- what was monitored ---------------------------------------------------------------------------


def _air_days(
    connection: Connection, district: District, registry: Registry, years: range, as_of: datetime
) -> tuple[Records, Records]:
    """Count the district's days by month and level, and by primary pollutant, under the edition of each day."""
    rows = recall_table(
        connection,
        aqi_days,
        aqi_days.c.district == district.key,
        aqi_days.c.site == "",
        aqi_days.c.day >= datetime(years[0], 1, 1),
        aqi_days.c.day < datetime(years[-1] + 1, 1, 1),
        as_of=as_of,
    )
    if rows.empty:
        return [], []
    rows["day"] = rows["day"].astype("datetime64[us]")
    rows = in_force_on_its_day(rows, registry)
    rows = rows.assign(
        year=rows["day"].dt.year,
        month=rows["day"].dt.month,
        level=rows["level"].astype("Int64").where(rows["valid"].astype(bool)),
    )
    counted = rows.groupby(["year", "month", "level"], dropna=False).size().rename("days").reset_index()
    named = rows[rows["level"].notna() & (rows["primary"] != "")]
    named = named.assign(parameter=named["primary"].str.split(",")).explode("parameter")
    named = named.assign(good=(named["level"] <= _GOOD_LEVEL).astype("int64"))
    named = named.assign(bad=1 - named["good"])
    of = named.groupby(["year", "parameter"])[["good", "bad"]].sum().reset_index()
    of = of.sort_values(["year", "bad", "good", "parameter"], ascending=[True, False, False, True])
    return as_records(counted.sort_values(["year", "month", "level"])), as_records(of)


def _sections(connection: Connection, district: District, years: range, as_of: datetime) -> Records:
    """Return the stored evaluations of years and months, and every registered section of each year."""
    rows = recall_table(
        connection,
        section_results,
        section_results.c.district == district.key,
        section_results.c.period_kind.in_(["year", "month"]),
        section_results.c.start >= datetime(years[0], 1, 1),
        section_results.c.start < datetime(years[-1] + 1, 1, 1),
        as_of=as_of,
    )
    rows = rows.rename(columns={"period_kind": "kind"})
    registered = _registered(district)
    every = registered.merge(
        pd.DataFrame({"period": [str(year) for year in years], "kind": "year"}), how="cross"
    ).rename(columns={"target": "registered_target"})
    yearly = every.merge(rows[rows["kind"] == "year"], on=["site", "period", "kind"], how="left")
    monthly = rows[rows["kind"] == "month"].merge(registered, on="site", how="inner")
    found = pd.concat([yearly.astype(object), monthly.astype(object)], ignore_index=True)
    # a section without readings of the period shows its target all the same
    target = found["target_class"].where(found["target_class"].notna(), found["registered_target"])
    found = found.assign(target_class=target, valid=found["valid"].eq(True))
    for name in ("worst", "multiples", "reason", "standard"):
        found[name] = found[name].where(found[name].notna(), "")
    keys = (
        "kind period site name river level class target_class attained worst multiples items_used n_samples"
    )
    found = found.sort_values(["kind", "period", "site"], ascending=[False, True, True])
    return as_records(found[[*keys.split(), "valid", "reason", "standard", "left_out"]])


def _registered(district: District) -> pd.DataFrame:
    sites = district.sites[district.sites["kind"] == "section"].drop_duplicates("key", keep="last")
    names = {"key": "site", "target_class": "target"}
    return sites[["key", "name", "river", "level", "target_class"]].rename(columns=names)


# --- what was told --------------------------------------------------------------------------------


def _ledger(connection: Connection, district: District, years: range, as_of: datetime) -> Records:
    """Return one record a project, pollutant and year of the ledger of reductions."""
    query = select(series.c.site, series.c.parameter).where(
        series.c.district == district.key, series.c.parameter.like("reduction_%")
    )
    known = bulk.fetch(connection, query)
    if known.empty:
        return []
    rows = recall_readings(
        connection,
        district=district.key,
        start=datetime(years[0], 1, 1),
        end=datetime(years[-1] + 1, 1, 1),
        sites=sorted(known["site"].unique()),
        parameters=sorted(known["parameter"].unique()),
        periods=["1y"],
        as_of=as_of,
    )
    if rows.empty:
        return []
    named = rows["parameter"].str.extract(_LEDGER)
    flag = rows["provider_flag"].map({text: said(text, "状态") for text in rows["provider_flag"].unique()})
    table = pd.DataFrame(
        {
            "project": rows["site"],
            "pollutant": named["pollutant"],
            "kind": named["kind"],
            "year": rows["observed_at"].dt.year,
            "value": rows["value"],
            "state": flag,
        }
    )
    keys = ["pollutant", "year", "project"]
    states = table.groupby(keys)["state"].first()
    wide = table.pivot_table(index=keys, columns="kind", values="value", aggfunc="sum")
    wide = wide.reindex(columns=["claimed", "recognised", "offset"]).join(states).reset_index()
    return as_records(wide.sort_values(keys))


def _further(plan: Plan, air_records: list[dict[str, Any]]) -> Records:
    """Return the plan's secondary targets with what is known of them."""
    return [_secondary(item, air_records) for item in plan.secondary]


def _secondary(item: Secondary, air_records: list[dict[str, Any]]) -> dict[str, Any]:
    signs = {"<=": "≤", ">=": "≥", None: ""}
    target = f"{signs[item.comparison]} {item.value:.10g}" if item.value is not None else item.text
    why = {
        "monitored": "尚未接入该项监测数据",
        "statistics": "统计报表没有该项数据",
        "qualitative": "定性要求，须由责任部门提供结论",
    }[item.kind]
    value, status = None, "no-data"
    ozone = [row for row in air_records if (row["parameter"], row["statistic"]) == ("o3_mda8", "p90")]
    if item.key == "o3" and ozone:
        value = ozone[0]["rounded"]
        reached = "达到" if ozone[0]["attained"] else "超过"
        why = f"第90百分位数{reached}二级限值 {ozone[0]['limit']:.10g}；是否“稳定达标”须结合多年判断"
        status = "qualitative"
    return {
        "name": item.name_zh,
        "target": f"{item.year} 年 {target}",
        "unit": item.unit,
        "value": value,
        "status": status,
        "reason_zh": why,
        "reference": item.reference,
    }


# --- how good it is -------------------------------------------------------------------------------


def _turned(connection: Connection, district: District, plan: Plan, year: int, as_of: datetime) -> Records:
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


def _sources(connection: Connection, district: District, as_of: datetime) -> Records:
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


def _quarantined(connection: Connection, district: District, as_of: datetime) -> Records:
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


def _flags(connection: Connection, district: District, year: int, as_of: datetime) -> Records:
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
        clauses = dict.fromkeys(str(rule["clause"]) for rule in registry.describe(head["id"])["rules"])
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
