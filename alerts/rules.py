"""Alert rules of a district, read from its `alerts.toml` and checked; who is told is `alerts.routing_settings`.

The file is data that a user edits: every threshold of an alert stands there with its version, its
days of validity and its clause. This module only says what the file must look like.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from alerts.routing_settings import (
    ChannelSettings,
    Checked,
    Count,
    Key,
    Level,
    Name,
    Routing,
    RoutingText,
    check_routing,
)
from alerts.rule_kinds import SHARES_FALL, SPECIAL, TERMS, Basis, Kind, Medium

Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class AlertRulesError(Exception):
    """An `alerts.toml` is missing, is not TOML or says what the schema does not allow."""


class _RuleText(Checked):
    """A rule as it stands in the file.

    A reading (a sampling, a day, a month: the `basis`) is *bad* or *good* by the terms of the rule's kind
    (`alerts.rule_kinds`), or neither. `raise_after` bad ones in a row, or one that is beyond, open an episode;
    `clear_after` good ones in a row close it. Thresholds to raise and to clear stand apart.

    While nobody has acknowledged it, people are reminded every `remind_hours` (0: never), `most_reminders` times
    at most, and after each of `escalate_hours` the next role of the route is told. It is told again as worse when
    its class or its largest multiple has grown `worsen_factor`-fold since it was told last (0: never). Of one
    subject no more than `most_per_week` messages of the rule are written in any seven days; what is more is kept
    and said by the next. While an episode of one of the rules `inhibited_by` is open on the same subject, or on
    the source that brings its data, nothing is sent of this one.
    """

    id: Key
    kind: Kind
    title_zh: Annotated[str, Field(min_length=1)]
    title_en: Annotated[str, Field(min_length=1)]
    medium: Medium
    basis: Basis
    level: Level
    raise_after: Count
    clear_after: Count
    group: Literal["river", "enterprise", "district"] = "district"
    remind_hours: Natural = 0
    most_reminders: Natural = 3
    escalate_hours: tuple[Count, ...] = ()
    worsen_factor: Positive = 0.0
    most_per_week: Count = 14
    inhibited_by: tuple[Key, ...] = ()

    # thresholds that only some kinds know; 0 or empty: not of this kind
    raise_class: Annotated[int, Field(ge=0, le=6)] = 0
    clear_class: Annotated[int, Field(ge=0, le=6)] = 0
    raise_multiple: Positive = 0.0
    raise_share: Positive = 0.0
    clear_share: Positive = 0.0
    raise_above: Positive = 0.0
    clear_at: Positive = 0.0
    raise_steps: Natural = 0
    compare_days: Natural = 0
    rising: Natural = 0
    sections: tuple[Name, ...] = ()
    verdicts: tuple[Literal["exceed_hour", "warn_hour", "exceed_day"], ...] = ()
    tests: tuple[Name, ...] = ()
    raise_status: tuple[Name, ...] = ()
    clear_status: tuple[Name, ...] = ()
    sources: tuple[Name, ...] = ()

    version: Annotated[str, Field(min_length=1)]
    valid_from: dt.date
    valid_to: dt.date | None = None
    clause: Annotated[str, Field(min_length=1)]
    sure: Literal["V", "V2", "P", "M", "U", "C"]

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        terms = TERMS[self.kind]
        given = {name for name in SPECIAL if getattr(self, name)}
        missing = sorted(terms.needs - given)
        if missing:
            raise ValueError(f"{', '.join(missing)}: expected for kind {self.kind!r}")
        strange = sorted(given - terms.needs - terms.may)
        if strange:
            raise ValueError(f"{', '.join(strange)}: not expected for kind {self.kind!r}")
        for name, known in (("basis", terms.bases), ("medium", terms.media)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {sorted(known)} for kind {self.kind!r}")
        if self.kind == "section-class" and self.basis == "sample" and not self.raise_multiple:
            raise ValueError("raise_multiple: expected for kind 'section-class' on basis 'sample'")
        return self

    @model_validator(mode="after")
    def _thresholds_apart(self) -> Self:
        if "clear_class" in TERMS[self.kind].needs and self.clear_class >= self.raise_class:
            raise ValueError("clear_class: expected below raise_class")
        if self.raise_above and self.clear_at > self.raise_above:
            raise ValueError("clear_at: expected at most raise_above")
        if self.kind in SHARES_FALL and self.clear_share <= self.raise_share:
            raise ValueError("clear_share: expected above raise_share")
        if self.raise_share and self.kind not in SHARES_FALL and self.clear_share >= self.raise_share:
            raise ValueError("clear_share: expected below raise_share")
        if set(self.raise_status) & set(self.clear_status):
            raise ValueError("clear_status: expected other words than raise_status")
        if list(self.escalate_hours) != sorted(set(self.escalate_hours)):
            raise ValueError("escalate_hours: expected hours that grow")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to: expected on or after valid_from")
        return self


class Maintenance(Checked):
    """A window in which a site is being worked on (检修): its episodes are recorded and not sent."""

    site: Name
    start: dt.datetime
    end: dt.datetime
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start, end: expected Asia/Shanghai times without a zone")
        if self.end <= self.start:
            raise ValueError("end: expected after start")
        return self


class Rule(_RuleText):
    """A rule with the horizon of its district and the channels it is routed to."""

    horizon_days: Count
    channels: tuple[ChannelSettings, ...]


class _AlertsText(RoutingText):
    version: Annotated[str, Field(min_length=1)]
    horizon_days: Count = 7
    rule: tuple[_RuleText, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        rules = [item.id for item in self.rule]
        for number, item in enumerate(self.rule, start=1):
            strange = sorted(set(item.inhibited_by) - set(rules) | {item.id} & set(item.inhibited_by))
            if strange:
                raise ValueError(f"rule[{number}].inhibited_by: no other rule {', '.join(strange)}")
        twice = sorted({name for name in rules if rules.count(name) > 1})
        if twice:
            raise ValueError(f"rule.id: stands twice: {', '.join(twice)}")
        check_routing(self, rules)
        return self


class AlertSettings(Checked):
    """What one `alerts.toml` says: its rules, each with its channels, all channels, and who is told."""

    version: str
    horizon_days: int
    rules: tuple[Rule, ...]
    channels: tuple[ChannelSettings, ...]
    routing: Routing
    maintenance: tuple[Maintenance, ...] = ()

    def rule(self, rule_id: str) -> Rule:
        """Return the rule of that id; an unknown one is an `AlertRulesError`."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise AlertRulesError(f"no alert rule {rule_id!r}, expected one of {[r.id for r in self.rules]}")


