"""What people do to episodes: acknowledge, resolve by hand, silence; each with its line in the audit trail.

Every act happens in the caller's transaction and is written to `acts` (who, when, by which way, why). What an
act means for messages is told by the next run or sweep (`alerts/tending.py`), which knows the channels.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from alerts.silences import SILENCE
from vocabulary.clock import wall_time
from warehouse.schema import acts, episode_steps, episodes, silences

Via = Literal["cli", "page", "flow"]
#: steps that a person's act leaves: base name -> the state of the episode afterwards
ACKNOWLEDGED, CLOSED = "acknowledged", "closed"
#: states in which an episode waits for a person
OPEN_STATES = ("firing", ACKNOWLEDGED)


class ActError(Exception):
    """An act that cannot be done, in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.zh = zh
        self.en = en


@dataclass(frozen=True)
class Acted:
    """What an act did: `first` is False when it had been done before, then by `actor` at `at` (UTC)."""

    episode_id: int
    actor: str
    at: dt.datetime
    note: str
    first: bool

    @property
    def wall(self) -> str:
        """When it was done, Asia/Shanghai: `2026-04-02 09:00`."""
        return f"{wall_time(self.at):%Y-%m-%d %H:%M}"


def acknowledge(
    connection: Connection,
    episode_id: int,
    *,
    actor: str,
    note: str,
    at: dt.datetime,
    via: Via,
) -> Acted:
    """Say that somebody takes care of an episode (签收): no reminder and no escalation follows.

    Doing it twice is harmless: who was first stays, and is returned; the second act is in the audit trail.

    Raises
    ------
    ActError
        No episode has the id, it waits for its second reading, it is over, or nobody is named.
    """
    row = _episode(connection, episode_id)
    _named(actor)
    if row["state"] == ACKNOWLEDGED:
        _audit(connection, "acknowledge", row, actor=actor, note=note, at=at, via=via)
        return _who_was_first(connection, row, at)
    _open(row, ("firing",))
    _step(connection, row, ACKNOWLEDGED, actor=actor, note=note, at=at)
    _state(connection, episode_id, ACKNOWLEDGED, at)
    _audit(connection, "acknowledge", row, actor=actor, note=note, at=at, via=via)
    return Acted(episode_id, actor, at, note, first=True)


def resolve(
    connection: Connection,
    episode_id: int,
    *,
    actor: str,
    note: str,
    at: dt.datetime,
    via: Via,
) -> Acted:
    """Close an episode by hand, with the reason: nothing more is sent of it unless it gets worse or comes back.

    Its end in the data (`until`) stays open until the readings clear it.

    Raises
    ------
    ActError
        No episode has the id, it is not open, nobody is named or no reason is given.
    """
    row = _episode(connection, episode_id)
    _named(actor)
    if not note.strip():
        raise ActError("人工解除须写明理由", "closing by hand needs its reason")
    _open(row, OPEN_STATES)
    _step(connection, row, CLOSED, actor=actor, note=note, at=at)
    _state(connection, episode_id, "resolved", at)
    _audit(connection, "resolve", row, actor=actor, note=note, at=at, via=via)
    return Acted(episode_id, actor, at, note, first=True)


def silence(
    connection: Connection,
    *,
    district: str,
    rule: str,
    subject: str,
    owner: str,
    reason: str,
    ends_at: dt.datetime,
    at: dt.datetime,
    via: Via,
) -> int:
    """Hold the messages of a rule ('': any) about a subject ('': any) until a time (UTC); return the silence's id.

    Episodes go on being recorded; what is still open at the end of the silence is told then.

    Raises
    ------
    ActError
        The end is not after `at`, or nobody is named, or no reason is given.
    """
    _named(owner)
    if not reason.strip():
        raise ActError("静默须写明理由", "a silence needs its reason")
    if ends_at <= at:
        raise ActError(
            f"静默的结束时间 {wall_time(ends_at):%Y-%m-%d %H:%M} 已过",
            f"the end of the silence {wall_time(ends_at):%Y-%m-%d %H:%M} has passed",
        )
    number: int = connection.execute(
        insert(silences)
        .values(
            district=district,
            rule=rule,
            subject=subject,
            owner=owner,
            reason=reason,
            starts_at=at,
            ends_at=ends_at,
            ended_by="",
            created_at=at,
        )
        .returning(silences.c.id)
    ).scalar_one()
    covered = [episodes.c.district == district, episodes.c.state.in_(OPEN_STATES)]
    covered += [episodes.c.rule == rule] if rule else []
    covered += [episodes.c.subject == subject] if subject else []
    held = update(episodes).where(*covered, _not_muted()).values(muted_by=f"{SILENCE}{number}")
    connection.execute(held)
    scope = {"district": district, "id": None}
    what = f"{number}: {rule or '*'} {subject or '*'} {reason}"
    _audit(connection, "silence", scope, actor=owner, note=what, at=at, via=via)
    return number


