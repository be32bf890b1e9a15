"""`ecoplan watch`: whether the night came and ended; tells once when it did not."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated

import typer

from commands.options import Json
from commands.screen import print_json
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
    as_json: Json = False,
) -> None:
    """夜间运行是否按时开始并结束，否则告知一次 / whether the night came and ended, told once when not."""
    try:
        watched = keep_watch(Settings(), at=at, stream=sys.stderr if as_json else None)
    except WatchSettingsError as error:
        raise typer.BadParameter(str(error), param_hint="ECOPLAN_WATCH") from error
    if as_json:
        print_json(watched.records())
    else:
        for line in as_lines(watched):
            typer.echo(terminal.plain(line))
    raise typer.Exit(watched.exit_status)
