"""The static site: what each page shows is gathered, pages whose data changed are made, the folder is swapped.

Two looks decide what is done. A part of the data is gathered again where what it rests on changed
(`flows.site.parts`); a page is made again where its data, its template or the list of pages changed. What
stayed is linked over by `reports.site.folder`, so that the cost of a night follows the change.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, select

from flows.answers.alerts import episodes_known
from flows.answers.records import as_records
from flows.documents.write import documents_index
from flows.site.air import gather_air
from flows.site.emissions import gather_emissions, key_of_emissions
from flows.site.pages import Gathered, Pages, district_pages
from flows.site.parts import (
    Parts,
    Span,
    deliveries_known,
    digest,
    readings_known,
    rows_known,
    rules_of,
    spans_of,
)
from flows.site.quality import gather_quality
from flows.site.water import gather_water, ground_of
from reports import overview
from reports.site import air_pages, data_pages, water_pages
from reports.site.folder import Written, keys_of, others_files, publish_folder
from reports.site.palette import aqi_levels, rules
from reports.site.render import ASSETS, asset, style
from vocabulary.clock import now_utc, wall_time
from vocabulary.district import District
from vocabulary.plan import Indicator, Plan
from warehouse.recall import recall_table
from warehouse.schema import (
    air_days,
    aqi_days,
    flags,
    indicator_results,
    outlet_results,
    quarantine_steps,
    section_results,
)

Record = dict[str, Any]
#: tiles of sections on the overview; more are on the water page
_TILES = 6
#: pages of the whole site
_OWN = ("index.html", "alerts.html", "quality.html", "run.html", "documents.html")
#: what others publish beside the site: file endings -> title
_DOWNLOADS = {".xlsx": ("工作簿", "Workbooks"), ".docx": ("文档", "Documents")}


@dataclass
class Built:
    """What a build did: parts gathered, pages made, files written anew, seconds."""

    index: Path
    gathered: list[str]
    made: list[str]
    written: Written
    seconds: float = 0.0


def build_site(
    connection: Connection,
    home: Path,
    districts: Mapping[str, District],
    summary: Mapping[str, Any],
    run_date: date,
    *,
    folder: Path | None = None,
) -> Built:
    """Build the site of some districts and publish it.

    Parameters
    ----------
    connection
        To the warehouse; only read.
    home
        `report/` below it holds what others publish; kept parts lie in `site/`.
    districts
        Those that have pages.
    summary
        Of the run at hand or the last one, as plain data.
    run_date
        Up to which the site looks.
    folder
        Where the site goes; None: `home/report`. Elsewhere, what others published is copied along.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    began = time.monotonic()
    parts = Parts(home / "site")
    target = folder or home / "report"
    gathered = [_gather(connection, district, run_date, parts) for district in districts.values()]
    names = {item.district.key: item.district.name_zh for item in gathered}
    pages = Pages(keys_of(target), _nav(gathered), names)
    episodes = _episodes(connection, districts, gathered)
    documents = [entry | {"href": quote(entry["path"])} for entry in documents_index(home)]
    for item in gathered:
        mine = [episode for episode in episodes if episode["district"] == item.district.key]
        district_pages(pages, item, mine, home / "report", documents)
    beside = others_files(home / "report") if (home / "report").is_dir() else []
    # the page of an earlier program has the name of ours
    beside = [path for path in beside if path not in {*_OWN, *pages.made, *pages.kept}]
    _whole_pages(pages, gathered, episodes, summary, documents, beside)
    levels = aqi_levels(gathered[0].air["levels"]) if gathered else {}
    files = {f"assets/{name}": asset(name) for name in ASSETS}
    files["assets/site.css"] = style(rules(levels))
    if folder is not None and folder.resolve() != (home / "report").resolve():
        files |= {path: (home / "report" / path).read_bytes() for path in beside}
    written = publish_folder(target, pages.made | files, pages.kept, pages.keys)
    return Built(
        target / "index.html", parts.gathered, sorted(pages.made), written, round(time.monotonic() - began, 3)
    )


