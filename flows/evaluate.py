"""Evaluate: recompute what changed readings touch, under the standard of their day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Table, delete, select

from flows.rulebook import Judged, judgement, last_judged, mark_judged
from flows.run import Run
from flows.used_readings import day_counts, divide, section_readings, section_samples, with_left_out
from indicators.air_aqi import daily_aqi
from indicators.air_days import district_days, station_days
from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.registry import Registry, load_standards
from indicators.water_dry import DRY, dry_sections
from indicators.water_evaluation import evaluate_sections
from vocabulary.clock import now_utc
from vocabulary.district import District
from warehouse import bulk
from warehouse.derive import replace_derived
from warehouse.recall import recall_readings
from warehouse.schema import (
    air_days,
    aqi_days,
    outlet_results,
    section_results,
    stale_days,
)

AIR = ("pm2_5", "pm10", "so2", "no2", "co", "o3")
#: station-months recomputed at a time; bounds memory on a backfill
SITE_MONTHS = 1200


@dataclass(frozen=True)
class Span:
    """Neighbouring months of one year and kind of registered site, with the sites that changed in them."""

    kind: str
    months: tuple[pd.Period, ...]
    sites: tuple[str, ...]

    @property
    def start(self) -> datetime:
        """First moment of the span."""
        return datetime(self.months[0].year, self.months[0].month, 1)

    @property
    def end(self) -> datetime:
        """First moment after the span."""
        last = self.months[-1]
        return datetime(last.year + last.month // 12, last.month % 12 + 1, 1)


@dataclass
class Evaluated:
    """What was recomputed: changed rows by table, sections with the first moment of it, and years.

    Sections and years count as touched whether or not a row changed: a sampling may also have vanished.
    They are told by the marks of the load (`stale_days`), which a killed run leaves in place. `before` is
    what the rows on record were judged by until now, `judged` what they are judged by from now on.
    """

    judged: Judged
    before: Judged | None

    counts: dict[str, int] = field(default_factory=dict)
    sections: dict[str, datetime] = field(default_factory=dict)
    #: stations, sections and outlets, as `sections`
    sites: dict[str, datetime] = field(default_factory=dict)
    years: set[int] = field(default_factory=set)
    #: what changed and no station, section or outlet is: projects, the district's own figures, wells, water bodies
    strangers: frozenset[str] = frozenset()

    @property
    def anew(self) -> bool:
        """Whether everything is to be judged again: never judged, or judged by other rules."""
        return self.before is None or self.before.rules != self.judged.rules

    def add(self, name: str, rows: pd.DataFrame) -> None:
        """Count changed rows of one table."""
        self.counts[name] = self.counts.get(name, 0) + len(rows)

    def touch(self, span: Span) -> None:
        """Note that a span was recomputed."""
        self.years.add(span.start.year)
        for site in span.sites:
            self.sites[site] = min(span.start, self.sites.get(site, span.start))
        if span.kind == "section":
            for site in span.sites:
                self.sections[site] = min(span.start, self.sections.get(site, span.start))


@dataclass(frozen=True)
class _Work:
    """What every step of one evaluation works on."""

    connection: Connection
    district: District
    registry: Registry
    done: Evaluated
    now: datetime

    def keep(
        self,
        table: Table,
        rows: pd.DataFrame,
        days: tuple[datetime, datetime],
        *,
        sites: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
    ) -> None:
        """Let rows stand in the place of a derived table's rows of those days, and count what changed."""
        rows = rows.assign(district=self.district.key)
        scope = scope_of(table, self.district, *days, sites=sites, kinds=kinds)
        changed = replace_derived(
            self.connection, table, rows, scope=scope, key=_KEYS[table.name], now=self.now
        )
        self.done.add(table.name, changed)


SECTION_KEY = ("district", "site", "period_kind", "period")
#: by what a row of each derived table is told
_KEYS = {
    section_results.name: SECTION_KEY,
    air_days.name: ("district", "site", "day", "parameter"),
    aqi_days.name: ("district", "site", "day", "edition"),
    outlet_results.name: ("district", "site", "parameter", "period_kind", "start"),
}


def registry_of(district: District) -> Registry:
    """Return the standards with the district's own overrules."""
    return load_standards(district.standards_file)


def sections_frame(district: District) -> pd.DataFrame:
    """Return the registered sections as the rules take them: site, waterbody, target_class."""
    sites = district.sites
    sections = sites[sites["kind"] == "section"]
    return sections.rename(columns={"key": "site"})[["site", "waterbody", "target_class"]]


