"""Units on a Dask cluster of two worker processes with PostgreSQL leave what threads on the embedded file leave."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from flows.crew import DaskCrew
from flows.night import fill_back
from flows.run import FAILED, FINDINGS
from tests.conftest import fresh_postgres
from tests.flows.prefect_server import ECOPLAN, clean_environment, run_command, started_server
from tests.flows.slices import balance_holds, sure_hash, tiny_slice

pytestmark = [pytest.mark.postgres, pytest.mark.thorough, pytest.mark.timeout(600)]
FIRST, LAST = date(2025, 1, 1), date(2026, 4, 1)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A scheduler and two worker processes on this machine's loopback."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    # worker processes import the project from where the tests do
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=40
    ) as made:
        yield made


@pytest.mark.filterwarnings("ignore")  # of a cluster that ends; none of our own warnings is looked for here
def test_a_cluster_on_the_server_says_what_threads_on_the_file_say(
    cluster: Any, postgres_uri: str, tmp_path: Path
) -> None:
    made = tiny_slice(tmp_path)
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250311.csv").touch()
    alone, _ = fill_back(made.settings(tmp_path / "threads"), first=FIRST, last=LAST)
    server = fresh_postgres(postgres_uri)
    settings = made.settings(
        tmp_path / "dask",
        runner="dask",
        dask_address=cluster.scheduler_address,
        warehouse=server.url.render_as_string(hide_password=False),
    )
    spread, status = fill_back(settings, first=FIRST, last=LAST)
    assert status == 1, "the empty export is refused there as well"
    balance_holds(spread)
    assert spread.summary.units == alone.summary.units
    assert sure_hash(settings) == sure_hash(made.settings(tmp_path / "threads"))
    again, _ = fill_back(settings, first=FIRST, last=LAST, only_missing=True)
    assert again.summary.units == []


@pytest.mark.server
@pytest.mark.filterwarnings("ignore")  # of a cluster that ends, as above
def test_the_backfill_flow_on_a_cluster_leaves_what_threads_leave(
    cluster: Any, postgres_uri: str, tmp_path: Path
) -> None:
    made = tiny_slice(tmp_path)
    fill_back(made.settings(tmp_path / "threads"), first=FIRST, last=LAST)
    home = tmp_path / "dask"
    url = fresh_postgres(postgres_uri).url.render_as_string(hide_password=False)
    environment = clean_environment(
        **made.environment(home),
        ECOPLAN_RUNNER="dask",
        ECOPLAN_DASK_ADDRESS=cluster.scheduler_address,
        ECOPLAN_WAREHOUSE=url,
    )
    # the corrected air day lies landed already, and its disk has changed a byte since
    corrected = (made.exports("chiping") / "air" / "china_sites_20250310_issued20250401.csv").read_bytes()
    sha256 = hashlib.sha256(corrected).hexdigest()
    landed = home / "landing" / sha256[:2] / sha256
    landed.parent.mkdir(parents=True)
    landed.write_bytes(bytes([corrected[0] ^ 1]) + corrected[1:])

    backfill = (ECOPLAN, "backfill", "--from", f"{FIRST}", "--to", f"{LAST}")
    spoiled = run_command(*backfill, environment=environment, seconds=300)
    assert spoiled.returncode == FAILED, spoiled.stdout + spoiled.stderr
    assert "UnfinishedRun" not in spoiled.stdout, "one unit that fails stops no other"
    assert "LandingError" in spoiled.stdout, (
        "what a task failed of is told, not that the one behind was never run"
    )
    assert sha256 in "".join(spoiled.stdout.split())
    landed.unlink()
    whole = run_command(*backfill, "--only-missing", environment=environment, seconds=300)
    assert whole.returncode == FINDINGS, whole.stdout + whole.stderr
    settings = made.settings(home, warehouse=url)
    assert sure_hash(settings) == sure_hash(made.settings(tmp_path / "threads"))
    assert servers_of(cluster) == [], "workers report to the server of the run, they start none"

    # what the embedded servers kept, asked of another one over the same home
    with started_server(home / "prefect") as server:
        runs = server.ask("flow_runs/filter", sort="START_TIME_ASC")
        assert [run["state_type"] for run in runs] == ["FAILED", "COMPLETED"]
        states = [task_states(server, run["id"]) for run in runs]
        air, water = "chiping/air-quotsoft 2025-03", "chiping/water-cnemc-api 2026-03"
        assert states[0][f"读取判定 {air}"] == "FAILED"
        assert f"入库 {air}" not in states[0]
        assert sorted(states[0].values()).count("PENDING") == 1, "it was never run, nor given its name"
        assert states[0][f"读取判定 {water}"] == states[0][f"入库 {water}"] == "COMPLETED"
        assert states[1][f"读取判定 {air}"] == states[1][f"入库 {air}"] == "COMPLETED"
        assert f"读取判定 {water}" not in states[1], "what is in the ledger is no unit any more"
        kept = {"key": {"any_": ["ecoplan-backfill-progress"]}}
        artifacts = server.ask("artifacts/filter", artifacts=kept, sort="CREATED_DESC")[::-1]
    assert [item["flow_run_id"] for item in artifacts] == [run["id"] for run in runs]
    assert [item["data"] for item in artifacts] == [100, 100]
    assert artifacts[0]["description"].startswith("2/2 单元 units，100%")
    assert artifacts[1]["description"].startswith("1/1 单元 units，100%")


@pytest.mark.filterwarnings("ignore")  # of a cluster that ends, as above
def test_a_cluster_of_the_run_itself_opens_no_page_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with caplog.at_level(logging.INFO), DaskCrew(1, "") as crew:
        assert crew.workers == 1
        assert crew.submit("", abs, -7).result() == 7
        (port,) = distributed.default_client().scheduler_info()["services"].values()
        assert requests.get(f"http://127.0.0.1:{port}/status", timeout=10).status_code == 404
    assert [record for record in caplog.records if record.levelno < logging.WARNING] == []


def servers_of(cluster: Any) -> list[str]:
    """Return the programs that the cluster's workers have started."""
    psutil = pytest.importorskip("psutil")
    workers = [nanny.process.pid for nanny in cluster.workers.values()]
    return [" ".join(child.cmdline()) for pid in workers for child in psutil.Process(pid).children()]


def task_states(server: Any, flow_run: str) -> dict[str, str]:
    """Return by name the states in which the tasks of a flow run ended."""
    found = server.ask("task_runs/filter", flow_runs={"id": {"any_": [flow_run]}})
    return {run["name"]: run["state_type"] for run in found}
