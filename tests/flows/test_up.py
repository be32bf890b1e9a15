"""`ecoplan up`: systemd units that systemd accepts, deployments as written, and parts that end together."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows.night import sweep_sources
from flows.settings import ROOT, Settings
from flows.up import Machine, UpError, run_up, write_units
from flows.upkeep import keep_up
from sources.catalogue import UnknownSourceError
from tests.flows.slices import Slice, empty_slice, run_night, sure_hash


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Settings(home=tmp_path / "a home"), port=4321, workers=2)


def test_systemd_accepts_the_units_and_keeps_a_file_of_secrets_as_it_is(
    machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "units"
    written = write_units(machine, folder)
    assert [path.name for path in written] == [
        "ecoplan-server.service",
        "ecoplan-deploy.service",
        "ecoplan-worker@.service",
        "ecoplan.target",
        "ecoplan.env",
    ]
    secrets = folder / "ecoplan.env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    secrets.write_text("ECOPLAN_PING=https://ping.example/x\n", "utf-8")
    assert secrets not in write_units(machine, folder)
    assert secrets.read_text("utf-8").startswith("ECOPLAN_PING=")
    target = (folder / "ecoplan.target").read_text("utf-8")
    assert "ecoplan-worker@1.service ecoplan-worker@2.service" in target
    check = shutil.which("systemd-analyze")
    if check is None:
        pytest.skip("no systemd-analyze on this machine")
    units = [str(path) for path in written if path.suffix in {".service", ".target"}]
    done = subprocess.run([check, "verify", *units], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "ecoplan" in line and str(folder) in line]
    assert not ours, done.stderr


def test_every_deployment_says_what_happens_when_two_come_due_at_once() -> None:
    text = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))
    told = {
        item["name"]: (
            item["schedules"][0]["cron"] if item["schedules"] else "",
            item["concurrency_limit"]["collision_strategy"],
        )
        for item in text["deployments"]
    }
    assert told == {
        "nightly": ("30 2 * * *", "ENQUEUE"),
        "backfill": ("", "ENQUEUE"),
        "watch": ("*/15 * * * *", "CANCEL_NEW"),
        "sweep": ("10 * * * *", "CANCEL_NEW"),
        "report": ("", "ENQUEUE"),
        "maintenance": ("30 12 * * 0", "ENQUEUE"),
    }
    for item in text["deployments"]:
        assert item["concurrency_limit"]["limit"] == 1
        assert {schedule["timezone"] for schedule in item["schedules"]} <= {"Asia/Shanghai"}
        path, name = item["entrypoint"].split(":")
        assert f"def {name}(" in (ROOT / path).read_text("utf-8")


def test_up_needs_the_file_of_deployments(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(UpError, match=r"prefect\.yaml"):
        run_up(machine, lambda _line: None, folder=tmp_path)


def test_a_part_that_ends_by_itself_ends_the_others_and_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "server", lambda _self: [sys.executable, "-c", "raise SystemExit(7)"])
    with pytest.raises(UpError, match=r"server.*7"):
        run_up(machine, lambda _line: None)


def test_the_sweep_knows_its_sources_and_a_strange_one_is_named(tmp_path: Path) -> None:
    assert "water-cnemc-api" in sweep_sources()
    file = tmp_path / "sweep.toml"
    file.write_text('sources = ["water-of-life"]\n', "utf-8")
    with pytest.raises(UnknownSourceError, match=r"sweep\.toml.*water-of-life"):
        sweep_sources(file)


def test_upkeep_backs_up_keeps_the_newest_and_changes_no_number(tmp_path: Path) -> None:
    made: Slice = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", "air/china_sites_20250310.csv")
    run_night(made)
    before = sure_hash(made.settings())
    backups = tmp_path / "backups"
    backups.mkdir()
    for name in ("ecoplan-20200101-000000.zip", "ecoplan-20200102-000000.zip", "mine.zip"):
        (backups / name).touch()
    settings = made.settings(backups=backups, keep_backups=2)
    done = keep_up(settings)
    assert done.dump_sha256 == before == sure_hash(settings)
    assert min(path.name for path in backups.iterdir()) == "ecoplan-20200102-000000.zip"
    assert {path.name for path in backups.iterdir()} >= {"mine.zip", Path(done.backup).name}
    assert done.backups_dropped == 1
    assert keep_up(made.settings()).remarks, "without a folder it says that nothing was backed up"
