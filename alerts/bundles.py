"""Many messages that are due at once become one digest; the digest is written down before it leaves.

So a crash between writing and sending, or an answer that is lost, tells the same messages again under the
digest's one key, and never a second time by themselves. One that was surely refused is taken back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, and_, delete, func, insert, select, update

from alerts.links import Links
from alerts.notices import LEVELS, Item, write_digest
from alerts.routing_settings import ChannelSettings
from warehouse.schema import episodes, outbox

#: steps of which a digest's line needs no link to acknowledge
_OVER = frozenset({"resolved", "annulled", "acknowledged", "closed"})
#: a digest of one is no digest
_FEWEST = 2


def key_of(row: dict[str, Any]) -> str:
    """Return what is the same for all messages of one episode to one channel."""
    return str(row["idempotency_key"].rsplit(":", 2)[0])


def bundle(
    engine: Engine,
    settings: ChannelSettings,
    due: list[dict[str, Any]],
    room: int | None,
    *,
    now: dt.datetime,
    district_name: str = "",
    links: Links | None = None,
) -> list[dict[str, Any]]:
    """Return what is sent of the messages that are due: themselves, or a digest that stands for them.

    Digests that already wait, tests, and messages that the receiver may have, stay by themselves and keep
    their place before the others.

    Parameters
    ----------
    engine, settings
        The warehouse and the channel.
    due
        Messages of one channel and district that may leave, in order.
    room
        How many the channel may take now; None: any number. With none at all nothing is bundled: what waits
        may still grow.
    """
    if not settings.digest_from or room == 0:
        return due
    alone = [row for row in due if row["told_by"] or row["kind"] != "episode"]
    others = [row for row in due if not row["told_by"] and row["kind"] == "episode"]
    crowded = room is not None and len(due) > room
    if len(others) < _FEWEST or not (len(others) >= settings.digest_from or crowded):
        return due
    return [*alone, _digest(engine, settings, others, now=now, district_name=district_name, links=links)]


def dissolve(engine: Engine, digest: str, **failed: Any) -> None:
    """Take back a digest that nobody can have seen: what it told waits again, and may leave with what is new.

    `failed` is what the first of its messages keeps of the try, so that the channel is waited for.
    """
    told = and_(outbox.c.told_by == digest, outbox.c.idempotency_key != digest)
    with engine.begin() as connection:
        first = connection.execute(select(func.min(outbox.c.id)).where(told)).scalar_one()
        connection.execute(update(outbox).where(told).values(state="waiting", told_by=""))
        connection.execute(update(outbox).where(outbox.c.id == first).values(**failed))
        connection.execute(delete(outbox).where(outbox.c.idempotency_key == digest))


def _digest(
    engine: Engine,
    settings: ChannelSettings,
    rows: Sequence[dict[str, Any]],
    *,
    now: dt.datetime,
    district_name: str,
    links: Links | None,
) -> dict[str, Any]:
    """Write the digest of messages into the outbox and mark them as told by it, in one transaction."""
    district = rows[0]["district"]
    keys = [row["idempotency_key"] for row in rows]
    mark = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12]
    key = f"digest:{district}:{settings.key}:{rows[0]['id']}-{len(rows)}:{mark}"
    present = {row["level"] for row in rows}
    with engine.begin() as connection:
        told = {
            row["id"]: row
            for row in connection.execute(
                select(episodes.c.id, episodes.c.message_zh, episodes.c.message_en).where(
                    episodes.c.id.in_([row["episode_id"] for row in rows if row["episode_id"] is not None])
                )
            ).mappings()
        }
        items = [_item(row, told.get(row["episode_id"]), links, now) for row in rows]
        message = write_digest(items, settings, district=district_name or district, key=key)
        values = {
            "idempotency_key": key,
            "channel": settings.key,
            "district": district,
            "subject": "",
            "title": message.title,
            "body": message.body,
            "state": "waiting",
            # tries go on being counted when a digest that was refused is made anew
            "attempts": max(row["attempts"] for row in rows),
            "not_before": now,
            "created_at": now,
            "last_error": "",
            "kind": "digest",
            "level": next((level for level in LEVELS if level in present), ""),
            "step": "",
            "role": "",
            "group_key": "",
            "told_by": "",
        }
        number = connection.execute(insert(outbox).values(values).returning(outbox.c.id)).scalar_one()
        connection.execute(
            update(outbox)
            .where(outbox.c.id.in_([row["id"] for row in rows]))
            .values(state="bundled", told_by=key)
        )
    return values | {"id": number, "episode_id": None}


def _item(row: dict[str, Any], episode: Any, links: Links | None, now: dt.datetime) -> Item:
    link = ""
    if links is not None and row["episode_id"] is not None:
        purpose = "view" if (row["step"] or "").partition("-")[0] in _OVER else "acknowledge"
        link = links.link(row["episode_id"], purpose, at=now, nonce=row["idempotency_key"])  # type: ignore[arg-type]
    return Item(
        level=row["level"] or "",
        step=row["step"] or "",
        zh=row["title"] if episode is None else episode["message_zh"],
        en=row["title"] if episode is None else episode["message_en"],
        link=link,
    )
