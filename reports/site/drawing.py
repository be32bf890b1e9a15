"""Drawings as inline SVG: paths of indicators, the map of the registry, the coverage of sources by day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports.site.palette import coverage_levels

#: kilometres of a degree of latitude; enough for a scale bar of a district
_KM_A_DEGREE = 111.32
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_BARS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: signs from here on are as wide as they are high (CJK)
_WIDE_FROM = 0x2E80
#: more names than these would hide each other: the table beside the map has them
_NAMED = 60
_WIDTH, _HEIGHT, _EDGE = 720.0, 460.0, 46.0
_LABEL_HEIGHT, _SIGN_WIDTH = 15.0, 12.5
_ROW, _LEFT, _HEAD = 22, 190, 22
#: how areas and lines under a map are drawn: (closed, schematic) -> attributes
_GROUND = {
    (True, False): 'fill="#eef2e6" fill-rule="evenodd" stroke="#5b6670" stroke-width="1.6"',
    (True, True): 'fill="none" stroke="#5b6670" stroke-width="1.4" stroke-dasharray="8 5"',
    (False, False): 'fill="none" stroke="#2a6f9e" stroke-width="2"',
    (False, True): 'fill="none" stroke="#2a6f9e" stroke-width="1.6" stroke-dasharray="8 5"',
}
_SCHEMATIC = ("示意范围，非行政边界", "schematic, not an administrative boundary")
#: pixels from which on two points are told apart
_SEEN = 0.7


@dataclass(frozen=True)
class Mark:
    """A site on the map: `kind` is its form, `shade` its class of colours, `word` what stands beside the name."""

    key: str
    name: str
    kind: str
    lon: float
    lat: float
    shade: str
    word: str
    href: str = ""
    here: bool = False


def sparkline(
    years: Sequence[int],
    values: Sequence[float | None],
    *,
    first: tuple[int, float] | None = None,
    goal: tuple[int, float] | None = None,
    band: tuple[int, float, float] | None = None,
    words: tuple[str, str] = ("", ""),
) -> Markup:
    """Return the path of an indicator: its years, the straight road from baseline to target, the projection's band.

    Parameters
    ----------
    years, values
        One value a year; None where there is none.
    first, goal
        Year and value of the baseline and of the target, where both are numbers of the same basis.
    band
        Year, low and high of the projection.
    words
        What it says for those who cannot see it, in Chinese and English.
    """
    points = [(year, value) for year, value in zip(years, values, strict=True) if value is not None]
    if not points:
        return Markup("")
    known = [*points, *([first] if first else []), *([goal] if goal else [])]
    known += [(band[0], band[1]), (band[0], band[2])] if band else []
    low, high = min(value for _, value in known), max(value for _, value in known)
    begin, end = min(year for year, _ in known), max(year for year, _ in known)

    def place(year: float, value: float) -> str:
        across = 5 + 110 * ((year - begin) / (end - begin) if end > begin else 0.5)
        up = 34 - 28 * ((value - low) / (high - low) if high > low else 0.5)
        return f"{across:.1f},{up:.1f}"

    parts = []
    if first and goal and first[0] < goal[0]:
        parts.append(f'<polyline class="road" points="{place(*first)} {place(*goal)}"/>')
    if goal:
        _, level = place(*goal).split(",")
        parts.append(f'<line class="goal" x1="3" x2="117" y1="{level}" y2="{level}"/>')
    if band:
        across, under = place(band[0], band[1]).split(",")
        _, over = place(band[0], band[2]).split(",")
        parts.append(f'<line class="band" x1="{across}" x2="{across}" y1="{under}" y2="{over}"/>')
    parts.append(f'<polyline class="path" points="{" ".join(place(*point) for point in points)}"/>')
    for point in points:
        across, up = place(*point).split(",")
        parts.append(f'<circle class="dot" cx="{across}" cy="{up}" r="2"/>')
    return Markup('<svg class="spark" viewBox="0 0 120 38" role="img" aria-label="{} {}">').format(
        *words
    ) + Markup("".join(parts) + "</svg>")  # noqa: S704  # only numbers of ours


def site_map(
    marks: Sequence[Mark],
    words: tuple[str, str],
    ground: Sequence[Mapping[str, Any]] = (),
    *,
    whole: bool = True,
) -> Markup:
    """Return the map of some sites with degrees and a scale; empty without coordinates.

    Parameters
    ----------
    marks
        The sites.
    words
        What it is, in Chinese and English.
    ground
        Shapes under the sites: `closed`, `parts` (rows of longitude and latitude), `name`, `schematic`. None is guessed:
        they are the district's own file (outline.geojson).
    whole
        The map shows all of the areas; else only what lies around the sites.
    """
    if not marks:
        return Markup("")
    middle = math.radians(sum(mark.lat for mark in marks) / len(marks))
    squeeze = max(math.cos(middle), 0.1)
    places = [(mark.lon, mark.lat) for mark in marks]
    if whole:
        places += [point for shape in ground if shape["closed"] for part in shape["parts"] for point in part]
    west, east = min(lon for lon, _ in places), max(lon for lon, _ in places)
    south, north = min(lat for _, lat in places), max(lat for _, lat in places)
    room = max((east - west) * squeeze * 0.08, (north - south) * 0.12, 0.01)
    west, east, south, north = west - room / squeeze, east + room / squeeze, south - room, north + room
    scale = min((_WIDTH - 2 * _EDGE) / ((east - west) * squeeze), (_HEIGHT - 2 * _EDGE) / (north - south))
    wide, tall = (east - west) * squeeze * scale, (north - south) * scale
    left = (_WIDTH - wide) / 2

    def across(lon: float) -> float:
        return left + (lon - west) * squeeze * scale

    def down(lat: float) -> float:
        return _EDGE + (north - lat) * scale

    height = tall + 2 * _EDGE
    parts = [_ground(ground, (left, _EDGE, wide, tall), across, down)]
    parts.append(_degrees(west, east, south, north, across, down))
    # open marks under full ones: classes are what one looks for
    ordered = sorted(marks, key=lambda mark: (mark.kind == "section", mark.here))
    parts += [_marked(mark, across(mark.lon), down(mark.lat)) for mark in ordered]
    if len(marks) <= _NAMED:
        parts.append(_names(ordered, [(across(mark.lon), down(mark.lat)) for mark in ordered]))
    parts.append(_scale_bar(scale, left + wide, height))
    # narrower, and its names could not be read: a phone moves it sideways
    head = Markup(
        '<svg class="map" style="min-width:34rem" viewBox="0 0 {:.0f} {:.0f}" role="group" aria-label="{} {}">'
    )
    return head.format(_WIDTH, height, *words) + Markup("").join(parts) + Markup("</svg>")


def ground_words(ground: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what a map's outlines are and whose, each said once: source and licence."""
    return list(dict.fromkeys((str(shape["source"]), str(shape["licence"])) for shape in ground))


