"""What time, people, silences and causes do to episodes: reminded, escalated, held, worse, pending, limited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sqlalchemy import Engine, select, update

from alerts.acts import acknowledge, resolve, silence, unsilence
from alerts.episodes import find_episodes, find_pending
from alerts.inhibition import Cause, Mutes, in_order, mutes_of
from alerts.record import record_episodes
from alerts.rules import AlertSettings, Maintenance, Rule
from alerts.tending import Tended, tend_episodes
from warehouse.schema import episode_steps, episodes, outbox

if TYPE_CHECKING:
    from conftest import Nights

HOUR = dt.timedelta(hours=1)
#: when the first night of `Nights` writes its messages
TOLD = dt.datetime(2026, 4, 1, 18)


@pytest.fixture
def timed(nights: Nights, rule: Rule, settings: AlertSettings) -> Nights:
    """Reminders every 12 hours, twice; the next role after 4 and after 24 hours; ten messages a week."""
    nights.rule = rule.model_copy(
        update={
            "remind_hours": 12,
            "most_reminders": 2,
            "escalate_hours": (4, 24),
            "worsen_factor": 2.0,
            "most_per_week": 10,
        }
    )
    nights.settings = settings.model_copy(update={"rules": (nights.rule,)})
    return nights


def tend(nights: Nights, at: dt.datetime) -> Tended:
    with nights.engine.begin() as connection:
        return tend_episodes(
            connection,
            "chiping",
            nights.settings,
            at,
            subjects={nights.rule.id: nights.sites},
            district_name="茌平区",
        )


def test_nobody_answers_so_people_are_reminded_and_the_next_roles_told(
    timed: Nights, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.run(samples("5566"))
    assert tend(timed, TOLD + 3 * HOUR) == Tended()
    assert tend(timed, TOLD + 4 * HOUR).escalated == 1
    assert tend(timed, TOLD + 4 * HOUR) == Tended(), "the same moment again changes nothing"
    assert tend(timed, TOLD + 12 * HOUR).reminded == 1
    later = tend(timed, TOLD + 500 * HOUR)
    assert (later.reminded, later.escalated) == (1, 1), "one reminder for all that were missed"
    assert tend(timed, TOLD + 900 * HOUR) == Tended()
    assert timed.told() == ["firing", "escalated-1", "reminder-1", "escalated-2", "reminder-2"]


def test_an_acknowledged_episode_is_left_in_peace_and_said_to_be_so_once(
    timed: Nights, engine: Engine, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.run(samples("5566"))
    with engine.begin() as connection:
        acknowledge(connection, 1, actor="甲", note="已派人", at=TOLD + HOUR, via="page")
    assert tend(timed, TOLD + 2 * HOUR).acts == 1
    assert tend(timed, TOLD + 100 * HOUR) == Tended()
    assert timed.told() == ["firing", "acknowledged"]
    with engine.connect() as connection:
        body = connection.execute(
            select(outbox.c.body).where(outbox.c.step == "acknowledged", outbox.c.channel == "console")
        ).scalar_one()
    assert "甲" in body
    assert "已派人" in body


def test_a_silence_holds_the_beginning_until_it_ends(
    timed: Nights, engine: Engine, rule: Rule, samples: Callable[..., pd.DataFrame]
) -> None:
    given = {"district": "chiping", "owner": "甲", "reason": "清淤", "at": TOLD - HOUR, "via": "cli"}
    with engine.begin() as connection:
        silence(connection, rule=rule.id, subject="S1", ends_at=TOLD + 48 * HOUR, **given)
        mutes = mutes_of(connection, "chiping", timed.settings, timed.rule, TOLD)
    _night(timed, samples("5566"), mutes)
    assert timed.told() == []
    with engine.connect() as connection:
        assert connection.execute(select(episodes.c.muted_by)).scalar_one() == "silence:1"
    assert tend(timed, TOLD + 24 * HOUR) == Tended()
    with engine.begin() as connection:
        unsilence(connection, 1, actor="甲", note="完工", at=TOLD + 30 * HOUR, via="cli")
    assert tend(timed, TOLD + 31 * HOUR).told == 1
    assert timed.told() == ["firing"]
    assert tend(timed, TOLD + 34 * HOUR) == Tended(), "the hours count from when it was told"
    assert tend(timed, TOLD + 35 * HOUR).escalated == 1


def test_what_begins_and_ends_within_a_silence_is_told_to_nobody(
    timed: Nights, samples: Callable[..., pd.DataFrame]
) -> None:
    mutes = Mutes(timed.rule, causes={"S1": (Cause(99, dt.datetime(2026, 3, 1), None),)})
    _night(timed, samples("5566"), mutes)
    _night(timed, samples("556655"), mutes)
    timed.run(samples("556655"))
    assert timed.told() == []
    assert timed.episodes() == [("S1", "resolved", "20-08", "20-16")]


def test_maintenance_of_a_site_holds_what_begins_in_it(timed: Nights) -> None:
    window = Maintenance(
        site="S1", start=dt.datetime(2026, 3, 20), end=dt.datetime(2026, 3, 22), reason="更换探头"
    )
    mutes = Mutes(timed.rule, maintenance=(window,))
    assert mutes.of("S1", dt.datetime(2026, 3, 21, 8)) == "maintenance:更换探头"
    assert mutes.of("S1", dt.datetime(2026, 3, 22)) == ""
    assert mutes.of("S2", dt.datetime(2026, 3, 21, 8)) == ""


@pytest.mark.parametrize(
    ("cause", "episode", "explained"),
    [
        ((1, None), (2, None), True),
        ((1, None), (2, 3), True),
        ((4, None), (2, 3), False),
        ((1, 3), (2, None), False),  # the cause is over, the episode is not: it must be told
        ((1, 3), (2, 4), True),
        ((1, 2), (3, 4), False),
    ],
)
def test_a_cause_explains_what_happens_at_its_time(
    cause: tuple[int, int | None], episode: tuple[int, int | None], explained: bool
) -> None:
    def day(number: int | None) -> dt.datetime | None:
        return None if number is None else dt.datetime(2026, 3, number)

    since = dt.datetime(2026, 3, episode[0])
    known = Cause(7, dt.datetime(2026, 3, cause[0]), day(cause[1]))
    assert known.explains(since, day(episode[1])) is explained


def test_rules_that_inhibit_others_come_first(settings: AlertSettings) -> None:
    from pathlib import Path

    from alerts.rules import load_alerts

    shipped = load_alerts(Path(__file__).resolve().parents[2] / "districts/gaoxin/alerts.toml")
    order = [rule.id for rule in in_order(shipped.rules)]
    assert sorted(order) == sorted(rule.id for rule in shipped.rules)
    for rule in shipped.rules:
        assert all(order.index(cause) < order.index(rule.id) for cause in rule.inhibited_by)


def test_closed_by_hand_it_stays_closed_until_it_gets_worse(
    timed: Nights, engine: Engine, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.run(samples("5566"))
    with engine.begin() as connection:
        resolve(connection, 1, actor="甲", note="已处置", at=TOLD + HOUR, via="cli")
    timed.run(samples("55666"))
    assert [row[1] for row in timed.episodes()] == ["resolved"]
    assert tend(timed, TOLD + 100 * HOUR).reminded == 0
    # 0.4 times over the limit at first, then 2.5 times
    timed.run(samples("55666!"))
    assert [row[1] for row in timed.episodes()] == ["firing"]
    assert [step for step in timed.told() if step != "closed"] == ["firing", "worsened-1"]


def test_an_end_of_what_was_closed_by_hand_is_told_to_nobody(
    timed: Nights, engine: Engine, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.run(samples("5566"))
    with engine.begin() as connection:
        resolve(connection, 1, actor="甲", note="已处置", at=TOLD + HOUR, via="cli")
    timed.run(samples("556655"))
    assert timed.episodes() == [("S1", "resolved", "20-08", "20-16")]
    assert timed.told() == ["firing"]


def test_a_single_bad_reading_waits_and_fires_or_vanishes(
    timed: Nights, samples: Callable[..., pd.DataFrame]
) -> None:
    _night(timed, samples("556"), None)
    assert timed.episodes() == [("S1", "pending", "20-08", None)]
    _night(timed, samples("5566"), None)
    assert timed.episodes() == [("S1", "firing", "20-08", None)]
    assert timed.told() == ["firing"]
    _night(timed, samples("556", "S2"), None)
    _night(timed, samples("5565", "S2"), None)
    assert ("S2", "annulled", "20-08", None) in timed.episodes()
    assert "annulled" not in timed.told(), "nobody was told of it"


def test_a_flapping_section_sends_no_more_than_its_week_and_then_what_holds(
    timed: Nights, engine: Engine, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.rule = timed.rule.model_copy(update={"most_per_week": 4})
    signs = ""
    for number in range(12):
        signs += "66" if number % 2 == 0 else "55"
        timed.run(samples(signs), date="2026-03-24")
    with engine.connect() as connection:
        rows = connection.execute(
            select(outbox.c.created_at, outbox.c.episode_id, outbox.c.step).where(outbox.c.channel == "file")
        ).all()
    written = sorted(row[0] for row in rows)
    for last in written:
        assert sum(last - dt.timedelta(days=7) < at <= last for at in written) <= 4
    # it flapped twelve times in twelve nights; what is told last is what holds when the week has room again
    for _ in range(8):
        timed.run(samples(signs), date="2026-03-24")
    with engine.connect() as connection:
        known = connection.execute(
            select(episodes.c.id)
            .join(episode_steps, episode_steps.c.episode_id == episodes.c.id)
            .where(episode_steps.c.note == "queued", episode_steps.c.step == "firing")
        ).scalars()
        ended = connection.execute(
            select(episode_steps.c.episode_id).where(
                episode_steps.c.note == "queued", episode_steps.c.step == "resolved"
            )
        ).scalars()
        assert set(known) <= set(ended), "whoever was told of a beginning was told of its end"


def test_a_backfill_is_told_by_the_next_tending_when_it_is_open(
    timed: Nights, engine: Engine, samples: Callable[..., pd.DataFrame]
) -> None:
    timed.run(samples("5566"), silent=True)
    assert timed.told() == []
    assert tend(timed, TOLD + HOUR).told == 1
    assert timed.told() == ["firing"]
    with engine.begin() as connection:
        connection.execute(update(episodes).values(state="acknowledged"))
    assert tend(timed, TOLD + 500 * HOUR) == Tended()


def _night(nights: Nights, rows: pd.DataFrame, mutes: Mutes | None) -> None:
    nights.runs += 1
    found = find_episodes(rows, nights.rule)
    with nights.engine.begin() as connection:
        record_episodes(
            connection,
            "chiping",
            nights.rule,
            found,
            settings=nights.settings,
            run_date=dt.date(2026, 3, 26),
            known_at=TOLD + (nights.runs - 1) * HOUR,
            evidence=nights.evidence(rows),
            sites=nights.sites,
            examined_from=dict.fromkeys(rows["site"].unique(), dt.datetime(2026, 3, 1)),
            district_name="茌平区",
            pending=find_pending(rows, nights.rule, found),
            mutes=mutes,
        )
