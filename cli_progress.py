"""The command about the plan's indicators: where they stand, what they may end with, and what moved them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import Connection

from flows.answers.progress import NoIndicatorError, what_moved
from flows.answers.records import as_of_utc
from flows.answers.records import indicators as indicator_records
from flows.answers.secondary import secondary
from flows.run import chosen_districts
from flows.settings import Settings
from reports import terminal
from vocabulary.district import District
from warehouse.engine import Warehouse

_WHY = ("kind", "name", "amount", "unit", "share", "note")


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("indicators")(indicators)


@contextmanager
def _reading(districts: list[str] | None) -> Iterator[tuple[Connection, dict[str, District]]]:
    settings = Settings()
    chosen = chosen_districts(settings, districts)
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=True)
    warehouse.must_exist()
    with warehouse.read() as connection:
        yield connection, chosen


def indicators(
    district: Annotated[list[str] | None, typer.Option("--district", help="区划 / district key")] = None,
    year: Annotated[int | None, typer.Option(help="年份 / year")] = None,
    why: Annotated[
        int | None, typer.Option(help="第几项指标因何变动 / what moved the indicator of this number")
    ] = None,
    further: Annotated[
        bool, typer.Option("--secondary", help="次级目标和里程碑 / further targets and milestones")
    ] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", help="按该时点所知 / as known at this time")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """规划 21 项指标的进展；--why 某项因何变动，--secondary 次级目标 / the plan's 21 indicators, what moved one, further targets."""
    if further and why is not None:
        raise typer.BadParameter("--why 与 --secondary 只能选一个 / choose --why or --secondary")
    moment = as_of_utc(as_of)
    found: dict[str, list[dict[str, Any]]] = {}
    titles: dict[str, str] = {}
    with _reading(district) as (connection, chosen):
        for key, one in chosen.items():
            records = indicator_records(connection, one, year, as_of=moment)
            of = int(records[0]["period"]) if records else year
            titles[key] = f"{one.name_zh} {of or ''}"
            if further:
                found[key] = [] if of is None else secondary(connection, one, of, moment)
                titles[key] += " 次级目标和里程碑 / further targets and milestones"
                continue
            if why is None:
                found[key] = records
                continue
            try:
                found[key] = [] if of is None else what_moved(connection, one, why, of, moment)
            except NoIndicatorError as error:
                raise typer.BadParameter(str(error)) from error
            name = next((str(record["name"]) for record in records if record["indicator"] == why), "")
            titles[key] += f" 第 {why} 项 {name}：因何变动 / what moved it"
    if as_json:
        rows = [record for records in found.values() for record in records]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1, default=str))
        return
    for key, records in found.items():
        _print(records, titles[key], "secondary" if further else "why" if why is not None else "plan")


def _print(records: list[dict[str, Any]], title: str, kind: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)
    language = Settings().language
    if kind == "secondary":
        terminal.show_secondary(console, records, title=title, language=language)
    elif kind == "plan":
        terminal.show_indicators(console, records, title=title, language=language)
    elif records:
        terminal.show_contributions(console, records, _WHY, title=title, language=language)
    else:
        console.print(
            f"{title}：该项不是逐日监测的指标，或该年无数据 / not monitored day by day, or no data",
            markup=False,
        )
