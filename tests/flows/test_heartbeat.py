"""A night beats, tells its address of start and end, and is never stopped by either."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.heartbeat import PING, heartbeat_file, read_beat
from flows.run import FAILED
from tests.flows.slices import Slice, empty_slice, run_night


@contextmanager
def listening(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def made(tmp_path: Path) -> Slice:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", "air/china_sites_20250310.csv")
    return made


def test_a_night_says_that_it_began_where_it_is_and_how_it_ended(
    made: Slice, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    def do(_name: str, step: Any, *arguments: Any) -> Any:
        beat = read_beat(made.home)
        assert beat is not None
        seen.append((beat.stage, beat.status))
        return step(*arguments)

    with listening() as (address, asked):
        monkeypatch.setenv(PING, address)
        run, status = run_night(made, do=do)
    assert asked == ["/secret-1/start", "/secret-1"]
    assert seen[0] == ("收取 chiping/air-quotsoft", "running")
    assert [stage.split()[0] for stage, _ in seen] == ["收取", "入库", "重算与预警", "发送消息", "发布报告"]
    beat = read_beat(made.home)
    assert beat is not None
    assert (beat.run, beat.status, beat.exit_status) == (run.summary.id, run.summary.status, status)
    assert beat.started_at == run.summary.started_at
    assert beat.ended_at


def test_a_night_that_breaks_beats_its_failure(made: Slice, monkeypatch: pytest.MonkeyPatch) -> None:
    def do(_name: str, step: Any, *arguments: Any) -> Any:
        if step.__name__ == "publish":
            raise RuntimeError("no room left")
        return step(*arguments)

    with listening() as (address, asked):
        monkeypatch.setenv(PING, address)
        with pytest.raises(RuntimeError, match="no room"):
            run_night(made, do=do)
    assert asked == ["/secret-1/start", "/secret-1/fail"]
    beat = read_beat(made.home)
    assert beat is not None
    assert (beat.status, beat.exit_status, beat.failure) == ("failed", FAILED, "RuntimeError: no room left")


@pytest.mark.parametrize("trouble", ["refused", "answers 500", "no address"])
def test_an_address_that_fails_is_said_without_its_secret_and_stops_nothing(
    made: Slice, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    told: list[str] = []
    with listening(500) as (address, _):
        # port 9 (discard) is bound by nobody
        given = {"refused": "http://127.0.0.1:9/secret-1", "no address": "secret-1"}.get(trouble, address)
        monkeypatch.setenv(PING, given)
        _, status = run_night(made, tell=told.append)
    assert status != FAILED, "what it finds is another matter"
    said = [line for line in told if PING in line]
    assert len(said) == 2, "the start and the end"
    assert "secret-1" not in "".join(told)


def test_a_night_of_one_district_or_without_writing_is_not_the_night(made: Slice) -> None:
    run_night(made, districts=["chiping"])
    run_night(made, dry_run=True)
    assert not heartbeat_file(made.home).exists()
