"""Every layout the project can read: source key to reader. A new layout is one module and one data file."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from sources import (
    abroad_openaq,
    abroad_wqp,
    air_city_daily,
    air_cnemc_feed,
    air_dustfall,
    air_pm25in,
    air_quotsoft,
    air_quotsoft_cities,
    air_quotsoft_long,
    air_station_long,
    black_odorous,
    dust_events,
    groundwater_points,
    hj212,
    outlet_daily,
    outlet_hourly,
    permit_limits,
    reduction_ledger,
    statistics_return,
    target_documents,
    water_cnemc_api,
    water_cnemc_section,
    water_monthly,
)
from sources.archive import archived
from sources.delivery import Delivery, delivery_name
from sources.encoding import decode, unpack
from sources.layout import LayoutData
from sources.result import Problem, ReadResult, together
from sources.workbook import is_workbook, shown
from vocabulary.reasons import DeliveryRefusedError

#: characters of a text that tell its layout
_HEAD = 64 * 1024


class UnknownSourceError(Exception):
    """No layout is known under this source key."""


class Layout(Protocol):
    """What a layout's module offers."""

    def layout(self) -> LayoutData:
        """Return the layout's stated facts."""

    def read(self, content: bytes, delivery: Delivery, /) -> ReadResult:
        """Read one export."""

    def partition(self, name: str, /) -> str | None:
        """Return the day or month a name speaks of."""

    def recognise(self, head: str, name: str, /) -> float:
        """Return how sure the head of a text is of this layout, 0 to 1."""


LAYOUTS: dict[str, Layout] = {
    "abroad-openaq": abroad_openaq,
    "abroad-wqp": abroad_wqp,
    "air-city-daily": air_city_daily,
    "air-cnemc-feed": air_cnemc_feed,
    "air-dustfall": air_dustfall,
    "air-pm25in": air_pm25in,
    "air-quotsoft": air_quotsoft,
    "air-quotsoft-cities": air_quotsoft_cities,
    "air-quotsoft-long": air_quotsoft_long,
    "air-station-long": air_station_long,
    "black-odorous-register": black_odorous,
    "groundwater-points": groundwater_points,
    "dust-events": dust_events,
    "hj212": hj212,
    "outlet-daily": outlet_daily,
    "outlet-hourly": outlet_hourly,
    "permit-limits": permit_limits,
    "reduction-ledger": reduction_ledger,
    "statistics-return": statistics_return,
    "target-documents": target_documents,
    "water-cnemc-api": water_cnemc_api,
    "water-cnemc-section": water_cnemc_section,
    "water-monthly": water_monthly,
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
    head = head_of(content)
    found = {source: reader.recognise(head, name) for source, reader in LAYOUTS.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def head_of(content: bytes) -> str:
    """Return the first characters of an export; of an archive, those of its first part.

    A workbook, or a page saved as one, gives its first rows as comma-separated lines; bytes that are no
    text in any encoding give one character a byte, since a log of raw frames may hold anything.

    Raises
    ------
    vocabulary.reasons.DeliveryRefusedError
        When it is empty, too large, unsafe to open or a damaged workbook.
    """
    plain, _ = unpack(content)
    parts = archived(plain)
    if parts is not None:
        plain, _ = unpack(parts[0][1])
    if is_workbook(plain) or plain.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return shown(plain)[:_HEAD]
    try:
        return decode(plain).text[:_HEAD]
    except DeliveryRefusedError as refusal:
        if refusal.code == "file-empty":
            raise
        return plain[:_HEAD].decode("latin-1")


def read_delivery(content: bytes, delivery: Delivery) -> ReadResult:
    """Read a delivery with its source's layout; gzip and zip are opened first.

    Every part of a zip archive is read as an export of its own name; the readings keep it in `sheet`.

    Raises
    ------
    vocabulary.reasons.DeliveryRefusedError
        When the delivery as a whole cannot be read; its code is a key of reasons.toml.
    UnknownSourceError
        When the source key has no layout.
    """
    reader = layout_of(delivery.source)
    plain, cut = unpack(content)
    parts = archived(plain)
    if parts is None:
        result = reader.read(plain, delivery)
    else:
        result = together([_part(reader, name, body, delivery) for name, body in parts], as_sheet=True)
    if cut:
        result.problems.append(Problem("file-truncated", "压缩流提前结束", "the packed stream ends early"))
    return result


def _part(reader: Layout, name: str, body: bytes, delivery: Delivery) -> tuple[str, ReadResult]:
    """Read one part of an archive; a part that cannot be read refuses the whole and is named."""
    plain, cut = unpack(body)
    own = replace(delivery, name=delivery_name(f"{delivery.name}/{name}"))
    try:
        result = reader.read(plain, own)
    except DeliveryRefusedError as refusal:
        raise DeliveryRefusedError(
            refusal.code, f"{name}：{refusal.zh}", f"{name}: {refusal.en}"
        ) from refusal
    if cut:
        result.problems.append(Problem("file-truncated", "压缩流提前结束", "the packed stream ends early"))
    return name, result
