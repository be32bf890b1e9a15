"""Time: wall time in Asia/Shanghai for observations, UTC for what the warehouse knew when.

Both are kept without zone in frames and tables; the names say which is which (`observed_at`, `since`:
Shanghai; `known_from`, `loaded_at`: UTC).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: its minutes east of Greenwich today, without summer time: the wall time of every reading
MINUTES_EAST = 8 * 60


def now_utc() -> datetime:
    """Return the present moment, UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def today() -> date:
    """Return today's date in Asia/Shanghai."""
    return datetime.now(SHANGHAI).date()


def wall_time(moment_utc: datetime) -> datetime:
    """Return the Asia/Shanghai wall time, without zone, of a UTC moment without zone."""
    return moment_utc.replace(tzinfo=UTC).astimezone(SHANGHAI).replace(tzinfo=None)


def utc_of_wall(wall: datetime) -> datetime:
    """Return the UTC moment, without zone, of an Asia/Shanghai wall time (or of an aware time)."""
    aware = wall if wall.tzinfo is not None else wall.replace(tzinfo=SHANGHAI)
    return aware.astimezone(UTC).replace(tzinfo=None)
