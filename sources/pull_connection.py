"""Connections that cannot hang: at a deadline their sockets are shut, whatever they wait for.

A time limit on each read does not bound an answer that drips a byte at a time, in its headers as little as
in its body. Bytes beyond the announced length are noticed as well: a wrong Content-Length would otherwise
cut a body without a sign.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class ExcessBodyError(OSError):
    """More bytes came than the answer announced."""


class DeadlineError(OSError):
    """The time allowed was over."""


class Guard:
    """Knows the sockets of one session and shuts them when the time of a piece of work is over."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._answers: weakref.WeakSet[http.client.HTTPResponse] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._end = float("inf")
        self.expired = False

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound the work done inside; afterwards `expired` tells whether the time was over."""
        self.expired = False
        self._end = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._end = float("inf")

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return self._end - time.monotonic()

    def register(self, sock: Any) -> None:
        """Take a new connection's socket under guard."""
        with self._lock:
            if self.expired:
                raise DeadlineError("the time allowed is over")
            if isinstance(sock, socket.socket):
                self._sockets.add(sock)

    def expect(self, answer: http.client.HTTPResponse) -> None:
        """Remember an answer that is about to be read."""
        self._answers.add(answer)

    def drop(self) -> None:
        """Close answers that nobody will read: one whose headers are refused is handed to no one."""
        for answer in list(self._answers):
            answer.close()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for sock in list(self._sockets):
                # of the plain socket below TLS: the reader then meets an early end; a closed one is done
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Answer(http.client.HTTPResponse):
    """An answer that looks whether anything follows what it announced."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock

    def read1(self, n: int = -1) -> bytes:
        """Read as its parent does; the last piece is given only when nothing follows it.

        Raises
        ------
        ExcessBodyError
            When more has come than was announced.
        """
        if self.fp is None or self.chunked or self.length is None:
            return super().read1(n)
        wanted = self.length if n < 0 else min(n, self.length)
        piece: bytes = self.fp.read1(wanted)
        self.length -= len(piece)
        if self.length == 0 and self._more_came(self.fp):
            raise ExcessBodyError("bytes beyond the announced length")
        if self.length == 0 or not piece:
            self.close()  # the connection is free for the next question
        return piece

    def _more_came(self, reader: io.BufferedReader) -> bool:
        patience = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            return bool(reader.peek(1))
        except OSError:  # nothing there: TLS says so by an error
            return False
        finally:
            with contextlib.suppress(OSError):
                self._sock.settimeout(patience)


def _guarded(guard: Guard) -> dict[str, type[HTTPConnectionPool]]:
    class Answer(_Answer):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            guard.expect(self)

    class Plain(HTTPConnection):
        response_class = Answer

        def connect(self) -> None:
            super().connect()
            guard.register(self.sock)

    class Secure(HTTPSConnection):
        response_class = Answer

        def connect(self) -> None:
            super().connect()
            guard.register(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class GuardedAdapter(HTTPAdapter):
    """A transport adapter of requests whose connections are under a guard; it retries nothing itself."""

    def __init__(self, guard: Guard) -> None:
        self._pools = _guarded(guard)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager
