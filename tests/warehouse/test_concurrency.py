"""Several at once: two writers, readers beside a writer, ids, and locks that a killed process gives back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import insert, select, text

from flows.night import fill_back, night
from tests.conftest import fresh_postgres
from tests.flows.slices import ROOT, Slice, proof_of, sure_hash, tiny_slice
from tests.warehouse.filling import fill, message
from tests.warehouse.loading import no_rejects, readings, unit
from vocabulary.reading import REJECT_DTYPES
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse, WarehouseBusyError
from warehouse.load import known_units, load_batch, mark_range
from warehouse.schema import deliveries, episodes, outbox, quarantine, series, stale_days
from warehouse.snapshot import publish_snapshot

T0 = datetime(2025, 7, 1)
_HOLD = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(60)"


@contextmanager
def _held(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the embedded file open for writing."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        try:
            yield process
        finally:
            process.kill()


def _url(warehouse: Warehouse) -> str:
    return warehouse.url.render_as_string(hide_password=False)


# two commands at once ---------------------------------------------------------------------------------

_COMMAND = (
    "import sys, cli, quality.judge, great_expectations\n"
    "print('ready', flush=True); sys.stdin.readline(); cli.main()"
)
_NIGHT = ("nightly", "--plain")
_BACK = ("backfill", "--from", "2025-03-10", "--to", "2026-03-25", "--district", "chiping", "--plain")


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory: pytest.TempPathFactory) -> tuple[Slice, str]:
    """A tiny slice, and the hash of a night and then a backfill over it."""
    made = tiny_slice(tmp_path_factory.mktemp("tiny"))
    night(made.settings())
    fill_back(made.settings(), first=date(2025, 3, 10), last=date(2026, 3, 25), districts=["chiping"])
    return made, sure_hash(made.settings())


@pytest.mark.parametrize(
    "engine", ["duckdb", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.thorough])]
)
def test_a_night_and_a_backfill_at_once_give_what_one_after_the_other_gives(
    engine: str,
    one_after_the_other: tuple[Slice, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    made, sha256 = one_after_the_other
    url = f"duckdb:///{tmp_path / 'home' / 'ecoplan.duckdb'}"
    if engine == "postgresql":
        url = _url(fresh_postgres(request.getfixturevalue("postgres_uri")))
    given = made.environment(tmp_path / "home") | {"ECOPLAN_WAREHOUSE": url, "PYTHONWARNINGS": "ignore"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _COMMAND, *command],
            cwd=ROOT,
            env=os.environ | given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in (_NIGHT, _BACK)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        said, _ = process.communicate(timeout=120)
        assert process.returncode in (0, 1), said
    proof = proof_of(made.settings(tmp_path / "home", warehouse=url))
    assert proof["failures"] == []
    assert (proof["deliveries"], proof["dump_sha256"]) == (5, sha256)


# writers on the server --------------------------------------------------------------------------------


def _rejects() -> pd.DataFrame:
    row = dict.fromkeys(REJECT_DTYPES, "") | {"observed_at": pd.NaT, "row": 1, "cells": 1, "code": "x"}
    return pd.DataFrame([row]).astype(REJECT_DTYPES).assign(delivery=0)


@pytest.mark.postgres
def test_two_districts_load_at_the_same_time_without_sharing_an_id(postgres_uri: str) -> None:
    warehouse = fresh_postgres(postgres_uri)
    warehouse.engine()
    both_loaded = threading.Barrier(2, timeout=60)

    def load(district: str) -> None:
        with Warehouse(_url(warehouse)).begin() as connection:
            frame = readings([("A", 0, 1.0), ("B", 0, 2.0)], district=district)
            given = unit(1, 3, district=district)
            load_batch(connection, [given], frame, _rejects(), now=T0)
            # neither has committed when both have taken their ids
            both_loaded.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, ["d1", "d2"]))
    with warehouse.read() as connection:
        for table, expected in ((deliveries, 2), (series, 4), (quarantine, 2)):
            ids = list(connection.execute(select(table.c.id)).scalars())
            assert len(set(ids)) == len(ids) == expected


@pytest.mark.postgres
def test_the_same_delivery_from_two_processes_is_loaded_once(postgres_uri: str) -> None:
    warehouse = fresh_postgres(postgres_uri)
    warehouse.engine()
    begun = threading.Event()
    loaded = []

    def load(number: int) -> None:
        if number:
            begun.wait(60)
        with Warehouse(_url(warehouse)).begin() as connection:
            known = known_units(connection, "d", "s")
            begun.set()
            if number == 0:
                time.sleep(0.3)
            given = unit(1, 1)
            if given.sha256 not in known:
                load_batch(connection, [given], readings([("A", 0, 1.0)]), no_rejects(), now=T0)
                loaded.append(number)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, [0, 1]))
    assert loaded == [0]


@pytest.mark.postgres
def test_a_reader_never_waits_for_a_writer_on_the_server(postgres_uri: str) -> None:
    warehouse = fresh_postgres(postgres_uri)
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 1)], readings([("A", 0, 1.0)]), no_rejects(), now=T0)
        with Warehouse(_url(warehouse)).read() as reading:
            reading.execute(text("set local statement_timeout = '5s'"))
            assert known_units(reading, "d", "s") == set()


@pytest.mark.postgres
def test_marks_made_during_an_evaluation_outlive_it(postgres_uri: str) -> None:
    warehouse = fresh_postgres(postgres_uri)
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 1)], readings([("A", 0, 1.0)]), no_rejects(), now=T0)

    def mark() -> None:
        with Warehouse(_url(warehouse)).begin() as connection:
            mark_range(connection, "d", datetime(2025, 1, 1), datetime(2025, 1, 2))

    with ThreadPoolExecutor(1) as pool:
        with warehouse.begin() as connection:
            known_units(connection, "d", "s")  # takes the district, as an evaluation does
            waiting = pool.submit(mark)
            time.sleep(0.3)
            connection.execute(stale_days.delete())
        waiting.result(60)
    with warehouse.read() as connection:
        assert len(connection.execute(select(stale_days)).all()) == 1


@pytest.mark.postgres
def test_several_processes_make_one_new_warehouse(postgres_uri: str) -> None:
    url = _url(fresh_postgres(postgres_uri))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Warehouse(url).engine(), range(4)))
    with Warehouse(url).read() as connection:
        assert connection.execute(text("select count(*) from schema_version")).scalar_one() == 1


# one at a time ----------------------------------------------------------------------------------------


def test_one_process_at_a_time_is_alone(warehouse: Warehouse) -> None:
    warehouse.engine()
    other = Warehouse(_url(warehouse), lock_wait=0.2)
    with warehouse.alone("send"):
        with pytest.raises(WarehouseBusyError, match="send"), other.alone("send"):
            pass
        with other.alone("something-else"):
            pass
        # no transaction is open meanwhile: others write
        with other.begin() as connection:
            connection.execute(insert(outbox).values(**message("k")))
    with other.alone("send"):
        pass


def test_a_process_that_is_killed_is_no_longer_alone(warehouse: Warehouse) -> None:
    warehouse.engine()
    code = (
        "import sys, time; from warehouse.engine import Warehouse\n"
        "with Warehouse(sys.argv[1]).alone('send'): print('alone', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, _url(warehouse)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "alone"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with Warehouse(_url(warehouse), lock_wait=10).alone("send"):
        pass


# the embedded engine's file ---------------------------------------------------------------------------


def test_whoever_is_handed_the_engine_waits_for_the_file(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}", lock_wait=30)
    engine = warehouse.engine()
    with _held(tmp_path / "w.duckdb") as process:
        threading.Timer(0.5, process.kill).start()
        begun = time.monotonic()
        with engine.connect() as connection:
            assert connection.execute(select(episodes)).all() == []
        assert time.monotonic() - begun > 0.3


def test_a_reader_takes_the_snapshot_while_another_process_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("warehouse.engine.SNAPSHOT_AFTER_SECONDS", 0.2)
    writer = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    sha256 = fill(writer)
    assert publish_snapshot(writer) == writer.snapshot
    reader = Warehouse(_url(writer), lock_wait=30, read_only=True)
    with reader.read() as connection:
        assert dump_sha256(connection) == sha256
    assert capsys.readouterr().err == ""
    with _held(tmp_path / "w.duckdb"):
        with reader.read() as connection:
            assert dump_sha256(connection) == sha256
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 1
        assert "w.duckdb.snapshot.duckdb" in told
    with reader.read() as connection:
        assert dump_sha256(connection) == sha256
    assert capsys.readouterr().err == ""


def test_a_reader_without_a_snapshot_waits_and_then_says_who_writes(tmp_path: Path) -> None:
    writer = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    writer.engine()
    reader = Warehouse(_url(writer), lock_wait=0.3, read_only=True)
    with _held(tmp_path / "w.duckdb"), pytest.raises(WarehouseBusyError, match="占用"), reader.read():
        pass


def test_the_snapshot_is_copied_only_when_something_changed(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    snapshot = publish_snapshot(warehouse)
    assert snapshot is not None
    first = snapshot.stat().st_ino
    publish_snapshot(warehouse)
    assert snapshot.stat().st_ino == first
    with warehouse.begin() as connection:
        connection.execute(insert(outbox).values(**message("k2")))
    publish_snapshot(warehouse)
    assert snapshot.stat().st_ino != first
    with Warehouse(f"duckdb:///{snapshot}", read_only=True).read() as connection:
        keys = list(connection.execute(select(outbox.c.idempotency_key)).scalars())
    assert sorted(keys) == ["k1", "k2"]
    assert sorted(place.name for place in tmp_path.iterdir()) == ["w.duckdb", "w.duckdb.snapshot.duckdb"]


def test_a_snapshot_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from warehouse.engine import WarehouseError

    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    sha256 = fill(warehouse)
    snapshot = publish_snapshot(warehouse)
    with warehouse.begin() as connection:
        connection.execute(insert(outbox).values(**message("k2")))

    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(WarehouseError, match="No space left"):
        publish_snapshot(warehouse)
    with Warehouse(f"duckdb:///{snapshot}", read_only=True).read() as connection:
        assert dump_sha256(connection) == sha256
    assert sorted(place.name for place in tmp_path.iterdir()) == ["w.duckdb", "w.duckdb.snapshot.duckdb"]


@pytest.mark.postgres
def test_a_server_needs_no_snapshot(postgres_uri: str) -> None:
    assert publish_snapshot(fresh_postgres(postgres_uri)) is None
