"""Fill the site's templates: every text is escaped, scripts get data and no code, languages stand side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from reports.site.palette import water_classes
from reports.terminal import STATUS, figure, plain

#: files that lie beside the pages, as they are
ASSETS = (
    "echarts.common.min.js",
    "echarts.LICENSE",
    "echarts.NOTICE",
    "echarts.LICENSE-d3",
    "site.js",
)
_STYLE = "site.css"
_ROOM = "reports"
#: units of bare numbers
_BARE = {"1", "-", "dimensionless"}
#: characters that could end a script element, or a line of a script, inside of JSON
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def asset(name: str) -> bytes:
    """Return a bundled file."""
    return files(_ROOM).joinpath("assets", name).read_bytes()


def style(rules: str) -> bytes:
    """Return the style sheet with the rules of the colours at its end."""
    return asset(_STYLE) + b"\n/* colours, from data */\n" + rules.encode()


def data_block(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element: no character of it ends the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign, escape in _UNSAFE.items():
        text = text.replace(sign, escape)
    return Markup(text)  # noqa: S704  # nothing in it is markup: < > & are escapes


def both(zh: object, en: object = None) -> Markup:
    """Return a text in both languages, of which the page shows one; one text alone is shown in both."""
    first, second = plain(zh), plain(zh if en is None else en)
    if first == second:
        return Markup.escape(first)
    return Markup('<span class="zh" lang="zh-CN">{}</span><span class="en" lang="en">{}</span>').format(
        first, second
    )


def number(value: object, places: int | None = None) -> str:
    """Return a number as people read it: `—` for none, with a fixed count of decimals where one is given."""
    if value is None or value != value:  # noqa: PLR0124  # NaN is the only value unequal to itself
        return "—"
    if isinstance(value, int | float) and not isinstance(value, bool) and places is not None:
        return f"{value:.{places}f}"
    return plain(value)


def unit(text: object) -> str:
    """Return a unit as people write it: mg/m³, and nothing for a bare number."""
    found = str(text or "")
    return "" if found in _BARE else found.replace("ug/", "µg/").replace("m3", "m³").replace("m2", "m²")


def when(text: object) -> str:
    """Return an ISO time to the minute, with a blank between day and time."""
    return str(text)[:16].replace("T", " ") if text else "—"


@cache
def look() -> str:
    """Return a hash of templates and of the code that fills them: pages made by another program are made anew."""
    room = files(_ROOM)
    made_of = [item for item in room.joinpath("templates").iterdir() if item.name.startswith("site_")]
    made_of += [item for item in room.joinpath("site").iterdir() if item.name.endswith((".py", ".toml"))]
    made_of += [room.joinpath(name) for name in ("overview.py", "revisions.py", "terminal.py")]
    texts = {item.name: item.read_text("utf-8") for item in made_of}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def render(template: str, *, depth: int = 0, **context: Any) -> bytes:
    """Return a page.

    Parameters
    ----------
    template
        Name below reports/templates.
    depth
        How many folders the page lies below the site's own.
    context
        What the template names.
    """
    page = _environment().get_template(template)
    return page.render(root="../" * depth, **context).encode()


def grouped(rows: Sequence[Mapping[str, Any]], key: str) -> dict[Any, list[Mapping[str, Any]]]:
    """Return rows by one of their fields, in order."""
    found: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        loader=FunctionLoader(_template),
    )
    made.globals |= {
        "t": both,
        "data_block": data_block,
        "number": number,
        "figure": figure,
        "plain": plain,
        "when": when,
        "unit": unit,
        "grouped": grouped,
        "STATUS": STATUS,
        "CLASSES": water_classes(),
    }
    return made


def _template(name: str) -> str | None:
    place = files(_ROOM).joinpath("templates", name)
    return place.read_text("utf-8") if place.is_file() else None
