"""The documentation site in a real browser, from files: nothing asked of anybody, nothing in the way of a reader, the search works."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = ("index.html", "tutorial.html", "how-to/sql.html", "reference/commands.html")
_GRAVE = {"serious", "critical"}

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the pages were not opened"),
    # the browser's own process and sockets are closed by its library
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("docs_site_browser", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Path(module.build_site(tmp_path_factory.mktemp("docs-site")))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_without_a_request_elsewhere_and_without_a_grave_finding(
    site: Path, browser: Browser, scheme: str
) -> None:
    listed = {}
    for name in PAGES:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        trouble: list[str] = []
        elsewhere: list[str] = []
        page.on(
            "console", lambda said, into=trouble: into.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error, into=trouble: into.append(str(error)))
        page.on("request", lambda asked, into=elsewhere: into.append(asked.url))
        page.route(re.compile(r"^(?:https?|wss?):"), lambda route: route.abort())
        page.goto((site / name).as_uri())
        page.wait_for_load_state("load")
        assert trouble == [], name
        assert not [url for url in elsewhere if not url.startswith(("file:", "data:", "blob:"))], name
        found = Axe().run(page, options={"preload": False}).response["violations"]
        listed[name] = [(item["id"], item["impact"], len(item["nodes"])) for item in found]
        page.close()
    print("\naxe:", listed)
    assert not [item for items in listed.values() for item in items if item[1] in _GRAVE], listed


def test_the_search_finds_a_word_without_a_server(site: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.click(".md-search__input")
    page.keyboard.type("quarantine")
    page.wait_for_selector(".md-search-result__item", timeout=60_000)
    assert "quarantine" in page.locator(".md-search-result__item").first.inner_text().lower()
    page.close()
