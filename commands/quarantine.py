"""Commands about the quarantine: what was turned away, and its appeal: replay, dismiss, reopen."""

from __future__ import annotations

import getpass
from typing import Annotated, Literal

import typer

from commands.opened import opened, reading
from commands.options import AsOf, By, DryRun, Json, OneDistrict
from commands.screen import new_console, print_json, show
from flows.answers.quarantine import quarantine_list, quarantine_show, quarantine_weeks
from flows.answers.records import as_of_utc
from flows.replay import Choice, replay
from flows.run import DONE
from flows.settings import Settings
from reports import terminal
from vocabulary.clock import now_utc
from vocabulary.reasons import reasons
from warehouse.appeal import STATES, dismiss, reopen

quarantine_app = typer.Typer(no_args_is_help=True, help="隔离区 / quarantine")

Code = Annotated[str | None, typer.Option(help="原因代码 / reason code")]
Ids = Annotated[list[int], typer.Argument(help="编号 / ids")]

_LISTED = "id district source delivery row column site parameter observed_at raw code state reason_zh"
_REPLAYED = (
    "district source delivery renamed cells new revised unchanged duplicate blank quarantined left sites "
    "parameters first_day last_day reason_zh"
)


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
def listed(
    district: OneDistrict = None,
    code: Code = None,
    state: Annotated[
        Literal["open", "dismissed", "replayed", "all"], typer.Option(help="状态 / state")
    ] = "open",
    by_week: Annotated[
        bool, typer.Option("--by-week", help="按来源和 ISO 周计数 / counted by source and ISO week")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="条数 / how many")] = 200,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """列出隔离的单元格及原因 / list quarantined cells with their reasons."""
    _known_code(code)
    states = STATES if state == "all" else (state,)
    with reading(district) as (connection, districts):
        moment = as_of_utc(as_of)
        if by_week:
            counted = quarantine_weeks(connection, list(districts), as_of=moment)
            records = [
                record
                for record in counted
                if record["state"] in states and (code is None or record["code"] == code)
            ]
        else:
            records = quarantine_list(
                connection, district, code=code, states=states, limit=limit, as_of=moment
            )
    shown = "district source week code state cells deliveries reason_zh" if by_week else _LISTED
    show(records, as_json, shown.split(), "隔离区")


@quarantine_app.command("show")
def shown(
    identity: Annotated[int, typer.Argument(help="编号 / id")], as_of: AsOf = None, as_json: Json = False
) -> None:
    """一个隔离单元格的原文、出处与处理经过 / one quarantined cell: raw text, place, reason, what became of it."""
    with reading(None) as (connection, _):
        record = quarantine_show(connection, identity, as_of=as_of_utc(as_of))
    if record is None:
        raise typer.BadParameter(f"没有编号 {identity} / no such id: {identity}")
    if as_json:
        print_json(record)
    else:
        terminal.show_facts(new_console(), record)


@quarantine_app.command("replay")
def replayed(
    ids: Annotated[list[int] | None, typer.Argument(help="编号，缺省为全部 / ids; default: all")] = None,
    district: OneDistrict = None,
    source: Annotated[str | None, typer.Option(help="来源 / source key")] = None,
    code: Code = None,
    delivery: Annotated[
        str | None,
        typer.Option(help="交付名或哈希前 8 位以上 / name of a delivery, or 8 or more of its hash"),
    ] = None,
    why: Annotated[str, typer.Option(help="缘由，如修正了哪个别名 / what was put right")] = "",
    by: By = None,
    notify: Annotated[bool, typer.Option("--notify", help="照常发送预警 / send alerts")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """规则、别名或名录修正后重判隔离的单元格 / judge again what was turned away, once a rule was put right."""
    _known_code(code)
    chosen = Choice(frozenset(ids or ()), source, code, delivery)
    console = new_console()

    def tell(line: str) -> None:
        if not as_json:
            console.print(line, style="dim", markup=False)

    run, status, records = replay(
        Settings(),
        chosen,
        districts=[district] if district else None,
        notify=notify,
        dry_run=dry_run,
        by=by or _login(),
        why=why,
        tell=tell,
    )
    titles = {
        "zh": "重放（试算，未写入）" if dry_run else "重放",
        "en": "replay (dry run)" if dry_run else "replay",
    }
    show(records, as_json, _REPLAYED.split(), titles[run.settings.language])
    for line in [*run.summary.failures, *(item.failure for item in run.summary.sources if item.failure)]:
        typer.echo(f"ecoplan: {terminal.plain(line)}", err=True)
    raise typer.Exit(status)


@quarantine_app.command("dismiss")
def dismissed(
    ids: Ids,
    why: Annotated[str, typer.Option(help="理由 / why")],
    by: By = None,
    undo: Annotated[bool, typer.Option("--undo", help="撤销驳回 / undo the dismissal")] = False,
    as_json: Json = False,
) -> None:
    """驳回隔离的单元格，写明理由，可撤销 / dismiss cells with a reason; it can be undone."""
    settings = Settings()
    warehouse = opened(settings, read_only=False)
    step = reopen if undo else dismiss
    with warehouse.begin() as connection:
        step(connection, ids, why=why, by=by or _login(), now=now_utc())
        records = [quarantine_show(connection, identity) for identity in sorted(set(ids))]
    found = [record for record in records if record is not None]
    show(found, as_json, _LISTED.split(), "隔离区")
    raise typer.Exit(DONE)


def _login() -> str:
    """Return the login name; '' where the machine knows none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _known_code(code: str | None) -> None:
    if code is not None and code not in reasons():
        raise typer.BadParameter(
            f"没有原因代码 {code}，已有 / no such reason code, known: {', '.join(sorted(reasons()))}"
        )
