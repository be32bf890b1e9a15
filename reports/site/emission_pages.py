"""The page of a district's outlets: hours against their limits, tonnes, capture rate, exceedances one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.revisions import KINDS_ZH, VERDICTS
from reports.site.render import render

Record = Mapping[str, Any]

_KINDS_EN = {"hour": "hour", "day": "day"}


def emissions_page(district: Record, data: Record, common: Record) -> bytes:
    """Return the page of a district's outlets."""
    names = {key: (zh, en) for key, (zh, en, _) in data["names"].items()}
    units = {key: unit for key, (_, _, unit) in data["names"].items()}
    outlets = {outlet["key"]: outlet for outlet in data["outlets"]}
    quarters = sorted({row["period"] for row in data["quarters"]}, reverse=True)
    months = sorted({row["month"] for row in data["months"]})
    counted = {(row["month"], row["verdict"]): int(row["n"]) for row in data["months"]}
    verdicts = [
        key for key in ("exceed_hour", "exceed_day", "warn_hour") if any((m, key) in counted for m in months)
    ]
    axis = _months_between(months)
    return render(
        "site_emissions.html",
        depth=1,
        charts=bool(months) or bool(quarters),
        title=(f"{district['name_zh']} 污染源排放", f"{district['name_en']}: emissions"),
        district=district,
        outlets=outlets,
        names=names | common["names"],
        of=names,
        units=units,
        quarters=[
            (quarter, [row for row in data["quarters"] if row["period"] == quarter]) for quarter in quarters
        ],
        months=[(month, [counted.get((month, verdict), 0) for verdict in verdicts]) for month in axis[::-1]],
        verdicts=[VERDICTS[verdict] for verdict in verdicts],
        exceedances=_exceedances(axis, verdicts, counted),
        tonnes=_tonnes(data, outlets, names),
        found=[
            row
            | {
                "verdict_words": VERDICTS.get(row["verdict"], (row["verdict"], row["verdict"])),
                "kind_words": (KINDS_ZH.get(row["period_kind"], ""), _KINDS_EN.get(row["period_kind"], "")),
            }
            for row in data["found"]
        ],
        n_found=data["n_found"],
        limits=data["limits"],
        **{name: value for name, value in common.items() if name != "names"},
    )


def _exceedances(
    axis: list[str], verdicts: list[str], counted: Mapping[tuple[str, str], int]
) -> dict[str, Any] | None:
    if not axis:
        return None
    return {
        "kind": "bar",
        "title": ["每月超标与预警次数", "Exceedances and warnings by month"],
        "unit": "",
        "x": axis,
        "series": [
            {
                "name": list(VERDICTS[verdict]),
                "data": [counted.get((month, verdict), 0) for month in axis],
                "stack": "all",
            }
            for verdict in verdicts
        ],
    }


def _tonnes(
    data: Record, outlets: Mapping[str, Record], names: Mapping[str, tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return a chart an outlet: tonnes of its items by quarter; items without any are left out."""
    axis = sorted({row["period"] for row in data["quarters"]})
    found: dict[str, dict[str, dict[str, float]]] = {}
    for row in data["quarters"]:
        if row["tonnes"]:
            tonnes = float(f"{row['tonnes']:.4g}")
            found.setdefault(row["site"], {}).setdefault(row["parameter"], {})[row["period"]] = tonnes
    return [
        {
            "kind": "bar",
            "title": [f"{_name(site, outlets)} 各季度排放量", f"{_name(site, outlets)}: tonnes by quarter"],
            "unit": "t",
            "x": axis,
            "series": [
                {"name": list(names.get(key, (key, key))), "data": [values.get(quarter) for quarter in axis]}
                for key, values in sorted(items.items())
            ],
        }
        for site, items in sorted(found.items())
    ]


def _name(site: str, outlets: Mapping[str, Record]) -> str:
    return str(outlets[site]["name"]) if site in outlets else site


def _months_between(months: list[str]) -> list[str]:
    """Return every month from the first to the last."""
    if not months:
        return []
    first, last = (int(text[:4]) * 12 + int(text[5:7]) - 1 for text in (months[0], months[-1]))
    return [f"{count // 12}-{count % 12 + 1:02d}" for count in range(first, last + 1)]