def _ground(
    ground: Sequence[Mapping[str, Any]], frame: tuple[float, float, float, float], across: Any, down: Any
) -> Markup:
    """Draw areas and lines within the frame of degrees; what is no boundary is dashed, and said so."""
    if not ground:
        return Markup("")
    drawn = []
    for shape in sorted(ground, key=lambda shape: not shape["closed"]):
        path = "".join(
            _path([(across(lon), down(lat)) for lon, lat in part], closed=shape["closed"])
            for part in shape["parts"]
        )
        look = _GROUND[bool(shape["closed"]), bool(shape["schematic"])]
        said = " ".join([shape["name"], *(_SCHEMATIC if shape["schematic"] else ())]).strip()
        title = Markup("<title>{}</title>").format(said) if said else Markup("")
        drawn.append(
            Markup(f'<path class="ground" d="{path}" {look}>')  # noqa: S704  # only numbers of ours
            + title
            + Markup("</path>")
        )
    box = " ".join(f"{value:.1f}" for value in frame)
    left, top, wide, tall = (f"{value:.1f}" for value in frame)
    # a drawing of its own cuts off what lies beyond the degrees
    inner = Markup('<svg x="{}" y="{}" width="{}" height="{}" viewBox="{}">').format(
        left, top, wide, tall, box
    )
    found = inner + Markup("").join(drawn) + Markup("</svg>")
    if any(shape["schematic"] for shape in ground):
        label = Markup('<text x="{:.0f}" y="{:.0f}" text-anchor="middle">{}</text>')
        found += label.format(_WIDTH / 2, _EDGE - 18, " · ".join(_SCHEMATIC))
    return found


def _path(points: Sequence[tuple[float, float]], *, closed: bool) -> str:
    """Return a part as a path; points nearer to the one before than can be seen are left out."""
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= _SEEN:
            kept.append(point)
    if not closed:
        kept.append(points[-1])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept) + ("z" if closed else "")


def _degrees(west: float, east: float, south: float, north: float, across: Any, down: Any) -> Markup:
    step = next((step for step in _STEPS if max(east - west, north - south) / step <= 5), _STEPS[-1])  # noqa: PLR2004  # lines that fit
    places = max(0, -math.floor(math.log10(step)))
    found = []
    for count in range(math.ceil(west / step), math.floor(east / step) + 1):
        x = across(count * step)
        found.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{down(north):.1f}" y2="{down(south):.1f}"/>'
            f'<text class="tick" x="{x:.1f}" y="{down(south) + 14:.1f}" text-anchor="middle">'
            f"{count * step:.{places}f}°E</text>"
        )
    for count in range(math.ceil(south / step), math.floor(north / step) + 1):
        y = down(count * step)
        found.append(
            f'<line class="grid" x1="{across(west):.1f}" x2="{across(east):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{across(west) - 4:.1f}" y="{y + 4:.1f}" text-anchor="end">'
            f"{count * step:.{places}f}°N</text>"
        )
    return Markup("".join(found))  # noqa: S704  # only numbers of ours


