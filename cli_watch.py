"""`ecoplan watch`: whether the night came and ended; tells once when it did not."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated

import typer

from flows.dead_man import WatchSettingsError, as_lines, keep_watch
from flows.settings import Settings
from reports import terminal


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(watch)


def watch(
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], help="按此时刻检查（演练）/ look from this time"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """夜间运行是否按时开始并结束，否则告知一次 / whether the night came and ended, told once when not."""
    try:
        watched = keep_watch(Settings(), at=at, stream=sys.stderr if as_json else None)
    except WatchSettingsError as error:
        raise typer.BadParameter(str(error), param_hint="ECOPLAN_WATCH") from error
    if as_json:
        typer.echo(json.dumps(watched.records(), ensure_ascii=False, indent=1))
    else:
        for line in as_lines(watched):
            typer.echo(terminal.plain(line))
    raise typer.Exit(watched.exit_status)
