"""Alert rules, channels and routes of a district, read from its `alerts.toml` and checked.

The file is data that a user edits: every threshold of an alert stands there with its version, its
days of validity and its clause. This module only says what the file must look like.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Language = Literal["zh", "en", "zh+en"]
Markup = Literal["text", "html", "markdown"]
Level = Literal["red", "orange", "yellow", "blue"]

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Count = Annotated[int, Field(ge=1)]


class AlertRulesError(Exception):
    """An `alerts.toml` is missing, is not TOML or says what the schema does not allow."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelSettings(_Model):
    """A channel messages leave through.

    `url_env` names the environment variable that holds an `apprise` address; the address itself never
    stands in a file. A message that failed waits `retry_minutes[n]` before its next try (the last
    entry repeats), and after `max_attempts` tries it is dead: listed, kept, no longer sent.
    """

    key: Key
    kind: Literal["console", "file", "apprise"]
    url_env: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")] = ""
    language: Language = "zh"
    markup: Markup = "text"
    retry_minutes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 5, 15, 60)
    max_attempts: Count = 200

    @model_validator(mode="after")
    def _address_where_needed(self) -> Self:
        if (self.kind == "apprise") != bool(self.url_env):
            raise ValueError("url_env: expected for kind 'apprise' and for no other kind")
        return self


class _Route(_Model):
    rule: Key
    channels: Annotated[tuple[Key, ...], Field(min_length=1)]


class _RuleText(_Model):
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


class _AlertsText(_Model):
    version: Annotated[str, Field(min_length=1)]
    horizon_days: Count = 7
    rule: tuple[_RuleText, ...] = ()
    channel: tuple[ChannelSettings, ...] = ()
    route: tuple[_Route, ...] = ()

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        rules = [item.id for item in self.rule]
        channels = [item.key for item in self.channel]
        for kind, names in (("rule.id", rules), ("channel.key", channels)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind}: stands twice: {', '.join(twice)}")
        for number, route in enumerate(self.route, start=1):
            if route.rule not in rules:
                raise ValueError(f"route[{number}].rule: no rule {route.rule!r}, expected one of {rules}")
            missing = sorted(set(route.channels) - set(channels))
            if missing:
                raise ValueError(
                    f"route[{number}].channels: no channel {', '.join(missing)}, expected of {channels}"
                )
        return self


class AlertSettings(_Model):
    """What one `alerts.toml` says: its rules, each with its channels, and all channels."""

    version: str
    horizon_days: int
    rules: tuple[Rule, ...]
    channels: tuple[ChannelSettings, ...]

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
    by_key = {channel.key: channel for channel in text.channel}
    routed: dict[str, dict[str, ChannelSettings]] = {item.id: {} for item in text.rule}
    for route in text.route:
        routed[route.rule].update({key: by_key[key] for key in route.channels})
    return AlertSettings(
        version=text.version,
        horizon_days=text.horizon_days,
        rules=tuple(
            Rule(
                **item.model_dump(),
                horizon_days=text.horizon_days,
                channels=tuple(routed[item.id].values()),
            )
            for item in text.rule
        ),
        channels=text.channel,
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Write a place as a reader of the file counts: `rule[1].raise_after: `, tables from 1."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    place = "".join(parts).removeprefix(".")
    return f"{place}: " if place else ""
