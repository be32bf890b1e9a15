"""Reader of the national hourly air export of cities (china_cities_YYYYMMDD.csv), one column a city.

Source: sources/data/air_quotsoft_cities.toml. The file is that of the stations with names of cities as
headings; a city is a site of its own, never mixed with its stations.
"""

from __future__ import annotations

from sources.air_quotsoft import read_wide, recognise_wide
from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("air_quotsoft_cities")


def partition(name: str) -> str | None:
    """Return the day the name speaks of (`2019-01-01`), or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    return recognise_wide(head, name, layout())


def read(content: bytes, delivery: Delivery) -> ReadResult:
    """Read one export into readings; as `sources.air_quotsoft.read_wide`."""
    return read_wide(content, delivery, layout())
