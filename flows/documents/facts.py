"""What documents are made of: answers of the read commands and counts of the ledger, as of one time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, func, select

from flows.answers.air import air
from flows.answers.progress import what_moved
from flows.answers.records import as_records, indicators, known_at
from flows.answers.secondary import secondary
from flows.documents.quality import (
    flags_told,
    quarantined_told,
    sources_told,
    standards_used,
    turned_told,
)
from flows.evaluate import registry_of
from indicators.air_editions import in_force_on_its_day
from indicators.plan_feeders import said
from indicators.registry import Registry
from reports.documents.evidence import Evidence, Form, Records
from reports.documents.model import DocumentError
from vocabulary.district import District
from vocabulary.plan import Plan
from warehouse import bulk
from warehouse.recall import recall_readings, recall_table
from warehouse.schema import (
    aqi_days,
    deliveries,
    indicator_results,
    quarantine_steps,
    runs,
    section_results,
    series,
)

_MONTHS = range(1, 13)
_GOOD_LEVEL = 2
_LEDGER = r"^reduction_(?P<pollutant>.+)_(?P<kind>claimed|recognised|offset)$"


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
        moved=[
            row
            for item in plan.indicator
            for row in what_moved(connection, district, item.number, year, as_of)
        ],
        further=secondary(connection, district, year, as_of),
        turned=turned_told(connection, district, plan, year, as_of),
        sources=sources_told(connection, district, as_of),
        quarantined=quarantined_told(connection, district, as_of),
        flags=flags_told(connection, district, year, as_of),
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
