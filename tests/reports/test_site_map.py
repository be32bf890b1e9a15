"""What lies under the sites of a map: areas and lines of a file, nothing guessed, nothing that runs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

from reports.site.drawing import Mark, ground_words, site_map

MARKS = [
    Mark("A", "甲断面", "section", 116.0, 36.5, "m2", "Ⅱ"),
    Mark("B", "乙断面", "section", 116.2, 36.7, "m3", "Ⅲ"),
]
RING = ((115.9, 36.4), (116.3, 36.4), (116.3, 36.8), (115.9, 36.8), (115.9, 36.4))
WORDS = ("点位图", "map of the sites")


def _shape(**given: Any) -> dict[str, Any]:
    shape = {
        "closed": True,
        "parts": [RING],
        "name": "某区",
        "source": "某局",
        "licence": "CC0",
        "schematic": False,
    }
    return shape | given


def _paths(drawn: str) -> list[list[tuple[float, float]]]:
    found = re.findall(r'<path class="ground" d="([^"]*)"', drawn)
    return [[(float(x), float(y)) for x, y in re.findall(r"([-\d.]+) ([-\d.]+)", path)] for path in found]


def test_an_outline_stands_around_the_sites_in_the_same_projection() -> None:
    drawn = str(site_map(MARKS, WORDS, [_shape()]))
    ET.fromstring(drawn)  # noqa: S314  # made by the program itself
    ((left_bottom, right_bottom, right_top, left_top),) = [path[:4] for path in _paths(drawn)]
    circles = [
        (float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="7.5"', drawn)
    ]
    # 甲 lies a quarter of the ring's width and height from its south-west corner, 乙 three quarters
    for (x, y), part in zip(sorted(circles), (0.25, 0.75), strict=True):
        assert abs(x - (left_bottom[0] + part * (right_bottom[0] - left_bottom[0]))) < 0.2
        assert abs(y - (left_bottom[1] + part * (left_top[1] - left_bottom[1]))) < 0.2
    assert right_top[0] == right_bottom[0]
    # the whole outline is within the drawing
    wide, tall = (float(text) for text in re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawn)[0])
    assert all(0 <= x <= wide and 0 <= y <= tall for path in _paths(drawn) for x, y in path)
    assert "示意" not in drawn
    assert 'aria-label="点位图 map of the sites"' in drawn


def test_a_map_of_the_near_sites_does_not_grow_with_the_outline() -> None:
    near = str(site_map(MARKS, WORDS, [_shape()], whole=False))
    bare = str(site_map(MARKS, WORDS))
    assert re.findall(r'cx="([\d.]+)"', near) == re.findall(r'cx="([\d.]+)"', bare)
    # what lies beyond is cut off by a drawing of its own
    assert near.count("<svg") == 2
    assert bare.count("<svg") == 1


def test_a_schematic_outline_is_dashed_and_says_so_in_both_languages() -> None:
    drawn = str(site_map(MARKS, WORDS, [_shape(schematic=True)]))
    assert "stroke-dasharray" in drawn
    assert "<text" in drawn
    assert "示意范围，非行政边界 · schematic, not an administrative boundary</text>" in drawn


def test_a_river_is_a_line_above_the_areas_and_does_not_widen_the_map() -> None:
    river = _shape(closed=False, parts=[((114.0, 36.6), (118.0, 36.6))], name="某河")
    drawn = str(site_map(MARKS, WORDS, [river, _shape()]))
    assert re.findall(r'cx="([\d.]+)"', drawn) == re.findall(
        r'cx="([\d.]+)"', str(site_map(MARKS, WORDS, [_shape()]))
    )
    assert drawn.index("某区") < drawn.index("某河")
    assert re.search(r'd="M[^"]*[\d]"[^>]*><title>某河', drawn), "a line is not closed"


def test_names_are_text_and_points_too_near_to_see_are_left_out() -> None:
    # a point every thousandth of a pixel or so between two corners
    dense = [(115.9 + 0.4 * step / 100_000, 36.4) for step in range(3000)]
    drawn = str(site_map(MARKS, WORDS, [_shape(parts=[(*dense, *RING[1:])], name="<script>=1+1")]))
    ET.fromstring(drawn)  # noqa: S314  # made by the program itself
    assert "<script>" not in drawn
    assert "&lt;script&gt;=1+1" in drawn
    assert len(_paths(drawn)[0]) < 60


def test_sources_are_said_once() -> None:
    assert ground_words([_shape(), _shape(name="别处"), _shape(licence="ODbL")]) == [
        ("某局", "CC0"),
        ("某局", "ODbL"),
    ]
    assert site_map([], WORDS, [_shape()]) == ""
