"""What holds the messages of an episode (抑制): a silence, maintenance of its site, or a cause that is told already.

A cause is an episode of a rule that `inhibited_by` names, over the same time: on the same subject, or on a source that
brings the subject's data (a network that is down mutes the sites behind it). The episode says what mutes it
(`muted_by`). An open episode is muted by an open cause only: when the cause ends, it is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from alerts.acts import OPEN_STATES
from alerts.rules import AlertSettings, Maintenance, Rule
from alerts.silences import Silence, silenced_by, silences_in_force
from alerts.spans import span
from warehouse.schema import deliveries, episodes, readings, series

MAINTENANCE, EPISODE = "maintenance:", "episode:"


@dataclass(frozen=True)
class Cause:
    """An episode that may explain others; `until` None: open."""

    id: int
    since: dt.datetime
    until: dt.datetime | None

    def explains(self, since: dt.datetime, until: dt.datetime | None) -> bool:
        """Whether an episode over that time needs no message of its own."""
        if until is None or self.until is None:
            return self.until is None and (until is None or self.since <= until)
        return self.since <= until and since <= self.until


@dataclass(frozen=True)
class Mutes:
    """What holds messages of one rule of a district now.

    `causes` are the episodes of rules that inhibit it, by subject; those of a source stand under every subject
    whose data it brings.
    """

    rule: Rule
    silences: tuple[Silence, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    causes: Mapping[str, tuple[Cause, ...]] = field(default_factory=dict)

    def of(self, subject: str, since: dt.datetime, until: dt.datetime | None = None) -> str:
        """Return what mutes an episode of a subject from `since` to `until` (Asia/Shanghai); '' for nothing."""
        silenced = silenced_by(self.silences, self.rule.id, subject)
        if silenced:
            return silenced
        for window in self.maintenance:
            if window.site == subject and window.start <= since < window.end:
                return f"{MAINTENANCE}{window.reason}"
        known = self.causes.get(subject, ())
        return next((f"{EPISODE}{cause.id}" for cause in known if cause.explains(since, until)), "")


def mutes_of(
    connection: Connection, district: str, settings: AlertSettings, rule: Rule, at: dt.datetime
) -> Mutes:
    """Return what holds messages of a rule at a time (UTC), as the episodes on record stand."""
    return Mutes(
        rule,
        tuple(silences_in_force(connection, district, at)),
        settings.maintenance,
        _causes(connection, district, rule),
    )


def in_order(rules: tuple[Rule, ...]) -> list[Rule]:
    """Return rules so that those which inhibit others come before them; otherwise as in the file."""
    ordered: list[Rule] = []
    waiting = list(rules)
    while waiting:
        done = {rule.id for rule in ordered}
        ready = [rule for rule in waiting if set(rule.inhibited_by) <= done]
        # a circle has no order: its rules come as they stand
        ordered += ready or waiting[:1]
        waiting = [rule for rule in waiting if rule not in ordered]
    return ordered


def _causes(connection: Connection, district: str, rule: Rule) -> dict[str, tuple[Cause, ...]]:
    if not rule.inhibited_by:
        return {}
    rows = connection.execute(
        select(episodes.c.subject, episodes.c.id, episodes.c.since, episodes.c.until)
        .where(
            episodes.c.district == district,
            episodes.c.rule.in_(rule.inhibited_by),
            episodes.c.state.in_((*OPEN_STATES, "resolved")),
        )
        .order_by(episodes.c.id)
    ).all()
    causes: dict[str, tuple[Cause, ...]] = {}
    for subject, number, since, until in rows:
        causes[subject] = (*causes.get(subject, ()), Cause(number, since, until))
    # a handful at most, and few of them were ever silent
    for source in _sources_among(connection, district, list(causes)):
        known = causes[source]
        for cause in known:
            for site in _sites_behind(connection, district, source, cause.since):
                causes[site] = (*causes.get(site, ()), cause)
    return causes


def _sources_among(connection: Connection, district: str, subjects: list[str]) -> list[str]:
    """Return those of some subjects that are sources: the others are sites and have none behind them."""
    if not subjects:
        return []
    query = select(deliveries.c.source).where(
        deliveries.c.district == district, deliveries.c.source.in_(subjects)
    )
    return sorted(connection.execute(query.distinct()).scalars())


def _sites_behind(connection: Connection, district: str, source: str, since: dt.datetime) -> list[str]:
    """Return the sites whose last readings before `since` a source brought; none when it is no source."""
    newest = connection.execute(
        select(func.max(deliveries.c.observed_to)).where(
            deliveries.c.district == district, deliveries.c.source == source, deliveries.c.observed_to < since
        )
    ).scalar_one()
    if newest is None:
        return []
    query = (
        select(series.c.site)
        .select_from(
            readings.join(series, readings.c.series_id == series.c.id).join(
                deliveries, readings.c.delivery_id == deliveries.c.id
            )
        )
        .where(
            series.c.district == district,
            deliveries.c.source == source,
            readings.c.observed_at > newest - span("before_silence"),
            readings.c.observed_at <= newest,
            readings.c.known_until.is_(None),
        )
        .distinct()
    )
    return list(connection.execute(query).scalars())
