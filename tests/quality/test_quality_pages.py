"""Pages of what was judged: readable offline, escaped, made once, linked from the report."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from flows.quality_pages import publish_quality
from flows.run import open_run
from quality.judge import DeliveryFacts, judge
from quality.results import results_document, write_results
from reports.quality_pages import batch_html, index_html
from tests.flows.slices import empty_slice
from warehouse.schema import flags, series

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


def test_expectations_stand_before_flags_and_files_and_what_is_refused_before_all_files(judged):
    outcome = results_document(judged) | {"flagged_by_parameter": {"zero": {"so2": 31, "made_up": 2}}}
    many = [outcome["deliveries"][0] | {"name": f"{n}.csv"} for n in range(400)]
    outcome["deliveries"] += many
    html = batch_html(outcome, district="茌平区", name="2025-03", judged_at="")
    order = ["期望 Expectations", "标记 Flags", "拒收的交付", "全部文件 all files（402）", "399.csv"]
    places = [html.index(text) for text in order]
    assert places == sorted(places)
    assert "<details><summary>全部文件" in html, "hundreds of files are folded away"
    assert html.count("lying.csv") == 2, "the refused one stands above them too"
    assert re.search(r"<td>二氧化硫</td><td class=\"n\">31</td>", html)
    assert re.search(r"<td>made_up</td><td class=\"n\">2</td>", html)


def test_flags_are_counted_by_test_and_parameter_and_only_those_believed(run):
    words = {"district": "chiping", "site": "CP-A1", "period": "1h"}
    day = datetime(2026, 3, 1)
    known = {"known_from": day, "known_until": None}
    with run.warehouse.begin() as connection:
        connection.execute(
            insert(series), [words | {"id": 1, "parameter": "so2"}, words | {"id": 2, "parameter": "pm10"}]
        )
        found = [
            (1, 0, "spike", 3, None),
            (1, 1, "spike", 4, None),
            (1, 2, "spike", 4, None),
            (2, 0, "range", 4, None),
            (2, 1, "range", 4, day + timedelta(days=1)),
        ]
        connection.execute(
            insert(flags),
            [
                known
                | {
                    "series_id": one,
                    "observed_at": day + timedelta(hours=hour),
                    "test": test,
                    "verdict": verdict,
                    "known_until": until,
                }
                for one, hour, test, verdict, until in found
            ],
        )
    html = publish_quality(run).read_text("utf-8")
    shown = re.findall(r"<tr><td>\S+ <span class=\"small\">(\w+)</span></td><td>(\S+)</td>(.*)</tr>", html)
    cells = [(test, parameter, re.findall(r">(\d+)<", rest)) for test, parameter, rest in shown]
    assert cells == [("range", "可吸入颗粒物(PM10)", ["0", "1"]), ("spike", "二氧化硫", ["1", "2"])]


def test_an_outcome_of_before_the_facts_is_still_shown(judged):
    old = results_document(judged)
    for delivery in old["deliveries"]:
        for key in ("cells_in", "blank", "rejected", "remarks"):
            del delivery[key]
    del old["flagged_by_parameter"]
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
