"""Pages of surface water: a district's list with its map, and a page a section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.site.calendars import month_rows, since_first
from reports.site.drawing import Mark, ground_words, site_map
from reports.site.paging import Part
from reports.site.palette import water_classes
from reports.site.render import render, unit
from vocabulary.parameters import parameters

Record = Mapping[str, Any]

_MAP_WORDS = ("点位图", "map of the sites")
#: sites on the map of a section
_NEAR = 40
#: square of how much shorter a degree of longitude is, at 36 degrees north
_SHORTER = 0.65
_LEVEL = {
    "国控": ("国控", "national"),
    "省控": ("省控", "provincial"),
    "市控": ("市控", "municipal"),
    "区控": ("区控", "district"),
}
#: reasons for which a period has no class, as they are stored -> English
_KINDS = {"station": ("空气站", "air station"), "outlet": ("排口", "outlet"), "point": ("点", "point")}


def latest_of(section: Record) -> dict[str, Any]:
    """Return what a tile says of a section: its latest month with a class, the sign and the words."""
    judged = [month for month in section["months"] if month["class"] is not None]
    if not judged:
        why = section["months"][-1]["reason"] if section["months"] else ""
        none = {
            "period": "",
            "class": None,
            "sign": "—",
            "word_zh": why or "暂无评价",
            "word_en": why or "not evaluated",
        }
        return {"key": section["key"], "name": section["name"], **none}
    month = judged[-1]
    shade = water_classes()[int(month["class"])]
    attained = month["attained"]
    ending = (
        ("", "") if attained is None else (("，达标", ", attained") if attained else ("，未达标", ", missed"))
    )
    return {
        "key": section["key"],
        "name": section["name"],
        "period": month["period"],
        "class": int(month["class"]),
        "sign": shade.key,
        "word_zh": shade.zh + ending[0],
        "word_en": shade.en + ending[1],
    }


def marks_of(
    sites: Sequence[Record], sections: Sequence[Record], *, depth: int, here: str = ""
) -> list[Mark]:
    """Return the marks of a district's sites that have coordinates; sections by the class of their latest month."""
    classes = {section["key"]: latest_of(section) for section in sections}
    marks = []
    for site in sites:
        if site["lon"] is None or site["lat"] is None:
            continue
        known = classes.get(site["key"])
        shade = f"m{known['class'] or 0}" if known else site["kind"]
        word = known["sign"] if known else _KINDS.get(site["kind"], ("", ""))[0]
        href = ""
        if known:
            href = f"{site['key']}.html" if depth == 2 else f"sections/{site['key']}.html"  # noqa: PLR2004  # beside it
        marks.append(
            Mark(
                key=site["key"],
                name=site["name"],
                kind=site["kind"],
                lon=site["lon"],
                lat=site["lat"],
                shade=shade,
                word=word,
                href=href,
                here=site["key"] == here,
            )
        )
    return marks


def water_page(
    district: Record, data: Record, sites: Sequence[Record], months: Sequence[str], part: Part, common: Record
) -> bytes:
    """Return a page of the list of a district's sections: class by month, the year so far; the first has the map."""
    first, ground = part.number == 1, district.get("ground", ())
    begun = min((row["period"] for section in data["sections"] for row in section["months"]), default="")
    shown = [month for month in months if month >= begun][:-16:-1]
    rows = [
        {
            "section": section,
            "latest": latest_of(section),
            "level": _LEVEL.get(section["level"], (section["level"], section["level"])),
            "months": [_by_period(section).get(month) for month in shown],
            "year": section["years"][-1] if section["years"] else None,
        }
        for section in part.rows
    ]
    return render(
        "site_water.html",
        depth=1,
        part=part,
        first=first,
        standing=_standing(data["sections"]) if part.links else [],
        title=(f"{district['name_zh']} 地表水", f"{district['name_en']}: surface water"),
        district=district,
        rows=rows,
        months=shown,
        map=site_map(marks_of(sites, data["sections"], depth=1), _MAP_WORDS, ground) if first else "",
        ground=ground_words(ground),
        unplaced=[site["name"] for site in sites if site["lon"] is None or site["lat"] is None],
        **(dict(common) | {"here": f"{district['key']}/water.html"}),
    )


def _standing(sections: Sequence[Record]) -> list[tuple[int, int]]:
    """Return class and how many sections have it by their latest evaluation; 0 stands for those without one."""
    latest = [latest_of(section)["class"] or 0 for section in sections]
    return [(number, latest.count(number)) for number in (*water_classes(), 0) if number in latest]


