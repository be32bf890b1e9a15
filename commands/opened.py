"""The warehouse as a command opens it: for reading with the districts asked for, or for writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from flows.run import chosen_districts
from flows.settings import Settings
from vocabulary.district import District
from warehouse.engine import Warehouse


def opened(settings: Settings, *, read_only: bool) -> Warehouse:
    """Return the warehouse of the settings.

    Raises
    ------
    warehouse.engine.WarehouseError
        When there is none yet.
    """
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=read_only)
    warehouse.must_exist()
    return warehouse


@contextmanager
def reading(districts: list[str] | str | None = None) -> Iterator[tuple[Connection, dict[str, District]]]:
    """Yield a read-only connection and the districts asked for; all where none is named."""
    settings = Settings()
    asked = [districts] if isinstance(districts, str) else districts
    chosen = chosen_districts(settings, asked)
    with opened(settings, read_only=True).read() as connection:
        yield connection, chosen


@contextmanager
def writing() -> Iterator[Connection]:
    """Yield a connection in a transaction; the next reader sees what was done."""
    with opened(Settings(), read_only=False).begin() as connection:
        yield connection
