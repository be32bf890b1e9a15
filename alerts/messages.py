"""Messages of an episode: what, where, why, since when, by which clause, known as of when, and what to do.

The texts are templates (alerts/templates, data): one shape for all, the facts of each family of rules in
`facts-<family>`, the words in `words.toml`. `alerts.wording` makes what is inserted safe.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from alerts.evidence import Factor, at_time, named
from alerts.routing_settings import Form, Language, Markup
from alerts.rules import Rule
from alerts.wording import Address, finish, render, words
from vocabulary.clock import wall_time
from vocabulary.rounding import round_half_even
from vocabulary.water_class import WORSE_THAN_V, class_sign

#: steps after which nobody is asked to acknowledge anything
_OVER = frozenset({"resolved", "annulled", "acknowledged", "closed"})
#: families whose factors are readings: they may carry quality flags, and are counted as such; others count days
_MEASURED = frozenset({"section", "outlet"})
#: basis of a rule -> how its times are written
_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
#: family of templates, and words, of kinds that have none of their own
_GENERAL = "general"


@dataclass(frozen=True)
class Place:
    """Where an episode is: the subject's name, river or enterprise, the district's name, a section's target."""

    name: str
    river: str
    district: str
    target_class: int | None
    enterprise: str = ""


@dataclass(frozen=True)
class Facts:
    """What a message tells of one episode; times are Asia/Shanghai, `known_at` is UTC.

    `bound_class` is the class that was to be kept (without it the rule's `clear_class`); `details` are
    facts of the kind of rule: a label's key of templates/words.toml and the amount as text;
    `condition_zh`, `condition_en` say when the rule raises, for rules whose numbers the template does not know.
    """

    since: pd.Timestamp
    until: pd.Timestamp | None
    last_seen: pd.Timestamp
    peak_at: pd.Timestamp
    worst_class: int | None
    n_readings: int
    factors: list[Factor]
    known_at: dt.datetime
    bound_class: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    condition_zh: str = ""
    condition_en: str = ""


@dataclass(frozen=True)
class Trend:
    """The last values of a factor, oldest first, as text; `direction` is rising, falling or steady."""

    zh: str
    en: str
    unit: str
    amounts: tuple[str, ...]
    direction: str


@dataclass(frozen=True)
class Neighbour:
    """A section of the same river: `side` is upstream, downstream or river (which of them is not known)."""

    side: str
    name: str
    water_class: int
    at: pd.Timestamp


@dataclass(frozen=True)
class Beside:
    """What stands beside the facts: the episode's number, the role told, links, trends, neighbours."""

    episode_id: int | None = None
    role_zh: str = ""
    role_en: str = ""
    respond: str = ""
    silence: str = ""
    trends: tuple[Trend, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True)
class Message:
    """One message, ready to leave by a channel of one language and markup."""

    title: str
    body: str


def write_message(
    rule: Rule,
    step: str,
    place: Place,
    facts: Facts,
    *,
    language: Language,
    markup: Markup,
    key: str,
    form: Form = "full",
    beside: Beside | None = None,
) -> Message:
    """Write the message of one step of an episode.

    Parameters
    ----------
    rule, place, facts
        What happened, where, and why.
    step
        `firing`, `reopened`, `worsened`, `reminder`, `escalated`, `resolved` or `annulled`; a number behind
        it ("resolved-1") is for the key, of a reminder it is told.
    language
        `zh`, `en`, or `zh+en`: Chinese first, English below.
    markup
        What the channel shows: `text`, `html` (lines end in `<br>`), `markdown`.
    key
        The message's number, by which a receiver knows one that came twice.
    form
        `full`, or `short` for channels that carry a few lines.
    beside
        What is known beyond the facts; without it no line speaks of it.
    """
    template = "short" if form == "short" else "body"
    titles, bodies = [], []
    for each in language.split("+"):
        context = _context(rule, step, place, facts, language=each, beside=beside or Beside()) | {"key": key}
        titles.append(render(f"title.{each}.j2", markup, context, title=True))
        if form == "short":
            context["summary"] = write_summary(rule, place, facts, language=each)
        bodies.append(render(f"{template}.{each}.j2", markup, context))
    return Message(title=titles[0], body=finish("\n\n".join(bodies), markup))


