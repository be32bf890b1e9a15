"""The site of real exports in a real browser: thousands of sections and stations, years of gaps, names as they come.

Loads what tests/realdata/test_realdata.py loads: of a folder with daily CSV files the first two, of the others
everything. The loggers of the HJ 212 frames are registered as outlets, so that there is a page of emissions.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser

from benchmarks.realdata_district import KEY, layouts, make_district
from benchmarks.realdata_run import real_data
from flows.night import night
from flows.run import FAILED
from flows.settings import Settings
from tests.flows.test_site_browser import CHROMIUM, browser, check
from tests.realdata.test_realdata import rest

__all__ = ["browser"]

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.thorough,
    pytest.mark.timeout(1500),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

#: loggers of the frames that send hours or samples of effluent or flue gas -> medium
_LOGGERS = {
    "81733553216103": "flue_gas",
    "7568770259402": "flue_gas",
    "81733553216204": "wastewater",
    "23040281003022": "wastewater",
}
#: bytes of the overview's own data, and of any page of the site
_OVERVIEW, _PAGE = 300_000, 400_000
_TARGET = re.compile(r'(?:href|src)="([^"]*)"')
_ID = re.compile(r'\sid="([^"]*)"')


@dataclass(frozen=True)
class Real:
    """The published folder, and its pages by the path from there."""

    report: Path
    texts: dict[str, str]

    def sections(self) -> list[str]:
        """A stated sample of the sections: the largest page, the smallest, one with an episode, every 200th."""
        mine = sorted(path for path in self.texts if path.startswith(f"{KEY}/sections/"))
        by_size = sorted(mine, key=lambda path: len(self.texts[path]))
        alarmed = [path for path in mine if '<section id="e' in self.texts[path]]
        return list(dict.fromkeys([by_size[-1], by_size[0], alarmed[0], *mine[::200]]))

    def kinds(self) -> list[str]:
        """Every kind of page: those there is one of, further pages of long lists, the sample of sections."""
        whole = ["index.html", "alerts.html", "quality.html", "run.html", "documents.html"]
        own = [f"{KEY}/{name}.html" for name in ("plan", "water", "water-2", "air", "air-2", "emissions")]
        explained = sorted(path for path in self.texts if path.startswith("explain/"))[:1]
        return [*whole, *own, *explained, *self.sections()]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    data = real_data()
    if not layouts(data):
        pytest.skip(f"real exports are not here: {data} (set ECOPLAN_REALDATA)")
    folder = tmp_path_factory.mktemp("real-site")
    shutil.copytree(data, folder / "data", ignore=rest)
    for path in [folder / "data", *(folder / "data").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    make_district(folder / "data", folder / "districts")
    table = folder / "districts" / KEY / "sites.csv"
    sites = pd.read_csv(table, dtype="str", keep_default_na=False)
    loggers = pd.DataFrame({"key": list(_LOGGERS), "name": list(_LOGGERS), "medium": list(_LOGGERS.values())})
    loggers = loggers.assign(kind="outlet", example="no", evaluation="no", valid_from="2010-01-01")
    pd.concat([sites, loggers]).fillna("").to_csv(table, index=False)
    settings = Settings(home=folder / "home", districts=folder / "districts", warehouse="")
    _, status = night(settings)
    assert status < FAILED
    report = settings.home / "report"
    pages = sorted(report.rglob("*.html"))
    yield Real(report, {page.relative_to(report).as_posix(): page.read_text("utf-8") for page in pages})
    shutil.rmtree(folder)


def test_every_link_of_every_page_resolves(real: Real) -> None:
    anchors = {path: set(_ID.findall(text)) for path, text in real.texts.items()}
    root = real.report.resolve()
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    broken, seen = [], 0
    for path, text in real.texts.items():
        for target in set(_TARGET.findall(text)):
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            seen += 1
            assert not parts.scheme, f"{path} asks {target}"
            place = (root / path).parent / unquote(parts.path) if parts.path else root / path
            inside = Path(place).resolve().relative_to(root).as_posix()
            if inside not in files or (parts.fragment and parts.fragment not in anchors.get(inside, set())):
                broken.append((path, target))
    print(f"\n{len(real.texts)} pages, {seen} links")
    assert not broken
    assert len(real.texts) > 1000


def test_the_overview_and_every_page_of_the_site_are_light(real: Real) -> None:
    assert len(real.texts["index.html"].encode()) < _OVERVIEW
    own = {path: len(text.encode()) for path, text in real.texts.items() if path.startswith(f"{KEY}/")}
    largest = sorted(own, key=lambda path: own[path])[-3:]
    print("\nlargest:", {path: own[path] for path in largest})
    assert max(own.values()) < _PAGE


def test_sections_and_air_show_their_own_last_years_though_a_frame_is_of_2024(real: Real) -> None:
    shown = [
        path for path in real.texts if path.startswith(f"{KEY}/sections/") and 'class="k' in real.texts[path]
    ]
    assert len(shown) > 1000
    # two days of January 2019 are what the part has of this city's stations
    air = real.texts[f"{KEY}/air.html"]
    assert "2019-01" in air
    assert "2024" not in air


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the pages were not opened")
def test_every_kind_of_page_opens_without_trouble(browser: Browser, real: Real) -> None:
    pages = real.kinds()
    assert set(pages) <= set(real.texts)
    found = {path: check(browser, real.report / path) for path in pages}
    print(
        f"\n{len(found)} pages opened; axe:",
        {path: items for path, items in found.items() if items} or "no finding",
    )
