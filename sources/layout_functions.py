"""The four functions that a layout's module offers, made from what is its own.

Most layouts share a kind of table, and differ in their data file and in a function or two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sources.delivery import Delivery
from sources.layout import LayoutData, layout_data
from sources.naming import partition_of
from sources.result import ReadResult


class LayoutFunctions(NamedTuple):
    """What `sources.catalogue.Layout` asks of a module, in this order.

    `read` raises DeliveryRefusedError with `file-empty`, `file-unreadable`, `file-too-large`,
    `layout-unknown` or `no-cells`.
    """

    layout: Callable[[], LayoutData]
    partition: Callable[[str], str | None]
    recognise: Callable[[str, str], float]
    read: Callable[[bytes, Delivery], ReadResult]


def layout_functions(
    name: str,
    recognise: Callable[[str, str, LayoutData], float],
    read: Callable[[bytes, Delivery, LayoutData], ReadResult],
) -> LayoutFunctions:
    """Return the functions of the layout of sources/data/<name>.toml.

    Parameters
    ----------
    name
        Of the data file; its names tell the day or month of a delivery.
    recognise
        From the head of a text, the delivery's name and the layout to how sure it is, 0 to 1.
    read
        From the landed bytes, the delivery and the layout to the result.
    """

    def layout() -> LayoutData:
        return layout_data(name)

    def partition(of: str) -> str | None:
        return partition_of(of, layout().names)

    def recognised(head: str, of: str) -> float:
        return recognise(head, of, layout())

    def result(content: bytes, delivery: Delivery) -> ReadResult:
        return read(content, delivery, layout())

    return LayoutFunctions(layout, partition, recognised, result)
