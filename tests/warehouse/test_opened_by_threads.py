"""Threads that open and close the embedded file meet each other: whoever comes too early waits."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import text

from warehouse.engine import Warehouse, WarehouseBusyError


@pytest.fixture
def made(tmp_path: Path) -> str:
    url = f"duckdb:///{tmp_path / 'ecoplan.duckdb'}"
    with Warehouse(url).begin() as connection:
        connection.execute(text("select 1"))
    return url


def held(url: str) -> duckdb.DuckDBPyConnection:
    """The file in the hands of another instance of this very process, as one that is just being closed."""
    other = duckdb.connect()
    other.execute(f"attach '{url.removeprefix('duckdb:///')}' as closing")
    return other


def test_a_file_that_a_thread_of_this_process_is_closing_is_waited_for(made: str) -> None:
    other = held(made)

    def leave() -> None:
        time.sleep(0.3)
        other.close()

    leaving = threading.Thread(target=leave)
    leaving.start()
    with Warehouse(made, lock_wait=30.0).read() as connection:
        assert connection.execute(text("select count(*) from deliveries")).scalar_one() == 0
    leaving.join()


def test_one_that_is_never_closed_is_said_to_be_busy(made: str) -> None:
    other = held(made)
    with pytest.raises(WarehouseBusyError, match=r"ecoplan\.duckdb"), Warehouse(made, lock_wait=0.2).read():
        pass
    other.close()
