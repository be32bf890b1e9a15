"""The standards registry: every rule as dated data, with its clause and how sure we are of it.

One TOML file per standard lies in `indicators/standards/`. The rule set in force on the day of the
*observation* applies; another edition can be asked for by its id. A district may replace single rules
in one file (`standards.toml`); the standard is then marked overruled and its label says so.

Terms: a *rule* is a TOML table that carries `clause` and `sure`; every value in a file stands in a rule.
`sure` is V (verified), V2 (verified twice), P (partly), M (memory), U (unknown), C (computed here).
"""

from __future__ import annotations

import copy
import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

SURE: frozenset[str] = frozenset({"V", "V2", "P", "M", "U", "C"})
_HEAD: dict[str, type] = {
    "id": str,
    "topic": str,
    "title_zh": str,
    "title_en": str,
    "version": str,
    "valid_from": dt.date,
    "source": str,
    "sure": str,
}
_OVERRULED_MARK = "+district"


class StandardFileError(ValueError):
    """A file of standards or of overrides is not as stated: file, key and what was expected."""


class NoStandardError(LookupError):
    """No standard has this id, or none of the topic is in force on the day."""


@dataclass(frozen=True, eq=False)
class Override:
    """A rule replaced by a district: where, by what, on which document."""

    standard: str
    path: str
    value: Any
    document: str


@dataclass(frozen=True, eq=False)
class Standard:
    """One edition of one standard.

    `valid_to` is the last day in force (None: still in force); `tables` is the rest of the TOML file.
    """

    id: str
    topic: str
    title_zh: str
    title_en: str
    version: str
    valid_from: dt.date
    valid_to: dt.date | None
    sure: str
    source: str
    tables: Mapping[str, Any]
    overruled: bool = False
    overrides: tuple[Override, ...] = ()

    @property
    def label(self) -> str:
        """The id as results show it: `GB3838-2002`, or `GB3838-2002+district` where overruled."""
        return self.id + _OVERRULED_MARK if self.overruled else self.id

    def in_force(self, day: dt.date) -> bool:
        """Tell whether the standard is in force on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def rule(self, path: str) -> Mapping[str, Any]:
        """Return the rule at a dotted path, e.g. `limits.tp_river`; NoStandardError when absent."""
        node: Any = self.tables
        for step in path.split("."):
            if not isinstance(node, Mapping) or step not in node:
                raise NoStandardError(f"{self.id} has no rule {path!r}")
            node = node[step]
        if not isinstance(node, Mapping):
            raise NoStandardError(f"{self.id}: {path!r} is a value, not a rule")
        return node


class Registry:
    """All standards, by id and by topic and day."""

    def __init__(self, standards: tuple[Standard, ...]) -> None:
        """Take the standards; one id in two of them is a StandardFileError."""
        self._by_id: dict[str, Standard] = {}
        for standard in sorted(standards, key=lambda item: (item.topic, item.valid_from, item.id)):
            if _plain(standard.id) in self._by_id:
                raise StandardFileError(f"the id {standard.id!r} stands in two files")
            self._by_id[_plain(standard.id)] = standard

    def all(self) -> list[Standard]:
        """Return every standard, ordered by topic and day."""
        return list(self._by_id.values())

    def of_topic(self, topic: str) -> list[Standard]:
        """Return the editions of one topic in order of their days."""
        return [standard for standard in self._by_id.values() if standard.topic == topic]

    def get(self, standard: str) -> Standard:
        """Return a standard by id; blanks, case and the mark `+district` do not matter."""
        found = self._by_id.get(_plain(standard))
        if found is None:
            known = ", ".join(item.id for item in self._by_id.values())
            raise NoStandardError(f"no standard {standard!r}; known: {known}")
        return found

    def in_force(self, topic: str, day: dt.date) -> Standard:
        """Return the one standard of the topic in force on `day`; NoStandardError when there is none."""
        found = self.all_in_force(topic, day)
        if len(found) == 1:
            return found[0]
        if not found:
            raise NoStandardError(f"no standard of topic {topic!r} is in force on {day.isoformat()}")
        raise NoStandardError(
            f"{len(found)} standards of topic {topic!r} are in force on {day.isoformat()}: "
            + ", ".join(item.id for item in found)
        )

    def all_in_force(self, topic: str, day: dt.date) -> list[Standard]:
        """Return every standard of the topic in force on `day`; some topics (emission limits) have several."""
        day = day.date() if isinstance(day, dt.datetime) else day
        return [standard for standard in self.of_topic(topic) if standard.in_force(day)]

    def spans(self, topic: str, times: pd.Series) -> Iterator[tuple[Standard, npt.NDArray[np.bool_]]]:
        """Split rows by the standard of their day.

        Parameters
        ----------
        topic : str
        times : Series of datetime64, n rows, wall time

        Yields
        ------
        (Standard, ndarray of bool, n)
            Only editions with at least one row; rows before every edition are in none.

        Raises
        ------
        NoStandardError
            When two editions claim the same row.
        """
        at = times.to_numpy(dtype="datetime64[us]")
        taken = np.zeros(len(at), dtype=np.bool_)
        for standard in self.of_topic(topic):
            mask = at >= np.datetime64(standard.valid_from, "us")
            if standard.valid_to is not None:
                mask &= at < np.datetime64(standard.valid_to + dt.timedelta(days=1), "us")
            if (mask & taken).any():
                raise NoStandardError(
                    f"two standards of topic {topic!r} are in force at once, {standard.id} is one"
                )
            taken |= mask
            if mask.any():
                yield standard, mask

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record a standard, as `ecoplan standards list` shows it."""
        return [
            {
                "id": standard.label,
                "topic": standard.topic,
                "title_zh": standard.title_zh,
                "title_en": standard.title_en,
                "version": standard.version,
                "valid_from": standard.valid_from.isoformat(),
                "valid_to": standard.valid_to.isoformat() if standard.valid_to else None,
                "sure": standard.sure,
                "rules": sum(1 for _ in _rules(standard.tables, "")),
                "overruled": standard.overruled,
                "source": standard.source,
            }
            for standard in self._by_id.values()
        ]

    def describe(self, standard: str) -> dict[str, Any]:
        """Return one standard with every rule, its clause and `sure`, as `ecoplan standards show` shows it."""
        found = self.get(standard)
        head = next(record for record in self.records() if record["id"] == found.label)
        replaced = {override.path: override for override in found.overrides}
        rules = []
        for path, rule in _rules(found.tables, ""):
            values = {key: value for key, value in rule.items() if key not in ("clause", "sure")}
            by = [item.document for at, item in replaced.items() if at == path or at.startswith(path + ".")]
            rules.append(
                {
                    "path": path,
                    "clause": rule["clause"],
                    "sure": rule["sure"],
                    "values": values,
                    "overruled_by": "; ".join(by),
                }
            )
        return {**head, "rules": rules}


