"""Merge the episodes found now with those on record, and queue the messages they give.

Everything happens in the caller's transaction: an episode and its messages are kept together or not at all.

An episode is identified by (rule, district, subject, since). Late data may move its beginning: then an
episode with the new beginning takes over the steps of the one it overlaps, acknowledgement included, so
that nobody is told twice, and the old one stays on record as annulled with the step `replaced`. (The row
is not changed in place: the embedded engine refuses to change an indexed column of a row that others
refer to, and what was once reported stays findable.)
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, or_

from alerts.context import Context, sent_lately
from alerts.evidence import Factor, choose_evidence, evidence_json, limit_text
from alerts.grouping import group_of
from alerts.inhibition import Mutes
from alerts.messages import Facts, write_summary
from alerts.queueing import message_key
from alerts.rules import AlertSettings, Rule
from alerts.steps import (
    QUEUED,
    REPLACED,
    SYSTEM,
    WORSENED,
    Advance,
    Condition,
    Step,
    advance,
)
from alerts.stored import Stored, add_episode, change_episode, load_episodes, write_steps
from alerts.subjects import facts_of
from alerts.untold import cutoff_of
from warehouse.schema import episodes

__all__ = ["Recorded", "message_key", "record_episodes"]

_COMPARED = (
    "level",
    "state",
    "until",
    "class",
    "limit",
    "evidence",
    "message_zh",
    "message_en",
    "history",
    "group_key",
    "muted_by",
)


@dataclass(frozen=True)
class Recorded:
    """How many episodes a run opened, resolved, annulled or otherwise changed, and messages it queued."""

    opened: int = 0
    resolved: int = 0
    annulled: int = 0
    changed: int = 0
    queued: int = 0


@dataclass(frozen=True)
class _Run(Context):
    """What is the same for every episode of one call."""

    cutoff: dt.datetime
    speak: bool
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def record_episodes(
    connection: Connection,
    district: str,
    rule: Rule,
    found: pd.DataFrame,
    *,
    settings: AlertSettings,
    run_date: dt.date,
    known_at: dt.datetime,
    evidence: pd.DataFrame,
    sites: pd.DataFrame,
    silent: bool = False,
    examined_from: Mapping[str, dt.datetime] | None = None,
    district_name: str = "",
    pending: pd.DataFrame | None = None,
    mutes: Mutes | None = None,
) -> Recorded:
    """Record the episodes of one rule and district, and queue the messages that are due.

    The same episodes again change nothing and queue nothing.

    Parameters
    ----------
    connection
        In the caller's transaction.
    district
        District key.
    rule
        With its horizon and channels, from `load_alerts`.
    found
        Every episode of the subjects examined, from where their examination began, from `find_episodes`.
    settings
        The district's `alerts.toml`: who is told.
    run_date
        The night's date: open episodes, and those begun within `rule.horizon_days` before it, are told.
    known_at
        Time until which the readings were known, UTC.
    evidence
        `alerts.evidence.EVIDENCE_COLUMNS`: the items beyond their limit in bad samples.
    sites
        Who the subjects are: `key`, `name`, `river`, `target_class`, `enterprise` if there is one (the last of
        equal keys counts).
    silent
        Record and tell nobody (a backfill). What is then still open or fresh, the next night tells.
    examined_from
        Subjects that were examined, with the time from which on. Episodes on record of others, or begun
        earlier, are left as they are. None: all subjects, over their whole history.
    district_name
        The district's name for messages; its key when empty.
    pending
        What may become an episode, from `find_pending`: recorded in the state `pending`, told to nobody.
    mutes
        What holds the messages of the rule now; None: nothing.

    Returns
    -------
    Recorded
        Counts.
    """
    run = _Run(
        connection=connection,
        district=district,
        district_name=district_name or district,
        settings=settings,
        rule=rule,
        at=known_at,
        sites=sites,
        mutes=mutes or Mutes(rule),
        sent=sent_lately(connection, district, rule, known_at),
        cutoff=cutoff_of(rule, run_date),
        speak=not silent and bool(rule.channels),
    )
    stored = load_episodes(connection, _on_record(district, rule, examined_from))
    by_identity = {(item.row["subject"], item.row["since"]): item for item in stored}
    records = found.sort_values(["since", "site"]).to_dict("records")
    waiting = [] if pending is None else pending.sort_values(["since", "site"]).to_dict("records")
    # what was told is no longer pending: if only a single bad sample is left of it, it does not hold
    waiting = [item for item in waiting if not _has_steps(by_identity.get(_identity(item)))]
    identities = {_identity(item) for item in (*records, *waiting)}
    orphans: dict[str, list[Stored]] = defaultdict(list)
    for identity, item in by_identity.items():
        if item.live and identity not in identities:
            orphans[identity[0]].append(item)

    factors = choose_evidence(found, evidence)
    for record in records:
        subject, since = _identity(record)
        facts = facts_of(
            rule, record, factors.get((subject, record["since"]), []), run.place(subject), known_at=known_at
        )
        forerunners = [item for item in orphans[subject] if _overlap(item.row, facts)]
        orphans[subject] = [item for item in orphans[subject] if item not in forerunners]
        peak = None if pd.isna(record["peak_multiple"]) else float(record["peak_multiple"])
        _merge(run, by_identity.get((subject, since)), forerunners, facts, subject, peak)
    for left in orphans.values():
        for item in left:
            _annul(run, item)
    if waiting and pending is not None:
        _hold(run, waiting, by_identity, choose_evidence(pending, evidence))
    return Recorded(**run.counts)


def _on_record(
    district: str, rule: Rule, examined_from: Mapping[str, dt.datetime] | None
) -> ColumnElement[bool]:
    """Return the condition for the episodes that an examination speaks about."""
    mine = and_(episodes.c.rule == rule.id, episodes.c.district == district)
    if examined_from is None:
        return mine
    return and_(
        mine,
        or_(
            False,
            *[
                and_(episodes.c.subject == site, episodes.c.since >= begun)
                for site, begun in examined_from.items()
            ],
        ),
    )


def _identity(record: Mapping[Any, Any]) -> tuple[str, dt.datetime]:
    return str(record["site"]), record["since"].to_pydatetime()


def _has_steps(item: Stored | None) -> bool:
    return item is not None and bool(item.steps)


def _merge(
    run: _Run,
    existing: Stored | None,
    forerunners: list[Stored],
    facts: Facts,
    subject: str,
    peak: float | None,
) -> None:
    """Write one found episode: a new row, or the changes of the one on record; queue its message."""
    own = existing.steps if existing else []
    inherited = [step for item in forerunners for step in item.steps if step.name != REPLACED]
    # of two steps of one name the one that was told counts, else the later
    ranked = sorted((*inherited, *own), key=lambda step: (step.note == QUEUED, step.at))
    steps = {step.name: step for step in ranked}
    now: Condition = "open" if facts.until is None else "resolved"
    # a forerunner's step of the same name may be the one that was told
    steps |= {step.name: step for step in inherited if step.name in steps and step.at > steps[step.name].at}
    before = [item for item in (existing, *forerunners) if item]
    told = next((told for item in before if (told := _told(item.row)) is not None), None)
    until = None if facts.until is None else facts.until.to_pydatetime()
    muted_by = run.mutes.of(subject, facts.since.to_pydatetime(), until)
    after = advance(
        steps.values(),
        now,
        at=run.at,
        speak=run.speak and run.has_message_left(subject),
        fresh=now == "open" or facts.since >= run.cutoff,
        muted=bool(muted_by),
        worse=_worse(run.rule, told, facts, peak),
    )
    if after.tell is not None and now == "open":
        told = {"class": facts.worst_class, "multiple": peak}
    place = run.place(subject)
    zh, en = (write_summary(run.rule, place, facts, language=each) for each in ("zh", "en"))
    values: dict[str, Any] = {
        "level": run.rule.level,
        "state": _state(now, before, after),
        "until": until,
        "class": facts.worst_class,
        "limit": limit_text(facts.factors) or run.rule.clause,
        "evidence": evidence_json(
            run.rule,
            facts.factors,
            n_readings=facts.n_readings,
            target_class=place.target_class,
            told=told,
        ),
        "message_zh": zh,
        "message_en": en,
        "history": not after.told,
        "group_key": group_of(run.rule, place, run.district),
        "muted_by": muted_by if now == "open" else "",
    }
    number = _write(run, existing, subject, facts.since.to_pydatetime(), values)
    write_steps(run.connection, number, own, after.steps)
    for item in forerunners:
        change_episode(run.connection, item.row["id"], {"state": "annulled"}, at=run.at)
        moved = Step(REPLACED, run.at, SYSTEM, str(number))
        kept = [step for step in item.steps if step.name != REPLACED]
        write_steps(run.connection, item.row["id"], item.steps, (*kept, moved))
    row = values | {"id": number, "rule": run.rule.id, "district": run.district, "subject": subject}
    _tell(run, after, row | {"since": facts.since.to_pydatetime()}, facts)


def _write(
    run: _Run, existing: Stored | None, subject: str, since: dt.datetime, values: dict[str, Any]
) -> int:
    """Add an episode or change the one on record where it differs; return its number."""
    resolved = values["until"] is not None
    if existing is None:
        identity = {"rule": run.rule.id, "district": run.district, "subject": subject, "since": since}
        if values["state"] != "pending":
            run.counts["resolved" if resolved else "opened"] += 1
        return add_episode(run.connection, values | identity, at=run.at)
    number = int(existing.row["id"])
    if any((existing.row[name] or "") != (values[name] or "") for name in _COMPARED):
        change_episode(run.connection, number, values, at=run.at)
        if existing.row["state"] == "pending" and values["state"] != "pending":
            run.counts["resolved" if resolved else "opened"] += 1
        elif values["state"] != "pending":
            turned = resolved and existing.row["state"] != "resolved"
            run.counts["resolved" if turned else "changed"] += 1
    return number


def _state(now: Condition, before: list[Stored], after: Advance) -> str:
    """Return the state of an episode: a person's act stands until the episode comes back, or is closed and gets worse."""
    if now == "resolved":
        return "resolved"
    if after.tell is not None and after.tell.startswith("reopened"):
        return "firing"
    if any(item.closed for item in before):
        worse = after.tell is not None and after.tell.startswith(WORSENED)
        return "firing" if worse else "resolved"
    return "acknowledged" if any(item.row["state"] == "acknowledged" for item in before) else "firing"


