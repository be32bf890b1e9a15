"""Everything one machine needs, by one command: Prefect's server, the deployments, and workers.

In the foreground, ending together; or written as systemd units for whoever keeps it running for years.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import requests

from flows.embedded import DEFAULTS
from flows.run import write_whole
from flows.settings import ROOT, Settings

POOL = "ecoplan"
#: seconds for a server that makes its database on a slow machine
_START_SECONDS = 240.0
_LOOK_SECONDS = 1.0
_END_SECONDS = 20.0


class UpError(Exception):
    """A part did not start, or ended by itself."""


@dataclass(frozen=True)
class Machine:
    """Where the server listens, how many workers there are, and the environment they all get."""

    settings: Settings
    host: str = "127.0.0.1"
    port: int = 4200
    workers: int = 1

    @property
    def address(self) -> str:
        """The API's address for this machine."""
        return f"http://{self.host}:{self.port}/api"

    def environment(self) -> dict[str, str]:
        """Return what each part needs beside the settings of ecoplan: nothing is sent to anybody."""
        home = self.settings.home.resolve()
        return {
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_API_URL": self.address,
            **{name: value for name, value in DEFAULTS.items() if "LOGGING" not in name},
        }

    def server(self) -> list[str]:
        """Return the command of the server."""
        return [*_PREFECT, "server", "start", "--host", self.host, "--port", str(self.port)]

    @staticmethod
    def deploy() -> list[list[str]]:
        """Return the commands that make pool and deployments; again after every change of prefect.yaml."""
        pool = [*_PREFECT, "work-pool", "create", POOL, "--type", "process", "--overwrite"]
        return [pool, [*_PREFECT, "--no-prompt", "deploy", "--all"]]

    @staticmethod
    def worker(number: int) -> list[str]:
        """Return the command of a worker."""
        return [*_PREFECT, "worker", "start", "--pool", POOL, "--name", f"ecoplan-{number}"]


_PREFECT = [sys.executable, "-m", "prefect"]


def run_up(machine: Machine, tell: Callable[[str], None], *, folder: Path = ROOT) -> None:
    """Start server, deployments and workers and stay until told to end (Ctrl-C, SIGTERM) or one of them ends.

    Raises
    ------
    UpError
        When a part does not start or ends by itself; what was started is ended first.
    """
    if not (folder / "prefect.yaml").is_file():
        raise UpError(f"{folder}: 没有 prefect.yaml / no prefect.yaml; expected the root of a clone")
    environment = os.environ | machine.environment()
    (machine.settings.home / "prefect").mkdir(parents=True, exist_ok=True)
    parts: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str, command: list[str]) -> None:
        # a session of its own: Ctrl-C is for us, and we end the parts in order
        parts[name] = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)  # noqa: S603  # our own words
        tell(f"{name}：{' '.join(command[1:])}")

    with _ended_afterwards(parts), _by_signal():
        start("server", machine.server())
        _wait_for(machine, parts)
        for command in machine.deploy():
            done = subprocess.run(  # noqa: S603  # our own words
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise UpError(f"{' '.join(command[1:])}: {done.stdout}{done.stderr}".strip())
        for number in range(1, machine.workers + 1):
            start(f"worker {number}", machine.worker(number))
        tell(f"就绪 / ready: http://{machine.host}:{machine.port}")
        while True:
            _nobody_ended(parts)
            time.sleep(_LOOK_SECONDS)


@contextmanager
def _by_signal() -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the block, quietly."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _ended_afterwards(parts: dict[str, subprocess.Popen[bytes]]) -> Iterator[None]:
    """End every part, the last first: a worker must still reach its server to say good-bye."""
    try:
        yield
    finally:
        for process in reversed(parts.values()):
            process.terminate()
            try:
                process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _nobody_ended(parts: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in parts.items():
        if process.poll() is not None:
            raise UpError(f"{name} 已退出（{process.returncode}）/ {name} has ended by itself")


def _wait_for(machine: Machine, parts: dict[str, subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        _nobody_ended(parts)
        try:
            if requests.get(f"{machine.address}/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(_LOOK_SECONDS)
    raise UpError(f"{machine.address} 在 {_START_SECONDS:.0f} 秒内没有应答 / does not answer")


def write_units(machine: Machine, target: Path, *, folder: Path = ROOT) -> list[Path]:
    """Write systemd units: server, deployments (once a start), workers, and a target that holds them.

    Settings and secrets are read from `ecoplan.env` beside them, which is made empty and readable by its owner
    only, and never written over.
    """
    target.mkdir(parents=True, exist_ok=True)
    variables = "\n".join(f'Environment="{name}={value}"' for name, value in machine.environment().items())
    secrets = target / "ecoplan.env"
    head = f"WorkingDirectory={folder}\n{variables}\nEnvironmentFile={secrets.resolve()}"
    home = f'Environment="ECOPLAN_HOME={machine.settings.home.resolve()}"'
    deploy = "\n".join(f"ExecStart={_line(command)}" for command in machine.deploy())
    # a server that is started is not yet one that answers
    look = f"import urllib.request as u; u.urlopen('{machine.address}/health', timeout=5)"
    wait = _line(
        [
            "/bin/sh",
            "-c",
            f'for i in $(seq 120); do "{sys.executable}" -c "{look}" && exit 0; sleep 2; done; exit 1',
        ]
    )
    units = {
        "ecoplan-server.service": _service(
            "Prefect server", head, home, f"ExecStart={_line(machine.server())}", after="network.target"
        ),
        "ecoplan-deploy.service": _service(
            "ecoplan deployments",
            head,
            home,
            f"Type=oneshot\nRemainAfterExit=yes\nExecStartPre={wait}\n{deploy}",
            after="ecoplan-server.service",
            restart=False,
        ),
        "ecoplan-worker@.service": _service(
            "ecoplan worker %i",
            head,
            home,
            f"ExecStart={_line(machine.worker(0)).replace('ecoplan-0', 'ecoplan-%i')}",
            after="ecoplan-deploy.service",
        ),
        "ecoplan.target": "[Unit]\nDescription=ecoplan\nWants=ecoplan-server.service ecoplan-deploy.service "
        + " ".join(f"ecoplan-worker@{number}.service" for number in range(1, machine.workers + 1))
        + "\n\n[Install]\nWantedBy=multi-user.target default.target\n",
    }
    written = []
    for name, text in units.items():
        write_whole(target / name, text.encode())
        written.append(target / name)
    if not secrets.exists():
        secrets.touch(mode=0o600)
        written.append(secrets)
    return written


def _service(says: str, head: str, home: str, what: str, *, after: str, restart: bool = True) -> str:
    needs = "" if after == "network.target" else f"Requires={after}\n"
    again = "Restart=on-failure\nRestartSec=10\n" if restart else ""
    return (
        f"[Unit]\nDescription={says}\nAfter={after}\n{needs}PartOf=ecoplan.target\n\n"
        f"[Service]\n{home}\n{head}\n{what}\n{again}"
    )


def _line(command: list[str]) -> str:
    """Write a command as systemd reads it: every word in quotes, its own signs doubled."""
    words = [
        '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
        for word in command
    ]
    return " ".join(words)
