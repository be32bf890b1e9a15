"""Deliver what waits in the outbox: at least once, in order, one channel independent of another.

States of a row: `waiting`; `bundled` (a digest tells it, `told_by` is the digest's key); `sent`; `dead` (given
up, listed by `dead_letters`). A row that is leaving, or whose answer was lost, has its own key as `told_by`: the
receiver may have it, so it goes on trying by itself and joins no digest.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, update

from alerts.bundles import bundle, dissolve, key_of
from alerts.channels import Channel
from alerts.links import Links
from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from warehouse.schema import outbox

_HOUR = dt.timedelta(hours=1)


@dataclass
class Delivered:
    """What a delivery did: messages sent and still waiting by channel, and what channels said.

    `digests` counts the messages that stood for many (those are counted in `sent` each); `failed` holds the
    error of each channel that did not take a message; `limited` the messages that wait because the channel has
    had enough for this hour; `dead` the keys given up; `unknown` the channels that messages wait for and that no
    `alerts.toml` names any more.
    """

    sent: dict[str, int] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    limited: dict[str, int] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def deliver(
    engine: Engine,
    channels: Mapping[str, Channel],
    *,
    now: dt.datetime,
    district: str | None = None,
    district_name: str = "",
    links: Links | None = None,
) -> Delivered:
    """Send waiting messages, oldest first.

    A message is marked as sent in its own small transaction after the channel took it; a crash in between
    sends it again with the same key. While sending, no transaction is open. When a channel fails, its
    message waits (`attempts`, `last_error`, `not_before`), and so do all behind it, so that an end never
    overtakes its beginning; other channels go on. A message held by quiet hours holds those of its own
    episode, until a red one of that episode is due. When as many are due at once as the channel's `digest_from`
    says, or more than its `most_per_hour` leaves room for, one digest leaves instead of them.

    Parameters
    ----------
    engine
        The warehouse.
    channels
        By key, from `build_channels`.
    now
        Time of this delivery, UTC.
    district
        Only messages of this district (districts may give one key to different channels); None: all.
    district_name
        As digests call it; the key when empty.
    links
        For the lines of a digest; None: without.
    """
    waiting = outbox.c.state == "waiting"
    if district is not None:
        waiting &= outbox.c.district == district
    with engine.connect() as connection:
        rows = [
            dict(row)
            for row in connection.execute(select(outbox).where(waiting).order_by(outbox.c.id)).mappings()
        ]
    report = Delivered(unknown=sorted({row["channel"] for row in rows} - set(channels)))
    for key, channel in channels.items():
        mine = [row for row in rows if row["channel"] == key]
        due = _due(mine, now)
        if not due:
            continue
        room = _room(engine, channel.settings, due, now)
        due = bundle(engine, channel.settings, due, room, now=now, district_name=district_name, links=links)
        left = len(due) if room is None else room
        if left < len(due):
            report.limited[key] = len(due) - left
        with _kept_open(engine, channel.settings):
            _deliver_channel(engine, channel, due[:left], now, report)
    report.waiting = _counted(engine, district)
    return report


def _kept_open(engine: Engine, settings: ChannelSettings) -> AbstractContextManager[object]:
    """Keep the embedded warehouse's file open while messages leave for a file: to open it costs eight marks.

    Not for channels that may keep one waiting: another process has the file only when this one closes it.
    """
    return engine.connect() if settings.kind == "file" else nullcontext()


def _due(rows: Sequence[dict[str, Any]], now: dt.datetime) -> list[dict[str, Any]]:
    """Return the messages of one channel that may leave now, in order."""
    red = {key_of(row) for row in rows if row["level"] == "red" and row["not_before"] <= now}
    due, held = [], set()
    for row in rows:
        identity = key_of(row)
        if row["not_before"] > now and row["attempts"]:
            # the channel is being waited for: whatever stands behind waits as well
            break
        if row["not_before"] > now and identity not in red:
            held.add(identity)
        elif identity not in held:
            due.append(row)
    return due


def _room(
    engine: Engine, settings: ChannelSettings, due: Sequence[dict[str, Any]], now: dt.datetime
) -> int | None:
    """Return how many messages the channel may still take in this hour (None: any number); one for red."""
    if not settings.most_per_hour:
        return None
    by_itself = or_(
        outbox.c.told_by == "", outbox.c.told_by.is_(None), outbox.c.told_by == outbox.c.idempotency_key
    )
    lately = and_(
        outbox.c.channel == settings.key,
        outbox.c.district == due[0]["district"],
        outbox.c.state == "sent",
        outbox.c.sent_at > now - _HOUR,
        by_itself,
    )
    with engine.connect() as connection:
        sent = connection.execute(select(func.count()).select_from(outbox).where(lately)).scalar_one()
    urgent = any(row["level"] == "red" for row in due)
    return max(settings.most_per_hour - int(sent), int(urgent))


def _deliver_channel(
    engine: Engine, channel: Channel, rows: Sequence[dict[str, Any]], now: dt.datetime, report: Delivered
) -> None:
    """Send one channel's messages until one fails."""
    settings = channel.settings
    for row in rows:
        members = _members(engine, row)
        message = Outgoing(
            key=row["idempotency_key"],
            district=row["district"],
            subject=row["subject"],
            title=row["title"],
            body=row["body"],
            kind=row["kind"] or "episode",
            level=row["level"] or "",
            step=row["step"] or "",
            episode=row["episode_id"],
            tells=tuple(members),
        )
        attempts = row["attempts"] + 1
        if settings.digest_from:
            # before it leaves: after a crash it must not come a second time as a line of another digest
            _write(engine, row["id"], told_by=row["idempotency_key"])
        try:
            channel.send(message)
        except ChannelError as error:
            report.failed[settings.key] = str(error)
            pauses = settings.retry_minutes
            dead = attempts >= settings.max_attempts
            failed = {
                "attempts": attempts,
                "last_error": str(error),
                "not_before": now + dt.timedelta(minutes=pauses[min(attempts, len(pauses)) - 1]),
            }
            surely_not = not error.maybe_taken and not row["told_by"]
            if surely_not and members and not dead:
                dissolve(engine, row["idempotency_key"], **failed)
            else:
                told_by = "" if surely_not else row["idempotency_key"]
                _mark(engine, row["id"], **failed, state="dead" if dead else "waiting", told_by=told_by)
            if not dead:
                return
            report.dead += [message.key, *members]
            continue
        _mark(engine, row["id"], attempts=attempts, last_error="", sent_at=now, state="sent")
        report.sent[settings.key] = report.sent.get(settings.key, 0) + (len(members) or 1)
        if members:
            report.digests[settings.key] = report.digests.get(settings.key, 0) + 1


