"""Reader of daily emission exports: daily means and daily amounts of outlets, one row an outlet and day.

Source: sources/data/outlet_daily.toml. Same forms as the hourly exports. The platform's daily means stand
beside what we compute from hours (period `1d`), they never replace it. A daily flow stated as a volume is
a volume, never a mean flow.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sources.assembly import TimeArray
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import Issue, partition_of
from sources.outlet_table import outlet_recognise, read_outlets
from sources.result import ReadResult
from sources.times import parse_days


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("outlet_daily")


def partition(name: str) -> str | None:
    """Return the month (or day) the name speaks of (`2026-01`), or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    return outlet_recognise(head, name, layout(), _days)


def read(content: bytes, delivery: Delivery) -> ReadResult:
    """Read one export into readings.

    Parameters
    ----------
    content
        The landed bytes.
    delivery
        Whose bytes they are.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `layout-unknown`, `no-cells`.
    """
    return read_outlets(content, delivery, layout(), _days)


def _days(words: Sequence[str], _issue: Issue) -> TimeArray:
    """Return the midnight that begins each day; a time of day other than 00:00 is no date."""
    folded = [unicodedata.normalize("NFKC", word).strip() for word in words]
    return parse_days(folded, layout().rest["day_patterns"])
