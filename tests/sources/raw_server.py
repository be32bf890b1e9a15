"""A server on the loopback that sends exactly the bytes a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Self


@dataclass
class Request:
    method: str
    target: str
    headers: Message
    body: bytes = b""
    number: int = 0


class HangupError(Exception):
    """Raised by a behaviour to end the connection."""


@dataclass
class RawServer:
    """Calls `behave(request, connection)` for each request and records what was asked."""

    behave: Callable[[Request, socket.socket], None]
    requests: list[Request] = field(default_factory=list)
    sent: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._closing = False
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        # shutdown wakes the thread that accepts; close alone would not
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while line := reader.readline():
                    method, target, _ = line.decode("latin-1").split(" ", 2)
                    head = b""
                    while (more := reader.readline()) not in {b"\r\n", b""}:
                        head += more
                    headers = BytesParser().parsebytes(head + b"\r\n")
                    body = reader.read(int(headers.get("Content-Length", 0)))
                    asked = Request(method, target, headers, body, len(self.requests) + 1)
                    self.requests.append(asked)
                    self.behave(asked, connection)
        except (HangupError, OSError, ValueError):
            return


def answer(
    connection: socket.socket,
    status: str = "200 OK",
    body: bytes = b"",
    cut: int | None = None,
    **headers: object,
) -> None:
    """Send an answer with its right length; `cut` sends only that many bytes of it and hangs up."""
    fields = {"Content-Length": len(body)} | {key.replace("_", "-"): value for key, value in headers.items()}
    lines = [f"HTTP/1.1 {status}", *(f"{key}: {value}" for key, value in fields.items() if value is not None)]
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body[:cut])
    if cut is not None:
        raise HangupError
