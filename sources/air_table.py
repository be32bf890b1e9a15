"""Tables of air stations and cities: one row a site and time, one column an item.

The same table comes as text, as a workbook or as a page saved as one; a layout's data says which headings
are labels, which items its columns hold, in which unit and period, and how its times are written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, Labels, TimeArray, ValueCells, among, encode, glued, joined, settle
from sources.cells import IntArray, separator_of
from sources.delivery import Delivery
from sources.layout import LayoutData
from sources.naming import Issue, issue_of, partition_of
from sources.result import Problem, ReadResult, together
from sources.shape import reject_misfits, shape_of
from sources.table import (
    Heading,
    Lines,
    Placed,
    place_values,
    read_heading,
    split_heading,
    unit_change,
)
from sources.times import latest_time, parse_days, parse_times
from sources.workbook import Sheet, open_sheets
from vocabulary.parameters import normalise_name, parameters
from vocabulary.reasons import DeliveryRefusedError
from vocabulary.units import SAME, Conversion, conversion, unit_named

_NAT = np.datetime64("NaT", "us")
_SURE, _NAMELESS, _SHARED = 1.0, 0.9, 0.1


@dataclass(frozen=True)
class _Table:
    """One sheet with its header's record and columns; `periods` are those of the value columns by place."""

    sheet: Sheet
    header: int
    heading: Heading
    periods: dict[int, str]


def recognise_table(head: str, name: str, facts: LayoutData) -> float:
    """Return how sure the head of a text is of a layout, 0 to 1, by its header alone."""
    for line in head.lstrip("\ufeff").split("\n")[: facts.rest["header_within"]]:
        fields = [field.strip().strip('"') for field in line.split(separator_of(line))]
        if not _has_roles(fields, facts):
            continue
        known = [_column(field, facts) for field in fields]
        if sum(found is not None for found in known) >= facts.rest["least_columns"]:
            others = {normalise_name(word) for word in facts.rest.get("not_with", ())}
            if others & {normalise_name(field) for field in fields}:
                return _SHARED
            return _SURE if partition_of(name, facts.names) else _NAMELESS
    return 0.0


def read_table(content: bytes, delivery: Delivery, facts: LayoutData) -> ReadResult:
    """Read one export, every sheet that has the layout's header.

    Parameters
    ----------
    content
        The landed bytes: text, a workbook or a page.
    delivery
        Whose bytes they are.
    facts
        The layout; its data holds `roles`, `required`, `columns`, `period`, `time_patterns` and
        `header_within`.

    Raises
    ------
    DeliveryRefusedError
        `file-empty`, `file-unreadable`, `file-too-large`, `layout-unknown`, `no-cells`.
    """
    sheets = open_sheets(content)
    tables = [table for sheet in sheets if (table := _table(sheet, facts)) is not None]
    if not tables:
        raise _no_header(sheets[0], facts, delivery.name)
    issue = issue_of(delivery.name, delivery.modified_at, facts.names)
    read = [(_fill(table, facts, issue), table) for table in tables]
    solid = [item for item in read if len(item[0][0].row)] or read[:1]
    result = together(
        [
            (
                table.sheet.name,
                settle(
                    book,
                    delivery,
                    facts,
                    issue,
                    encoding=table.sheet.encoding,
                    problems=problems,
                    sheet=table.sheet.name,
                ),
            )
            for (book, problems), table in solid
        ]
    )
    known = {table.sheet.name for table in tables}
    skipped = [
        Problem(
            "sheet-skipped",
            f"工作表“{sheet.name}”没有本版式的表头，未读取",
            f"sheet {sheet.name!r} has no header of this layout and was not read",
        )
        for sheet in sheets
        if sheet.name not in known
    ]
    result.problems.extend(skipped)
    return result


def _has_roles(fields: list[str], facts: LayoutData) -> bool:
    """Return whether each of the required labels is there in one of its ways, and all that tell a time."""
    spelled = {normalise_name(field) for field in fields}
    there = {
        role
        for role, names in facts.rest["roles"].items()
        if any(normalise_name(name) in spelled for name in names)
    }
    # a number of a month without its year tells no time
    timed = any(there.issuperset(ways) for ways in facts.rest["times"])
    return timed and all(not there.isdisjoint(ways) for ways in facts.rest["required"])


def _no_header(sheet: Sheet, facts: LayoutData, name: str) -> DeliveryRefusedError:
    wanted = "、".join(
        "/".join(facts.rest["roles"][role][0] for role in ways) for ways in facts.rest["required"]
    )
    items = "、".join(names[0] for names in facts.rest["columns"].values())
    found = ",".join(sheet.cells.record(0))[:120] if sheet.cells.records else ""
    within = facts.rest["header_within"]
    return DeliveryRefusedError(
        "layout-unknown",
        f"{name} 前 {within} 行中没有含 {wanted} 及任一监测项（{items}）的表头；首行为 {found}",
        f"{name} has no header with {wanted} and one of {items} in its first {within} lines; it starts {found}",
    )


