"""Messages on the command line: counted, those given up listed, tried again; the pages refuse to start without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alerts.queueing import queue_messages
from tests.alerts.receiving import waiting
from tests.cli.conftest import Ecoplan
from warehouse.engine import open_engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A warehouse with a message given up, one in a digest that was given up, and one sent."""
    file = tmp_path / "ecoplan.duckdb"
    open_engine(f"duckdb:///{file}").dispose()
    engine = create_engine(f"duckdb:///{file}", poolclass=NullPool)
    with engine.begin() as connection:
        queue_messages(
            connection,
            [
                waiting(1, state="dead", attempts=9, last_error="down"),
                waiting(2, state="dead", told_by="digest:1"),
                waiting(3, state="sent"),
                waiting(4, idempotency_key="digest:1", kind="digest", state="dead", episode_id=None),
            ],
        )
    monkeypatch.setenv("ECOPLAN_HOME", str(tmp_path))
    return tmp_path


def test_what_was_given_up_is_listed_and_tried_again(home: Path, ecoplan: Ecoplan) -> None:
    listed = ecoplan(None, "outbox", "list", "--json")
    assert {(row["state"], row["messages"]) for row in listed.json} == {("dead", 2), ("sent", 1)}
    dead = ecoplan(None, "outbox", "dead", "--json")
    assert dead.status == 1, "a person is needed"
    assert [(row["kind"], row["tells"], row["last_error"]) for row in dead.json] == [
        ("episode", 1, "down"),
        ("digest", 1, ""),
    ]
    strange = ecoplan(None, "outbox", "retry", "no such key")
    assert (strange.status, "没有放弃的消息 no such key" in strange.err) == (2, True)
    assert ecoplan(None, "outbox", "retry", dead.json[0]["key"]).out.startswith("1 条消息")
    assert ecoplan(None, "outbox", "retry").out.startswith("1 条消息")
    assert ecoplan(None, "outbox", "dead", "--json").json == []
    states = {(row["state"], row["messages"]) for row in ecoplan(None, "outbox", "list", "--json").json}
    assert states == {("waiting", 1), ("bundled", 1), ("sent", 1)}


@pytest.mark.parametrize(
    ("secret", "said"),
    [("", "ECOPLAN_LINK_SECRET 未设置"), ("hunter2", "ECOPLAN_LINK_SECRET: 至少 32 个字符")],
)
def test_the_pages_do_not_start_without_a_secret(
    home: Path, ecoplan: Ecoplan, monkeypatch: pytest.MonkeyPatch, secret: str, said: str
) -> None:
    monkeypatch.setenv("ECOPLAN_LINK_SECRET", secret)
    answer = ecoplan(None, "serve", "--port", "0")
    assert answer.status == 2
    assert said in answer.err
    assert "hunter2" not in answer.err
