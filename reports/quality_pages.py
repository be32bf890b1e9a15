"""Pages of what was judged: an index by source and month, and a page a batch; static, offline, escaped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment

from vocabulary.parameters import parameters
from vocabulary.reasons import reasons

_TEMPLATES = ("quality_style.html", "quality_index.html", "quality_batch.html")

#: severity -> what it does, in Chinese
SEVERITIES = {"quarantine": "隔离该行", "refuse": "整份拒收", "flag": "标记", "warn": "提醒", "note": "备注"}


@cache
def _texts() -> dict[str, str]:
    folder = files("reports").joinpath("templates")
    return {name: folder.joinpath(name).read_text("utf-8") for name in _TEMPLATES}


@cache
def _environment() -> Environment:
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=DictLoader(_texts()))
    made.globals |= {"reasons": reasons(), "severities": SEVERITIES, "parameters": parameters()}
    return made


def look() -> str:
    """Return what the pages look like as a short hash, so that old pages are known when it changes."""
    return hashlib.sha256("\0".join(_texts().values()).encode()).hexdigest()[:12]


def batch_html(outcome: Mapping[str, Any], *, district: str, name: str, judged_at: str) -> str:
    """Return the page of one batch.

    Parameters
    ----------
    outcome
        The kept outcome as plain data (quality.results.results_document).
    district
        Chinese name of the district.
    name, judged_at
        The batch and when it was judged, as shown.
    """
    page = _environment().get_template("quality_batch.html")
    return page.render(o=outcome, district=district, name=name, judged_at=judged_at)


def _ranked(codes: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(codes.items(), key=lambda item: (-item[1], item[0]))


def index_html(
    months: Sequence[Mapping[str, Any]],
    batches: Sequence[Mapping[str, Any]],
    *,
    names: Mapping[str, str],
    days: int,
    flags: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the index by source and month.

    Parameters
    ----------
    months
        One record a source and month, newest month first: district, source, month, counts, codes, remarks, batches.
    batches
        Batches with a page, newest first: district, source, name, judged_at, href, deliveries, rows, quarantined, refused.
    names
        District key -> Chinese name.
    days
        How long whole outcomes are kept.
    flags
        What the tests over time found, one record a district, test and parameter: district, test, zh, parameter,
        suspect, bad.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for month in sorted(months, key=lambda month: (month["district"], month["source"])):
        shown = dict(month) | {
            "batches": len(month["batches"]),
            "codes": _ranked(month["codes"]),
            "remarks": _ranked(month["remarks"]),
        }
        groups.setdefault((month["district"], month["source"]), []).append(shown)
    links: dict[tuple[str, str], list[Mapping[str, Any]]] = {key: [] for key in groups}
    for batch in batches:
        links[batch["district"], batch["source"]].append(batch)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in flags:
        found.setdefault(record["district"], []).append(record)
    page = _environment().get_template("quality_index.html")
    return page.render(groups=groups, links=links, names=names, days=days, flags=found)
