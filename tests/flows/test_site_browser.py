"""The site in a real browser, from files: no error, nothing asked of anybody, nothing in the way of a reader."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the pages were not opened"),
    # the browser's own process and sockets are closed by its library
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

#: what hinders people so much that no page may have it
_GRAVE = {"serious", "critical"}
#: looks, a tenth of a second apart, at whether a page fits its window
_LOOKS = 100
_PHONE = {"width": 360, "height": 740}
_DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(first_night) -> Path:
    return first_night.made.home / "report"


class Watched:
    """A page with what went wrong on it and what it asked of others."""

    def __init__(self, browser: Browser, file: Path) -> None:
        self.page: Page = browser.new_page(viewport=_DESK)
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("requestfailed", lambda request: self.trouble.append(f"failed {request.url}"))
        self.page.on("request", self._requested)
        # what is asked of others is counted, and goes nowhere
        self.page.route(re.compile(r"^(?:https?|wss?):"), lambda route: route.abort())
        self.page.goto(file.as_uri())
        self.page.wait_for_load_state("load")

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.trouble.append(message.text)

    def _requested(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.asked.append(request.url)

    def findings(self) -> list[tuple[str, str, int]]:
        """What axe finds; without reading style sheets a second time, which the page's policy forbids."""
        found = Axe().run(self.page, options={"preload": False}).response["violations"]
        return [(item["id"], item["impact"], len(item["nodes"])) for item in found]

    def fits(self, size: dict[str, int]) -> None:
        """Wait until the page is no wider than the window; charts are drawn anew after it changed."""
        self.page.set_viewport_size(size)
        # the page's policy forbids the library's own waiting, which evaluates text
        for _ in range(_LOOKS):
            if self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{self.page.url} is wider than {size['width']}")


def own_pages(report: Path) -> list[Path]:
    skipped = ("quality/", "documents/", "revisions-", "explain/")
    return [
        path
        for path in sorted(report.rglob("*.html"))
        if not path.relative_to(report).as_posix().startswith(skipped)
    ]


def check(browser: Browser, file: Path) -> list[tuple[str, str, int]]:
    watched = Watched(browser, file)
    try:
        assert watched.trouble == [], file.name
        assert watched.asked == [], file.name
        found = watched.findings()
        assert not [item for item in found if item[1] in _GRAVE], file.name
        for size in (_PHONE, _DESK):
            watched.fits(size)
    finally:
        watched.page.close()
    return found


@pytest.mark.parametrize("path", ["index.html", "chiping/sections/CP-S3.html"])
def test_the_pages_most_looked_at(browser, report, path):
    check(browser, report / path)


def test_charts_are_drawn_and_the_language_changes(browser, report):
    watched = Watched(browser, report / "chiping" / "sections" / "CP-S3.html")
    page = watched.page
    try:
        charts = page.locator(".chart")
        assert charts.count() >= 3
        assert page.locator(".chart svg").count() == charts.count()
        drawn = charts.first.inner_text()
        assert page.locator("h2:visible").first.inner_text() == "类别日历"
        page.click("#lang")
        assert page.locator("h2:visible").first.inner_text() == "Calendar of classes"
        assert page.title().startswith("Section")
        assert charts.first.inner_text() != drawn, "the chart speaks the other language as well"
        page.reload()
        assert page.locator("h2:visible").first.inner_text() == "Calendar of classes", "it is remembered"
        page.click("#lang")
        assert watched.trouble == []
    finally:
        page.close()


@pytest.mark.thorough
def test_every_page(browser, report):
    found = {path.relative_to(report).as_posix(): check(browser, path) for path in own_pages(report)}
    assert len(found) >= 15
    print("axe:", {path: items for path, items in found.items() if items} or "no finding on any page")


@pytest.mark.thorough
def test_the_overview_is_ready_within_a_second(browser, report):
    watched = Watched(browser, report / "index.html")
    try:
        ready = watched.page.evaluate(
            "performance.getEntriesByType('navigation')[0].domInteractive"
            " - performance.getEntriesByType('navigation')[0].startTime"
        )
        assert ready < 1000
    finally:
        watched.page.close()


#: how far what is drawn of each chart reaches beyond its own place, at the moment a page goes to paper
_BEYOND = """() => {
  window.dispatchEvent(new Event("beforeprint"));
  return [...document.querySelectorAll(".chart")].map((place) => {
    const frame = place.getBoundingClientRect();
    const svg = place.querySelector("svg");
    const parts = [...svg.querySelectorAll("path, text")].map((part) => part.getBoundingClientRect());
    const shown = parts.filter((box) => box.width + box.height > 0);
    return {
      parts: shown.length,
      right: Math.max(...shown.map((box) => box.right)) - frame.left,
      bottom: Math.max(...shown.map((box) => box.bottom)) - frame.top,
      svg: [svg.width.baseVal.value, svg.height.baseVal.value],
      height: frame.height,
    };
  });
}"""


def test_charts_on_paper_are_whole(browser, report):
    watched = Watched(browser, report / "chiping" / "sections" / "CP-S3.html")
    try:
        watched.page.emulate_media(media="print")
        charts = watched.page.evaluate(_BEYOND)
    finally:
        watched.page.close()
    assert len(charts) > 2
    for chart in charts:
        width, height = chart["svg"]
        assert chart["parts"] > 10
        # a line may be a pixel thick beyond its end
        assert chart["right"] <= width + 2
        assert chart["bottom"] <= height + 2
        assert height <= chart["height"]
