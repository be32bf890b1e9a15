"""Open the warehouse: an SQLAlchemy engine for DuckDB (embedded, default) or PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from warehouse.schema import metadata


class WarehouseError(Exception):
    """The warehouse refuses: locked by another process, wrong schema version, broken file."""


def open_engine(url: str) -> Engine:
    """Return an engine for `url`, with every table made if it is missing.

    DuckDB is opened without a pool: a pooled connection would keep the file's lock after it is closed.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "duckdb" and parsed.database not in (None, "", ":memory:"):
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, poolclass=NullPool)
    metadata.create_all(engine)
    return engine
