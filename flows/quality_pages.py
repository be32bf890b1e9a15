"""Publish what was judged: prune old outcomes, make the pages that are missing, write the index."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import case, func, select

from flows.run import Run, write_whole
from quality.flags import Verdict, flag_rules
from quality.kept import Batch, KeptError, kept_batches, months, prune, read_outcome
from reports.quality_pages import batch_html, index_html, look
from vocabulary.clock import now_utc, wall_time
from warehouse.recall import believed
from warehouse.schema import flags, series

#: keeps the look that the pages were made with
_LOOK = ".look"


def publish_quality(run: Run) -> Path:
    """Write the pages of judged quality under `report/quality/`; only batches without a page are opened.

    An outcome that cannot be read is told as a finding, and the pages stay as they were.
    """
    outcomes = run.settings.home / "quality"
    pages = run.settings.home / "report" / "quality"
    pages.mkdir(parents=True, exist_ok=True)
    names = {key: district.name_zh for key, district in run.districts.items()}
    try:
        for batch in prune(outcomes, now=wall_time(now_utc()), days=run.settings.quality_days):
            _page(pages, batch).unlink(missing_ok=True)
        kept = kept_batches(outcomes)
        _write_batches(pages, outcomes, kept, names)
        rows = [asdict(month) for month in months(outcomes, kept)]
    except KeptError as error:
        run.summary.findings.append(f"质控结果无法读取 {error} / a kept outcome cannot be read")
        return pages / "index.html"
    links = [
        asdict(batch)
        | {
            "judged_at": f"{batch.judged_at:%Y-%m-%d %H:%M}",
            "href": quote(_page(pages, batch).relative_to(pages).as_posix()),
        }
        for batch in kept
    ]
    html = index_html(
        rows, links, names=names, days=run.settings.quality_days, flags=_flags_by_parameter(run)
    )
    write_whole(pages / "index.html", html.encode())
    return pages / "index.html"


def _flags_by_parameter(run: Run) -> list[dict[str, Any]]:
    """Return how many readings each test over time holds suspect or bad, by district, test and parameter."""
    if not run.warehouse.exists():
        return []
    key = [series.c.district, flags.c.test, series.c.parameter]
    count = [
        func.sum(case((flags.c.verdict == verdict, 1), else_=0)).label(name)
        for name, verdict in (("suspect", Verdict.SUSPECT), ("bad", Verdict.BAD))
    ]
    query = (
        select(*key, *count)
        .select_from(flags.join(series, flags.c.series_id == series.c.id))
        .where(series.c.district.in_(run.districts), believed(flags))
        .group_by(*key)
        .order_by(*key)
    )
    words = {test.key: test.zh for test in flag_rules().tests}
    with run.warehouse.read() as connection:
        found = connection.execute(query).mappings().all()
    return [
        {**row, "suspect": int(row["suspect"]), "bad": int(row["bad"]), "zh": words.get(row["test"], "")}
        for row in found
    ]


def _page(pages: Path, batch: Batch) -> Path:
    return pages / batch.district / batch.source / f"{batch.name}.html"


def _write_batches(pages: Path, outcomes: Path, kept: list[Batch], names: dict[str, str]) -> None:
    """Make the pages that are missing or older than their outcome; all of them where the look has changed."""
    marker = pages / _LOOK
    same = marker.exists() and marker.read_text("utf-8") == look()
    for batch in kept:
        page = _page(pages, batch)
        if same and page.exists() and page.stat().st_mtime_ns >= batch.stamp:
            continue
        page.parent.mkdir(parents=True, exist_ok=True)
        html = batch_html(
            read_outcome(batch.place(outcomes)),
            district=names.get(batch.district, batch.district),
            name=batch.name,
            judged_at=f"{batch.judged_at:%Y-%m-%d %H:%M}",
        )
        write_whole(page, html.encode())
    if not same:
        write_whole(marker, look().encode())
