"""Episodes as they were known at a time: found again in the samplings believed then.

The table of episodes holds each one as it is known now, and its steps with their times. What an episode
looked like earlier is not stored but follows from what is: its class, end, limit and sentence from the
samplings and readings as they were believed (under the alert rules of now), and whether somebody had
acknowledged it from its steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from alerts.episodes import find_episodes
from alerts.evidence import choose_evidence, evidence_json, limit_text
from alerts.grouping import group_of
from alerts.messages import Facts, Place, write_summary
from alerts.query import describe_episode, missing
from alerts.queueing import message_key
from alerts.rules import Rule
from alerts.steps import ACKNOWLEDGED, CLOSED, WORSENED
from alerts.subjects import facts_of, places_of
from flows.alert.record import conditions_of_rule, settings_of, subjects_frame, subjects_of
from flows.alert.scene import Scene, beginning
from flows.evaluate import registry_of
from flows.rulebook import last_judged
from vocabulary.clock import wall_time
from vocabulary.district import District
from warehouse.schema import episode_steps, episodes, outbox

_LISTED = ("id", "rule", "district", "subject", "level", "state", "since", "until", "class", "limit")


def episodes_known(
    connection: Connection, districts: Mapping[str, District], as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """Return every episode with all its columns, as known at `as_of` (UTC; None: now).

    At an earlier time, episodes that had ended count as resolved, and those that were not known yet or had
    been annulled are left out; `known_at` and `updated_at` are the time of the latest step until then.
    """
    if as_of is None:
        query = select(episodes).where(episodes.c.district.in_(list(districts)))
        return [dict(row) for row in connection.execute(query).mappings()]
    found: list[dict[str, Any]] = []
    for district in districts.values():
        for rule in settings_of(district).rules:
            found += _of_rule(connection, district, rule, as_of)
    return found


def list_episodes_as_of(
    connection: Connection,
    districts: Mapping[str, District],
    as_of: datetime,
    state: str | None = None,
) -> list[dict[str, Any]]:
    """Return the records of `ecoplan alerts list` as known at `as_of`, the newest first in a district."""
    known = [item for item in episodes_known(connection, districts, as_of) if state in (None, item["state"])]
    known.sort(key=lambda item: (item["subject"], item["rule"]))
    known.sort(key=lambda item: item["since"], reverse=True)
    known.sort(key=lambda item: str(item["district"]))
    return [
        {name: _shown(item[name]) for name in _LISTED} | {"message": item["message_zh"]} for item in known
    ]


def show_episode_as_of(
    connection: Connection, districts: Mapping[str, District], identity: int, as_of: datetime
) -> dict[str, Any]:
    """Return the record of `ecoplan alerts show` as known at `as_of` (UTC).

    Raises
    ------
    EpisodeNotFoundError
        No episode had the id then.
    """
    for item in episodes_known(connection, districts, as_of):
        if item["id"] == identity:
            return describe_episode(connection, item, until=as_of)
    raise missing(identity)


def _shown(value: Any) -> Any:
    return value.isoformat(timespec="minutes") if isinstance(value, datetime) else value


def _of_rule(connection: Connection, district: District, rule: Rule, as_of: datetime) -> list[dict[str, Any]]:
    """Return the episodes of one rule that stand on record, as they were found at `as_of`."""
    scene = Scene(connection, district, registry_of(district), wall_time(as_of).date(), as_of)
    judged = last_judged(connection, district.key)
    if judged is not None:
        # an example is judged for its own date, whatever the calendar says
        scene = replace(scene, run_date=min(judged.run_date, scene.run_date))
    since = dict.fromkeys(subjects_of(scene, rule), beginning(rule))
    conditions = conditions_of_rule(scene, rule, since)
    found = find_episodes(conditions.samples, rule)
    if found.empty:
        return []
    mine = (episodes.c.rule == rule.id, episodes.c.district == district.key)
    ids = {
        (row["subject"], row["since"]): row["id"]
        for row in connection.execute(
            select(episodes.c.subject, episodes.c.since, episodes.c.id).where(*mine)
        ).mappings()
    }
    steps = pd.DataFrame(
        connection.execute(
            select(episode_steps.c.episode_id, episode_steps.c.step, episode_steps.c.at)
            .join(episodes, episodes.c.id == episode_steps.c.episode_id)
            .where(*mine, episode_steps.c.at <= as_of)
        ).fetchall(),
        columns=["episode_id", "step", "at"],
    )
    told = connection.execute(
        select(outbox.c.idempotency_key).where(
            outbox.c.district == district.key, outbox.c.created_at <= as_of
        )
    ).scalars()
    heard = {key.rsplit(":", 2)[0] for key in told}
    factors = choose_evidence(found, conditions.evidence)
    places = places_of(subjects_frame(scene, rule), district.name_zh)
    records = []
    for record in found.sort_values(["since", "site"]).to_dict("records"):
        subject, since = str(record["site"]), record["since"].to_pydatetime()
        number = ids.get((subject, since))
        mine_steps = steps[steps["episode_id"] == number]
        if number is None or mine_steps.empty:
            continue
        known_at = mine_steps["at"].max()
        place = places.get(subject, Place(subject, "", district.name_zh, None))
        facts = facts_of(rule, record, factors.get((subject, record["since"]), []), place, known_at=as_of)
        prefix = message_key(rule.id, district.key, subject, since, "", "").rsplit(":", 2)[0]
        records.append(
            {
                "id": number,
                "rule": rule.id,
                "district": district.key,
                "subject": subject,
                "level": rule.level,
                "state": _state(facts, mine_steps),
                "since": since,
                "until": None if facts.until is None else facts.until.to_pydatetime(),
                "class": facts.worst_class,
                "limit": limit_text(facts.factors) or rule.clause,
                "evidence": evidence_json(
                    rule, facts.factors, n_readings=facts.n_readings, target_class=place.target_class
                ),
                "message_zh": write_summary(rule, place, facts, language="zh"),
                "message_en": write_summary(rule, place, facts, language="en"),
                "history": prefix not in heard,
                "group_key": group_of(rule, place, district.key),
                # what held its messages then is not kept
                "muted_by": "",
                "known_at": known_at,
                "updated_at": known_at,
            }
        )
    return records


def _state(facts: Facts, steps: pd.DataFrame) -> str:
    """Return how an episode stood: its end from the readings, an acknowledgement from its steps."""
    if facts.until is not None:
        return "resolved"
    base = steps["step"].str.split("-").str[0]
    last = {
        name: steps.loc[base == name, "at"].max() for name in (ACKNOWLEDGED, CLOSED, "reopened", WORSENED)
    }

    def stands(act: str, *undone_by: str) -> bool:
        later = [last[name] for name in undone_by if pd.notna(last[name])]
        return bool(pd.notna(last[act]) and not any(at > last[act] for at in later))

    if stands(CLOSED, "reopened", WORSENED):
        return "resolved"
    return "acknowledged" if stands(ACKNOWLEDGED, "reopened") else "firing"
