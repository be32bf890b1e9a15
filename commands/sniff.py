"""The command that tells what a file is before it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from commands.options import Json
from commands.screen import print_json
from flows.gather import files_of
from flows.run import FINDINGS
from flows.sniff import sniff_file


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(sniff)


def sniff(
    files: Annotated[list[Path], typer.Argument(help="文件或文件夹 / files or folders")],
    as_json: Json = False,
) -> None:
    """识别文件版式：是什么、有多确定、会载入什么 / which layout a file is, how sure, what it would load."""
    missing = [path for path in files if not path.exists()]
    if missing:
        raise typer.BadParameter(f"没有这个文件 {missing[0]} / no such file: {missing[0]}")
    found = [sniff_file(file) for path in files for file in files_of(path)]
    if as_json:
        print_json(found)
    else:
        console = Console(highlight=False)
        for record in found:
            _show(console, record)
    if any(record["source"] is None or record["problems"] for record in found):
        raise typer.Exit(FINDINGS)


def _show(console: Console, record: dict[str, object]) -> None:
    source = record["source"] or "未知版式 / unknown layout"
    lines = [f"{record['file']}: {source} ({record['confidence']:.0%})"]
    if record["cells"]:
        lines.append(
            f"  单元格 / cells {record['cells']}: 可入库 / to load {record['accepted']}, "
            f"隔离 / quarantined {record['quarantined']}, 空 / blank {record['blank']}; "
            f"{record['period_from']} … {record['period_to']}; {record['encoding']}"
        )
    if record["others"]:
        lines.append(f"  也可能是 / or perhaps: {record['others']}")
    lines += [f"  {problem}" for problem in str(record["problems"]).split("；") if problem]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