def _told(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how bad an episode was when people were told last, as its evidence keeps it."""
    kept = json.loads(row["evidence"]).get("told") if row["evidence"] else None
    return None if kept is None else dict(kept)


def _worse(rule: Rule, told: Mapping[str, Any] | None, facts: Facts, peak: float | None) -> bool:
    """Whether an episode is worse than it was when it was told: another class, or so many times the multiple."""
    if told is None or not rule.worsen_factor:
        return False
    if facts.worst_class is not None and told["class"] is not None and facts.worst_class > told["class"]:
        return True
    known = told["multiple"]
    return peak is not None and known is not None and known > 0 and peak >= rule.worsen_factor * known


def _annul(run: _Run, item: Stored) -> None:
    """Mark an episode that the readings of now do not bear out; who was told of it is told so."""
    row = item.row
    change_episode(run.connection, row["id"], {"state": "annulled", "muted_by": ""}, at=run.at)
    if row["state"] == "pending":
        return
    run.counts["annulled"] += 1
    since = pd.Timestamp(row["since"])
    after = advance(
        item.steps,
        "annulled",
        at=run.at,
        speak=run.speak,
        fresh=row["until"] is None or row["since"] >= run.cutoff,
        muted=bool(run.mutes.of(row["subject"], row["since"], row["until"])),
    )
    write_steps(run.connection, row["id"], item.steps, after.steps)
    facts = Facts(
        since=since,
        until=None if row["until"] is None else pd.Timestamp(row["until"]),
        last_seen=since,
        peak_at=since,
        worst_class=None if row["class"] is None else int(row["class"]),
        n_readings=0,
        factors=[],
        known_at=run.at,
    )
    _tell(run, after, row, facts)


def _hold(
    run: _Run,
    waiting: list[dict[Any, Any]],
    by_identity: Mapping[tuple[str, dt.datetime], Stored],
    factors: Mapping[tuple[str, pd.Timestamp], list[Factor]],
) -> None:
    """Record what may become an episode: it is shown, and nobody is told."""
    for record in waiting:
        subject, since = _identity(record)
        place = run.place(subject)
        chosen = factors.get((subject, record["since"]), [])
        facts = facts_of(run.rule, record, chosen, place, known_at=run.at)
        values: dict[str, Any] = {
            "level": run.rule.level,
            "state": "pending",
            "until": None,
            "class": facts.worst_class,
            "limit": limit_text(chosen) or run.rule.clause,
            "evidence": evidence_json(
                run.rule, chosen, n_readings=facts.n_readings, target_class=place.target_class
            ),
            "message_zh": write_summary(run.rule, place, facts, language="zh"),
            "message_en": write_summary(run.rule, place, facts, language="en"),
            "history": True,
            "group_key": group_of(run.rule, place, run.district),
            "muted_by": "",
        }
        _write(run, by_identity.get((subject, since)), subject, since, values)


def _tell(run: _Run, after: Advance, row: Mapping[str, Any], facts: Facts) -> None:
    """Queue the message of the step that is due."""
    if after.tell is None or after.wording is None:
        return
    run.sent[row["subject"]] += 1
    run.counts["queued"] += run.queue(row, after.tell, after.wording, facts)


def _overlap(row: dict[str, Any], facts: Facts) -> bool:
    """Whether an episode on record and a found one share time; an open one goes on for ever."""
    return bool(
        (facts.until is None or row["since"] <= facts.until)
        and (row["until"] is None or facts.since <= row["until"])
    )
