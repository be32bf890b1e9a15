"""Windows in which nobody is told (静默): by rule, by subject or both, with owner, reason and end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from vocabulary.clock import wall_time
from warehouse.schema import silences

#: what `episodes.muted_by` begins with when a silence holds the messages
SILENCE = "silence:"


@dataclass(frozen=True)
class Silence:
    """One window; `rule` and `subject` '' mean any, times are UTC."""

    id: int
    district: str
    rule: str
    subject: str
    owner: str
    reason: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    ended_at: dt.datetime | None

    @property
    def mark(self) -> str:
        """What an episode's `muted_by` says while this silence holds its messages."""
        return f"{SILENCE}{self.id}"

    def covers(self, rule: str, subject: str) -> bool:
        """Whether messages of that rule about that subject are held."""
        return self.rule in ("", rule) and self.subject in ("", subject)


def in_force(at: dt.datetime) -> ColumnElement[bool]:
    """Return the condition for silences that hold at a time (UTC)."""
    return and_(
        silences.c.starts_at <= at,
        silences.c.ends_at > at,
        or_(silences.c.ended_at.is_(None), silences.c.ended_at > at),
    )


def silences_in_force(connection: Connection, district: str, at: dt.datetime) -> list[Silence]:
    """Return the silences of a district that hold at a time (UTC), the oldest first."""
    query = select(silences).where(silences.c.district == district, in_force(at)).order_by(silences.c.id)
    return [_silence(row) for row in connection.execute(query).mappings()]


def silenced_by(known: Iterable[Silence], rule: str, subject: str) -> str:
    """Return the mark of the first silence that covers a rule and subject, '' where none does."""
    return next((silence.mark for silence in known if silence.covers(rule, subject)), "")


def list_silences(connection: Connection, districts: Iterable[str], at: dt.datetime) -> list[dict[str, Any]]:
    """Return every silence of some districts as records, the newest first.

    Returns
    -------
    list of dict
        `id, district, rule, subject, owner, reason, starts_at, ends_at, ended_by, ended_at, in_force`; times are
        Asia/Shanghai, `rule` and `subject` '' mean any.
    """
    query = (
        select(silences, in_force(at).label("in_force"))
        .where(silences.c.district.in_(list(districts)))
        .order_by(silences.c.id.desc())
    )
    times = ("starts_at", "ends_at", "ended_at")
    return [
        {
            name: (
                wall_time(value).isoformat(timespec="seconds")
                if name in times and value is not None
                else value
            )
            for name, value in row.items()
            if name != "created_at"
        }
        for row in connection.execute(query).mappings()
    ]


def _silence(row: Any) -> Silence:
    names = Silence.__dataclass_fields__
    return Silence(**{name: row[name] for name in names})
