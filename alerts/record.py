"""Merge the episodes found now with those on record, and write the messages they give.

Everything happens in the caller's transaction: an episode and its messages are kept together or not at all.

An episode is identified by (rule, district, subject, since). Late data may move its beginning: then an
episode with the new beginning takes over the steps of the one it overlaps, acknowledgement included, so
that nobody is told twice, and the old one stays on record as annulled with the step `replaced`. (The row
is not changed in place: the embedded engine refuses to change an indexed column of a row that others
refer to, and what was once reported stays findable.)
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, or_, select, update

from alerts.evidence import Factor, choose_evidence, evidence_json, limit_text
from alerts.messages import Facts, Place, write_message, write_summary
from alerts.queueing import message_key, queue_messages
from alerts.rules import Rule
from alerts.steps import HISTORY, QUEUED, REPLACED, SYSTEM, Advance, Condition, Step, advance
from warehouse.schema import episode_steps, episodes

_COMPARED = ("level", "state", "until", "class", "limit", "evidence", "message_zh", "message_en", "history")


@dataclass(frozen=True)
class Recorded:
    """How many episodes a run opened, resolved, annulled or otherwise changed, and messages it queued."""

    opened: int = 0
    resolved: int = 0
    annulled: int = 0
    changed: int = 0
    queued: int = 0


@dataclass
class _Stored:
    """One episode on record with its steps."""

    row: dict[str, Any]
    steps: list[Step]

    @property
    def live(self) -> bool:
        return bool(self.row["state"] != "annulled")


@dataclass(frozen=True)
class _Run:
    """What is the same for every episode of one call."""

    connection: Connection
    district: str
    district_name: str
    rule: Rule
    known_at: dt.datetime
    cutoff: dt.datetime
    speak: bool


def record_episodes(
    connection: Connection,
    district: str,
    rule: Rule,
    found: pd.DataFrame,
    *,
    run_date: dt.date,
    known_at: dt.datetime,
    evidence: pd.DataFrame,
    sites: pd.DataFrame,
    silent: bool = False,
    examined_from: Mapping[str, dt.datetime] | None = None,
    district_name: str = "",
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
        Every episode of the sites examined, from where their examination began, from `find_episodes`.
    run_date
        The night's date: open episodes, and those begun within `rule.horizon_days` before it, are told.
    known_at
        Time until which the readings were known, UTC.
    evidence
        `alerts.evidence.EVIDENCE_COLUMNS`: the items beyond their limit in bad samples.
    sites
        The district's register: `key`, `name`, `river`, `target_class` (the last of equal keys counts).
    silent
        Record and tell nobody (a backfill). What is then still open or fresh, the next night tells.
    examined_from
        Sites that were examined, with the time from which on. Episodes on record of other sites, or begun
        earlier, are left as they are. None: all sites, over their whole history.
    district_name
        The district's name for messages; its key when empty.

    Returns
    -------
    Recorded
        Counts.
    """
    run = _Run(
        connection=connection,
        district=district,
        district_name=district_name or district,
        rule=rule,
        known_at=known_at,
        cutoff=_cutoff(rule, run_date),
        speak=not silent and bool(rule.channels),
    )
    stored = _load(connection, _on_record(district, rule, examined_from))
    by_identity = {(item.row["subject"], item.row["since"]): item for item in stored}
    records = found.sort_values(["since", "site"]).to_dict("records")
    identities = {(str(item["site"]), item["since"].to_pydatetime()) for item in records}
    orphans: dict[str, list[_Stored]] = defaultdict(list)
    for identity, item in by_identity.items():
        if item.live and identity not in identities:
            orphans[identity[0]].append(item)

    factors = choose_evidence(found, evidence)
    places = _places(sites, run.district_name)
    counts: dict[str, int] = defaultdict(int)
    messages: list[dict[str, Any]] = []
    for record in records:
        subject, since = str(record["site"]), record["since"].to_pydatetime()
        place = places.get(subject, Place(subject, "", run.district_name, None))
        facts = _facts(record, factors.get((subject, record["since"]), []), known_at)
        forerunners = [item for item in orphans[subject] if _overlap(item.row, facts)]
        orphans[subject] = [item for item in orphans[subject] if item not in forerunners]
        messages += _merge(run, by_identity.get((subject, since)), forerunners, place, facts, subject, counts)
    for subject, left in orphans.items():
        for item in left:
            place = places.get(subject, Place(subject, "", run.district_name, None))
            messages += _annul(run, item, place, counts)
    counts["queued"] = queue_messages(connection, messages)
    return Recorded(**counts)


