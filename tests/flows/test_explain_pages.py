"""Explanations that the night publishes: one page an episode, linked from its section, written only where something changed."""

from __future__ import annotations

from pathlib import Path

from lxml import html

from flows.explain.pages import explained_links, publish_explanations
from tests.flows.conftest import Night


def test_the_night_explains_the_worst_sampling_of_every_open_episode(first_night: Night) -> None:
    report = first_night.made.home / "report"
    (link,) = [link for link in explained_links(report, "gaoxin", "GX-S2") if "2026-03-31" in link["href"]]
    page = html.parse(str(report / link["href"]))
    text = page.getroot().text_content()
    assert "劣Ⅴ" in text
    assert "GB 3838-2002, 表1 第8项" in text
    # every row of a file that the page shows was proved against the landed bytes
    assert page.xpath("count(//tbody/tr)") == page.xpath("count(//tbody//b[@class='yes'])") > 0


def test_the_page_of_the_section_leads_to_it(first_night: Night) -> None:
    report = first_night.made.home / "report"
    place = report / "gaoxin" / "sections" / "GX-S2.html"
    links = [(place.parent / str(href)).resolve() for href in html.parse(str(place)).xpath("//a/@href")]
    explained = [link for link in links if link.parent == (report / "explain").resolve()]
    assert explained
    assert all(link.is_file() for link in explained)


def test_a_page_is_written_again_only_where_its_sampling_changed(first_night: Night) -> None:
    folder = first_night.made.home / "report" / "explain"
    before = {place.name: place.stat().st_mtime_ns for place in folder.iterdir()}
    assert {place.name for place in publish_explanations(first_night.run)} <= set(before)
    assert {place.name: place.stat().st_mtime_ns for place in folder.iterdir()} == before
    one = min(folder.iterdir())
    one.write_text("no page of ours", "utf-8")
    publish_explanations(first_night.run)
    assert "溯源" in one.read_text("utf-8")


def test_only_pages_of_the_section_are_linked(tmp_path: Path) -> None:
    folder = tmp_path / "explain"
    folder.mkdir()
    for name in (
        "d-S1-2026-03-31T20.html",
        "d-S1-2026-04-01T00.html",
        "d-S10-2026-03-31T20.html",
        "S1_x.html",
    ):
        (folder / name).touch()
    assert [link["name"] for link in explained_links(tmp_path, "d", "S1")] == [
        "2026-04-01 00:00",
        "2026-03-31 20:00",
    ]
    assert explained_links(tmp_path / "none", "d", "S1") == []
