"""Progress: the plan's indicators on record every night, none left out; judged again where a night touches."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from flows.answers.records import indicators as indicator_records
from flows.evaluate import Evaluated, registry_of, scope_of
from flows.feeders import Fed, fed_facts, fed_sites, recall_fed, with_returned
from flows.outlook import outlooks
from flows.run import Run
from indicators.air_editions import in_force_on_its_day
from indicators.plan import evaluate_plan
from indicators.plan_facts import (
    GOOD_DAY_RATIO,
    PM2_5_MEAN,
    fact,
    facts_frame,
    good_day_ratio,
    pm2_5_mean,
    section_facts,
)
from indicators.plan_outlook import with_outlooks
from indicators.plan_targets import with_documents
from indicators.registry import Registry
from vocabulary.clock import now_utc
from vocabulary.district import District
from vocabulary.plan import Feeder, Plan
from warehouse.derive import replace_derived
from warehouse.recall import believed, recall_table
from warehouse.schema import air_days, aqi_days, deliveries, indicator_results, section_results


def record_indicators(connection: Connection, run: Run, district: District, done: Evaluated) -> None:
    """Judge every plan for the years that this run touches, within the caller's transaction.

    On record stands every year that has readings and the run's own; a plan without one of them is
    judged for its year at hand, so that every indicator is there every night, with what is missing.
    Judged are those whose readings changed, those that were not over when they were judged last or
    are not over now, and those that are not on record; all when the rules changed, when something of a
    ledger, return or document did (sums and targets reach beyond their year), or when a target's day came.
    """
    registry = registry_of(district)
    fed = recall_fed(connection, district)
    told = not done.strangers.isdisjoint(fed_sites(connection, district))
    years = years_with_data(connection, district.key)
    stored = _stored_years(connection, district)
    rows = [pd.DataFrame(columns=[column.name for column in indicator_results.columns])]
    scope: list[ColumnElement[bool]] = []
    for written in district.plans:
        plan = with_documents(written, fed.documents)
        on_record = stored.pop(plan.id, set())
        wanted = plan_years(plan, years, run.run_date.year)
        anew = told or _target_came(plan, done)
        judged = {year for year in wanted if anew or _is_due(year, done) or year not in on_record}
        for year in sorted(judged):
            facts = plan_facts(connection, district, registry, plan, year, run, fed)
            found = evaluate_plan(plan, facts, year=year, as_of_day=run.run_date)
            expected = outlooks(connection, district, registry, plan, year, run.run_date)
            statistics = {item.number: item.feeder.statistic for item in plan.indicator}
            found = with_outlooks(found, statistics, expected)
            left_out = _left_out(connection, district, plan, year)
            rows.append(found.assign(district=district.key, left_out=found["indicator"].map(left_out)))
        periods = [str(year) for year in sorted(judged | (on_record - wanted))]
        scope.append(and_(indicator_results.c.plan == plan.id, indicator_results.c.period.in_(periods)))
    # plans that the district has no more
    scope.append(indicator_results.c.plan.in_(sorted(stored)))
    replace_derived(
        connection,
        indicator_results,
        # frames without rows have no types of their own
        pd.concat([part for part in rows if len(part)] or rows, ignore_index=True),
        scope=[indicator_results.c.district == district.key, or_(*scope)],
        key=("district", "plan", "indicator", "period"),
        now=now_utc(),
    )
    run.summary.indicators += indicator_records(connection, district, None)


def plan_years(plan: Plan, with_data: set[int], at_hand: int) -> set[int]:
    """Return the years a plan is judged for: those with readings and the one at hand, or the plan's nearest."""
    covered = {year for year in with_data | {at_hand} if plan.covers(year)}
    return covered or {min(max(at_hand, plan.first_year), plan.last_year)}


def years_with_data(connection: Connection, district: str) -> set[int]:
    """Return the years from a district's first reading to its last, by the ledger.

    The ledger says of each delivery which times its readings have; a reading once taken is never lost.
    """
    low, high = connection.execute(
        select(func.min(deliveries.c.observed_from), func.max(deliveries.c.observed_to)).where(
            deliveries.c.district == district
        )
    ).one()
    return set() if low is None else set(range(low.year, high.year + 1))


