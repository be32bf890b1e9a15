"""The command about the plan's indicators: where they stand, what they may end with, and what moved them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from commands.opened import reading
from commands.options import AsOf, Districts, Json
from commands.screen import new_console, print_json
from flows.answers.progress import NoIndicatorError, what_moved
from flows.answers.records import as_of_utc
from flows.answers.records import indicators as indicator_records
from flows.answers.secondary import secondary
from flows.settings import Settings
from reports import terminal

_WHY = ("kind", "name", "amount", "unit", "share", "note")


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("indicators")(indicators)


def indicators(
    district: Districts = None,
    year: Annotated[int | None, typer.Option(help="年份 / year")] = None,
    why: Annotated[
        int | None, typer.Option(help="第几项指标因何变动 / what moved the indicator of this number")
    ] = None,
    further: Annotated[
        bool, typer.Option("--secondary", help="次级目标和里程碑 / further targets and milestones")
    ] = False,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """规划 21 项指标的进展；--why 某项因何变动，--secondary 次级目标 / the plan's 21 indicators, what moved one, further targets."""
    if further and why is not None:
        raise typer.BadParameter("--why 与 --secondary 只能选一个 / choose --why or --secondary")
    moment = as_of_utc(as_of)
    found: dict[str, list[dict[str, Any]]] = {}
    titles: dict[str, str] = {}
    with reading(district) as (connection, chosen):
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
        print_json(rows)
        return
    for key, records in found.items():
        _print(records, titles[key], "secondary" if further else "why" if why is not None else "plan")


def _print(records: list[dict[str, Any]], title: str, kind: str) -> None:
    console = new_console()
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
