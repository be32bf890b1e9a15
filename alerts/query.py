"""Read episodes for people and programs: `ecoplan alerts list` and `show`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from alerts.acts import audit_trail
from alerts.queueing import message_key
from vocabulary.clock import wall_time
from warehouse.schema import episode_steps, episodes, outbox


class EpisodeNotFoundError(Exception):
    """No episode has that id."""


def list_episodes(
    connection: Connection,
    district: str | None = None,
    state: str | None = None,
    *,
    language: str = "zh",
) -> list[dict[str, Any]]:
    """List episodes, the newest first within a district.

    Parameters
    ----------
    connection
        To the warehouse.
    district, state
        Only these; without a state all but `annulled` ones (they did not happen).
    language
        Of `message`: `zh` or `en`.

    Returns
    -------
    list of dict
        `id, rule, district, subject, level, state, since, until, class, limit, message`; times are
        Asia/Shanghai as `2026-03-24T08:00`, `until` None while open.
    """
    chosen = select(episodes).order_by(
        episodes.c.district, episodes.c.since.desc(), episodes.c.subject, episodes.c.rule
    )
    chosen = chosen.where(episodes.c.state == state if state else episodes.c.state != "annulled")
    if district:
        chosen = chosen.where(episodes.c.district == district)
    return [_record(row, language) for row in connection.execute(chosen).mappings()]


def show_episode(connection: Connection, episode_id: int, *, language: str = "zh") -> dict[str, Any]:
    """Show one episode in full.

    Returns
    -------
    dict
        The keys of `list_episodes`, and `message_zh`, `message_en`, `history`, `group_key`, `muted_by`, `known_at`,
        `evidence` (rule, rule_version, clause, n_readings, readings with value, limit, multiple,
        delivery, sheet, row, column), `steps` (step, at, actor, note), `acts` (at, actor, via, act, note), `outbox` (key, channel, state,
        attempts, not_before, created_at, sent_at, last_error).

    Raises
    ------
    EpisodeNotFoundError
        No such id.
    """
    row = connection.execute(select(episodes).where(episodes.c.id == episode_id)).mappings().one_or_none()
    if row is None:
        raise missing(episode_id)
    return describe_episode(connection, dict(row), language=language)


def missing(episode_id: int) -> EpisodeNotFoundError:
    """Return the error of an id that no episode has, or had at the time asked for."""
    return EpisodeNotFoundError(f"没有编号为 {episode_id} 的预警事件 / no episode has the id {episode_id}")


def describe_episode(
    connection: Connection,
    row: Mapping[str, Any],
    *,
    until: datetime | None = None,
    language: str = "zh",
) -> dict[str, Any]:
    """Return an episode's record as `show_episode`, with its steps and messages up to `until` (UTC; None: all).

    A message that left after `until` was still pending then.
    """
    last = until or datetime.max  # noqa: DTZ901 - times of the warehouse are UTC without a zone
    steps = connection.execute(
        select(episode_steps)
        .where(episode_steps.c.episode_id == row["id"], episode_steps.c.at <= last)
        .order_by(episode_steps.c.at, episode_steps.c.step)
    ).mappings()
    # the keys of an episode's messages begin with what identifies it
    prefix = message_key(row["rule"], row["district"], row["subject"], row["since"], "", "").removesuffix(":")
    messages = connection.execute(
        select(outbox)
        .where(outbox.c.idempotency_key.startswith(prefix, autoescape=True), outbox.c.created_at <= last)
        .order_by(outbox.c.id)
    ).mappings()
    return _record(row, language) | {
        "message_zh": row["message_zh"],
        "message_en": row["message_en"],
        "history": row["history"],
        "group_key": row["group_key"] or "",
        "muted_by": row["muted_by"] or "",
        "known_at": _time(wall_time(row["known_at"]), "seconds"),
        "evidence": json.loads(row["evidence"]),
        "steps": [
            {
                "step": step["step"],
                "at": _time(step["at"], "seconds"),
                "actor": step["actor"],
                "note": step["note"],
            }
            for step in steps
        ],
        "acts": [
            {**act, "at": _time(act["at"], "seconds")}
            for act in audit_trail(connection, int(row["id"]))
            if act["at"] <= last
        ],
        "outbox": [_message(message, last) for message in messages],
    }


def _message(message: Mapping[str, Any] | Any, last: datetime) -> dict[str, Any]:
    later = message["sent_at"] is not None and message["sent_at"] > last
    return {
        "key": message["idempotency_key"],
        "channel": message["channel"],
        "state": "pending" if later else message["state"],
        "attempts": message["attempts"],
        "not_before": _time(message["not_before"], "seconds"),
        "created_at": _time(message["created_at"], "seconds"),
        "sent_at": None if later else _time(message["sent_at"], "seconds"),
        "last_error": message["last_error"],
    }


def _record(row: Mapping[str, Any] | Any, language: str) -> dict[str, Any]:
    return {
        "id": row["id"],
        "rule": row["rule"],
        "district": row["district"],
        "subject": row["subject"],
        "level": row["level"],
        "state": row["state"],
        "since": _time(row["since"]),
        "until": _time(row["until"]),
        "class": row["class"],
        "limit": row["limit"],
        "message": row[f"message_{language}"],
    }


def _time(moment: Any, precision: str = "minutes") -> str | None:
    return None if moment is None else str(moment.isoformat(timespec=precision))
