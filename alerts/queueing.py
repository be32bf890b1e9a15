"""Write the messages of one step of an episode into the outbox, in the transaction that made the step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert, select

from alerts.links import Links, usable_links
from alerts.messages import Beside, Facts, Place, family_of, write_message
from alerts.routing import addressees, held_until
from alerts.rules import AlertSettings, Rule
from alerts.surroundings import neighbours, trends
from vocabulary.clock import utc_of_wall, wall_time
from warehouse.schema import outbox

#: steps whose link only shows: nothing is left to acknowledge
_OVER = frozenset({"resolved", "annulled", "acknowledged", "closed"})


def message_key(rule: str, district: str, subject: str, since: dt.datetime, step: str, channel: str) -> str:
    """Return the key under which a message leaves once: rule, district, subject, since, step, channel."""
    return f"{rule}:{district}:{subject}:{since:%Y%m%d%H%M}:{step}:{channel}"


def queue_step(
    connection: Connection,
    settings: AlertSettings,
    episode: Mapping[str, Any],
    step: str,
    wording: str,
    at: dt.datetime,
    *,
    place: Place,
    facts: Facts,
    rule: Rule | None = None,
    sites: pd.DataFrame | None = None,
    links: Links | None = None,
) -> int:
    """Queue one step of an episode for everybody whom the routes name; return how many messages that made.

    Whoever is told, by which channel and not before when follows from the district's routes, rotas and quiet
    hours. The same step again queues nothing: each message has the key of rule, subject, begin, step, channel.

    Parameters
    ----------
    connection
        In the caller's transaction.
    settings
        The district's `alerts.toml`.
    episode
        Its row of the table `episodes`: `id, rule, district, subject, since, level` and, if it has one,
        `group_key`.
    step
        As it stands on record, its number included: `firing`, `reminder-2`, `escalated-1` …
    wording
        The form the text takes (`alerts.steps.Advance.wording`): mostly the step without its number.
    at
        Time of this run, UTC.
    place, facts
        What the message tells; `facts_on_record` gives them for a step that no new reading gave rise to.
    rule
        The episode's rule; found in `settings` when None.
    sites
        The district's register, for neighbours on the river; None: none are told.
    links
        Of this machine; None: as the environment says. Without a secret the message names a command.
    """
    rule = settings.rule(episode["rule"]) if rule is None else rule
    number = int(episode["id"])
    meant = addressees(settings.routing, rule.id, step, wall_time(at), _told(connection, number))
    if not meant:
        return 0
    links = usable_links() if links is None else links
    beside = Beside(episode_id=number)
    # around what never was there is nothing to tell
    if family_of(rule.kind) == "section" and not step.startswith("annulled"):
        beside = replace(beside, trends=trends(connection, episode["district"], episode["subject"], facts))
        if sites is not None:
            around = neighbours(
                connection,
                episode["district"],
                episode["subject"],
                facts.last_seen,
                sites,
                settings.routing.reach,
            )
            beside = replace(beside, neighbours=around)
    not_before = utc_of_wall(held_until(settings.routing, episode["level"], wall_time(at)))
    roles = {role.key: role for role in settings.routing.role}
    rows = []
    for one in meant:
        key = message_key(
            rule.id, episode["district"], episode["subject"], episode["since"], step, one.channel.key
        )
        role = roles.get(one.role)
        told = replace(
            _with_links(beside, links, number, step, at=at, key=key),
            role_zh=role.name_zh if role else "",
            role_en=role.name_en if role else "",
        )
        message = write_message(
            rule,
            _worded(step, wording),
            place,
            facts,
            language=one.channel.language,
            markup=one.channel.markup,
            form=one.channel.form,
            key=key,
            beside=told,
        )
        rows.append(
            {
                "idempotency_key": key,
                "channel": one.channel.key,
                "district": episode["district"],
                "subject": episode["subject"],
                "title": message.title,
                "body": message.body,
                "state": "waiting",
                "attempts": 0,
                "not_before": max(at, not_before),
                "created_at": at,
                "last_error": "",
                "kind": "episode",
                "level": episode["level"],
                "episode_id": number,
                "step": step,
                "role": one.role,
                "group_key": episode.get("group_key") or "",
                "told_by": "",
            }
        )
    return queue_messages(connection, rows)


def queue_messages(connection: Connection, messages: Sequence[Mapping[str, Any]]) -> int:
    """Put messages into the outbox, in order; a key that stands there already is not put again."""
    if not messages:
        return 0
    keys = [message["idempotency_key"] for message in messages]
    known = select(outbox.c.idempotency_key).where(outbox.c.idempotency_key.in_(keys))
    there = set(connection.execute(known).scalars())
    fresh = [dict(message) for message in messages if message["idempotency_key"] not in there]
    if fresh:
        connection.execute(insert(outbox), fresh)
    return len(fresh)


def _told(connection: Connection, episode_id: int) -> list[tuple[str, str]]:
    """Return channel and role of the messages of an episode until now, each pair once, the oldest first."""
    rows = connection.execute(
        select(outbox.c.channel, outbox.c.role).where(outbox.c.episode_id == episode_id).order_by(outbox.c.id)
    )
    return list(dict.fromkeys((row[0], row[1] or "") for row in rows))


def _with_links(
    beside: Beside, links: Links | None, episode_id: int, step: str, *, at: dt.datetime, key: str
) -> Beside:
    if links is None:
        return beside
    if step.partition("-")[0] in _OVER:
        return replace(beside, respond=links.link(episode_id, "view", at=at, nonce=key))
    return replace(
        beside,
        respond=links.link(episode_id, "acknowledge", at=at, nonce=key),
        silence=links.link(episode_id, "silence", at=at, nonce=key),
    )


def _worded(step: str, wording: str) -> str:
    """Return the form of the text with the step's number behind it where both speak of the same."""
    base, _, number = step.partition("-")
    return f"{wording}-{number}" if number and base == wording else wording
