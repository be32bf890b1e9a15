"""Outlines under the map as data: what is no outline is refused with its place, and the examples say what theirs is."""

from __future__ import annotations

import json
import math
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vocabulary.district import DistrictError, load_district
from vocabulary.district_outline import MOST_BYTES, MOST_POINTS, read_outline

ROOT = Path(__file__).resolve().parents[2]
RING = [[116.0, 36.4], [116.3, 36.4], [116.3, 36.8], [116.0, 36.4]]
TOLD = {"source": "某局", "licence": "CC0"}


def _collection(geometry: Any, **properties: Any) -> dict[str, Any]:
    feature = {"type": "Feature", "properties": TOLD | properties, "geometry": geometry}
    return {"type": "FeatureCollection", "features": [feature]}


def _read(folder: Path, data: Any) -> Any:
    text = data if isinstance(data, str) else json.dumps(data)
    (folder / "outline.geojson").write_text(text, "utf-8")
    return read_outline(folder)


def test_areas_and_lines_are_read_with_what_they_are(tmp_path: Path) -> None:
    hole = [[116.1, 36.45], [116.2, 36.45], [116.2, 36.5], [116.1, 36.45]]
    for geometry, closed, parts in (
        ({"type": "Polygon", "coordinates": [RING, hole]}, True, 2),
        ({"type": "MultiPolygon", "coordinates": [[RING, hole], [RING]]}, True, 3),
        ({"type": "LineString", "coordinates": RING[:2]}, False, 1),
        ({"type": "MultiLineString", "coordinates": [RING[:2], RING[1:]]}, False, 2),
    ):
        (shape,) = _read(tmp_path, _collection(geometry, name="某河", adcode=371503)).shapes
        assert (shape.closed, len(shape.parts), shape.name) == (closed, parts, "某河")
        assert (shape.source, shape.licence, shape.schematic) == ("某局", "CC0", False)
        assert shape.parts[0][0] == (116.0, 36.4)


def test_without_the_file_there_is_nothing_to_draw(tmp_path: Path) -> None:
    assert read_outline(tmp_path) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_collection({"type": "Point", "coordinates": [116, 36]}), "features.1.geometry"),
        (_collection({"type": "Polygon", "coordinates": [[*RING[:3], [116.0, 36.5]]]}), "closed ring"),
        (_collection({"type": "Polygon", "coordinates": [RING[2:]]}), "at least 4"),
        (_collection({"type": "Polygon", "coordinates": []}), "at least 1"),
        # latitude first
        (
            _collection({"type": "LineString", "coordinates": [[36.4, 116.0], [36.5, 116.1]]}),
            "coordinates.1.1",
        ),
        (_collection({"type": "LineString", "coordinates": [RING[0], [116.0, 61.0]]}), "coordinates.2.2"),
        (_collection({"type": "LineString", "coordinates": [RING[0]]}), "at least 2"),
        (_collection({"type": "LineString", "coordinates": [RING[0], ["x", 36.0]]}), "coordinates.2.1"),
        (_collection({"type": "LineString", "coordinates": [RING[0], [math.nan, 36.0]]}), "coordinates.2.1"),
        (
            _collection({"type": "LineString", "coordinates": RING[:2]}, licence=""),
            "features.1.properties.licence",
        ),
        (
            _collection({"type": "LineString", "coordinates": RING[:2]}, source=" "),
            "features.1.properties.source",
        ),
        ({"type": "Feature"}, "FeatureCollection"),
        ({"type": "FeatureCollection", "features": []}, "features"),
        ("[1", "JSON"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(DistrictError) as caught:
        _read(tmp_path, data)
    assert "outline.geojson" in str(caught.value)
    assert words in str(caught.value)


def test_an_outline_that_would_make_every_page_heavy_is_refused(tmp_path: Path) -> None:
    points = [[116.0, 36.0]] * (MOST_POINTS + 1)
    with pytest.raises(DistrictError, match=f"at most {MOST_POINTS} points, found {MOST_POINTS + 1}"):
        _read(tmp_path, _collection({"type": "LineString", "coordinates": points}))
    with pytest.raises(DistrictError, match=f"at most {MOST_BYTES} bytes"):
        _read(tmp_path, " " * (MOST_BYTES + 1))


@pytest.mark.parametrize("key", ["chiping", "gaoxin"])
def test_the_examples_outline_is_no_boundary_and_says_so(key: str) -> None:
    district = load_district(ROOT / "districts" / key)
    assert district.outline is not None
    (shape,) = district.outline.shapes
    assert shape.schematic
    assert "not an administrative boundary" in shape.source
    (ring,) = shape.parts
    # every registered site lies within the hull: to the left of each of its sides
    sites = district.sites[["lon", "lat"]].dropna()
    for (ax, ay), (bx, by) in pairwise(ring):
        assert ((bx - ax) * (sites["lat"] - ay) - (by - ay) * (sites["lon"] - ax) > 0).all()


def test_the_committed_outlines_are_what_the_script_makes() -> None:
    main = runpy.run_path(str(ROOT / "examples" / "outline.py"))["main"]
    assert main([str(ROOT / "districts" / key) for key in ("chiping", "gaoxin")] + ["--check"]) == 0


def test_a_site_alone_has_a_margin_of_two_kilometres() -> None:
    made = runpy.run_path(str(ROOT / "examples" / "outline.py"))["outline_of"]
    (feature,) = json.loads(made(pd.DataFrame({"lon": [116.0], "lat": [36.0]}), "某区"))["features"]
    (ring,) = feature["geometry"]["coordinates"]
    north = max(lat for _, lat in ring)
    # 2 km of 111.32 km a degree
    assert north == pytest.approx(36.0 + 0.01797, abs=1e-4)
    assert ring[0] == ring[-1]
