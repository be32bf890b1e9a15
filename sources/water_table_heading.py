"""Headings of tables filled in by hand: which columns are labels, which hold an item, and in which unit.

Source: sources/data/water_table.toml and the layout's own file. An item is known by its name, by name and
symbol together (`氨氮(NH3-N)`), and by what it is expressed as (`总磷(以P计)`); other brackets make it
another item. The unit stands in the heading, in a row of its own, in the group's heading, or above the
table (`单位：mg/L`); where there is none at all, the layout's `unit_by_form` says which.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow.compute as pc

from sources.assembly import trimmed
from sources.cells import IntArray
from sources.heading_rows import Header, Pieces, find_header
from sources.layout import LayoutData, layout_data
from sources.result import Problem
from sources.table import Heading, ValueColumn, split_heading, unit_change
from sources.workbook import Sheet
from vocabulary.parameters import aliases, normalise_name
from vocabulary.units import SAME, Conversion, between, unit_named

_TAIL = re.compile(r"(?s)^(?P<name>.*?\S)[\s,，、/：:]+(?P<unit>\S+)$")


@dataclass(frozen=True)
class Statement:
    """A unit stated above a table, folded, and what the statement says of single items after it."""

    unit: str
    rest: str


@dataclass(frozen=True)
class Table:
    """One table of a sheet.

    Attributes
    ----------
    sheet, header
        Where it stands; records after `header.last` are its rows.
    heading
        Its columns. Columns without heading and content are left out of `values`.
    titles
        Texts above the header, then the sheet's name.
    ends_file
        Whether its last row is the sheet's last.
    """

    sheet: Sheet
    header: Header
    heading: Heading
    titles: tuple[str, ...]
    ends_file: bool = True


@cache
def table_rules() -> dict[str, Any]:
    """Return what all hand-filled tables have in common (sources/data/water_table.toml)."""
    return tomllib.loads(files("sources").joinpath("data/water_table.toml").read_text("utf-8"))


def fold_text(text: str) -> str:
    """Return a text folded by NFKC and trimmed."""
    return unicodedata.normalize("NFKC", text).strip()


@cache
def item_names(layout: str) -> Mapping[str, str]:
    """Return every normalised name of an item of a layout (by its data file) with its parameter.

    Names of one item are also known joined to each other, with or without brackets (`氨氮(NH3-N)`, `CODMn高锰酸盐指数`).
    """
    facts = layout_data(layout)
    plain = dict(aliases(facts.medium))
    plain |= {normalise_name(n): key for key, names in facts.rest["columns"].items() for n in names}
    by_item: dict[str, list[str]] = {}
    for name, key in plain.items():
        by_item.setdefault(key, []).append(name)
    found: dict[str, str] = {}
    for key, names in by_item.items():
        bases = [normalise_name(basis) for basis in table_rules()["bases"].get(key, ())]
        found |= {f"{name}({basis})": key for name in names for basis in bases}
        found |= {f"{one}{two}": key for one in names for two in names if one != two}
        found |= {f"{one}({two})": key for one in names for two in names if one != two}
    suffixes = [normalise_name(suffix) for suffix in table_rules()["unit"]["suffixes"]]
    found |= {name + suffix: key for name, key in (found | plain).items() for suffix in suffixes}
    return found | plain


def _named(text: str, names: Mapping[str, str]) -> tuple[str, str] | None:
    """Return parameter and unit ('' where none) of one heading text; None where it names no item."""
    if key := names.get(normalise_name(text)):
        return key, ""
    name, inside = split_heading(text)
    basis, comma, unit = fold_text(inside).rpartition(",")
    if comma and (key := names.get(normalise_name(f"{name}({basis})"))):
        return key, unit.strip()
    if inside and (key := names.get(normalise_name(name))):
        return key, inside
    tail = _TAIL.match(text.strip())
    if tail and _is_unit(tail["unit"]) and (key := names.get(normalise_name(tail["name"]))):
        return key, tail["unit"]
    return None


def _item(pieces: Pieces, names: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return parameter, own unit and inherited unit of a column; both '' where none is stated."""
    below = ""
    parts = list(pieces)
    while len(parts) > 1 and _is_unit(_bare_unit(parts[-1])):
        below = _bare_unit(parts.pop())
    group = next((unit for part in parts[:-1] if (unit := _group_unit(part))), "")
    for text in (parts[-1], "".join(parts)) if parts else ():
        found = _named(text, names)
        if found is not None:
            return found[0], found[1] or below, group
    return None


