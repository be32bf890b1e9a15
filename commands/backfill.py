"""`ecoplan backfill`: any range of days, unit by unit, with how far it is and how long it will still take."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from commands.options import Districts, DryRun, Plain
from commands.screen import print_json
from flows.crew import RunnerError
from flows.missing import nothing_missing
from flows.run import DONE, Run
from flows.settings import Settings
from reports import terminal

if TYPE_CHECKING:
    from flows.units import Progress

#: status of a command that Ctrl-C has ended, as shells give it
INTERRUPTED = 130

_UNITS = ("district", "source", "month", "part", "parts", "files", "bytes", "cells", "state")
_TURNED = ("district", "kind", "group", "old", "new", "count")


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(backfill)


def backfill(
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="首日 / first day")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="末日 / last day")],
    district: Districts = None,
    source: Annotated[str | None, typer.Option(help="来源 / source key")] = None,
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="只补缺失 / only what is missing")
    ] = False,
    notify: Annotated[bool, typer.Option("--notify", help="照常发送预警 / send alerts")] = False,
    dry_run: DryRun = False,
    plain: Plain = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="结束时输出 JSON / print the units as JSON at the end")
    ] = False,
) -> None:
    """补录任意日期范围，不惊动任何人；中断后再次运行即继续 / backfill a range of days, waking nobody."""
    if to < from_:
        raise typer.BadParameter(
            f"末日 {to:%Y-%m-%d} 早于首日 {from_:%Y-%m-%d} / the last day is before the first"
        )
    settings = Settings()
    span: dict[str, Any] = {"first": from_.date(), "last": to.date()}
    console = Console(
        width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False, stderr=as_json
    )
    if only_missing and not dry_run and nothing_missing(settings, **span, districts=district, source=source):
        if as_json:
            typer.echo("[]")
        else:
            console.print("没有缺失，无事可做 / nothing is missing, nothing to do", markup=False)
        raise typer.Exit(DONE)
    chosen: dict[str, Any] = {
        "source": source,
        "only_missing": only_missing,
        "notify": notify,
        "dry_run": dry_run,
    }
    try:
        with _shown(console) as (tell, on_progress):
            if plain or dry_run:
                # whoever asks for what is missing and lacks nothing does not wait for the way's imports
                from flows.night import fill_back  # noqa: PLC0415  # see above

                run, status = fill_back(
                    settings, **span, **chosen, districts=district, tell=tell, on_progress=on_progress
                )
            else:
                from flows.embedded import run_flow  # noqa: PLC0415  # Prefect takes seconds to import

                run, status = run_flow(
                    "backfill", {**span, **chosen, "district": district}, tell, on_progress=on_progress
                )
    except RunnerError as error:
        raise typer.BadParameter(str(error), param_hint="ECOPLAN_RUNNER") from error
    except KeyboardInterrupt:
        console.print(
            "已中断：已入库的单元都已保存，再次运行同一命令即从此处继续 / interrupted: what was loaded is kept, the same "
            "command goes on from here",
            markup=False,
        )
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(run.summary.units)
    else:
        _end(console, run)
    raise typer.Exit(status)


@contextmanager
def _shown(console: Console) -> Iterator[tuple[Callable[[str], None], Callable[[Progress], None]]]:
    """Show progress: a bar at a terminal, a line a unit otherwise."""
    if not console.is_terminal:
        yield lambda line: console.print(line, style="dim", markup=False), lambda _progress: None
        return
    # the bar takes what is left of the line; numbers are never cut
    whole = Column(no_wrap=True)
    columns = (
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%", table_column=whole),
        MofNCompleteColumn(table_column=whole.copy()),
        TextColumn("{task.fields[rate]}", markup=False, table_column=whole.copy()),
        TimeElapsedColumn(table_column=whole.copy()),
        TextColumn("{task.fields[left]}", markup=False, table_column=whole.copy()),
    )
    with _BarAndWords(*columns, console=console, transient=False, expand=True) as bar:
        task = bar.add_task("", total=None, rate="", left="")
        unit = ""

        def on_progress(progress: Progress) -> None:
            nonlocal unit
            unit = progress.unit
            done = progress.units_done == progress.units
            bar.words = "重算与预警 evaluating" if done else unit or "读取 reading"
            bar.update(
                task,
                total=progress.units,
                completed=progress.units_done,
                rate=f"{progress.cells_per_second:,.0f}/s",
                left="" if done else _left(progress.seconds_left),
            )

        def tell(line: str) -> None:
            # what is told of a unit the bar says already
            if not unit or not line.startswith(f"{unit}："):
                bar.words = line

        yield tell, on_progress


class _BarAndWords(Bar):
    """The bar, and on a line of its own what is being done: together they are too long for 80 columns."""

    words = "收取 gathering"

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return both lines."""
        yield self.make_tasks_table(self.tasks)
        yield Text(self.words, style="dim", no_wrap=True, overflow="ellipsis")


def _left(seconds: float | None) -> str:
    """Say how long it will still take: minutes and seconds, hours before them where there are some."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"剩余 left {clock}"


def _end(console: Console, run: Run) -> None:
    """Print the units, the run's end and what turned."""
    summary = run.summary.as_dict()
    if summary["units"] and run.dry_run:
        terminal.show_records(
            console,
            summary["units"],
            _UNITS,
            title="将入库的单元 / units to load",
            language=run.settings.language,
        )
    terminal.show_run(console, summary, language=run.settings.language)
    if summary["turned"]:
        terminal.show_records(
            console,
            summary["turned"],
            _TURNED,
            title="结论的变化 / what turned",
            language=run.settings.language,
        )
