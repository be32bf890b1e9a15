"""The night by command without a server of its own: embedded, quiet, and clear when it cannot start."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.run import FAILED, FINDINGS, USAGE
from tests.flows.prefect_server import ECOPLAN, clean_environment, run_command
from tests.flows.slices import run_night, sure_hash, tiny_slice

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("server"), pytest.mark.timeout(300)]


def test_the_embedded_night_leaves_what_a_plain_night_leaves(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250311.csv").touch()
    home = tmp_path / "not" / "yet" / "there"
    done = run_command(ECOPLAN, "nightly", environment=clean_environment(**made.environment(home)))
    assert done.returncode == FINDINGS, done.stdout + done.stderr
    assert done.stderr == ""
    assert "china_sites_20250311.csv" in done.stdout
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        kept = database.execute("select name, state_type, state_name from flow_run").fetchall()
        artifacts = database.execute("select key from artifact").fetchall()
    assert kept == [("nightly", "COMPLETED", "Findings")]
    assert artifacts == [("ecoplan-nightly",)]
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
