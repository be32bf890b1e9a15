"""The command that serves the pages people open from a message."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer

from alerts.links import ADDRESS, DEFAULT_HOURS, HOURS, SECRET, LinkError, Links, links_of
from flows.block_secrets import MachineSecrets
from flows.metrics import exposition
from flows.run import USAGE, chosen_districts
from flows.settings import Settings

_PORTS = {"min": 0, "max": 65535}


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="监听地址，缺省仅本机 / address; default: this machine only")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="端口 / port", **_PORTS)] = 8321,
    root_path: Annotated[
        str, typer.Option("--root-path", help="反向代理下的路径前缀 / path that a reverse proxy takes off")
    ] = "",
) -> None:
    """值班页面：由消息中的链接查看、签收、静默 / pages to see, acknowledge and silence by a message's link."""
    import uvicorn  # noqa: PLC0415 - needed by this command only

    from service.app import create_app  # noqa: PLC0415
    from service.desk import Desk  # noqa: PLC0415

    settings = Settings()
    try:
        links = _links(MachineSecrets(), f"http://{host}:{port}{root_path}")
    except LinkError as error:
        typer.echo(f"ecoplan: {error}", err=True)
        raise typer.Exit(USAGE) from error
    if not _is_loopback(host):
        typer.echo(
            "监听的不是本机地址：页面须置于提供 TLS 的反向代理之后 / not only this machine is served: put the pages "
            "behind a reverse proxy that speaks TLS",
            err=True,
        )
    desk = Desk(
        warehouse_url=settings.warehouse_url(),
        links=links,
        districts=chosen_districts(settings, None),
        language=settings.language,
        metrics=lambda connection: exposition(connection, settings.home),
    )
    typer.echo(f"值班页面 / pages: {links.address} ({host}:{port})", err=True)
    # addresses of pages hold tokens, so they are not written to a log
    uvicorn.run(
        create_app(desk, root_path=root_path),
        host=host,
        port=port,
        root_path=root_path,
        access_log=False,
        log_level="warning",
        server_header=False,
    )


def _links(secrets: MachineSecrets, own: str) -> Links:
    """Return the machine's links; without an address of its own that people call, the one served."""
    if SECRET not in secrets:
        raise LinkError(
            f"{SECRET} 未设置（环境变量或 Prefect block）/ is not set; make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    given = {
        SECRET: secrets[SECRET],
        ADDRESS: secrets.get(ADDRESS, own),
        HOURS: secrets.get(HOURS, str(DEFAULT_HOURS)),
    }
    links = links_of(given)
    if links is None:
        raise LinkError(f"{SECRET}: expected a secret")
    return links


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
