"""The `ecoplan` command: thin around the flows; errors are one clear line, exit statuses are stable.

0 done, 1 done with findings that need a person, 2 usage, 3 a source or channel failed, 4 the warehouse
refuses.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from alerts.acts import ActError
from alerts.query import EpisodeNotFoundError
from alerts.rules import AlertRulesError
from commands import (
    alerts,
    backfill,
    documents,
    explain,
    export,
    listen,
    outbox,
    progress,
    quality,
    quarantine,
    report,
    serve,
    sniff,
    up,
    warehouse,
    watch,
)
from commands.opened import reading
from commands.options import AsOf, Day, District, Districts, DryRun, Json, Plain
from commands.screen import new_console, print_json, show
from flows.answers import air as answers_air
from flows.answers import emissions as answers_emissions
from flows.answers import records as answers
from flows.explain.ask import ExplainError
from flows.gather import OneOffError, files_of
from flows.logs import LogWordError
from flows.night import load_files, night
from flows.proof import prove
from flows.run import DONE, FAILED, FINDINGS, REFUSED, USAGE, Run, UnknownDistrictError, chosen_districts
from flows.settings import Settings
from indicators.registry import NoStandardError, StandardFileError, load_standards
from reports import terminal
from sources.catalogue import UnknownSourceError
from vocabulary.district import DistrictError
from warehouse.appeal import AppealError
from warehouse.engine import WarehouseError

app = typer.Typer(
    name="ecoplan",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="区县“十四五”生态环境规划：导出文件入库、指标进展、断面劣Ⅴ预警 / exports in, indicators and alerts out.",
)
standards_app = typer.Typer(no_args_is_help=True, help="标准 / standards")
warehouse.register(app)
export.register(app)
documents.register(app)
explain.register(app)
sniff.register(app)
quality.register(app)
progress.register(app)
quarantine.register(app)
report.register(app)
listen.register(app)
outbox.register(app)
serve.register(app)
watch.register(app)
backfill.register(app)
up.register(app)
alerts.register(app)
app.add_typer(standards_app, name="standards")

Standard = Annotated[str | None, typer.Option("--standard", help="指定标准 / another standard")]

_USAGE_ERRORS = (
    UnknownDistrictError,
    UnknownSourceError,
    answers.PeriodError,
    OneOffError,
    DistrictError,
    AlertRulesError,
    EpisodeNotFoundError,
    ActError,
    ExplainError,
    AppealError,
    NoStandardError,
    StandardFileError,
    LogWordError,
)


def _finish(console: Console, run: Run, status: int) -> None:
    terminal.show_run(console, run.summary.as_dict(), language=run.settings.language)
    raise typer.Exit(status)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def doctor(as_json: Json = False) -> None:
    """配置、引擎、来源，以及每个设置来自哪里 / configuration and where each value came from."""
    settings = Settings()
    show(answers.doctor(settings, chosen_districts(settings, None)), as_json, ("setting", "value", "origin"))


@standards_app.command("list")
def standards_list(as_json: Json = False) -> None:
    """列出全部标准与施行日期 / every standard with its dates."""
    show(load_standards().records(), as_json)


@standards_app.command("show")
def standards_show(
    identity: Annotated[str, typer.Argument(help="标准号 / id")], as_json: Json = False
) -> None:
    """一个标准的限值、条款和可信度 / limits, clauses and how sure each is."""
    record = load_standards().describe(identity)
    if as_json:
        print_json(record)
    else:
        terminal.show_facts(new_console(), record)


def main() -> None:
    """Run the command; every expected error is one line on stderr with its exit status."""
    try:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        if not error.format_message():  # a command without its sub-command has shown its help
            sys.exit(error.exit_code)
        _end(_usage(error), error.exit_code)
    except typer.Abort:
        _end("已中止 / aborted", FINDINGS)
    except ValidationError as error:
        faults = "; ".join(
            f"ECOPLAN_{fault['loc'][0]!s}".upper() + f": {fault['msg']}" for fault in error.errors()
        )
        _end(f"设置有误 / a setting is wrong: {faults}", USAGE)
    except _USAGE_ERRORS as error:
        _end(str(error), USAGE)
    except (WarehouseError, SQLAlchemyError) as error:
        _end(str(error), REFUSED)
    except OSError as error:
        _end(str(error), FAILED)
    except Exception as error:  # a defect: its trace is for us, and its status must not read "findings"
        logging.getLogger(__name__).exception("internal error")
        _end(f"内部错误 / internal error: {type(error).__name__}: {error}", FAILED)
    # a command that ends by itself returns nothing, one that was left by typer.Exit its status
    sys.exit(status or DONE)


def _usage(error: typer.TyperException) -> str:
    """Say what is wrong with the command line and where its help is."""
    context = getattr(error, "ctx", None)
    return f"{error.format_message()} ({context.command_path if context else 'ecoplan'} --help)"


def _end(message: str, exit_status: int) -> NoReturn:
    typer.echo(f"ecoplan: {terminal.plain(message)}", err=True)
    sys.exit(exit_status)


if __name__ == "__main__":
    main()
