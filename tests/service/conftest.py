"""A warehouse with one open episode, the desk over it, and a client of the pages."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import NullPool

from service.desk import Desk
from tests.service.pages import EPISODE, LINKS, NOW, ROOT, Client, served
from vocabulary.district import load_district
from warehouse.engine import open_engine
from warehouse.schema import episode_steps, episodes


@pytest.fixture(scope="session")
def filled_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("service") / "filled.duckdb"
    open_engine(f"duckdb:///{path}").dispose()
    engine = create_engine(f"duckdb:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        number = connection.execute(insert(episodes).values(EPISODE).returning(episodes.c.id)).scalar_one()
        assert number == 1
        connection.execute(
            insert(episode_steps).values(
                episode_id=1, step="firing", at=dt.datetime(2026, 3, 31, 18), actor="ecoplan", note="queued"
            )
        )
    return path


@pytest.fixture
def warehouse_file(tmp_path: Path, filled_warehouse: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    shutil.copyfile(filled_warehouse, path)
    return path


@pytest.fixture
def desk(warehouse_file: Path) -> Desk:
    return Desk(
        warehouse_url=f"duckdb:///{warehouse_file}",
        links=LINKS,
        districts={"chiping": load_district(ROOT / "districts" / "chiping")},
        clock=lambda: NOW,
        wait=0.2,
    )


@pytest.fixture
def client(desk: Desk) -> Iterator[Client]:
    with served(desk) as address, Client(address) as client:
        yield client