def write_summary(rule: Rule, place: Place, facts: Facts, *, language: str) -> str:
    """Write an episode in one line of plain text, for lists; it does not depend on the time of the run."""
    context = _context(rule, "firing", place, facts, language=language, beside=Beside())
    return render(f"summary.{language}.j2", "text", context)


def facts_on_record(row: Mapping[str, Any], *, known_at: dt.datetime) -> Facts:
    """Return the facts of an episode as its row tells them: for steps that no new reading gives rise to.

    Parameters
    ----------
    row
        Of the table `episodes`.
    known_at
        Time of the message, UTC.
    """
    evidence = json.loads(row["evidence"]) if row["evidence"] else {}
    factors = [_factor_on_record(reading) for reading in evidence.get("readings", ())]
    since = pd.Timestamp(row["since"])
    worst = max(factors, key=lambda factor: factor.multiple or 0.0, default=None)
    times = [pd.Timestamp(factor.observed_at) for factor in factors]
    return Facts(
        since=since,
        until=None if row["until"] is None or pd.isna(row["until"]) else pd.Timestamp(row["until"]),
        last_seen=max(times, default=since),
        peak_at=since if worst is None else pd.Timestamp(worst.observed_at),
        worst_class=None if row["class"] is None or pd.isna(row["class"]) else int(row["class"]),
        n_readings=int(evidence.get("n_readings", len(factors))),
        factors=factors,
        known_at=known_at,
        bound_class=evidence.get("bound_class"),
        details={str(name): str(value) for name, value in evidence.get("details", {}).items()},
        condition_zh=str(evidence.get("condition_zh", "")),
        condition_en=str(evidence.get("condition_en", "")),
    )


def family_of(kind: str) -> str:
    """Return the family of templates that tells the facts of a kind of rule."""
    return str(words()["families"].get(kind, _GENERAL))


def class_label(number: int, language: str) -> str:
    """Return a water class as people say it: Ⅳ类, 劣Ⅴ类; class Ⅳ, worse than class Ⅴ."""
    said = words()[language]
    kind = "worse" if number == WORSE_THAN_V else "class"
    return str(said[kind].format(sign=class_sign(min(number, WORSE_THAN_V - 1))))


def _factor_on_record(reading: Mapping[str, Any]) -> Factor:
    zh, en, _ = named(reading["parameter"])
    return Factor(
        parameter=reading["parameter"],
        zh=zh,
        en=en,
        value=reading["value"],
        limit=reading["limit"],
        multiple=reading["multiple"],
        unit=reading["unit"],
        observed_at=reading["observed_at"],
        delivery=reading["delivery"],
        sheet=reading["sheet"],
        row=reading["row"],
        column=reading["column"],
        flags=reading.get("flags", ""),
        flags_zh=reading.get("flags_zh", reading.get("flags", "")),
        flags_en=reading.get("flags_en", reading.get("flags", "")),
    )


