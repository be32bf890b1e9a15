"""The same night on a real Prefect server: `ecoplan up` deploys it, a worker runs it, its API tells of it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.night import fill_back
from flows.run import DONE, FAILED
from tests.flows.prefect_server import (
    ECOPLAN,
    Server,
    clean_environment,
    free_port,
    run_command,
    wait_for,
)
from tests.flows.slices import (
    ROOT,
    TINY,
    Slice,
    empty_slice,
    messages,
    proof_of,
    rows,
    run_night,
    sure_hash,
    take_tiny,
    tiny_slice,
)

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server"), pytest.mark.timeout(800)]

RUN_DATE = "2026-03-26"
#: 02:30 in Asia/Shanghai, the time of the nightly schedule
DUE_UTC = (18, 30)


#: after the night's date: only the backfill asks for them
LATER = ("2026-03-27", "2026-03-31")
#: the wall time of a drill: the night due at 02:30 has not begun, and half an hour of grace is over
MISSING = "2026-11-21T03:05:00"


@dataclass(frozen=True)
class ServedNight:
    """A night that one of two workers has run from the deployment, beside a backfill and a watch."""

    server: Server
    made: Slice
    flow_run: dict[str, Any]
    filled: dict[str, Any]
    watched: dict[str, Any]


def with_empty_export(made: Slice) -> Slice:
    """Add an export without a byte: it is refused, which is a finding for a person."""
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250311.csv").touch()
    return made


def finished(server: Server, **of: Any) -> dict[str, Any] | None:
    """Return the last flow run that a filter finds once it has ended."""
    found = server.ask("flow_runs/filter", flow_runs=of, sort="START_TIME_DESC", limit=1)
    ended = [run for run in found if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}]
    return ended[0] if ended else None


@dataclass(frozen=True)
class Up:
    """What one command brought up: its process, the server, the slice whose home it has, and what it printed."""

    process: subprocess.Popen[bytes]
    server: Server
    made: Slice
    log: Path


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`ecoplan up` with two workers, started once for the module."""
    folder = tmp_path_factory.mktemp("served")
    # without exports: what the clock begins before it is paused finds nothing to do
    made = empty_slice(folder)
    made.use(TINY)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    own = {"PREFECT_HOME": str(made.home / "prefect"), "PREFECT_API_URL": f"{address}/api"}
    environment = clean_environment(
        **made.environment(), PREFECT_WORKER_QUERY_SECONDS="1", PYTHONUNBUFFERED="1"
    )
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [ECOPLAN, "up", "--workers", "2", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    started = Up(process, Server(address, environment | own), made, log)

    def ready() -> bool | None:
        assert process.poll() is None, log.read_text("utf-8")
        return "就绪 / ready" in log.read_text("utf-8") or None

    try:
        wait_for("server, deployments and workers", ready, seconds=400)
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


@pytest.fixture(scope="module")
def server(up: Up) -> Server:
    """The server of this module."""
    return up.server


@pytest.fixture(scope="module")
def served(up: Up) -> ServedNight:
    """A night, a backfill and a watch asked for at once, by hand."""
    server = up.server

    def ask(deployment: str, **parameters: Any) -> None:
        path = f"deployments/{deployment_id(server, deployment)}/create_flow_run"
        server.ask(path, parameters=parameters, tags=["by-hand"])

    # one that the clock asks for meanwhile would take the place of the one asked for here
    for name in ("watch", "sweep"):
        server.ask(f"deployments/{deployment_id(server, name)}/pause_deployment")
    wait_for("the end of what the clock began", partial(idle, server), seconds=200)
    take_tiny(with_empty_export(up.made))
    up.made.take("chiping", "water/api/2026-03-29T1[26].json")
    ask("watch", at=MISSING)
    night = ("--param", f'run_date="{RUN_DATE}"', "--param", 'district=["chiping"]')
    server.prefect("deployment", "run", "nightly/nightly", *night, "--tag", "by-hand")
    # the command as a person gives it once: each start of it takes as long as a night
    ask("backfill", first=LATER[0], last=LATER[1])
    by_hand = {"all_": ["by-hand"]}
    runs = [
        wait_for(
            f"finished {name}",
            partial(finished, server, tags=by_hand, name={"like_": name}),
            seconds=450,
        )
        for name in ("nightly", "backfill")
    ]
    watch = {"tags": by_hand, "deployment_id": {"any_": [deployment_id(server, "watch")]}}
    runs.append(wait_for("finished watch", partial(finished, server, **watch), seconds=200))
    return ServedNight(server, up.made, *runs)


def idle(server: Server) -> bool | None:
    """Tell that no flow run is on its way; None: one is."""
    on_its_way = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    return None if server.ask("flow_runs/filter", flow_runs=on_its_way, limit=1) else True


def test_one_command_brings_up_two_workers(up: Up) -> None:
    def online() -> set[str] | None:
        found = up.server.ask("work_pools/ecoplan/workers/filter")
        names = {worker["name"] for worker in found if worker["status"] == "ONLINE"}
        return names if len(names) == 2 else None

    assert wait_for("two workers", online) == {"ecoplan-1", "ecoplan-2"}


def deployment_id(server: Server, name: str) -> str:
    (found,) = server.ask("deployments/filter", deployments={"name": {"any_": [name]}})
    return str(found["id"])


def test_the_deployed_night_completes_and_says_there_are_findings(served: ServedNight) -> None:
    state = served.flow_run["state"]
    assert (state["type"], state["name"]) == ("COMPLETED", "Findings"), state["message"]
    assert served.flow_run["name"] == f"nightly {RUN_DATE}"
    assert served.flow_run["parameters"] == {"run_date": RUN_DATE, "district": ["chiping"]}
    told = rows(served.made.settings(), "select kind, status, run_date from runs where kind = 'nightly'")
    told = told.to_dict("records")
    assert [(run["kind"], run["status"], f"{run['run_date']:%Y-%m-%d}") for run in told] == [
        ("nightly", "findings", RUN_DATE)
    ]


def test_a_backfill_beside_the_night_completes_with_its_units_as_tasks(served: ServedNight) -> None:
    assert served.filled["state"]["type"] == "COMPLETED", served.filled["state"]["message"]
    tasks = served.server.ask("task_runs/filter", flow_runs={"id": {"any_": [served.filled["id"]]}})
    named = {task["name"]: task["state_type"] for task in tasks}
    assert named["读取判定 chiping/water-cnemc-api 2026-03"] == "COMPLETED"
    told = served.server.ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [served.filled["id"]]}})
    progress = next(item for item in told if item["type"] == "progress")
    assert progress["data"] == 100
    assert "1/1 单元" in progress["description"]


