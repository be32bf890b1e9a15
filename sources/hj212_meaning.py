"""What a field of an HJ 212 message means: parameter, period and unit, or the reason it is not taken.

Decided once for each distinct (CN, ST, field name) of a delivery; everything here is data of hj212.toml
and of the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sources.layout import LayoutData, layout_data
from vocabulary.parameters import Parameter, parameters
from vocabulary.reading import PERIODS
from vocabulary.units import SAME, Conversion, conversion


@dataclass(frozen=True)
class Meaning:
    """What a field stands for; `code` is the reason it is turned away, '' where it is taken."""

    code: str = ""
    parameter: str = ""
    period: str = ""
    change: Conversion = SAME


@dataclass(frozen=True)
class FieldName:
    """A field's name taken apart: `w01018-Avg` is the factor `w01018` and the suffix `avg`."""

    factor: str
    suffix: str
    label: bool
    mark: bool
    value: bool


def facts() -> LayoutData:
    """Return the layout's stated facts."""
    return layout_data("hj212")


@cache
def _folded(key: str) -> frozenset[str]:
    return frozenset(word.lower() for word in facts().rest["fields"][key])


@cache
def _code_pattern() -> re.Pattern[str]:
    return re.compile(facts().rest["fields"]["code_pattern"])


def field_name(name: str) -> FieldName:
    """Take a field's name apart; `value` says whether it is surely a measured value's."""
    factor, dash, suffix = name.rpartition("-")
    low = suffix.strip().lower()
    return FieldName(
        factor=factor.strip() if dash else name,
        suffix=low if dash else "",
        label=not dash and low in _folded("labels"),
        mark=bool(dash) and low in _folded("marks"),
        value=bool(dash) and low in _folded("values") and _code_pattern().match(factor.strip()) is not None,
    )


def is_value_message(message: str) -> bool:
    """Tell whether a CN is one of measured values."""
    return message in facts().rest["message"]


def is_other_message(message: str) -> bool:
    """Tell whether a CN is known and holds no measured values."""
    return message in facts().rest["other"]["codes"]


def grid_seconds(message: str) -> int:
    """Return the grid that the times of a message must stand on, in seconds."""
    stated: Mapping[str, Any] = facts().rest["message"].get(message, {})
    return int(stated.get("grid_seconds", 1))


@cache
def _media() -> dict[str, dict[str, str]]:
    """Return ST -> medium and the letter of its codes."""
    return {
        st: {"key": item["key"], "letter": item["letter"]}
        for item in facts().rest["system"]
        for st in item["st"]
    }


@cache
def _parameters(medium: str) -> dict[str, Parameter]:
    """Return code (lower case, of any edition) -> parameter of one medium."""
    return {
        code.lower(): parameter
        for parameter in parameters().values()
        if medium in parameter.media
        for code in (*parameter.codes, *parameter.codes_2005)
    }


@cache
def _units(medium: str) -> dict[str, str]:
    """Return code (lower case) -> unit of one medium."""
    return {
        code.lower(): item["unit"]
        for item in facts().rest["unit"]
        if medium in item["media"]
        for code in item["codes"]
    }


def meaning(message: str, st: str, name: str) -> Meaning:
    """Return what a field means in a message of this CN and ST.

    Parameters
    ----------
    message, st
        CN and ST of the frame as delivered.
    name
        The field's name as delivered, e.g. `a21026-ZsAvg`.
    """
    stated = facts().rest["message"].get(message)
    if stated is None:
        return Meaning("message-unknown")
    if stated["period"] not in PERIODS:
        return Meaning("period-unknown")
    medium = _media().get(st)
    if medium is None:
        return Meaning("medium-unknown", period=stated["period"])
    field = field_name(name)
    if not field.suffix or field.suffix not in _folded("values"):
        return Meaning("field-unknown", period=stated["period"])
    take = {suffix.lower(): quantity for suffix, quantity in stated["take"].items()}
    if field.suffix not in take:
        return Meaning("field-not-taken", period=stated["period"])
    return _quantity(field.factor.lower(), take[field.suffix], medium, stated)


def _quantity(factor: str, quantity: str, medium: Mapping[str, str], stated: Mapping[str, Any]) -> Meaning:
    """Return the parameter and unit of one quantity of a factor."""
    period: str = stated["period"]
    if factor[:1] in "aw" and factor[:1] != medium["letter"]:
        return Meaning("medium-conflict", period=period)
    known = _parameters(medium["key"])
    found = known.get(factor)
    mark = facts().rest["fields"]["normalised_mark"]
    if found is None and factor.endswith(mark) and quantity != "amount":
        found, quantity = known.get(factor.removesuffix(mark)), "normalised"
    amounts = facts().rest["amounts"]
    volume = amounts["volumes"].get(found.key) if found is not None and quantity == "amount" else None
    ending = "" if quantity == "value" else facts().rest["endings"][quantity]
    key = volume or ("" if found is None else found.key + ending)
    if key not in parameters():
        return Meaning("unknown-parameter", period=period)
    if quantity == "amount":
        unit = amounts["volume_unit" if volume else "unit"]
    else:
        unit = _units(medium["key"]).get(factor.removesuffix(mark), "")
    change = conversion(unit, parameters()[key].unit) if unit else None
    return Meaning("unknown-unit", key, period) if change is None else Meaning("", key, period, change)
