"""Episodes as they were known at a time: found again in the samplings believed then.

The table of episodes holds each one as it is known now, and its steps with their times. What an episode
looked like earlier is not stored but follows from what is: its class, end, limit and sentence from the
samplings and readings as they were believed (under the alert rules of now), and whether somebody had
acknowledged it from its steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from alerts.episodes import find_episodes
from alerts.evidence import choose_evidence, evidence_json, limit_text
from alerts.messages import Facts, Place, write_summary
from alerts.query import describe_episode, missing
from alerts.queueing import message_key
from alerts.rules import Rule
from flows.alert import samples_and_evidence, settings_of
from flows.evaluate import registry_of, sections_frame
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
    sites = sorted(sections_frame(district)["site"])
    samples, evidence = samples_and_evidence(
        connection, district, registry_of(district), rule, sites, as_of=as_of
    )
    found = find_episodes(samples, rule)
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
    factors = choose_evidence(found, evidence)
    places = _places(district)
    records = []
    for record in found.sort_values(["since", "site"]).to_dict("records"):
        subject, since = str(record["site"]), record["since"].to_pydatetime()
        number = ids.get((subject, since))
        mine_steps = steps[steps["episode_id"] == number]
        if number is None or mine_steps.empty:
            continue
        known_at = mine_steps["at"].max()
        facts = Facts(
            since=record["since"],
            until=None if pd.isna(record["until"]) else record["until"],
            last_seen=record["last_seen"],
            peak_at=record["peak_at"],
            worst_class=int(record["worst_class"]),
            n_readings=int(record["n_readings"]),
            factors=factors.get((subject, record["since"]), []),
            known_at=as_of,
        )
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
                "evidence": evidence_json(rule, facts.factors, n_readings=facts.n_readings),
                "message_zh": write_summary(rule, places[subject], facts, language="zh"),
                "message_en": write_summary(rule, places[subject], facts, language="en"),
                "history": prefix not in heard,
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
    acknowledged = steps.loc[base == "acknowledged", "at"].max()
    reopened = steps.loc[base == "reopened", "at"].max()
    stands = pd.notna(acknowledged) and not (pd.notna(reopened) and reopened > acknowledged)
    return "acknowledged" if stands else "firing"


def _places(district: District) -> dict[str, Place]:
    rows = district.sites.drop_duplicates("key", keep="last")
    return {
        str(row["key"]): Place(
            name=str(row["name"]),
            river="" if pd.isna(row["river"]) else str(row["river"]),
            district=district.name_zh,
            target_class=None if pd.isna(row["target_class"]) else int(row["target_class"]),
        )
        for row in rows[["key", "name", "river", "target_class"]].to_dict("records")
    }
