from __future__ import annotations

import datetime as dt
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from sqlalchemy import Engine, select

from alerts.channels import (
    AppriseChannel,
    ChannelError,
    ConsoleChannel,
    FileChannel,
    Outgoing,
    build_channels,
)
from alerts.outbox import deliver
from alerts.routing_settings import ChannelSettings
from alerts.rules import AlertSettings
from warehouse.schema import outbox

if TYPE_CHECKING:
    from conftest import Nights

# a module of the standard library that apprise itself imports when it loads its services
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOW = dt.datetime(2026, 4, 10, 18)
MESSAGE = Outgoing("k1", "chiping", "S1", "【红色预警】断面劣Ⅴ", "断面：茌新河\n编号：k1")


class Receiver:
    """A channel that keeps what it takes and refuses as many times as it is told."""

    def __init__(self, key: str, *, refuse: int = 0, **settings: object) -> None:
        self.settings = ChannelSettings.model_validate({"key": key, "kind": "console", **settings})
        self.refuse = refuse
        self.taken: list[str] = []
        self.tries = 0

    def send(self, message: Outgoing) -> None:
        self.tries += 1
        if self.refuse:
            self.refuse -= 1
            raise ChannelError("down")
        self.taken.append(message.key.split(":")[4])


def states(engine: Engine, channel: str) -> list[tuple[str, int, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            select(outbox).where(outbox.c.channel == channel).order_by(outbox.c.id)
        ).mappings()
        return [(row["state"], row["attempts"], row["last_error"]) for row in rows]


@pytest.fixture
def filled(nights: Nights, samples: Callable) -> Nights:
    nights.run(samples("5566"))
    nights.run(samples("556655"))
    return nights


def test_everything_leaves_once_in_order(filled: Nights, engine: Engine) -> None:
    channels = {"console": Receiver("console"), "file": Receiver("file")}
    report = deliver(engine, channels, now=NOW)
    assert report.sent == {"console": 2, "file": 2}
    assert (report.waiting, report.failed) == ({}, {})
    assert deliver(engine, channels, now=NOW).sent == {}
    assert channels["file"].taken == channels["console"].taken == ["firing", "resolved"]


def test_a_channel_that_is_down_stops_no_other_and_loses_nothing(filled: Nights, engine: Engine) -> None:
    down, up = Receiver("console", refuse=2), Receiver("file")
    channels = {"console": down, "file": up}
    report = deliver(engine, channels, now=NOW)
    assert (report.sent, report.failed, report.waiting) == ({"file": 2}, {"console": "down"}, {"console": 2})
    assert down.tries == 1, "what stands behind a failed message waits"
    assert states(engine, "console") == [("waiting", 1, "down"), ("waiting", 0, "")]
    deliver(engine, channels, now=NOW + dt.timedelta(seconds=59))
    assert down.tries == 1, "not before a minute has passed"
    deliver(engine, channels, now=NOW + dt.timedelta(minutes=1))
    deliver(engine, channels, now=NOW + dt.timedelta(minutes=5))
    assert (down.tries, down.taken) == (2, []), "then five minutes"
    deliver(engine, channels, now=NOW + dt.timedelta(minutes=6))
    assert down.taken == up.taken == ["firing", "resolved"]
    assert states(engine, "console") == [("sent", 3, ""), ("sent", 1, "")]


def test_a_message_given_up_is_dead_and_lets_the_next_pass(filled: Nights, engine: Engine) -> None:
    picky = Receiver("console", refuse=1, max_attempts=1)
    report = deliver(engine, {"console": picky}, now=NOW)
    assert picky.taken == ["resolved"]
    assert len(report.dead) == 1
    assert report.dead[0].endswith("firing:console")
    assert states(engine, "console")[0] == ("dead", 1, "down")


def test_messages_for_a_channel_that_is_gone_wait_and_are_named(filled: Nights, engine: Engine) -> None:
    report = deliver(engine, {"console": Receiver("console")}, now=NOW)
    assert (report.unknown, report.waiting) == (["file"], {"file": 2})


def test_only_the_district_asked_for(filled: Nights, engine: Engine) -> None:
    receiver = Receiver("console")
    assert deliver(engine, {"console": receiver}, now=NOW, district="gaoxin").sent == {}
    assert deliver(engine, {"console": receiver}, now=NOW, district="chiping").sent == {"console": 2}


def test_a_crash_between_sending_and_marking_leaves_one_line_in_the_file(
    filled: Nights, engine: Engine, settings: AlertSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("alerts.outbox._mark", crash)
        with pytest.raises(KeyboardInterrupt):
            deliver(engine, {"file": build_channels(settings, tmp_path)["file"]}, now=NOW)
    assert states(engine, "file") == [("waiting", 0, ""), ("waiting", 0, "")]
    assert deliver(engine, {"file": build_channels(settings, tmp_path)["file"]}, now=NOW).sent == {"file": 2}
    lines = (tmp_path / "messages/file.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["key"].split(":")[4] for line in lines] == ["firing", "resolved"]


def test_the_file_keeps_every_line_whole_after_a_torn_write(settings: AlertSettings, tmp_path: Path) -> None:
    path = tmp_path / "file.jsonl"
    FileChannel(settings.channels[1], path).send(MESSAGE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    channel = FileChannel(settings.channels[1], path)
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    lines = path.read_bytes().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1]) == {
        "key": "k1",
        "district": "chiping",
        "subject": "S1",
        "title": MESSAGE.title,
        "body": MESSAGE.body,
    }


def test_a_file_that_cannot_be_written_is_a_channel_error(settings: AlertSettings, tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("a file where a folder belongs")
    with pytest.raises(ChannelError, match=r"file\.jsonl"):
        FileChannel(settings.channels[1], tmp_path / "messages" / "file.jsonl").send(MESSAGE)


def test_the_console_shows_title_and_body(
    settings: AlertSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.StringIO()
    ConsoleChannel(settings.channels[0], stream).send(MESSAGE)
    assert stream.getvalue() == "【红色预警】断面劣Ⅴ\n  断面：茌新河\n  编号：k1\n\n"
    ConsoleChannel(settings.channels[0]).send(MESSAGE)
    assert capsys.readouterr().out == stream.getvalue()


class Hook(BaseHTTPRequestHandler):
    """A web hook on loopback that keeps what it is sent and answers as it is told."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.taken = []  # type: ignore[attr-defined]
    server.answer = 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


DUTY = ChannelSettings(key="duty", kind="apprise", url_env="ECOPLAN_CHANNEL_DUTY", markup="text")


def test_apprise_hands_title_and_body_to_the_address_in_the_environment(hook: HTTPServer) -> None:
    AppriseChannel(DUTY, {"ECOPLAN_CHANNEL_DUTY": f"json://127.0.0.1:{hook.server_port}/"}).send(MESSAGE)
    (taken,) = hook.taken  # type: ignore[attr-defined]
    assert taken["title"] == MESSAGE.title
    assert taken["message"] == MESSAGE.body


def test_apprise_that_is_refused_says_so_without_the_address(hook: HTTPServer) -> None:
    hook.answer = 503  # type: ignore[attr-defined]
    address = f"json://user:hunter2@127.0.0.1:{hook.server_port}/secret-path"
    with pytest.raises(ChannelError, match="channel duty: not taken by the service") as caught:
        AppriseChannel(DUTY, {"ECOPLAN_CHANNEL_DUTY": address}).send(MESSAGE)
    assert "hunter2" not in str(caught.value)
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "environment variable ECOPLAN_CHANNEL_DUTY is not set"),
        ({"ECOPLAN_CHANNEL_DUTY": "nonsense hunter2"}, "holds no address that apprise knows"),
    ],
)
def test_apprise_without_a_usable_address_names_the_variable(environ: dict[str, str], said: str) -> None:
    with pytest.raises(ChannelError, match=said) as caught:
        AppriseChannel(DUTY, environ).send(MESSAGE)
    assert "hunter2" not in str(caught.value)


def test_a_hook_down_for_a_day_gets_everything_once_in_order(
    nights: Nights, engine: Engine, samples: Callable, hook: HTTPServer
) -> None:
    routed = nights.rule.model_copy(update={"channels": (DUTY,)})
    channels = {
        "duty": AppriseChannel(DUTY, {"ECOPLAN_CHANNEL_DUTY": f"json://127.0.0.1:{hook.server_port}/"})
    }
    nights.run(pd.concat([samples("5566", "S1"), samples("66", "S2")]), rule=routed)
    hook.answer = 500  # type: ignore[attr-defined]
    assert deliver(engine, channels, now=NOW).sent == {}
    nights.run(pd.concat([samples("556655", "S1"), samples("66", "S2")]), rule=routed)
    hook.answer = 200  # type: ignore[attr-defined]
    hook.taken.clear()  # type: ignore[attr-defined]
    assert deliver(engine, channels, now=NOW + dt.timedelta(days=1)).sent == {"duty": 3}
    assert deliver(engine, channels, now=NOW + dt.timedelta(days=2)).sent == {}
    titles = [taken["title"] for taken in hook.taken]  # type: ignore[attr-defined]
    assert ["茌中河" in title for title in titles] == [True, False, False]
    assert ["解除" in title for title in titles] == [False, False, True]
