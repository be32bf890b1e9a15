"""Episodes on record with their steps: how they are read and changed. What they should be is `alerts.record`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from alerts.steps import Step
from warehouse.schema import episode_steps, episodes


@dataclass
class Stored:
    """One episode on record with its steps."""

    row: dict[str, Any]
    steps: list[Step]

    @property
    def live(self) -> bool:
        """Whether the readings bear it out, as far as is known."""
        return bool(self.row["state"] != "annulled")

    @property
    def closed(self) -> bool:
        """Whether a person closed it while the readings hold it open."""
        return bool(self.row["state"] == "resolved" and self.row["until"] is None)


def load_episodes(connection: Connection, chosen: ColumnElement[bool]) -> list[Stored]:
    """Return episodes on record with their steps."""
    rows = connection.execute(select(episodes).where(chosen).order_by(episodes.c.id)).mappings()
    stored = {row["id"]: Stored(dict(row), []) for row in rows}
    if not stored:
        return []
    steps = select(episode_steps).join(episodes, episodes.c.id == episode_steps.c.episode_id).where(chosen)
    for row in connection.execute(steps).mappings():
        stored[row["episode_id"]].steps.append(Step(row["step"], row["at"], row["actor"], row["note"]))
    return list(stored.values())


def add_episode(connection: Connection, values: dict[str, Any], *, at: dt.datetime) -> int:
    """Insert an episode and return its number."""
    stamped = values | {"known_at": at, "updated_at": at}
    number: int = connection.execute(insert(episodes).values(stamped).returning(episodes.c.id)).scalar_one()
    return number


def change_episode(connection: Connection, number: int, values: dict[str, Any], *, at: dt.datetime) -> None:
    """Change what an episode on record says."""
    stamped = values | {"known_at": at, "updated_at": at}
    connection.execute(update(episodes).where(episodes.c.id == number).values(stamped))


def write_steps(connection: Connection, number: int, before: Iterable[Step], after: Iterable[Step]) -> None:
    """Insert the steps that are new and change the notes of those that are told now."""
    known = {step.name: step for step in before}
    given = list(after)
    new = [step for step in given if step.name not in known]
    if new:
        rows = [
            {
                "episode_id": number,
                "step": step.name,
                "at": step.at,
                "actor": step.actor,
                "note": step.note,
            }
            for step in new
        ]
        connection.execute(insert(episode_steps), rows)
    changed = [step for step in given if step.name in known and known[step.name] != step]
    if changed:
        table = episode_steps.c
        statement = (
            update(episode_steps)
            .where(table.episode_id == bindparam("of_episode"), table.step == bindparam("of_step"))
            .values(at=bindparam("new_at"), note=bindparam("new_note"))
        )
        rows = [
            {"of_episode": number, "of_step": step.name, "new_at": step.at, "new_note": step.note}
            for step in changed
        ]
        connection.execute(statement, rows)