def _table(sheet: Sheet, facts: LayoutData) -> _Table | None:
    """Return the sheet's header and columns; what stands above it is a title."""
    units = {normalise_name(name) for name in facts.rest["roles"].get("unit", ())}
    for record in range(min(facts.rest["header_within"], sheet.cells.records)):
        fields = [field.strip() for field in sheet.cells.record(record)]
        if not _has_roles(fields, facts):
            continue
        by_row = any(normalise_name(field) in units for field in fields)

        def known(field: str, by_row: bool = by_row) -> tuple[str, Conversion | None] | None:
            return _item(field, facts, by_row)

        heading = read_heading(fields, facts.rest["roles"], known, {})
        if any(column.parameter for column in heading.values.values()):
            found = {place: _column(column.heading, facts) for place, column in heading.values.items()}
            periods = {place: item[0].split(" ")[1] for place, item in found.items() if item is not None}
            return _Table(sheet, record, heading, periods)
    return None


def _item(field: str, facts: LayoutData, unit_by_row: bool) -> tuple[str, Conversion | None] | None:
    """Return a heading's parameter and its change of unit (None: unknown); None where it is no item."""
    found = _column(field, facts)
    if found is None:
        return None
    item, unit = found
    parameter = item.split(" ")[0]
    if not unit and unit_by_row:
        return parameter, SAME
    return parameter, unit_change(parameter, unit or facts.rest.get("stated_units", {}).get(parameter, ""))


def _column(field: str, facts: LayoutData) -> tuple[str, str] | None:
    """Return the item (`parameter period`) and unit that a heading spells: `CO(mg/m³)`, `降尘量 t/(km²·30d)`, `PM2.5`."""
    columns: Mapping[str, list[str]] = facts.rest["columns"]
    names = {normalise_name(name): item for item, spelled in columns.items() for name in spelled}
    name, unit = split_heading(field)
    for spelled, of in ((field, ""), (name, unit)):
        if normalise_name(spelled) in names:
            return names[normalise_name(spelled)], of
    folded = normalise_name(field)
    for alias in sorted(names, key=len, reverse=True):
        if folded.startswith(alias):
            rest = folded[len(alias) :].lstrip(",:/_")
            inner = rest[1:-1] if rest[:1] == "(" and rest[-1:] == ")" else rest
            if inner != rest or unit_named(rest) is not None:
                return names[alias], inner
    return None


def _fill(table: _Table, facts: LayoutData, issue: Issue) -> tuple[ValueCells, list[Problem]]:
    """Take a sheet's value cells and turn away what cannot be placed."""
    sheet, header, heading = table.sheet, table.header, table.heading
    cells, labels = sheet.cells, heading.labels
    when, untimed = _observed_at(sheet, labels, facts, issue)
    lines = Lines(site=_sites(sheet, labels), observed_at=when, flag=_flags(sheet, labels))
    placed = place_values(cells, header, heading, lines, period="", missing=facts.missing)
    book, line = placed.book, placed.line
    _place_periods(placed, table)
    book.reject(_summary(sheet, labels, facts)[line], "summary-row")
    shape = shape_of(
        cells,
        header,
        heading.width,
        facts.missing,
        notes=min(heading.values),
        may_break_off=sheet.is_text,
        mid_character=sheet.cut,
    )
    problems = heading.problems + reject_misfits(book, shape, line, placed.position, cells)
    _reject_columns(placed, table)
    _scale_rows(placed, sheet, labels)
    book.reject(untimed[line], "time-missing")
    return book, problems


def _place_periods(placed: Placed, table: _Table) -> None:
    """Give each cell the period of its column."""
    widest = max(int(placed.position.max(initial=0)) + 1, table.heading.width)
    placed.book.period = Labels([table.periods.get(place, "") for place in range(widest)], placed.position)


def _reject_columns(placed: Placed, table: _Table) -> None:
    """Turn away what the heading already tells: repeated items, unknown ones, and unknown units."""
    values, periods = table.heading.values, table.periods
    items = {
        place: (column.parameter, periods[place]) for place, column in values.items() if column.parameter
    }
    first = {item: place for place, item in reversed(items.items())}
    repeated = [place for place, item in items.items() if first[item] != place]
    placed.book.reject(np.isin(placed.position, repeated), "column-repeated")
    placed.book.reject(placed.book.parameter.absent, "unknown-parameter")
    unitless = [place for place, column in values.items() if column.conversion is None]
    placed.book.reject(np.isin(placed.position, unitless), "unknown-unit")


