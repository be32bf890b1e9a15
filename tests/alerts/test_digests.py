"""What leaves when: held by quiet hours, limited by the hour, bundled, given up and tried again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, select

from alerts.dead_letters import dead_letters, retry_dead
from alerts.links import Links
from alerts.outbox import deliver
from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from tests.alerts.receiving import NOW, emptied, put, states, waiting
from warehouse.engine import open_engine
from warehouse.schema import outbox

HOUR = dt.timedelta(hours=1)
LINKS = Links("https://eco.example.cn", ("a secret of the tests, long enough for links",))


class Taker:
    """A channel that keeps what it takes, and refuses as often as it is told."""

    def __init__(self, *, refuse: int = 0, **settings: object) -> None:
        self.settings = ChannelSettings.model_validate({"key": "hook", "kind": "console", **settings})
        self.refuse = refuse
        self.taken: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        if self.refuse:
            self.refuse -= 1
            raise ChannelError("down", maybe_taken=False)
        self.taken.append(message)

    def subjects(self) -> list[str]:
        return [message.subject for message in self.taken]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("digests") / "warehouse.duckdb"
    open_engine(f"duckdb:///{path}").dispose()
    # the file stays open: opening it for each of many small transactions is most of their time
    engine = create_engine(f"duckdb:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(warehouse: Engine) -> Engine:
    emptied(warehouse)
    return warehouse


def of_episode(number: int, step: str, **changes: object) -> dict:
    message = waiting(number, **changes)
    message["idempotency_key"] = message["idempotency_key"].replace(":firing:", f":{step}:")
    return message | {"step": step}


def test_a_held_message_holds_its_own_episode_and_no_other(engine: Engine) -> None:
    morning = NOW + 8 * HOUR
    taker = Taker()
    put(
        engine,
        waiting(1, level="blue", not_before=morning),
        waiting(2),
        of_episode(1, "resolved", level="blue"),
    )
    report = deliver(engine, {"hook": taker}, now=NOW)
    assert (report.sent, report.waiting, taker.subjects()) == ({"hook": 1}, {"hook": 2}, ["S2"])
    deliver(engine, {"hook": taker}, now=morning)
    assert [message.step for message in taker.taken] == ["firing", "firing", "resolved"]


def test_what_turned_red_does_not_wait_for_the_morning_and_keeps_its_order(engine: Engine) -> None:
    morning = NOW + 8 * HOUR
    taker = Taker()
    put(
        engine,
        waiting(1, level="yellow", not_before=morning),
        waiting(2, level="yellow", not_before=morning),
        of_episode(1, "worsened-1", level="red"),
    )
    deliver(engine, {"hook": taker}, now=NOW)
    assert [(message.subject, message.step) for message in taker.taken] == [
        ("S1", "firing"),
        ("S1", "worsened-1"),
    ]


def test_as_many_as_the_channel_says_leave_as_one(engine: Engine) -> None:
    taker = Taker(digest_from=3, language="zh+en")
    put(engine, waiting(1), waiting(2, level="red"))
    assert deliver(engine, {"hook": taker}, now=NOW).digests == {}
    keys = put(engine, waiting(3), waiting(4, level="red"), waiting(5, level="red"))
    report = deliver(engine, {"hook": taker}, now=NOW, district_name="茌平区", links=LINKS)
    assert (report.sent, report.digests, report.waiting) == ({"hook": 3}, {"hook": 1}, {})
    digest = taker.taken[-1]
    assert (digest.kind, digest.level, digest.tells) == ("digest", "red", tuple(keys))
    assert digest.title == "【红色预警 2 条、橙色预警 1 条】茌平区预警汇总"
    lines = digest.body.splitlines()
    assert lines[0] == "以下 3 条消息同时到期，合并为一条，按先后排列："
    assert lines[1] == "1）橙色·【红色预警】断面劣Ⅴ：断面3"
    assert lines[2].startswith("　查看与签收：https://eco.example.cn/acknowledge/")
    assert "These 3 messages were due at once" in digest.body
    assert states(engine)[-1] == ("digest", "sent", 1)
    assert {state for _, state, _ in states(engine)} == {"sent"}


def test_an_hour_has_room_for_so_many_and_the_rest_waits_or_leaves_as_one(engine: Engine) -> None:
    taker = Taker(most_per_hour=2, digest_from=10)
    put(engine, waiting(1), waiting(2))
    deliver(engine, {"hook": taker}, now=NOW)
    put(engine, waiting(3), waiting(4))
    report = deliver(engine, {"hook": taker}, now=NOW + HOUR / 2)
    assert (report.limited, report.waiting, taker.subjects()) == ({"hook": 2}, {"hook": 2}, ["S1", "S2"])
    put(engine, waiting(5))
    report = deliver(engine, {"hook": taker}, now=NOW + HOUR)
    assert (report.digests, report.limited) == ({"hook": 1}, {}), "three for two places leave as one"
    assert len(taker.taken[-1].tells) == 3


def test_red_leaves_although_the_hour_is_full(engine: Engine) -> None:
    taker = Taker(most_per_hour=1, digest_from=10)
    put(engine, waiting(1))
    deliver(engine, {"hook": taker}, now=NOW)
    put(engine, waiting(2), waiting(3, level="red"))
    report = deliver(engine, {"hook": taker}, now=NOW)
    assert (report.sent, report.limited) == ({"hook": 2}, {})
    assert [len(message.tells) for message in taker.taken] == [0, 2]


def test_a_digest_that_was_refused_takes_in_what_is_new(engine: Engine) -> None:
    taker = Taker(digest_from=2, refuse=1)
    keys = put(engine, waiting(1), waiting(2))
    report = deliver(engine, {"hook": taker}, now=NOW)
    assert (report.failed, report.waiting) == ({"hook": "down"}, {"hook": 2})
    keys += put(engine, waiting(3))
    assert deliver(engine, {"hook": taker}, now=NOW).sent == {}, "not before its minute has passed"
    deliver(engine, {"hook": taker}, now=NOW + HOUR)
    assert [message.tells for message in taker.taken] == [tuple(keys)]


def test_what_is_given_up_is_listed_and_can_be_tried_again(engine: Engine) -> None:
    taker = Taker(digest_from=2, refuse=2, max_attempts=2)
    put(engine, waiting(1), waiting(2))
    deliver(engine, {"hook": taker}, now=NOW)
    report = deliver(engine, {"hook": taker}, now=NOW + HOUR)
    assert len(report.dead) == 3
    assert report.waiting == {}
    with engine.connect() as connection:
        (letter,) = dead_letters(connection, "chiping")
        assert dead_letters(connection, "gaoxin") == []
    assert (letter["kind"], letter["tells"], letter["attempts"], letter["last_error"]) == (
        "digest",
        2,
        2,
        "down",
    )
    assert letter["created_at"] == "2026-04-11T03:00:00"
    with engine.begin() as connection:
        assert retry_dead(connection, [letter["key"], "no such key"], at=NOW + 2 * HOUR) == 1
    assert deliver(engine, {"hook": taker}, now=NOW + 2 * HOUR).sent == {"hook": 2}
    with engine.connect() as connection:
        assert dead_letters(connection) == []
        assert set(connection.execute(select(outbox.c.state)).scalars()) == {"sent"}