def evaluate_district(connection: Connection, run: Run, district: District) -> Evaluated:
    """Recompute every month a changed reading touches, within the caller's transaction.

    The marks that say what is touched and by which rules it was judged last are settled here: episodes
    and indicators must be recorded in the same transaction.
    """
    bulk.lock_district(connection, district.key)
    judged = judgement(district, run.run_date)
    done = Evaluated(judged, last_judged(connection, district.key))
    done.strangers = _strangers(connection, district)
    work = _Work(connection, district, registry_of(district), done, now_utc())
    years: dict[int, set[str]] = {}
    for span in stale_spans(connection, district):
        if span.kind == "station":
            _air(work, span)
        elif span.kind == "section":
            _water(work, span)
            years.setdefault(span.start.year, set()).update(span.sites)
        elif span.kind == "outlet":
            _outlets(work, span)
        done.touch(span)
        months = f"{span.months[0]}..{span.months[-1]}"
        run.say(
            f"{district.name_zh} {_KIND[span.kind]} {months} 已重算",
            f"{district.name_en} {span.kind}s {months} computed again",
        )
    for year, sites in sorted(years.items()):
        _water_year(work, year, sorted(sites))
    connection.execute(delete(stale_days).where(stale_days.c.district == district.key))
    if done.before != judged:
        mark_judged(connection, district.key, judged)
    return done


_KIND = {"station": "空气站", "section": "断面", "outlet": "排口", "point": "点"}


