"""The terms of pulling: bounds, what an address said last time, and what may come of asking it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from vocabulary.clock import now_utc, wall_time


@dataclass(frozen=True)
class Limits:
    """Bounds of time, size and patience; seconds and bytes.

    `total_seconds` and `max_bytes` hold for one file, with all its attempts; `source_seconds` and
    `failures` (one after the other) for a whole source.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    total_seconds: float = 1800.0
    max_bytes: int = 256 * 1024 * 1024
    retries: int = 4
    backoff_seconds: float = 1.0
    retry_after_seconds: int = 120
    redirects: int = 5
    source_seconds: float = 4 * 3600.0
    failures: int = 5


@dataclass(frozen=True)
class Mark:
    """What an address said about the bytes pulled last: makes the next request conditional.

    `size` and `modified_ns` are of a file server, which has no conditional requests; -1 elsewhere.
    """

    etag: str = ""
    last_modified: str = ""
    size: int = -1
    modified_ns: int = -1


@dataclass(frozen=True)
class Pulled:
    """One fetched export: a whole file at `path`, which the caller lands and removes.

    `address` is the key of its mark (nothing secret in it). `modified_at` is the server's time of change in
    Asia/Shanghai wall time, or else the time of the pull.
    """

    address: str
    name: str
    path: Path
    size: int
    modified_at: datetime
    etag: str
    last_modified: str
    modified_ns: int = -1


@dataclass(frozen=True)
class NotModified:
    """The address still has what was pulled last."""

    address: str
    name: str


@dataclass(frozen=True)
class Absent:
    """A template's address that is not (yet) there, or a page without rows."""

    address: str
    name: str


Outcome = Pulled | NotModified | Absent


class PassingError(Exception):
    """Trouble that another attempt may not meet; `wait` is what the server asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class RefusedError(Exception):
    """What an address gives is not taken, and another attempt would not change that."""


def modified_wall_time(last_modified: str) -> datetime:
    """Return an HTTP date as Asia/Shanghai wall time; the present where it is absent or unreadable."""
    moment = http_date(last_modified)
    if moment is None:  # the time of the pull has to do
        return wall_time(now_utc()).replace(microsecond=0)
    return wall_time(moment.replace(tzinfo=None))


def http_date(text: str) -> datetime | None:
    """Return the moment (UTC) of an HTTP date; None where there is none that can be read."""
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):  # absent, unreadable or beyond the calendar
        return None


def retry_after(text: str, limit: float) -> float | None:
    """Return the seconds a server asks to be left alone, at most `limit`; None where it does not say.

    Both forms of RFC 9110 section 10.2.3: seconds, or the date of the next visit.
    """
    wish = text.strip()
    if wish.isascii() and wish.isdigit():
        return min(float(wish[:12]), limit)
    moment = http_date(wish) if wish else None
    if moment is None:
        return None
    return min(max((moment - now_utc().replace(tzinfo=UTC)).total_seconds(), 0.0), limit)
