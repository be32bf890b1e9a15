"""What time alone brings to open episodes: reminders, escalations, ends of silences, and acts of people to be told.

A run looks at readings; tending looks at the clock. Each step is recorded once under its number, so that it does not
matter how often or how seldom anybody tends: after three days without, one reminder leaves, not three.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from alerts.acts import OPEN_STATES
from alerts.context import Context, sent_lately
from alerts.inhibition import in_order, mutes_of
from alerts.messages import Facts, facts_on_record
from alerts.rules import AlertSettings, Rule
from alerts.steps import (
    ACKNOWLEDGED,
    CLOSED,
    ESCALATED,
    QUEUED,
    REMINDER,
    SYSTEM,
    WORSENED,
    Step,
    advance,
)
from alerts.stored import Stored, load_episodes, write_steps
from warehouse.schema import episodes, outbox

#: steps after which people know an episode as open, and its time without an answer begins
_OPENS = frozenset({"firing", "reopened", WORSENED})
_ACTS = frozenset({ACKNOWLEDGED, CLOSED})


@dataclass
class Tended:
    """How many steps were told of each kind, and messages queued."""

    told: int = 0
    reminded: int = 0
    escalated: int = 0
    acts: int = 0
    queued: int = 0


@dataclass(frozen=True)
class _Tender(Context):
    """What is the same for every episode of one rule."""

    #: (episode, step) -> when its first message was written
    written: Mapping[tuple[int, str], dt.datetime]
    done: Tended


def tend_episodes(
    connection: Connection,
    district: str,
    settings: AlertSettings,
    now: dt.datetime,
    *,
    subjects: Mapping[str, pd.DataFrame],
    district_name: str = "",
) -> Tended:
    """Advance what time alone decides, within the caller's transaction; the same moment again changes nothing.

    Parameters
    ----------
    connection
        In the caller's transaction.
    district, settings
        District key and its `alerts.toml`.
    now
        UTC.
    subjects
        Rule -> who its subjects are, as `record_episodes` takes them (`sites`).
    district_name
        For messages; the key when empty.
    """
    total = Tended()
    for rule in in_order(settings.rules):
        stored = load_episodes(connection, _open(district, rule))
        if not stored:
            continue
        tender = _Tender(
            connection=connection,
            district=district,
            district_name=district_name or district,
            settings=settings,
            rule=rule,
            at=now,
            sites=subjects[rule.id],
            mutes=mutes_of(connection, district, settings, rule, now),
            sent=sent_lately(connection, district, rule, now),
            written=_written(connection, [item.row["id"] for item in stored]),
            done=total,
        )
        for item in stored:
            _tend(tender, item)
    return total


def _open(district: str, rule: Rule) -> ColumnElement[bool]:
    """Return the condition for episodes that the readings hold open, closed by hand or not."""
    by_hand = and_(episodes.c.state == "resolved", episodes.c.until.is_(None))
    return and_(
        episodes.c.district == district,
        episodes.c.rule == rule.id,
        or_(episodes.c.state.in_(OPEN_STATES), by_hand),
    )


def _written(connection: Connection, numbers: list[int]) -> dict[tuple[int, str], dt.datetime]:
    query = (
        select(outbox.c.episode_id, outbox.c.step, func.min(outbox.c.created_at))
        .where(outbox.c.episode_id.in_(numbers))
        .group_by(outbox.c.episode_id, outbox.c.step)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _tend(tender: _Tender, item: Stored) -> None:
    row = item.row
    mark = tender.mutes.of(row["subject"], row["since"])
    if mark != (row["muted_by"] or ""):
        row["muted_by"] = mark
        _change(tender, item, {"muted_by": mark})
    if not tender.rule.channels:
        return
    _tell_acts(tender, item)
    if mark or item.closed:
        return
    if _tell_what_is_due(tender, item) or row["state"] != "firing":
        return
    _remind(tender, item)


def _tell_what_is_due(tender: _Tender, item: Stored) -> bool:
    """Tell what was held and is held no more: after a silence, a backfill, a week full of messages."""
    if not tender.has_message_left(item.row["subject"]):
        return False
    after = advance(item.steps, "open", at=tender.at, speak=True, fresh=True)
    if after.tell is None or after.wording is None:
        return False
    write_steps(tender.connection, item.row["id"], item.steps, after.steps)
    state = "firing" if after.tell.startswith("reopened") else item.row["state"]
    _change(tender, item, {"history": False, "state": state})
    _queue(tender, item, after.tell, after.wording)
    tender.done.told += 1
    return True


def _tell_acts(tender: _Tender, item: Stored) -> None:
    """Say to who was told that somebody takes care, or has closed the episode; once, and not of long ago."""
    horizon = tender.at - dt.timedelta(days=tender.rule.horizon_days)
    if not any(step.note == QUEUED for step in item.steps):
        return
    for step in item.steps:
        if step.base not in _ACTS or step.at < horizon or (item.row["id"], step.name) in tender.written:
            continue
        details = {"actor": step.actor} | ({"note": step.note} if step.note else {})
        _queue(tender, item, step.name, step.base, details)
        tender.done.acts += 1


def _remind(tender: _Tender, item: Stored) -> None:
    """Remind of an episode that nobody has acknowledged, and tell the next role, by the hours since it was told."""
    told = [step for step in item.steps if step.note == QUEUED and step.base in _OPENS]
    if not told:
        return
    number, rule = item.row["id"], tender.rule
    since = max(tender.written.get((number, step.name), step.at) for step in told)
    hours = (tender.at - since) / dt.timedelta(hours=1)
    for place in range(1, 1 + sum(hours >= due for due in rule.escalate_hours)):
        name = f"{ESCALATED}-{place}"
        if all(step.name != name for step in item.steps):
            _add_step(tender, item, name)
            tender.done.escalated += 1
    if not rule.remind_hours or not tender.has_message_left(item.row["subject"]):
        return
    due = min(int(hours // rule.remind_hours), rule.most_reminders)
    reminders = [step for step in item.steps if step.base == REMINDER]
    before = max((step.round for step in reminders if step.at < since), default=0)
    latest = max((step.round for step in reminders), default=0)
    if due and before + due > latest:
        _add_step(tender, item, f"{REMINDER}-{before + due}")
        tender.sent[item.row["subject"]] += 1
        tender.done.reminded += 1


def _add_step(tender: _Tender, item: Stored, name: str) -> None:
    step = Step(name, tender.at, SYSTEM, QUEUED)
    write_steps(tender.connection, item.row["id"], item.steps, [*item.steps, step])
    item.steps.append(step)
    _queue(tender, item, name, step.base)


def _queue(
    tender: _Tender, item: Stored, step: str, wording: str, details: Mapping[str, str] | None = None
) -> None:
    facts: Facts = facts_on_record(item.row, known_at=item.row["known_at"])
    if details:
        facts = replace(facts, details={**facts.details, **details})
    tender.done.queued += tender.queue(item.row, step, wording, facts)


def _change(tender: _Tender, item: Stored, values: dict[str, Any]) -> None:
    """Change an episode without a new reading: until when its readings were known stays as it is."""
    item.row.update(values)
    tender.connection.execute(
        update(episodes).where(episodes.c.id == item.row["id"]).values(values | {"updated_at": tender.at})
    )
