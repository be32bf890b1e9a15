"""Options that several commands share: the same word, the same help."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")]
District = Annotated[str, typer.Option("--district", help="区划 / district key")]
OneDistrict = Annotated[str | None, typer.Option("--district", help="区划，缺省为全部 / district key")]
Districts = Annotated[list[str] | None, typer.Option("--district", help="区划，缺省为全部 / district key")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="按该时点所知 / as known at this time")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="不写任何内容 / write nothing")]
Plain = Annotated[bool, typer.Option("--plain", help="不经 Prefect 直接运行 / without Prefect")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="日期 / date")]
By = Annotated[str | None, typer.Option(help="处理人，缺省为登录名 / who, default: the login name")]
