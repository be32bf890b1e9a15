"""Reader of hourly emission exports: flue gas and wastewater outlets, one row an outlet and hour.

Source: sources/data/outlet_hourly.toml. Values are turned into the parameter's canonical unit by the unit
of their heading; a cell that says that the plant stands still is blank and its row's readings carry the
word; summary rows are turned away with their reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache

import numpy as np

from sources.assembly import BoolArray, Labels, among, encode, joined, settle, trimmed
from sources.cells import Cells, delimited
from sources.delivery import Delivery
from sources.encoding import decode
from sources.layout import LayoutData, layout_data
from sources.naming import issue_of, partition_of
from sources.result import ReadResult
from sources.shape import reject_misfits, shape_of
from sources.table import (
    Heading,
    Lines,
    place_values,
    read_heading,
    reject_columns,
    split_heading,
    unit_change,
)
from sources.times import latest_time, parse_times
from vocabulary.parameters import normalise_name
from vocabulary.reasons import DeliveryRefusedError
from vocabulary.units import Conversion, between

_REQUIRED = ("site", "time")


def layout() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("outlet_hourly")


def partition(name: str) -> str | None:
    """Return the month (or day) the name speaks of (`2026-01`), or None."""
    return partition_of(name, layout().names)


def recognise(head: str, name: str) -> float:
    """Return how sure the head of a text is of this layout, 0 to 1."""
    facts = layout()
    for line in head.lstrip("\ufeff").split("\n")[: facts.rest["header_within"]]:
        fields = [field.strip().strip('"') for field in line.split(facts.rest["separator"])]
        if _has_roles(fields, facts):
            values = [_parameter_of(field) for field in fields]
            return (1.0 if partition(name) else 0.9) if any(values) else 0.5
    return 0.0


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
    facts = layout()
    text = decode(content)
    cells = delimited(text.text, facts.rest["separator"])
    header, heading = _find_heading(cells, facts, delivery.name)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    labels = heading.labels
    times = trimmed(cells.at(labels["time"]))
    words, code = encode(times)
    when = parse_times(words, facts.rest["time_pattern"], latest_time(issue.covered_to), whole_hours=True)[
        code
    ]
    stopped = _stopped(cells, heading, header, facts)
    flags = [_labels(cells, labels[role]) for role in ("flag", "note") if role in labels]
    placed = place_values(
        cells,
        header,
        heading,
        Lines(
            site=_labels(cells, labels["site"]),
            observed_at=when,
            flag=joined([*flags, stopped], facts.rest["flag_separator"]),
        ),
        period=facts.rest["period"],
        missing=facts.missing | frozenset(facts.rest["stopped"]),
    )
    book, line = placed.book, placed.line
    book.reject(_summary(cells, labels, facts)[line], "summary-row")
    shape = shape_of(
        cells, header, heading.width, facts.missing, notes=min(heading.values), mid_character=text.cut
    )
    problems = heading.problems + reject_misfits(book, shape, line, placed.position, cells)
    reject_columns(placed, heading)
    book.reject(among(times, facts.missing)[line], "time-missing")
    return settle(book, delivery, facts, issue, encoding=text.encoding, problems=problems)


def _has_roles(fields: list[str], facts: LayoutData) -> bool:
    spelled = {normalise_name(field) for field in fields}
    return all(
        any(normalise_name(name) in spelled for name in facts.rest["roles"][role]) for role in _REQUIRED
    )


def _find_heading(cells: Cells, facts: LayoutData, name: str) -> tuple[int, Heading]:
    """Return the header's record and its columns; what stands above it is a title."""
    for record in range(min(facts.rest["header_within"], cells.records)):
        fields = [field.strip() for field in cells.record(record)]
        if _has_roles(fields, facts):
            heading = read_heading(fields, facts.rest["roles"], _parameter_of, {})
            if any(column.parameter for column in heading.values.values()):
                return record, heading
    wanted = "、".join(facts.rest["roles"][role][0] for role in _REQUIRED) + "、<因子>浓度(<单位>)"
    found = ",".join(cells.record(0))[:120]
    raise DeliveryRefusedError(
        "layout-unknown",
        f"{name} 前 {facts.rest['header_within']} 行中没有含 {wanted} 的表头；首行为 {found}",
        f"{name} has no header with {wanted} in its first {facts.rest['header_within']} lines; it starts {found}",
    )


@cache
def _names() -> Mapping[str, str]:
    """Return normalised heading without unit -> parameter."""
    facts = layout()
    found = {
        normalise_name(name): parameter
        for parameter, names in facts.rest["columns"].items()
        for name in names
    }
    for factor in facts.rest["factor"]:
        for kind, suffixes in facts.rest["suffixes"].items():
            if kind in factor:
                found |= {
                    normalise_name(name + suffix): factor[kind]
                    for name in factor["names"]
                    for suffix in suffixes
                }
    return found


def _parameter_of(field: str) -> tuple[str, Conversion | None] | None:
    """Return the parameter and change of unit of a heading such as `颗粒物折算浓度(mg/m3)`."""
    name, unit = split_heading(field)
    parameter = _names().get(normalise_name(name))
    if parameter is None:
        return None
    special = {
        normalise_name(spelling): between(Decimal(ratio))
        for spelling, ratio in layout().rest["units"].get(parameter, {}).items()
    }
    return parameter, unit_change(parameter, unit, special)


def _labels(cells: Cells, place: int) -> Labels:
    return Labels(*encode(trimmed(cells.at(place))))


def _stopped(cells: Cells, heading: Heading, header: int, facts: LayoutData) -> Labels:
    """Return for each record the word by which one of its value cells says that the plant stands still."""
    words: list[str] = facts.rest["stopped"]
    places = np.array(sorted(heading.values), dtype=np.int64)
    codes = np.full(cells.records, -1, dtype=np.int64)
    raw, line, _ = cells.take(np.isin(cells.position, places) & (cells.line > header))
    text = trimmed(raw)
    for code, word in enumerate(words):
        codes[line[among(text, frozenset({word}))]] = code
    return Labels(words, codes)


def _summary(cells: Cells, labels: dict[str, int], facts: LayoutData) -> BoolArray:
    """Return which records sum up others: a summary word in any label column."""
    words = frozenset(facts.rest["summary"])
    found = np.zeros(cells.records, dtype=bool)
    for role in ("enterprise", "outlet", "site", "time"):
        if role in labels:
            found |= among(trimmed(cells.at(labels[role])), words)
    return found
