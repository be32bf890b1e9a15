"""The site of a night: every link resolves, only what changed is written, names stay text, numbers are the records'."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html
from sqlalchemy import update
from typer.testing import CliRunner

from cli import app
from flows.answers.records import indicators
from flows.run import Run
from flows.site.build import Built, build_site
from flows.site.parts import spans_of
from tests.flows.slices import PLANTED
from vocabulary.district import District
from warehouse.engine import Warehouse
from warehouse.schema import section_results

#: ends elements and scripts, and begins a formula
EVIL = '=HYPERLINK("http://x")</script><img src=x onerror=alert(1)>{{7*7}}'


class Site:
    """A home of one's own beside the first night's warehouse."""

    def __init__(self, home: Path, run: Run, warehouse: Warehouse) -> None:
        self.home, self.run, self.warehouse = home, run, warehouse

    @property
    def report(self) -> Path:
        return self.home / "report"

    def build(self, districts: dict[str, District] | None = None, **changed: object) -> Built:
        summary = self.run.summary.as_dict() | changed
        with self.warehouse.read() as connection:
            return build_site(
                connection, self.home, districts or self.run.districts, summary, self.run.run_date
            )

    def page(self, path: str) -> html.HtmlElement:
        return html.fromstring((self.report / path).read_bytes())

    def text(self, path: str) -> str:
        return " ".join(self.page(path).find(".//main").text_content().split())

    def pages(self) -> Iterator[str]:
        for path in sorted(self.report.rglob("*.html")):
            yield path.relative_to(self.report).as_posix()


@pytest.fixture(scope="module")
def built(first_night, tmp_path_factory) -> Site:
    """The site as the night left it, with a second build over it."""
    home = tmp_path_factory.mktemp("site")
    for name in ("report", "site"):
        shutil.copytree(first_night.made.home / name, home / name)
    url = first_night.made.settings().warehouse_url()
    site = Site(home, first_night.run, Warehouse(url, lock_wait=30.0, read_only=True))
    site.build()
    return site


@pytest.fixture
def own(built, tmp_path) -> Site:
    """A copy that a test may change."""
    for name in ("report", "site"):
        shutil.copytree(built.home / name, tmp_path / name, copy_function=shutil.copy2)
    return Site(tmp_path, built.run, built.warehouse)


def targets(page: html.HtmlElement) -> list[str]:
    return [*page.xpath("//@href"), *page.xpath("//@src")]


def test_every_link_of_every_page_resolves(built):
    pages = list(built.pages())
    assert {"index.html", "alerts.html", "quality.html", "run.html", "documents.html"} <= set(pages)
    anchors = {path: set(built.page(path).xpath("//@id")) for path in pages}
    broken = []
    for path in pages:
        for target in targets(built.page(path)):
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, f"{path} asks {target}"
            file = (built.report / path).parent / unquote(parts.path) if parts.path else built.report / path
            inside = file.resolve().relative_to(built.report.resolve()).as_posix()
            if not file.is_file() or (parts.fragment and parts.fragment not in anchors.get(inside, set())):
                broken.append((path, target))
    assert not broken


def test_every_site_and_station_can_be_reached_from_the_overview(built):
    seen, left = set(), ["index.html"]
    while left:
        path = left.pop()
        if path in seen:
            continue
        seen.add(path)
        for target in targets(built.page(path)):
            parts = urlsplit(target)
            if parts.path.endswith(".html"):
                file = ((built.report / path).parent / unquote(parts.path)).resolve()
                left.append(file.relative_to(built.report.resolve()).as_posix())
    assert seen == set(built.pages())


def test_what_did_not_change_is_not_written(own):
    before = {path: path.stat().st_ino for path in own.report.rglob("*") if path.is_file()}
    done = own.build()
    assert (done.written.written, done.made, done.gathered) == ((), [], [])
    assert {path: path.stat().st_ino for path in own.report.rglob("*") if path.is_file()} == before


def test_another_run_writes_the_pages_of_the_run_only(own):
    done = own.build(findings=["须知：一件事"])
    assert set(done.written.written) == {"index.html", "run.html"}
    assert done.gathered == []
    assert "须知：一件事" in own.text("index.html")


def test_a_month_that_changed_writes_its_section_and_the_list(own, tmp_path):
    copy = tmp_path / "copy.duckdb"
    shutil.copyfile(own.run.settings.home / "ecoplan.duckdb", copy)
    own.warehouse = Warehouse(f"duckdb:///{copy}", lock_wait=30.0)
    own.build()
    month = (section_results.c.site == "CP-S3", section_results.c.period == "2025-07")
    with own.warehouse.begin() as connection:
        ended = update(section_results).where(*month).values(known_until=section_results.c.known_from)
        assert connection.execute(ended).rowcount != 0
    done = own.build()
    assert done.gathered == ["water-chiping"]
    assert set(done.written.written) == {"chiping/sections/CP-S3.html", "chiping/water.html"}


def test_rules_that_changed_gather_everything_of_their_district_again(own):
    district = own.run.districts["gaoxin"]
    sites = district.sites.assign(name=district.sites["name"] + "新")
    done = own.build(own.run.districts | {"gaoxin": replace(district, sites=sites)})
    assert "新" in own.text("gaoxin/water.html")
    assert not [path for path in done.written.written if path.startswith("chiping/sections")]


def test_names_with_markup_and_formulas_stay_text_everywhere(own):
    district = own.run.districts["chiping"]
    sites = district.sites.assign(name=EVIL + district.sites["key"], river=EVIL, enterprise=EVIL, note=EVIL)
    shutil.rmtree(own.home / "site")
    own.build(
        own.run.districts
        | {"chiping": replace(district, sites=sites, name_zh=f"区{EVIL}", name_en=f"d{EVIL}")},
        findings=[EVIL],
    )
    found = 0
    for path in own.pages():
        if path.startswith(("quality/", "revisions", "documents/")):
            continue
        raw = (own.report / path).read_text("utf-8")
        assert "<img" not in raw, path
        page = own.page(path)
        assert not page.xpath("//@onerror")
        found += EVIL in page.find(".//main").text_content()
        for block in page.xpath('//script[@type="application/json"]/text()'):
            assert json.loads(block)["x"]
    assert found >= 10
    assert EVIL + "CP-S3" in own.page("chiping/sections/CP-S3.html").findtext(".//h1")


def test_the_overview_shows_every_indicator_of_both_plans_as_the_records_have_it(built):
    page = built.page("index.html")
    assert len((built.report / "index.html").read_bytes()) < 300_000
    assert not page.xpath('//script[contains(@src, "echarts")]'), "the overview loads no library"
    tables = page.xpath('//table[contains(@class, "cards")][.//a[contains(@href, "plan.html")]]')
    assert [len(table.xpath("./tbody/tr")) for table in tables] == [21, 21]
    with built.warehouse.read() as connection:
        records = indicators(connection, built.run.districts["chiping"], None)
    (good_days,) = [record for record in records if record["indicator"] == 2]
    shown = " ".join(tables[0].xpath("./tbody/tr")[1].text_content().split())
    assert f"{good_days['value']:.1f} %" in shown
    assert f"{good_days['numerator']:.0f}/{good_days['denominator']:.0f}" in shown
    assert "65.3" in shown, "the target of the plan"


def test_a_section_shows_the_planted_days_and_their_evidence(built):
    (planted,) = [row for row in PLANTED if row["site"] == "CP-S3" and row["since"].startswith("2026-03-25")]
    page = built.page("chiping/sections/CP-S3.html")
    (row,) = page.xpath('//table[@class="cal"]/tbody/tr[th[normalize-space()="2026-03"]]')
    cells = row.xpath("./td")
    first = int(planted["since"][8:10])
    assert (cells[first - 1].text, cells[first - 1].get("class")) == ("劣Ⅴ", "k6")
    assert "劣Ⅴ" not in {cell.text for cell in cells[: first - 1]}
    text = built.text("chiping/sections/CP-S3.html")
    assert "断面劣Ⅴ：茌新河示例断面" in text
    assert "氨氮(mg/L)" in text, "the column of the evidence"
    (chart,) = [
        json.loads(block)
        for block in page.xpath('//script[@type="application/json"]/text()')
        if "氨氮" in json.loads(block)["title"][0]
    ]
    # GB 3838-2002 table 1: ammonia nitrogen of class V, 2.0 mg/L, the target of this section
    assert [limit["value"] for limit in chart["limits"]] == [2.0]
    assert len(chart["x"]) == len(chart["series"][0]["data"])


def test_the_pages_of_a_night_say_how_it_ended(first_night):
    said = {0: "完成", 1: "完成，有事项需人工处理", 3: "有来源或通道失败"}[first_night.status]
    for name in ("index.html", "run.html"):
        page = html.fromstring((first_night.made.home / "report" / name).read_bytes())
        text = " ".join(page.find(".//main").text_content().split())
        assert said in text
        assert "运行中" not in text


def test_both_editions_of_2026_stand_side_by_side(built):
    text = built.text("gaoxin/air.html") + built.text("chiping/air.html")
    assert "HJ633-2012" in text
    page = built.page("chiping/air.html")
    assert page.xpath('//table[@class="cal"]')


def test_evaluations_and_bulletins_are_linked_where_they_belong(own):
    folder = own.report / "documents"
    folder.mkdir(exist_ok=True)
    for form, title in (("final", "终期评估"), ("sections", "水质通报")):
        (folder / f"chiping-{form}.html").write_text("<p>", "utf-8")
        record = {
            "district": "chiping",
            "form": form,
            "title": f"{title}{EVIL}",
            "as_of": "2026-04-01T00:00:00",
            "files": {f"chiping-{form}.html": "0" * 64},
        }
        (folder / f"chiping-{form}.json").write_text(json.dumps(record), "utf-8")
    done = own.build()
    assert set(done.made) == {"chiping/plan.html", "chiping/water.html", "documents.html"}
    for page, form in (("chiping/plan.html", "final"), ("chiping/water.html", "sections")):
        assert f"../documents/chiping-{form}.html" in targets(own.page(page))
    assert "documents/chiping-final.html" not in "".join(targets(own.page("chiping/water.html")))


def test_each_kind_of_site_has_its_own_last_years(own, tmp_path):
    copy = tmp_path / "copy.duckdb"
    shutil.copyfile(own.run.settings.home / "ecoplan.duckdb", copy)
    own.warehouse = Warehouse(f"duckdb:///{copy}", lock_wait=30.0)
    district = own.run.districts["chiping"]
    with own.warehouse.read() as connection:
        both = spans_of(connection, district, own.run.run_date)
        early = spans_of(connection, district, date(2025, 6, 30))
        none = spans_of(connection, replace(district, key="leer"), date(2025, 6, 30))
    # of the slice: the last hours of sections 2026-03-29, of stations 2025-09-18, of outlets 2026-03-31
    assert {kind: f"{span.last:%Y-%m-%d}" for kind, span in both.items()} == {
        "section": "2026-03-29",
        "station": "2025-09-18",
        "outlet": "2026-03-31",
        "": "2026-03-31",
    }
    assert both["station"].start == datetime(2024, 1, 1)
    assert both["section"].months[-1] == "2026-03"
    assert early["section"].last.date() <= date(2025, 6, 30)
    assert {span.last.date() for span in none.values()} == {date(2025, 6, 30)}


def test_old_links_still_lead_somewhere(built):
    assert (built.report / "index.html").is_file()
    assert (built.report / "quality" / "index.html").is_file()
    assert "quality/index.html" in targets(built.page("quality.html"))
    nights = [path for path in built.pages() if path.startswith("revisions-")]
    assert nights
    assert set(nights) <= set(targets(built.page("quality.html")))


def test_the_command_builds_it_again_and_somewhere_else(first_night, tmp_path):
    environment = first_night.made.environment()
    out = tmp_path / "share" / "site"
    answer = CliRunner().invoke(app, ["report", "--out", str(out), "--json"], env=environment)
    assert answer.exit_code == 0, answer.output
    record = json.loads(answer.stdout)
    assert list(record) == ["index", "written", "kept", "removed", "seconds"]
    assert record["index"] == str(out / "index.html")
    assert (out / "quality" / "index.html").is_file(), "what others published comes along"
    again = CliRunner().invoke(app, ["report", "--out", str(out)], env=environment)
    assert "写入 0 个文件" in again.stdout


def test_a_district_without_data_has_pages_that_say_so(own):
    district = replace(own.run.districts["gaoxin"], key="leer", name_zh="空区", name_en="empty")
    done = own.build(own.run.districts | {"leer": district})
    assert "leer/plan.html" in done.made
    assert "没有" in own.text("leer/sections/GX-S1.html")
    assert "没有排口小时数据" in own.text("leer/emissions.html")
    back = own.build()
    assert back.written.removed
    assert all(path.startswith("leer/") for path in back.written.removed)


def test_a_kept_part_that_is_damaged_is_gathered_again(own):
    place = own.home / "site" / "water-gaoxin.json"
    place.write_text("{", "utf-8")
    done = own.build()
    assert done.gathered == ["water-gaoxin"]
    assert done.written.written == ()
    assert json.loads(place.read_text("utf-8"))["data"]["sections"]
