"""The page of sections draws the district's own outline, says whose it is, and says so where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.answers.records import as_records
from flows.site.water import ground_of
from reports.site.paging import paged
from reports.site.water_pages import water_page
from vocabulary.district import load_district

ROOT = Path(__file__).resolve().parents[2] / "districts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "gaoxin", tmp_path / "gaoxin"))


def _page(folder: Path) -> str:
    district = load_district(folder)
    # as a kept part gives it back
    ground = json.loads(json.dumps(ground_of(district)))
    facts = {"key": "gaoxin", "name_zh": district.name_zh, "name_en": district.name_en, "ground": ground}
    data: dict[str, Any] = {"sections": []}
    sites = as_records(district.sites[["key", "name", "kind", "river", "lon", "lat"]])
    (part,) = paged([], "water")
    common = {"nav": [], "here": "gaoxin/water.html", "names": {}}
    return water_page(facts, data, sites, [], part, common).decode()


def test_the_examples_outline_is_drawn_dashed_and_named_as_schematic(folder: Path) -> None:
    page = _page(folder)
    assert page.count('<path class="ground"') == 1
    assert "stroke-dasharray" in page
    assert "示意范围，非行政边界" in page
    assert "not an administrative boundary" in page


def test_an_outline_of_another_source_takes_its_place_and_stays_text(folder: Path) -> None:
    ring = [[116.0, 36.3], [116.2, 36.3], [116.2, 36.5], [116.0, 36.5], [116.0, 36.3]]
    told = {"name": "<b>高新区</b>", "source": "<script>某局</script>", "licence": "CC BY 4.0"}
    river = {"type": "LineString", "coordinates": [[116.0, 36.4], [116.2, 36.45]]}
    features = [
        {"type": "Feature", "properties": told, "geometry": geometry}
        for geometry in ({"type": "Polygon", "coordinates": [ring]}, river)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    (folder / "outline.geojson").write_text(text, "utf-8")
    page = _page(folder)
    assert page.count('<path class="ground"') == 2
    assert "示意" not in page
    # the credit stands once below the map
    assert page.count("CC BY 4.0") == 1
    assert "&lt;script&gt;某局&lt;/script&gt;" in page
    assert "<b>高新区</b>" not in page


def test_without_an_outline_none_is_drawn_and_the_page_says_so(folder: Path) -> None:
    (folder / "outline.geojson").unlink()
    page = _page(folder)
    assert 'class="ground"' not in page
    assert "没有登记底图" in page
    assert '<svg class="map"' in page
