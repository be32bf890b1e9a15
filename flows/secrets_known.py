"""Which secrets this machine's files ask for, and whether they are set; never what they are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from alerts.links import ADDRESS, SECRET
from alerts.rules import load_alerts
from flows.heartbeat import PING
from flows.telemetry import ADDRESSES
from vocabulary.district import District


def secrets_asked(
    districts: Mapping[str, District], environ: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Return one record a secret: its variable, whether it is set, and who asks for it.

    A Prefect block fills the same variable: the work pool's base job template names it in `env` as
    `{{ prefect.blocks.secret.<block> }}` (docs/operations.md, "Settings").
    """
    given = os.environ if environ is None else environ
    asked: dict[str, list[str]] = {}
    for name, who in _asked(districts):
        asked.setdefault(name, []).append(who)
    return [
        {
            "setting": name,
            "value": "已设置，不显示 / set, not shown" if given.get(name) else "未设置 / not set",
            "origin": "、".join(dict.fromkeys(who)),
        }
        for name, who in asked.items()
    ]


def _asked(districts: Mapping[str, District]) -> Iterator[tuple[str, str]]:
    yield PING, "心跳地址 heartbeat"
    yield SECRET, "消息链接 links"
    yield ADDRESS, "消息链接 links"
    yield ADDRESSES[0], "OpenTelemetry"
    for district in districts.values():
        for source in district.sources:
            if source.auth is not None:
                for name in (source.auth.user_env, source.auth.secret_env):
                    if name:
                        yield name, f"{district.key}/sources.toml {source.key}"
        for channel in load_alerts(Path(district.folder) / "alerts.toml").channels:
            for field, value in channel.model_dump().items():
                if field.endswith("_env") and value:
                    yield str(value), f"{district.key}/alerts.toml {channel.key}"