def untold_since(
    connection: Connection, district: str, rule: Rule, *, run_date: dt.date
) -> dict[str, dt.datetime]:
    """Return, by subject, the begin of the earliest episode on record of which a message is due.

    Such are episodes recorded in silence that are open or fresh, and those whose end in silence people do
    not know: a run that may speak examines them again although no reading changed.
    """
    if not rule.channels:
        return {}
    cutoff = _cutoff(rule, run_date)

    def noted(note: str) -> ColumnElement[bool]:
        step = episode_steps.alias()
        return episodes.c.id.in_(select(step.c.episode_id).where(step.c.note == note))

    waiting = and_(
        episodes.c.rule == rule.id,
        episodes.c.district == district,
        episodes.c.state != "annulled",
        noted(HISTORY),
        or_(episodes.c.until.is_(None), episodes.c.since >= cutoff, noted(QUEUED)),
    )
    found: dict[str, dt.datetime] = {}
    for item in _load(connection, waiting):
        since, is_open = item.row["since"], item.row["until"] is None
        fresh = is_open or since >= cutoff
        # the time of a step has no say in whether it is due
        due = advance(item.steps, "open" if is_open else "resolved", at=cutoff, speak=True, fresh=fresh)
        if due.tell is not None:
            found[item.row["subject"]] = min(since, found.get(item.row["subject"], since))
    return found


def _cutoff(rule: Rule, run_date: dt.date) -> dt.datetime:
    return dt.datetime.combine(run_date, dt.time()) - dt.timedelta(days=rule.horizon_days)


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


def _load(connection: Connection, chosen: ColumnElement[bool]) -> list[_Stored]:
    """Return episodes on record with their steps."""
    rows = connection.execute(select(episodes).where(chosen).order_by(episodes.c.id)).mappings()
    stored = {row["id"]: _Stored(dict(row), []) for row in rows}
    steps = select(episode_steps).join(episodes, episodes.c.id == episode_steps.c.episode_id).where(chosen)
    for row in connection.execute(steps).mappings():
        stored[row["episode_id"]].steps.append(Step(row["step"], row["at"], row["actor"], row["note"]))
    return list(stored.values())


def _merge(
    run: _Run,
    existing: _Stored | None,
    forerunners: list[_Stored],
    place: Place,
    facts: Facts,
    subject: str,
    counts: dict[str, int],
) -> list[dict[str, Any]]:
    """Write one found episode: a new row, or the changes of the one on record; return its messages."""
    own = existing.steps if existing else []
    inherited = [step for item in forerunners for step in item.steps if step.name != REPLACED]
    # of two steps of one name the one that was told counts, else the later
    ranked = sorted((*inherited, *own), key=lambda step: (step.note == QUEUED, step.at))
    steps = {step.name: step for step in ranked}
    now: Condition = "open" if facts.until is None else "resolved"
    # a forerunner's step of the same name may be the one that was told
    steps |= {step.name: step for step in inherited if step.name in steps and step.at > steps[step.name].at}
    fresh = now == "open" or facts.since >= run.cutoff
    after = advance(steps.values(), now, at=run.known_at, speak=run.speak, fresh=fresh)

    acknowledged = any(item.row["state"] == "acknowledged" for item in (existing, *forerunners) if item)
    came_back = after.tell is not None and after.tell.startswith("reopened")
    state = "acknowledged" if acknowledged and now == "open" and not came_back else "firing"
    values: dict[str, Any] = {
        "level": run.rule.level,
        "state": "resolved" if now == "resolved" else state,
        "until": None if facts.until is None else facts.until.to_pydatetime(),
        "class": facts.worst_class,
        "limit": limit_text(facts.factors) or run.rule.clause,
        "evidence": evidence_json(run.rule, facts.factors, n_readings=facts.n_readings),
        "message_zh": write_summary(run.rule, place, facts, language="zh"),
        "message_en": write_summary(run.rule, place, facts, language="en"),
        "history": not after.told,
    }
    since = facts.since.to_pydatetime()
    if existing is None:
        values |= {"rule": run.rule.id, "district": run.district, "subject": subject, "since": since}
        values |= {"known_at": run.known_at, "updated_at": run.known_at}
        number = run.connection.execute(insert(episodes).values(values).returning(episodes.c.id)).scalar_one()
        counts["resolved" if now == "resolved" else "opened"] += 1
    else:
        number = existing.row["id"]
        if any(existing.row[name] != values[name] for name in _COMPARED):
            _change(run, number, values)
            turned = now == "resolved" and existing.row["state"] != "resolved"
            counts["resolved" if turned else "changed"] += 1
    _write_steps(run.connection, number, own, after.steps)
    for item in forerunners:
        _change(run, item.row["id"], {"state": "annulled"})
        moved = Step(REPLACED, run.known_at, SYSTEM, str(number))
        _write_steps(run.connection, item.row["id"], item.steps, (*_without(item.steps, REPLACED), moved))
    return _messages(run, after, place, facts, subject)


