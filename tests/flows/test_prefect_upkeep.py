"""Maintenance of Prefect's own history and secrets from Prefect blocks, on one real server."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from flows.run import DONE
from tests.flows.prefect_server import (
    ECOPLAN,
    PREFECT,
    Server,
    run_command,
    running,
    started_server,
    wait_for,
)
from tests.flows.slices import ROOT, Slice, empty_slice

pytestmark = [
    pytest.mark.server,
    pytest.mark.thorough,
    pytest.mark.xdist_group("server"),
    pytest.mark.timeout(900),
]

#: days for which the machine under test keeps flow runs
KEPT_DAYS = 30
ADDRESS = "https://hooks.example.cn/send?key=hunter2-of-the-block"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this module's own."""
    with started_server(tmp_path_factory.mktemp("prefect")) as started:
        yield started


@pytest.fixture
def made(tmp_path: Path) -> Slice:
    """A district without exports."""
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    return made


def python(server: Server, code: str, **environment: str) -> str:
    """Run a few lines in a process that knows the server."""
    done = run_command(sys.executable, "-c", code, environment=server.environment | environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def block(server: Server, name: str, value: str) -> None:
    """Keep a secret in a block."""
    python(
        server,
        f"from prefect.blocks.system import Secret; Secret(value={value!r}).save({name!r}, _sync=True)",
    )


def flow_run(server: Server, flow: str, name: str, state: str, days_ago: float) -> str:
    """Put a flow run on the server that came into its state so many days ago; return its id."""
    number = str(server.ask("flow_runs/", flow_id=flow, name=name, state={"type": state})["id"])
    # the server dates what it is told by its own clock: the past can only be written into its file
    at = f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%d %H:%M:%S.%f}"
    file = Path(server.environment["PREFECT_HOME"]) / "prefect.db"
    with closing(sqlite3.connect(file, timeout=30)) as database, database:
        moments = (
            "end_time = iif(end_time is null, null, :at), start_time = iif(start_time is null, null, :at)"
        )
        changed = database.execute(
            f"update flow_run set {moments} where id = :id", {"at": at, "id": number}
        )  # two constants
        assert changed.rowcount == 1
    return number


def test_maintenance_forgets_flow_runs_that_ended_long_ago_and_no_other(server: Server, made: Slice) -> None:
    flow = server.ask("flows/", name="nightly")["id"]
    old = {flow_run(server, flow, f"old {word}", word, KEPT_DAYS + 1) for word in ("COMPLETED", "FAILED")}
    kept = {
        flow_run(server, flow, "lately", "COMPLETED", KEPT_DAYS - 1),
        # begun long ago and not ended: somebody may still want to know why
        flow_run(server, flow, "hanging", "RUNNING", KEPT_DAYS + 1),
        flow_run(server, flow, "planned", "SCHEDULED", KEPT_DAYS + 1),
    }

    def there() -> set[str]:
        return {run["id"] for run in server.ask("flow_runs/filter", flow_runs={"name": {"any_": names}})}

    names = ["old COMPLETED", "old FAILED", "lately", "hanging", "planned"]
    assert there() == old | kept
    settings = made.environment() | {"ECOPLAN_KEEP_RUNS_DAYS": f"{KEPT_DAYS}"}
    code = "from flows.maintenance import maintenance; maintenance(dry_run={})"
    python(server, code.format(True), **settings)
    assert there() == old | kept, "a dry run drops nothing"
    python(server, code.format(False), **settings)
    assert there() == kept
    (last,) = server.ask(
        "flow_runs/filter",
        flows={"name": {"any_": ["maintenance"]}},
        sort="START_TIME_DESC",
        limit=1,
    )
    assert last["state_type"] == "COMPLETED"
    told = server.ask("logs/filter", logs={"flow_run_id": {"any_": [last["id"]]}})
    assert any("2 次运行已删除" in line["message"] for line in told)


def test_a_channel_finds_its_address_in_a_block_and_nobody_shows_it(server: Server, made: Slice) -> None:
    alerts = made.root / "districts" / "chiping" / "alerts.toml"
    channel = (
        '[[channel]]\nkey = "hook"\nkind = "apprise"\nurl_env = "ECOPLAN_CHANNEL_DUTY"\nlanguage = "zh"\n\n'
    )
    text = alerts.read_text("utf-8")
    alerts.write_text(text.replace("[[channel]]", f"{channel}[[channel]]", 1), "utf-8")
    environment = server.environment | made.environment()
    without = run_command(ECOPLAN, "doctor", "--json", environment=environment)
    assert "ECOPLAN_CHANNEL_DUTY" in without.stdout, without.stderr
    assert "ecoplan-channel-duty" not in without.stdout, "there is no such block yet"

    # as docs/operations.md has it: a block of the variable's name
    block(server, "ecoplan-channel-duty", ADDRESS)
    found = run_command(ECOPLAN, "doctor", "--json", environment=environment)
    assert found.returncode in {DONE, 1}, found.stderr
    assert "Prefect block ecoplan-channel-duty" in found.stdout
    assert "hunter2" not in found.stdout + found.stderr
    code = (
        "from flows.block_secrets import MachineSecrets\n"
        "secrets = MachineSecrets()\n"
        "print(secrets['ECOPLAN_CHANNEL_DUTY'] == {!r}, secrets.get('ECOPLAN_NO_SUCH'), secrets)"
    )
    assert python(server, code.format(ADDRESS)).strip() == "True None MachineSecrets()"
    # the environment goes before the block
    by_hand = python(server, code.format("by hand"), ECOPLAN_CHANNEL_DUTY="by hand")
    assert by_hand.strip() == "True None MachineSecrets()"


class Pinged(BaseHTTPRequestHandler):
    """Takes what a night tells its address."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Take one."""
        self.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        """Take one, however it is asked."""
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_the_recipe_of_the_work_pool_fills_the_variable_of_a_run(
    server: Server, made: Slice, tmp_path: Path
) -> None:
    recipe = '{"ECOPLAN_PING": "{{ prefect.blocks.secret.ecoplan-ping }}"}'
    assert recipe in (ROOT / "docs" / "operations.md").read_text("utf-8")
    template = json.loads(server.prefect("work-pool", "get-default-base-job-template", "--type", "process"))
    template["variables"]["properties"]["env"]["default"] = json.loads(recipe)
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template), "utf-8")
    environment = server.environment | made.environment() | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Pinged) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        block(server, "ecoplan-ping", f"http://127.0.0.1:{receiver.server_port}/hunter2")
        server.prefect(
            "work-pool", "create", "ecoplan", "--type", "process", "--base-job-template", str(file)
        )
        server.prefect("deploy", "--all")
        server.prefect(
            "deployment", "run", "nightly/nightly", "--param", 'run_date="2026-03-26"', "--tag", "mine"
        )
        worker = (PREFECT, "worker", "start", "--pool", "ecoplan")
        with running(*worker, environment=environment, log=tmp_path / "worker.log"):
            ended = wait_for("finished night", lambda: finished(server), seconds=300)
        receiver.shutdown()
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert Pinged.paths == ["/hunter2/start", "/hunter2"]
    # neither the deployment nor the run holds what the block holds
    (deployment,) = server.ask("deployments/filter", deployments={"name": {"any_": ["nightly"]}})
    assert "hunter2" not in json.dumps(deployment) + json.dumps(ended)


def finished(server: Server) -> dict[str, Any] | None:
    """Return the run that was asked for once it has ended."""
    (run,) = server.ask("flow_runs/filter", flow_runs={"tags": {"all_": ["mine"]}})
    return dict(run) if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None
