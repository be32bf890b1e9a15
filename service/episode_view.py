"""What the page of an episode shows: facts, readings with file and row, steps and acts in one line of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from alerts.acts import audit_trail
from alerts.messages import Facts, class_label, facts_on_record, family_of
from alerts.rules import AlertSettings
from alerts.surroundings import trends
from alerts.wording import words as alert_words
from service.words import words
from vocabulary.clock import wall_time
from vocabulary.district import District
from warehouse.schema import episode_steps, silences

#: steps that acts make too: the act says more
_BY_ACT = frozenset({"acknowledged", "closed"})


@dataclass(frozen=True)
class View:
    """One episode in the words of one language; times are Asia/Shanghai."""

    title: str
    level: str
    level_word: str
    state: str
    is_firing: bool
    message: str
    acknowledged: tuple[str, str] | None
    facts: list[tuple[str, str]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    trail: list[dict[str, str]] = field(default_factory=list)


def view_of(
    connection: Connection,
    row: Mapping[str, Any],
    district: District | None,
    settings: AlertSettings | None,
    language: str,
) -> View:
    """Return what the page of an episode shows.

    Parameters
    ----------
    connection
        Reading.
    row
        Of the table `episodes`.
    district, settings
        Of the episode's district; None when its folder is gone: then keys stand for names.
    language
        `zh` or `en`.
    """
    said, told = words(language), alert_words()[language]
    rule = next((rule for rule in settings.rules if rule.id == row["rule"]), None) if settings else None
    title = row["rule"] if rule is None else (rule.title_zh if language == "zh" else rule.title_en)
    site = _site(district, row["subject"])
    facts = facts_on_record(row, known_at=row["known_at"])
    steps = _steps(connection, row["id"])
    acts = audit_trail(connection, row["id"])
    family = "general" if rule is None else family_of(rule.kind)
    name = _name_of(row["subject"], site, district, facts, family, language)
    marks = [
        (told["places"][family], f"{name} ({row['subject']})"),
        (said["facts"]["river"], site.get("river", "")),
        (said["facts"]["enterprise"], site.get("enterprise", "")),
        (said["facts"]["district"], _district_name(district, row["district"], language)),
    ]
    if facts.worst_class and family == "section":
        target = site.get("target_class")
        marks += [
            (said["facts"]["water"], class_label(facts.worst_class, language)),
            (said["facts"]["target"], class_label(int(target), language) if target else said["unknown"]),
        ]
    marks += [
        (said["facts"]["since"], _minute(row["since"])),
        (
            said["facts"]["until"],
            said["facts"]["still_open"] if row["until"] is None else _minute(row["until"]),
        ),
        (told["bounds"].get(family, told["bounds"]["general"]).capitalize(), row["limit"]),
        (said["facts"]["clause"], "" if rule is None else rule.clause),
    ]
    marks += [(told["details"].get(name, name), value) for name, value in facts.details.items()]
    for trend in trends(connection, row["district"], row["subject"], facts):
        name = trend.zh if language == "zh" else trend.en
        direction = told["trends"][trend.direction]
        amounts = " → ".join(trend.amounts)
        marks.append((said["facts"]["trend"], f"{name} {amounts} {trend.unit} ({direction})"))
    marks += [
        (said["facts"]["known"], _minute(wall_time(row["known_at"]))),
        (said["facts"]["number"], str(row["id"])),
    ]
    return View(
        title=f"{title}：{name}" if language == "zh" else f"{title}: {name}",
        level=row["level"],
        level_word=told["levels"].get(row["level"], row["level"]),
        state=said["states"].get(row["state"], row["state"]),
        is_firing=row["state"] == "firing",
        message=row[f"message_{language}"],
        acknowledged=_who_acknowledged(steps) if row["state"] == "acknowledged" else None,
        facts=[(label, value) for label, value in marks if value],
        readings=[
            {
                "name": factor.zh if language == "zh" else factor.en,
                "measured": factor.measured,
                "bound": factor.bound,
                "times": factor.times,
                "observed_at": factor.observed_at,
                "delivery": factor.delivery,
                "sheet": factor.sheet,
                "row": factor.row,
                "column": factor.column,
                "flags": (factor.flags_zh if language == "zh" else factor.flags_en) or factor.flags,
            }
            for factor in facts.factors
        ],
        trail=_trail(steps, acts, _silences(connection, row), language),
    )


def _steps(connection: Connection, episode_id: int) -> list[dict[str, Any]]:
    query = select(episode_steps).where(episode_steps.c.episode_id == episode_id)
    return [dict(row) for row in connection.execute(query.order_by(episode_steps.c.at)).mappings()]


def _silences(connection: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the silences that held messages of this episode, or hold them."""
    query = select(silences).where(
        silences.c.district == row["district"],
        silences.c.rule.in_(("", row["rule"])),
        silences.c.subject.in_(("", row["subject"])),
    )
    first = wall_time(row["known_at"]) if row["until"] is None else row["until"]
    since = min(first, row["since"])
    return [dict(item) for item in connection.execute(query).mappings() if item["ends_at"] >= since]


