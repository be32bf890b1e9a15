"""Progress: the plan's indicators recomputed from the derived rows, every night, none left out."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection

from flows.answers import indicators as indicator_records
from flows.answers import years_with_data
from flows.evaluate import registry_of
from flows.run import Run
from indicators.plan import evaluate_plan
from indicators.plan_facts import facts_frame, good_day_ratio, pm2_5_mean, section_facts
from indicators.registry import Registry
from vocabulary.clock import now_utc
from vocabulary.district import District
from vocabulary.plan import Plan
from warehouse.derive import replace_derived
from warehouse.recall import recall_table
from warehouse.schema import air_days, aqi_days, indicator_results, section_results


def record_indicators(connection: Connection, run: Run, district: District) -> None:
    """Judge every plan for every year that has readings, within the caller's transaction.

    A plan without readings in its years is judged for its year at hand, so that every indicator is
    there every night, with what is missing.
    """
    registry = registry_of(district)
    years = set(years_with_data(connection, district.key)) | {run.run_date.year}
    rows: list[pd.DataFrame] = []
    for plan in district.plans:
        covered = sorted(year for year in years if plan.covers(year))
        for year in covered or [min(max(run.run_date.year, plan.first_year), plan.last_year)]:
            facts = plan_facts(connection, district, registry, plan, year, run)
            judged = evaluate_plan(plan, facts, year=year, as_of_day=run.run_date)
            rows.append(judged.assign(district=district.key))
    wanted = pd.concat(rows, ignore_index=True)
    replace_derived(
        connection,
        indicator_results,
        wanted,
        scope=[indicator_results.c.district == district.key],
        key=("district", "plan", "indicator", "period"),
        now=now_utc(),
    )
    run.summary.indicators += indicator_records(connection, district, None)


def plan_facts(
    connection: Connection, district: District, registry: Registry, plan: Plan, year: int, run: Run
) -> pd.DataFrame:
    """Return the statistics that monitoring feeds to a plan's indicators in one year."""
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    days = recall_table(
        connection,
        air_days,
        air_days.c.district == district.key,
        air_days.c.site == "",
        air_days.c.day >= start,
        air_days.c.day < end,
    )
    index = recall_table(
        connection,
        aqi_days,
        aqi_days.c.district == district.key,
        aqi_days.c.site == "",
        aqi_days.c.day >= start,
        aqi_days.c.day < end,
    )
    facts = []
    if len(days):
        days["day"] = days["day"].astype("datetime64[us]")
        facts.append(pm2_5_mean(days, year, as_of_day=run.run_date, registry=registry))
    if len(index):
        index["day"] = index["day"].astype("datetime64[us]")
        index = in_force_on_its_day(index, registry)
        facts.append(good_day_ratio(index, year, as_of_day=run.run_date, registry=registry))
    results = recall_table(
        connection,
        section_results,
        section_results.c.district == district.key,
        section_results.c.period_kind == "year",
        section_results.c.period == str(year),
    )
    facts.append(section_facts(plan, results, district.sites, year))
    return facts_frame(facts)


def in_force_on_its_day(index: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Keep, of days that stand under several editions of the AQI, the edition in force on the day."""
    kept = [
        index[mask & (index["edition"] == standard.label).to_numpy()]
        for standard, mask in registry.spans("aqi", index["day"])
    ]
    return pd.concat(kept, ignore_index=True) if kept else index.iloc[0:0]
