"""What pages are made of: texts stay texts, data end no script, calendars and drawings show what they are given."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.site.calendars import month_rows
from reports.site.drawing import Mark, coverage_bands, site_map, sparkline
from reports.site.render import both, data_block, number, render, unit, when
from reports.site.water_pages import factors, latest_of

EVIL = "</script><img src=x onerror=alert(1)>\"'&=HYPERLINK(1)\u2028"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3)))
@settings(max_examples=60)
def test_data_in_a_page_are_the_same_data_and_end_no_script(value):
    text = str(data_block([value, EVIL]))
    assert json.loads(text) == [value, EVIL]
    assert not set(text) & set("<>&\u2028\u2029")


def test_numbers_that_json_does_not_know_are_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        data_block([float("nan")])


def test_a_text_stands_in_both_languages_and_escaped():
    assert both("水", "water") == (
        '<span class="zh" lang="zh-CN">水</span><span class="en" lang="en">water</span>'
    )
    assert both("pH") == "pH"
    assert "<b>" not in both("<b>", "x")


def test_numbers_times_and_units_as_people_write_them():
    assert [number(value) for value in (None, float("nan"), 0.584, 5.0)] == ["—", "—", "0.584", "5"]
    assert number(0.94, 1) == "0.9"
    assert when("2026-03-29T16:00:00") == "2026-03-29 16:00"
    assert when(None) == "—"
    assert [unit(text) for text in ("ug/m3", "mg/m3", "mg/L", "1", "")] == ["µg/m³", "mg/m³", "mg/L", "", ""]


def test_a_calendar_has_the_days_of_its_months():
    rows = month_rows({"2024-02-29": (4, "Ⅳ")}, ["2024-02", "2023-02"], last="2024-02-29")
    leap, common = (row["days"] for row in rows)
    assert leap[28] == (4, "Ⅳ")
    assert leap[0] == (0, "·"), "a day without data is there and empty"
    assert leap[29:] == [None, None]
    assert common[27] == (0, "·")
    assert common[28:] == [None, None, None]


def test_days_to_come_are_left_free():
    (row,) = month_rows({}, ["2026-04"], last="2026-04-02")
    assert row["days"][:3] == [(0, "·"), (0, "·"), None]


def test_a_path_shows_its_points_target_and_band():
    drawn = str(sparkline([2020, 2025], [54, 43], first=(2020, 54), goal=(2025, 42), band=(2025, 41.0, 45.0)))
    assert drawn.count('class="dot"') == 2
    assert 'class="goal"' in drawn
    assert 'class="road"' in drawn
    assert 'class="band"' in drawn
    assert sparkline([2025], [None]) == ""


def test_a_map_keeps_names_as_text_and_places_in_order():
    marks = [
        Mark("A", EVIL, "section", 116.0, 36.5, "m4", "Ⅳ", href="sections/A.html"),
        Mark("B", "东", "station", 116.4, 36.5, "station", "空气站"),
        Mark("C", "北", "outlet", 116.2, 36.8, "outlet", "排口", here=True),
    ]
    drawn = str(site_map(marks, ("图", "map")))
    assert "<img" not in drawn
    assert "&lt;img" in drawn
    (west,) = re.findall(r'<circle cx="([\d.]+)" cy="[\d.]+" r="7.5"', drawn)
    east = re.findall(r'<polygon points="([\d.]+),', drawn)[0]
    assert float(west) < float(east), "east is on the right"
    (south,) = re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)" r="7.5"', drawn)
    (north,) = re.findall(r'<rect x="[\d.]+" y="([\d.]+)"', drawn)
    assert float(north) < float(south), "north is above"
    assert 'class="here"' in drawn
    assert " km</text>" in drawn
    assert site_map([], ("图", "map")) == ""


def test_one_site_alone_has_a_map():
    assert "<circle" in site_map([Mark("A", "甲", "section", 116.0, 36.5, "m0", "—")], ("图", "map"))


def test_coverage_is_drawn_by_level_in_runs():
    days = ["2026-03-31", "2026-04-01", "2026-04-02", "2026-04-03"]
    drawn = str(coverage_bands([EVIL], days, {EVIL: [1.0, 0.95, 0.3, 0.0]}, ("图", "map")))
    assert "<img" not in drawn
    full = re.findall(r'class="v-full" d="([^"]+)"', drawn)
    low = re.findall(r'class="v-low" d="([^"]+)"', drawn)
    assert [path.count("M") for path in (*full, *low)] == [1, 1], "two full days are one run"
    assert "v-part" not in drawn
    assert "2026-04" in drawn


def test_a_section_without_water_says_why():
    section = {
        "key": "A",
        "name": "甲",
        "months": [{"period": "2026-01", "class": None, "reason": "断流", "attained": None}],
    }
    assert latest_of(section)["word_zh"] == "断流"
    judged = {"period": "2026-02", "class": 6.0, "reason": "", "attained": False}
    told = latest_of({**section, "months": [judged, *section["months"]]})
    assert (told["sign"], told["word_zh"], told["period"]) == ("劣Ⅴ", "重度污染，未达标", "2026-02")


def test_main_pollutants_have_names_and_multiples():
    assert factors("nh3_n,do", "nh3_n=0.552") == [
        ("氨氮", "ammonia nitrogen", "0.552"),
        ("溶解氧", "dissolved oxygen", ""),
    ]
    assert factors("", "") == []


def test_a_page_escapes_what_it_is_given():
    page = render(
        "site_documents.html",
        title=(EVIL, EVIL),
        documents=[
            {
                "title": EVIL,
                "href": "documents/a.html",
                "district": "x",
                "format": "html",
                "as_of": EVIL,
                "sha256": EVIL,
            }
        ],
        files={(EVIL, EVIL): [{"href": "a.xlsx", "name": EVIL}]},
        nav=[{"name": EVIL, "links": [{"href": "index.html", "zh": EVIL, "en": EVIL}]}],
        here="documents.html",
        names={"x": EVIL},
    ).decode()
    assert "<img" not in page
    assert page.count("&lt;img") >= 7
    assert page.count("</script>") == 1, "the one of site.js"
