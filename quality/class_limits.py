"""Limits of the water classes as the judge needs them: to compare a stated class with its own row.

The file is quality/data/class_limits.toml. Classes of sections are evaluated in `indicators`, which a judge may not
know; a test holds both to the same numbers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: classes of GB 3838 that have limits, Ⅰ to Ⅴ; beyond the last one is 劣Ⅴ
CLASSES = 5


class ClassLimitsError(Exception):
    """The table of class limits says something that cannot be right."""


@dataclass(frozen=True)
class ClassRule:
    """The limits of one parameter, of class I to V; `kind` is upper, lower or range."""

    kind: str
    limits: tuple[tuple[float, ...], ...]

    def classes(self, values: Floats) -> Floats:
        """Return the class (1 to 6) of each value, NaN where there is none; a limit belongs to its class."""
        missed = np.zeros(len(values))
        for limit in self.limits:
            if self.kind == "upper":
                missed += values > limit[0]
            elif self.kind == "lower":
                missed += values < limit[0]
            else:
                missed += (values < limit[0]) | (values > limit[1])
        return np.where(np.isnan(values), np.nan, 1 + missed)


@dataclass(frozen=True)
class ClassLimits:
    """The rules of one kind of water body; `needed` are the parameters without which no row is compared."""

    waterbody: str
    version: str
    clause: str
    sure: str
    needed: tuple[str, ...]
    rules: Mapping[str, ClassRule]


@cache
def class_limits() -> tuple[ClassLimits, ...]:
    """Return the limits of each kind of water body.

    Raises
    ------
    ClassLimitsError
        When a rule has another kind than upper, lower and range, or not five limits.
    """
    data = tomllib.loads(files("quality").joinpath("data/class_limits.toml").read_text("utf-8"))
    found = []
    for body in data["waterbody"]:
        rules = {}
        for parameter, rule in (data["limits"] | body["limits"]).items():
            limits = tuple(
                tuple(float(end) for end in (limit if isinstance(limit, list) else [limit]))
                for limit in rule["limits"]
            )
            where = f"class_limits.toml, {body['key']}, {parameter}"
            if rule["kind"] not in {"upper", "lower", "range"}:
                raise ClassLimitsError(f"{where}: kind {rule['kind']!r}, expected upper, lower or range")
            if len(limits) != CLASSES or {len(limit) for limit in limits} != {1 + (rule["kind"] == "range")}:
                raise ClassLimitsError(f"{where}: expected five limits of kind {rule['kind']}")
            rules[parameter] = ClassRule(rule["kind"], limits)
        found.append(
            ClassLimits(
                body["key"], data["version"], data["clause"], data["sure"], tuple(data["needed"]), rules
            )
        )
    return tuple(found)
