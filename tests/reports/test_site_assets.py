"""What the site brings along: the bundled script is the one it is said to be, colours can be read, nothing is fetched."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

import pytest

from indicators.registry import load_standards
from reports.site.palette import aqi_levels, contrast, coverage_levels, readable_ink, rules, water_classes
from reports.site.render import ASSETS, asset, style

TEMPLATES = sorted(
    item.name for item in files("reports").joinpath("templates").iterdir() if item.name.startswith("site_")
)


def template(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text("utf-8")


def test_the_bundled_script_is_the_one_its_readme_names():
    readme = asset("README.md").decode()
    said = dict(re.findall(r"^\| `([\w.]+)` \|.*\| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
    assert said == {"echarts.common.min.js": hashlib.sha256(asset("echarts.common.min.js")).hexdigest()}
    assert {"echarts.LICENSE", "echarts.NOTICE"} <= set(ASSETS)
    assert b"Apache License" in asset("echarts.LICENSE")


def test_classes_have_the_official_colours_and_signs():
    # 环办〔2011〕22号 表1: Ⅰ、Ⅱ 蓝, Ⅲ 绿, Ⅳ 黄, Ⅴ 橙, 劣Ⅴ 红
    assert [shade.key for shade in water_classes().values()] == ["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ"]
    red, green, blue = zip(*[shade.rgb for shade in water_classes().values()], strict=True)
    assert min(blue[0] - red[0], blue[1] - red[1]) > 0, "Ⅰ and Ⅱ are blue"
    assert green[2] > max(red[2], blue[2]), "Ⅲ is green"
    assert min(red[3], green[3]) > blue[3], "Ⅳ is yellow"
    assert red[4] > green[4] > blue[4], "Ⅴ is orange"
    assert red[5] > 2 * max(green[5], blue[5]), "劣Ⅴ is red"


@pytest.mark.parametrize("edition", ["HJ633-2012", "HJ633-2026"])
def test_every_text_can_be_read_on_its_colour(edition):
    levels = aqi_levels(list(load_standards().get(edition).tables["levels"].values()))
    # HJ 633 表2
    assert [levels[number].rgb for number in (1, 2, 3)] == [(0, 228, 0), (255, 255, 0), (255, 126, 0)]
    for shade in [*levels.values(), *water_classes().values()]:
        assert contrast(shade.rgb, shade.ink) >= 4.5, shade


def test_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)
    assert contrast((255, 0, 0), (255, 255, 255)) == pytest.approx(4.0, abs=0.01)
    assert readable_ink((255, 255, 0)) == (0, 0, 0)
    assert readable_ink((126, 0, 35)) == (255, 255, 255)


def test_coverage_rises_in_steps_and_is_told_apart_by_lightness():
    least = [share for share, _ in coverage_levels()]
    assert least == sorted(least)
    assert least[0] == 0.0
    light = [contrast(shade.rgb, (0, 0, 0)) for _, shade in coverage_levels()]
    assert light == sorted(light, reverse=True)


def test_the_style_has_a_rule_for_every_colour():
    levels = aqi_levels(list(load_standards().get("HJ633-2026").tables["levels"].values()))
    text = style(rules(levels)).decode()
    for number in range(1, 7):
        assert f".k{number}{{background:#" in text
        assert f".a{number}{{background:#" in text
    assert ".a1{background:#00e400;color:#000000}" in text


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_load_nothing_from_elsewhere_and_hold_no_script(name):
    text = template(name)
    assert not re.search(r"""(src|href)\s*=\s*["'](https?:)?//""", text)
    assert not re.search(r"\son\w+\s*=", text), "an inline handler"
    scripts = re.findall(r"<script\b[^>]*>", text)
    assert all("src=" in script or 'type="application/json"' in script for script in scripts)
    assert "|safe" not in text.replace(" ", "")


def test_our_own_script_writes_no_markup():
    script = asset("site.js").decode()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch("):
        assert forbidden not in script
