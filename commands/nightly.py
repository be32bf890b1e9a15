"""`ecoplan nightly` and `ecoplan load`: what is missing, and files given by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from commands.options import Day, District, Districts, DryRun, Plain
from commands.screen import new_console
from flows.gather import files_of
from flows.night import load_files, night
from flows.run import Run
from flows.settings import Settings
from reports import terminal


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(nightly)
    app.command()(load)


def _finish(console: Console, run: Run, status: int) -> None:
    terminal.show_run(console, run.summary.as_dict(), language=run.settings.language)
    raise typer.Exit(status)


def nightly(
    date: Day = None, district: Districts = None, dry_run: DryRun = False, plain: Plain = False
) -> None:
    """夜间运行：收取、判定、入库、重算、预警、报告 / the nightly run."""
    parameters = {"run_date": date and date.date(), "district": district, "dry_run": dry_run}

    def plainly(tell: Callable[[str], None]) -> tuple[Run, int]:
        return night(
            Settings(), run_date=date and date.date(), districts=district, dry_run=dry_run, tell=tell
        )

    _run("nightly", parameters, plainly, plain or dry_run)


def _run(name: str, parameters: dict[str, Any], plainly: Callable[..., tuple[Run, int]], plain: bool) -> None:
    """Run a flow, or its plain way, in this process and end with its exit status."""
    console = new_console()

    def tell(line: str) -> None:
        console.print(line, style="dim", markup=False)

    if plain:
        run, status = plainly(tell)
    else:
        from flows.embedded import run_flow  # noqa: PLC0415  # Prefect takes seconds to import; others do without

        run, status = run_flow(name, parameters, tell)
    _finish(console, run, status)


def load(
    files: Annotated[list[Path], typer.Argument(help="导出文件或文件夹 / export files or folders")],
    district: District,
    source: Annotated[str, typer.Option(help="来源 / source key")],
    dry_run: DryRun = False,
) -> None:
    """把零散文件按同样的路径入库 / load one-off files through the same way."""
    chosen = [found for path in files for found in files_of(path)]
    console = new_console()
    run, status = load_files(
        Settings(),
        chosen,
        district=district,
        source=source,
        dry_run=dry_run,
        tell=lambda line: console.print(line, style="dim", markup=False),
    )
    _finish(console, run, status)