def _gather(connection: Connection, district: District, run_date: date, parts: Parts) -> Gathered:
    spans = spans_of(connection, district, run_date)
    rules = rules_of(district, run_date)
    key, mine = district.key, district.key
    kinds = {
        kind: district.sites.loc[district.sites["kind"] == kind, "key"].tolist()
        for kind in ("section", "station")
    }

    def known(table: Any) -> list[str]:
        return rows_known(connection, table, table.c.district == mine)

    def take(kind: str, span: Span, rests_on: list[Any], gather: Callable[[], Any]) -> tuple[Any, str]:
        return parts.take(f"{kind}-{key}", [rules, span.start, span.end, rests_on], gather)

    hashes: dict[str, str] = {}
    water, hashes["water"] = take(
        "water",
        spans["section"],
        [
            known(section_results),
            readings_known(
                connection, district, kinds["section"], spans["section"].start, spans["section"].end
            ),
        ],
        lambda: gather_water(connection, district, spans["section"]),
    )
    air, hashes["air"] = take(
        "air",
        spans["station"],
        [known(aqi_days), known(air_days)],
        lambda: gather_air(connection, district, spans["station"]),
    )
    emissions, hashes["emissions"] = take(
        "emissions",
        spans["outlet"],
        [known(outlet_results), key_of_emissions(connection, district, spans["outlet"], run_date)],
        lambda: gather_emissions(connection, district, spans["outlet"], parts, run_date),
    )
    steps = connection.execute(select(quarantine_steps.c.at).order_by(quarantine_steps.c.at.desc()).limit(1))
    quality, hashes["quality"] = take(
        "quality",
        spans[""],
        [
            deliveries_known(connection, district),
            rows_known(connection, flags),
            str(steps.scalar_one_or_none()),
        ],
        lambda: gather_quality(connection, district, spans[""]),
    )
    plans = _plans(connection, district, run_date)
    hashes["plans"] = digest(plans)
    sites = district.sites.drop_duplicates("key", keep="last")
    return Gathered(
        district,
        spans,
        {
            "key": key,
            "name_zh": district.name_zh,
            "name_en": district.name_en,
            "ground": ground_of(district),
        },
        as_records(sites[["key", "name", "kind", "river", "lon", "lat"]]),
        water,
        air,
        emissions,
        quality,
        plans,
        hashes,
    )


def _nav(gathered: list[Gathered]) -> list[Record]:
    def link(href: str, zh: str, en: str) -> Record:
        return {"href": href, "zh": zh, "en": en}

    groups = [
        {
            "name": "",
            "links": [link("index.html", "总览", "Overview"), link("alerts.html", "预警", "Alerts")],
        }
    ]
    for item in gathered:
        links = [link(f"{item.district.key}/plan.html", "规划", "Plan")]
        if item.water["sections"]:
            links.append(link(f"{item.district.key}/water.html", "水", "Water"))
        if item.air["stations"] or item.air["days"]:
            links.append(link(f"{item.district.key}/air.html", "空气", "Air"))
        if item.emissions["outlets"]:
            links.append(link(f"{item.district.key}/emissions.html", "排放", "Emissions"))
        groups.append({"name": item.district.name_zh, "links": links})
    about = [
        link("quality.html", "数据质量", "Data quality"),
        link("run.html", "运行", "Run"),
        link("documents.html", "文档", "Documents"),
    ]
    return [*groups, {"name": "", "links": about}]


