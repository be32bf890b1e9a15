"""What the pages read and do: one episode, acknowledged or silenced once by one link."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from alerts.acts import Acted, acknowledge, silence
from alerts.links import Links, Token
from service.words import stated
from vocabulary.clock import now_utc
from vocabulary.district import District
from warehouse.engine import Warehouse, WarehouseBusyError
from warehouse.schema import episodes, spent_tokens


class SpentError(Exception):
    """The link has acted already."""


class NoEpisodeError(Exception):
    """The warehouse has no episode of that number."""


@dataclass
class Desk:
    """The service's way to the warehouse.

    Attributes
    ----------
    warehouse_url
        SQLAlchemy URL.
    links
        Of this machine.
    districts
        By key: names of places.
    language
        Of the pages, unless somebody asks for another.
    metrics
        Returns the text of `/metrics` from a connection that only reads; None: there is no such page.
    clock
        Now, UTC.
    """

    warehouse_url: str
    links: Links
    districts: Mapping[str, District]
    language: str = "zh"
    metrics: Callable[[Connection], bytes] | None = None
    clock: Callable[[], datetime] = now_utc
    wait: float = field(default_factory=lambda: float(stated()["busy"]["seconds"]))

    def __post_init__(self) -> None:
        """Make the two ways in: one that cannot write, one that can."""
        self._reader = Warehouse(self.warehouse_url, lock_wait=self.wait, read_only=True)
        self._writer = Warehouse(self.warehouse_url, lock_wait=self.wait)
        # one process cannot hold the embedded file for reading and for writing at once
        self._turn = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that cannot write; while a night writes it sees the copy published last."""
        with self._in_turn(), self._reader.read() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection in one transaction; WarehouseBusyError when a night holds the warehouse for long."""
        with self._in_turn(), self._writer.begin() as connection:
            yield connection

    def is_readable(self) -> bool:
        """Tell whether there is a warehouse that can be read now."""
        if not self._reader.exists():
            return False
        try:
            with self.reading() as connection:
                connection.execute(select(episodes.c.id).limit(1))
        except WarehouseBusyError:
            return False
        return True

    def spent(self, connection: Connection, token: Token) -> bool:
        """Tell whether the link has acted."""
        found = select(spent_tokens.c.token).where(spent_tokens.c.token == token.number)
        return connection.execute(found).first() is not None

    def acknowledge(self, token: Token, *, actor: str, note: str) -> Acted:
        """Acknowledge the link's episode and spend the link, in one transaction.

        Raises
        ------
        SpentError
            The link has acted.
        ActError
            The episode cannot be acknowledged.
        """
        with self.writing() as connection:
            now = self._spend(connection, token)
            return acknowledge(connection, token.episode_id, actor=actor, note=note, at=now, via="page")

    def silence(self, token: Token, *, owner: str, reason: str, hours: int) -> int:
        """Silence the rule of the link's episode about its subject, and spend the link, in one transaction.

        Raises
        ------
        SpentError
            The link has acted.
        NoEpisodeError
            There is no such episode.
        ActError
            Nobody is named or no reason is given.
        """
        with self.writing() as connection:
            row = self.row(connection, token.episode_id)
            now = self._spend(connection, token)
            return silence(
                connection,
                district=row["district"],
                rule=row["rule"],
                subject=row["subject"],
                owner=owner,
                reason=reason,
                ends_at=now + timedelta(hours=hours),
                at=now,
                via="page",
            )

    def row(self, connection: Connection, episode_id: int) -> Mapping[str, Any]:
        """Return an episode's row; NoEpisodeError when there is none."""
        found = connection.execute(select(episodes).where(episodes.c.id == episode_id)).mappings().first()
        if found is None:
            raise NoEpisodeError
        return dict(found)

    def _spend(self, connection: Connection, token: Token) -> datetime:
        if self.spent(connection, token):
            raise SpentError
        now = self.clock()
        spent = insert(spent_tokens).values(token=token.number, purpose=token.purpose, spent_at=now)
        try:
            connection.execute(spent)
        except IntegrityError as error:
            # another process was faster between the question and the answer
            raise SpentError from error
        return now

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self.wait):
            raise WarehouseBusyError(
                f"数据仓库正忙，已等待 {self.wait:.0f} 秒 / the warehouse is busy, waited {self.wait:.0f} s"
            )
        try:
            if not self._reader.exists():
                raise WarehouseBusyError("还没有数据仓库 / there is no warehouse yet; run ecoplan nightly")
            yield
        finally:
            self._turn.release()
