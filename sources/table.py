"""Tables of one line per site and time, one column per parameter: headings, units, and their cells."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sources.assembly import (
    PLAIN_NUMBER,
    BoolArray,
    Labels,
    TimeArray,
    ValueCells,
    among,
    numbers,
    trimmed,
)
from sources.cells import Cells, IntArray
from sources.drift import changed_unit, unknown_column
from sources.result import Problem
from vocabulary.parameters import normalise_name, parameters
from vocabulary.units import SAME, Conversion, conversion

_HEADING = re.compile(r"(?s)^(?P<name>.*?)\s*[(（\[](?P<unit>[^()（）\[\]]*)[)）\]]$")

#: dimensionless parameters may go without a unit in their heading
_NO_UNIT = frozenset({"1", "class"})


@dataclass(frozen=True)
class ValueColumn:
    """A column of values: its heading, its parameter ('' unknown) and its change of unit (None: unknown)."""

    heading: str
    parameter: str
    conversion: Conversion | None


@dataclass(frozen=True)
class Heading:
    """All columns of a table: where the labels stand, and every other column as values."""

    labels: dict[str, int]
    values: dict[int, ValueColumn]
    width: int
    names: list[str]
    problems: list[Problem]


def split_heading(text: str) -> tuple[str, str]:
    """Split `总磷(mg/L)` into name and unit; the unit is '' where there is none.

    A name may end in brackets of its own (`总磷(以P计)`): what is no unit stays with the name at the caller.
    """
    match = _HEADING.match(text.strip())
    if match is None:
        return text.strip(), ""
    return match["name"].strip(), match["unit"].strip()


def unit_change(
    parameter: str, unit: str, special: Mapping[str, Conversion] | None = None
) -> Conversion | None:
    """Return how a heading's unit turns into the parameter's canonical unit; None where it is not known."""
    canonical = parameters()[parameter].unit
    if special and normalise_name(unit) in special:
        return special[normalise_name(unit)]
    if not unit:
        return SAME if canonical in _NO_UNIT else None
    return conversion(unit, canonical)


def read_heading(
    fields: Sequence[str],
    roles: Mapping[str, Sequence[str]],
    known: Callable[[str], tuple[str, Conversion | None] | None],
    expected: Mapping[str, str],
) -> Heading:
    """Tell labels from values.

    Parameters
    ----------
    fields
        Headings as text, in order.
    roles
        Role of a label column to its headings (`time` to `监测时间`).
    known
        Heading to parameter and change of unit; None for a heading it does not know.
    expected
        Parameter to heading of the columns whose absence is worth a remark.
    """
    spelled = {normalise_name(name): role for role, names in roles.items() for name in names}
    labels: dict[str, int] = {}
    skipped: list[int] = []
    values: dict[int, ValueColumn] = {}
    problems: list[Problem] = []
    for place, field in enumerate(fields):
        role = spelled.get(normalise_name(field))
        if role is not None:
            skipped.append(place)
            labels.setdefault(role, place)
            continue
        found = known(field)
        parameter, change = found or ("", SAME)
        values[place] = ValueColumn(field, parameter, change)
        if found is None and field:
            problems.append(unknown_column(field, split_heading(field)[0]))
        elif change is None:
            problems.append(
                _remark("unknown-unit", f"列“{field}”的单位未知", f"column {field!r} has an unknown unit")
            )
        else:
            problems += changed_unit(field, parameter, change)
    present = {column.parameter for column in values.values()}
    lacking = [heading for parameter, heading in expected.items() if parameter not in present]
    if lacking:
        names = "、".join(lacking)
        problems.append(_remark("column-missing", f"缺少列：{names}", f"missing columns: {names}"))
    return Heading(labels, values, len(fields), list(fields), problems)


def _remark(code: str, zh: str, en: str) -> Problem:
    return Problem(code, zh, en, None)


@dataclass(frozen=True)
class Lines:
    """What holds for a whole record: site, start of the interval, flag; one entry (or code) a record."""

    site: Labels
    observed_at: TimeArray
    flag: Labels


@dataclass(frozen=True)
class Placed:
    """The value cells of a table and where each stands."""

    book: ValueCells
    line: IntArray
    position: IntArray
    text: pa.Array


def place_values(
    cells: Cells,
    header: int,
    heading: Heading,
    lines: Lines,
    *,
    period: str,
    missing: frozenset[str],
    blanks: Callable[[pa.Array], tuple[pa.Array, BoolArray]] | None = None,
    pattern: str = PLAIN_NUMBER,
) -> Placed:
    """Take every value position below the header and read its number in the canonical unit.

    Parameters
    ----------
    header
        Index of the header's record, -1 where the header stands elsewhere.
    blanks
        From raw cells to the text of their number and where they are blank; plain text by default.
    pattern
        What a number looks like in this layout.
    """
    widest = max(heading.width, int(cells.width.max(initial=0)))
    columns = [heading.values.get(place) for place in range(heading.width)]
    columns += [ValueColumn(f"#{place + 1}", "", SAME) for place in range(heading.width, widest)]
    holds = np.array([column is not None for column in columns], dtype=bool)
    raw, line, position = cells.take(holds[cells.position] & (cells.line > header))
    if blanks is None:
        text = trimmed(raw)
        blank = among(text, missing)
    else:
        text, blank = blanks(raw)
    solid = [column or ValueColumn("", "", SAME) for column in columns]
    changes = [column.conversion or SAME for column in solid]
    value = numbers(text, pattern, np.array([change.exponent for change in changes])[position])
    value = value * np.array([change.factor for change in changes])[position]
    book = ValueCells(
        raw=raw,
        row=cells.number[line],
        column=Labels([column.heading for column in solid], position),
        site=Labels(lines.site.words, lines.site.codes[line]),
        parameter=Labels([column.parameter for column in solid], position),
        period=Labels.same(period, len(line)),
        observed_at=lines.observed_at[line],
        flag=Labels(lines.flag.words, lines.flag.codes[line]),
        value=value,
        blank=blank,
    )
    return Placed(book, line, position, text)


def reject_columns(placed: Placed, heading: Heading) -> None:
    """Turn away what the heading already tells: repeated columns, unknown parameters and units."""
    seen: set[str] = set()
    repeated, unitless = [], []
    for place, column in heading.values.items():
        if column.parameter and column.parameter in seen:
            repeated.append(place)
        elif column.conversion is None:
            unitless.append(place)
        seen.add(column.parameter)
    placed.book.reject(np.isin(placed.position, repeated), "column-repeated")
    placed.book.reject(placed.book.parameter.absent, "unknown-parameter")
    placed.book.reject(np.isin(placed.position, unitless), "unknown-unit")