def _context(
    rule: Rule, step: str, place: Place, facts: Facts, *, language: str, beside: Beside
) -> dict[str, Any]:
    said = words()[language]
    family = family_of(rule.kind)
    bound = facts.bound_class if facts.bound_class is not None else getattr(rule, "clear_class", None)
    bound_class = class_label(bound, language) if bound and family == "section" else ""
    base, _, number = step.partition("-")
    basis = str(getattr(rule, "basis", ""))
    peak = at_time(facts.factors, facts.peak_at)
    last = [] if facts.last_seen == facts.peak_at else at_time(facts.factors, facts.last_seen)
    counted = said["counted"].get(rule.kind, said["counted"][_GENERAL])
    shown = {"language": language, "bound_class": bound_class}
    return {
        "rule": rule,
        "family": family,
        "step": base,
        "number": number,
        "place": place,
        "words": said,
        "since": _moment(facts.since, basis),
        "until": "" if facts.until is None else _moment(facts.until, basis),
        "last_seen": _moment(facts.last_seen, basis),
        "peak_at": _moment(facts.peak_at, basis),
        "worst_class": (
            class_label(facts.worst_class, language) if facts.worst_class and family == "section" else ""
        ),
        "measured": family in _MEASURED,
        "counts": family in _MEASURED or family == "air",
        "bound_class": bound_class,
        "target": "" if place.target_class is None else class_label(place.target_class, language),
        "n_readings": facts.n_readings,
        "basis": _basis(said, family, basis),
        "basis_short": _short_basis(basis, language),
        "bound_word": said["bounds"].get(family, said["bounds"][_GENERAL]),
        "counted": counted.format(bound=bound_class),
        "peak": [_shown(factor, **shown) for factor in peak],
        "last": [_shown(factor, **shown) for factor in last],
        "flagged": sum(bool(factor.flags) for factor in (*peak, *last)),
        "details": [(said["details"].get(name, name), value) for name, value in facts.details.items()],
        "condition": _condition(rule, facts, language),
        "known_at": _moment(wall_time(facts.known_at), ""),
        "trends": [
            {
                "name": getattr(item, language),
                "amounts": item.amounts,
                "unit": item.unit,
                "direction": said["trends"][item.direction],
            }
            for item in beside.trends
        ],
        "neighbours": [
            {
                "side": said["neighbours"][item.side],
                "name": item.name,
                "label": class_label(item.water_class, language),
                "at": _moment(item.at, ""),
            }
            for item in beside.neighbours
        ],
        "episode_id": beside.episode_id,
        "role": beside.role_zh if language == "zh" else beside.role_en,
        "respond": Address(beside.respond) if beside.respond else "",
        "silence": Address(beside.silence) if beside.silence else "",
        "asks": base not in _OVER,
    }


def _decimal(value: float, places: int) -> str:
    """Return a figure by its places, half to even on the decimal, without zeros at its end."""
    return f"{round_half_even([value], places)[0]:.10g}"


def _shown(factor: Factor, *, language: str, bound_class: str) -> dict[str, Any]:
    """Return a reading as the template shows it; one that is within its upper limit tells its share of it."""
    within = factor.multiple is not None and factor.multiple < 0 and isinstance(factor.limit, float)
    read = replace(factor, unit=words()[language]["units"].get(factor.unit, factor.unit))
    bound = f"≤ {factor.limit:.10g} {read.unit}".strip() if within else read.bound
    return {
        "name": getattr(factor, language),
        # what stands still or is missing has a name and no value
        "measured": read.measured if factor.value is not None else "",
        "bound_label": bound_class,
        "bound": bound if factor.limit is not None else "",
        "times": "" if within or factor.multiple is None else _decimal(factor.multiple, 3),
        "share": _decimal(100 * (1 + (factor.multiple or 0.0)), 0) if within else "",
        "delivery": factor.delivery,
        "sheet": factor.sheet,
        "row": factor.row,
        "column": factor.column,
        "flags": (factor.flags_zh if language == "zh" else factor.flags_en) or factor.flags,
    }


def _condition(rule: Rule, facts: Facts, language: str) -> str:
    """Say when the rule raises: as the facts say it, else from the rule's own numbers."""
    stated = facts.condition_zh if language == "zh" else facts.condition_en
    after, multiple = getattr(rule, "raise_after", None), getattr(rule, "raise_multiple", None)
    if stated or after is None:
        return stated
    if language == "zh":
        return f"连续 {after} 次" + (f"，或一次超过限值的 {multiple:g} 倍，即报" if multiple else "即报")
    return f"{after} in a row" + (f", or one beyond {multiple:g} times the limit" if multiple else "")


def _basis(said: Mapping[str, Any], family: str, basis: str) -> str:
    """Return what is counted: readings and means of a place, else days or hours."""
    table = said["basis"] if family in _MEASURED else said["spans"]
    return str(table.get(basis, table["sample"]))


def _short_basis(basis: str, language: str) -> str:
    if basis in ("", "sample"):
        return "次读数" if language == "zh" else "readings"
    return str(words()[language]["basis"][basis]) if basis in words()[language]["basis"] else basis


def _moment(moment: dt.datetime, basis: str) -> str:
    """Write a time as the rule's basis has it: a day, a month and a year have no hour."""
    return f"{moment:{_FORMATS.get(basis, '%Y-%m-%d %H:%M')}}"
