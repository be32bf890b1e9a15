"""Open the warehouse: DuckDB (embedded, default) or PostgreSQL, through one SQLAlchemy schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from warehouse.schema import SCHEMA_VERSION, metadata, schema_version

_T = TypeVar("_T")

#: seconds to wait for another process that holds the embedded warehouse's file
LOCK_WAIT_SECONDS = 600.0


class WarehouseError(Exception):
    """The warehouse refuses: locked by another process, wrong schema version, broken file."""


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and "Could not set lock on file" in str(error)


class Warehouse:
    """The warehouse at an SQLAlchemy URL; makes its tables on first use.

    `lock_wait` bounds, in seconds, how long to wait for another process (embedded engine only).
    `read_only` opens the embedded file so that nothing in it can change.
    """

    def __init__(self, url: str, *, lock_wait: float = LOCK_WAIT_SECONDS, read_only: bool = False) -> None:
        self.url = make_url(url)
        self.lock_wait = lock_wait
        self.read_only = read_only
        self._engine: Engine | None = None

    @property
    def file(self) -> Path | None:
        """The embedded warehouse's file, or None for a server or memory."""
        if self.url.get_backend_name() != "duckdb" or self.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.url.database))

    def exists(self) -> bool:
        """Tell whether there is anything to read yet."""
        return self.file is None or self.file.exists()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in one transaction: all of it or nothing."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the warehouse; what it writes is undone."""
        with self._connect() as connection:
            transaction = connection.begin()
            try:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("set transaction isolation level repeatable read, read only"))
                yield connection
            finally:
                transaction.rollback()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        engine = self.engine()
        connection = self._patiently(engine.connect)
        try:
            yield connection
        finally:
            connection.close()

    def engine(self) -> Engine:
        """Return the engine, with every table made and the schema version checked."""
        if self._engine is None:
            options = {}
            if self.file is not None and self.read_only:
                options = {"read_only": True}
            elif self.file is not None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            # without a pool: a pooled connection would keep the file's lock after it is closed
            engine = create_engine(self.url, poolclass=NullPool, connect_args=options)
            self._patiently(lambda: _check(engine) if self.read_only else _prepare(engine))
            self._engine = engine
        return self._engine

    def _patiently(self, action: Callable[[], _T]) -> _T:
        """Run `action`, waiting while another process holds the file."""
        waiting = Retrying(
            retry=retry_if_exception(_is_locked),
            stop=stop_after_delay(self.lock_wait),
            wait=wait_random_exponential(multiplier=0.05, max=2.0),
            reraise=True,
        )
        try:
            return waiting(action)
        except OperationalError as error:
            raise WarehouseError(self._explain(error)) from error

    def _explain(self, error: DBAPIError) -> str:
        shown = self.url.render_as_string(hide_password=True)
        if _is_locked(error):
            return (
                f"数据仓库 {shown} 正被另一个进程占用，已等待 {self.lock_wait:.0f} 秒 / the warehouse is in use by "
                f"another process, waited {self.lock_wait:.0f} s: {error.orig}"
            )
        return f"数据仓库 {shown} 无法打开 / the warehouse cannot be opened: {error.orig}"


def _prepare(engine: Engine) -> None:
    """Make missing tables and compare the schema version with this program's."""
    with engine.begin() as connection:
        metadata.create_all(connection)
        if connection.execute(select(schema_version.c.version)).first() is None:
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
    _check(engine)


def _check(engine: Engine) -> None:
    """Compare the schema version of the warehouse with this program's."""
    with engine.connect() as connection:
        found = connection.execute(select(schema_version.c.version)).scalar_one_or_none()
    if found != SCHEMA_VERSION:
        raise WarehouseError(
            f"数据仓库结构版本为 {found}，本程序需要 {SCHEMA_VERSION} / the warehouse has schema version {found}, "
            f"this program needs {SCHEMA_VERSION}"
        )


def open_engine(url: str) -> Engine:
    """Return an engine for `url`, with every table made if it is missing."""
    return Warehouse(url).engine()
