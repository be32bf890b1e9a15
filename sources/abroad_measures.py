"""What a result measures: characteristic, fraction, unit and basis to parameter and factor, all by data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from sources.abroad_rows import Rows
from sources.assembly import BoolArray, FloatArray, Labels, encode, numbers
from sources.cells import IntArray
from sources.layout import LayoutData
from vocabulary.parameters import normalise_name, parameters
from vocabulary.units import SAME, Conversion, between, units

#: `mg/l as N`, `mg/l asNO3`: unit and basis
_AS = re.compile(r"^(?P<unit>.*?)\s+(?P<basis>as\s*\S+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Measures:
    """n cells: parameter ('' unknown), change into its canonical unit (none where not known), what lacks."""

    parameter: Labels
    exponent: IntArray
    factor: FloatArray
    unit_unknown: BoolArray
    basis_unknown: BoolArray

    def read(self, texts: Any, pattern: str) -> FloatArray:
        """Return the numbers of n texts in the canonical units, NaN where a text does not fit the pattern."""
        return numbers(texts, pattern, self.exponent) * self.factor

    @property
    def sound(self) -> BoolArray:
        """Where the factor is known."""
        return ~self.unit_unknown & ~self.basis_unknown


def measures(rows: Rows, unit_role: str, facts: LayoutData) -> Measures:
    """Look up every combination of characteristic, fraction, unit and speciation that occurs.

    Parameters
    ----------
    rows
        The table.
    unit_role
        Column of the unit: that of the value or that of its limit.
    facts
        The layout; its data holds `characteristic` and `units`.
    """
    texts, codes = zip(
        *(encode(rows.label(role)) for role in ("characteristic", "fraction", unit_role, "speciation")),
        strict=True,
    )
    combined: IntArray = np.zeros(len(rows.line), dtype=np.int64)
    for words, code in zip(texts, codes, strict=True):
        combined = combined * len(words) + code
    _, first, of_cell = np.unique(combined, return_index=True, return_inverse=True)
    found = [
        _meaning([words[code[place]] for words, code in zip(texts, codes, strict=True)], facts)
        for place in first.tolist()
    ]
    return Measures(
        parameter=Labels([item[0] for item in found], of_cell.astype(np.int64)),
        exponent=np.array([item[1].exponent for item in found], dtype=np.int64)[of_cell],
        factor=np.array([item[1].factor for item in found], dtype=np.float64)[of_cell],
        unit_unknown=np.array([item[2] == "unit" for item in found], dtype=bool)[of_cell],
        basis_unknown=np.array([item[2] == "basis" for item in found], dtype=bool)[of_cell],
    )


def _meaning(words: list[str], facts: LayoutData) -> tuple[str, Conversion, str]:
    """Return parameter, change of unit, and what is not known: '', `unit` or `basis`.

    `words` are characteristic, fraction, unit and speciation.
    """
    characteristic, fraction, unit, speciation = words
    entry = next(
        (
            item
            for item in facts.rest["characteristic"]
            if characteristic in item["names"] and fraction in item["fractions"]
        ),
        None,
    )
    if entry is None:
        return "", SAME, ""
    parameter: str = entry["parameter"]
    match = _AS.match(unit)
    bare, basis = (match["unit"], match["basis"]) if match else (unit, speciation)
    factor = _ratio(bare, parameters()[parameter].unit, facts)
    if factor is None:
        return parameter, SAME, "unit"
    bases = {normalise_name(name): ratio for name, ratio in entry.get("bases", {}).items()}
    # without bases it is counted as itself, whatever the method is called; a unit that says otherwise is not known
    itself = None if match else "1"
    ratio = bases.get(normalise_name(basis)) if bases else itself
    if ratio is None:
        return parameter, SAME, "basis"
    return parameter, between(factor * Decimal(ratio)), ""


def _ratio(unit: str, canonical: str, facts: LayoutData) -> Decimal | None:
    """Return the ratio of a unit as written to the canonical one, None where it is not known."""
    spelled: dict[str, Any] = {normalise_name(name): item for name, item in facts.rest["units"].items()}
    found = spelled.get(normalise_name(unit))
    if found is None:
        return None
    key, ratio = found
    mine, wanted = units()[key], units()[canonical]
    if mine.dimension != wanted.dimension:
        return None
    return Decimal(ratio) * mine.factor / wanted.factor
