"""Publish: what the run made for people to look at, by an atomic rename."""

from __future__ import annotations

from flows.answers_quarantine import quarantine_weeks
from flows.quality_pages import publish_quality
from flows.revisions import publish_revisions
from flows.run import Run, write_whole
from reports.overview import overview_html


def publish(run: Run) -> None:
    """Write the overview page, the page of revisions if there are any, and note where everything lies."""
    folder = run.settings.home / "report"
    folder.mkdir(parents=True, exist_ok=True)
    names = {key: district.name_zh for key, district in run.districts.items()}
    page = folder / "index.html"
    with run.warehouse.read() as connection:
        weeks = quarantine_weeks(connection, list(run.districts))
    write_whole(page, overview_html(run.summary.as_dict(), names, weeks).encode())
    home = run.settings.home
    if (revisions := publish_revisions(run)) is not None:
        run.summary.places["修订 revisions"] = str(revisions)
    quality = publish_quality(run)
    run.summary.places |= {
        "报告 report": str(page),
        "消息 messages": str(home / "messages"),
        "原始文件 landing": str(run.landing),
        "质控结果 quality": str(quality),
        "仓库 warehouse": run.warehouse.url.render_as_string(hide_password=True),
    }
