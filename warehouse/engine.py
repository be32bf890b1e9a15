"""Open the warehouse: DuckDB (embedded, default) or PostgreSQL, through one SQLAlchemy schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from warehouse import bulk
from warehouse.schema import SCHEMA_VERSION, metadata, schema_version
from warehouse.views import drop_views, make_views, views_are_current

#: seconds to wait for another process that holds the embedded warehouse's file
LOCK_WAIT_SECONDS = 600.0
#: seconds after which a reader takes the published snapshot instead of a file that is being written
SNAPSHOT_AFTER_SECONDS = 2.0


class WarehouseError(Exception):
    """The warehouse refuses: locked by another process, wrong schema version, broken file."""


class WarehouseBusyError(WarehouseError):
    """Another process held the warehouse for as long as this one was willing to wait."""


class SchemaVersionError(WarehouseError):
    """The warehouse was made by an older or a newer program."""


def _is_locked(error: BaseException) -> bool:
    """Tell whether the embedded file is held: by another process, or by a thread of this one that is closing it."""
    return any(words in str(error) for words in ("Could not set lock on file", "Unique file handle conflict"))


class Warehouse:
    """The warehouse at an SQLAlchemy URL; makes its tables on first use.

    `lock_wait` bounds, in seconds, how long to wait for another process (embedded engine only).
    `read_only` opens the embedded file so that nothing in it can change; when another process keeps the
    file for longer than `SNAPSHOT_AFTER_SECONDS`, the snapshot that lies beside it is read instead.
    """

    def __init__(self, url: str, *, lock_wait: float = LOCK_WAIT_SECONDS, read_only: bool = False) -> None:
        self.url = make_url(url)
        self.lock_wait = lock_wait
        self.read_only = read_only
        self._engine: Engine | None = None
        self._live: Warehouse | None = None

    @property
    def file(self) -> Path | None:
        """The embedded warehouse's file, or None for a server or memory."""
        if self.url.get_backend_name() != "duckdb" or self.url.database in (None, "", ":memory:"):
            return None
        return Path(str(self.url.database))

    @property
    def snapshot(self) -> Path | None:
        """Where `warehouse.snapshot.publish_snapshot` puts a copy for readers; None for a server or memory."""
        return None if self.file is None else self.file.with_name(f"{self.file.name}.snapshot.duckdb")

    def shown(self) -> str:
        """Return the URL as people may see it, without its password."""
        return self.url.render_as_string(hide_password=True)

    def exists(self) -> bool:
        """Tell whether there is anything to read yet."""
        return self.file is None or self.file.exists()

    def must_exist(self) -> None:
        """Raise WarehouseError where no run has made the warehouse yet."""
        if not self.exists():
            raise WarehouseError(
                "数据仓库还不存在，请先运行 ecoplan nightly / there is no warehouse yet, run ecoplan nightly first"
            )

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
    def kept_open(self) -> Iterator[None]:
        """Keep the embedded file open meanwhile: opening and closing it takes eight times a small transaction.

        Other processes wait for it, so only for work that is short or that leans on the warehouse throughout.
        """
        if self.file is None or not self.exists():
            yield
            return
        with self._connect():
            yield

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Let one process at a time do what `name` says, without a transaction being open meanwhile.

        For work that leaves the warehouse, such as sending messages. A process that is killed gives it back.

        Raises
        ------
        WarehouseBusyError
            When another process does it for longer than `lock_wait`.
        """
        busy = WarehouseBusyError(
            f"另一个进程正在进行 {name}，已等待 {self.lock_wait:.0f} 秒 / another process is busy with {name}, waited "
            f"{self.lock_wait:.0f} s"
        )
        if self.file is None:
            with self._connect() as connection:
                try:
                    bulk.hold(connection, name, self.lock_wait)
                except OperationalError as error:
                    raise busy from error
                yield
            return
        path = self.file.with_name(f"{self.file.name}.{name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=self.lock_wait)
        except Timeout as error:
            raise busy from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> Connection:
        snapshot = self.snapshot
        if not self.read_only or snapshot is None or not snapshot.exists():
            return _opened(self)
        if self._live is None:
            patience = min(self.lock_wait, SNAPSHOT_AFTER_SECONDS)
            self._live = Warehouse(self._url_text(), lock_wait=patience, read_only=True)
        try:
            connection = _opened(self._live)
        except WarehouseBusyError:
            sys.stderr.write(
                f"数据仓库正被写入，以下为上次发布的副本 / the warehouse is being written, this is the copy "
                f"published last: {snapshot}\n"
            )
            copy = Warehouse(f"duckdb:///{snapshot}", lock_wait=self.lock_wait, read_only=True)
            return _opened(copy)
        self._engine = self._live.engine()
        return connection

    def _url_text(self) -> str:
        return self.url.render_as_string(hide_password=False)

    def engine(self) -> Engine:
        """Return the engine, with every table made and the schema version checked.

        Raises
        ------
        SchemaVersionError
            When another version of the program made the warehouse.
        WarehouseBusyError
            When another process holds the embedded file for longer than `lock_wait`.
        WarehouseError
            When it cannot be opened for another reason.
        """
        if self._engine is None:
            engine = self.bare_engine()
            with self.explained():
                _check(_found(engine) if self.read_only else _prepare(engine), self.shown())
            self._engine = engine
        return self._engine

    def bare_engine(self) -> Engine:
        """Return an engine that waits for the file; nothing is made and no version checked."""
        options = {}
        if self.file is not None and self.read_only:
            options = {"read_only": True}
        elif self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        # without a pool: a pooled connection would keep the file's lock after it is closed
        engine = create_engine(self.url, poolclass=NullPool, connect_args=options)
        waiting = Retrying(
            retry=retry_if_exception(_is_locked),
            stop=stop_after_delay(self.lock_wait),
            wait=wait_random_exponential(multiplier=0.05, max=2.0),
            reraise=True,
        )

        @event.listens_for(engine, "do_connect")
        def _patiently(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
            # here and not around `connect`, so that whoever is handed the engine waits as well
            return waiting.copy()(dialect.connect, *arguments, **options)

        return engine

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the engine says on opening into a `WarehouseError`."""
        try:
            yield
        except DBAPIError as error:
            if _is_locked(error):
                raise WarehouseBusyError(
                    f"数据仓库 {self.shown()} 正被另一个进程占用，已等待 {self.lock_wait:.0f} 秒 / the warehouse is in "
                    f"use by another process, waited {self.lock_wait:.0f} s: {error.orig}"
                ) from error
            raise WarehouseError(
                f"数据仓库 {self.shown()} 无法打开 / the warehouse cannot be opened: {error.orig}"
            ) from error

    def migrate(self) -> tuple[int | None, int]:
        """Bring an older warehouse to this program's schema; return the version before and after.

        One transaction: a process that is killed in between leaves the old warehouse.

        Raises
        ------
        SchemaVersionError
            When a newer program made the warehouse.
        """
        from warehouse.migrations import upgrade  # noqa: PLC0415  # Alembic is needed here only

        engine = self.bare_engine()
        with self.explained(), engine.begin() as connection:
            bulk.lock_schema(connection)
            found = version_of(connection)
            if found is not None and found > SCHEMA_VERSION:
                raise _other_version(found, self.shown())
            # a table that a view rests on cannot be changed on every engine
            drop_views(connection)
            if found != SCHEMA_VERSION:
                upgrade(connection, found)
            make_views(connection, fresh=True)
        return found, SCHEMA_VERSION


