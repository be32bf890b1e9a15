from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from flows import block_secrets
from flows.block_secrets import MachineSecrets, block_name, links_into_environment
from flows.secrets_known import secrets_asked


class Blocks:
    """Prefect's Secret, without a server."""

    def __init__(self, **blocks: str) -> None:
        self.blocks = blocks
        self.asked: list[str] = []
        self.fault: Exception | None = None

    def load(self, name: str, *, _sync: bool) -> Blocks:
        assert _sync
        self.asked.append(name)
        if self.fault is not None:
            raise self.fault
        if name.replace("-", "_") not in self.blocks:
            raise ValueError(f"no block {name}")
        found = Blocks(**self.blocks)
        found.get = lambda: self.blocks[name.replace("-", "_")]  # type: ignore[attr-defined]
        return found


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Blocks]:
    def make(**held: str) -> Blocks:
        made = Blocks(**held)
        monkeypatch.setattr("prefect.blocks.system.Secret", made)
        return made

    return make


SERVER = {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}


def test_the_environment_comes_before_a_block(blocks: Callable[..., Blocks]) -> None:
    held = blocks(ecoplan_channel_duty="from a block", ecoplan_hook_url="from a block too")
    secrets = MachineSecrets(SERVER | {"ECOPLAN_CHANNEL_DUTY": "from the environment"})
    assert secrets["ECOPLAN_CHANNEL_DUTY"] == "from the environment"
    assert secrets.get("ECOPLAN_HOOK_URL") == "from a block too"
    assert secrets.get("ECOPLAN_HOOK_URL") == "from a block too"
    assert held.asked == [block_name("ECOPLAN_HOOK_URL")] == ["ecoplan-hook-url"], "asked once"
    assert "from a block" not in repr(secrets)
    assert secrets.origin("ECOPLAN_CHANNEL_DUTY") == "环境变量 ECOPLAN_CHANNEL_DUTY"
    assert secrets.origin("ECOPLAN_HOOK_URL") == "Prefect block ecoplan-hook-url"


def test_what_neither_knows_is_missing(blocks: Callable[..., Blocks]) -> None:
    blocks()
    secrets = MachineSecrets(SERVER)
    assert "ECOPLAN_HOOK_URL" not in secrets
    assert secrets.get("ECOPLAN_HOOK_URL", "none") == "none"
    assert secrets.origin("ECOPLAN_HOOK_URL") == "未设置 not set"
    with pytest.raises(KeyError):
        secrets["ECOPLAN_HOOK_URL"]


def test_without_a_server_no_block_is_asked(blocks: Callable[..., Blocks]) -> None:
    held = blocks(ecoplan_hook_url="x")
    assert "ECOPLAN_HOOK_URL" not in MachineSecrets({})
    assert held.asked == []


def test_a_server_that_does_not_answer_is_said_and_stops_nothing(
    blocks: Callable[..., Blocks], caplog: pytest.LogCaptureFixture
) -> None:
    held = blocks(ecoplan_hook_url="hunter2")
    held.fault = RuntimeError("Failed to reach API at http://user:hunter2@host")
    with caplog.at_level(logging.WARNING, logger=block_secrets.__name__):
        assert "ECOPLAN_HOOK_URL" not in MachineSecrets(SERVER)
    assert "ecoplan-hook-url 无法读取" in caplog.text
    assert "hunter2" not in caplog.text


def test_links_find_the_secret_of_a_block(
    blocks: Callable[..., Blocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks(ecoplan_link_secret="s" * 40, ecoplan_service_url="https://blocks.example.cn")
    monkeypatch.setenv("PREFECT_API_URL", SERVER["PREFECT_API_URL"])
    monkeypatch.setenv("ECOPLAN_SERVICE_URL", "https://eco.example.cn")
    # so that what is set here is taken back afterwards
    monkeypatch.setenv("ECOPLAN_LINK_SECRET", "")
    links_into_environment()
    assert block_secrets.os.environ["ECOPLAN_LINK_SECRET"] == "s" * 40
    assert block_secrets.os.environ["ECOPLAN_SERVICE_URL"] == "https://eco.example.cn"


def test_doctor_says_in_which_block_a_secret_is_and_not_what_it_is(blocks: Callable[..., Blocks]) -> None:
    held = blocks(ecoplan_service_url="hunter2", ecoplan_ping="https://ping.example.cn/hunter2")
    said = {row["setting"]: row["value"] for row in secrets_asked({}, SERVER | {"ECOPLAN_LINK_SECRET": "x"})}
    assert said["ECOPLAN_SERVICE_URL"].endswith("Prefect block ecoplan-service-url")
    assert said["ECOPLAN_LINK_SECRET"].endswith("set, not shown")
    # nights read it from the environment alone, which a work pool may fill from a block
    assert said["ECOPLAN_PING"] == "未设置 / not set"
    assert "ecoplan-ping" not in held.asked
    assert "hunter2" not in str(said)
