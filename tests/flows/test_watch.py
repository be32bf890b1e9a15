"""A night that does not come, stops, hangs or fails is told once by the watch, which needs no warehouse."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from flows.dead_man import Verdict, Watched, WatchSettingsError, keep_watch, load_expectations, wording
from flows.heartbeat import Beat, HeartbeatError, heartbeat_file, read_beat
from flows.run import DONE, FAILED, FINDINGS
from flows.settings import Settings
from tests.flows.slices import empty_slice, messages
from vocabulary.clock import utc_of_wall

#: flows/data/watch.toml: due 02:30, 30 minutes to begin, 210 to end, 120 for one step
DUE = datetime(2026, 4, 2, 2, 30)


class Receiver:
    """A channel that can be down."""

    def __init__(self) -> None:
        self.settings = ChannelSettings(key="phone", kind="console", language="zh+en")
        self.down = False
        self.taken: list[Outgoing] = []

    def send(self, message: Outgoing) -> None:
        if self.down:
            raise ChannelError("phone: down")
        self.taken.append(message)

    @property
    def told(self) -> list[str]:
        return [message.key for message in self.taken]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return empty_slice(tmp_path).settings()


def utc(wall: datetime) -> str:
    return utc_of_wall(wall).isoformat()


def beat(settings: Settings, started: datetime, **facts: object) -> None:
    """Leave the heartbeat of a night that began at a wall time, in this very process."""
    given = {
        "run": "r",
        "kind": "nightly",
        "run_date": f"{started:%Y-%m-%d}",
        "started_at": utc(started),
        "stage": "收取 chiping/air-quotsoft",
        "stage_at": utc(started),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    ended = {"ended_at": utc(started + timedelta(minutes=9)), "status": "findings", "exit_status": 1}
    settings.home.mkdir(exist_ok=True)
    made = Beat(**given | (ended if facts.pop("ended", False) else {}) | facts)
    heartbeat_file(settings.home).write_text(json.dumps(asdict(made)), "utf-8")


def look(settings: Settings, at: datetime, receiver: Receiver | None = None) -> Watched:
    return keep_watch(settings, at=at, channels={"phone": receiver or Receiver()})


def test_a_night_that_never_starts_is_told_within_its_grace_and_once(settings: Settings) -> None:
    receiver = Receiver()
    beat(settings, DUE - timedelta(days=1), ended=True)
    said: list[tuple[str, str, int]] = []
    # every quarter of an hour from the afternoon before to the next noon, as the deployment looks
    at = DUE - timedelta(hours=12)
    while at <= DUE + timedelta(hours=9):
        watched = look(settings, at, receiver)
        said += [(f"{at:%H:%M}", watched.verdicts[0].state, watched.exit_status)] if watched.told else []
        at += timedelta(minutes=15)
    assert said == [("03:00", "not-started", FINDINGS)], "half an hour of grace after 02:30"
    (message,) = receiver.taken
    assert message.title == "夜间运行没有开始 / the night has not begun"
    assert "应开始：2026-04-02 02:30" in message.body


def test_the_next_missed_night_is_told_again_and_a_night_that_comes_is_told_well_once(
    settings: Settings,
) -> None:
    receiver = Receiver()
    for day in (0, 1):
        for hours in (1, 5, 12):
            look(settings, DUE + timedelta(days=day, hours=hours), receiver)
    assert receiver.told == ["nightly:202604020230:not-started", "nightly:202604030230:not-started"]
    # somebody starts it by hand
    third = DUE + timedelta(days=1, hours=13)
    beat(settings, third)
    assert look(settings, third + timedelta(minutes=5), receiver).verdicts[0].state == "late"
    beat(settings, third, ended=True)
    for minutes in (15, 30, 45):
        assert look(settings, third + timedelta(minutes=minutes), receiver).exit_status == DONE
    assert receiver.told[2:] == ["nightly:202604030230:late", "nightly:202604030230:well"]
    assert receiver.taken[-1].title.startswith("夜间运行已恢复正常")


def test_a_stuck_a_late_a_stopped_and_a_failed_night_have_their_own_words(settings: Settings) -> None:
    def state(after: timedelta) -> str:
        return look(settings, DUE + after).verdicts[0].state

    beat(settings, DUE)
    assert state(timedelta(minutes=119)) == "waiting"
    assert state(timedelta(minutes=120)) == "stuck"
    # it goes on from step to step, but does not end
    beat(settings, DUE, stage_at=utc(DUE + timedelta(minutes=200)))
    assert state(timedelta(minutes=209)) == "waiting"
    assert state(timedelta(minutes=210)) == "late"
    # a process that is gone is told at once: no process has the highest number there is
    beat(settings, DUE, pid=2**22 + 1)
    assert state(timedelta(minutes=1)) == "stopped"
    # on another machine it may live
    beat(settings, DUE, pid=2**22 + 1, host="elsewhere")
    assert state(timedelta(minutes=1)) == "waiting"
    beat(settings, DUE, ended=True, exit_status=FAILED, status="failed", failure="chiping/x: <gone>")
    assert state(timedelta(minutes=1)) == "failed"


def test_a_channel_that_is_down_is_told_later_and_the_others_not_twice(settings: Settings) -> None:
    phone, other = Receiver(), Receiver()
    phone.down = True
    channels = {"phone": phone, "other": other}
    watched = keep_watch(settings, at=DUE + timedelta(hours=1), channels=channels)
    assert (watched.exit_status, watched.told) == (FAILED, ["other"])
    assert watched.failed == {"phone": "phone: down"}
    phone.down = False
    assert keep_watch(settings, at=DUE + timedelta(hours=2), channels=channels).told == ["phone"]
    assert phone.told == other.told == ["nightly:202604020230:not-started"]


def test_the_channels_of_the_districts_are_used_and_no_warehouse_is_opened(settings: Settings) -> None:
    settings.home.mkdir()
    warehouse = settings.home / "ecoplan.duckdb"
    warehouse.write_bytes(b"held by a night: whoever opens this fails")
    with FileLock(warehouse.with_name("ecoplan.duckdb.send.lock")):
        keep_watch(settings, at=DUE + timedelta(hours=1))
    told = messages(settings.home)
    assert told
    assert {message["key"] for message in told} == {"nightly:202604020230:not-started"}
    assert warehouse.read_bytes().startswith(b"held")


def test_a_broken_heartbeat_is_trouble_and_a_broken_memory_is_not(settings: Settings) -> None:
    settings.home.mkdir()
    heartbeat_file(settings.home).write_text("{", "utf-8")
    with pytest.raises(HeartbeatError, match=r"heartbeat\.json"):
        read_beat(settings.home)
    receiver = Receiver()
    (settings.home / "watch.json").write_text("[]", "utf-8")
    assert look(settings, DUE, receiver).verdicts[0].state == "unreadable"
    assert receiver.told == ["nightly:202604020230:unreadable"]


def test_what_a_night_failed_of_stays_text(settings: Settings) -> None:
    beat(settings, DUE, ended=True, exit_status=FAILED, status="failed")
    verdict = Verdict("nightly", "failed", DUE, DUE, read_beat(settings.home), "<b>x</b>\n{{ 1 }}")
    _, body = wording(verdict, "zh", "html", "")
    assert "&lt;b&gt;x&lt;/b&gt;" in body
    assert "{{ 1 }}" in body


def test_wrong_hours_name_the_file_and_the_key(tmp_path: Path) -> None:
    file = tmp_path / "watch.toml"
    file.write_text('version = "1"\n[[watch]]\nkind = "nightly"\ndue = "noon"\n', "utf-8")
    with pytest.raises(WatchSettingsError, match=r"watch\.toml: .*watch\.0\.due"):
        load_expectations(file)
