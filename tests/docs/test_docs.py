"""The documents say what the program does: commands, links, dependencies, records."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from cli import app
from indicators.registry import load_standards
from sources.catalogue import LAYOUTS
from vocabulary.parameters import parameters
from vocabulary.reasons import reasons

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "examples" / "README.md"],
    key=lambda page: page.as_posix(),
)

_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^(?: {4})(.*)$", re.MULTILINE)
_COMMAND = re.compile(r"(?:^|[\s$/])ecoplan((?: [a-z][a-z-]*){1,2})(?=[ ]|$)(.*)$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ENVIRONMENT = {"COLUMNS": "200", "TERM": "dumb"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def code_lines(text: str) -> list[str]:
    """Return the lines of fenced and of indented code blocks."""
    fenced = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    return fenced + _INDENTED.findall(_BLOCK.sub("", text))


def known_commands() -> dict[tuple[str, ...], set[str]]:
    """Return every command of the CLI with its options."""
    found: dict[tuple[str, ...], set[str]] = {}

    def walk(command: Any, path: tuple[str, ...]) -> None:
        for name, item in getattr(command, "commands", {}).items():
            walk(item, (*path, name))
        if path and not hasattr(command, "commands"):
            found[path] = {option for parameter in command.params for option in parameter.opts}

    walk(typer.main.get_command(app), ())
    return found


def commands_in(text: str) -> set[tuple[tuple[str, ...], frozenset[str]]]:
    """Return the commands of the code blocks: their path and the options they use."""
    found = set()
    known = known_commands()
    for line in code_lines(text):
        match = _COMMAND.search(line.split("  # ")[0].rstrip())
        if match is None:
            continue
        words = tuple(match[1].split())
        # `load FILE`, `explain SITE`: what follows a command that has no subcommands is an argument
        path = words if words in known else words[:1]
        options = frozenset(re.findall(r"(?<!\S)--[a-z-]+", match[2]))
        found.add((path, options))
    return found


@pytest.mark.parametrize("readme", READMES)
def test_every_command_of_a_readme_exists_with_its_options(readme: str) -> None:
    known = known_commands()
    used = commands_in(text_of(readme))
    assert used, "expected commands in code blocks"
    strange = {path for path, _ in used if path not in known}
    assert not strange, f"{readme} names commands that ecoplan does not have: {strange}"
    options = {(path, option) for path, wanted in used for option in wanted - known[path]}
    assert not options, f"{readme} uses options that do not exist: {options}"


@pytest.mark.parametrize("path", sorted(known_commands()), ids=" ".join)
def test_every_command_explains_itself_in_both_languages(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"], env=_ENVIRONMENT)
    assert answer.exit_code == 0
    assert re.search(r"[\u4e00-\u9fff].* / .*[a-z]", answer.output), f"{path}: 中文 / English expected"


@pytest.mark.parametrize("readme", READMES)
def test_no_command_is_left_out_of_a_readme(readme: str) -> None:
    named = {path for path, _ in commands_in(text_of(readme))}
    missing = {" ".join(path) for path in set(known_commands()) - named}
    assert not missing, f"{readme} does not show: {sorted(missing)}"


def test_both_readmes_list_the_same_commands() -> None:
    english, chinese = (commands_in(text_of(name)) for name in READMES)
    assert english == chinese


def anchor(heading: str) -> str:
    """Return the anchor a heading gets when the page is rendered."""
    plain = re.sub(r"[`*_]", "", heading.strip().lower())
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", plain))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    # code may look like a link: `[ T](?P<H>…)` of a pattern
    for target in _LINK.findall(_BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists():
            broken.append(target)
        elif fragment and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            if fragment not in {anchor(heading) for heading in headings}:
                broken.append(target)
    assert not broken, f"{page.name}: {broken}"


@pytest.mark.parametrize("readme", READMES)
def test_every_test_named_as_a_proof_exists(readme: str) -> None:
    named = re.findall(r"`(tests/[^`]+)`", text_of(readme))
    assert named
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_every_dependency_says_why_it_is_here() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    extras = project["project"]["optional-dependencies"].values()
    groups = [project["project"]["dependencies"], *extras, *project["dependency-groups"].values()]
    asked = [item for group in groups for item in group]
    names = {re.split(r"[\[<>=!~; ]", item)[0].lower() for item in asked}
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (.+) \|$", text_of("docs/decisions/0002-dependencies.md"), re.MULTILINE
    )
    assert {name for name, _ in rows} == names
    assert all(len(why) > 10 for _, why in rows)


def test_documents_name_no_machine() -> None:
    pages = [
        page for page in PAGES if re.search(r"(?<![\w.])/(home|work|tmp|root)/", page.read_text("utf-8"))
    ]
    assert not pages, f"paths of a machine in {[page.name for page in pages]}"


def test_the_pages_made_from_data_hold_every_code_standard_and_command(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages = {page.name: page.read_text("utf-8") for page in module.build(tmp_path)}
    for name, wanted in (
        ("parameters.md", parameters()),
        ("reasons.md", reasons()),
        ("standards.md", [record["id"] for record in load_standards().records()]),
        ("expectations.md", LAYOUTS),
        ("layouts.md", LAYOUTS),
        ("commands.md", [" ".join(path) for path in known_commands()]),
    ):
        assert all(
            re.search(rf"^(## |\| ){re.escape(key)}( |$)", pages[name], re.MULTILINE) for key in wanted
        )
    tables = [table for text in pages.values() for table in re.findall(r"(?:^\| .*\n)+", text, re.MULTILINE)]
    widths = [{len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} for table in tables]
    assert all(len(width) == 1 for width in widths), "a cell broke its table"


# the records: what the tables of docs/reference/records.md say and what the commands give

#: heading in records.md -> the command and how to choose its records
_COMMANDS: dict[str, tuple[list[str], str]] = {
    "sections": (["sections", "--district", "chiping", "--period", "2025-07"], ""),
    "air": (["air", "--district", "chiping", "--period", "2025-06"], ""),
    "emissions": (["emissions", "--district", "chiping", "--period", "2026-03"], ""),
    "indicators": (["indicators", "--district", "chiping"], ""),
    "indicators, --secondary": (["indicators", "--district", "chiping", "--year", "2025", "--secondary"], ""),
    "indicators, --why": (["indicators", "--district", "chiping", "--year", "2025", "--why", "2"], ""),
    "alerts list": (["alerts", "list"], ""),
    "alerts silence": (
        [
            "alerts",
            "silence",
            *("--district", "chiping", "--subject", "CP-S4", "--hours", "5"),
            *("--reason", "检修", "--by", "甲"),
        ],
        "",
    ),
    "alerts test": (["alerts", "test", "--by", "甲"], ""),
    "alerts replay": (["alerts", "replay", "--from", "2025-07-01", "--to", "2025-07-31"], ""),
    "outbox list": (["outbox", "list"], ""),
    "quarantine list": (["quarantine", "list"], ""),
    "quarantine list, --by-week": (["quarantine", "list", "--by-week"], ""),
    "quality flags": (["quality", "flags", "--district", "chiping", "--period", "2025"], ""),
    "quality flags, --all": (
        ["quality", "flags", "--district", "chiping", "--period", "2025-06", "--all"],
        "",
    ),
    "status, kind source": (["status"], "source"),
    "status, kind open-work": (["status"], "open-work"),
    "status, kind run": (["status"], "run"),
    "explain": (["explain", "茌新河示例断面", "2025-07-10"], ""),
    "sniff": (["sniff", str(ROOT / "examples/exports/chiping/air/china_sites_20250610.csv")], ""),
    "verify": (["verify"], ""),
    "doctor": (["doctor"], ""),
    "standards list": (["standards", "list"], ""),
}

#: headings whose keys are those of another, and more
_OBJECTS: dict[str, tuple[list[str], str]] = {
    "alerts show": (["alerts", "show", "1"], "alerts list"),
    "quarantine show": (["quarantine", "show", "1"], "quarantine list"),
    "standards show": (["standards", "show", "GB3838-2002"], "standards list"),
}


def documented() -> dict[str, dict[str, str]]:
    """Return key -> type of every table of records.md, by heading."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in text_of("docs/reference/records.md").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
            found[heading] = {}
        elif match := re.match(r"^\| `(\w+)` \| ([^|]+?) \|", line):
            found[heading][match[1]] = match[2]
    return found


