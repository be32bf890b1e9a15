"""The quarantine as a data officer works with it: list, count, dismiss, undo, replay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Ecoplan
from tests.flows.asking import wall
from tests.flows.slices import Slice, tree


@pytest.fixture
def made(small: Slice, tmp_path: Path) -> Slice:
    """A copy of the small slice that may be written."""
    root = Path(shutil.copytree(small.root, tmp_path / "copy"))
    return Slice(root, root / small.home.relative_to(small.root))


def one_line(said: object, *words: str) -> None:
    lines = said.err.strip().splitlines()  # type: ignore[attr-defined]
    assert said.status == 2  # type: ignore[attr-defined]
    assert len(lines) == 1
    assert all(word in lines[0] for word in words), lines


def test_a_dismissal_keeps_who_when_and_why_and_can_be_undone(ecoplan: Ecoplan, made: Slice) -> None:
    dump = ecoplan(made, "verify", "--json").json["dump_sha256"]
    (cell,) = ecoplan(made, "quarantine", "list", "--code", "negative", "--json").json
    identity, before = str(cell["id"]), wall()
    (done,) = ecoplan(
        made, "quarantine", "dismiss", identity, "--why", "探头露出水面", "--by", "王", "--json"
    ).json
    assert (done["state"], done["raw"]) == ("dismissed", "-2")
    assert [(step["step"], step["actor"], step["note"]) for step in done["steps"]] == [
        ("dismissed", "王", "探头露出水面")
    ]
    assert ecoplan(made, "quarantine", "list", "--code", "negative", "--json").json == []
    (apart,) = ecoplan(made, "quarantine", "list", "--state", "dismissed", "--json").json
    assert apart["id"] == cell["id"]
    then = ecoplan(made, "quarantine", "show", identity, "--as-of", before, "--json").json
    assert (then["state"], then["steps"]) == ("open", [])
    assert ecoplan(made, "quarantine", "list", "--code", "negative", "--as-of", before, "--json").json == [
        cell
    ]
    during = wall()
    (back,) = ecoplan(
        made, "quarantine", "dismiss", identity, "--undo", "--why", "看错了", "--by", "李", "--json"
    ).json
    assert back["state"] == "open"
    assert [step["step"] for step in back["steps"]] == ["dismissed", "reopened"]
    known = ecoplan(made, "quarantine", "show", identity, "--as-of", during, "--json").json
    assert known["state"] == "dismissed"
    proof = ecoplan(made, "verify", "--json").json
    assert (proof["ok"], proof["dump_sha256"]) == (True, dump), "who dismissed is no data"


def test_reasons_are_counted_by_source_and_week(ecoplan: Ecoplan, made: Slice) -> None:
    listed = ecoplan(made, "quarantine", "list", "--json").json
    counted = ecoplan(made, "quarantine", "list", "--by-week", "--json").json
    assert sum(record["cells"] for record in counted) == sum(record["cells"] for record in listed)
    (negative,) = [record for record in counted if record["code"] == "negative"]
    # 2025-05-06 is the Tuesday of the nineteenth week of its year
    assert (negative["source"], negative["week"], negative["cells"]) == ("air-quotsoft", "2025-W19", 1)
    assert ecoplan(made, "report").status == 0
    page = (made.home / "report" / "quality.html").read_text("utf-8")
    assert "2025-W19" in page
    assert "negative" in page


def test_a_replay_under_the_same_rules_moves_nothing(ecoplan: Ecoplan, made: Slice) -> None:
    before = tree(made.root)
    said = ecoplan(made, "quarantine", "replay", "--dry-run", "--json")
    assert (said.status, said.json, said.err) == (0, [], "")
    assert tree(made.root) == before
    said = ecoplan(made, "quarantine", "replay", "--source", "air-quotsoft")
    assert said.err == ""
    (run,) = [item for item in ecoplan(made, "status", "--json").json if item.get("run") == "replay"]
    assert run["status"] in {"done", "findings"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dismiss 999999 --why x", ("999999",)),
        ("dismiss 1", ("--why",)),
        ("dismiss 1 --undo --why x", ("dismissed", "open")),
        ("replay 999999", ("999999",)),
        ("replay --code bogus", ("bogus",)),
        ("replay --source nope", ("nope", "air-quotsoft")),
        ("replay --delivery nowhere.csv", ("nowhere.csv",)),
        ("list --state asleep", ("asleep", "replayed")),
    ],
)
def test_a_wrong_appeal_is_told_in_one_line(
    ecoplan: Ecoplan, small: Slice, line: str, words: tuple[str, ...]
) -> None:
    one_line(ecoplan(small, "quarantine", *line.split()), *words)


def test_a_reason_of_blanks_is_none(ecoplan: Ecoplan, small: Slice) -> None:
    one_line(ecoplan(small, "quarantine", "dismiss", "1", "--why", "  "), "--why")
