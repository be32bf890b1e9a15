"""Who is told of a step, by which channel and not before when. Pure: no database, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from alerts.routing_settings import ChannelSettings, Quiet, Rota, Routing

#: steps of which only those hear who were told before
_TO_THE_TOLD = frozenset({"resolved", "annulled", "acknowledged", "closed"})


@dataclass(frozen=True)
class Addressee:
    """One channel that takes a message, and the role it takes it for ('' where the route names the channel)."""

    channel: ChannelSettings
    role: str


def addressees(
    routing: Routing,
    rule: str,
    step: str,
    wall: dt.datetime,
    told: Collection[tuple[str, str]] = (),
) -> list[Addressee]:
    """Return who is told of one step of an episode.

    A beginning goes to the channels of the route and to the first of its roles; the n-th escalation
    (`escalated-n`) to the role n places further on, the last one again when there is none; a reminder and
    whatever changes to all who were told and to who holds their roles now; an end or a correction to all who
    were told. Each channel takes one message a step.

    Parameters
    ----------
    routing
        Of the district.
    rule
        The rule's id.
    step
        As it stands on record: `firing`, `reminder-2`, `escalated-1` …
    wall
        When it is told, Asia/Shanghai.
    told
        (channel, role) of the messages of this episode until now.
    """
    base, _, number = step.partition("-")
    chosen: dict[str, str] = {}
    for route in routing.routes_of(rule):
        roles = list(route.roles)
        if base == "escalated":
            place = min(int(number.partition("-")[0] or 1), len(roles) - 1)
            for role in roles[place : place + 1] if roles else []:
                chosen |= dict.fromkeys(_reached_by(routing, role, wall), role)
            if not roles:
                chosen |= dict.fromkeys(route.channels, "")
        elif base in _TO_THE_TOLD and told:
            continue
        else:
            chosen |= dict.fromkeys(route.channels, "")
            heard = [role for role in roles if any(role == other for _, other in told)]
            for role in heard or roles[:1]:
                for channel in _reached_by(routing, role, wall):
                    chosen.setdefault(channel, role)
    if base not in {"escalated", "firing"}:
        chosen = dict(told) | chosen
    known = {channel.key: channel for channel in routing.channel}
    # a channel that the file no longer has cannot be written for; what waits for it is named by the delivery
    return [Addressee(known[key], role) for key, role in chosen.items() if key in known]


def on_duty(routing: Routing, role: str, wall: dt.datetime) -> list[str]:
    """Return the keys of the people who hold a role at an hour (Asia/Shanghai), in the order of the file."""
    standing = [rota.people for rota in routing.rota if rota.role == role and _stands(rota, wall)]
    return list(dict.fromkeys(person for people in standing for person in people))


def held_until(routing: Routing, level: str, wall: dt.datetime) -> dt.datetime:
    """Return when a message of a level may leave: at once, or at the end of its quiet hours.

    Parameters
    ----------
    routing
        Of the district.
    level
        `red` is never held.
    wall
        Now, Asia/Shanghai.
    """
    until = wall
    # quiet hours may follow one another: each end is asked again, at most once for each entry
    for _ in routing.quiet:
        ends = [
            _end_of(quiet, until) for quiet in routing.quiet if level in quiet.levels and _quiet(quiet, until)
        ]
        if not ends:
            break
        until = max(ends)
    return until


def _reached_by(routing: Routing, role: str, wall: dt.datetime) -> list[str]:
    """Return the channels of whoever holds the role, or of the role itself while nobody does."""
    people = {person.key: person for person in routing.person}
    present = on_duty(routing, role, wall)
    if present:
        return list(dict.fromkeys(channel for person in present for channel in people[person].channels))
    return [channel for item in routing.role if item.key == role for channel in item.channels]


def _stands(rota: Rota, wall: dt.datetime) -> bool:
    """Say whether an hour lies in a shift; the hours after midnight belong to the day before."""
    if rota.start < rota.end:
        return _on(rota, wall.date()) and rota.start <= wall.time() < rota.end
    if rota.start == rota.end:
        return _on(rota, (wall - _since_midnight(rota.start)).date())
    yesterday = wall.date() - dt.timedelta(days=1)
    return (_on(rota, wall.date()) and wall.time() >= rota.start) or (
        _on(rota, yesterday) and wall.time() < rota.end
    )


def _on(rota: Rota, day: dt.date) -> bool:
    return rota.valid_from <= day <= rota.valid_to and day.isoweekday() in rota.weekdays


def _since_midnight(time: dt.time) -> dt.timedelta:
    return dt.timedelta(hours=time.hour, minutes=time.minute, seconds=time.second)


def _quiet(quiet: Quiet, wall: dt.datetime) -> bool:
    if quiet.start < quiet.end:
        return quiet.start <= wall.time() < quiet.end
    return wall.time() >= quiet.start or wall.time() < quiet.end


def _end_of(quiet: Quiet, wall: dt.datetime) -> dt.datetime:
    end = dt.datetime.combine(wall.date(), quiet.end)
    return end if end > wall else end + dt.timedelta(days=1)
