"""Pages of what was judged: readable offline, escaped, made once, linked from the report."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.quality_pages import publish_quality
from flows.run import open_run
from quality.judge import DeliveryFacts, judge
from quality.results import results_document, write_results
from reports.quality_pages import batch_html, index_html
from tests.flows.slices import empty_slice

EVIL = '<script>alert("x")</script>.csv'


@pytest.fixture(scope="module")
def judged(make):
    rows = [{"delivery": 0}, {"delivery": 0, "value": -1.0}, {"delivery": 0}]
    rows += [{"delivery": 1, "value": -1.0}] * 24
    facts = {0: DeliveryFacts(cells_in=9, blank=2, rejected={"not-a-number": 4})}
    return judge(make(rows), source="air-quotsoft", deliveries=[EVIL, "lying.csv"], facts=facts)


def test_the_page_of_a_batch_says_all_and_asks_for_nothing(judged):
    html = batch_html(
        results_document(judged), district="茌平区", name="2025-03", judged_at="2026-04-01 02:30"
    )
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert "负值（negative）1" in html
    assert "单元格不是已知的数值写法（not-a-number）4" in html
    assert "不合格行过多，整份拒收" in html
    assert "同一点位、因子、时间重复出现" in html
    assert "HJ 355-2019" in html, "what an expectation rests on"
    assert html.index("交付") < html.index("Deliveries")


def test_an_outcome_of_before_the_facts_is_still_shown(judged):
    old = results_document(judged)
    for delivery in old["deliveries"]:
        for key in ("cells_in", "blank", "rejected", "remarks"):
            del delivery[key]
    assert "负值（negative）1" in batch_html(old, district="茌平区", name="2025-03", judged_at="")


def test_the_index_groups_by_source_and_puts_the_newest_month_first():
    month = {"district": "chiping", "source": "air-quotsoft", "codes": {"negative": 2, "sentinel": 5}}
    month |= {"counts": {"rows": 26}, "remarks": {"made-up": 1}, "batches": ["a", "b"]}
    html = index_html(
        [month | {"month": "2026-04"}, month | {"month": "2026-03"}],
        [],
        names={"chiping": "茌平区"},
        days=60,
    )
    assert html.index("2026-04") < html.index("2026-03")
    assert "茌平区 · air-quotsoft" in html
    assert html.index("（sentinel）5") < html.index("（negative）2")
    assert "made-up" in html, "a code that is no longer known is shown as it is"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert "尚无结果" in index_html([], [], names={}, days=60)


@pytest.fixture
def run(tmp_path):
    return open_run(empty_slice(tmp_path).settings(quality_days=5), "nightly")


def test_pages_are_made_once_and_go_with_their_outcome(run, judged, monkeypatch):
    home = run.settings.home
    place = home / "quality" / "chiping" / "air-quotsoft"
    write_results(judged, place / "2025-03-10-aa.json")
    index = publish_quality(run)
    pages = home / "report" / "quality"
    page = pages / "chiping" / "air-quotsoft" / "2025-03-10-aa.html"
    assert index == pages / "index.html"
    assert 'href="chiping/air-quotsoft/2025-03-10-aa.html"' in index.read_text("utf-8")
    made = page.stat().st_mtime_ns
    write_results(judged, place / "2025-03-11-bb.json")
    publish_quality(run)
    assert page.stat().st_mtime_ns == made, "a page that is there is not made again"
    assert (page.parent / "2025-03-11-bb.html").exists()
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=6)
    monkeypatch.setattr("flows.quality_pages.now_utc", lambda: later)
    publish_quality(run)
    assert [path.name for path in page.parent.iterdir()] == []
    text = index.read_text("utf-8")
    assert "（negative）2" in text, "the month remains"
    assert "2025-03-10-aa" not in text


def test_another_look_makes_every_page_anew(run, judged, monkeypatch):
    home = run.settings.home
    write_results(judged, home / "quality" / "chiping" / "air-quotsoft" / "2025-03-10-aa.json")
    publish_quality(run)
    page = home / "report" / "quality" / "chiping" / "air-quotsoft" / "2025-03-10-aa.html"
    page.write_text("the look of last year", "utf-8")
    publish_quality(run)
    assert page.read_text("utf-8") == "the look of last year"
    monkeypatch.setattr("flows.quality_pages.look", lambda: "another")
    publish_quality(run)
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_a_damaged_outcome_is_told_and_stops_no_report(run, judged):
    place = run.settings.home / "quality" / "chiping" / "air-quotsoft"
    write_results(judged, place / "2025-03-10-aa.json")
    (place / "2025-03-11-bb.json").write_text("{", "utf-8")
    publish_quality(run)
    assert len(run.summary.findings) == 1
    assert "2025-03-11-bb.json" in run.summary.findings[0]


def test_nothing_judged_yet_gives_an_index(run):
    assert "尚无结果" in Path(publish_quality(run)).read_text("utf-8")
