"""Tables of the national surface-water release: what its JSON answers and its CSV have in common."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pyarrow as pa

from sources.assembly import BoolArray, Labels, among, encode, joined, settle, trimmed
from sources.cells import Cells
from sources.delivery import Delivery
from sources.encoding import Text
from sources.layout import LayoutData
from sources.naming import issue_of
from sources.result import ReadResult
from sources.shape import reject_misfits, shape_of
from sources.table import (
    Heading,
    Lines,
    Placed,
    place_values,
    read_heading,
    reject_columns,
    split_heading,
    unit_change,
)
from sources.times import latest_time, parse_times
from vocabulary.parameters import aliases, normalise_name
from vocabulary.reasons import DeliveryRefusedError
from vocabulary.units import Conversion
from vocabulary.water_class import parse_class

_TAG = re.compile(r"(?s)<[^>]*>")


def plain(text: str) -> str:
    """Return a name or heading without HTML tags and entities and surrounding white space."""
    return html.unescape(_TAG.sub("", text)).strip()


def section_heading(fields: list[str], facts: LayoutData, place: str) -> Heading:
    """Read the headings, already without HTML.

    Raises
    ------
    DeliveryRefusedError
        `layout-unknown` when the section or the time is missing, or no parameter is known.
    """
    columns: dict[str, str] = facts.rest["columns"]
    known = aliases(facts.medium) | {normalise_name(name): key for key, name in columns.items()}

    def parameter_of(field: str) -> tuple[str, Conversion | None] | None:
        name, unit = split_heading(field)
        for spelled, of in ((name, unit), (field, "")):
            key = known.get(normalise_name(spelled))
            if key is not None:
                return key, unit_change(key, of)
        return None

    heading = read_heading(fields, facts.rest["roles"], parameter_of, columns)
    lacking = [facts.rest["roles"][role][0] for role in ("section", "time") if role not in heading.labels]
    if not any(column.parameter for column in heading.values.values()):
        lacking.append("监测因子")
    if lacking:
        wanted, found = "、".join(lacking), ",".join(fields)[:120]
        raise DeliveryRefusedError(
            "layout-unknown",
            f"{place} 缺少列：{wanted}；实为 {found}",
            f"{place} lacks the columns {wanted}; found {found}",
        )
    return heading


def read_sections(
    cells: Cells,
    header: int,
    heading: Heading,
    delivery: Delivery,
    facts: LayoutData,
    text: Text,
    *,
    blanks: Callable[[pa.Array], tuple[pa.Array, BoolArray]] | None = None,
    unreadable: BoolArray | None = None,
    may_break_off: bool = True,
) -> ReadResult:
    """Turn a section table into a result.

    Parameters
    ----------
    header
        Index of the header's record in `cells`, -1 where it is not among them.
    text
        What the cells were taken from: its encoding, and whether it ends within a character.
    blanks
        From raw cells to number texts and blanks, where cells are more than plain text.
    unreadable
        Records that are no lines of the table.
    may_break_off
        Whether a short last record means that the file was cut.
    """
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    labels = heading.labels
    times = trimmed(cells.at(labels["time"]))
    words, code = encode(times)
    when = parse_times(words, facts.rest["time_pattern"], latest_time(issue.covered_to))[code]
    untimed = among(times, facts.missing)
    lines = Lines(
        site=_sites(cells, labels),
        observed_at=when,
        flag=_labels(cells, labels.get("status")),
    )
    placed = place_values(
        cells,
        header,
        heading,
        lines,
        period=facts.rest["period"],
        missing=facts.missing,
        blanks=blanks,
        pattern=facts.rest["number_pattern"],
    )
    book, line = placed.book, placed.line
    is_class = _read_classes(placed, heading)
    if unreadable is not None:
        book.reject(unreadable[line], "line-unreadable")
    shape = shape_of(
        cells,
        header,
        heading.width,
        facts.missing,
        may_break_off=may_break_off,
        mid_character=text.cut and may_break_off,
    )
    problems = heading.problems + reject_misfits(book, shape, line, placed.position, cells)
    reject_columns(placed, heading)
    book.reject(untimed[line], "time-missing")
    oldest = np.datetime64(issue.covered_from - timedelta(days=facts.rest["stale_days"]), "us")
    book.reject((when < oldest)[line], "time-stale")
    book.reject(is_class & np.isnan(book.value), "class-unknown")
    return settle(book, delivery, facts, issue, encoding=text.encoding, problems=problems)


def _labels(cells: Cells, place: int | None) -> Labels:
    if place is None:
        return Labels.same("", cells.records)
    words, codes = encode(trimmed(cells.at(place)))
    return Labels([plain(word) for word in words], codes)


def _sites(cells: Cells, labels: dict[str, int]) -> Labels:
    """Return `省份/断面名称` of every record; '' where the section has no name."""
    section, province = _labels(cells, labels["section"]), _labels(cells, labels.get("province"))
    both = joined([province, section], "/")
    return Labels(both.words, np.where(section.absent, -1, both.codes))


def _read_classes(placed: Placed, heading: Heading) -> BoolArray:
    """Put class numbers 1 to 6 in place, NaN where the spelling is unknown; return where classes stand."""
    places = [place for place, column in heading.values.items() if column.parameter == "water_class"]
    here = np.isin(placed.position, places)
    words, codes = encode(placed.text.filter(pa.array(here)))
    classes = [parse_class(word) for word in words]
    known = np.array([np.nan if number is None else number for number in classes], dtype=np.float64)
    placed.book.value[here] = known[codes]
    return here