def _opened(warehouse: Warehouse) -> Connection:
    engine = warehouse.engine()
    with warehouse.explained():
        return engine.connect()


def _prepare(engine: Engine) -> int | None:
    """Make the tables and views of a new warehouse; of one that exists only views that differ are made again.

    Returns the schema version the warehouse has then.
    """
    with engine.begin() as connection:
        found = version_of(connection)
        if found is not None and (found != SCHEMA_VERSION or views_are_current(connection)):
            return found
        bulk.lock_schema(connection)
        # another process may have made it while this one waited
        found = version_of(connection)
        if found is None:
            metadata.create_all(connection)
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
            make_views(connection, fresh=True)
            return SCHEMA_VERSION
        if not views_are_current(connection):
            # made by a program with other views; the tables are those of this one
            make_views(connection)
        return found


def _found(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return version_of(connection)


def version_of(connection: Connection) -> int | None:
    """Return the schema version of the warehouse, or None where there is none yet."""
    if not inspect(connection).has_table(schema_version.name):
        return None
    found: int | None = connection.execute(select(schema_version.c.version)).scalar_one_or_none()
    return found


def _check(found: int | None, shown: str) -> None:
    """Compare the schema version of the warehouse with this program's."""
    if found != SCHEMA_VERSION:
        raise _other_version(found, shown)


def _other_version(found: int | None, shown: str) -> SchemaVersionError:
    needs = f"本程序需要 {SCHEMA_VERSION} / {shown} has schema version {found}, this program needs {SCHEMA_VERSION}"
    if found is None:
        return SchemaVersionError(f"{shown} 还没有数据仓库的表 / holds no warehouse yet; run ecoplan nightly")
    if found > SCHEMA_VERSION:
        return SchemaVersionError(
            f"数据仓库 {shown} 结构版本为 {found}，{needs}; 请更新程序 / update the program"
        )
    return SchemaVersionError(
        f"数据仓库 {shown} 结构版本为 {found}，{needs}; 请先运行 ecoplan migrate / run ecoplan migrate first"
    )


def open_engine(url: str) -> Engine:
    """Return an engine for `url`, with every table made if it is missing."""
    return Warehouse(url).engine()