def _scale_rows(placed: Placed, sheet: Sheet, labels: dict[str, int]) -> None:
    """Apply the unit that a row states in a column of its own; an unknown one turns its cells away."""
    if "unit" not in labels:
        return
    words, codes = encode(sheet.label(labels["unit"]))
    keys = sorted({word for word in placed.book.parameter.words if word})
    row_unit = codes[placed.line]
    for key in keys:
        changes = [conversion(word, parameters()[key].unit) for word in words]
        factor = np.array(
            [1.0 if change is None else change.factor * 10.0**change.exponent for change in changes]
        )
        unknown = np.array([change is None for change in changes], dtype=bool)
        mine = np.array([word == key for word in placed.book.parameter.words], dtype=bool)[
            placed.book.parameter.codes
        ]
        placed.book.value[mine] *= factor[row_unit[mine]]
        placed.book.reject(mine & unknown[row_unit], "unknown-unit")


def _sites(sheet: Sheet, labels: dict[str, int]) -> Labels:
    """Return every record's site: its code where it has one, else its name."""
    words: list[str] = []
    codes: IntArray = np.full(sheet.cells.records, -1, dtype=np.int64)
    for role in ("site_code", "site"):
        if role in labels:
            more, place = encode(sheet.label(labels[role]))
            given = np.array([bool(word) for word in more], dtype=bool)[place]
            codes = np.where((codes < 0) & given, place + len(words), codes)
            words += more
    return Labels(words, codes)


def _flags(sheet: Sheet, labels: dict[str, int]) -> Labels:
    given = [Labels(*encode(sheet.label(labels[role]))) for role in ("flag", "note") if role in labels]
    return joined(given, ";") if given else Labels.same("", sheet.cells.records)


def _summary(sheet: Sheet, labels: dict[str, int], facts: LayoutData) -> BoolArray:
    """Return which records sum up others: a summary word in a label column."""
    words = frozenset(facts.rest.get("summary", ()))
    found = np.zeros(sheet.cells.records, dtype=bool)
    for role in ("site", "site_code", "time", "date", "month"):
        if role in labels:
            found |= among(sheet.label(labels[role]), words)
    return found


def _observed_at(
    sheet: Sheet, labels: dict[str, int], facts: LayoutData, issue: Issue
) -> tuple[TimeArray, BoolArray]:
    """Return for each record the start of its interval (NaT: unreadable), and where the time is empty."""
    ways = next(ways for ways in facts.rest["times"] if all(role in labels for role in ways))
    parts = [sheet.label(labels[role]) for role in ways]
    text = parts[0]
    for part in parts[1:]:
        text = glued(glued(text, pa.scalar(" ", text.type)), part)
    words, code = encode(text)
    read = {"1h": _hours, "1d": _days, "1mo": _months}[facts.rest["period"]]
    empty = np.zeros(sheet.cells.records, dtype=bool)
    for part in parts:
        empty |= among(part, facts.missing)
    return read(_folded(words), facts, issue)[code], empty


def _folded(words: list[str]) -> list[str]:
    return [unicodedata.normalize("NFKC", word).strip() for word in words]


def _hours(words: list[str], facts: LayoutData, issue: Issue) -> TimeArray:
    """Read hours; a label that states a range begins where it says, another by the layout's rule."""
    label = np.timedelta64(1 if facts.time_label == "end" else 0, "h")
    when: TimeArray = np.full(len(words), _NAT)
    for pattern in facts.rest["time_patterns"]:
        tried = parse_times(words, pattern, latest_time(issue.covered_to), whole_hours=True)
        found = pc.extract_regex(pa.array(words, pa.string()), pattern)
        if found.type.get_field_index("H2") >= 0:
            last = pc.fill_null(pc.struct_field(found, "H2"), "")
            ranged = pc.not_equal(last, "").to_numpy(zero_copy_only=False)
        else:
            ranged = np.zeros(len(words), dtype=bool)
        when = np.where(np.isnat(when), np.where(ranged, tried, tried - label), when)
    return when


def _days(words: list[str], facts: LayoutData, issue: Issue) -> TimeArray:
    del issue  # a day has its year
    return parse_days(words, facts.rest["time_patterns"])


def _months(words: list[str], facts: LayoutData, issue: Issue) -> TimeArray:
    """Read months as their first day: the patterns know year and month, the day is put behind them."""
    del issue  # a month has its year
    return parse_days(
        [f"{word}|1" for word in words], [f"{item}\\|(?P<d>1)$" for item in facts.rest["time_patterns"]]
    )
