from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update

from alerts.episodes import find_episodes
from alerts.evidence import EVIDENCE_COLUMNS, EvidenceError
from alerts.queueing import message_key
from alerts.record import Recorded, record_episodes
from alerts.rules import AlertSettings, Rule
from warehouse.schema import episode_steps, episodes, outbox

if TYPE_CHECKING:
    from conftest import Nights


def test_an_open_episode_is_told_once_on_every_channel(nights: Nights, samples: Callable) -> None:
    first = nights.run(samples("5566"))
    assert first == Recorded(opened=1, queued=2)
    assert nights.run(samples("5566")) == Recorded()
    assert nights.run(samples("55666")) == Recorded(changed=1)
    assert nights.episodes() == [("S1", "firing", "20-08", None)]
    assert nights.told("console") == nights.told("file") == ["firing"]


def test_the_same_episodes_again_change_no_row(nights: Nights, engine: Engine, samples: Callable) -> None:
    def all_rows() -> list[Any]:
        with engine.connect() as connection:
            tables = (episodes, episode_steps, outbox)
            return [sorted(map(str, connection.execute(select(table)))) for table in tables]

    nights.run(samples("5566"))
    before = all_rows()
    nights.run(samples("5566"))
    assert all_rows() == before


def test_opening_and_end_are_told_in_order(nights: Nights, samples: Callable) -> None:
    nights.run(samples("5566"))
    assert nights.run(samples("556655")) == Recorded(resolved=1, queued=2)
    assert nights.episodes() == [("S1", "resolved", "20-08", "20-16")]
    assert nights.told() == ["firing", "resolved"]


def test_found_when_it_is_over_gives_one_message_naming_beginning_and_end(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("556655"))
    assert nights.told() == ["resolved"]
    with engine.connect() as connection:
        body = connection.execute(select(outbox.c.body).where(outbox.c.channel == "console")).scalar_one()
    assert "自 2026-03-20 08:00 至 2026-03-20 16:00" in body


def test_older_than_the_horizon_and_over_is_history(nights: Nights, samples: Callable) -> None:
    nights.run(samples("556655"), date="2026-03-28")
    assert nights.told() == []
    assert nights.history() == [True]


def test_the_horizon_counts_seven_days_before_the_date_of_the_run(nights: Nights, samples: Callable) -> None:
    # the episode began on 03-20 at 08:00; seven days before the 27th is the 20th at midnight
    nights.run(samples("556655"), date="2026-03-27")
    assert nights.told() == ["resolved"]


def test_what_is_still_open_is_told_however_old(nights: Nights, samples: Callable) -> None:
    nights.run(samples("5566"), date="2026-06-01")
    assert nights.told() == ["firing"]


def test_the_end_of_a_told_episode_is_told_after_the_horizon(nights: Nights, samples: Callable) -> None:
    nights.run(samples("5566"))
    nights.run(samples("556655"), date="2026-06-01")
    assert nights.told() == ["firing", "resolved"]


def test_a_backfill_wakes_nobody_and_the_night_after_tells_only_what_is_open_or_fresh(
    nights: Nights, samples: Callable
) -> None:
    rows = pd.concat([samples("6655", "S1"), samples("5566", "S2")])
    assert nights.run(rows, silent=True) == Recorded(opened=1, resolved=1)
    assert nights.told() == []
    assert nights.history() == [True, True]
    assert nights.run(rows, date="2026-06-01").queued == 2
    assert nights.told() == ["firing"]
    assert nights.run(rows, date="2026-06-01").queued == 0
    assert sorted(nights.history()) == [False, True]


def test_late_data_that_move_the_beginning_tell_nobody_twice(nights: Nights, samples: Callable) -> None:
    nights.run(samples("5566"))
    nights.run(samples("5666"))
    assert nights.episodes() == [("S1", "firing", "20-04", None), ("S1", "annulled", "20-08", None)]
    assert nights.told() == ["firing"]
    assert nights.steps(1)["replaced"] == "2"
    nights.run(samples("566655"))
    assert nights.told() == ["firing", "resolved"]


def test_a_beginning_that_moves_and_moves_back_tells_nobody_twice(nights: Nights, samples: Callable) -> None:
    for signs in ("5566", "5666", "5566", "5666", "5566", "556655"):
        nights.run(samples(signs))
    live = [row for row in nights.episodes() if row[1] != "annulled"]
    assert live == [("S1", "resolved", "20-08", "20-16")]
    assert nights.told() == ["firing", "resolved"]


