"""Every command of every page is run, or listed in commands.toml with the reason why not; every snippet is read by the program."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from cli import app
from tests.docs.reading import PAGES, ROOT, Line, blocks, commands, mentioned
from vocabulary.district import load_district

_TERMS = tomllib.loads(Path(__file__).with_name("commands.toml").read_text("utf-8"))
ELSEWHERE = {line: entry for entry in _TERMS["elsewhere"] for line in entry["lines"]}
INSTEAD = {entry["line"]: entry["words"] for entry in _TERMS["instead"]}
#: its commands build on one another from an empty home: they are run by test_operations.py
_OPERATIONS = "docs/operations.md"
#: commands that end with 1 where a person is needed: the small warehouse lacks most sources
_WALKS = {"nightly", "backfill", "sweep", "watch", "load", "sniff"}
#: pages that show every command there is: minutes
_LONG_PAGES = ("README.md", "README.zh-CN.md")
#: commands that take seconds each: they walk, draw or write whole files
_SLOW = {"document", "nightly", "backfill", "sweep", "maintain", "report", "restore", "workbook", "export"}
_MAKE = re.compile(r"make (?:-C \w+ )?(\w+)")


def every_line() -> list[Line]:
    return [line for page in PAGES for line in commands(page)]


def to_run(slow: bool) -> dict[str, list[str]]:
    """Return page -> lines of ecoplan that are run here, each once; the READMEs only have what no other page has."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for line in sorted(every_line(), key=lambda line: line.page in _LONG_PAGES):
        mine = line.text.startswith("ecoplan ") and line.text not in ELSEWHERE and line.page != _OPERATIONS
        if not mine or line.text in seen:
            continue
        seen.add(line.text)
        if (line.page in _LONG_PAGES or shlex.split(line.text)[1] in _SLOW) == slow:
            found.setdefault(line.page, []).append(line.text)
    return found


def test_a_command_that_nobody_runs_has_its_reason() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    left = []
    for line in every_line():
        make = _MAKE.fullmatch(line.text)
        if line.text in ELSEWHERE or line.text.startswith("ecoplan ") or (make and make[1] in targets):
            continue
        left.append(line)
    assert not left, "run it, or write into commands.toml why not"


def test_what_commands_toml_lists_stands_on_a_page_and_its_test_exists() -> None:
    texts = {line.text for line in every_line()}
    assert set(ELSEWHERE) | set(INSTEAD) <= texts
    for entry in _TERMS["elsewhere"]:
        assert len(entry["why"]) > 10
        if "by" in entry:
            # the test that runs it names the command's word
            said = (ROOT / entry["by"]).read_text("utf-8")
            words = [word for line in entry["lines"] for word in shlex.split(line)[1:2]]
            assert all(word.split("/")[-1].removesuffix(".py") in said for word in words), entry


@pytest.fixture
def place(home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A copy of the small warehouse to work on, and what stands for the names in a command."""
    mine = tmp_path / "home"
    shutil.copytree(home["ECOPLAN_HOME"], mine, copy_function=os.link)
    for file in mine.glob("*.duckdb"):
        # a link would be written through
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    # `--open` asks the desktop, which a test does not have
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    opener.chmod(0o755)
    given = home | {
        "ECOPLAN_HOME": str(mine),
        "ECOPLAN_BACKUPS": str(tmp_path / "backups"),
        "PATH": f"{opener.parent}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    episodes = asked("alerts", "list")
    cells = asked("quarantine", "list")
    return {
        "folder": str(tmp_path),
        "exports": str(ROOT / "examples" / "exports"),
        "long": str(next((ROOT / "tests/sources/corpus/air-quotsoft-long").glob("*.csv"))),
        "episode": str(episodes[0]["id"]),
        "open": str(next(row["id"] for row in episodes if row["state"] in {"firing", "acknowledged"})),
        "cell": str(cells[0]["id"]),
    }


def asked(*words: str) -> list[dict[str, Any]]:
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert answer.exit_code == 0, answer.output
    return list(json.loads(answer.stdout))


def run(line: str, names: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a line and return what went wrong, or nothing."""
    words = [word.format_map(names) for word in INSTEAD.get(line, shlex.split(line)[1:])]
    if words[0] in {"nightly", "backfill"} and "--plain" not in words and "--dry-run" not in words:
        # with Prefect it is run by tests/flows/test_prefect_embedded.py
        words.append("--plain")
    if words[0] == "restore":
        monkeypatch.setenv("ECOPLAN_HOME", f"{names['folder']}/restored")
    answer = CliRunner().invoke(app, words)
    if words[0] == "restore":
        monkeypatch.setenv("ECOPLAN_HOME", f"{names['folder']}/home")
    good = {0, 1} if words[0] in _WALKS or words[:2] == ["quarantine", "replay"] else {0}
    if answer.exit_code in good and (answer.output.strip() or words[0] in _WALKS):
        return ""
    return f"{line}: {answer.exit_code} {answer.output} {answer.exception!r}"


@pytest.mark.parametrize("page", to_run(slow=False))
def test_every_command_of_a_page_runs(
    page: str, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [told for line in to_run(slow=False)[page] if (told := run(line, place, monkeypatch))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.thorough
@pytest.mark.parametrize("page", to_run(slow=True))
def test_every_long_command_of_a_page_runs(
    page: str, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [told for line in to_run(slow=True)[page] if (told := run(line, place, monkeypatch))]
    assert not wrong, "\n".join(wrong)


def test_commands_named_in_a_text_exist_with_their_options() -> None:
    known: dict[tuple[str, ...], set[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        known[path] = {option for parameter in command.params for option in parameter.opts}
        for name, item in getattr(command, "commands", {}).items():
            walk(item, (*path, name))

    walk(typer.main.get_command(app), ())
    strange = []
    for line in (line for page in PAGES if page.name != "CHANGELOG.md" for line in mentioned(page)):
        words = line.text.split()[1:]
        path = tuple(words[:2]) if tuple(words[:2]) in known else tuple(words[:1])
        options = {word for word in words if word.startswith("--")}
        if path not in known or not options <= known[path] | {"--help"}:
            strange.append(line)
    assert not strange


# what stands as TOML on a page is read by what reads the districts


def toml_blocks(page: str) -> list[str]:
    found = [block for block in blocks(ROOT / page) if re.match(r"\[\[?\w", block.strip())]
    # a command may stand below, within the same indentation
    return [
        re.split(r"^ecoplan ", block, maxsplit=1, flags=re.MULTILINE)[0] for block in found if "=" in block
    ]


@pytest.fixture
def district(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "districts" / "chiping", tmp_path / "districts" / "chiping"))


@pytest.mark.parametrize("page", ["docs/how-to/hj212.md", "docs/how-to/pull-from-an-address.md"])
def test_the_sources_of_a_page_are_read(page: str, district: Path) -> None:
    found = toml_blocks(page)
    assert found
    whole = next(block for block in found if block.strip().startswith("[[source]]"))
    for block in found:
        file = district / "sources.toml"
        text = block if block is whole else f"{whole.partition('[source.')[0]}\n{block}"
        file.write_text(text, "utf-8")
        (source,) = load_district(district).sources
        assert source.key == tomllib.loads(text)["source"][0]["key"]
