"""Reader of manual monthly reports of surface-water sections (手工监测月报): workbooks, saved pages, CSV.

Source: sources/data/water_monthly.toml. Samplings are readings of channel `manual`; values below a
detection limit keep it; a dry or frozen section is a reading `dry` whose flag is the word delivered.
"""

from __future__ import annotations

from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult
from sources.water_table import read_tables, sureness

_LAYOUT = "water_monthly"


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data(_LAYOUT)


def partition(name: str) -> str | None:
    """Return the month the name speaks of (`2026-03`), or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of an export is of this layout, 0 to 1."""
    return sureness(_LAYOUT, head, name)


def read(content: bytes, delivery: Delivery) -> ReadResult:
    """Read one report into readings.

    Parameters
    ----------
    content
        The landed bytes.
    delivery
        Whose bytes they are; where the table states no month, its name may.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `file-too-large`, `layout-unknown`, `no-cells`.
    """
    return read_tables(_LAYOUT, content, delivery)
