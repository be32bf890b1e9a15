"""Commands that take data out of the warehouse: what was revised, and exports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.opened import reading
from commands.options import AsOf, Json, OneDistrict
from commands.screen import new_console, print_json
from flows.answers.records import as_of_utc
from flows.export import export_warehouse
from flows.revisions import revision_report, span_of
from flows.run import write_whole
from flows.settings import Settings
from flows.workbook import gather_workbook, latest_year, sheets_said, workbook_of
from reports import terminal
from reports.export import PACKAGE, ExportError, Form
from reports.revisions import KINDS, Report, revision_tables
from reports.spreadsheet import SheetTooLongError

_EXPORT_HEADINGS = {
    "zh": ("表", "文件", "行数", "字节", "哈希"),
    "en": ("table", "file", "rows", "bytes", "hash"),
}


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(revisions)
    app.command()(export)
    app.command()(workbook)


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
    with reading(district) as (connection, _):
        span = span_of(connection, since, until)
        report = revision_report(connection, *span, district)
    if as_json:
        records = [{"kind": KINDS[key], **record} for key, rows in report.items() for record in rows]
        print_json(records)
        return
    _show_revisions(report, Settings().language)


def export(
    form: Annotated[Form, typer.Option("--format", help="格式 / format")],
    out: Annotated[
        Path | None, typer.Option(help="文件夹，缺省为 var/export / folder, default: var/export")
    ] = None,
    district: OneDistrict = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="首日 / first day")
    ] = None,
    to: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="末日 / last day")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """导出数据与结果，附 datapackage.json / export data and results with their description."""
    if from_ is not None and to is not None and to < from_:
        raise typer.BadParameter(
            f"末日 {to:%Y-%m-%d} 早于首日 {from_:%Y-%m-%d} / the last day is before the first"
        )
    folder = out or Settings().home / "export"
    try:
        with reading(district) as (connection, districts):
            package = export_warehouse(
                connection,
                folder,
                form,
                districts,
                first=from_ and from_.date(),
                last=to and to.date(),
                as_of=as_of_utc(as_of),
            )
    except (ExportError, SheetTooLongError) as error:
        raise typer.BadParameter(str(error)) from error
    records = [
        {"table": item["name"], "path": str(folder / item["path"])}
        | {key: item[key] for key in ("rows", "bytes", "hash")}
        for item in package["resources"]
    ]
    if as_json:
        print_json(records)
        return
    language = Settings().language
    headings = dict(zip(records[0], _EXPORT_HEADINGS[language], strict=True))
    shown = [{headings[key]: value for key, value in record.items()} for record in records]
    terminal.show_records(new_console(), shown, list(shown[0]), language=language)
    said = {"zh": f"已导出到 {folder}（{PACKAGE}）", "en": f"exported to {folder} ({PACKAGE})"}
    new_console().print(said[language], markup=False)


def workbook(
    district: Annotated[str, typer.Option("--district", help="区划 / district key")],
    year: Annotated[
        int | None, typer.Option(help="年份，缺省为最近有数据的一年 / year, default: the latest with data")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="文件，缺省为 var/report/workbook 下 / file, default: under var/report/workbook"),
    ] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """工作簿：指标、断面逐月、每日 AQI、排口、预警、修订 / the staff workbook of a district and year."""
    moment = as_of_utc(as_of)
    with reading(district) as (connection, districts):
        chosen = districts[district]
        wanted = year or latest_year(connection, chosen)
        frames = gather_workbook(connection, chosen, wanted, as_of=moment)
        content = workbook_of(connection, chosen, wanted, as_of=moment, frames=frames)
    place = out or Settings().home / "report" / "workbook" / f"{district}-{wanted}.xlsx"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, content)
    records = [{"path": str(place), "year": wanted, **sheet} for sheet in sheets_said(frames)]
    if as_json:
        print_json(records)
        return
    language = Settings().language
    names = {"zh": ("工作表", "行数"), "en": ("sheet", "rows")}[language]
    shown = [dict(zip(names, (record["sheet"], record["rows"]), strict=True)) for record in records]
    terminal.show_records(new_console(), shown, list(names), language=language)
    new_console().print({"zh": f"已写出 {place}", "en": f"written to {place}"}[language], markup=False)


def _show_revisions(report: Report, language: str) -> None:
    """Print what was revised, summed up, and every derived row it turned."""
    console = new_console()
    count = len(report["readings"])
    said = {"zh": f"修订监测值 {count} 个", "en": f"{count} readings revised"}
    console.print(said[language], style="bold")
    for title, rows in revision_tables(report, language=language):
        terminal.show_records(console, rows, list(rows[0]), title=title, language=language)