def _annul(run: _Run, item: _Stored, place: Place, counts: dict[str, int]) -> list[dict[str, Any]]:
    """Mark an episode that the readings of now do not bear out; who was told of it is told so."""
    row = item.row
    fresh = row["until"] is None or row["since"] >= run.cutoff
    after = advance(item.steps, "annulled", at=run.known_at, speak=run.speak, fresh=fresh)
    _change(run, row["id"], {"state": "annulled"})
    _write_steps(run.connection, row["id"], item.steps, after.steps)
    counts["annulled"] += 1
    since = pd.Timestamp(row["since"])
    facts = Facts(
        since=since,
        until=None if row["until"] is None else pd.Timestamp(row["until"]),
        last_seen=since,
        peak_at=since,
        worst_class=int(row["class"]),
        n_readings=0,
        factors=[],
        known_at=run.known_at,
    )
    return _messages(run, after, place, facts, row["subject"])


def _messages(run: _Run, after: Advance, place: Place, facts: Facts, subject: str) -> list[dict[str, Any]]:
    """Write the message of the step that is due, one for each channel of the rule."""
    if after.tell is None or after.wording is None:
        return []
    rows = []
    for channel in run.rule.channels:
        key = message_key(
            run.rule.id, run.district, subject, facts.since.to_pydatetime(), after.tell, channel.key
        )
        message = write_message(
            run.rule,
            after.wording,
            place,
            facts,
            language=channel.language,
            markup=channel.markup,
            key=key,
        )
        rows.append(
            {
                "idempotency_key": key,
                "channel": channel.key,
                "district": run.district,
                "subject": subject,
                "title": message.title,
                "body": message.body,
                "state": "waiting",
                "attempts": 0,
                "not_before": run.known_at,
                "created_at": run.known_at,
                "last_error": "",
            }
        )
    return rows


def _change(run: _Run, number: int, values: dict[str, Any]) -> None:
    stamped = values | {"known_at": run.known_at, "updated_at": run.known_at}
    run.connection.execute(update(episodes).where(episodes.c.id == number).values(stamped))


def _write_steps(
    connection: Connection, number: int, before: list[Step], after: tuple[Step, ...] | list[Step]
) -> None:
    """Insert the steps that are new and change the notes of those that are told now."""
    known = {step.name: step for step in before}
    new = [step for step in after if step.name not in known]
    if new:
        connection.execute(
            insert(episode_steps),
            [
                {
                    "episode_id": number,
                    "step": step.name,
                    "at": step.at,
                    "actor": step.actor,
                    "note": step.note,
                }
                for step in new
            ],
        )
    changed = [step for step in after if step.name in known and known[step.name] != step]
    if changed:
        table = episode_steps.c
        statement = (
            update(episode_steps)
            .where(table.episode_id == bindparam("of_episode"), table.step == bindparam("of_step"))
            .values(at=bindparam("new_at"), note=bindparam("new_note"))
        )
        connection.execute(
            statement,
            [
                {"of_episode": number, "of_step": step.name, "new_at": step.at, "new_note": step.note}
                for step in changed
            ],
        )


def _places(sites: pd.DataFrame, district_name: str) -> dict[str, Place]:
    rows = sites.drop_duplicates("key", keep="last")[["key", "name", "river", "target_class"]]
    return {
        str(row["key"]): Place(
            name=str(row["name"]),
            river="" if pd.isna(row["river"]) else str(row["river"]),
            district=district_name,
            target_class=None if pd.isna(row["target_class"]) else int(row["target_class"]),
        )
        for row in rows.to_dict("records")
    }


def _facts(record: dict[Any, Any], factors: list[Factor], known_at: dt.datetime) -> Facts:
    return Facts(
        since=record["since"],
        until=None if pd.isna(record["until"]) else record["until"],
        last_seen=record["last_seen"],
        peak_at=record["peak_at"],
        worst_class=int(record["worst_class"]),
        n_readings=int(record["n_readings"]),
        factors=factors,
        known_at=known_at,
    )


def _overlap(row: dict[str, Any], facts: Facts) -> bool:
    """Whether an episode on record and a found one share time; an open one goes on for ever."""
    return bool(
        (facts.until is None or row["since"] <= facts.until)
        and (row["until"] is None or facts.since <= row["until"])
    )


def _without(steps: list[Step], name: str) -> list[Step]:
    return [step for step in steps if step.name != name]
