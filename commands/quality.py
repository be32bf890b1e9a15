"""Commands about our own quality flags: what they say, and what other thresholds or expectations would turn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from commands.opened import opened
from commands.options import AsOf, Districts, Json
from commands.screen import print_json, show
from flows.answers.quality import flags_list, verdicts_list
from flows.answers.records import as_of_utc
from flows.run import chosen_districts
from flows.settings import Settings
from flows.what_if import WhatIfError, read_change, what_if
from quality.flags import Verdict, flag_rules

quality_app = typer.Typer(no_args_is_help=True, help="质控标记 / quality flags")

Toml = {"exists": True, "dir_okay": False}
Thresholds = Annotated[
    Path | None,
    typer.Option(
        "--thresholds",
        help="质控阈值（flag_tests.toml 的形式，可只写要改的）/ thresholds, those to be changed",
        **Toml,
    ),
]
Expectations = Annotated[
    Path | None,
    typer.Option("--expectations", help="物理范围或逐行判定 / ranges or row expectations", **Toml),
]

_FLAGS = (
    "site name parameter observed_at value unit provider_flag test_zh verdict_zh left_out_of delivery row"
)
#: kind -> title and the columns people are shown
_SHOWN = {
    "reading": ("将被隔离的监测值 / readings", "source site parameter period code readings first last"),
    "flag": (
        "将改变的质控标记 / flags",
        "site parameter period test old_verdict new_verdict readings first last",
    ),
    "section": ("断面 / sections", "site period_kind period old_label new_label old_worst new_worst"),
    "day": ("空气日 / days", "site day edition old_aqi new_aqi old_primary new_primary"),
    "outlet": ("排口 / outlets", "site parameter period_kind start old_verdict new_verdict"),
    "indicator": ("指标 / indicators", "indicator name period old_value new_value old_status new_status"),
    "episode": ("不再成立的预警 / episodes", "rule subject since until message"),
}


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.add_typer(quality_app, name="quality")


@quality_app.callback(invoke_without_command=True)
def quality(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option("--what-if", help="同 what-if --thresholds / as what-if --thresholds", **Toml),
    ] = None,
    district: Districts = None,
    as_json: Json = False,
) -> None:
    """质控标记：列出，或试算改动的影响 / quality flags: list them, or try a change."""
    if context.invoked_subcommand is None and file is not None:
        tried(file, None, district, as_json)


@quality_app.command("flags")
def listed(
    district: Annotated[str, typer.Option("--district", help="区划 / district key")],
    period: Annotated[str, typer.Option(help="2026-10 | 2026 | 2026-10-03")],
    site: Annotated[str | None, typer.Option(help="点位 / site key")] = None,
    test: Annotated[str | None, typer.Option(help="检验 / test key")] = None,
    least: Annotated[
        Literal["suspect", "bad"], typer.Option(help="自该判定起 / from this verdict on")
    ] = "suspect",
    everything: Annotated[
        bool, typer.Option("--all", help="每个监测值的全部判定 / every verdict of every reading")
    ] = False,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """列出可疑和坏的监测值 / list readings found suspect or bad."""
    known = [item.key for item in flag_rules().tests]
    if test is not None and test not in known:
        raise typer.BadParameter(f"没有检验 {test}，已有 / no such test, known: {', '.join(known)}")
    settings = Settings()
    chosen = chosen_districts(settings, [district])[district]
    if site is not None and site not in set(chosen.sites["key"]):
        raise typer.BadParameter(f"{district} 没有登记点位 {site} / has no registered site {site}")
    warehouse = opened(settings, read_only=True)
    moment = as_of_utc(as_of)
    with warehouse.read() as connection:
        if everything:
            records = verdicts_list(connection, chosen, period, site=site, as_of=moment)
        else:
            worst = Verdict.BAD if least == "bad" else Verdict.SUSPECT
            records = flags_list(connection, chosen, period, site=site, test=test, least=worst, as_of=moment)
    columns = list(records[0]) if everything and records else _FLAGS.split()
    show(records, as_json, columns, f"质控标记 {district} {period}")


@quality_app.command("what-if")
def tried(
    thresholds: Thresholds = None,
    expectations: Expectations = None,
    district: Districts = None,
    as_json: Json = False,
) -> None:
    """按别的阈值或判定规则重判历史，只看不写 / judge history by other rules; nothing is written."""
    try:
        change = read_change(thresholds, expectations)
    except WhatIfError as error:
        raise typer.BadParameter(str(error)) from error

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    records = what_if(Settings(), change, districts=district, tell=tell)
    if as_json:
        print_json(records)
    else:
        for kind, (title, columns) in _SHOWN.items():
            rows = [record for record in records if record["kind"] == kind]
            if rows:
                show(rows, as_json=False, columns=["district", *columns.split()], title=title)
        if not records:
            typer.echo("无变化 / nothing would turn")
