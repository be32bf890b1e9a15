"""Pages of one district: which there are, what each rests on, and how it is made where that changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flows.explain.pages import explained_links
from flows.site.parts import Span, digest
from reports import overview
from reports.site import air_pages, emission_pages, water_pages
from reports.site.paging import paged
from reports.site.render import look
from vocabulary.district import District

Record = dict[str, Any]


@dataclass
class Pages:
    """Pages of this build by path: those that must be made, and those that are the same as published."""

    published: Mapping[str, str]
    nav: list[Record]
    names: dict[str, str]
    made: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, rests_on: Any, make: Callable[[Record], bytes]) -> None:
        """Make a page, unless the published one was made from the same."""
        key = digest([look(), self.nav, self.names, rests_on])
        if self.published.get(path) == key:
            self.kept[path] = key
            return
        self.made[path] = make({"nav": self.nav, "here": path, "names": self.names})
        self.keys[path] = key


@dataclass(frozen=True)
class Gathered:
    """A district with its parts; `hashes` tell parts apart without looking into them."""

    district: District
    spans: dict[str, Span]
    facts: Record
    sites: list[Record]
    water: Record
    air: Record
    emissions: Record
    quality: Record
    plans: list[Record]
    hashes: dict[str, str]


def _section_page(
    item: Gathered, section: Record, episodes: list[Record], links: list[Record], common: Record
) -> bytes:
    """Return a section's page; `links` are the explanations that the night published of it."""
    months = item.spans["section"].months
    told = common | {"explained": links}
    return water_pages.section_page(item.facts, section, item.water, item.sites, episodes, months, told)


#: forms of documents -> the page they belong to
_EVALUATIONS = {"yearly", "mid-term", "final"}
_BULLETINS = {"sections", "black-odorous"}


def district_pages(
    pages: Pages, item: Gathered, episodes: list[Record], report: Path, documents: list[Record]
) -> None:
    """Add the pages of a district.

    Parameters
    ----------
    pages
        Of this build.
    item
        The district and what was gathered of it.
    episodes
        The district's.
    report
        Where explanations lie.
    documents
        Evaluations and bulletins made so far, of every district, with `href` from the report's folder.
    """
    key = item.district.key
    mine = [document for document in documents if document["district"] == key]
    evaluations = [document for document in mine if document["form"] in _EVALUATIONS]
    bulletins = [document for document in mine if document["form"] in _BULLETINS]
    pages.add(
        f"{key}/plan.html",
        ["plan", item.facts, item.hashes["plans"], evaluations],
        lambda common: overview.plan_page(
            item.facts, _by_group(item.plans), common | {"documents": evaluations}
        ),
    )
    _water_pages(pages, item, bulletins)
    placed = digest([item.facts, item.water["days"], item.water["items"], item.water["standard"]])
    for section in item.water["sections"]:
        of_it = [episode for episode in episodes if episode["subject"] == section["key"]]
        links = explained_links(report, key, section["key"])
        # of the other sites only those on its map have a say
        near = [str(mark) for mark in water_pages.around(section, item.sites, item.water["sections"])]
        make = partial(_section_page, item, section, of_it, links)
        pages.add(
            f"{key}/sections/{section['key']}.html", ["section", placed, near, section, of_it, links], make
        )
    _air_pages(pages, item)
    if item.emissions["outlets"]:
        pages.add(
            f"{key}/emissions.html",
            ["emissions", item.facts, item.hashes["emissions"]],
            lambda common: emission_pages.emissions_page(item.facts, item.emissions, common),
        )


def _water_pages(pages: Pages, item: Gathered, bulletins: list[Record]) -> None:
    """Add the list of sections: so many that a page stays quick; the first one has map and bulletins as well."""
    months = item.spans["section"].months
    for part in paged(item.water["sections"], "water"):
        whole = [item.sites, item.hashes["water"], bulletins]
        rests_on = whole if part.number == 1 else [part.rows, part.links]
        make = partial(water_pages.water_page, item.facts, item.water, item.sites, months, part)
        pages.add(
            f"{item.district.key}/{part.file}",
            ["water", item.facts, months, rests_on],
            partial(_with_documents, make, bulletins),
        )


def _with_documents(make: Callable[[Record], bytes], documents: list[Record], common: Record) -> bytes:
    return make(common | {"documents": documents})


def _air_pages(pages: Pages, item: Gathered) -> None:
    """Add the page of the air; stations that are too many for it have further pages."""
    if not (item.air["stations"] or item.air["days"]):
        return
    months = item.spans["station"].months
    first, *further = paged(item.air["stations"], "air")
    pages.add(
        f"{item.district.key}/air.html",
        ["air", item.facts, item.hashes["air"]],
        partial(air_pages.air_page, item.facts, item.air, months, first),
    )
    for part in further:
        pages.add(
            f"{item.district.key}/{part.file}",
            ["stations", item.facts, item.air["levels"], part.rows, part.links],
            partial(air_pages.stations_page, item.facts, item.air, part),
        )


def _by_group(plans: list[Record]) -> list[Record]:
    return [
        plan
        | {
            "rows_by_group": [
                {"group": (row["fact"]["group_zh"], row["fact"]["group_en"]), "row": row}
                for row in plan["rows"]
            ]
        }
        for plan in plans
    ]