def _bare_unit(text: str) -> str:
    """Return a unit without brackets and `单位：` around it."""
    return re.sub(r"^(?:计量)?单位\s*[:：]\s*", "", text.strip().strip("()（）[]").strip())


def _group_unit(text: str) -> str:
    _, inside = split_heading(text)
    unit = _bare_unit(inside)
    return unit if _is_unit(unit) else ""


def _is_unit(text: str) -> bool:
    """Whether a text is a unit, of any item or of some only."""
    special = any(normalise_name(text) in spellings for spellings in _special_units().values())
    return bool(text) and (special or unit_named(text) is not None)


def find_table(sheet: Sheet, layout: str, within: int | None = None) -> Table | None:
    """Return the table of a sheet; None where no header has the layout's site and an item.

    Parameters
    ----------
    sheet
        A sheet.
    layout
        The layout's data file (`water_monthly`).
    within
        Records looked at; the layout's own rule by default.
    """
    facts, rules = layout_data(layout), table_rules()
    names = item_names(layout)

    def required(roles: set[str]) -> bool:
        return facts.rest["site"] in roles

    def known(pieces: Pieces) -> int:
        # a row that states the units belongs to the header as well
        found = _item(pieces, names)
        return 0 if found is None else 1 + _has_unit(*found)

    header = find_header(sheet, facts.rest["roles"], required, known, within or rules["header_within"])
    if header is None:
        return None
    header = _with_units(sheet, header)
    above = tuple(text for record in range(header.first) for text in _texts(sheet, record))
    heading = _heading(sheet, header, facts, names, _statement(above))
    if not any(column.parameter for column in heading.values.values()):
        return None
    return Table(sheet, header, heading, (*above, sheet.name))


def _has_unit(parameter: str, own: str, group: str) -> bool:
    special = _special_units().get(parameter)
    return unit_change(parameter, own or group, special) is not None


def _with_units(sheet: Sheet, header: Header) -> Header:
    """Take a row of units right below the header into it; a row of dashes and ones is none."""
    record = header.last + 1
    if record >= sheet.cells.records:
        return header
    fields = [_bare_unit(text) for text in sheet.cells.record(record)]
    solid = {field for field in fields if field} - {"计量单位", "单位"} - set(table_rules()["missing"])
    units = {field for field in solid if _is_unit(field)}
    if solid != units or not units - {"1"}:
        return header
    fields += [""] * (len(header.columns) - len(fields))
    columns = [
        (*pieces, field) if field in units else pieces
        for pieces, field in zip(header.columns, fields, strict=False)
    ]
    return Header(header.first, record, columns)


def _texts(sheet: Sheet, record: int) -> list[str]:
    return [fold_text(text) for text in sheet.cells.record(record) if text.strip()]


@cache
def _special_units() -> dict[str, dict[str, Conversion]]:
    """Return parameter -> normalised spelling -> change of unit."""
    return {
        parameter: {
            normalise_name(spelling): between(Decimal(ratio)) for spelling, ratio in spellings.items()
        }
        for parameter, spellings in table_rules()["units"].items()
    }


def _statement(titles: Sequence[str]) -> Statement | None:
    """Return the unit stated above a table, the nearest one; None where there is none, or it is unknown."""
    pattern = re.compile(table_rules()["unit"]["statement"])
    found = [match for title in titles if (match := pattern.search(title))]
    if not found or unit_named(found[-1]["unit"]) is None:
        return None
    return Statement(found[-1]["unit"], normalise_name(found[-1]["rest"]))


