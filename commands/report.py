"""The command that builds the static site from the warehouse as it is."""

from __future__ import annotations

import json
import webbrowser
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, select

from commands.opened import opened
from commands.options import Json
from commands.screen import print_json
from flows.run import chosen_districts
from flows.settings import Settings
from flows.site.build import build_site
from warehouse.engine import WarehouseError
from warehouse.schema import runs


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("report")(report)


def report(
    out: Annotated[Path | None, typer.Option("--out", help="输出文件夹 / folder of the site")] = None,
    show: Annotated[bool, typer.Option("--open", help="在浏览器中打开 / open in a browser")] = False,
    as_json: Json = False,
) -> None:
    """生成静态站点：总览、断面、空气、排放、数据质量 / build the static site."""
    settings = Settings()
    warehouse = opened(settings, read_only=True)
    districts = chosen_districts(settings, None)
    with warehouse.read() as connection:
        summary = _last_run(connection)
        day = date.fromisoformat(summary["run_date"])
        built = build_site(connection, settings.home, districts, summary, day, folder=out)
    record = {
        "index": str(built.index),
        "written": len(built.written.written),
        "kept": built.written.kept,
        "removed": len(built.written.removed),
        "seconds": built.seconds,
    }
    if as_json:
        print_json(record)
    else:
        typer.echo(
            f"{record['index']}：写入 {record['written']} 个文件，未变 {record['kept']} 个，删除 {record['removed']} 个，"
            f"{record['seconds']:.1f} 秒 / {record['written']} files written, {record['kept']} the same, "
            f"{record['removed']} removed"
        )
    if show:
        webbrowser.open(built.index.resolve().as_uri())


def _last_run(connection: Connection) -> dict[str, Any]:
    """Return the summary of the latest run that ended with one."""
    query = select(runs.c.summary).where(runs.c.summary != "").order_by(runs.c.ended_at.desc()).limit(1)
    text = connection.execute(query).scalar_one_or_none()
    if text is None:
        raise WarehouseError(
            "还没有一次完整的运行，请先运行 ecoplan nightly / no run has ended yet, run ecoplan nightly first"
        )
    found: dict[str, Any] = json.loads(text)
    return found
