"""`ecoplan explain`: why a value is what it is, from the statement down to the row of the landed file."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from commands.opened import opened
from commands.options import AsOf, Json, OneDistrict
from commands.screen import new_console, print_json
from flows.answers.records import as_of_utc, known_at
from flows.explain.ask import ExplainError, explain, explain_plan
from flows.run import FINDINGS, chosen_districts, write_whole
from flows.settings import Settings
from reports.explain_page import explain_html
from reports.explain_tree import show_chain


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command(name="explain")(explain_value)


def explain_value(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SITE DATE | YEAR",
            help="点位（代码、名称，或区划代码）与日期 2026-03-25、小时 2026-03-25T12、断面月份 2026-03 或年份；指标只给年份 / "
            "a site (key, name, or a district's key) and a day, hour, month or year of a section; a year for an indicator",
        ),
    ],
    parameter: Annotated[str | None, typer.Option(help="监测因子 / one parameter")] = None,
    district: OneDistrict = None,
    indicator: Annotated[
        int | None, typer.Option(help="规划指标序号 / indicator's number in the plan")
    ] = None,
    as_of: AsOf = None,
    everything: Annotated[
        bool, typer.Option("--all", help="逐个列出全部监测值 / list every reading, not counts by file")
    ] = False,
    as_html: Annotated[
        bool, typer.Option("--html", help="写成网页，存入 report/explain / write a page into report/explain")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="网页文件 / where the page goes")] = None,
    as_json: Json = False,
) -> None:
    """溯源：结论 ← 规则条款 ← 监测值与标记 ← 文件、行、列、原文 / why: value, rule, readings, file, row, raw text."""
    settings = Settings()
    chosen = chosen_districts(settings, [district] if district else None)
    moment = as_of_utc(as_of)
    if len(words) != (2 if indicator is None else 1):
        raise ExplainError(
            "请给出点位和日期，或 --district、--indicator 和年份 / give a site and a date, or --district, --indicator "
            "and a year"
        )
    if indicator is not None and (district is None or parameter is not None):
        raise ExplainError(
            "指标须给 --district，不给 --parameter / an indicator needs --district and takes no --parameter"
        )
    warehouse = opened(settings, read_only=True)
    with warehouse.read() as connection:
        if indicator is not None and district is not None:
            records = explain_plan(
                connection, chosen[district], indicator, words[0], as_of=moment, everything=everything
            )
            title = f"{chosen[district].name_zh} 指标 {indicator} {words[0]}"
        else:
            records = explain(
                connection,
                chosen,
                (words[0], words[1]),
                parameter=parameter,
                as_of=moment,
                everything=everything,
            )
            title = " ".join(part for part in (*words, parameter) if part)
    known = records[0]["known_at"] if records else known_at(moment)
    if as_html or out is not None:
        place = out or settings.home / "report" / "explain" / f"{_file_name(title)}.html"
        place.parent.mkdir(parents=True, exist_ok=True)
        options = {
            "--parameter": parameter,
            "--district": district,
            "--indicator": indicator,
            "--as-of": as_of,
        }
        told = [part for name, value in options.items() if value is not None for part in (name, str(value))]
        asked = shlex.join(["ecoplan", "explain", *words, *told, *(["--all"] if everything else [])])
        write_whole(place, explain_html(records, title=title, known_at=known, command=asked).encode())
        # beside --json the page's place must not be part of the answer
        typer.echo(str(place), err=as_json)
    if as_json:
        print_json(records)
    elif not (as_html or out is not None):
        console = new_console()
        show_chain(console, records, language=settings.language)
    if not records:
        typer.echo("没有记录 / nothing on record", err=True)
        raise typer.Exit(FINDINGS)


def _file_name(title: str) -> str:
    """Return a title as a file's name: no folder, nothing a shell or a file system minds."""
    return re.sub(r"[^\w.-]+", "_", title).strip("._") or "explain"
