"""Expectation suites and physical ranges as data: read, checked, and selected by source.

The files are quality/data/suites.toml and quality/data/ranges.toml; nothing here holds a limit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from vocabulary.parameters import parameters
from vocabulary.reading import PERIODS
from vocabulary.reasons import reasons

#: columns that expectations may read: those of a reading and what `quality.judge` puts beside them
JUDGED_COLUMNS: tuple[str, ...] = (
    "site",
    "parameter",
    "period",
    "channel",
    "censor",
    "value",
    "observed_year",
    "range_position",
    "outside_value",
    "zero_floor",
    "aqi_fraction",
)

#: kind of delivery check -> keys it must have
CHECK_KINDS: dict[str, tuple[str, ...]] = {
    "mostly-greater": ("greater", "lesser", "share", "rows", "sites", "sees"),
    "median-outside": ("parameter", "periods", "low", "high", "rows", "sites", "sees"),
    "above-highest": (
        *("parameter", "periods", "of", "first", "last", "present", "tolerance", "share", "rows", "sees"),
    ),
    "class-contradicts": ("share", "rows", "sees"),
    "mostly-bad": ("share", "rows", "ignores", "of_reader"),
    "no-range": ("share", "rows"),
    "repeated-keys": ("share", "rows"),
    "mixed-order": ("share", "rows"),
    "incomplete": ("usual", "least", "rows"),
    "volume": ("least", "most", "last", "low", "needs"),
    "stale": ("days",),
    "ahead": ("hours", "share", "rows"),
}

#: kinds that rest on what the ledger held before: were they to refuse, what is in the warehouse would depend on
#: the order of arrival (docs/architecture.md, promise 1), so they only speak
OF_THE_LEDGER: tuple[str, ...] = ("volume",)


class SuiteError(Exception):
    """A suite or range file says something that cannot be right; names file, entry and key."""


@dataclass(frozen=True)
class RowExpectation:
    """One expectation of suites.toml; `order` is its place in the file, `type` a GX class name.

    `severity` is quarantine, flag (the row is accepted and named) or warn (the row is accepted and counted).
    """

    order: int
    code: str
    type: str
    args: Mapping[str, Any]
    where: tuple[str, str] | None
    severity: str
    basis: str
    sure: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the judged frame that the expectation reads."""
        named = [self.args[key] for key in ("column", "column_A", "column_B") if key in self.args]
        return tuple(named if self.where is None else [*named, self.where[0]])


@dataclass(frozen=True)
class DeliveryCheck:
    """One check of a delivery as a whole; `terms` are the keys of its kind (see `CHECK_KINDS`).

    `severity` is refuse, warn (a person is told) or note (counted only).
    """

    order: int
    code: str
    kind: str
    severity: str
    terms: Mapping[str, Any]
    basis: str
    sure: str


@dataclass(frozen=True)
class Suite:
    """What a source is judged by, with the version of the file it came from."""

    source: str
    version: str
    expectations: tuple[RowExpectation, ...]
    checks: tuple[DeliveryCheck, ...]


@dataclass(frozen=True)
class Ranges:
    """Physical ranges; `lower` and `upper` are len(parameters) x len(periods), NaN where none is stated."""

    version: str
    parameters: tuple[str, ...]
    periods: tuple[str, ...]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]


#: file of quality/data -> what stands in for it within `amended`
_INSTEAD: dict[str, dict[str, Any]] = {}


def _read(name: str) -> dict[str, Any]:
    if name in _INSTEAD:
        return _INSTEAD[name]
    return tomllib.loads(files("quality").joinpath(f"data/{name}").read_text("utf-8"))


@contextmanager
def amended(text: str) -> Iterator[None]:
    """Judge rows by other expectations for a while; checks of whole deliveries are not made meanwhile.

    Parameters
    ----------
    text
        TOML with any of: `expectation` (in the place of all of suites.toml), `range` and `unit` (in the place of those of
        ranges.toml for the same parameter and period, the same units).

    Raises
    ------
    SuiteError
        When the text states none of the three, or another table.
    """
    given = tomllib.loads(text)
    unknown = sorted(set(given) - {"expectation", "range", "unit", "version", "valid_from"})
    if unknown or not set(given) & {"expectation", "range", "unit"}:
        raise SuiteError(f"expected expectation, range or unit, found {', '.join(given) or 'nothing'}")
    suites, limits = _read("suites.toml"), _read("ranges.toml")
    stated = {(name, entry["period"]) for entry in given.get("range", ()) for name in entry["parameters"]}
    kept = [
        entry
        | {"parameters": [name for name in entry["parameters"] if (name, entry["period"]) not in stated]}
        for entry in limits["range"]
    ]
    _INSTEAD["suites.toml"] = suites | {
        "expectation": given.get("expectation", suites["expectation"]),
        "delivery_check": [],
    }
    _INSTEAD["ranges.toml"] = limits | {
        "range": [*kept, *given.get("range", ())],
        # later entries go before earlier ones
        "unit": [*limits["unit"], *given.get("unit", ())],
    }
    suite_for.cache_clear()
    ranges.cache_clear()
    try:
        yield
    finally:
        _INSTEAD.clear()
        suite_for.cache_clear()
        ranges.cache_clear()


