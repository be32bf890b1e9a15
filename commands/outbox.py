"""Commands about messages: what waits, what was given up, and trying that again."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import func, select

from alerts.dead_letters import dead_letters, retry_dead
from commands.opened import opened
from commands.options import Json, OneDistrict
from commands.screen import show
from flows.run import FINDINGS, chosen_districts
from flows.settings import Settings
from vocabulary.clock import now_utc, wall_time
from warehouse.schema import outbox

outbox_app = typer.Typer(no_args_is_help=True, help="发件箱 / messages")


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(outbox_app, name="outbox")


@outbox_app.command("list")
def listed(as_json: Json = False) -> None:
    """每个通道各状态的消息数 / messages by channel and state."""
    settings = Settings()
    columns = (outbox.c.district, outbox.c.channel, outbox.c.state)
    query = (
        select(*columns, func.count(), func.min(outbox.c.created_at), func.max(outbox.c.sent_at))
        .where(outbox.c.kind != "digest")
        .group_by(*columns)
        .order_by(*columns)
    )
    with opened(settings, read_only=True).read() as connection:
        records = [
            {
                "district": row[0],
                "channel": row[1],
                "state": row[2],
                "messages": int(row[3]),
                "oldest": wall_time(row[4]).isoformat(timespec="minutes"),
                "last_sent": None if row[5] is None else wall_time(row[5]).isoformat(timespec="minutes"),
            }
            for row in connection.execute(query)
        ]
    show(records, as_json, "发件箱 / outbox")


@outbox_app.command("dead")
def dead(
    district: OneDistrict = None,
    as_json: Json = False,
) -> None:
    """列出多次尝试后放弃的消息 / messages that were given up after many tries."""
    settings = Settings()
    if district is not None:
        chosen_districts(settings, [district])
    with opened(settings, read_only=True).read() as connection:
        records = dead_letters(connection, district)
    show(records, as_json, "放弃的消息 / given up")
    if records:
        raise typer.Exit(FINDINGS)


@outbox_app.command("retry")
def retry(
    keys: Annotated[list[str] | None, typer.Argument(help="消息编号，缺省全部 / keys; default: all")] = None,
) -> None:
    """再次发送已放弃的消息（随下次运行发出）/ let messages that were given up leave with the next run."""
    with opened(Settings(), read_only=False).begin() as connection:
        wanted = keys or [letter["key"] for letter in dead_letters(connection)]
        known = {letter["key"] for letter in dead_letters(connection)}
        strange = sorted(set(wanted) - known)
        if strange:
            raise typer.BadParameter(
                f"没有放弃的消息 {', '.join(strange)} / no such message was given up: {', '.join(strange)}"
            )
        count = retry_dead(connection, wanted, at=now_utc())
    typer.echo(f"{count} 条消息将随下次运行发出 / messages leave with the next run")