def test_an_episode_that_corrected_data_do_not_bear_out_is_annulled_and_said_so(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    assert nights.run(samples("5555")) == Recorded(annulled=1, queued=2)
    assert nights.episodes() == [("S1", "annulled", "20-08", None)]
    assert nights.run(samples("5555")) == Recorded()
    assert nights.told() == ["firing", "annulled"]
    with engine.connect() as connection:
        body = connection.execute(
            select(outbox.c.body).where(outbox.c.idempotency_key.endswith("annulled:console"))
        ).scalar_one()
    assert body.startswith("更正：")
    assert "0 次" not in body


def test_an_annulled_episode_nobody_was_told_of_stays_unsaid(nights: Nights, samples: Callable) -> None:
    nights.run(samples("5566"), silent=True)
    nights.run(samples("5555"))
    assert nights.told() == []


def test_an_annulled_episode_that_comes_back_is_the_same_one(nights: Nights, samples: Callable) -> None:
    for signs in ("5566", "5555", "5566"):
        nights.run(samples(signs))
    assert nights.episodes() == [("S1", "firing", "20-08", None)]
    assert nights.told() == ["firing", "annulled", "reopened-1"]


def test_late_data_that_undo_an_end_reopen_the_episode(nights: Nights, samples: Callable) -> None:
    for signs in ("6655", "66565", "6656555"):
        nights.run(samples(signs))
    assert nights.told() == ["resolved", "reopened-1", "resolved-1"]
    assert nights.episodes() == [("S1", "resolved", "20-00", "20-16")]


def test_an_acknowledgement_stays_while_the_episode_goes_on(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        connection.execute(update(episodes).values(state="acknowledged"))
    nights.run(samples("56666"))
    assert [row[1] for row in nights.episodes()] == ["acknowledged", "annulled"]
    nights.run(samples("5666655"))
    assert [row[1] for row in nights.episodes()] == ["resolved", "annulled"]


def test_sites_that_were_not_examined_are_left_as_they_are(nights: Nights, samples: Callable) -> None:
    nights.run(pd.concat([samples("66", "S1"), samples("66", "S2")]))
    nights.run(samples("55", "S2"), examined_from={"S2": dt.datetime(2026, 3, 1)})
    assert [row[:2] for row in nights.episodes()] == [("S1", "firing"), ("S2", "annulled")]


def test_districts_do_not_mix(nights: Nights, samples: Callable) -> None:
    nights.run(samples("66"))
    nights.run(samples("66"), district="gaoxin")
    nights.run(samples("55"), district="gaoxin")
    assert sorted(row[1] for row in nights.episodes()) == ["annulled", "firing"]


def test_a_rule_without_channels_is_recorded_and_told_when_it_gets_one(
    nights: Nights, rule: Rule, samples: Callable
) -> None:
    nights.run(samples("66"), rule=rule.model_copy(update={"channels": ()}))
    assert nights.history() == [True]
    nights.run(samples("66"))
    assert nights.told() == ["firing"]


def test_a_night_that_fails_leaves_neither_episode_nor_message(
    engine: Engine,
    shipped: AlertSettings,
    rule: Rule,
    samples: Callable,
    evidence: Callable,
    sites: pd.DataFrame,
) -> None:
    def fail_after_recording() -> None:
        with engine.begin() as connection:
            rows = samples("66")
            record_episodes(
                connection,
                "chiping",
                rule,
                find_episodes(rows, rule),
                run_date=dt.date(2026, 3, 21),
                known_at=dt.datetime(2026, 3, 20, 18),
                evidence=evidence(rows),
                sites=sites,
                settings=shipped,
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_after_recording()
    with engine.connect() as connection:
        for table in (episodes, episode_steps, outbox):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_the_key_names_rule_district_subject_since_step_and_channel() -> None:
    key = message_key("section-worse-than-v", "chiping", "S1", dt.datetime(2026, 3, 20, 8), "firing", "file")
    assert key == "section-worse-than-v:chiping:S1:202603200800:firing:file"


def test_an_episode_without_evidence_names_the_clause(
    engine: Engine, shipped: AlertSettings, rule: Rule, samples: Callable, sites: pd.DataFrame
) -> None:
    with engine.begin() as connection:
        record_episodes(
            connection,
            "chiping",
            rule,
            find_episodes(samples("66"), rule),
            run_date=dt.date(2026, 3, 21),
            known_at=dt.datetime(2026, 3, 20, 18),
            evidence=pd.DataFrame({name: [] for name in EVIDENCE_COLUMNS}),
            sites=sites,
            settings=shipped,
        )
        assert connection.execute(select(episodes.c.limit)).scalar_one() == "GB 3838-2002 表1"


def test_evidence_without_a_column_is_refused(
    engine: Engine,
    shipped: AlertSettings,
    rule: Rule,
    samples: Callable,
    evidence: Callable,
    sites: pd.DataFrame,
) -> None:
    rows = samples("66")
    with engine.begin() as connection, pytest.raises(EvidenceError, match="no column limit"):
        record_episodes(
            connection,
            "chiping",
            rule,
            find_episodes(rows, rule),
            run_date=dt.date(2026, 3, 21),
            known_at=dt.datetime(2026, 3, 20, 18),
            evidence=evidence(rows).drop(columns="limit"),
            sites=sites,
            settings=shipped,
        )


_seen: list[int] = []


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=st.lists(
        st.tuples(st.text(alphabet="56!-", min_size=1, max_size=10), st.booleans()), min_size=1, max_size=5
    )
)
def test_whatever_data_arrive_the_record_is_what_the_data_say_and_no_message_leaves_twice(
    history: list[tuple[str, bool]], nights: Nights, rule: Rule, engine: Engine, samples: Callable
) -> None:
    _seen.append(1)
    district = f"d{len(_seen)}"
    for signs, silent in history:
        nights.run(samples(signs), silent=silent, district=district)
    found = find_episodes(samples(history[-1][0]), rule)
    expected = [
        (f"{row['since']:%d-%H}", None if pd.isna(row["until"]) else f"{row['until']:%d-%H}")
        for row in found.to_dict("records")
    ]
    with engine.connect() as connection:
        rows = connection.execute(
            select(episodes)
            .where(episodes.c.district == district, episodes.c.state != "annulled")
            .order_by(episodes.c.since)
        ).mappings()
        live = [
            (f"{row['since']:%d-%H}", None if row["until"] is None else f"{row['until']:%d-%H}")
            for row in rows
        ]
        keys = connection.execute(
            select(outbox.c.idempotency_key).where(outbox.c.district == district, outbox.c.channel == "file")
        ).scalars()
        told = [key.split(":", 3)[3] for key in keys]
    assert live == expected
    assert len(told) == len(set(told))
    if not history[-1][1]:
        # after a night that may speak, nobody is left in the dark about an open episode
        opened = [since for since, until in expected if until is None]
        assert not opened or any(":firing" in key or ":reopened" in key for key in told)
