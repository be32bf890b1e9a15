"""Columns of an emission platform's table: factor and kind to parameter, and which marks belong to what.

The words are the layout's data: `[[factor]]` with its names, `[suffixes]` of each kind (measured,
normalised, mass, marks), `[columns]` for what has no kinds, `[volume]` for flows stated as a volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sources.heading_rows import Header, Pieces, name_and_unit, roles_of
from sources.layout import LayoutData, layout_data
from sources.table import Heading, read_heading, split_heading, unit_change
from vocabulary.parameters import normalise_name, parameters
from vocabulary.units import Conversion, between, unit_named, units

#: role of a column that holds the marks of one factor; the factor's name follows
_MARK = "mark:"


@dataclass(frozen=True)
class OutletHeading:
    """A header read.

    Attributes
    ----------
    columns
        Labels by role, and values by position.
    factors
        Every factor or lone column by name; a position in it is the factor's number.
    factor
        For every value position the number of its factor.
    marks
        Position of a column of marks to the number of its factor.
    """

    columns: Heading
    factors: list[str]
    factor: dict[int, int]
    marks: dict[int, int]

    @property
    def named(self) -> bool:
        """Whether at least one column is a parameter the layout knows."""
        return any(column.parameter for column in self.columns.values.values())


@dataclass(frozen=True)
class _Words:
    """Normalised heading -> (parameter, factor), and normalised heading of marks -> factor."""

    values: Mapping[str, tuple[str, str]]
    lone: Mapping[str, tuple[str, str]]
    marks: Mapping[str, str]


@cache
def _words(layout: str) -> _Words:
    facts = layout_data(layout).rest
    lone = {
        normalise_name(name): (parameter, names[0])
        for parameter, names in facts["columns"].items()
        for name in names
    }
    values, marks = dict(lone), dict[str, str]()
    for factor in facts["factor"]:
        own = factor["names"][0]
        for name in factor["names"]:
            for kind, suffixes in facts["suffixes"].items():
                if kind in factor:
                    values |= {normalise_name(name + suffix): (factor[kind], own) for suffix in suffixes}
            marks |= {normalise_name(name + suffix): own for suffix in facts["marks_of_factor"]}
    for names in facts["columns"].values():
        for name in names:
            marks |= {normalise_name(name + suffix): names[0] for suffix in facts["marks_of_factor"]}
    return _Words(values, lone, marks)


def _named(pieces: Pieces, facts: LayoutData) -> tuple[str, str, str] | None:
    """Return parameter, factor and unit text of a column, or None."""
    if not pieces:
        return None
    words = _words(facts.source.replace("-", "_"))
    name, unit = name_and_unit(pieces)
    last, last_unit = split_heading(pieces[-1])
    tries = [(name, unit, words.values), ("".join(pieces), "", words.values), (last, last_unit, words.lone)]
    for spelled, of, table in tries:
        found = table.get(normalise_name(spelled))
        if found is not None:
            return (*found, of)
    return None


def parameter_of(pieces: Pieces, facts: LayoutData) -> tuple[str, Conversion | None] | None:
    """Return the parameter of a column and how its unit turns into the parameter's own; None: unknown."""
    found = _named(pieces, facts)
    if found is None:
        return None
    parameter, _, unit = found
    stated = unit_named(unit)
    volume = facts.rest["volume"].get(parameter)
    if volume and stated is not None and stated.dimension == units()[parameters()[volume].unit].dimension:
        parameter = volume
    special = {
        normalise_name(spelling): between(Decimal(ratio))
        for spelling, ratio in facts.rest["units"].get(parameter, {}).items()
    }
    return parameter, unit_change(parameter, unit, special)


def how_known(pieces: Pieces, facts: LayoutData) -> int:
    """Return 2 where a column's parameter and unit are known or it holds marks, 1 without the unit, else 0."""
    found = parameter_of(pieces, facts)
    if found is not None:
        return 1 if found[1] is None else 2
    words = _words(facts.source.replace("-", "_"))
    return 2 if normalise_name("".join(pieces)) in words.marks else 0


def outlet_heading(header: Header, facts: LayoutData) -> OutletHeading:
    """Tell labels, marks and values of a header from one another."""
    marks = _words(facts.source.replace("-", "_")).marks
    spelled = roles_of(facts.rest["roles"])
    roles = {role: list(names) for role, names in facts.rest["roles"].items()}
    named = dict(zip(header.names, header.columns, strict=True))
    factors: list[str] = []
    mark_of: dict[str, int] = {}
    for field, pieces in named.items():
        factor = marks.get(normalise_name("".join(pieces)))
        if factor is not None:
            mark_of[normalise_name(field)] = _number(factors, factor)
            roles[_MARK + field] = [field]
        elif len(pieces) > 1 and _named(pieces, facts) is None:
            role = spelled.get(normalise_name(pieces[-1]))
            if role is not None:
                roles[role].append(field)
    columns = read_heading(header.names, roles, lambda field: parameter_of(named[field], facts), {})
    factor_of: dict[int, int] = {}
    for place in columns.values:
        found = _named(header.columns[place], facts)
        factor_of[place] = _number(factors, found[1] if found else "")
    places = {
        place: mark_of[normalise_name(field)]
        for place, field in enumerate(header.names)
        if normalise_name(field) in mark_of
    }
    return OutletHeading(columns, factors, factor_of, places)


def _number(factors: list[str], factor: str) -> int:
    if factor not in factors:
        factors.append(factor)
    return factors.index(factor)