def _is_due(year: int, done: Evaluated) -> bool:
    """Whether a year on record may be judged otherwise now than it was."""
    if done.anew or done.before is None or year in done.years:
        return True
    # a year before both dates was over then and is over now
    return year >= min(done.before.run_date.year, done.judged.run_date.year)


def _target_came(plan: Plan, done: Evaluated) -> bool:
    """Whether a target's document is dated between the day judged last and the day judged now."""
    if done.before is None:
        return True
    first, last = sorted((done.before.run_date, done.judged.run_date))
    return any(first < target.dated <= last for item in plan.indicator for target in item.target)


def _stored_years(connection: Connection, district: District) -> dict[str, set[int]]:
    """Return the years on record, by plan."""
    query = (
        select(indicator_results.c.plan, indicator_results.c.period)
        .where(indicator_results.c.district == district.key, believed(indicator_results))
        .distinct()
    )
    years: dict[str, set[int]] = {}
    for plan, period in connection.execute(query):
        years.setdefault(plan, set()).add(int(period))
    return years


def plan_facts(
    connection: Connection,
    district: District,
    registry: Registry,
    plan: Plan,
    year: int,
    run: Run,
    fed: Fed,
) -> pd.DataFrame:
    """Return the statistics that monitoring, ledgers and returns feed to a plan's indicators in one year."""
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    # site '' is the district
    days = recall_table(connection, air_days, *scope_of(air_days, district, start, end, sites=[""]))
    index = recall_table(connection, aqi_days, *scope_of(aqi_days, district, start, end, sites=[""]))
    facts = []
    if (district.sites["kind"] == "station").any():
        why = (f"{year} 年没有环境空气监测数据", f"no air monitoring of {year}")
        silent = [name for name, rows in ((PM2_5_MEAN, days), (GOOD_DAY_RATIO, index)) if rows.empty]
        facts += [fact(name, year, valid=False, told=[why]) for name in silent]
    if len(days):
        days["day"] = days["day"].astype("datetime64[us]")
        facts.append(pm2_5_mean(days, year, as_of_day=run.run_date, registry=registry))
    if len(index):
        index["day"] = index["day"].astype("datetime64[us]")
        index = in_force_on_its_day(index, registry)
        facts.append(good_day_ratio(index, year, as_of_day=run.run_date, registry=registry))
    results = recall_table(
        connection, section_results, *scope_of(section_results, district, start, end, kinds=["year"])
    )
    facts.append(section_facts(plan, results, district.sites, year))
    facts.append(fed_facts(fed, plan, district, registry, year, run.run_date))
    return with_returned(facts_frame(facts), fed, plan, year)


def _left_out(connection: Connection, district: District, plan: Plan, year: int) -> dict[int, int]:
    """Return by indicator how many readings of the year flags left out of what it rests on; 0 for one not monitored."""
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    days = recall_table(connection, air_days, *scope_of(air_days, district, start, end, sites=[""]))
    # the highest hour of ozone counts the same hours once more
    by_parameter = days[days["parameter"] != "o3_1h_max"].groupby("parameter")["left_out"].sum()
    of_sections = recall_table(
        connection, section_results, *scope_of(section_results, district, start, end, kinds=["year"])
    )
    levels = district.sites[district.sites["kind"] == "section"].set_index("key")["level"]
    of_level = of_sections.groupby(of_sections["site"].map(levels))["left_out"].sum()
    return {
        indicator.number: _sum_left_out(indicator.feeder, by_parameter, of_level)
        for indicator in plan.indicator
    }


def _sum_left_out(feeder: Feeder, by_parameter: pd.Series, of_level: pd.Series) -> int:
    if feeder.levels:
        return int(of_level.reindex(list(feeder.levels)).sum())
    if feeder.statistic == GOOD_DAY_RATIO:
        return int(by_parameter.sum())
    return int(by_parameter.get("pm2_5", 0)) if feeder.statistic == PM2_5_MEAN else 0
