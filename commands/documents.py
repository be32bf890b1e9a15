"""Commands that write documents: evaluations of the plan and quarterly bulletins, as pages and as Word files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import Connection

from commands.opened import opened
from commands.options import AsOf, Districts, Json
from commands.screen import print_json
from flows.answers.records import PeriodError, as_of_utc
from flows.documents.write import (
    Format,
    bulletin_document,
    documents_folder,
    evaluation_document,
    publish_documents,
    write_documents,
)
from flows.run import chosen_districts
from flows.settings import Settings
from reports.documents.bulletins import BulletinFacts
from reports.documents.evidence import Evidence
from reports.documents.model import Document, DocumentError
from vocabulary.district import District
from warehouse.dump import dump_sha256

Kind = Literal["yearly", "mid-term", "final", "sections", "black-odorous"]
Formats = Annotated[Literal["html", "docx", "both"], typer.Option("--format", help="格式 / format")]

_Make = Callable[[Connection, District], tuple[Document, Evidence | BulletinFacts]]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("document")(document)


def document(
    kind: Annotated[
        Kind,
        typer.Argument(
            help="yearly 年度总结，mid-term 中期评估，final 终期评估，sections 断面季度通报，black-odorous 黑臭水体季度公示 / "
            "yearly summary, mid-term or final evaluation, quarterly bulletin on sections or on black-odorous waters"
        ),
    ],
    district: Districts = None,
    year: Annotated[
        int | None, typer.Option("--year", help="评估的年份 / year of an evaluation; default: the latest")
    ] = None,
    quarter: Annotated[
        str | None,
        typer.Option("--quarter", help="通报的季度 2026-Q1，缺省为最近结束的季度 / quarter of a bulletin"),
    ] = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Annotated[
        Path | None, typer.Option("--out", help="文件夹，缺省为 report/documents / folder", file_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """评估报告与季度通报（网页与 Word）/ evaluations of the plan and quarterly bulletins."""
    moment = _moment(as_of)
    make: _Make
    match kind:
        case "sections" | "black-odorous":
            _refuse("--year", year, kind)
            make = partial(bulletin_document, form=kind, quarter=quarter, as_of=moment)
        case "yearly" | "mid-term" | "final":
            _refuse("--quarter", quarter, kind)
            make = partial(evaluation_document, form=kind, year=year, as_of=moment)
    _make(kind, make, district, form, out, as_json)


def _refuse(option: str, given: object, kind: str) -> None:
    """Say that an option is not of this kind of document."""
    if given is not None:
        raise typer.BadParameter(f"{kind} 没有 {option} / {kind} takes no {option}")


def _moment(as_of: str | None) -> Any:
    try:
        return as_of_utc(as_of)
    except PeriodError as error:
        raise typer.BadParameter(str(error)) from error


def _make(
    kind: str, make: _Make, wanted: list[str] | None, form: str, out: Path | None, as_json: bool
) -> None:
    """Write one document a district and say where it lies."""
    settings = Settings()
    chosen = chosen_districts(settings, wanted)
    warehouse = opened(settings, read_only=True)
    formats: tuple[Format, ...] = ("html", "docx") if form == "both" else (_one_format(form),)
    folder = out or documents_folder(settings.home)
    records = []
    with warehouse.read() as connection:
        dump = dump_sha256(connection)
        for district in chosen.values():
            try:
                document, found = make(connection, district)
            except (DocumentError, PeriodError) as error:
                raise typer.BadParameter(str(error)) from error
            made = write_documents(
                document, folder, formats, form=kind, fingerprint=found.fingerprint(), dump=dump
            )
            records += [
                {
                    **{
                        name: made.record[name]
                        for name in ("district", "form", "title", "as_of", "fingerprint")
                    }
                }
                | {"file": str(file), "sha256": made.record["files"][file.name], "dump_sha256": dump}
                for file in made.files
            ]
    if out is None:
        publish_documents(settings.home)
    if as_json:
        print_json(records)
    else:
        for record in records:
            typer.echo(f"{record['title']}（截至 {record['as_of']}）: {record['file']}")


def _one_format(form: str) -> Format:
    return "docx" if form == "docx" else "html"