def load_alerts(path: Path) -> AlertSettings:
    """Read and check one district's `alerts.toml`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    AlertSettings
        Rules in the order of the file; a rule without a route has no channels (it is recorded, not sent).

    Raises
    ------
    AlertRulesError
        The file cannot be read, is not TOML, or a key is missing, unknown or out of its range. The
        message names the file and every key at fault, and repeats no value of the file: a user may
        have pasted an address with its password where a variable's name belongs.
    """
    try:
        text = _AlertsText.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise AlertRulesError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise AlertRulesError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(
            f"{_place(fault['loc'])}{fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        # the cause would show the value that is kept out of the message
        raise AlertRulesError(f"{path}: {faults}") from None
    routing = Routing(**{name: getattr(text, name) for name in RoutingText.model_fields})
    return AlertSettings(
        version=text.version,
        horizon_days=text.horizon_days,
        rules=tuple(
            Rule(
                **item.model_dump(),
                horizon_days=text.horizon_days,
                channels=routing.channels_of(item.id),
            )
            for item in text.rule
        ),
        channels=text.channel,
        routing=routing,
        maintenance=text.maintenance,
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Write a place as a reader of the file counts: `rule[1].raise_after: `, tables from 1."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    place = "".join(parts).removeprefix(".")
    return f"{place}: " if place else ""
