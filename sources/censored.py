"""Values that are not plain numbers: below a detection limit (`0.05L`, `<0.05`, `未检出`) or beyond a count (`>24000`).

Grammar: sources/data/censored.toml. Method detection limits: sources/data/detection_limits.toml.
Source: HJ/T 91-2002 (检出限+L); half of the limit is counted by the indicators, never here.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, FloatArray, Labels, TimeArray, among
from sources.cells import IntArray
from vocabulary.parameters import parameters
from vocabulary.units import units

#: words of the codes in `Censored.censor`
CENSOR_WORDS = ("", "<", ">")
_BELOW, _ABOVE = 1, 2


class DetectionLimitDataError(Exception):
    """detection_limits.toml names an unknown parameter, or a unit of another dimension."""


@dataclass(frozen=True)
class Grammar:
    """The patterns of censored.toml, with the pattern of a number put in."""

    plain: str
    below: tuple[str, ...]
    above: tuple[str, ...]
    undetected: frozenset[str]
    not_monitored: frozenset[str]


@dataclass(frozen=True)
class Censored:
    """What n cells say.

    Attributes
    ----------
    number
        Arrow string array: the decimal text of a value or limit; the folded text of the cell where there is none.
    censor
        Index into CENSOR_WORDS.
    undetected
        Where a cell says "not detected" without a limit; its censor is `<`.
    """

    number: Any
    censor: IntArray
    undetected: BoolArray


@dataclass(frozen=True)
class DetectionLimit:
    """A method's detection limit in the parameter's canonical unit, from one day to another (both belong)."""

    parameter: str
    limit: float
    method: str
    valid_from: date
    valid_to: date | None


@cache
def grammar() -> Grammar:
    """Return the grammar of sources/data/censored.toml."""
    data = tomllib.loads(files("sources").joinpath("data/censored.toml").read_text("utf-8"))
    number = data["number"]

    def put(pattern: str) -> str:
        return pattern.replace("{number}", number)

    return Grammar(
        plain=put(data["plain"]),
        below=tuple(map(put, data["below"])),
        above=tuple(map(put, data["above"])),
        undetected=frozenset(data["undetected"]),
        not_monitored=frozenset(data["not_monitored"]),
    )


@cache
def detection_limits() -> tuple[DetectionLimit, ...]:
    """Return the table of method detection limits, in the canonical units.

    Raises
    ------
    DetectionLimitDataError
        Naming the row at fault.
    """
    data = tomllib.loads(files("sources").joinpath("data/detection_limits.toml").read_text("utf-8"))
    found = []
    for row in data["limit"]:
        known = parameters().get(row["parameter"])
        if known is None or units()[row["unit"]].dimension != units()[known.unit].dimension:
            raise DetectionLimitDataError(f"detection_limits.toml: parameter or unit unknown in {row}")
        limit = Decimal(row["limit"]) * units()[row["unit"]].factor / units()[known.unit].factor
        found.append(
            DetectionLimit(
                row["parameter"], float(limit), row["method"], row["valid_from"], row.get("valid_to")
            )
        )
    return tuple(found)


def fold(raw: Any) -> Any:
    """Return texts folded by NFKC and trimmed; powers of ten become exponents; null becomes ''.

    >>> fold(pa.array(["＜０.０５ ", "2.4×10⁴"], pa.large_string())).to_pylist()
    ['<0.05', '2.4e4']
    """
    powers = pc.replace_substring_regex(pc.fill_null(raw, ""), "10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", r"10^\1")
    folded = pc.replace_substring(pc.utf8_normalize(powers, "NFKC"), "\u2212", "-")
    folded = pc.replace_substring_regex(folded, r"([0-9])\s*[×xX*]\s*10\s*\^\s*", r"\1e")
    return pc.utf8_trim_whitespace(folded)


def read_censored(raw: Any) -> Censored:
    """Read cells by the grammar.

    Parameters
    ----------
    raw
        Arrow string array, n cells as delivered.
    """
    rules = grammar()
    coded = pc.dictionary_encode(fold(raw))
    words = coded.dictionary
    index = coded.indices.to_numpy(zero_copy_only=False)
    number, censor = words, np.zeros(len(words), dtype=np.int64)
    for code, patterns in ((_BELOW, rules.below), (_ABOVE, rules.above)):
        for pattern in patterns:
            found = pc.struct_field(pc.extract_regex(words, pattern), "n")
            hit = np.asarray(pc.is_valid(found).to_numpy(zero_copy_only=False), dtype=bool) & (censor == 0)
            number = pc.if_else(pa.array(hit), found, number)
            censor[hit] = code
    bare = pc.utf8_upper(pc.replace_substring_regex(words, r"\s+", ""))
    undetected = among(bare, frozenset(word.upper() for word in rules.undetected)) & (censor == 0)
    censor[undetected] = _BELOW
    return Censored(number.take(pa.array(index)), censor[index], undetected[index])


def method_limits(parameter: Labels, observed_at: TimeArray) -> FloatArray:
    """Return the detection limit of the method in force for each cell.

    Parameters
    ----------
    parameter
        Of n cells.
    observed_at
        n datetime64[us].

    Returns
    -------
    array of n float64
        In the canonical unit; NaN where no method is listed for the item, or the time is not known.
    """
    words = np.array([*parameter.words, ""], dtype=object)
    days = observed_at.astype("datetime64[D]")
    limits = np.full(len(days), np.nan)
    for row in detection_limits():
        last = np.datetime64(row.valid_to or date.max, "D")
        within = (days >= np.datetime64(row.valid_from, "D")) & (days <= last)
        limits[within & np.asarray(words == row.parameter)[parameter.codes]] = row.limit
    return limits
