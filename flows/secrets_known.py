"""Which secrets this machine's files ask for, and whether they are set; never what they are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from alerts.links import ADDRESS, SECRET
from alerts.rules import load_alerts
from flows.block_secrets import MachineSecrets
from flows.heartbeat import PING
from flows.telemetry import ADDRESSES
from vocabulary.district import District


def secrets_asked(
    districts: Mapping[str, District], environ: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """Return one record a secret: its variable, whether it is set, and who asks for it.

    A Prefect block fills the same variable: the work pool's base job template names it in `env` as
    `{{ prefect.blocks.secret.<block> }}` (docs/operations.md, "Settings"). Those of channels and links are looked
    for in a block of their own name as well (`flows.block_secrets`).
    """
    given = os.environ if environ is None else environ
    blocks = MachineSecrets(given)
    asked: dict[str, list[str]] = {}
    in_blocks = set()
    for name, who, also_in_block in _asked(districts):
        asked.setdefault(name, []).append(who)
        if also_in_block:
            in_blocks.add(name)
    return [
        {
            "setting": name,
            "value": _said(name, given, blocks if name in in_blocks else None),
            "origin": "、".join(dict.fromkeys(who)),
        }
        for name, who in asked.items()
    ]


def _said(name: str, given: Mapping[str, str], blocks: MachineSecrets | None) -> str:
    """Say whether a secret is set, and in which block when it is not set in the environment."""
    if given.get(name):
        return "已设置，不显示 / set, not shown"
    if blocks is not None and name in blocks:
        return f"已设置，不显示 / set, not shown: {blocks.origin(name)}"
    return "未设置 / not set"


def _asked(districts: Mapping[str, District]) -> Iterator[tuple[str, str, bool]]:
    """Yield name, who asks, and whether a block of that name is asked as well."""
    yield PING, "心跳地址 heartbeat", False
    yield SECRET, "消息链接 links", True
    yield ADDRESS, "消息链接 links", True
    yield ADDRESSES[0], "OpenTelemetry", False
    for district in districts.values():
        for source in district.sources:
            if source.auth is not None:
                for name in (source.auth.user_env, source.auth.secret_env):
                    if name:
                        yield name, f"{district.key}/sources.toml {source.key}", False
        for channel in load_alerts(Path(district.folder) / "alerts.toml").channels:
            for field, value in channel.model_dump().items():
                if field.endswith("_env") and value:
                    yield str(value), f"{district.key}/alerts.toml {channel.key}", True
