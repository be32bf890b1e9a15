"""Every layout the project can read: source key to reader. A new layout is one module and one data file."""

from __future__ import annotations

from typing import Protocol

from sources import air_quotsoft, outlet_hourly, water_cnemc_api, water_cnemc_section
from sources.delivery import Delivery
from sources.encoding import decode, unpack
from sources.layout import LayoutData
from sources.result import Problem, ReadResult

#: characters of a text that tell its layout
_HEAD = 64 * 1024


class UnknownSourceError(Exception):
    """No layout is known under this source key."""


class Layout(Protocol):
    """What a layout's module offers."""

    def layout(self) -> LayoutData:
        """Return the layout's stated facts."""

    def read(self, content: bytes, delivery: Delivery) -> ReadResult:
        """Read one export."""

    def partition(self, name: str) -> str | None:
        """Return the day or month a name speaks of."""

    def recognise(self, head: str, name: str) -> float:
        """Return how sure the head of a text is of this layout, 0 to 1."""


LAYOUTS: dict[str, Layout] = {
    "air-quotsoft": air_quotsoft,
    "outlet-hourly": outlet_hourly,
    "water-cnemc-api": water_cnemc_api,
    "water-cnemc-section": water_cnemc_section,
}


def layout_of(source: str) -> Layout:
    """Return the layout of a source key.

    Raises
    ------
    UnknownSourceError
        When there is none; the message lists those there are.
    """
    try:
        return LAYOUTS[source]
    except KeyError as error:
        raise UnknownSourceError(f"unknown source {source!r}; known: {', '.join(sorted(LAYOUTS))}") from error


def recognised(content: bytes, name: str) -> dict[str, float]:
    """Return how sure each layout is that an export is one of its own, the surest first.

    Raises
    ------
    vocabulary.reasons.DeliveryRefusedError
        When the bytes are no text at all.
    """
    plain, _ = unpack(content)
    head = decode(plain).text[:_HEAD]
    found = {source: reader.recognise(head, name) for source, reader in LAYOUTS.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def read_delivery(content: bytes, delivery: Delivery) -> ReadResult:
    """Read a delivery with its source's layout; a single gzip file is opened first.

    Raises
    ------
    vocabulary.reasons.DeliveryRefusedError
        When the delivery as a whole cannot be read; its code is a key of reasons.toml.
    UnknownSourceError
        When the source key has no layout.
    """
    reader = layout_of(delivery.source)
    plain, cut = unpack(content)
    result = reader.read(plain, delivery)
    if cut:
        result.problems.append(Problem("file-truncated", "压缩流提前结束", "the packed stream ends early"))
    return result
