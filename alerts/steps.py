"""The steps an episode goes through, and which of them people are told of. Pure: no database, no clock.

Steps come in rounds: `firing`, then `resolved` or `annulled`; when late data bring the episode back,
`reopened-1`, then `resolved-1` or `annulled-1`, and so on. Each is recorded once. Its note says
whether people were told of it:

* `queued`: a message was written to the outbox;
* `history`: recorded in silence (a backfill, or too old); a later night may still tell it;
* `folded`: never told by itself, a later step's message says it too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

QUEUED = "queued"
HISTORY = "history"
FOLDED = "folded"
#: step of an episode whose beginning late data have moved; its note is the id of the one that goes on
REPLACED = "replaced"

SYSTEM = "ecoplan"

Condition = Literal["open", "resolved", "annulled"]

#: steps of time and of people: they say nothing of how the episode stands by the readings
REMINDER, ESCALATED, WORSENED = "reminder", "escalated", "worsened"
ACKNOWLEDGED, CLOSED = "acknowledged", "closed"

_KINDS = {"firing": "open", "reopened": "open", "resolved": "resolved", "annulled": "annulled"}
_WITHIN_ROUND = {"firing": 0, "reopened": 0, "resolved": 1, "annulled": 2}


@dataclass(frozen=True)
class Step:
    """One step of an episode: `at` is UTC, `actor` a person or `ecoplan`."""

    name: str
    at: dt.datetime
    actor: str
    note: str

    @property
    def base(self) -> str:
        """The step without its round: `reopened` of `reopened-2`."""
        return self.name.split("-", maxsplit=1)[0]

    @property
    def round(self) -> int:
        """The round: 0 until the episode comes back for the first time."""
        _, _, number = self.name.partition("-")
        return int(number) if number else 0


@dataclass(frozen=True)
class Advance:
    """What a run makes of an episode's steps.

    `steps` are all its steps afterwards; `tell` is the step whose message must leave now and `wording`
    the text it takes, or both None.
    """

    steps: tuple[Step, ...]
    tell: str | None
    wording: str | None

    @property
    def told(self) -> bool:
        """Whether people have been told anything of this episode."""
        return any(step.note == QUEUED for step in _sequence(self.steps))


def advance(
    steps: Iterable[Step],
    now: Condition,
    *,
    at: dt.datetime,
    speak: bool,
    fresh: bool,
    muted: bool = False,
    worse: bool = False,
) -> Advance:
    """Add the steps that lead to the condition of now, and decide what is told.

    A message says where things stand, not how they came there: steps that were not told before the newest
    one are folded into it. So an episode found when it is over already gives one message, `resolved`,
    that names its beginning and its end; and one that closed and came back between two messages gives
    none, because what people know is still right.

    Parameters
    ----------
    steps
        The steps until now, in any order.
    now
        How the episode stands by the readings of now.
    at
        Time of this run, UTC.
    speak
        False in a backfill, and for a rule without channels: nothing is told.
    fresh
        The episode is open, or began within the alert horizon. Of others only the end is told, and only
        when people know them as open.
    muted
        Something holds the messages (silence, maintenance, a cause that is told already). What is open is told
        when nothing holds them any more; of what began and ended meanwhile nobody is told.
    worse
        The episode is worse than when it was told last: an open one that people know is told again.
    """
    known = {step.name: step for step in steps}
    for name in _missing(_sequence(known.values()), now):
        known[name] = Step(name, at, SYSTEM, HISTORY)
    newest = _sequence(known.values())[-1]
    told = [step for step in _sequence(known.values()) if step.note == QUEUED]
    people_know = _KINDS[told[-1].base] if told else None

    due = newest.note == HISTORY and people_know != now
    if now == "annulled":
        due = due and people_know is not None and fresh
    else:
        due = due and (fresh or people_know == "open")
    if due and (closed_by_hand(known.values()) or (muted and people_know != "open")) and now != "open":
        for step in _sequence(known.values()):
            if step.note == HISTORY:
                known[step.name] = replace(step, note=FOLDED)
        return Advance(tuple(known.values()), None, None)
    if muted or not (speak and due):
        if worse and speak and not muted and now == "open" and people_know == "open":
            name = numbered(known, WORSENED)
            known[name] = Step(name, at, SYSTEM, QUEUED)
            return Advance(tuple(known.values()), name, WORSENED)
        return Advance(tuple(known.values()), None, None)
    for step in _sequence(known.values()):
        if step.note == HISTORY:
            known[step.name] = replace(step, note=FOLDED)
    known[newest.name] = replace(newest, note=QUEUED)
    wording = "firing" if now == "open" and people_know is None else newest.base
    return Advance(tuple(known.values()), newest.name, wording)


def numbered(known: Iterable[str], base: str) -> str:
    """Return the name of the next step of a kind that counts from 1: `reminder-3`."""
    taken = [Step(name, dt.datetime.min, "", "") for name in known]  # noqa: DTZ901 - no time is meant
    return f"{base}-{1 + max((step.round for step in taken if step.base == base), default=0)}"


def closed_by_hand(steps: Iterable[Step]) -> bool:
    """Whether a person has closed the episode since it was told last as open."""
    told = [step for step in steps if step.base in {"firing", "reopened", WORSENED, CLOSED}]
    newest = max(told, key=lambda step: (step.at, step.base == CLOSED), default=None)
    return newest is not None and newest.base == CLOSED


def _missing(sequence: list[Step], now: Condition) -> list[str]:
    """Name the steps between what is recorded and how the episode stands now."""
    if not sequence:
        return ["firing"] if now == "open" else ["firing", now]
    number = max(step.round for step in sequence)
    closed = {step.base for step in sequence if step.round == number} & {"resolved", "annulled"}
    missing = []
    if ("annulled" in closed and now != "annulled") or (closed and now == "open"):
        number += 1
        closed = set()
        missing.append(f"reopened-{number}")
    if now != "open" and now not in closed:
        missing.append(f"{now}-{number}" if number else now)
    return missing


def _sequence(steps: Iterable[Step]) -> list[Step]:
    """Return the steps that say how the episode stands (not a person's acts), oldest first."""
    return sorted(
        (step for step in steps if step.base in _KINDS),
        key=lambda step: (step.at, step.round, _WITHIN_ROUND[step.base]),
    )
