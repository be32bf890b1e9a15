"""The heartbeat of a night: a small file that says how far it is, and an optional address that is told.

Whoever watches over nights (`flows/dead_man.py`) reads this file and never the warehouse, which belongs to
the night while it writes. Only a night over every district beats: one of a single district must not pass
for the night itself.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import requests

from flows.run import FAILED, Do, Run, write_whole
from vocabulary.clock import now_utc

log = logging.getLogger(__name__)

#: environment variable of the address that is told of start, success and failure; it holds a secret
PING = "ECOPLAN_PING"
#: seconds to connect to that address, and to wait for its answer: a night does not wait for it
_PING_SECONDS = (3.0, 5.0)

Event = Literal["start", "success", "fail"]


@dataclass(frozen=True)
class Beat:
    """What the file says. Times are UTC without zone, ISO 8601; `ended_at` is empty while the night runs."""

    run: str
    kind: str
    run_date: str
    started_at: str
    stage: str
    stage_at: str
    host: str
    pid: int
    ended_at: str = ""
    status: str = "running"
    exit_status: int | None = None
    failure: str = ""


class HeartbeatError(Exception):
    """The heartbeat file is there and is not one."""


def heartbeat_file(home: Path) -> Path:
    """Return where the heartbeat of a machine's nights lies."""
    return home / "heartbeat.json"


def read_beat(home: Path) -> Beat | None:
    """Return the last heartbeat, or None where no night has ever begun.

    Raises
    ------
    HeartbeatError
        When the file cannot be read or holds something else; it is replaced whole, never in parts.
    """
    path = heartbeat_file(home)
    if not path.exists():
        return None
    try:
        return Beat(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise HeartbeatError(
            f"{path}: 不是心跳文件 / not a heartbeat file, expected the JSON of a night: {error}"
        ) from error


class Ping:
    """The address that is told: `<address>/start`, `<address>` on success, `<address>/fail`.

    It may hold a secret: messages name its host only.
    """

    def __init__(self, address: str = "", tell: Callable[[str], None] = lambda _line: None) -> None:
        self._address = address.rstrip("/")
        self._tell = tell

    @classmethod
    def of_environment(cls, tell: Callable[[str], None], environ: Mapping[str, str] | None = None) -> Ping:
        """Take the address of `ECOPLAN_PING`; without one nothing is told to anybody."""
        given = os.environ if environ is None else environ
        return cls(given.get(PING, "").strip(), tell)

    def send(self, event: Event) -> bool:
        """Tell an event; one that cannot be told is said and never stops a night."""
        if not self._address:
            return True
        address = self._address if event == "success" else f"{self._address}/{event}"
        try:
            answer = requests.get(address, timeout=_PING_SECONDS)
            trouble = "" if answer.ok else f"HTTP {answer.status_code}"
        except requests.RequestException as error:
            # the error's own words hold the address
            trouble = type(error).__name__
        if trouble:
            line = (
                f"心跳地址 {urlsplit(self._address).hostname} 未收到 {event}（{trouble}），运行不受影响 / {PING}: "
                f"{event} was not taken, the run goes on"
            )
            log.warning(line)
            self._tell(line)
        return not trouble


class Heart:
    """Beats for one night: at its begin, at every step, and at its end."""

    def __init__(self, run: Run, ping: Ping) -> None:
        self._file = heartbeat_file(run.settings.home)
        self._ping = ping
        self._beat = Beat(
            run=run.summary.id,
            kind=run.summary.kind,
            run_date=run.summary.run_date,
            started_at=run.summary.started_at,
            stage="open",
            stage_at=_now(),
            host=socket.gethostname(),
            pid=os.getpid(),
        )

    def begin(self) -> None:
        """Say that the night has begun."""
        self._write()
        self._ping.send("start")

    def around(self, do: Do) -> Do:
        """Return a way to carry out steps that says which one is under way."""

        def beating(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
            self._beat = replace(self._beat, stage=name, stage_at=_now())
            self._write()
            return do(name, step, *arguments)

        return beating

    def end(self, status: str, exit_status: int, failure: str = "") -> None:
        """Say that the night has ended, and how."""
        self._beat = replace(
            self._beat, ended_at=_now(), status=status, exit_status=exit_status, failure=failure
        )
        self._write()
        self._ping.send("fail" if exit_status >= FAILED else "success")

    def _write(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._file, json.dumps(asdict(self._beat), ensure_ascii=False, indent=1).encode())
        except OSError as error:
            # a night that cannot beat still does its work: the watch will say that it is silent
            log.warning("heartbeat: %s", error)


def _now() -> str:
    return now_utc().isoformat(timespec="seconds")