def _strangers(connection: Connection, district: District) -> frozenset[str]:
    """Return the names under which something changed that are no station, section or outlet."""
    judged = district.sites.loc[district.sites["kind"] != "point", "key"].tolist()
    query = select(stale_days.c.site).where(
        stale_days.c.district == district.key, stale_days.c.site.not_in(judged)
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def stale_spans(connection: Connection, district: District) -> list[Span]:
    """Return the months to recompute, neighbours together; sites in no registry are not judged."""
    query = (
        select(stale_days.c.site, stale_days.c.day).where(stale_days.c.district == district.key).distinct()
    )
    stale = bulk.fetch(connection, query)
    stale = stale.merge(district.sites[["key", "kind"]], left_on="site", right_on="key")
    if stale.empty:
        return []
    stale["month"] = pd.to_datetime(stale["day"]).dt.to_period("M")
    spans: list[Span] = []
    for (kind, month), found in stale.groupby(["kind", "month"])["site"].unique().items():
        sites = tuple(sorted(found))
        last = spans[-1] if spans else None
        if last is not None and _joins(last, str(kind), month, sites):
            spans[-1] = Span(last.kind, (*last.months, month), tuple(sorted({*last.sites, *sites})))
        else:
            spans.append(Span(str(kind), (month,), sites))
    return spans


def _joins(span: Span, kind: str, month: pd.Period, sites: tuple[str, ...]) -> bool:
    neighbour = span.kind == kind and span.months[-1] + 1 == month and span.start.year == month.year
    return neighbour and len({*span.sites, *sites}) * (len(span.months) + 1) <= SITE_MONTHS


def scope_of(
    table: Table,
    district: District,
    start: datetime,
    end: datetime,
    *,
    sites: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> list[ColumnElement[bool]]:
    """Return the conditions for a derived table's rows of `start <= day (or start) < end`."""
    time = table.c.day if "day" in table.c else table.c.start
    scope = [table.c.district == district.key, time >= start, time < end]
    if sites is not None:
        scope.append(table.c.site.in_(sites))
    if kinds is not None:
        scope.append(table.c.period_kind.in_(kinds))
    return scope


def section_dry(
    connection: Connection,
    district: District,
    sites: list[str],
    start: datetime,
    end: datetime,
    *,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the months in which sections had no water to sample, with the word that says so."""
    of = partial(
        recall_readings, connection, district=district.key, start=start, end=end, sites=sites, as_of=as_of
    )
    # hardly a month is dry: the other readings are only needed where one is
    found = of(parameters=[DRY])
    return dry_sections(found if found.empty else of())


def _water(work: _Work, span: Span) -> None:
    connection, district, registry = work.connection, work.district, work.registry
    sites = list(span.sites)
    sections = sections_frame(district)
    sections = sections[sections["site"].isin(sites)]
    days = (span.start, span.end)
    samples = section_samples(connection, district, sections, *days, registry=registry)
    samples = samples.assign(
        period_kind="sample",
        period=samples["observed_at"].dt.strftime("%Y-%m-%dT%H:%M"),
        start=samples["observed_at"],
        n_samples=1,
        valid=samples["class"].notna(),
        reason="",
        mode="real-time",
    )
    used = section_readings(connection, district, sites, *days, use="evaluation")
    dry = section_dry(connection, district, sites, *days)
    monthly = [
        evaluate_sections(used.kept, sections, str(month), registry=registry, dry=dry)
        for month in span.months
    ]
    left_out = used.count_left(["site", "month"]).rename_axis(["site", "period"])
    months = [_section_rows(district, _periodic(results, "month", left_out)) for results in monthly]
    rows = pd.concat([_section_rows(district, samples), *months], ignore_index=True)
    work.keep(section_results, rows, days, sites=sites, kinds=["sample", "month"])


def _periodic(results: pd.DataFrame, kind: str, left_out: pd.Series) -> pd.DataFrame:
    return with_left_out(results, left_out).assign(period_kind=kind, mode="evaluation")


def _section_rows(district: District, results: pd.DataFrame) -> pd.DataFrame:
    columns = [
        column.name for column in section_results.columns if column.name not in {"known_from", "known_until"}
    ]
    return results.assign(district=district.key)[columns]


def _water_year(work: _Work, year: int, sites: list[str]) -> None:
    connection, district, registry = work.connection, work.district, work.registry
    sections = sections_frame(district)
    sections = sections[sections["site"].isin(sites)]
    start, end = datetime(year, 1, 1), datetime(year + 1, 1, 1)
    used = section_readings(connection, district, sites, start, end, use="evaluation")
    dry = section_dry(connection, district, sites, start, end)
    results = evaluate_sections(used.kept, sections, str(year), registry=registry, dry=dry)
    rows = _section_rows(district, _periodic(results, "year", used.count_left(["site"])))
    work.keep(section_results, rows, (start, end), sites=sites, kinds=["year"])


def _air(work: _Work, span: Span) -> None:
    connection, district, registry = work.connection, work.district, work.registry
    stations = district.sites[district.sites["kind"] == "station"].rename(columns={"key": "site"})
    hours = recall_readings(
        connection,
        district=district.key,
        start=span.start,
        end=span.end,
        sites=list(stations["site"]),
        parameters=AIR,
        periods=["1h"],
    )
    used = divide(connection, district, hours, "evaluation")
    by_station = station_days(used.kept, registry=registry)
    by_district = district_days(by_station, stations, registry=registry)
    days = pd.concat([by_station, by_district], ignore_index=True)
    work.keep(air_days, with_left_out(days, day_counts(used)), (span.start, span.end))
    index = daily_aqi(days, registry=registry)
    editions = side_by_side(registry, span.start.year)
    if editions:
        index = pd.concat(
            [daily_aqi(days, registry=registry, edition=edition) for edition in editions], ignore_index=True
        )
    work.keep(aqi_days, index, (span.start, span.end))


def side_by_side(registry: Registry, year: int) -> list[str]:
    """Return the editions of the AQI that stand side by side in a year; none where there is but one.

    From the year on in which an edition came into force days are kept under it and under those before
    it, so that a year can be compared across the change (docs/architecture.md).
    """
    editions = [standard.id for standard in registry.of_topic("aqi") if standard.valid_from.year <= year]
    return editions if len(editions) > 1 else []


def _outlets(work: _Work, span: Span) -> None:
    connection, district, registry = work.connection, work.district, work.registry
    sites = list(span.sites)
    hours = recall_readings(
        connection, district=district.key, start=span.start, end=span.end, sites=sites, periods=["1h"]
    )
    # the provider's marks are judged with the hours, by the standard of the medium
    hours = divide(connection, district, hours, "emissions", marks=False).kept
    by_hour = judge_outlet_hours(hours, district.permit_limits, registry=registry)
    by_hour = by_hour.assign(period_kind="hour", start=by_hour["observed_at"])
    by_day = judge_outlet_days(hours, district.permit_limits, registry=registry)
    by_day = by_day.assign(period_kind="day", start=by_day["day"])
    judged = pd.concat([by_hour, by_day], ignore_index=True)
    # what is plainly within its limit is not kept: it can be recomputed and would only fill the table
    rows = judged[~judged["verdict"].isin(["ok", "no-limit"])]
    work.keep(outlet_results, rows, (span.start, span.end), sites=sites)
