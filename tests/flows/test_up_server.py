"""`ecoplan up` on this machine: a server, the deployments and two workers come up by one command and end by one signal."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
import requests

from tests.flows.prefect_server import ECOPLAN, _free_port, clean_environment, wait_for
from tests.flows.slices import ROOT, empty_slice

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("up"), pytest.mark.timeout(600)]


def test_one_command_brings_up_everything_and_one_signal_ends_it(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    port = _free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = clean_environment(**made.environment(), PYTHONUNBUFFERED="1")
    log = tmp_path / "up.log"

    def ready() -> bool | None:
        assert process.poll() is None, log.read_text("utf-8")
        return "就绪 / ready" in log.read_text("utf-8") or None

    def online() -> set[str] | None:
        found = requests.post(f"{api}/work_pools/ecoplan/workers/filter", json={}, timeout=10).json()
        names = {worker["name"] for worker in found if worker["status"] == "ONLINE"}
        return names if len(names) == 2 else None

    words = ("up", "--workers", "2", "--port", str(port))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ECOPLAN, *words], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_for("server, deployments and workers", ready, seconds=400)
            found = requests.post(f"{api}/deployments/filter", json={}, timeout=30).json()
            assert {item["name"] for item in found} == {
                "nightly",
                "backfill",
                "watch",
                "sweep",
                "report",
                "maintenance",
            }
            assert wait_for("two workers", online) == {"ecoplan-1", "ecoplan-2"}
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=120)
    assert status == 0, log.read_text("utf-8")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{api}/health", timeout=5)