def _marked(mark: Mark, x: float, y: float) -> Markup:
    """Return one site: a circle for a section, a triangle for a station, a square for an outlet, else a small diamond."""
    forms = {
        "section": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7.5"',
        "station": f'<polygon points="{x:.1f},{y - 8:.1f} {x + 7.5:.1f},{y + 6:.1f} {x - 7.5:.1f},{y + 6:.1f}"',
        "outlet": f'<rect x="{x - 5.5:.1f}" y="{y - 5.5:.1f}" width="11" height="11"',
    }
    small = f'<polygon points="{x:.1f},{y - 5.5:.1f} {x + 5.5:.1f},{y:.1f} {x:.1f},{y + 5.5:.1f} {x - 5.5:.1f},{y:.1f}"'
    form = Markup(forms.get(mark.kind, small))  # noqa: S704  # only numbers of ours
    drawn = form + Markup(' class="mark {}"><title>{} {}</title></{}>').format(
        mark.shade, mark.name, mark.word, {"section": "circle", "outlet": "rect"}.get(mark.kind, "polygon")
    )
    if mark.here:
        drawn += Markup('<circle class="here" cx="{:.1f}" cy="{:.1f}" r="13"/>').format(x, y)
    return Markup('<a href="{}">{}</a>').format(mark.href, drawn) if mark.href else drawn


def _names(marks: Sequence[Mark], places: Sequence[tuple[float, float]]) -> Markup:
    """Write names beside their marks, each where it hides no other; where there is no room it is left to its title."""
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in places]
    parts = []
    for mark, (x, y) in zip(marks, places, strict=True):
        text = f"{mark.name} {mark.word}".strip()
        wide = sum(_SIGN_WIDTH if ord(sign) >= _WIDE_FROM else _SIGN_WIDTH * 0.56 for sign in text)
        tries = (
            (x + 11, y + 4, "start", x + 11),
            (x - 11, y + 4, "end", x - 11 - wide),
            (x, y - 13, "middle", x - wide / 2),
            (x, y + 22, "middle", x - wide / 2),
        )
        for at, base, anchor, begin in tries:
            box = (begin, base - _LABEL_HEIGHT + 3, begin + wide, base + 3)
            inside = box[0] >= 0 and box[2] <= _WIDTH
            if inside and not any(
                _overlap(box, other) for other in taken if other != (x - 8, y - 8, x + 8, y + 8)
            ):
                taken.append(box)
                parts.append(
                    Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
                        at, base, anchor, text
                    )
                )
                break
    return Markup("").join(parts)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _scale_bar(scale: float, right: float, height: float) -> Markup:
    per_km = scale / _KM_A_DEGREE
    km = max((bar for bar in _BARS if bar * per_km <= 160), default=_BARS[0])  # noqa: PLR2004  # a fifth of the map
    wide = km * per_km
    bar = Markup('<line class="bar" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="middle">{} km</text>')
    y = height - 12
    return bar.format(right - wide, right, y, y) + text.format(right - wide / 2, y - 5, km)


def coverage_bands(
    names: Sequence[str], days: Sequence[str], shares: Mapping[str, Sequence[float]], words: tuple[str, str]
) -> Markup:
    """Return a row a source and a column a day, coloured by the share of the day's usual number of readings.

    Parameters
    ----------
    names
        Sources, in order.
    days
        ISO days, without gaps.
    shares
        Source -> one share a day.
    """
    if not days or not names:
        return Markup("")
    step = 900 / len(days)
    height = _HEAD + _ROW * len(names) + 4
    parts = [
        Markup('<svg class="cover" viewBox="0 0 {} {}" role="img" aria-label="{} {}">').format(
            _LEFT + 910, height, *words
        )
    ]
    firsts = [place for place, day in enumerate(days) if day.endswith("-01")]
    skip = max(1, math.ceil(len(firsts) / 16))
    parts += [
        Markup('<text x="{:.1f}" y="14">{}</text>').format(_LEFT + place * step, days[place][:7])
        for place in firsts[::skip]
    ]
    for row, name in enumerate(names):
        top = _HEAD + row * _ROW
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(top + 14, name[:26]))
        parts.append(
            Markup('<rect class="back" x="{}" y="{}" width="900" height="{}"/>').format(_LEFT, top, _ROW - 4)
        )
        levels = [_level(share) for share in shares[name]]
        for key in sorted({level for level in levels if level != "none"}):
            path = "".join(
                f"M{_LEFT + begin * step:.1f} {top}h{(end - begin) * step:.2f}v{_ROW - 4}h{-(end - begin) * step:.2f}z"
                for begin, end in _runs(levels, key)
            )
            parts.append(Markup('<path class="v-{}" d="{}"/>').format(key, path))
    return Markup("").join([*parts, Markup("</svg>")])


def _level(share: float) -> str:
    found = "none"
    for least, shade in coverage_levels():
        if share >= least:
            found = shade.key
    return found


def _runs(levels: Sequence[str], key: str) -> list[tuple[int, int]]:
    """Return begin and end of every stretch of one level."""
    mine = [False, *[level == key for level in levels], False]
    turns = [place for place in range(1, len(mine)) if mine[place] != mine[place - 1]]
    return [(begin - 1, end - 1) for begin, end in zip(turns[::2], turns[1::2], strict=True)]
