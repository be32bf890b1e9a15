"""Reader of hourly station exports, one row a station and hour: text or workbook, units in the headings.

Source: sources/data/air_station_long.toml. An hour `08` is the interval that ends at 08:00, a range `07~08`
says so itself, and `24:00` belongs to the day that ends.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("air_station_long")


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