def _trail(
    steps: list[dict[str, Any]],
    acts: list[dict[str, Any]],
    held: list[dict[str, Any]],
    language: str,
) -> list[dict[str, str]]:
    """Put steps, acts and silences into one line of time, the newest first."""
    said = words(language)
    lines: list[tuple[datetime, dict[str, str]]] = []
    by_act = {act["act"] for act in acts}
    for step in steps:
        base, _, number = step["step"].partition("-")
        if base in _BY_ACT and by_act & {"acknowledge", "resolve"}:
            continue
        what = said["steps"].get(base, step["step"])
        lines.append(
            (
                step["at"],
                {
                    "what": f"{what} {number}".strip() if base in ("reminder", "escalated") else what,
                    "who": "" if base not in _BY_ACT else step["actor"],
                    "note": step["note"] if base in _BY_ACT else "",
                    "how": said["told"].get(step["note"], ""),
                },
            )
        )
    for act in acts:
        line = {
            "what": said["acts"].get(act["act"], act["act"]),
            "who": act["actor"],
            "note": act["note"],
            "how": said["via"].get(act["via"], act["via"]),
        }
        lines.append((act["at"], line))
    for item in held:
        ends = item["ended_at"] or item["ends_at"]
        text = said["said"]["silence_line"].format(
            at=_minute(wall_time(ends)), owner=item["owner"], reason=item["reason"]
        )
        line = {"what": said["acts"]["silence"], "who": "", "note": text, "how": ""}
        lines.append((item["starts_at"], line))
    lines.sort(key=lambda line: line[0], reverse=True)
    return [line | {"at": _minute(wall_time(at))} for at, line in lines]


def _who_acknowledged(steps: list[dict[str, Any]]) -> tuple[str, str] | None:
    mine = [step for step in steps if step["step"].startswith("acknowledged")]
    return (mine[-1]["actor"], _minute(wall_time(mine[-1]["at"]))) if mine else None


def _site(district: District | None, key: str) -> dict[str, Any]:
    """Return what the register knows of a site; nothing of what is no site."""
    if district is None:
        return {}
    rows = district.sites[district.sites["key"] == key].tail(1).to_dict("records")
    if not rows:
        return {}
    wanted = ("name", "river", "enterprise", "target_class")
    return {name: rows[0][name] for name in wanted if name in rows[0] and not pd.isna(rows[0][name])}


def _name_of(
    key: str, site: dict[str, Any], district: District | None, facts: Facts, family: str, language: str
) -> str:
    """Return what a subject is called: a site, a source, the district, an indicator; its key where nobody knows."""
    if "name" in site:
        return str(site["name"])
    if district is not None:
        titles = {source.key: (source.title_zh, source.title_en) for source in district.sources}
        titles[district.key] = (district.name_zh, district.name_en)
        if key in titles:
            return titles[key][0 if language == "zh" else 1]
    if family == "indicator" and facts.factors:
        return facts.factors[0].zh if language == "zh" else facts.factors[0].en
    return key


def _district_name(district: District | None, key: str, language: str) -> str:
    if district is None:
        return key
    return district.name_zh if language == "zh" else district.name_en


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
