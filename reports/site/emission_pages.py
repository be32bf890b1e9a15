"""The page of a district's outlets: hours against their limits, tonnes, capture rate, permitted tonnes, exceedances one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.revisions import KINDS_ZH, VERDICTS
from reports.site.calendars import months_between
from reports.site.render import render
from vocabulary.parameters import parameters
from vocabulary.rounding import round_half_even

Record = Mapping[str, Any]

_KINDS_EN = {"hour": "hour", "day": "day"}
#: places of tonnes, and of a share in percent
_TONNES, _SHARE = 3, 1
#: what a permitted total's mark says of how sure it is, where that is worth saying
_UNSURE = {
    "P": ("待核", "to be checked"),
    "M": ("转引", "second-hand"),
    "U": ("未核实", "not verified"),
    "C": ("自定", "our own choice"),
}


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
    axis = months_between(months)
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
        years=_years(data["totals"]),
        **{name: value for name, value in common.items() if name != "names"},
    )


def _years(totals: Sequence[Record]) -> list[tuple[int, str, list[dict[str, Any]]]]:
    """Return each year with its last hour and its rows, the latest year first."""
    found = []
    for year in sorted({row["year"] for row in totals}, reverse=True):
        rows = [row for row in totals if row["year"] == year]
        found.append((year, max(row["until"] for row in rows), [_against(row) for row in rows]))
    return found


def _against(row: Record) -> dict[str, Any]:
    """Return the texts of tonnes beside a permit; what is not registered stays none, which is no zero."""
    key = row["parameter"].removesuffix("_norm")
    known = parameters().get(key)
    return {
        "name": row["name"],
        "joint": row["permit_of"] == "enterprise",
        "sites": row["sites"].split(",") if row["sites"] else [],
        "item": (known.zh, known.en) if known else (key, key),
        "tonnes": _rounded(row["tonnes"], _TONNES),
        "at_least": bool(row["open_hours"]),
        "substituted": _rounded(row["tonnes_substituted"], _TONNES),
        "permitted": _plain(row["permit_tonnes"]),
        "share": _rounded(None if row["permit_share"] is None else row["permit_share"] * 100, _SHARE),
        "remaining": _rounded(row["permit_remaining"], _TONNES),
        "beyond": row["permit_remaining"] is not None and row["permit_remaining"] < 0,
        "document": row["document"],
        "clause": row["clause"],
        "sure": _UNSURE.get(row["sure"]),
    }


def _rounded(value: float | None, places: int) -> str | None:
    return None if value is None else f"{round_half_even([value], places)[0]:.{places}f}"


def _plain(value: float | None) -> str | None:
    return None if value is None else f"{value:.10g}"


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
