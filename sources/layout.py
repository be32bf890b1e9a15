"""A layout (版式) as data: sources/data/<layout>.toml, read once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any


class LayoutDataError(Exception):
    """A layout's data file lacks a key or holds one of the wrong kind."""


@dataclass(frozen=True)
class NameRule:
    """How a layout's file names tell dates; every pattern has the groups y, m (and d where it is a day).

    `issued` patterns name the day a revision was issued; they are taken out of the name before the
    data date is looked for.
    """

    days: tuple[re.Pattern[str], ...]
    months: tuple[re.Pattern[str], ...]
    issued: tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class LayoutData:
    """What every layout states; `rest` holds what only its own reader knows.

    `sure` is the evidence mark (V verified … U unverified).
    """

    source: str
    version: str
    valid_from: date
    valid_to: date | None
    clause: str
    sure: str
    medium: str
    missing: frozenset[str]
    time_label: str
    channel: str
    names: NameRule
    rest: dict[str, Any]


_COMMON = ("source", "version", "valid_from", "clause", "sure", "medium", "missing", "time_label", "channel")


def _patterns(data: dict[str, Any], key: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text) for text in data.get(key, ()))


@cache
def layout_data(layout: str) -> LayoutData:
    """Return the stated facts of a layout (`air_quotsoft`).

    Raises
    ------
    LayoutDataError
        When the data file lacks a common key.
    """
    data = tomllib.loads(files("sources").joinpath(f"data/{layout}.toml").read_text("utf-8"))
    lacking = [key for key in (*_COMMON, "names") if key not in data]
    if lacking:
        raise LayoutDataError(f"sources/data/{layout}.toml: missing {', '.join(lacking)}")
    names = data["names"]
    return LayoutData(
        source=data["source"],
        version=data["version"],
        valid_from=data["valid_from"],
        valid_to=data.get("valid_to"),
        clause=data["clause"],
        sure=data["sure"],
        medium=data["medium"],
        missing=frozenset(data["missing"]),
        time_label=data["time_label"],
        channel=data["channel"],
        names=NameRule(_patterns(names, "days"), _patterns(names, "months"), _patterns(names, "issued")),
        rest={key: value for key, value in data.items() if key not in {*_COMMON, "names", "valid_to"}},
    )
