"""The command that listens for HJ 212 frames of data loggers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from commands.options import Json
from commands.screen import print_json
from flows.listen import Listener, ListenError, listen_until_told
from flows.run import FAILED, chosen_districts
from flows.settings import Settings
from sources import hj212
from sources.catalogue import layout_of

#: what is told at the end, in its order
_WORDS = {
    "connections": "连接",
    "turned_away": "谢绝",
    "dropped": "中断",
    "bytes": "字节",
    "frames": "完好帧",
    "answers": "应答",
    "files": "文件",
}

_PORTS = {"min": 1, "max": 65535}


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(listen)


def listen(
    port: Annotated[int, typer.Option(help="端口 / port", **_PORTS)],
    district: Annotated[str, typer.Option(help="区划 / district key")],
    host: Annotated[
        str, typer.Option(help="监听地址，缺省仅本机 / address; default: this machine only")
    ] = "127.0.0.1",
    source: Annotated[str, typer.Option(help="来源（须为文件夹）/ source key, a folder")] = "hj212",
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0.0, help="监听多少秒，缺省直到停止 / seconds; default: until stopped"),
    ] = None,
    as_json: Json = False,
) -> None:
    """监听 HJ 212 数据传输：原样写入来源文件夹，由夜间任务读取 / keep HJ 212 frames for the nightly run."""
    settings = Settings()
    stated = chosen_districts(settings, [district])[district].source(source)
    if layout_of(source) is not hj212:
        raise typer.BadParameter(
            f"来源 {source} 不是 HJ 212 版式 / {source} has another layout; expected hj212"
        )
    if stated.remote:
        raise typer.BadParameter(
            f"来源 {source} 是网址，须为文件夹 / {source} is an address; expected a folder: {stated.location}"
        )
    listener = Listener(stated.folder(settings.base()), tell=lambda line: typer.echo(line, err=True))
    try:
        heard = asyncio.run(listen_until_told(listener, host, port, seconds))
    except ListenError as error:
        typer.echo(f"ecoplan: {error}", err=True)
        raise typer.Exit(FAILED) from error
    record = asdict(heard) | {"files": len(heard.files)}
    if as_json:
        print_json([record])
        return
    typer.echo("，".join(f"{zh} {record[key]}" for key, zh in _WORDS.items()))
