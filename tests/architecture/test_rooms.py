"""The rooms hold: nothing outside them, pure ones pure, files of a size one can hold in the head."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vocabulary.reasons import reasons

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = PROJECT["tool"]["importlinter"]
ROOMS = set(CONTRACTS["root_packages"])
#: what holds Python beside the rooms and is not imported by them
BESIDE = {"tests", "benchmarks", "docs", "examples"}
#: lines of a module; data has none
MOST_LINES = 450


def sources(*folders: str) -> Iterator[Path]:
    """Every Python file of the folders and of the root."""
    yield from sorted(ROOT.glob("*.py"))
    for folder in sorted(folders):
        yield from sorted((ROOT / folder).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_package_and_module_belongs_to_a_room() -> None:
    packages = {
        folder.name
        for folder in ROOT.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and any(folder.glob("*.py"))
    }
    assert packages <= ROOMS | BESIDE, "a new package joins the import contract or goes into a room"
    assert packages >= ROOMS
    # the command line's beginning is the only thing that stands beside the rooms
    modules = {path.stem for path in ROOT.glob("*.py")}
    assert modules == {"cli"}
    shipped = set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"])
    assert shipped == ROOMS | {"cli.py"}, "what is written is shipped"


def test_every_room_stands_in_the_layers() -> None:
    (layers,) = [contract["layers"] for contract in CONTRACTS["contracts"] if contract["type"] == "layers"]
    standing = [room.strip() for layer in layers for room in layer.split("|")]
    assert sorted(standing) == sorted(ROOMS)


@pytest.mark.parametrize(
    ("room", "without"),
    [
        ("vocabulary", {"prefect", "sqlalchemy", "duckdb", "psycopg", "great_expectations", "requests"}),
        ("indicators", {"prefect", "sqlalchemy", "duckdb", "psycopg", "great_expectations", "requests"}),
        ("sources", {"prefect", "sqlalchemy", "duckdb", "psycopg", "great_expectations"}),
        ("quality", {"prefect", "sqlalchemy", "duckdb", "psycopg", "requests"}),
        ("warehouse", {"prefect", "great_expectations", "requests"}),
        ("alerts", {"prefect", "great_expectations"}),
        ("reports", {"prefect", "great_expectations"}),
    ],
)
def test_a_room_imports_alone(room: str, without: set[str]) -> None:
    modules = [
        named(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in sorted((ROOT / room).rglob("*.py"))
        if "migrations" not in path.parts and "data" not in path.parts
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*({without!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_command_line_starts_without_prefect() -> None:
    code = "import sys, cli; print('prefect' in sys.modules, 'great_expectations' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_modules_stay_small() -> None:
    long = {
        named(path): lines
        for path in sources(*ROOMS, *BESIDE)
        if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert long == {}


def test_no_module_is_named_after_nothing() -> None:
    vague = re.compile(r"^(utils?|helpers?|common|misc|managers?)$|_(utils?|helpers?|manager)$")
    assert [named(path) for path in sources(*ROOMS, *BESIDE) if vague.search(path.stem)] == []


def test_nothing_walks_a_frame_row_by_row() -> None:
    walking = re.compile(r"\.(iterrows|itertuples|executemany)\(|\.apply\([^()]*axis\s*=\s*1")
    found = [
        f"{named(path)}:{number}"
        for path in sources(*ROOMS, "examples")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if walking.search(line)
    ]
    assert found == []


def test_no_limit_stands_in_code() -> None:
    """Every standard's number comes from data: no module of indicators names a limit value of GB 3838 or GB 3095."""
    numbers = {
        node.value
        for path in sources(*ROOMS)
        if path.is_relative_to(ROOT / "indicators")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    }
    # NH3-N Ⅲ/Ⅳ is 1.0/1.5, TP Ⅲ/Ⅴ 0.2/0.4; PM2.5 35 and 75: only what no formula could also hold
    assert numbers.isdisjoint({0.15, 0.4, 0.025, 160.0, 35.0, 75.0, 115.0})


#: calls whose argument, or result, is a reason: the position of the code among the arguments
_REASONED = {"DeliveryRefusedError": 0, "Problem": 0, "Refusal": 0}


def _codes(tree: ast.AST) -> Iterator[str]:
    """The reason codes a module names in calls that take one."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [keyword.value for keyword in node.keywords if keyword.arg in ("code", "reason")]
        if name in _REASONED and len(node.args) > _REASONED[name]:
            given.append(node.args[_REASONED[name]])
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield value.value


def test_every_reason_used_is_in_the_vocabulary() -> None:
    used = {
        code: named(path)
        for path in sources("sources", "quality", "warehouse", "flows")
        for code in _codes(ast.parse(path.read_text("utf-8")))
    }
    assert {"layout-unknown", "file-empty", "file-truncated"} <= set(used), "the search finds codes"
    assert {code: path for code, path in used.items() if code not in reasons()} == {}
    data = set()
    for file in sorted(ROOT.glob("quality/**/*.toml")):
        data |= set(re.findall(r'^\s*code\s*=\s*"([^"]+)"', file.read_text("utf-8"), flags=re.MULTILINE))
    assert data <= set(reasons())


def test_every_reason_is_said_in_both_languages() -> None:
    for reason in reasons().values():
        assert reason.severity in ("quarantine", "refuse", "flag", "warn", "note"), reason.code
        assert re.search(r"[\u4e00-\u9fff]", reason.zh), reason.code
        assert re.fullmatch(r"[ -~]+", reason.en), reason.code


def test_exceptions_say_that_they_are_errors() -> None:
    """Classes that derive from an exception end in Error."""
    odd = []
    for path in sources(*ROOMS):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ClassDef):
                continue
            bases = [getattr(base, "id", getattr(base, "attr", "")) for base in node.bases]
            if any(base.endswith(("Error", "Exception")) for base in bases) and not node.name.endswith(
                "Error"
            ):
                odd.append(f"{named(path)}: {node.name}")
    assert odd == []
