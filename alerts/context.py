"""What a run and a tending share for every episode of one rule: who is meant, what is held, what was told lately."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from alerts.inhibition import Mutes
from alerts.messages import Facts, Place
from alerts.queueing import queue_step
from alerts.rules import AlertSettings, Rule
from alerts.spans import span
from alerts.steps import ESCALATED
from alerts.subjects import places_of
from warehouse.schema import episodes, outbox


@dataclass(frozen=True)
class Context:
    """One rule of one district at one time, within the caller's transaction.

    Attributes
    ----------
    connection
        In the caller's transaction.
    district, district_name
        Its key, and its name for messages.
    settings, rule
        The district's `alerts.toml`, and the rule meant.
    at
        UTC.
    sites
        Who the subjects are: `key`, `name`, `river`, `target_class`, `enterprise` if there is one.
    mutes
        What holds the rule's messages now.
    sent
        Messages of the last `message_week` by subject; counted on as messages are queued.
    """

    connection: Connection
    district: str
    district_name: str
    settings: AlertSettings
    rule: Rule
    at: dt.datetime
    sites: pd.DataFrame
    mutes: Mutes
    sent: Counter[str]

    @cached_property
    def _places(self) -> Mapping[str, Place]:
        return places_of(self.sites, self.district_name)

    def place(self, subject: str) -> Place:
        """Return who a subject is; one that has left the register has its key for a name."""
        return self._places.get(subject, Place(subject, "", self.district_name, None))

    def has_message_left(self, subject: str) -> bool:
        """Whether a message of the subject is left in its week."""
        return self.sent[subject] < self.rule.most_per_week

    def queue(self, row: Mapping[str, Any], step: str, wording: str, facts: Facts) -> int:
        """Queue the messages of a step of an episode; return how many."""
        return queue_step(
            self.connection,
            self.settings,
            row,
            step,
            wording,
            self.at,
            place=self.place(row["subject"]),
            facts=facts,
            rule=self.rule,
            sites=self.sites,
        )


def sent_lately(connection: Connection, district: str, rule: Rule, at: dt.datetime) -> Counter[str]:
    """Return by subject how many steps of the rule were told in the last `message_week`, escalations apart."""
    query = (
        select(outbox.c.subject, outbox.c.episode_id, outbox.c.step)
        .join(episodes, episodes.c.id == outbox.c.episode_id)
        .where(
            outbox.c.district == district,
            episodes.c.rule == rule.id,
            outbox.c.created_at > at - span("message_week"),
            outbox.c.created_at <= at,
            ~outbox.c.step.startswith(ESCALATED),
        )
        .distinct()
    )
    return Counter(row[0] for row in connection.execute(query))
