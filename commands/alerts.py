"""Commands about alerts: what is open, what people do to it, silences, tests of channels, and replay of a rule."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import typer

from alerts.acts import acknowledge, record_test, resolve, silence, unsilence
from alerts.channels import build_channels
from alerts.notices import send_tests
from alerts.query import list_episodes, show_episode
from alerts.silences import list_silences
from commands.opened import reading, writing
from commands.options import AsOf, By, Json, OneDistrict
from commands.screen import new_console, print_json, show
from flows.alert.record import settings_of
from flows.alert.replay import replay_alerts
from flows.answers.alerts import list_episodes_as_of, show_episode_as_of
from flows.answers.records import as_of_utc
from flows.block_secrets import MachineSecrets
from flows.run import DONE, FAILED, chosen_districts
from flows.settings import Settings
from reports import terminal
from vocabulary.clock import now_utc

alerts_app = typer.Typer(no_args_is_help=True, help="预警事件 / episodes")

Id = Annotated[int, typer.Argument(help="编号 / id")]
Note = Annotated[str, typer.Option(help="说明 / note")]
State = Literal["pending", "firing", "acknowledged", "resolved", "annulled"]
Day = {"formats": ["%Y-%m-%d"]}

_SILENCES = "id district rule subject owner reason starts_at ends_at ended_by ended_at in_force"
_REPLAY = "district rule week firing resolved reminders escalations messages held"


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(alerts_app, name="alerts")


@alerts_app.command("list")
def listed(
    district: OneDistrict = None,
    state: Annotated[State | None, typer.Option(help="状态 / state")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """列出预警事件 / list episodes."""
    moment = as_of_utc(as_of)
    with reading(district) as (connection, districts):
        if moment is None:
            records = list_episodes(connection, district, state)
        else:
            records = list_episodes_as_of(connection, districts, moment, state)
    if as_json:
        print_json(records)
    else:
        terminal.show_episodes(new_console(), records, language=Settings().language)


@alerts_app.command("show")
def shown(identity: Id, as_of: AsOf = None, as_json: Json = False) -> None:
    """一个预警事件的全部证据 / one episode with its evidence."""
    moment = as_of_utc(as_of)
    with reading(None) as (connection, districts):
        if moment is None:
            record = show_episode(connection, identity)
        else:
            record = show_episode_as_of(connection, districts, identity, moment)
    if as_json:
        print_json(record)
    else:
        terminal.show_facts(new_console(), record)


@alerts_app.command("ack")
def acknowledged(identity: Id, note: Note = "", by: By = None, as_json: Json = False) -> None:
    """签收：有人负责，不再提醒和升级 / acknowledge: no reminder, no escalation."""
    with writing() as connection:
        acted = acknowledge(connection, identity, actor=by or _login(), note=note, at=now_utc(), via="cli")
        record = show_episode(connection, identity)
    if not acted.first:
        typer.echo(
            f"已由 {acted.actor} 于 {acted.wall} 签收 / acknowledged before by {acted.actor} at {acted.wall}",
            err=True,
        )
    _show_one(record, as_json)


@alerts_app.command("resolve")
def resolved(
    identity: Id,
    note: Annotated[str, typer.Option(help="理由 / why")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """人工解除，写明理由；加重或再次出现时重新预警 / close by hand, with the reason."""
    with writing() as connection:
        resolve(connection, identity, actor=by or _login(), note=note, at=now_utc(), via="cli")
        record = show_episode(connection, identity)
    _show_one(record, as_json)


@alerts_app.command("silence")
def silenced(
    reason: Annotated[str | None, typer.Option(help="理由；不给则列出静默 / why; without: list")] = None,
    district: OneDistrict = None,
    rule: Annotated[str, typer.Option(help="规则，缺省为全部 / rule; default: any")] = "",
    subject: Annotated[str, typer.Option(help="对象，缺省为全部 / subject; default: any")] = "",
    until: Annotated[
        str | None, typer.Option(help="结束：2026-04-02T08:00，或日期（当日 24 时）/ end")
    ] = None,
    hours: Annotated[int | None, typer.Option(min=1, help="时长，小时 / hours from now")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """静默一段时间，写明负责人、理由、结束；无 --reason 时列出静默 / hold messages for a while, or list silences."""
    if reason is None:
        with reading(district) as (connection, districts):
            show(list_silences(connection, list(districts), now_utc()), as_json, _SILENCES, "静默")
        return
    if district is None:
        raise typer.BadParameter("静默须指明区划 / a silence needs its district: --district")
    if (until is None) == (hours is None):
        raise typer.BadParameter("--until 与 --hours 须给且只给一个 / give one of --until and --hours")
    known = chosen_districts(Settings(), [district])[district]
    if rule:
        settings_of(known).rule(rule)
    now = now_utc()
    end = now + timedelta(hours=hours) if hours is not None else as_of_utc(until)
    with writing() as connection:
        silence(
            connection,
            district=district,
            rule=rule,
            subject=subject,
            owner=by or _login(),
            reason=reason,
            ends_at=end or now,
            at=now,
            via="cli",
        )
        records = list_silences(connection, [district], now)
    show([record for record in records if record["in_force"]], as_json, _SILENCES, "静默")


@alerts_app.command("unsilence")
def unsilenced(identity: Id, note: Note = "", by: By = None, as_json: Json = False) -> None:
    """提前结束静默 / end a silence before its end."""
    now = now_utc()
    with writing() as connection:
        unsilence(connection, identity, actor=by or _login(), note=note, at=now, via="cli")
        districts = list(chosen_districts(Settings(), None))
        records = list_silences(connection, districts, now)
    show([record for record in records if record["id"] == identity], as_json, _SILENCES, "静默")


@alerts_app.command("test")
def sent_as_tests(district: OneDistrict = None, by: By = None, as_json: Json = False) -> None:
    """经每个通道发送一条标明“测试”的消息 / send a marked test through each channel."""
    settings, actor, now = Settings(), by or _login(), now_utc()
    records = []
    for key, found in chosen_districts(settings, [district] if district else None).items():
        # standard output is JSON's own when it is asked for
        stream = sys.stderr if as_json else None
        channels = build_channels(settings_of(found), settings.home, stream=stream, environ=MachineSecrets())
        results = send_tests(channels, district=key, district_name=found.name_zh, actor=actor, at=now)
        records += [
            {"district": key, "channel": item.channel, "kind": item.kind, "error": item.error}
            for item in results
        ]
        said = ", ".join(f"{item.channel}: {item.error or 'ok'}" for item in results)
        with writing() as connection:
            record_test(connection, district=key, actor=actor, note=said, at=now)
    show(records, as_json, "district channel kind error", "测试")
    raise typer.Exit(FAILED if any(record["error"] for record in records) else DONE)


@alerts_app.command("replay")
def replayed(
    from_: Annotated[datetime, typer.Option("--from", help="首日 / first day", **Day)],
    to: Annotated[datetime, typer.Option("--to", help="末日 / last day", **Day)],
    rule: Annotated[str | None, typer.Option(help="规则，缺省为全部 / rule; default: all")] = None,
    district: OneDistrict = None,
    as_json: Json = False,
) -> None:
    """回放：这段时间里规则会发出多少消息，按周计数，不写任何内容 / what would a rule have sent, by week."""
    if to < from_:
        raise typer.BadParameter("末日早于首日 / the last day is before the first")
    with reading(district) as (connection, districts):
        records = replay_alerts(connection, districts, from_.date(), to.date(), rule_id=rule)
    show(records, as_json, _REPLAY, "回放")


def _login() -> str:
    """Return the login name; '' where the machine knows none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _show_one(record: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        terminal.show_episodes(new_console(), [record], language=Settings().language)
