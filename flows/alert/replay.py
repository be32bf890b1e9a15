"""Replay (回放): what a rule would have sent over a span of days, counted by week; nothing is written.

The episodes are found in the readings as they are believed now, under the rules of now, and told as nights would have
told them: one a day, what began and ended between two nights as one message, reminders and escalations as if nobody
had acknowledged anything, no more messages of one subject in seven days than the rule allows. What silences,
maintenance and inhibition would have held is counted as sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from alerts.episodes import find_episodes
from alerts.rules import Rule
from flows.alert.record import conditions_of_rule, settings_of, subjects_of
from flows.alert.scene import Scene, beginning
from flows.evaluate import registry_of
from vocabulary.district import District

_DAY = pd.Timedelta(days=1)
#: steps in the order in which one night tells them
_STEPS = ("firing", "resolved", "reminder", "escalated")


def replay_alerts(
    connection: Connection,
    districts: Mapping[str, District],
    first: date,
    last: date,
    *,
    rule_id: str | None = None,
) -> list[dict[str, Any]]:
    """Count by week what the rules of some districts would have sent.

    Parameters
    ----------
    connection
        To the warehouse.
    districts
        By key.
    first, last
        Days on which nights would have run, both included.
    rule_id
        Only this rule; AlertRulesError when a district has none of that id.

    Returns
    -------
    list of dict
        `district, rule, week` (Monday), `firing, resolved, reminders, escalations`: steps told; `messages`: their sum;
        `held`: steps beyond the rule's weekly number. A rule without any step in the span has one row with `week`
        None.
    """
    records: list[dict[str, Any]] = []
    for district in districts.values():
        settings = settings_of(district)
        rules = settings.rules if rule_id is None else (settings.rule(rule_id),)
        scene = Scene(connection, district, registry_of(district), last + timedelta(days=1))
        for rule in rules:
            records += _counted(district.key, rule, _told(scene, rule, first, last))
    return records


def _told(scene: Scene, rule: Rule, first: date, last: date) -> pd.DataFrame:
    """Return every step that nights of the span would have told: subject, at (the night), step."""
    since = dict.fromkeys(subjects_of(scene, rule), beginning(rule))
    samples = conditions_of_rule(scene, rule, since).samples
    end = datetime.combine(last + timedelta(days=1), time())
    found = find_episodes(samples[samples["observed_at"] < end], rule)
    # the night after a moment: a night knows what was observed before its midnight
    opened = found["since"].dt.floor("D") + _DAY
    closed = found["until"].dt.floor("D") + _DAY
    steps = [
        pd.DataFrame({"subject": found["site"], "at": opened, "step": "firing"})[opened != closed],
        pd.DataFrame({"subject": found["site"], "at": closed, "step": "resolved"})[closed.notna()],
    ]
    open_hours = (closed.fillna(pd.Timestamp(end)) - opened) / pd.Timedelta(hours=1)
    reminders = range(1, rule.most_reminders + 1) if rule.remind_hours else ()
    times = [("reminder", rule.remind_hours * place) for place in reminders]
    times += [("escalated", hours) for hours in rule.escalate_hours]
    for step, hours in times:
        late = open_hours >= hours
        at = opened[late] + pd.Timedelta(hours=hours)
        steps.append(pd.DataFrame({"subject": found["site"][late], "at": at, "step": step}))
    told = pd.concat(steps, ignore_index=True)
    inside = (told["at"] >= pd.Timestamp(first)) & (told["at"] <= pd.Timestamp(end))
    told = told[inside].sort_values(["subject", "at", "step"], kind="stable").reset_index(drop=True)
    return told.assign(held=_beyond_the_week(told, rule.most_per_week))


def _beyond_the_week(told: pd.DataFrame, most: int) -> list[bool]:
    """Say of each step whether its subject had had its messages of seven days; escalations are never held."""
    held: list[bool] = []
    sent: list[pd.Timestamp] = []
    subject = None
    # steps told, a few a week: not readings
    for name, at, step in zip(told["subject"], told["at"], told["step"], strict=True):
        sent = [] if name != subject else [moment for moment in sent if moment > at - 7 * _DAY]
        subject = name
        full = step != "escalated" and len(sent) >= most
        held.append(full)
        if not full and step != "escalated":
            sent.append(at)
    return held


def _counted(district: str, rule: Rule, told: pd.DataFrame) -> list[dict[str, Any]]:
    empty = {"firing": 0, "resolved": 0, "reminders": 0, "escalations": 0, "messages": 0, "held": 0}
    if told.empty:
        return [{"district": district, "rule": rule.id, "week": None, **empty}]
    week = told["at"].dt.normalize() - pd.to_timedelta(told["at"].dt.day_of_week, unit="D")
    sent = told[~told["held"]]
    counts = (
        pd.crosstab(week[sent.index], sent["step"])
        .reindex(index=sorted(week.unique()), columns=list(_STEPS), fill_value=0)
        .astype("int64")
    )
    held = told.groupby(week)["held"].sum().reindex(counts.index, fill_value=0)
    return [
        {
            "district": district,
            "rule": rule.id,
            "week": f"{monday:%Y-%m-%d}",
            "firing": int(row["firing"]),
            "resolved": int(row["resolved"]),
            "reminders": int(row["reminder"]),
            "escalations": int(row["escalated"]),
            "messages": int(sum(row.values())),
            "held": int(held[monday]),
        }
        for monday, row in counts.to_dict("index").items()
    ]
