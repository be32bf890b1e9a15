"""Commands that take data out of the warehouse: what was revised, and exports."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import Connection

from flows.revisions import revision_report, span_of
from flows.run import chosen_districts
from flows.settings import Settings
from reports import terminal
from reports.revisions import KINDS, Report, revision_tables
from vocabulary.district import District
from warehouse.engine import Warehouse, WarehouseError

Json = Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")]
OneDistrict = Annotated[str | None, typer.Option("--district", help="区划 / district key")]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(revisions)


def revisions(
    since: Annotated[
        str | None,
        typer.Option(help="自何时起获知，缺省为最近一次运行 / known since; default: the latest run"),
    ] = None,
    until: Annotated[str | None, typer.Option(help="至何时获知 / known until; default: now")] = None,
    district: OneDistrict = None,
    as_json: Json = False,
) -> None:
    """数据修订：改了什么、谁交付、哪些结论因此变化 / what was revised, by whom, and what it turned."""
    with _reading(district) as (connection, _):
        span = span_of(connection, since, until)
        report = revision_report(connection, *span, district)
    if as_json:
        records = [{"kind": KINDS[key], **record} for key, rows in report.items() for record in rows]
        typer.echo(json.dumps(records, ensure_ascii=False, indent=1, default=str))
        return
    _show_revisions(report, Settings().language)


def _show_revisions(report: Report, language: str) -> None:
    """Print what was revised, summed up, and every derived row it turned."""
    console = _console()
    count = len(report["readings"])
    said = {"zh": f"修订监测值 {count} 个", "en": f"{count} readings revised"}
    console.print(said[language], style="bold")
    for title, rows in revision_tables(report, language=language):
        terminal.show_records(console, rows, list(rows[0]), title=title, language=language)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)


@contextmanager
def _reading(district: str | None) -> Iterator[tuple[Connection, dict[str, District]]]:
    """Yield a read-only connection and the districts asked for."""
    settings = Settings()
    chosen = chosen_districts(settings, [district] if district else None)
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=True)
    if not warehouse.exists():
        raise WarehouseError(
            "数据仓库还不存在，请先运行 ecoplan nightly / there is no warehouse yet, run ecoplan nightly first"
        )
    with warehouse.read() as connection:
        yield connection, chosen
