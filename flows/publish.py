"""Publish: what the run made for people to look at, by an atomic rename."""

from __future__ import annotations

from dataclasses import replace

from flows.explain.pages import publish_explanations
from flows.quality_pages import publish_quality
from flows.revisions import publish_revisions
from flows.run import Run, chosen_districts
from flows.site.build import Built, build_site
from flows.workbook import publish_workbooks
from quality.data_docs import build_data_docs
from vocabulary.clock import now_utc


def publish(run: Run, *, site: bool | None = None) -> None:
    """Write the pages of judged quality and of revisions and the workbooks, then the site around them; note where everything lies.

    Without `site` (by default the setting of that name) workbooks, explanations and the site are left to `ecoplan report`.
    """
    with run.warehouse.kept_open():
        _publish(run, site=run.settings.site if site is None else site)


def _publish(run: Run, *, site: bool) -> None:
    home = run.settings.home
    if (revisions := publish_revisions(run)) is not None:
        run.summary.places["修订 revisions"] = str(revisions)
    quality = publish_quality(run)
    if site:
        publish_workbooks(run)
        publish_explanations(run)
        run.summary.places |= {
            "报告 report": str(publish_site(run).index),
            "工作簿 workbooks": str(home / "report" / "workbook"),
        }
    if run.settings.data_docs:
        docs = build_data_docs(run.settings.home / "data_docs", now=now_utc(), days=run.settings.quality_days)
        if docs is not None:
            run.summary.places["Data Docs"] = str(docs)
    run.summary.places |= {
        "消息 messages": str(home / "messages"),
        "原始文件 landing": str(run.landing),
        "质控结果 quality": str(quality),
        "仓库 warehouse": run.warehouse.url.render_as_string(hide_password=True),
    }


def publish_site(run: Run) -> Built:
    """Build the site under `report/`: of every district, also where the run was of one; what did not change stays."""
    districts = chosen_districts(run.settings, None)
    summary = replace(run.summary)
    if not summary.ended_at:
        # publishing is the run's last step: what its pages say is how it ends, if this step does not fail
        summary.settle()
    with run.warehouse.read() as connection:
        return build_site(connection, run.settings.home, districts, summary.as_dict(), run.run_date)
