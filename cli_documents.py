"""Commands that write documents: evaluations of the plan and quarterly bulletins, as pages and as Word files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import Connection

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
from warehouse.engine import Warehouse

document_app = typer.Typer(no_args_is_help=True, help="评估报告与通报 / evaluations and bulletins")

Districts = Annotated[list[str] | None, typer.Option("--district", help="区划，缺省为全部 / district key")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="按该时点所知 / as known at this time")]
Formats = Annotated[Literal["html", "docx", "both"], typer.Option("--format", help="格式 / format")]
Out = Annotated[
    Path | None, typer.Option("--out", help="文件夹，缺省为 report/documents / folder", file_okay=False)
]
Quarter = Annotated[
    str | None, typer.Option("--quarter", help="季度 2026-Q1，缺省为最近结束的季度 / quarter")
]
Year = Annotated[int | None, typer.Option("--year", help="年份 / year")]
Json = Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")]

_Make = Callable[[Connection, District], tuple[Document, Evidence | BulletinFacts]]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(document_app, name="document")


@document_app.command("yearly")
def yearly(
    district: Districts = None,
    year: Year = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """年度总结；缺省为最近结束的一年 / the yearly summary."""
    _evaluation("yearly", district, year, as_of, form, out, as_json)


@document_app.command("mid-term")
def mid_term(
    district: Districts = None,
    year: Year = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """中期评估（2023 年）/ the mid-term evaluation."""
    _evaluation("mid-term", district, year, as_of, form, out, as_json)


@document_app.command("final")
def final(
    district: Districts = None,
    year: Year = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """终期评估（2025 年）/ the final evaluation."""
    _evaluation("final", district, year, as_of, form, out, as_json)


@document_app.command("sections")
def sections(
    district: Districts = None,
    quarter: Quarter = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """水环境功能区水质季度通报 / the quarterly bulletin on sections."""
    _bulletin("sections", district, quarter, as_of, form, out, as_json)


@document_app.command("black-odorous")
def black_odorous(
    district: Districts = None,
    quarter: Quarter = None,
    as_of: AsOf = None,
    form: Formats = "both",
    out: Out = None,
    as_json: Json = False,
) -> None:
    """黑臭水体清单季度公示 / the quarterly register of black-odorous waters."""
    _bulletin("black-odorous", district, quarter, as_of, form, out, as_json)


def _evaluation(
    kind: Literal["yearly", "mid-term", "final"],
    district: list[str] | None,
    year: int | None,
    as_of: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    moment = _moment(as_of)

    def make(connection: Connection, chosen: District) -> tuple[Document, Evidence]:
        return evaluation_document(connection, chosen, kind, year=year, as_of=moment)

    _make(kind, make, district, form, out, as_json)


def _bulletin(
    kind: Literal["sections", "black-odorous"],
    district: list[str] | None,
    quarter: str | None,
    as_of: str | None,
    form: str,
    out: Path | None,
    as_json: bool,
) -> None:
    moment = _moment(as_of)

    def make(connection: Connection, chosen: District) -> tuple[Document, BulletinFacts]:
        return bulletin_document(connection, chosen, kind, quarter=quarter, as_of=moment)

    _make(kind, make, district, form, out, as_json)


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
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=True)
    warehouse.must_exist()
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
        typer.echo(json.dumps(records, ensure_ascii=False, indent=1))
    else:
        for record in records:
            typer.echo(f"{record['title']}（截至 {record['as_of']}）: {record['file']}")


def _one_format(form: str) -> Format:
    return "docx" if form == "docx" else "html"
