"""What changed: which readings were revised in a span of known-at times, by whom, and what it turned.

The span is half open, `since < known <= until`, so that it is exactly what lies between `--as-of since`
and `--as-of until`; spans that follow each other count nothing twice. Nothing is stored for the report:
it is read from the `known_from` and `known_until` of readings and derived rows (docs/decisions/0004), so
any past night's report can be given again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from flows.answers.records import as_of_utc, as_records
from flows.revised import revised_readings, revising, shown_readings
from flows.run import Run, write_whole
from flows.turned import (
    Span,
    annulled_episodes,
    revising_deliveries,
    turned_days,
    turned_indicators,
    turned_outlets,
    turned_sections,
)
from reports.revisions import has_revisions, revisions_html
from vocabulary.clock import now_utc
from warehouse.schema import deliveries, runs

_DAY_LENGTH = len("2026-01-15")


def revision_report(
    connection: Connection, since: datetime, until: datetime, district: str | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return what was revised with `since < known <= until`, and what it turned.

    Parameters
    ----------
    connection
        To the warehouse; only read.
    since, until
        Known-at times, UTC without zone.
    district
        Only this one.

    Returns
    -------
    dict
        Lists of flat records (docs/reference/records.md, "revisions"): `readings`, `sections`, `days`,
        `outlets`, `indicators`, `episodes`, `deliveries`. `revised_readings` of a turned record is the
        number of revised readings in its period: 0 means that further readings or other rules turned it.
    """
    revised = revised_readings(connection, since, until, district)
    span = Span(since, until, district, revised)
    frames = {
        "readings": shown_readings(revised),
        "sections": turned_sections(connection, span),
        "days": turned_days(connection, span),
        "outlets": turned_outlets(connection, span),
        "indicators": turned_indicators(connection, span),
        "episodes": annulled_episodes(connection, span),
        "deliveries": revising_deliveries(connection, span),
    }
    return {name: as_records(frame) for name, frame in frames.items()}


def span_of(
    connection: Connection, since: str | None = None, until: str | None = None
) -> tuple[datetime, datetime]:
    """Read `--since` and `--until`; without `since` the span begins with the latest run.

    A bare date is its beginning for `since` and its end for `until`, Asia/Shanghai. Returns UTC without zone.

    Raises
    ------
    flows.answers.records.PeriodError
        A text is not an ISO date or time.
    """
    end = as_of_utc(until) or now_utc()
    if since is None:
        latest = connection.execute(select(func.max(runs.c.started_at)).where(runs.c.started_at <= end))
        begin: datetime | None = latest.scalar_one_or_none()
    else:
        begin = as_of_utc(f"{since}T00:00" if len(since) == _DAY_LENGTH else since)
    return begin or end, end


def publish_revisions(run: Run) -> Path | None:
    """Write `report/revisions-<run date>.html` when the runs of this run's date revised any reading.

    Every run of the same date is in the page, so that a second one does not take the first one's place.

    Returns
    -------
    Path or None
        The page; None when nothing was revised, and then nothing is written.
    """
    with run.warehouse.read() as connection:
        day = datetime.combine(run.run_date, datetime.min.time())
        begin = connection.execute(select(func.min(runs.c.started_at)).where(runs.c.run_date == day))
        until = now_utc()
        since: datetime = (begin.scalar_one_or_none() or until) - timedelta(microseconds=1)
        # most nights revise nothing: one question to the ledger, not one to every table
        ledger = select(deliveries.c.id).where(
            *revising(since, until, None), deliveries.c.district.in_(sorted(run.districts))
        )
        if connection.execute(ledger.limit(1)).first() is None:
            return None
        report = revision_report(connection, since, until)
    report = {key: [row for row in rows if row["district"] in run.districts] for key, rows in report.items()}
    if not has_revisions(report):
        return None
    names = {key: district.name_zh for key, district in run.districts.items()}
    for district in run.districts.values():
        sites = district.sites
        names |= dict(zip(sites["key"].astype(str), sites["name"].astype(str), strict=True))
    folder = run.settings.home / "report"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"revisions-{run.run_date.isoformat()}.html"
    text = revisions_html(report, run_date=run.run_date, since=since, until=until, names=names)
    write_whole(page, text.encode())
    return page
