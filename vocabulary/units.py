"""Units of measure (计量单位) as data: spellings, dimensions and exact conversions."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from vocabulary.parameters import normalise_name


@dataclass(frozen=True)
class Unit:
    """One unit; `factor` converts into the base unit of its dimension."""

    key: str
    dimension: str
    factor: Decimal
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class Conversion:
    """A change of unit: value x 10^exponent x factor; factor is 1 where a power of ten does it all."""

    exponent: int
    factor: float


SAME = Conversion(0, 1.0)


@cache
def units() -> dict[str, Unit]:
    """Return every unit by key, from vocabulary/data/units.toml."""
    data = tomllib.loads(files("vocabulary").joinpath("data/units.toml").read_text("utf-8"))
    return {
        item["key"]: Unit(item["key"], item["dimension"], Decimal(item["factor"]), tuple(item["aliases"]))
        for item in data["unit"]
    }


@cache
def _spellings() -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for unit in units().values():
        for alias in (unit.key, *unit.aliases):
            found[normalise_name(alias)] = unit
    return found


def unit_named(text: str) -> Unit | None:
    """Return the unit a header spells (`μg/m³`, `毫克/升`), or None: unknown is never guessed."""
    return _spellings().get(normalise_name(text))


def conversion(text: str, canonical: str) -> Conversion | None:
    """Return how to turn values in the unit spelled `text` into the canonical unit.

    None where the spelling is unknown or of another dimension.

    >>> conversion("μg/m³", "mg/m3")
    Conversion(exponent=-3, factor=1.0)
    """
    found, wanted = unit_named(text), units()[canonical]
    if found is None or found.dimension != wanted.dimension:
        return None
    return between(found.factor / wanted.factor)


def between(ratio: Decimal) -> Conversion:
    """Return a ratio as power of ten and rest.

    >>> between(Decimal("3.6"))
    Conversion(exponent=0, factor=3.6)
    """
    exponent = ratio.adjusted()
    if ratio == Decimal(10) ** exponent:
        return Conversion(exponent, 1.0)
    return Conversion(0, float(ratio))