def section_page(
    district: Record,
    section: Record,
    data: Record,
    sites: Sequence[Record],
    episodes: Sequence[Record],
    months: Sequence[str],
    common: Record,
) -> bytes:
    """Return the page of one section: calendar, factors beside limits, months, map, episodes with their evidence."""
    target, ground = section["target_class"], district.get("ground", ())
    there = {key for row in section["means"].values() for key in row}
    items = [item for item in data["items"] if item["key"] in there]
    calendar = {day: (number, water_classes()[number].key) for day, number in section["calendar"].items()}
    return render(
        "site_section.html",
        depth=2,
        charts=bool(section["charts"]),
        title=(section["name"], f"Section {section['name']}"),
        district=district,
        section=section,
        level=_LEVEL.get(section["level"], (section["level"], section["level"])),
        latest=latest_of(section),
        calendar=month_rows(calendar, since_first(calendar, months), last=data["days"][-1]),
        items=[item | {"limit": _limit_text(section["limits"].get(item["key"]), target)} for item in items],
        means=[(month, section["means"][month]) for month in sorted(section["means"], reverse=True)],
        months=[
            month | {"factors": factors(month["worst"], month["multiples"])}
            for month in section["months"][::-1]
        ],
        years=[
            year | {"factors": factors(year["worst"], year["multiples"])} for year in section["years"][::-1]
        ],
        charts_data=[_chart(item, section, data) for item in items if item["key"] in section["charts"]],
        map=site_map(around(section, sites, data["sections"]), _MAP_WORDS, ground, whole=False),
        ground=ground_words(ground),
        episodes=episodes,
        last_day=max(section["calendar"], default=data["days"][-1]),
        standard=data["standard"],
        **common,
    )


def around(section: Record, sites: Sequence[Record], sections: Sequence[Record]) -> list[Mark]:
    """Return the marks of a section and the sites nearest to it; none where it has no position."""
    lon, lat = section["lon"], section["lat"]
    if lon is None or lat is None:
        return []
    placed = [site for site in sites if site["lon"] is not None and site["lat"] is not None]
    # a degree of longitude is shorter than one of latitude; for an order of nearness that is near enough
    placed.sort(key=lambda site: (site["lon"] - lon) ** 2 * _SHORTER + (site["lat"] - lat) ** 2)
    near = placed[:_NEAR]
    keys = {site["key"] for site in near}
    known = [other for other in sections if other["key"] in keys]
    return marks_of(near, known, depth=2, here=section["key"])


def factors(worst: str, multiples: str) -> list[tuple[str, str, str]]:
    """Return the main pollutants as (Chinese, English, multiple) from `nh3_n,tp` and `nh3_n=0.5;tp=0.2`."""
    of = dict(part.split("=", 1) for part in multiples.split(";") if "=" in part)
    known = parameters()
    return [
        (known[key].zh, known[key].en, of.get(key, "")) if key in known else (key, key, of.get(key, ""))
        for key in worst.split(",")
        if key
    ]


def _by_period(section: Record) -> dict[str, Record]:
    return {month["period"]: month for month in section["months"]}


def _limit_text(rule: Record | None, target: int | None) -> str:
    """Return the limit of the target's class, e.g. `≤ 1.5`; nothing without a target or a rule."""
    if rule is None or target is None:
        return "—"
    limit = rule["limits"][target - 1]
    if rule["kind"] == "range":
        return f"{limit[0]:g}–{limit[1]:g}"
    return f"{'≥' if rule['kind'] == 'lower' else '≤'} {limit:g}"


def _chart(item: Record, section: Record, data: Record) -> dict[str, Any]:
    # every item's axis begins with the section's first day: what lies before has nothing to show
    known = [
        next((at for at, value in enumerate(row) if value is not None), 0)
        for row in section["charts"].values()
    ]
    begin = min(known)
    rule, target = section["limits"].get(item["key"]), section["target_class"]
    limits: list[dict[str, Any]] = []
    if rule is not None:
        wanted = {target, len(rule["limits"])} - {None}
        for number in sorted(wanted):
            value = rule["limits"][number - 1]
            word = ("目标", "target") if number == target else ("", "")
            sign = water_classes()[number].key
            name = [f"{word[0]} {sign}类".strip(), f"{word[1]} class {sign}".strip()]
            pair = value if rule["kind"] == "range" else [value]
            limits += [{"value": one, "name": name} for one in pair]
    seen: list[dict[str, Any]] = []
    for limit in limits:
        if all(limit["value"] != other["value"] for other in seen):
            seen.append(limit)
    return {
        "kind": "line",
        "title": [f"{item['zh']} 日均值", f"{item['en']}, daily means"],
        "unit": unit(item["unit"]),
        "x": data["days"][begin:],
        "series": [{"name": [item["zh"], item["en"]], "data": section["charts"][item["key"]][begin:]}],
        "limits": seen,
        "fit": True,
        "scale": item["key"] in {"ph", "do", "water_temp"},
    }