def asked(home: dict[str, str], command: list[str], kind: str = "") -> list[dict[str, Any]]:
    answer = CliRunner().invoke(app, [*command, "--json"], env=home)
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    records = said if isinstance(said, list) else [said]
    return [record for record in records if not kind or record["kind"] == kind]


_TYPES: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "time": str,
    "time, UTC": str,
    "date": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "list": list,
    "list of text": list,
}


def fits(value: Any, stated: str) -> bool:
    kinds = stated.split(" or ")
    if value is None:
        return "null" in kinds
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, _TYPES[kind]) for kind in kinds if kind != "null")


@pytest.mark.parametrize("heading", list(_COMMANDS))
def test_records_have_exactly_the_documented_keys_and_types(home: dict[str, str], heading: str) -> None:
    command, kind = _COMMANDS[heading]
    stated = documented()[heading]
    records = asked(home, command, kind)
    assert records, f"{command} gave nothing: the small warehouse does not cover it"
    for record in records:
        assert list(record) == list(stated)
        wrong = {key: value for key, value in record.items() if not fits(value, stated[key])}
        assert not wrong, f"{heading}: {wrong}"


@pytest.mark.parametrize("heading", list(_OBJECTS))
def test_objects_have_the_keys_of_their_list_and_the_documented_ones(
    home: dict[str, str], heading: str
) -> None:
    command, base = _OBJECTS[heading]
    tables = documented()
    stated = {**tables[base], **tables[heading]}
    (record,) = asked(home, command)
    assert set(record) - {"rules"} == set(stated) - {"rules"}
    wrong = {key: value for key, value in record.items() if key != "rules" and not fits(value, stated[key])}
    assert not wrong


def test_every_command_that_answers_in_json_has_its_records_documented() -> None:
    readers = {" ".join(path) for path, options in known_commands().items() if "--json" in options}
    headings = {heading.split(",")[0] for heading in documented()}
    assert readers <= headings