def unsilence(
    connection: Connection, silence_id: int, *, actor: str, note: str, at: dt.datetime, via: Via
) -> None:
    """End a silence before its end; what is open is told by the next run or sweep.

    Raises
    ------
    ActError
        No silence has the id, or it is over.
    """
    _named(actor)
    row = connection.execute(select(silences).where(silences.c.id == silence_id)).mappings().one_or_none()
    if row is None:
        raise ActError(f"没有编号为 {silence_id} 的静默", f"no silence has the id {silence_id}")
    if row["ended_at"] is not None or row["ends_at"] <= at:
        raise ActError(f"静默 {silence_id} 已结束", f"silence {silence_id} is over already")
    connection.execute(
        update(silences).where(silences.c.id == silence_id).values(ended_by=actor, ended_at=at)
    )
    connection.execute(
        update(episodes).where(episodes.c.muted_by == f"{SILENCE}{silence_id}").values(muted_by="")
    )
    scope = {"district": row["district"], "id": None}
    _audit(connection, "unsilence", scope, actor=actor, note=f"{silence_id}: {note}", at=at, via=via)


def record_test(connection: Connection, *, district: str, actor: str, note: str, at: dt.datetime) -> None:
    """Write into the audit trail that marked test messages were sent."""
    _audit(connection, "test", {"district": district, "id": None}, actor=actor, note=note, at=at, via="cli")


def audit_trail(connection: Connection, episode_id: int) -> list[dict[str, Any]]:
    """Return what people did to an episode, the oldest first: `at` (UTC), `actor`, `via`, `act`, `note`."""
    query = select(acts).where(acts.c.episode_id == episode_id).order_by(acts.c.at, acts.c.id)
    return [
        {name: row[name] for name in ("at", "actor", "via", "act", "note")}
        for row in connection.execute(query).mappings()
    ]


def round_of(steps: list[str]) -> int:
    """Return how often an episode has come back, from the names of its steps."""
    return max((int(name.partition("-")[2]) for name in steps if name.startswith("reopened-")), default=0)


def _episode(connection: Connection, episode_id: int) -> dict[str, Any]:
    row = connection.execute(select(episodes).where(episodes.c.id == episode_id)).mappings().one_or_none()
    if row is None:
        raise ActError(f"没有编号为 {episode_id} 的预警事件", f"no episode has the id {episode_id}")
    return dict(row)


def _named(actor: str) -> None:
    if not actor.strip():
        raise ActError("须写明处理人", "expected the name of who does this")


def _open(row: dict[str, Any], states: tuple[str, ...]) -> None:
    if row["state"] == "pending":
        raise ActError(f"预警事件 {row['id']} 尚未成立", f"episode {row['id']} is not firing yet")
    if row["state"] not in states:
        words = {"resolved": "已解除", "annulled": "已作废"}
        raise ActError(
            f"预警事件 {row['id']} {words.get(row['state'], '不在预警中')}",
            f"episode {row['id']} is {row['state']}",
        )


def _step(
    connection: Connection, row: dict[str, Any], base: str, *, actor: str, note: str, at: dt.datetime
) -> None:
    """Record the step of an act; when the episode has come back it carries the round, as its other steps do."""
    names = list(
        connection.execute(
            select(episode_steps.c.step).where(episode_steps.c.episode_id == row["id"])
        ).scalars()
    )
    number = round_of(names)
    name = f"{base}-{number}" if number else base
    while name in names:  # worsened and closed again within one round
        number += 1
        name = f"{base}-{number}"
    connection.execute(
        insert(episode_steps).values(episode_id=row["id"], step=name, at=at, actor=actor, note=note)
    )


def _state(connection: Connection, episode_id: int, state: str, at: dt.datetime) -> None:
    connection.execute(update(episodes).where(episodes.c.id == episode_id).values(state=state, updated_at=at))


def _who_was_first(connection: Connection, row: dict[str, Any], at: dt.datetime) -> Acted:
    step = (
        connection.execute(
            select(episode_steps)
            .where(
                episode_steps.c.episode_id == row["id"],
                episode_steps.c.step.startswith(ACKNOWLEDGED),
            )
            .order_by(episode_steps.c.at.desc())
        )
        .mappings()
        .first()
    )
    if step is None:  # the state was set by hand, no step says by whom
        return Acted(row["id"], "", at, "", first=False)
    return Acted(row["id"], step["actor"], step["at"], step["note"], first=False)


def _not_muted() -> Any:
    # rows of before version 6 may hold a null
    return (episodes.c.muted_by == "") | episodes.c.muted_by.is_(None)


def _audit(
    connection: Connection,
    act: str,
    row: dict[str, Any],
    *,
    actor: str,
    note: str,
    at: dt.datetime,
    via: Via,
) -> None:
    connection.execute(
        insert(acts).values(
            at=at, actor=actor, via=via, act=act, episode_id=row["id"], district=row["district"], note=note
        )
    )
