"""Moving a warehouse between the engines: nothing is lost, and what arrived goes on working."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import delete, func, inspect, select, text

from tests.conftest import fresh_postgres
from tests.warehouse.filling import fill, go_on
from tests.warehouse.old_warehouse import old_warehouse
from warehouse import bulk
from warehouse import transfer as moving
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse
from warehouse.schema import deliveries, outbox, runs
from warehouse.transfer import MOVED, TransferError, fill_tables, pieces, transfer


def _file(folder: Path, name: str) -> Warehouse:
    return Warehouse(f"duckdb:///{folder / name}")


def _everything(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, ids and known-at times included."""
    found = {}
    with warehouse.read() as connection:
        for table in MOVED:
            frames = list(pieces(connection, table))
            frame = pd.concat(frames) if frames else pd.DataFrame()
            rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
            found[table.name] = sorted(map(repr, rows))
    return found


@pytest.mark.postgres
def test_to_the_server_and_back_keeps_every_row(
    tmp_path: Path, postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SLICE_ROWS", 50)  # the readings go over in several pieces
    first, server, back = (
        _file(tmp_path, "a.duckdb"),
        fresh_postgres(postgres_uri),
        _file(tmp_path, "b.duckdb"),
    )
    sha256 = fill(first)
    there = transfer(first, server)
    assert there["dump_sha256"] == sha256
    assert there["rows"]["readings"] == 242
    assert all(
        count for name, count in there["rows"].items() if name in ("outbox", "runs", "flags", "pull_marks")
    )
    assert transfer(server, back)["dump_sha256"] == sha256
    assert _everything(first) == _everything(server) == _everything(back)
    for warehouse in (server, back):
        go_on(warehouse)
        with warehouse.read() as connection:
            assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 3
            assert connection.execute(select(func.max(outbox.c.id))).scalar_one() > 1


def test_a_target_that_holds_anything_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    source = _file(tmp_path, "source.duckdb")
    fill(source)
    fill(warehouse)
    with pytest.raises(TransferError, match="不是空的"):
        transfer(source, warehouse)


def test_what_does_not_arrive_whole_is_not_kept(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _file(tmp_path, "source.duckdb")
    fill(source)
    # the target loses a row between its arrival and the proof
    monkeypatch.setattr(moving, "prove_arrived", _losing(moving.prove_arrived))
    with pytest.raises(TransferError, match="runs"):
        transfer(source, warehouse)
    with warehouse.read() as connection:
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 0


def _losing(prove):
    def losing(connection, *given) -> None:
        connection.execute(delete(runs))
        prove(connection, *given)

    return losing


def test_a_warehouse_is_not_moved_onto_itself(tmp_path: Path) -> None:
    source = _file(tmp_path, "a.duckdb")
    sha256 = fill(source)
    with pytest.raises(TransferError, match="same"):
        transfer(source, source)
    with source.read() as connection:
        assert dump_sha256(connection) == sha256


def test_tables_of_an_older_version_are_filled_and_migrated(warehouse: Warehouse, tmp_path: Path) -> None:
    old = _file(tmp_path, "old.duckdb")
    before = old_warehouse(old)
    with old.bare_engine().connect() as connection:
        there = set(inspect(connection).get_table_names())
        for table in (table for table in MOVED if table.name in there):
            frame = bulk.fetch(connection, select(text("*")).select_from(table))
            if len(frame):
                (tmp_path / table.name).mkdir()
                frame.to_parquet(tmp_path / table.name / "00000.parquet")
    fill_tables(warehouse, tmp_path, version=1, sha256=before)
    with warehouse.read() as connection:
        assert dump_sha256(connection) == before
    go_on(warehouse)
