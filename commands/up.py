"""`ecoplan up`, `sweep`, `maintain`: what keeps a machine running beside the nights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from commands.options import Day, Districts, DryRun, Json
from commands.screen import new_console, print_json
from flows.night import sweep_once
from flows.run import FAILED
from flows.settings import Settings
from flows.upkeep import keep_up
from reports import terminal


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command()(up)
    app.command()(sweep)
    app.command()(maintain)


def up(
    systemd: Annotated[
        Path | None, typer.Option(help="只写 systemd 单元到此文件夹 / only write systemd units there")
    ] = None,
    host: Annotated[str, typer.Option(help="服务监听地址 / address of the server")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="服务端口 / port of the server")] = 4200,
    workers: Annotated[int, typer.Option(min=1, max=64, help="工作进程数 / workers")] = 1,
) -> None:
    """启动 Prefect 服务、部署与工作进程，直到 Ctrl-C / server, deployments and workers until Ctrl-C."""
    from flows.up import Machine, UpError, run_up, write_units  # noqa: PLC0415  # only this command needs it

    machine = Machine(Settings(), host, port, workers)
    if systemd is not None:
        for path in write_units(machine, systemd):
            typer.echo(str(path))
        return
    try:
        run_up(machine, lambda line: typer.echo(terminal.plain(line)))
    except UpError as error:
        typer.echo(f"ecoplan: {terminal.plain(str(error))}", err=True)
        raise typer.Exit(FAILED) from error


def sweep(
    date: Day = None,
    district: Districts = None,
) -> None:
    """每小时：地表水与排口的新数据、判定、预警、催办 / every hour: what is new of water and outlets."""
    console = new_console()
    run, status = sweep_once(
        Settings(),
        run_date=date and date.date(),
        districts=district,
        tell=lambda line: console.print(line, style="dim", markup=False),
    )
    terminal.show_run(console, run.summary.as_dict(), language=run.settings.language)
    raise typer.Exit(status)


def maintain(
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """压实仓库、清理旧结果、备份到 ECOPLAN_BACKUPS / compact, drop old results, back up."""
    done = keep_up(Settings(), dry_run=dry_run)
    if as_json:
        print_json(done.as_record())
    else:
        terminal.show_facts(Console(highlight=False), done.as_record())
