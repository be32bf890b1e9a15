"""The command line imports the module of the command that is asked for, and knows where each command is."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

import cli

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", list(cli.MODULES))
def test_every_command_is_where_the_command_line_looks_for_it(module: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    import_module(f"commands.{module}").register(app)
    group = typer.main.get_group(app)
    assert set(group.commands) == set(cli.MODULES[module])


def test_no_module_of_commands_is_forgotten() -> None:
    there = {
        path.stem
        for path in (ROOT / "commands").glob("*.py")
        if "\ndef register(" in path.read_text(encoding="utf-8")
    }
    assert there == set(cli.MODULES)


def test_every_error_of_usage_exists() -> None:
    for module, names in cli._USAGE_ERRORS.items():
        for name in names:
            assert issubclass(getattr(import_module(module), name), Exception)


def test_a_backfill_with_nothing_to_do_imports_no_night(tmp_path: Path) -> None:
    """`backfill --only-missing` is known within seconds: what judges, evaluates and publishes is not imported for it."""
    code = (
        "import sys; sys.argv = ['ecoplan', 'backfill', '--help']\n"
        "import cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'flows.night', 'flows.publish', 'alerts.channels', 'openpyxl', 'prefect', 'commands.serve'}\n"
        "print('imported:', *sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"ECOPLAN_HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1].strip() == "imported:"
    # the command line of one command is still that of ecoplan
    assert "ecoplan backfill" in done.stdout


def test_an_unknown_command_is_one_line_of_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ecoplan", "nighty"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "nighty" in capsys.readouterr().err
