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
    Routing,
    RoutingText,
    check_routing,
)


class AlertRulesError(Exception):
    """An `alerts.toml` is missing, is not TOML or says what the schema does not allow."""


class _RuleText(Checked):
    """A rule as it stands in the file.

    A reading is *bad* when its class is at least `raise_class` and *good* when it is at most
    `clear_class`. `raise_after` bad readings in a row, or one beyond `raise_multiple` times the limit,
    open an episode; `clear_after` good ones in a row close it.
    """

    id: Key
    kind: Literal["section-class"]
    title_zh: Annotated[str, Field(min_length=1)]
    title_en: Annotated[str, Field(min_length=1)]
    medium: Literal["surface_water"]
    basis: Literal["sample"]
    level: Level
    raise_class: Annotated[int, Field(ge=1, le=6)]
    clear_class: Annotated[int, Field(ge=1, le=6)]
    raise_after: Count
    clear_after: Count
    raise_multiple: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    version: Annotated[str, Field(min_length=1)]
    valid_from: dt.date
    valid_to: dt.date | None = None
    clause: Annotated[str, Field(min_length=1)]
    sure: Literal["V", "V2", "P", "M", "U", "C"]

    @model_validator(mode="after")
    def _thresholds_apart(self) -> Self:
        if self.clear_class >= self.raise_class:
            raise ValueError("clear_class: expected below raise_class")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to: expected on or after valid_from")
        return self


class Rule(_RuleText):
    """A rule with the horizon of its district and the channels it is routed to."""

    horizon_days: Count
    channels: tuple[ChannelSettings, ...]


class _AlertsText(RoutingText):
    version: Annotated[str, Field(min_length=1)]
    horizon_days: Count = 7
    rule: tuple[_RuleText, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        rules = [item.id for item in self.rule]
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
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Write a place as a reader of the file counts: `rule[1].raise_after: `, tables from 1."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    place = "".join(parts).removeprefix(".")
    return f"{place}: " if place else ""
