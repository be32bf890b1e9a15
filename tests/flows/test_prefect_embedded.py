"""The night by command without a server of its own: embedded, quiet, and clear when it cannot start."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from flows.run import FAILED, FINDINGS, USAGE
from tests.flows.prefect_server import ECOPLAN, clean_environment, run_command
from tests.flows.slices import ROOT, rows, run_night, sure_hash, tiny_slice

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("embedded"), pytest.mark.timeout(300)]


def end_at_first_progress(environment: Mapping[str, str]) -> int:
    """Start a night, send SIGTERM at its first line of progress, return its status; nothing may stay behind."""
    with subprocess.Popen(
        [ECOPLAN, "nightly"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as night:
        assert night.stdout is not None
        assert night.stdout.readline()
        night.send_signal(signal.SIGTERM)
        night.stdout.read()
        status = night.wait(timeout=60)
    with pytest.raises(ProcessLookupError):
        os.killpg(night.pid, 0)
    return status


@pytest.mark.parametrize("ended_before", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_an_embedded_night_leaves_what_a_plain_night_leaves(tmp_path: Path, *, ended_before: bool) -> None:
    made = tiny_slice(tmp_path)
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250311.csv").touch()
    home = tmp_path / "not" / "yet" / "there"
    environment = clean_environment(**made.environment(home))
    if ended_before:
        assert end_at_first_progress(environment) == 128 + signal.SIGTERM
    # the refused export may have been loaded before the end: another one is sure to be new
    (made.folder("chiping", "water-cnemc-api") / "2026-03-25T24.json").touch()
    done = run_command(ECOPLAN, "nightly", environment=environment)
    assert done.returncode == FINDINGS, done.stdout + done.stderr
    assert done.stderr == ""
    assert "2026-03-25T24.json" in done.stdout
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        kept = database.execute(
            "select name, state_type, state_name from flow_run order by created"
        ).fetchall()
        artifacts = database.execute("select key from artifact").fetchall()
    crashed = [("nightly", "CRASHED", "Crashed")] if ended_before else []
    assert kept == [*crashed, ("nightly", "COMPLETED", "Findings")]
    assert artifacts == [("ecoplan-nightly",)]
    told = rows(made.settings(home), "select status from runs order by started_at")
    assert list(told["status"]) == [*(["failed"] if ended_before else []), "findings"]
    plain = tmp_path / "plain"
    run_night(made, plain)
    assert sure_hash(made.settings(home)) == sure_hash(made.settings(plain))


def test_an_unknown_district_is_told_before_any_server_starts(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    environment = clean_environment(**made.environment())
    done = run_command(ECOPLAN, "nightly", "--district", "nowhere", environment=environment)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
    assert not made.home.exists()


def test_a_server_that_does_not_answer_is_one_clear_line(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    # port 9 (discard) is bound by nobody
    environment = clean_environment(**made.environment(), PREFECT_API_URL="http://127.0.0.1:9/api")
    done = run_command(ECOPLAN, "nightly", environment=environment)
    assert done.returncode == FAILED
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "http://127.0.0.1:9/api" in done.stderr
    assert not made.settings().home.joinpath("ecoplan.duckdb").exists()