def _need(entry: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    missing = [key for key in keys if key not in entry]
    if missing:
        raise SuiteError(f"{where}: {', '.join(missing)} missing")


def _check_code(code: str, severity: str, allowed: tuple[str, ...], where: str) -> None:
    if code not in reasons():
        raise SuiteError(f"{where}: code {code!r} is no key of vocabulary/data/reasons.toml")
    if severity not in allowed:
        raise SuiteError(f"{where}: severity {severity!r}, expected one of {', '.join(allowed)}")


def _expectation(order: int, entry: Mapping[str, Any]) -> RowExpectation:
    where = f"suites.toml, expectation {order + 1}"
    _need(entry, ("code", "type", "args", "sources", "severity", "basis", "sure"), where)
    _check_code(entry["code"], entry["severity"], ("quarantine", "flag", "warn"), where)
    condition = entry.get("where")
    if condition is not None:
        _need(condition, ("column", "equals"), f"{where}, where")
    made = RowExpectation(
        order=order,
        code=entry["code"],
        type=entry["type"],
        args=entry["args"],
        where=None if condition is None else (condition["column"], condition["equals"]),
        severity=entry["severity"],
        basis=entry["basis"],
        sure=entry["sure"],
    )
    unknown = [name for name in made.columns if name not in JUDGED_COLUMNS]
    if unknown:
        raise SuiteError(f"{where}: column {', '.join(unknown)}, expected one of {', '.join(JUDGED_COLUMNS)}")
    return made


def _check(order: int, entry: Mapping[str, Any]) -> DeliveryCheck:
    where = f"suites.toml, delivery_check {order + 1}"
    _need(entry, ("code", "kind", "sources", "severity", "basis", "sure"), where)
    if entry["kind"] not in CHECK_KINDS:
        raise SuiteError(f"{where}: kind {entry['kind']!r}, expected one of {', '.join(CHECK_KINDS)}")
    speaks = ("warn", "note")
    allowed = speaks if entry["kind"] in OF_THE_LEDGER else ("refuse", *speaks)
    _check_code(entry["code"], entry["severity"], allowed, where)
    keys = CHECK_KINDS[entry["kind"]]
    _need(entry, keys, where)
    named = [entry[key] for key in ("greater", "lesser", "parameter", "of") if key in entry]
    unknown = [key for key in named if key not in parameters()]
    if unknown:
        raise SuiteError(f"{where}: parameter {', '.join(unknown)} is not in the vocabulary")
    return DeliveryCheck(
        order=order,
        code=entry["code"],
        kind=entry["kind"],
        severity=entry["severity"],
        terms={key: entry[key] for key in keys},
        basis=entry["basis"],
        sure=entry["sure"],
    )


def _serves(entry: Mapping[str, Any], source: str) -> bool:
    return any(fnmatchcase(source, pattern) for pattern in entry["sources"])


@cache
def suite_for(source: str) -> Suite:
    """Return the suite of a source key such as ``air-quotsoft``.

    Parameters
    ----------
    source
        Source key; entries whose `sources` patterns match it are taken, in file order.

    Raises
    ------
    SuiteError
        When an entry lacks a key or names an unknown code, kind, severity or parameter.
    """
    data = _read("suites.toml")
    entries = list(enumerate(data["expectation"]))
    checks = list(enumerate(data["delivery_check"]))
    return Suite(
        source=source,
        version=data["version"],
        expectations=tuple(_expectation(n, entry) for n, entry in entries if _serves(entry, source)),
        checks=tuple(_check(n, entry) for n, entry in checks if _serves(entry, source)),
    )


def _bounds(entry: Mapping[str, Any], where: str) -> None:
    _need(entry, ("lower", "upper", "clause", "sure"), where)
    if not entry["lower"] < entry["upper"]:
        raise SuiteError(f"{where}: lower {entry['lower']} is not below upper {entry['upper']}")


@cache
def ranges() -> Ranges:
    """Return the physical ranges of every parameter and period, in canonical units.

    A row for the parameter and period goes before one for the parameter, and that before its unit's.

    Raises
    ------
    SuiteError
        When a range is stated twice, is upside down, or names an unknown parameter or period.
    """
    data = _read("ranges.toml")
    rows, columns = tuple(parameters()), PERIODS
    lower = np.full((len(rows), len(columns)), np.nan)
    upper = lower.copy()
    units = np.array([parameters()[key].unit for key in rows])
    for entry in data["unit"]:
        where = f"ranges.toml, unit {', '.join(entry['units'])}"
        _bounds(entry, where)
        at_unit = np.isin(units, entry["units"])
        lower[at_unit], upper[at_unit] = entry["lower"], entry["upper"]
    seen: set[tuple[str, str]] = set()
    # defaults first, so that a period of its own goes before "*"
    for entry in sorted(data["range"], key=lambda item: bool(item["period"] != "*")):
        for parameter in entry["parameters"]:
            where = f"ranges.toml, {parameter} {entry['period']}"
            _bounds(entry, where)
            if parameter not in rows:
                raise SuiteError(f"{where}: the parameter is not in the vocabulary")
            if entry["period"] not in ("*", *columns):
                raise SuiteError(f"{where}: the period is not in the vocabulary")
            if (parameter, entry["period"]) in seen:
                raise SuiteError(f"{where}: stated twice")
            seen.add((parameter, entry["period"]))
            at = slice(None) if entry["period"] == "*" else columns.index(entry["period"])
            lower[rows.index(parameter), at] = entry["lower"]
            upper[rows.index(parameter), at] = entry["upper"]
    return Ranges(version=data["version"], parameters=rows, periods=columns, lower=lower, upper=upper)
