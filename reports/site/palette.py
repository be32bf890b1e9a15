"""Colours of the site as data, and the style rules made of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Rgb = tuple[int, int, int]
_BLACK: Rgb = (0, 0, 0)
_WHITE: Rgb = (255, 255, 255)
_LINEAR_UNTIL = 0.04045


@dataclass(frozen=True)
class Shade:
    """A fill with its words: `key` is the class or level, `ink` the text on the fill."""

    key: str
    rgb: Rgb
    ink: Rgb
    zh: str
    en: str
    clause: str = ""


@cache
def water_classes() -> dict[int, Shade]:
    """Return the shades of classes 1…6 (环办〔2011〕22号 表1)."""
    return {
        item["class"]: Shade(
            key=item["sign"],
            rgb=_rgb(item["rgb"]),
            ink=_rgb(item["ink"]),
            zh=item["zh"],
            en=item["en"],
            clause=item["clause"],
        )
        for item in _data()["water_class"]
    }


@cache
def coverage_levels() -> tuple[tuple[float, Shade], ...]:
    """Return the shades of coverage with the least share of each, rising."""
    return tuple(
        (float(item["least"]), Shade(item["key"], _rgb(item["rgb"]), _BLACK, item["zh"], item["en"]))
        for item in _data()["coverage"]
    )


def aqi_levels(levels: Sequence[Mapping[str, Any]]) -> dict[int, Shade]:
    """Return the shades of the AQI's levels from the rows of a standard: level, rgb, zh, en, clause."""
    return {
        int(item["level"]): Shade(
            key=str(item["level"]),
            rgb=_rgb(item["rgb"]),
            ink=readable_ink(_rgb(item["rgb"])),
            zh=item["zh"],
            en=item["en"],
            clause=item["clause"],
        )
        for item in levels
    }


def readable_ink(fill: Rgb) -> Rgb:
    """Return black or white, whichever stands out more on a fill."""
    return _BLACK if contrast(fill, _BLACK) >= contrast(fill, _WHITE) else _WHITE


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colours, 1…21.

    Notes
    -----
    WCAG 2.2, contrast ratio.
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def rules(aqi: Mapping[int, Shade]) -> str:
    """Return the style rules of every shade: `.k1`…`.k6` classes, `.a1`…`.a6` AQI levels, `.v-…` coverage."""
    shades = [(f".k{number}", shade) for number, shade in water_classes().items()]
    shades += [(f".a{level}", shade) for level, shade in sorted(aqi.items())]
    lines = [f"{name}{{background:{_css(shade.rgb)};color:{_css(shade.ink)}}}" for name, shade in shades]
    lines += [
        f".v-{shade.key}{{fill:{_css(shade.rgb)};background:{_css(shade.rgb)}}}"
        for _, shade in coverage_levels()
    ]
    lines += [f".m{number}{{fill:{_css(shade.rgb)}}}" for number, shade in water_classes().items()]
    return "\n".join(lines) + "\n"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("reports").joinpath("site/palette.toml").read_text("utf-8"))


def _rgb(parts: Sequence[int]) -> Rgb:
    red, green, blue = parts
    return int(red), int(green), int(blue)


def _css(rgb: Rgb) -> str:
    return "#" + "".join(f"{part:02x}" for part in rgb)


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_UNTIL else ((part + 0.055) / 1.055) ** 2.4
