"""What a command prints: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console

from flows.settings import Settings
from reports import terminal

#: columns of a table that is read by a program or kept in a file
_WIDTH = 160


def new_console() -> Console:
    """Return the console: as wide as the terminal, or of a fixed width where there is none."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False, soft_wrap=False)


def print_json(data: object) -> None:
    """Print data as JSON; dates and numbers of the warehouse as text."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str))


def show(
    records: Sequence[Mapping[str, Any]],
    as_json: bool = False,
    columns: str | Sequence[str] = "",
    title: str = "",
) -> None:
    """Print flat records as JSON, or as a table of the given columns (all of the first record where none is given)."""
    if as_json:
        print_json(list(records))
        return
    wanted = columns.split() if isinstance(columns, str) else list(columns)
    shown = wanted or (list(records[0]) if records else [])
    terminal.show_records(new_console(), records, shown, title=title, language=Settings().language)