def _members(engine: Engine, row: Mapping[str, Any]) -> list[str]:
    """Return the keys of the messages that a digest tells, in their order; of another message none."""
    if row["kind"] != "digest":
        return []
    with engine.connect() as connection:
        told = select(outbox.c.idempotency_key).where(_told_by(row["idempotency_key"]))
        return list(connection.execute(told.order_by(outbox.c.id)).scalars())


def _told_by(digest: str) -> ColumnElement[bool]:
    return and_(outbox.c.told_by == digest, outbox.c.idempotency_key != digest)


def _mark(engine: Engine, number: int, **values: Any) -> None:
    """Write what became of a message, and the same of the messages that it tells, in one transaction."""
    with engine.begin() as connection:
        connection.execute(update(outbox).where(outbox.c.id == number).values(**values))
        digest = connection.execute(
            select(outbox.c.idempotency_key).where(outbox.c.id == number, outbox.c.kind == "digest")
        ).scalar_one_or_none()
        if digest is not None and values["state"] != "waiting":
            same = {name: values[name] for name in ("state", "sent_at", "last_error") if name in values}
            connection.execute(update(outbox).where(_told_by(digest)).values(**same))


def _write(engine: Engine, number: int, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(outbox).where(outbox.c.id == number).values(**values))


def _counted(engine: Engine, district: str | None) -> dict[str, int]:
    """Count the messages that nobody has yet, by channel; a digest is counted by what it tells."""
    left = and_(outbox.c.state.in_(("waiting", "bundled")), outbox.c.kind != "digest")
    if district is not None:
        left &= outbox.c.district == district
    query = select(outbox.c.channel, func.count()).where(left).group_by(outbox.c.channel)
    with engine.connect() as connection:
        return {row[0]: int(row[1]) for row in connection.execute(query.order_by(outbox.c.channel))}
