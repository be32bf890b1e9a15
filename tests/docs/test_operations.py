"""Every command of the page on operations is run: here, or by the test that is named for it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from tests.flows.slices import Slice, empty_slice

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
#: a command that starts a server or a machine's own tool, and the test that runs it
ELSEWHERE = {
    "prefect work-pool create ecoplan --type process": "tests/flows/test_prefect_upkeep.py",
    "prefect deploy --all": "tests/flows/test_prefect_upkeep.py",
    "prefect worker start --pool ecoplan": "tests/flows/test_prefect_upkeep.py",
    "prefect deployment run nightly/nightly": "tests/flows/test_prefect_server.py",
    "ecoplan up --workers 2": "tests/flows/test_prefect_server.py",
}
#: what a clone's owner runs in the clone itself: the target must exist
MAKE = re.compile(r"^make (\w+)$")
#: the order in which the page's commands build on one another
ORDER = ("doctor", "nightly", "backfill", "sweep", "watch", "alerts", "maintain", "backup", "up", "verify")


def commands() -> list[str]:
    """Every indented line of the page that is a command, a cron line without its times."""
    lines = re.findall(r"^ {4}(\S.*)$", PAGE, re.MULTILINE)
    lines = [re.sub(r"^(?:[\d*/]+ +){5}", "", line) for line in lines]
    return list(dict.fromkeys(line for line in lines if not re.match(r"[A-Z_]+=\S+$", line)))


def of_ecoplan() -> list[str]:
    """The commands run here, those that make something before those that need it."""
    mine = [line for line in commands() if line.startswith("ecoplan ") and line not in ELSEWHERE]

    def turn(line: str) -> int:
        word = line.split()[1]
        return ORDER.index(word) if word in ORDER else len(ORDER)

    return sorted(mine, key=turn)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slice]:
    """One district with one export, worked on from an empty folder."""
    made = empty_slice(tmp_path_factory.mktemp("operations"))
    made.use({"chiping": ("air-quotsoft", "water-cnemc-api")})
    made.take("chiping", "air/china_sites_20250310.csv")
    work = made.root / "work"
    work.mkdir()
    before = Path.cwd()
    os.chdir(work)
    yield made
    os.chdir(before)


def test_the_page_has_commands_and_every_one_has_its_test() -> None:
    assert len(of_ecoplan()) >= 12
    for line in commands():
        if line.startswith("ecoplan ") and line not in ELSEWHERE:
            continue
        if target := MAKE.match(line):
            done = subprocess.run(
                ["make", "-n", target[1]], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            continue
        if line == "git pull":
            assert shutil.which("git")
            continue
        # the words of the command stand in the test that runs it
        test = (ROOT / ELSEWHERE[line]).read_text("utf-8")
        assert all(f'"{word}' in test or f"/{word}" in test for word in shlex.split(line)[1:]), line


def test_every_command_of_the_page_does_what_it_says(place: Slice) -> None:
    environment = place.environment() | {
        "ECOPLAN_BACKUPS": str(place.root / "backups"),
        "PREFECT_API_URL": "",
        "COLUMNS": "200",
        "TERM": "dumb",
    }
    hashes = []
    for line in of_ecoplan():
        words = shlex.split(line)[1:]
        if words[0] in {"nightly", "backfill"} and "--dry-run" not in words:
            # with Prefect it is run by tests/flows/test_prefect_embedded.py
            words.append("--plain")
        if words[0] == "restore":
            environment = environment | {"ECOPLAN_HOME": str(place.root / "restored")}
        answer = CliRunner().invoke(app, words, env=environment)
        # 1: a person is needed: the slice's sources are silent for long
        assert answer.exit_code in (0, 1), f"{line}: {answer.output}{answer.exception!r}"
        if words[0] in {"verify", "restore"}:
            told = CliRunner().invoke(app, ["verify", "--json"], env=environment)
            hashes.append(json.loads(told.stdout)["dump_sha256"])
    assert len(hashes) >= 2
    assert len(set(hashes)) == 1, "what was restored says what was backed up"
    assert list((place.root / "backups").glob("ecoplan-*.zip"))