def test_a_watch_on_the_server_tells_of_the_night_that_never_began(served: ServedNight) -> None:
    state = served.watched["state"]
    assert (state["type"], state["name"]) == ("COMPLETED", "Findings"), state["message"]
    assert "2026-11-21 02:30：夜间运行没有开始" in state["message"]
    # the clock's own watch may have come before it was paused, and tells of the night of its own day
    keys = [item["key"] for item in messages(served.made.home) if item["subject"] == "nightly"]
    assert keys.count("nightly:202611210230:not-started") == 1


def test_its_tasks_are_units_of_work_not_rows(served: ServedNight) -> None:
    tasks = served.server.ask(
        "task_runs/filter",
        flow_runs={"id": {"any_": [served.flow_run["id"]]}},
        sort="EXPECTED_START_TIME_ASC",
    )
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    assert [task["name"].split(" 20")[0] for task in tasks] == [
        "收取 chiping/air-quotsoft",
        "入库 chiping/air-quotsoft",
        "收取 chiping/water-cnemc-api",
        "入库 chiping/water-cnemc-api",
        "重算与预警 chiping",
        "发送消息",
        "发布报告",
    ]


def test_the_served_night_leaves_what_a_plain_night_leaves(served: ServedNight, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    _, status = run_night(served.made, plain, run_date=datetime.fromisoformat(RUN_DATE).date())
    assert status == 1
    first, last = (datetime.fromisoformat(day).date() for day in LATER)
    fill_back(served.made.settings(plain), first=first, last=last)
    assert sure_hash(served.made.settings()) == sure_hash(served.made.settings(plain))


def test_the_summary_is_an_artifact_of_the_run(served: ServedNight) -> None:
    (artifact,) = served.server.ask(
        "artifacts/filter", artifacts={"flow_run_id": {"any_": [served.flow_run["id"]]}}
    )
    assert artifact["key"] == "ecoplan-nightly"
    assert artifact["type"] == "markdown"
    assert "| chiping | air-quotsoft | 3 | 0 | 2 | 1 |" in artifact["data"]


def test_progress_is_in_the_log_of_the_flow_run(served: ServedNight) -> None:
    # log lines leave the run in batches and may come after its final state
    def lines() -> list[str] | None:
        found = served.server.ask("logs/filter", logs={"flow_run_id": {"any_": [served.flow_run["id"]]}})
        told = [
            line["message"] for line in found if "air-quotsoft" in line["name"] or "份" in line["message"]
        ]
        return told or None

    assert any("2025-03" in line for line in wait_for("progress", lines, seconds=30))


def test_the_cron_deployment_gets_scheduled_runs(served: ServedNight) -> None:
    of = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    deployment = {"name": {"any_": ["nightly"]}}

    def scheduled() -> list[dict[str, Any]] | None:
        return (
            served.server.ask(
                "flow_runs/filter", flow_runs=of, deployments=deployment, sort="EXPECTED_START_TIME_ASC"
            )
            or None
        )

    runs = wait_for("scheduled nights", scheduled, seconds=30)
    due = [datetime.fromisoformat(run["expected_start_time"]).astimezone(UTC) for run in runs]
    assert {(moment.hour, moment.minute) for moment in due} == {DUE_UTC}
    assert all(run["auto_scheduled"] for run in runs)
    assert due[0] - datetime.now(UTC) <= timedelta(days=1), "the next one is the next night"
    assert {later - earlier for earlier, later in pairwise(due)} == {timedelta(days=1)}


def test_deployments_are_as_written(served: ServedNight) -> None:
    found = {item["name"]: item for item in served.server.ask("deployments/filter")}
    assert set(found) == {"nightly", "backfill", "watch", "sweep", "report", "maintenance"}
    (schedule,) = found["nightly"]["schedules"]
    assert schedule["active"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("30 2 * * *", "Asia/Shanghai")
    assert found["backfill"]["schedules"] == []
    for deployment in found.values():
        assert deployment["work_pool_name"] == "ecoplan"
        assert deployment["global_concurrency_limit"]["limit"] == 1
    collide = {name: item["concurrency_options"]["collision_strategy"] for name, item in found.items()}
    assert {name for name, does in collide.items() if does == "CANCEL_NEW"} == {"watch", "sweep"}
    assert set(collide.values()) == {"CANCEL_NEW", "ENQUEUE"}
    assert set(found["backfill"]["parameter_openapi_schema"]["required"]) == {"first", "last"}
    assert found["nightly"]["parameter_openapi_schema"].get("required", []) == []


def test_the_server_turns_wrong_parameters_away(served: ServedNight) -> None:
    path = f"deployments/{deployment_id(served.server, 'nightly')}/create_flow_run"
    body = {"parameters": {"district": "chiping"}}
    answer = requests.post(f"{served.server.address}/api/{path}", json=body, timeout=30)
    assert answer.status_code == requests.codes.conflict
    assert "district" in answer.text


def test_the_page_of_the_server_opens(server: Server) -> None:
    answer = requests.get(server.address, timeout=30)
    assert answer.status_code == 200
    assert "<html" in answer.text.lower()


def test_a_night_by_command_without_findings_completes_on_the_server(server: Server, tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", "air/china_sites_20250310*.csv")
    environment = server.environment | made.environment()
    done = run_command(ECOPLAN, "nightly", "--date", "2025-03-11", environment=environment)
    assert (done.returncode, done.stderr) == (DONE, ""), done.stdout
    run = finished(server, name={"any_": ["nightly 2025-03-11"]})
    assert run is not None
    assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "Completed")
    assert run["parameters"] == {"run_date": "2025-03-11", "district": None, "dry_run": False}
    assert proof_of(made.settings())["ok"]


@pytest.mark.thorough
def test_a_failing_source_is_tried_again_and_never_stops_the_others(server: Server, tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    air = made.folder("chiping", "air-quotsoft")
    air.rename(air.with_name("moved-away"))
    environment = server.environment | made.environment() | {"ECOPLAN_RETRY_SECONDS": "[0.1, 0.2]"}
    words = ("--from", "2025-01-01", "--to", "2026-03-31", "--district", "chiping")
    done = run_command(ECOPLAN, "backfill", *words, environment=environment)
    assert done.returncode == FAILED, done.stdout + done.stderr
    run = finished(server, name={"any_": ["backfill 2025-01-01 2026-03-31"]})
    assert run is not None
    assert run["state"]["type"] == "FAILED"
    assert "chiping/air-quotsoft" in run["state"]["message"]
    tasks = server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    runs = {task["name"]: (task["state_type"], task["run_count"]) for task in tasks}
    assert runs["收取 chiping/air-quotsoft"] == ("FAILED", 3)
    assert runs["收取 chiping/water-cnemc-api"] == ("COMPLETED", 1)
    assert runs["发布报告"][0] == "COMPLETED"
    proof = proof_of(made.settings())
    assert proof["ok"]
    assert proof["deliveries"] == 3


def test_one_signal_ends_everything(up: Up) -> None:
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=120) == 0, up.log.read_text("utf-8")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{up.server.address}/api/health", timeout=5)
