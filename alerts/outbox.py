"""Deliver what waits in the outbox: at least once, in order, one channel independent of another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select, update

from alerts.channels import Channel, ChannelError, Outgoing
from warehouse.schema import outbox


@dataclass
class Delivered:
    """What a delivery did: messages sent and still waiting by channel, and what channels said.

    `failed` holds the error of each channel that did not take a message; `dead` the keys given up;
    `unknown` the channels that messages wait for and that no `alerts.toml` names any more.
    """

    sent: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def deliver(
    engine: Engine,
    channels: Mapping[str, Channel],
    *,
    now: dt.datetime,
    district: str | None = None,
) -> Delivered:
    """Send waiting messages, oldest first.

    A message is marked as sent in its own small transaction after the channel took it; a crash in between
    sends it again with the same key. While sending, no transaction is open. When a channel fails, its
    message waits (`attempts`, `last_error`, `not_before`), and so do all behind it, so that an end never
    overtakes its beginning; other channels go on.

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
        if mine:
            _deliver_channel(engine, channel, mine, now, report)
    with engine.connect() as connection:
        left = select(outbox.c.channel, func.count()).where(waiting).group_by(outbox.c.channel)
        report.waiting = {row[0]: int(row[1]) for row in connection.execute(left.order_by(outbox.c.channel))}
    return report


def _deliver_channel(
    engine: Engine, channel: Channel, rows: list[dict[str, Any]], now: dt.datetime, report: Delivered
) -> None:
    """Send one channel's messages until one fails or must still wait."""
    settings = channel.settings
    for row in rows:
        if row["not_before"] > now:
            return
        message = Outgoing(
            key=row["idempotency_key"],
            district=row["district"],
            subject=row["subject"],
            title=row["title"],
            body=row["body"],
        )
        attempts = row["attempts"] + 1
        try:
            channel.send(message)
        except ChannelError as error:
            report.failed[settings.key] = str(error)
            pauses = settings.retry_minutes
            pause = pauses[min(attempts, len(pauses)) - 1]
            dead = attempts >= settings.max_attempts
            _mark(
                engine,
                row["id"],
                attempts=attempts,
                last_error=str(error),
                not_before=now + dt.timedelta(minutes=pause),
                state="dead" if dead else "waiting",
            )
            if not dead:
                return
            report.dead.append(message.key)
            continue
        _mark(engine, row["id"], attempts=attempts, last_error="", sent_at=now, state="sent")
        report.sent[settings.key] = report.sent.get(settings.key, 0) + 1


def _mark(engine: Engine, number: int, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(outbox).where(outbox.c.id == number).values(**values))
