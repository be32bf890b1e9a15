"""`ecoplan standards`: which rules there are, from when to when, and what they say."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.options import Json
from commands.screen import new_console, print_json, show
from indicators.registry import load_standards
from reports import terminal

standards_app = typer.Typer(no_args_is_help=True, help="标准 / standards")


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(standards_app, name="standards")


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
