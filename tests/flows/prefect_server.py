"""A real Prefect server and a worker on this machine, in processes of their own, and what to ask them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.flows.slices import ROOT

_T = TypeVar("_T")
ECOPLAN = Path(sys.executable).with_name("ecoplan")
PREFECT = Path(sys.executable).with_name("prefect")
#: a start on a machine that is busy with other tests
START_SECONDS = 120.0


def clean_environment(**given: str) -> dict[str, str]:
    """This process's environment without settings of ecoplan and Prefect, and with those given."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ECOPLAN_", "PREFECT_"))
    }
    return kept | {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"} | given


def run_command(
    *command: str | Path, environment: Mapping[str, str], seconds: float = 180.0
) -> subprocess.CompletedProcess[str]:
    """Run a command from the repository's root, with nobody at the keyboard."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def wait_for(what: str, question: Callable[[], _T | None], seconds: float = START_SECONDS) -> _T:
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer is not None:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"no {what} within {seconds:.0f} s")


@contextmanager
def running(*command: str | Path, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Keep a process running; it and what it started are ended afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


#: the server answers 503 while its SQLite file is locked, and wants to be asked again
_WHILE_LOCKED = Retry(total=6, backoff_factor=0.5, status_forcelist=[503], allowed_methods=None)


@dataclass(frozen=True)
class Server:
    """A running server: where it is, and the environment that leads to it."""

    address: str
    environment: dict[str, str]

    def ask(self, path: str, **body: Any) -> Any:
        """Return the API's answer to a query."""
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=_WHILE_LOCKED))
            answer = session.post(f"{self.address}/api/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def prefect(self, *words: str) -> str:
        """Run the `prefect` command against this server and return what it says."""
        done = run_command(PREFECT, *words, environment=self.environment)
        assert done.returncode == 0, f"prefect {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def healthy(self) -> bool | None:
        """Tell that the API answers; None: not yet."""
        try:
            return requests.get(f"{self.address}/api/health", timeout=5).ok or None
        except requests.ConnectionError:
            return None


@contextmanager
def started_server(folder: Path) -> Iterator[Server]:
    """Start a server with a home and a database of its own."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = clean_environment(PREFECT_HOME=str(folder), PREFECT_API_URL=f"{address}/api")
    command = (PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port))
    with running(*command, environment=environment, log=folder / "server.log"):
        server = Server(address, environment)
        wait_for("healthy server", server.healthy)
        yield server
