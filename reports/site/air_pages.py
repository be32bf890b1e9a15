"""The page of a district's air: calendars of the AQI, days by level, statistics beside their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.site.calendars import month_rows, months_between, since_first
from reports.site.paging import Part
from reports.site.palette import aqi_levels
from reports.site.render import number, render
from vocabulary.parameters import parameters

Record = Mapping[str, Any]

#: parameter of a statistic -> its names
_NAMES = {
    "o3_mda8": ("臭氧日最大8小时", "ozone, daily maximum of 8 hours"),
    "aqi": ("空气质量指数", "AQI"),
}
_STATISTICS = {
    "mean": ("平均值", "mean"),
    "p90": ("第90百分位数", "90th percentile"),
    "p95": ("第95百分位数", "95th percentile"),
    "p98": ("第98百分位数", "98th percentile"),
    "good_days": ("优良天数", "good days"),
    "good_day_ratio": ("优良天数比率（%）", "good-day ratio (%)"),
    "heavy_days": ("重度及以上污染天数", "days of heavy pollution or worse"),
    "composite_index": ("综合指数", "composite index"),
}
#: decimals of what is not written as a whole number
_PLACES = {"good_day_ratio": 1, "composite_index": 2, "co": 1}
#: statistic of a month -> chart
_CHARTS = (
    ("PM2.5 与 PM10 月均值", "PM2.5 and PM10, monthly means", "µg/m³", ("pm2_5 mean", "pm10 mean")),
    (
        "臭氧日最大8小时第90百分位数与二氧化氮、二氧化硫月均值",
        "Ozone (90th percentile of MDA8), NO2 and SO2 (monthly means)",
        "µg/m³",
        ("o3_mda8 p90", "no2 mean", "so2 mean"),
    ),
    ("一氧化碳日均值第95百分位数", "CO, 95th percentile of daily means", "mg/m³", ("co p95",)),
)


def last_day(data: Record) -> dict[str, Any] | None:
    """Return what a tile says of the district's last day with an AQI; None without one."""
    days = [day for day in data["days"] if day["aqi"] is not None]
    if not days:
        return None
    shade = aqi_levels(data["levels"]).get(int(days[-1]["level"]))
    words = ("", "") if shade is None else (shade.zh, shade.en)
    return {
        "day": days[-1]["day"],
        "aqi": int(days[-1]["aqi"]),
        "level": int(days[-1]["level"]),
        "zh": words[0],
        "en": words[1],
    }


def air_page(district: Record, data: Record, months: Sequence[str], part: Part, common: Record) -> bytes:
    """Return the page of a district's air; `part` is the first page of its stations."""
    levels = aqi_levels(data["levels"])
    newest = since_first(_cells(data["days"]), months)
    last = max((day["day"] for day in data["days"]), default="9999-12-31")
    calendars = [
        {
            "edition": "、".join(sorted({day["edition"] for day in data["days"]})),
            "in_force": True,
            "rows": month_rows(_cells(data["days"]), newest, last=last),
        }
    ]
    for edition, days in data["others"].items():
        covered = {day["day"][:7] for day in days}
        rows = month_rows(_cells(days), [month for month in newest if month in covered], last=last)
        calendars.append({"edition": edition, "in_force": False, "rows": rows})
    return render(
        "site_air.html",
        depth=1,
        charts=bool(data["months"]),
        title=(f"{district['name_zh']} 环境空气", f"{district['name_en']}: air"),
        district=district,
        levels=levels,
        clause=data["levels"][0]["clause"].split(" 表")[0] if data["levels"] else "",
        calendars=calendars if data["days"] else [],
        counts=_counts(data["counts"], levels),
        statistics={year: _statistics(rows) for year, rows in data["statistics"].items() if rows},
        primary=_primary(data["days"]),
        charts_data=[chart for chart in (_chart(data["months"], *given) for given in _CHARTS) if chart],
        months=[(month, data["months"][month]) for month in sorted(data["months"], reverse=True)],
        monthly=[(key, _label(key)) for _, _, _, keys in _CHARTS for key in keys],
        part=part,
        **common,
    )


