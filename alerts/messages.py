"""Messages of an episode: what, where, why, since when, by which clause, known as of when.

The texts are templates (alerts/templates, data). Whatever is put into one, a section's name, a file's
name, a column, passes `clean` first and is escaped for the channel's markup.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.evidence import Factor, at_time
from alerts.routing_settings import Language, Markup
from alerts.rules import Rule
from vocabulary.clock import wall_time
from vocabulary.water_class import WORSE_THAN_V, class_sign

_LONGEST = 160
_FULL_WIDTH = {ord(sign): ord(sign) + 0xFEE0 for sign in "<>&[]`*_#"}
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~!])")


@dataclass(frozen=True)
class Place:
    """Where an episode is: the section's name and river, the district's name, the section's target."""

    name: str
    river: str
    district: str
    target_class: int | None


@dataclass(frozen=True)
class Facts:
    """What a message tells of one episode; times are Asia/Shanghai, `known_at` is UTC."""

    since: pd.Timestamp
    until: pd.Timestamp | None
    last_seen: pd.Timestamp
    peak_at: pd.Timestamp
    worst_class: int
    n_readings: int
    factors: list[Factor]
    known_at: dt.datetime


@dataclass(frozen=True)
class Message:
    """One message, ready to leave by a channel of one language and markup."""

    title: str
    body: str


def clean(value: object) -> str:
    """Make any text safe to stand inside one line of a message.

    Control and format characters (line breaks, escape sequences, direction overrides, zero-width) become
    blanks, runs of blanks one blank; `@` becomes full width, so that no name can call a whole group; more
    than 160 characters are cut with an ellipsis.
    """
    kept = "".join(" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in str(value))
    line = " ".join(kept.split()).replace("@", "＠")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def write_message(
    rule: Rule,
    step: str,
    place: Place,
    facts: Facts,
    *,
    language: Language,
    markup: Markup,
    key: str,
) -> Message:
    """Write the message of one step of an episode.

    Parameters
    ----------
    rule, place, facts
        What happened, where, and why.
    step
        `firing`, `reopened`, `resolved` or `annulled`; a number behind it ("resolved-1") is for the key.
    language
        `zh`, `en`, or `zh+en`: Chinese first, English below.
    markup
        What the channel shows: `text`, `html` (lines end in `<br>`), `markdown`.
    key
        The message's number, by which a receiver knows one that came twice.
    """
    languages = language.split("+")
    titles, bodies = [], []
    for each in languages:
        context = _context(rule, step, place, facts, language=each) | {"key": key}
        titles.append(_render(f"{rule.kind}.title.{each}.j2", markup, context, title=True))
        bodies.append(_render(f"{rule.kind}.body.{each}.j2", markup, context))
    body = "\n\n".join(bodies)
    if markup == "html":
        body = body.replace("\n", "<br>\n")
    elif markup == "markdown":
        body = body.replace("\n", "  \n")
    return Message(title=titles[0], body=body)


def write_summary(rule: Rule, place: Place, facts: Facts, *, language: str) -> str:
    """Write an episode in one line of plain text, for lists; it does not depend on the time of the run."""
    return _render(
        f"{rule.kind}.summary.{language}.j2",
        "text",
        _context(rule, "firing", place, facts, language=language),
    )


def _context(rule: Rule, step: str, place: Place, facts: Facts, *, language: str) -> dict[str, Any]:
    words = _words()[language]
    peak = at_time(facts.factors, facts.peak_at)
    last = [] if facts.last_seen == facts.peak_at else at_time(facts.factors, facts.last_seen)
    return {
        "rule": rule,
        "step": step.split("-", maxsplit=1)[0],
        "place": place,
        "words": words,
        "since": _minute(facts.since),
        "until": "" if facts.until is None else _minute(facts.until),
        "last_seen": _minute(facts.last_seen),
        "peak_at": _minute(facts.peak_at),
        "worst_class": _class_label(words, facts.worst_class),
        "bound_class": _class_label(words, rule.clear_class),
        "target": "" if place.target_class is None else _class_label(words, place.target_class),
        "n_readings": facts.n_readings,
        "peak": peak,
        "last": last,
        "known_at": _minute(wall_time(facts.known_at)),
    }


def _class_label(words: dict[str, Any], number: int) -> str:
    kind = "worse" if number == WORSE_THAN_V else "class"
    return str(words[kind].format(sign=class_sign(min(number, WORSE_THAN_V - 1))))


def _minute(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _render(template: str, markup: Markup, context: dict[str, Any], *, title: bool = False) -> str:
    return _environment(markup, title=title).get_template(template).render(context).strip("\n")


@cache
def _environment(markup: Markup, *, title: bool) -> Environment:
    """Return the templates' environment: every inserted value is cleaned, then escaped for the markup.

    A title is shown as plain text by some services and as markup by others: there the signs of markup are
    replaced by their full-width twins, which are right in both.
    """
    finalize: Callable[[object], str] = clean
    if title and markup != "text":
        finalize = _finalize_title
    elif markup == "markdown":
        finalize = _finalize_markdown
    return Environment(
        loader=PackageLoader("alerts", "templates"),
        autoescape=markup == "html" and not title,  # noqa: S701 - other markups are escaped by finalize
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )


def _finalize_markdown(value: object) -> str:
    return _MARKDOWN.sub(r"\\\1", clean(value))


def _finalize_title(value: object) -> str:
    return clean(value).translate(_FULL_WIDTH)


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("alerts").joinpath("templates/words.toml").read_text("utf-8"))
