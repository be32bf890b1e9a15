"""What people should have been told and were not yet: after a backfill, a silence, or a week full of messages."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from alerts.rules import Rule
from alerts.steps import HISTORY, QUEUED, advance
from alerts.stored import load_episodes
from warehouse.schema import episode_steps, episodes


def untold_since(
    connection: Connection, district: str, rule: Rule, *, run_date: dt.date
) -> dict[str, dt.datetime]:
    """Return, by subject, the begin of the earliest episode on record of which a message is due.

    Such are episodes recorded in silence that are open or fresh, and those whose end in silence people do
    not know: a run that may speak examines them again although no reading changed.
    """
    if not rule.channels:
        return {}
    cutoff = cutoff_of(rule, run_date)

    def noted(note: str) -> ColumnElement[bool]:
        step = episode_steps.alias()
        return episodes.c.id.in_(select(step.c.episode_id).where(step.c.note == note))

    waiting = and_(
        episodes.c.rule == rule.id,
        episodes.c.district == district,
        episodes.c.state != "annulled",
        noted(HISTORY),
        or_(episodes.c.until.is_(None), episodes.c.since >= cutoff, noted(QUEUED)),
    )
    found: dict[str, dt.datetime] = {}
    for item in load_episodes(connection, waiting):
        since, is_open = item.row["since"], item.row["until"] is None
        fresh = is_open or since >= cutoff
        # the time of a step has no say in whether it is due
        due = advance(item.steps, "open" if is_open else "resolved", at=cutoff, speak=True, fresh=fresh)
        if due.tell is not None:
            found[item.row["subject"]] = min(since, found.get(item.row["subject"], since))
    return found


def cutoff_of(rule: Rule, run_date: dt.date) -> dt.datetime:
    """Return the time before which an episode that is over is history."""
    return dt.datetime.combine(run_date, dt.time()) - dt.timedelta(days=rule.horizon_days)
