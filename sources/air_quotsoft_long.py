"""Reader of the national hourly air release turned long: one row a station and hour, one column a type.

Source: sources/data/air_quotsoft_long.toml. Real-time data, not audited; `t` is the end of the hour.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("air_quotsoft_long")


def partition(name: str) -> str | None:
    """Return the day or month the name speaks of, or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    return recognise_table(head, name, layout())


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
        As in `sources.air_table.read_table`.
    """
    return read_table(content, delivery, layout())