def _whole_pages(
    pages: Pages,
    gathered: list[Gathered],
    episodes: list[Record],
    summary: Mapping[str, Any],
    documents: list[Record],
    beside: list[str],
) -> None:
    facts = [
        {
            **item.facts,
            "plans": item.plans,
            "air": air_pages.last_day(item.air),
            "water": [water_pages.latest_of(section) for section in item.water["sections"][:_TILES]],
            "more_water": max(0, len(item.water["sections"]) - _TILES),
        }
        for item in gathered
    ]
    words = data_pages.RUN_STATES.get(summary["status"], (summary["status"],) * 2)
    run = {
        "run_date": summary["run_date"],
        "known_at": f"{wall_time(now_utc()):%Y-%m-%d %H:%M}",
        "status_zh": words[0],
        "status": words[1],
        "findings": [*summary["failures"], *summary["findings"]],
    }
    waiting = [episode for episode in episodes if data_pages.is_open(episode)]
    # the clock has no say in whether the overview is made again: it tells when what it shows was known
    rests_on = [{name: value for name, value in run.items() if name != "known_at"}, facts, waiting]
    pages.add("index.html", ["overview", rests_on], partial(overview.overview_page, facts, waiting, run))
    pages.add("alerts.html", ["alerts", episodes], partial(data_pages.alerts_page, episodes))
    links = {
        "judged": "quality/index.html" if "quality/index.html" in beside else "",
        "revisions": sorted((path for path in beside if path.startswith("revisions-")), reverse=True),
    }
    data = [{**item.facts, "data": item.quality} for item in gathered]
    pages.add(
        "quality.html",
        ["quality", links, [[item.facts, item.hashes["quality"]] for item in gathered]],
        partial(data_pages.quality_page, data, links),
    )
    told = json.loads(json.dumps(summary, default=str))
    pages.add("run.html", ["run", told], partial(data_pages.run_page, told))
    files = _downloads(beside)
    pages.add(
        "documents.html",
        ["documents", documents, sorted(files.items())],
        partial(data_pages.documents_page, documents, files),
    )


def _downloads(beside: list[str]) -> dict[tuple[str, str], list[Record]]:
    """Return what others published beside the site, by kind, without what the documents' list has."""
    own = [path for path in beside if not path.startswith(("documents/", "quality/"))]
    found = {
        title: [{"href": quote(path), "name": path} for path in own if path.endswith(ending)]
        for ending, title in _DOWNLOADS.items()
    }
    pages = [path for path in own if path.endswith(".html") and not path.startswith("revisions-")]
    found["逐值追溯", "Traced values"] = [{"href": quote(path), "name": path} for path in pages]
    revisions = [path for path in own if path.startswith("revisions-")]
    found["修订报告", "Revisions by night"] = [{"href": quote(path), "name": path} for path in revisions]
    return found


def _episodes(
    connection: Connection, districts: Mapping[str, District], gathered: list[Gathered]
) -> list[Record]:
    """Return every episode but annulled ones as pages show it, the newest first."""
    pages = {
        (item.district.key, site["key"]): {
            "name": site["name"],
            "href": f"{item.district.key}/sections/{site['key']}.html" if site["kind"] == "section" else "",
        }
        for item in gathered
        for site in item.sites
    }
    rows = [row for row in episodes_known(connection, districts) if row["state"] != "annulled"]
    rows.sort(key=lambda row: (row["since"], row["id"]), reverse=True)
    found = []
    for row in rows:
        of_district = {site: page for (district, site), page in pages.items() if district == row["district"]}
        found.append(data_pages.shown_episode(row, of_district))
    return found


def _plans(connection: Connection, district: District, run_date: date) -> list[Record]:
    rows = recall_table(connection, indicator_results, indicator_results.c.district == district.key)
    rows = rows.drop(columns=["known_from", "known_until"]).sort_values(["plan", "period", "indicator"])
    return overview.plan_years([_plan(plan, run_date) for plan in district.plans], as_records(rows))


def _plan(plan: Plan, run_date: date) -> Record:
    return {
        **{
            name: getattr(plan, name)
            for name in ("id", "title_zh", "title_en", "first_year", "last_year", "document")
        },
        "indicators": [_fact(indicator, run_date) for indicator in plan.indicator],
    }


def _fact(indicator: Indicator, run_date: date) -> Record:
    names = ("number", "name_zh", "name_en", "unit", "kind", "better", "group_zh", "group_en", "decimals")
    target = indicator.target_at(run_date)
    # a path needs figures of one basis and one unit
    same = [
        base for base in indicator.baseline if base.unit == indicator.unit and not indicator.basis_changed
    ]
    return {
        **{name: getattr(indicator, name) for name in names},
        "baseline": [same[-1].year, same[-1].value] if same else None,
        "target": None if target.value is None else [target.year, target.value],
    }