def _plain(standard: str) -> str:
    return "".join(standard.split()).casefold().removesuffix(_OVERRULED_MARK)


def _rules(node: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Walk the tables of a checked standard: (dotted path, rule)."""
    if isinstance(node, list):
        for number, item in enumerate(node, start=1):
            yield from _rules(item, f"{path}.{number}")
    elif "clause" in node:
        yield path, node
    else:
        for key, item in node.items():
            yield from _rules(item, f"{path}.{key}" if path else key)


def _check_rules(node: Any, path: str, name: str) -> None:
    """Check that every value below `node` stands in a rule with `clause` and `sure`."""
    if isinstance(node, list):
        for number, item in enumerate(node, start=1):
            _check_rules(item, f"{path}[{number}]", name)
        if not node:
            raise StandardFileError(f"{name}: {path} is empty; expected at least one rule")
        return
    if not isinstance(node, dict):
        raise StandardFileError(
            f"{name}: {path} = {node!r} stands outside a rule; expected a table with `clause` and `sure`"
        )
    if "clause" not in node and "sure" not in node:
        if not node:
            raise StandardFileError(f"{name}: {path} is empty; expected at least one rule")
        for key, item in node.items():
            _check_rules(item, f"{path}.{key}" if path else key, name)
        return
    if not isinstance(node.get("clause"), str) or not node["clause"]:
        raise StandardFileError(f"{name}: {path}.clause is missing; expected the clause as text")
    if node.get("sure") not in SURE:
        raise StandardFileError(
            f"{name}: {path}.sure = {node.get('sure')!r}; expected one of {', '.join(sorted(SURE))}"
        )


def read_standard(text: str, name: str) -> Standard:
    """Read one standard from TOML text.

    Parameters
    ----------
    text : str
    name : str
        Name of the file, for messages.

    Raises
    ------
    StandardFileError
        Naming the file, the key and what was expected.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StandardFileError(f"{name}: not TOML: {error}") from error
    head: dict[str, Any] = {}
    for key, kind in _HEAD.items():
        if key not in data:
            raise StandardFileError(f"{name}: key {key!r} is missing; expected {kind.__name__}")
        head[key] = _of_kind(data.pop(key), kind, key, name)
    if head["sure"] not in SURE:
        raise StandardFileError(f"{name}: sure = {head['sure']!r}; expected one of {', '.join(sorted(SURE))}")
    valid_to = data.pop("valid_to", None)
    if valid_to is not None:
        valid_to = _of_kind(valid_to, dt.date, "valid_to", name)
        if valid_to < head["valid_from"]:
            raise StandardFileError(
                f"{name}: valid_to {valid_to} lies before valid_from {head['valid_from']}"
            )
    if not data:
        raise StandardFileError(f"{name}: no rules; expected at least one table")
    _check_rules(data, "", name)
    return Standard(**head, valid_to=valid_to, tables=data)


def _of_kind(value: Any, kind: type, key: str, name: str) -> Any:
    # a datetime is a date to isinstance, but a standard begins on a day
    if not isinstance(value, kind) or isinstance(value, dt.datetime):
        raise StandardFileError(f"{name}: {key} = {value!r}; expected {kind.__name__}")
    return value


def load_standards(overrides: Path | None = None) -> Registry:
    """Load every standard of the project, with a district's overrides where a file is given.

    Parameters
    ----------
    overrides : Path, optional
        A TOML file of `[[rule]]` tables with `standard`, `path`, `value`, `document`. `path` is dotted;
        a number steps into the rule's `limits` (or into a list), counted from 1:
        `limits.tp_river.5` is the class Ⅴ limit of TP in rivers.

    Raises
    ------
    StandardFileError
        Naming the file, the key and what was expected.
    """
    standards = dict(_project_standards())
    if overrides is not None:
        for override in read_overrides(overrides):
            key = _plain(override.standard)
            if key not in standards:
                raise StandardFileError(f"{overrides.name}: no standard {override.standard!r}")
            standards[key] = overrule(standards[key], override, overrides.name)
    return Registry(tuple(standards.values()))


@cache
def _project_standards() -> Mapping[str, Standard]:
    """Return the project's own standards by their plain id; they are read once, a night asks for them often."""
    folder = files("indicators").joinpath("standards")
    standards: dict[str, Standard] = {}
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.name.endswith(".toml"):
            standard = read_standard(item.read_text("utf-8"), f"standards/{item.name}")
            if _plain(standard.id) in standards:
                raise StandardFileError(f"standards/{item.name}: the id {standard.id!r} stands in two files")
            standards[_plain(standard.id)] = standard
    return standards


@cache
def default_registry() -> Registry:
    """Return the project's standards without any district's overrides (loaded once)."""
    return load_standards()


def read_overrides(path: Path) -> list[Override]:
    """Read a district's file of overruled rules; StandardFileError names the rule and key at fault."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise StandardFileError(f"{path.name}: not TOML: {error}") from error
    unknown = set(data) - {"rule"}
    if unknown:
        raise StandardFileError(f"{path.name}: unknown key {min(unknown)!r}; expected [[rule]] tables")
    found = []
    for number, rule in enumerate(data.get("rule", []), start=1):
        for key in ("standard", "path", "value", "document"):
            if key not in rule:
                raise StandardFileError(f"{path.name}: rule {number}: key {key!r} is missing")
            if key != "value":
                _of_kind(rule[key], str, f"rule {number}: {key}", path.name)
        unknown = set(rule) - {"standard", "path", "value", "document"}
        if unknown:
            raise StandardFileError(f"{path.name}: rule {number}: unknown key {min(unknown)!r}")
        found.append(Override(rule["standard"], rule["path"], rule["value"], rule["document"]))
    return found


def overrule(standard: Standard, override: Override, name: str) -> Standard:
    """Return a copy of the standard with one value replaced; the original is left as it was."""
    tables = copy.deepcopy(dict(standard.tables))
    steps = override.path.split(".")
    where = f"{name}: {standard.id}: path {override.path!r}"
    node: Any = tables
    for step in steps[:-1]:
        node = _child(node, step, where)
    node, key = _slot(node, steps[-1], where)
    old = node[key]
    if key in ("clause", "sure"):
        raise StandardFileError(f"{where} names the evidence of a rule; expected a value")
    number = (int, float)
    same = (
        isinstance(override.value, number)
        if isinstance(old, number) and not isinstance(old, bool)
        else isinstance(override.value, type(old))
    )
    if not same or isinstance(override.value, bool) != isinstance(old, bool):
        raise StandardFileError(
            f"{where}: value = {override.value!r}; expected {type(old).__name__} as in {old!r}"
        )
    node[key] = override.value
    _check_rules(tables, "", name)
    return replace(standard, tables=tables, overruled=True, overrides=(*standard.overrides, override))


def _child(node: Any, step: str, where: str) -> Any:
    holder, key = _slot(node, step, where)
    return holder[key]


def _slot(node: Any, step: str, where: str) -> tuple[Any, Any]:
    """Return the container and the key that `step` names below `node`."""
    if isinstance(node, dict) and step not in node and step.isdigit() and "limits" in node:
        node = node["limits"]
    if isinstance(node, list) and step.isdigit() and 1 <= int(step) <= len(node):
        return node, int(step) - 1
    if isinstance(node, dict) and step in node:
        return node, step
    expected = (
        ", ".join(node) if isinstance(node, dict) else f"1 to {len(node)}" if isinstance(node, list) else ""
    )
    raise StandardFileError(f"{where}: {step!r} is not there; expected one of: {expected or 'nothing below'}")
