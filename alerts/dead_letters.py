"""Messages that were given up: listed for people, and given back to the outbox when the channel is mended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, or_, select, update

from vocabulary.clock import wall_time
from warehouse.schema import outbox


def dead_letters(connection: Connection, district: str | None = None) -> list[dict[str, Any]]:
    """List the messages that were given up after the channel's `max_attempts` tries, the oldest first.

    Returns
    -------
    list of dict
        `key, channel, district, kind, subject, level, title, attempts, created_at, last_error, tells`; times
        are Asia/Shanghai, `tells` counts the messages of a digest (1 of any other).
    """
    digest = outbox.alias()
    by_itself = or_(
        outbox.c.told_by == "", outbox.c.told_by.is_(None), outbox.c.told_by == outbox.c.idempotency_key
    )
    chosen = and_(outbox.c.state == "dead", by_itself)
    if district is not None:
        chosen &= outbox.c.district == district
    rows = connection.execute(select(outbox).where(chosen).order_by(outbox.c.id)).mappings().all()
    told = connection.execute(
        select(digest.c.told_by).where(digest.c.told_by.in_([row["idempotency_key"] for row in rows]))
    ).scalars()
    counts: dict[str, int] = {}
    for key in told:
        counts[key] = counts.get(key, 0) + 1
    return [
        {
            "key": row["idempotency_key"],
            "channel": row["channel"],
            "district": row["district"],
            "kind": row["kind"],
            "subject": row["subject"],
            "level": row["level"],
            "title": row["title"],
            "attempts": row["attempts"],
            "created_at": wall_time(row["created_at"]).isoformat(timespec="seconds"),
            "last_error": row["last_error"],
            "tells": counts.get(row["idempotency_key"], 1) if row["kind"] == "digest" else 1,
        }
        for row in rows
    ]


def retry_dead(connection: Connection, keys: Collection[str], *, at: dt.datetime) -> int:
    """Let messages that were given up be tried again from `at` (UTC), a digest with all that it tells.

    Returns how many of the keys were given up until now; others are left as they are.
    """
    mine = and_(outbox.c.state == "dead", outbox.c.idempotency_key.in_(list(keys)))
    found = list(connection.execute(select(outbox.c.idempotency_key).where(mine)).scalars())
    again = {"state": "waiting", "attempts": 0, "not_before": at, "last_error": ""}
    connection.execute(update(outbox).where(outbox.c.idempotency_key.in_(found)).values(**again))
    members = and_(
        outbox.c.state == "dead", outbox.c.told_by.in_(found), outbox.c.idempotency_key.not_in(found)
    )
    connection.execute(update(outbox).where(members).values(state="bundled", last_error=""))
    return len(found)
