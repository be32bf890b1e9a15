"""What people do to episodes: who, when, why, and what an act may not be done to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, select

from alerts.acts import ActError, acknowledge, audit_trail, resolve, silence, unsilence
from alerts.query import list_episodes, show_episode
from alerts.silences import list_silences, silences_in_force
from warehouse.dump import dump_sha256
from warehouse.schema import episodes

if TYPE_CHECKING:
    from conftest import Nights

T0 = dt.datetime(2026, 4, 2, 1)
HOUR = dt.timedelta(hours=1)


def test_who_acknowledged_first_stays_and_both_stand_in_the_audit_trail(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        before = dump_sha256(connection)
        first = acknowledge(connection, 1, actor="甲", note="已派人", at=T0, via="page")
        second = acknowledge(connection, 1, actor="乙", note="", at=T0 + HOUR, via="cli")
        assert (first.actor, first.first) == ("甲", True)
        assert (second.actor, second.at, second.note, second.first) == ("甲", T0, "已派人", False)
        assert list_episodes(connection)[0]["state"] == "acknowledged"
        shown = show_episode(connection, 1)
        assert [(step["step"], step["actor"]) for step in shown["steps"]] == [
            ("firing", "ecoplan"),
            ("acknowledged", "甲"),
        ]
        assert [(line["actor"], line["via"], line["act"]) for line in audit_trail(connection, 1)] == [
            ("甲", "page", "acknowledge"),
            ("乙", "cli", "acknowledge"),
        ]
        assert dump_sha256(connection) == before, "what people do is no part of what the data say"


def test_closing_by_hand_needs_a_reason_and_leaves_the_data_open(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        before = dump_sha256(connection)
        with pytest.raises(ActError, match="须写明理由"):
            resolve(connection, 1, actor="甲", note=" ", at=T0, via="cli")
        resolve(connection, 1, actor="甲", note="仪器故障，已更换", at=T0, via="cli")
        (record,) = list_episodes(connection)
        assert (record["state"], record["until"]) == ("resolved", None)
        assert dump_sha256(connection) == before
        with pytest.raises(ActError, match="已解除 / episode 1 is resolved"):
            acknowledge(connection, 1, actor="乙", note="", at=T0, via="cli")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("pending", "尚未成立 / episode 1 is not firing yet"),
        ("resolved", "已解除 / episode 1 is resolved"),
        ("annulled", "已作废 / episode 1 is annulled"),
    ],
)
def test_what_is_not_open_cannot_be_acted_on(
    state: str, said: str, nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        connection.execute(episodes.update().values(state=state))
        for act in (acknowledge, resolve):
            with pytest.raises(ActError, match=said):
                act(connection, 1, actor="甲", note="x", at=T0, via="cli")
        assert audit_trail(connection, 1) == []


def test_an_unknown_episode_and_a_nameless_actor_are_refused(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        with pytest.raises(ActError, match="没有编号为 99 的预警事件 / no episode has the id 99"):
            acknowledge(connection, 99, actor="甲", note="", at=T0, via="cli")
        with pytest.raises(ActError, match="须写明处理人"):
            acknowledge(connection, 1, actor=" ", note="", at=T0, via="cli")


def test_a_silence_holds_until_its_end_or_until_it_is_ended(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    given = {"district": "chiping", "owner": "甲", "reason": "清淤施工", "at": T0, "via": "cli"}
    with engine.begin() as connection:
        number = silence(connection, rule="", subject="S1", ends_at=T0 + 5 * HOUR, **given)
        assert connection.execute(select(episodes.c.muted_by)).scalar_one() == f"silence:{number}"
        (held,) = silences_in_force(connection, "chiping", T0 + HOUR)
        assert held.covers("any-rule", "S1")
        assert not held.covers("any-rule", "S2")
        assert silences_in_force(connection, "gaoxin", T0 + HOUR) == []
        assert silences_in_force(connection, "chiping", T0 + 5 * HOUR) == []
        unsilence(connection, number, actor="乙", note="提前完工", at=T0 + 2 * HOUR, via="page")
        assert silences_in_force(connection, "chiping", T0 + 2 * HOUR) == []
        assert connection.execute(select(episodes.c.muted_by)).scalar_one() == ""
        (record,) = list_silences(connection, ["chiping"], T0 + 3 * HOUR)
        assert (record["owner"], record["reason"], record["ended_by"], record["in_force"]) == (
            "甲",
            "清淤施工",
            "乙",
            False,
        )
        with pytest.raises(ActError, match="已结束"):
            unsilence(connection, number, actor="乙", note="", at=T0 + 3 * HOUR, via="page")
        with pytest.raises(ActError, match="没有编号为 77 的静默"):
            unsilence(connection, 77, actor="乙", note="", at=T0, via="page")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ends_at": T0}, "已过"),
        ({"owner": ""}, "须写明处理人"),
        ({"reason": "  "}, "静默须写明理由"),
    ],
)
def test_a_silence_without_end_owner_or_reason_is_refused(
    changed: dict[str, object], said: str, engine: Engine
) -> None:
    given = {
        "district": "chiping",
        "rule": "",
        "subject": "",
        "owner": "甲",
        "reason": "检修",
        "ends_at": T0 + HOUR,
        "at": T0,
        "via": "cli",
    }
    with engine.begin() as connection, pytest.raises(ActError, match=said):
        silence(connection, **(given | changed))  # type: ignore[arg-type]


def test_a_warehouse_of_before_has_nulls_where_nothing_mutes(
    nights: Nights, engine: Engine, samples: Callable
) -> None:
    nights.run(samples("5566"))
    with engine.begin() as connection:
        connection.execute(episodes.update().values(muted_by=None))
        silence(
            connection,
            district="chiping",
            rule="section-worse-than-v",
            subject="",
            owner="甲",
            reason="检修",
            ends_at=T0 + HOUR,
            at=T0,
            via="flow",
        )
        assert connection.execute(select(episodes.c.muted_by)).scalar_one() == "silence:1"