def stations_page(district: Record, data: Record, part: Part, common: Record) -> bytes:
    """Return a further page of a district's stations."""
    return render(
        "site_stations.html",
        depth=1,
        title=(f"{district['name_zh']} 空气站", f"{district['name_en']}: air stations"),
        district=district,
        levels=aqi_levels(data["levels"]),
        part=part,
        **(dict(common) | {"here": f"{district['key']}/air.html"}),
    )


def _cells(days: Sequence[Record]) -> dict[str, tuple[int, str]]:
    return {
        day["day"]: (int(day["level"] or 0), str(int(day["aqi"]))) for day in days if day["aqi"] is not None
    }


def _counts(counts: Sequence[Record], levels: Mapping[int, Any]) -> list[dict[str, Any]]:
    """Return one row a year and edition with the days of every level."""
    rows: dict[tuple[str, str], dict[int, int]] = {}
    for count in counts:
        rows.setdefault((count["year"], count["edition"]), {})[int(count["level"])] = int(count["days"])
    return [
        {
            "year": year,
            "edition": edition,
            "days": [found.get(level, 0) for level in levels],
            "all": sum(found.values()),
        }
        for (year, edition), found in sorted(rows.items(), reverse=True)
    ]


def _statistics(rows: Sequence[Record]) -> list[dict[str, Any]]:
    """Return one row a statistic with a column an edition, each with its limit and whether it is attained."""
    series = list(dict.fromkeys(_of_series(row) for row in rows))
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for row in rows:
        key = ("" if row["statistic"] == "composite_index" else row["parameter"], row["statistic"])
        found.setdefault(key, {})[_of_series(row)] = row
    return [
        {
            "names": _name(parameter) if parameter else ("综合指数", "composite index"),
            "statistic": _STATISTICS.get(statistic, (statistic, statistic)),
            "cells": [_cell(cells.get(name)) for name in series],
            "series": series,
        }
        for (parameter, statistic), cells in found.items()
    ]


def _of_series(row: Record) -> str:
    return str(row["series"]).removeprefix("aqi_") or "—"


def _cell(row: Record | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "value": _written(row),
        "limit": number(row["limit"]) if row["limit"] is not None else "",
        "attained": row["attained"],
        "multiple": row["exceedance_multiple"],
        "days": f"{row['n_valid']}/{row['n_days']}" if row["n_valid"] is not None else "",
        "standard": row["standard"],
        "valid": row["valid"],
        "primary": _name(row["parameter"]) if row["statistic"] == "composite_index" else None,
    }


def _written(row: Record) -> str:
    """Return a statistic with the decimals it is published with: 70.0 %, 1.0 mg/m³, 5.85."""
    places = _PLACES.get(row["statistic"], _PLACES.get(row["parameter"]))
    return number(row["rounded"], places)


def _primary(days: Sequence[Record]) -> list[tuple[str, tuple[str, str], int]]:
    """Return year, pollutant and days on which it was the primary one, the most first."""
    found: dict[tuple[str, str], int] = {}
    for day in days:
        for key in str(day["primary"] or "").split(","):
            if key:
                found[day["day"][:4], key] = found.get((day["day"][:4], key), 0) + 1
    ranked = sorted(found.items(), key=lambda item: (-int(item[0][0]), -item[1], item[0][1]))
    return [(year, _name(key), count) for (year, key), count in ranked]


def _name(key: str) -> tuple[str, str]:
    if key in _NAMES:
        return _NAMES[key]
    known = parameters().get(key)
    return (known.zh, known.en) if known else (key, key)


def _label(key: str) -> tuple[str, str]:
    parameter, statistic = key.split(" ")
    names, words = _name(parameter), _STATISTICS[statistic]
    return f"{names[0]} {words[0]}", f"{names[1]}, {words[1]}"


def _chart(
    months: Mapping[str, Record], zh: str, en: str, unit: str, keys: Sequence[str]
) -> dict[str, Any] | None:
    # a month without data has its place on the axis: a line ends there
    axis = months_between(months)
    series: list[dict[str, Any]] = [
        {"name": list(_name(key.split(" ")[0])), "data": [months.get(month, {}).get(key) for month in axis]}
        for key in keys
    ]
    if not any(value is not None for one in series for value in one["data"]):
        return None
    return {"kind": "line", "title": [zh, en], "unit": unit, "x": axis, "series": series}