def _heading(
    sheet: Sheet, header: Header, facts: LayoutData, names: Mapping[str, str], statement: Statement | None
) -> Heading:
    """Tell labels from values; say which columns are unknown, without a unit, or read by the form."""
    spelled = {normalise_name(n): role for role, words in facts.rest["roles"].items() for n in words}
    # a break within a heading belongs to the sheet's looks
    names_of = [" ".join(re.sub(r"\s+", "", piece) for piece in pieces) for pieces in header.columns]
    held = _content(sheet, header, len(header.columns))
    labels: dict[str, int] = {}
    values: dict[int, ValueColumn] = {}
    problems: list[Problem] = []
    by_form: list[str] = []
    for place, pieces in enumerate(header.columns):
        role = _role(pieces, spelled, grouped=bool(sheet.merged))
        if role is not None:
            labels.setdefault(role, place)
            continue
        text = names_of[place]
        found = _item(pieces, names)
        if found is None:
            if held[place]:
                values[place] = ValueColumn(text or f"#{place + 1}", "", SAME)
                problems.append(
                    _remark("column-unknown", f"列“{text}”不在版式中", f"unknown column {text!r}")
                )
            continue
        parameter, own, group = found
        change, formal = _change(parameter, own, group, statement, facts, names)
        values[place] = ValueColumn(text, parameter, change)
        if change is None:
            problems.append(
                _remark("unknown-unit", f"列“{text}”的单位未知", f"column {text!r} has an unknown unit")
            )
        elif formal:
            by_form.append(text)
    present = {column.parameter for column in values.values()}
    for role, parameter in facts.rest.get("promote", {}).items():
        if parameter not in present and role in labels:
            place = labels.pop(role)
            values[place] = ValueColumn(names_of[place], parameter, SAME)
    if by_form:
        zh, en = "、".join(by_form), ", ".join(by_form)
        problems.append(_remark("unit-by-form", f"未注单位的列：{zh}", f"columns without a unit: {en}"))
    return Heading(labels, values, len(header.columns), names_of, problems)


def _remark(code: str, zh: str, en: str) -> Problem:
    return Problem(code, zh, en, None)


def _role(pieces: Pieces, spelled: Mapping[str, str], *, grouped: bool) -> str | None:
    """Return the role of a label column: by its last text, by all of them together, or by its group.

    A group of targets holds items that were not measured; only merged ranges tell a group for sure.
    """
    if not pieces:
        return None
    groups = pieces[:-1] if grouped else ()
    for text in ("".join(pieces), pieces[-1], *groups):
        name, _ = split_heading(text)
        role = spelled.get(normalise_name(text)) or spelled.get(normalise_name(name))
        if role is not None:
            return role
    return None


def _change(
    parameter: str,
    own: str,
    group: str,
    statement: Statement | None,
    facts: LayoutData,
    names: Mapping[str, str],
) -> tuple[Conversion | None, bool]:
    """Return a column's change of unit, None where it is unknown, and whether only the form tells it."""
    special = _special_units().get(parameter)
    if own:
        return unit_change(parameter, own, special), False
    plain = unit_change(parameter, "", special)
    if plain is not None:
        return plain, False
    stated = [group] if group else _stated_units(parameter, statement, names)
    for unit in stated:
        change = unit_change(parameter, unit, special)
        if change is not None:
            return change, False
    if statement is not None and _mentioned(parameter, statement, names):
        return None, False
    by_form = facts.rest["unit_by_form"].get(parameter)
    return (None, False) if by_form is None else (unit_change(parameter, by_form, special), True)


def _mentioned(parameter: str, statement: Statement, names: Mapping[str, str]) -> list[str]:
    """Return the item's names, longest first, that a statement of units singles out."""
    own = [name for name, key in names.items() if key == parameter and name in statement.rest]
    return sorted(own, key=len, reverse=True)


def _stated_units(parameter: str, statement: Statement | None, names: Mapping[str, str]) -> list[str]:
    """Return the unit a statement gives an item: its own where it is singled out, else the table's."""
    if statement is None:
        return []
    singled = _mentioned(parameter, statement, names)
    if not singled:
        return [statement.unit]
    after = statement.rest.split(singled[0], 1)[1].lstrip(":为单位(")
    unit = re.split(r"[,、;。()]", after, maxsplit=1)[0]
    return [unit.removesuffix("除外")] if unit else []


def _content(sheet: Sheet, header: Header, width: int) -> list[bool]:
    """Return which columns hold any text below the header."""
    some = pc.not_equal(trimmed(sheet.cells.raw), "")
    solid = np.asarray(some.to_numpy(zero_copy_only=False), dtype=bool)
    below: IntArray = sheet.cells.position[(sheet.cells.line > header.last) & solid]
    count = np.bincount(below, minlength=width)
    return [bool(count[place]) for place in range(width)]
