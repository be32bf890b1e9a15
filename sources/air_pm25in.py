"""Reader of crawled hourly station pages: Date, Hour, WatchPoint, then words and items.

Source: sources/data/air_pm25in.toml. Level and primary pollutant are words, not values, and are no cells;
line breaks within them are data of the page. Repeated keys are later statements, the warehouse settles
them. A station is what its name says: `监控中心` and `监控中心(20190222启用)` are two sites.
"""

from __future__ import annotations

from sources.air_table import read_table, recognise_table
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("air_pm25in")


def partition(name: str) -> str | None:
    """Return the day or month the name speaks of, or None (the crawl's files are named by their city)."""
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
