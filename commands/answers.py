"""What the warehouse answers: status, sections, air, emissions, its proof, and where the settings came from."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.opened import reading
from commands.options import AsOf, District, Json
from commands.screen import new_console, print_json, show
from flows.answers import air as answers_air
from flows.answers import emissions as answers_emissions
from flows.answers import records as answers
from flows.proof import prove
from flows.run import DONE, FINDINGS, chosen_districts
from flows.settings import Settings
from reports import terminal

Standard = Annotated[str | None, typer.Option("--standard", help="指定标准 / another standard")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(status)
    app.command()(sections)
    app.command()(air)
    app.command()(emissions)
    app.command()(verify)
    app.command()(doctor)


def status(as_of: AsOf = None, as_json: Json = False) -> None:
    """运行、新鲜度、覆盖率、待办 / runs, freshness, coverage, open work."""
    with reading() as (connection, districts):
        records = answers.status(connection, districts, as_of=answers.as_of_utc(as_of))
    if as_json:
        print_json(records)
        return
    for kind in ("source", "open-work", "run"):
        rows = [record for record in records if record["kind"] == kind]
        if rows:
            show(rows, as_json=False)


def sections(
    district: District,
    period: Annotated[str, typer.Option(help="2026-10 | 2026 | 2026-Q1 | 2026-10-03")],
    as_of: AsOf = None,
    standard: Standard = None,
    as_json: Json = False,
) -> None:
    """断面水质类别、主要污染指标、是否达标 / class, worst items, target of each section."""
    with reading([district]) as (connection, districts):
        records = answers.sections(
            connection, districts[district], period, as_of=answers.as_of_utc(as_of), standard=standard
        )
    columns = "site name river period label worst multiples target_class attained items_used standard"
    show(records, as_json, columns.split(), f"断面 {district} {period}")


def air(
    district: District,
    period: Annotated[str, typer.Option(help="2025 | 2026-03")],
    standard: Standard = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """空气统计、AQI 日数、优良天数比率、综合指数 / air statistics."""
    with reading([district]) as (connection, districts):
        records = answers_air.air(
            connection, districts[district], period, as_of=answers.as_of_utc(as_of), standard=standard
        )
    columns = (
        "parameter statistic value rounded n_valid n_days valid limit attained exceedance_multiple standard"
    )
    show(records, as_json, columns.split(), f"空气 {district} {period}")


def emissions(
    district: District,
    period: Annotated[str, typer.Option(help="2026-03-20 | 2026-03")],
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """排口达标判定、排放量与许可 / outlets against their limits, tonnes against the permit."""
    with reading([district]) as (connection, districts):
        records = answers_emissions.emissions(
            connection, districts[district], period, as_of=answers.as_of_utc(as_of)
        )
    if as_json:
        print_json(records)
        return
    terminal.show_emissions(
        new_console(), records, title=f"排口 {district} {period}", language=Settings().language
    )


def verify(as_json: Json = False) -> None:
    """核对台账收支并给出规范转储哈希 / prove the ledger, print the canonical dump hash."""
    settings = Settings()
    with reading() as (connection, districts):
        result = prove(connection, settings, districts)
    if as_json:
        print_json(result)
    else:
        terminal.show_facts(new_console(), result)
    raise typer.Exit(DONE if result["ok"] else FINDINGS)


def doctor(as_json: Json = False) -> None:
    """配置、引擎、来源，以及每个设置来自哪里 / configuration and where each value came from."""
    settings = Settings()
    show(answers.doctor(settings, chosen_districts(settings, None)), as_json, ("setting", "value", "origin"))
