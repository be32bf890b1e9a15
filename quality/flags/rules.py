"""Thresholds of the flag tests as data: read, checked, and found by parameter, period and channel.

The file is quality/data/flag_tests.toml; nothing here holds a limit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, TypeVar

import pandas as pd

from vocabulary.parameters import parameters
from vocabulary.reading import CHANNELS, PERIODS

#: parameter, period, channel
Kind = tuple[str, str, str]


class FlagRuleError(Exception):
    """The file of thresholds says something that cannot be right; names the entry and the key."""


@dataclass(frozen=True)
class Test:
    """One test; `weighs` tells whether its verdict enters the overall one."""

    key: str
    zh: str
    en: str
    weighs: bool


@dataclass(frozen=True)
class Band:
    """Plausible values: outside `suspect` a value is suspect, outside `bad` it is bad."""

    suspect: tuple[float, float]
    bad: tuple[float, float]


@dataclass(frozen=True)
class Bound:
    """A limit of a difference: the larger of an amount and a share of the smaller of both sides."""

    suspect: float
    suspect_share: float
    bad: float
    bad_share: float


@dataclass(frozen=True)
class Spike:
    """Excess over the mean of both neighbours; `side` is the share of it that the smaller step must reach."""

    within: timedelta
    side: float
    bound: Bound


@dataclass(frozen=True)
class Rate:
    """Change an hour against the reading before."""

    within: timedelta
    suspect: float
    bad: float


@dataclass(frozen=True)
class FlatLine:
    """Values that stay within `eps` for a time, at least `readings` of them; a hole longer than `hole` ends a run.

    At or below `floor` (a detection limit) nothing is evaluated.
    """

    eps: float
    hole: timedelta
    readings: int
    suspect: timedelta
    bad: timedelta
    floor: float

    @property
    def reach(self) -> timedelta:
        """How far from a reading the run that condemns it may have to be followed."""
        # the shortest stretch that is long and full enough may end with a hole, or consist of holes
        return max(self.bad + self.hole, (self.readings - 1) * self.hole)


@dataclass(frozen=True)
class Near:
    """A time within which another reading must stand."""

    within: timedelta


@dataclass(frozen=True)
class Neighbours:
    """Distance from the median of at least `sites` other sites of the group at the same time."""

    sites: int
    bound: Bound


@dataclass(frozen=True)
class Pair:
    """`lesser` is a part of `greater`: it may exceed it by a share and an amount (rounding, two instruments)."""

    lesser: str
    greater: str
    periods: tuple[str, ...]
    channels: tuple[str, ...]
    suspect: float
    suspect_share: float
    bad: float
    bad_share: float


@dataclass(frozen=True)
class Rules:
    """Every threshold of one version; a kind that is not among the keys of a test is not evaluated by it."""

    version: str
    valid_from: date
    tests: tuple[Test, ...]
    range: Mapping[Kind, Band]
    spike: Mapping[Kind, Spike]
    rate: Mapping[Kind, Rate]
    flat_line: Mapping[Kind, FlatLine]
    isolated: Mapping[Kind, Near]
    gap: Mapping[Kind, Near]
    neighbours: Mapping[Kind, Neighbours]
    pairs: tuple[Pair, ...]


#: the tests there are, in the order of the columns of a result
TEST_KEYS: tuple[str, ...] = (
    "range",
    "spike",
    "rate",
    "flat_line",
    "isolated",
    "gap",
    "cross_item",
    "neighbours",
)

_Rule = TypeVar("_Rule")
_INF = float("inf")


def _time(text: Any, where: str) -> timedelta:
    try:
        span: timedelta = pd.Timedelta(text).to_pytimedelta()
    except (ValueError, TypeError) as error:
        raise FlagRuleError(f"{where}: {text!r} is no length of time, expected e.g. '3h'") from error
    if not span > timedelta(0):
        raise FlagRuleError(f"{where}: {text!r}, expected a time above zero")
    return span


def _ordered(suspect: Any, bad: Any, where: str) -> None:
    if not suspect <= bad:
        raise FlagRuleError(f"{where}: suspect {suspect} is above bad {bad}")


def _bound(entry: Mapping[str, Any], where: str) -> Bound:
    bound = Bound(
        suspect=float(entry["suspect"]),
        suspect_share=float(entry.get("suspect_share", 0.0)),
        bad=float(entry.get("bad", _INF)),
        # a bad value is always a suspect one too
        bad_share=float(entry.get("bad_share", entry.get("suspect_share", 0.0))),
    )
    _ordered(bound.suspect, bound.bad, where)
    _ordered(bound.suspect_share, bound.bad_share, where)
    return bound


def _band(entry: Mapping[str, Any], where: str) -> Band:
    suspect, bad = ((float(low), float(high)) for low, high in (entry["suspect"], entry["bad"]))
    if not bad[0] <= suspect[0] < suspect[1] <= bad[1]:
        raise FlagRuleError(f"{where}: suspect {list(suspect)} does not lie within bad {list(bad)}")
    return Band(suspect, bad)


def _spike(entry: Mapping[str, Any], where: str) -> Spike:
    return Spike(_time(entry["within"], where), float(entry["side"]), _bound(entry, where))


def _rate(entry: Mapping[str, Any], where: str) -> Rate:
    suspect, bad = float(entry["suspect"]), float(entry.get("bad", _INF))
    _ordered(suspect, bad, where)
    return Rate(_time(entry["within"], where), suspect, bad)


def _flat_line(entry: Mapping[str, Any], where: str) -> FlatLine:
    suspect, bad = _time(entry["suspect"], where), _time(entry["bad"], where)
    _ordered(suspect, bad, where)
    if float(entry["eps"]) < 0:
        raise FlagRuleError(f"{where}: eps {entry['eps']} is below zero")
    floor = float(entry.get("floor", -_INF))
    readings = int(entry["readings"])
    if readings < 2:  # noqa: PLR2004 - one value equals nothing
        raise FlagRuleError(f"{where}: readings {readings}, expected at least 2")
    return FlatLine(float(entry["eps"]), _time(entry["hole"], where), readings, suspect, bad, floor)


def _near(entry: Mapping[str, Any], where: str) -> Near:
    return Near(_time(entry["within"], where))


def _neighbours(entry: Mapping[str, Any], where: str) -> Neighbours:
    if int(entry["sites"]) < 1:
        raise FlagRuleError(f"{where}: sites {entry['sites']}, expected at least 1")
    return Neighbours(int(entry["sites"]), _bound(entry, where))


def _known(names: Any, allowed: Any, what: str, where: str) -> tuple[str, ...]:
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise FlagRuleError(f"{where}: {what} {', '.join(unknown)} is not in the vocabulary")
    return tuple(names)


def _table(data: Mapping[str, Any], test: str, made: Callable[..., _Rule]) -> dict[Kind, _Rule]:
    found: dict[Kind, _Rule] = {}
    for number, entry in enumerate(data.get(test, ()), start=1):
        where = f"flag_tests.toml, {test} {number}"
        try:
            kinds = product(
                _known(entry["parameters"], parameters(), "parameter", where),
                _known(entry["periods"], PERIODS, "period", where),
                _known(entry["channels"], CHANNELS, "channel", where),
            )
            _stated(entry)
            rule = made(entry, where)
        except KeyError as error:
            raise FlagRuleError(f"{where}: {error.args[0]} missing") from error
        for kind in kinds:
            if kind in found:
                raise FlagRuleError(f"{where}: {' '.join(kind)} stated twice")
            found[kind] = rule
    return found


def _stated(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["basis"], entry["sure"]


def _pair(entry: Mapping[str, Any], number: int) -> Pair:
    where = f"flag_tests.toml, cross_item {number}"
    try:
        _stated(entry)
        bound = _bound(entry, where)
        lesser, greater = _known([entry["lesser"], entry["greater"]], parameters(), "parameter", where)
        return Pair(
            lesser=lesser,
            greater=greater,
            periods=_known(entry["periods"], PERIODS, "period", where),
            channels=_known(entry["channels"], CHANNELS, "channel", where),
            suspect=bound.suspect,
            suspect_share=bound.suspect_share,
            bad=bound.bad,
            bad_share=bound.bad_share,
        )
    except KeyError as error:
        raise FlagRuleError(f"{where}: {error.args[0]} missing") from error


def read_rules(text: str) -> Rules:
    """Read thresholds from TOML of the form of quality/data/flag_tests.toml.

    Raises
    ------
    FlagRuleError
        When a key lacks, a kind is stated twice, an unknown word is named, or limits are upside down.
    """
    return _rules(tomllib.loads(text))


def amended_rules(text: str) -> Rules:
    """Read thresholds of which a file states only some; the others are those in force.

    What the file says of a parameter, period and channel takes the place of what is said of them in that test; a
    pair of cross_item that of the same pair.

    Raises
    ------
    FlagRuleError
        As `read_rules`; also when the file states no threshold or a table that is none.
    """
    given = tomllib.loads(text)
    unknown = sorted(set(given) - {*TEST_KEYS, "test", "version", "valid_from"})
    if unknown:
        raise FlagRuleError(f"{', '.join(unknown)}: no such table, expected of {', '.join(TEST_KEYS)}")
    if not set(given) & {*TEST_KEYS, "test"}:
        raise FlagRuleError(f"no threshold is stated, expected of {', '.join(TEST_KEYS)}")
    data = tomllib.loads(_shipped())
    there = flag_rules()
    stated = _rules({**data, **{test: [] for test in TEST_KEYS}, **given})
    named = {(pair.lesser, pair.greater): pair for pair in (*there.pairs, *stated.pairs)}
    tables: dict[str, Any] = {
        test: {**getattr(there, test), **getattr(stated, test)} for test in TEST_KEYS if test != "cross_item"
    }
    return replace(stated, pairs=tuple(named.values()), **tables)


def _rules(data: Mapping[str, Any]) -> Rules:
    tests = tuple(
        Test(entry["key"], entry["zh"], entry["en"], bool(entry["weighs"])) for entry in data["test"]
    )
    if tuple(test.key for test in tests) != TEST_KEYS:
        raise FlagRuleError(f"flag_tests.toml, test: expected {', '.join(TEST_KEYS)}, in this order")
    return Rules(
        version=data["version"],
        valid_from=data["valid_from"],
        tests=tests,
        range=_table(data, "range", _band),
        spike=_table(data, "spike", _spike),
        rate=_table(data, "rate", _rate),
        flat_line=_table(data, "flat_line", _flat_line),
        isolated=_table(data, "isolated", _near),
        gap=_table(data, "gap", _near),
        neighbours=_table(data, "neighbours", _neighbours),
        pairs=tuple(_pair(entry, n) for n, entry in enumerate(data.get("cross_item", ()), start=1)),
    )


@cache
def flag_rules() -> Rules:
    """Return the thresholds in force, from quality/data/flag_tests.toml."""
    return read_rules(_shipped())


def _shipped() -> str:
    return files("quality").joinpath("data/flag_tests.toml").read_text("utf-8")
