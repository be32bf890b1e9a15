"""Channels, people, roles, rotas, routes and quiet hours of an `alerts.toml`: what the file must look like.

Who is told of what, by which way and at which hour is data that a user edits. Nothing here sends anything:
`alerts.routing` decides who is meant, `alerts.channels` hands over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Language = Literal["zh", "en", "zh+en"]
Markup = Literal["text", "html", "markdown"]
Level = Literal["red", "orange", "yellow", "blue"]
#: `full`: everything that is known; `short`: a few lines, for a text message to a phone
Form = Literal["full", "short"]

Key = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Variable = Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_]*)?$")]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Weekday = Annotated[int, Field(ge=1, le=7)]

#: a route of this rule is the route of every rule that has none of its own
ANY_RULE = "*"


class Checked(BaseModel):
    """A table of the file: unknown keys are faults, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelSettings(Checked):
    """A channel messages leave through.

    `url_env` names the secret that holds an address (an environment variable, or a Prefect block of the
    same name), `secret_env` the one a webhook is signed with; neither ever stands in a file. A message
    that failed waits `retry_minutes[n]` before its next try (the last entry repeats), and after
    `max_attempts` tries it is dead: listed, kept, no longer sent. When `digest_from` or more messages are
    due at once, one digest leaves instead of them (0: never). No more than `most_per_hour` messages leave
    within an hour (0: any number); what is more waits.
    """

    key: Key
    kind: Literal["console", "file", "apprise", "webhook"]
    url_env: Variable = ""
    secret_env: Variable = ""
    language: Language = "zh"
    markup: Markup = "text"
    form: Form = "full"
    retry_minutes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 5, 15, 60)
    max_attempts: Count = 200
    digest_from: Annotated[int, Field(ge=0)] = 0
    most_per_hour: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _secrets_where_needed(self) -> Self:
        if (self.kind in ("apprise", "webhook")) != bool(self.url_env):
            raise ValueError("url_env: expected for kind 'apprise' or 'webhook' and for no other kind")
        if (self.kind == "webhook") != bool(self.secret_env):
            raise ValueError("secret_env: expected for kind 'webhook' and for no other kind")
        if self.digest_from == 1:
            raise ValueError("digest_from: expected 2 or more, or 0 for never")
        if self.most_per_hour and not self.digest_from:
            # else a red one could wait behind others for hours
            raise ValueError("digest_from: expected with most_per_hour, for what is more than an hour takes")
        return self


class Person(Checked):
    """Somebody who can be on duty, with the channels that reach them."""

    key: Key
    name: Name
    channels: Annotated[tuple[Key, ...], Field(min_length=1)]


class Role(Checked):
    """A task people take turns in: duty officer, section head, leader.

    `channels` is where messages go while nobody stands on the rota, so that none is lost.
    """

    key: Key
    name_zh: Name
    name_en: Name
    channels: Annotated[tuple[Key, ...], Field(min_length=1)]


class Rota(Checked):
    """Who holds a role on which days and hours (Asia/Shanghai).

    `weekdays` are 1 (Monday) to 7; dates are both included; hours run from `start` up to, without, `end`
    and may pass midnight (the hours after it belong to the day on which they began). Equal hours mean the
    whole day.
    """

    role: Key
    people: Annotated[tuple[Key, ...], Field(min_length=1)]
    weekdays: tuple[Weekday, ...] = (1, 2, 3, 4, 5, 6, 7)
    valid_from: dt.date = dt.date.min
    valid_to: dt.date = dt.date.max
    start: dt.time = dt.time(0)
    end: dt.time = dt.time(0)

    @model_validator(mode="after")
    def _days_in_order(self) -> Self:
        if self.valid_to < self.valid_from:
            raise ValueError("valid_to: expected on or after valid_from")
        return self


class Route(Checked):
    """Who is told of a rule: the roles in the order of escalation, and channels that always hear."""

    rule: Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9-]*)$")]
    roles: tuple[Key, ...] = ()
    channels: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.roles and not self.channels:
            raise ValueError("roles, channels: expected at least one role or channel")
        return self


class Quiet(Checked):
    """Hours in which messages of some levels wait until the end of the hours; red never waits."""

    levels: Annotated[tuple[Literal["orange", "yellow", "blue"], ...], Field(min_length=1)]
    start: dt.time
    end: dt.time

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.start == self.end:
            raise ValueError(
                "end: expected another hour than start; a level that is never sent needs no route"
            )
        return self


class Reach(Checked):
    """The sections of a river in the order in which the water passes them: who lies upstream of whom."""

    river: Name
    sections: Annotated[tuple[Name, ...], Field(min_length=2)]


class RoutingText(Checked):
    """The tables of an `alerts.toml` that say who is told and what lies around, as they stand in the file."""

    channel: tuple[ChannelSettings, ...] = ()
    person: tuple[Person, ...] = ()
    role: tuple[Role, ...] = ()
    rota: tuple[Rota, ...] = ()
    route: tuple[Route, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    reach: tuple[Reach, ...] = ()


class Routing(RoutingText):
    """Those tables, checked against one another and against the rules of the file."""

    def channels_of(self, rule: str) -> tuple[ChannelSettings, ...]:
        """Return every channel that a message of the rule may take, each once, in the order of the file's words."""
        people = {person.key: person for person in self.person}
        roles = {role.key: role for role in self.role}
        keys: dict[str, None] = {}
        for route in self.routes_of(rule):
            keys |= dict.fromkeys(route.channels)
            for role in route.roles:
                keys |= dict.fromkeys(roles[role].channels)
                standing = (key for rota in self.rota if rota.role == role for key in rota.people)
                for person in standing:
                    keys |= dict.fromkeys(people[person].channels)
        by_key = {channel.key: channel for channel in self.channel}
        return tuple(by_key[key] for key in keys)

    def routes_of(self, rule: str) -> tuple[Route, ...]:
        """Return the routes of a rule: its own, or those of any rule."""
        own = tuple(route for route in self.route if route.rule == rule)
        return own or tuple(route for route in self.route if route.rule == ANY_RULE)


def check_routing(text: RoutingText, rules: Collection[str]) -> None:
    """Raise ValueError when a table names a rule, channel, person or role that the file does not have."""
    channels = [item.key for item in text.channel]
    people = [item.key for item in text.person]
    roles = [item.key for item in text.role]
    for kind, names in (("channel.key", channels), ("person.key", people), ("role.key", roles)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{kind}: stands twice: {', '.join(twice)}")
    for number, person in enumerate(text.person, start=1):
        _all_known(f"person[{number}].channels", "channel", person.channels, channels)
    for number, role in enumerate(text.role, start=1):
        _all_known(f"role[{number}].channels", "channel", role.channels, channels)
    for number, rota in enumerate(text.rota, start=1):
        _all_known(f"rota[{number}].role", "role", (rota.role,), roles)
        _all_known(f"rota[{number}].people", "person", rota.people, people)
    for number, route in enumerate(text.route, start=1):
        if route.rule != ANY_RULE and route.rule not in rules:
            raise ValueError(f"route[{number}].rule: no rule {route.rule!r}, expected one of {list(rules)}")
        _all_known(f"route[{number}].channels", "channel", route.channels, channels)
        _all_known(f"route[{number}].roles", "role", route.roles, roles)


def _all_known(place: str, what: str, named: Iterable[str], known: Collection[str]) -> None:
    missing = sorted(set(named) - set(known))
    if missing:
        raise ValueError(f"{place}: no {what} {', '.join(missing)}, expected of {list(known)}")
