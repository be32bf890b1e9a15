"""What the quarterly bulletins are made of: sections against their targets, and the register of black-odorous waters."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, select

from flows.answers.records import PeriodError, as_records, bounds, known_at
from flows.documents.facts import judged_on
from flows.documents.quality import standards_used
from flows.evaluate import registry_of, section_dry, sections_frame
from flows.used_readings import Used, section_readings, with_left_out
from indicators.county_shares import share
from indicators.plan_points import STATE
from indicators.registry import Registry
from indicators.water_black_odorous import grade_points
from indicators.water_evaluation import evaluate_sections, section_means
from indicators.water_target import target_exceedances, target_texts
from reports.documents.bulletins import BulletinFacts
from reports.documents.evidence import Records
from reports.documents.model import DocumentError
from vocabulary.district import District
from warehouse import bulk
from warehouse.recall import recall_readings, recall_table
from warehouse.schema import section_results, series

_FIRST_DAY = datetime(1990, 1, 1)
_BLACK_TOPIC = "black-odorous"


def latest_quarter(connection: Connection, as_of: datetime) -> str:
    """Return the last quarter that was over on the day of the latest run known at a time: `2026-Q1`."""
    before = pd.Period(judged_on(connection, as_of), freq="Q") - 1
    return f"{before.year}-Q{before.quarter}"


def quarter_of(text: str) -> pd.Period:
    """Read a quarter: `2026-Q1`.

    Raises
    ------
    PeriodError
        The text is none.
    """
    start, end = bounds(text)
    if "-Q" not in text or ".." in text:
        raise PeriodError(
            f"季度应写作 2026-Q1，实为 {text!r} / expected a quarter such as 2026-Q1, found {text!r}"
        )
    return pd.Period(start + (end - start) / 2, freq="Q")


def section_facts(connection: Connection, district: District, quarter: str, as_of: datetime) -> BulletinFacts:
    """Gather the bulletin on sections: class and target of each, what is beyond the target, earlier quarters.

    Raises
    ------
    DocumentError
        When the district has no section.
    PeriodError
        When `quarter` is none.
    """
    period = quarter_of(quarter)
    registry = registry_of(district)
    frame = sections_frame(district)
    if frame.empty:
        raise DocumentError(
            f"{district.name_zh} 没有登记地表水断面 / {district.key} has no registered section"
        )
    now = _quarter(connection, district, frame, registry, period, as_of)
    earlier = {
        name: _classes(connection, district, frame, registry, other, as_of)
        for name, other in (("previous", period - 1), ("last_year", period - 4))
    }
    names = district.sites[["key", "name", "river", "level"]].rename(columns={"key": "site"})
    rows = frame[["site", "target_class"]].merge(names, on="site").merge(now, on="site", how="left")
    rows = rows.assign(**{name: rows["site"].map(classes) for name, classes in earlier.items()})
    for name in ("worst", "multiples", "beyond", "reason", "standard"):
        rows[name] = rows[name].where(rows[name].notna(), "")
    rows["valid"] = rows["valid"].eq(True)
    records = as_records(rows.sort_values("site"))
    return BulletinFacts(
        district=district,
        quarter=quarter,
        as_of=known_at(as_of),
        judged_on=judged_on(connection, as_of),
        rows=records,
        details=_months(connection, district, period, as_of),
        standards=standards_used(registry, records),
        share=None,
    )


def _span(period: pd.Period) -> tuple[datetime, datetime]:
    return period.start_time.to_pydatetime(), (period + 1).start_time.to_pydatetime()


def _inputs(
    connection: Connection, district: District, frame: pd.DataFrame, period: pd.Period, as_of: datetime
) -> tuple[Used, pd.DataFrame, str]:
    """Return what a quarter is evaluated from: the readings, the months without water, and its name."""
    start, end = _span(period)
    sites = list(frame["site"])
    used = section_readings(connection, district, sites, start, end, use="evaluation", as_of=as_of)
    dry = section_dry(connection, district, sites, start, end, as_of=as_of)
    return used, dry, f"{period.year}-Q{period.quarter}"


def _quarter(
    connection: Connection,
    district: District,
    frame: pd.DataFrame,
    registry: Registry,
    period: pd.Period,
    as_of: datetime,
) -> pd.DataFrame:
    used, dry, name = _inputs(connection, district, frame, period, as_of)
    end = _span(period)[1]
    found = evaluate_sections(used.kept, frame, name, registry=registry, dry=dry)
    means = section_means(used.kept, frame, name, registry=registry, dry=dry)
    beyond = target_exceedances(means, frame, registry=registry, day=(end - timedelta(days=1)).date())
    found = with_left_out(found, used.count_left(["site"]))
    found["beyond"] = found["site"].map(target_texts(beyond))
    keys = "site class attained worst multiples beyond items_used n_samples months valid reason standard left_out"
    return found[keys.split()]


def _classes(
    connection: Connection,
    district: District,
    frame: pd.DataFrame,
    registry: Registry,
    period: pd.Period,
    as_of: datetime,
) -> dict[str, int]:
    used, dry, name = _inputs(connection, district, frame, period, as_of)
    found = evaluate_sections(used.kept, frame, name, registry=registry, dry=dry)
    classed = found[found["class"].notna()]
    return {str(site): int(number) for site, number in zip(classed["site"], classed["class"], strict=True)}


def _months(connection: Connection, district: District, period: pd.Period, as_of: datetime) -> Records:
    start, end = _span(period)
    rows = recall_table(
        connection,
        section_results,
        section_results.c.district == district.key,
        section_results.c.period_kind == "month",
        section_results.c.start >= start,
        section_results.c.start < end,
        as_of=as_of,
    )
    keys = ["site", "period", "class", "worst", "multiples", "attained", "reason"]
    return as_records(rows.sort_values(["site", "period"])[keys])


# --- black-odorous waters -------------------------------------------------------------------------


def black_odorous_facts(
    connection: Connection, district: District, quarter: str, as_of: datetime
) -> BulletinFacts:
    """Gather the register of black-odorous waters at the end of a quarter: state, change, since when.

    Every registered body and every body of the register is in it; one without a state of the quarter says so.

    Raises
    ------
    PeriodError
        When `quarter` is none.
    """
    period = quarter_of(quarter)
    start, end = _span(period)
    bodies = district.sites[
        (district.sites["kind"] == "point") & (district.sites["medium"] == "surface_water")
    ].drop_duplicates("key", keep="last")
    told = _told(connection, district, end, as_of)
    states = told[told["parameter"] == STATE].sort_values(["site", "observed_at"])
    inside = states[states["observed_at"] >= start]
    before = states[states["observed_at"] < start]
    rows = pd.DataFrame({"site": sorted({*bodies["key"], *states["site"]})})
    named = bodies.set_index("key")
    rows["name"] = rows["site"].map(named["name"]).fillna(rows["site"])
    rows["registered"] = rows["site"].isin(named.index)
    rows["urban"] = rows["site"].map(named["evaluation"])
    black = states[states["value"] > 0]
    for name, known in (
        ("state", _last(inside)),
        ("previous", _last(before)),
        ("first", black.groupby("site")["observed_at"].min()),
        ("stated_on", inside.groupby("site")["observed_at"].max()),
        # a body that was eliminated once and is black-odorous again has returned
        ("eliminated", before[before["value"] == 0].groupby("site")["observed_at"].max()),
    ):
        rows[name] = known.reindex(rows["site"]).to_numpy()
    for name in ("first", "stated_on", "eliminated"):
        rows[name] = pd.to_datetime(rows[name]).dt.strftime("%Y-%m-%d").where(rows[name].notna(), "")
    registry = registry_of(district)
    counted = rows[rows["urban"].eq(True) & rows["state"].notna()]
    measured = _measured(told, rows, registry, start)
    return BulletinFacts(
        district=district,
        quarter=quarter,
        as_of=known_at(as_of),
        judged_on=judged_on(connection, as_of),
        rows=as_records(rows),
        details=measured,
        standards=standards_used(
            registry, [{"standard": registry.in_force(_BLACK_TOPIC, (end - timedelta(days=1)).date()).label}]
        ),
        share=share(int((counted["state"] > 0).sum()), len(counted)) if len(counted) else None,
    )


def _told(connection: Connection, district: District, end: datetime, as_of: datetime) -> pd.DataFrame:
    """Return what the register and its samplings say of water bodies until a day."""
    query = (
        select(series.c.site).where(series.c.district == district.key, series.c.parameter == STATE).distinct()
    )
    listed = set(bulk.fetch(connection, query)["site"])
    points = district.sites[
        (district.sites["kind"] == "point") & (district.sites["medium"] == "surface_water")
    ]
    sites = sorted(listed | set(points["key"]))
    # without a site nothing is searched
    return recall_readings(
        connection,
        district=district.key,
        start=_FIRST_DAY if sites else end,
        end=end,
        sites=sites,
        as_of=as_of,
    )


def _last(states: pd.DataFrame) -> pd.Series:
    return states.drop_duplicates("site", keep="last").set_index("site")["value"]


def _measured(told: pd.DataFrame, rows: pd.DataFrame, registry: Registry, start: datetime) -> Records:
    """Grade what was measured in the quarter at the bodies, apart from the state of the register."""
    own = told[(told["parameter"] != STATE) & (told["observed_at"] >= start)]
    if own.empty:
        return []
    standard = registry.in_force(_BLACK_TOPIC, own["observed_at"].max().date())
    urban = set(rows.loc[rows["urban"].eq(True), "site"])
    found = []
    for setting, mine in (("urban", own["site"].isin(urban)), ("rural", ~own["site"].isin(urban))):
        graded = grade_points(own[mine].reset_index(drop=True), standard, setting=setting)
        found += as_records(graded[["site", "grade", "zh", "items"]])
    return sorted(found, key=lambda record: str(record["site"]))
