"""A body on its way to disk: bounded, proved against its length, resumed where the server allows it."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
import urllib3.exceptions

from sources.pull_connection import Guard
from sources.pull_terms import PassingError, RefusedError, http_date

#: what a connection that breaks may raise
BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)

_PIECE = 1 << 16
_PARTIAL = 206
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

#: RFC 9110 section 8.8.2.2: a modification time is strong when it is well before the answer's own date
_SETTLED = timedelta(seconds=60)


def cause(error: BaseException) -> str:
    """Return the kind of the innermost error, without its text (which may hold secrets of the address)."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        reasons = (getattr(error, "reason", None), *error.args)
        inner = next((reason for reason in reasons if isinstance(reason, BaseException)), None)
    return type(error).__name__


def pieces(response: requests.Response, cap: int, guard: Guard) -> Iterator[bytes]:
    """Yield a body, proved against its announced length, the cap and the time left.

    Raises
    ------
    RefusedError
        Beyond the cap (as announced, or as it comes), out of time, or when its length cannot be read.
    PassingError
        When it ends early or more comes than was announced.
    """
    length = _announced(response)
    if length is not None and length > cap:
        raise RefusedError(f"{length} 字节，超过上限 {cap} / larger than the cap")
    size = 0
    try:
        # read1 gives what has come: a trickle cannot hold the deadline off
        while piece := response.raw.read1(_PIECE):
            size += len(piece)
            if size > cap:
                raise RefusedError(f"超过上限 {cap} 字节 / larger than the cap")
            if guard.remaining <= 0:
                break
            yield piece
    except BROKEN as error:
        if guard.remaining > 0:
            raise PassingError(
                f"收到 {size} 字节后中断 / broke off after {size} bytes: {cause(error)}"
            ) from error
    if guard.remaining <= 0:
        raise RefusedError(f"时限内只收到 {size} 字节 / not done within the time allowed")
    if length is not None and size != length:
        raise PassingError(f"收到 {size} 字节，应为 {length} / {size} bytes came, {length} were announced")


def _announced(response: requests.Response) -> int | None:
    """Return the announced length; None where the transfer tells its end by itself, or not at all."""
    if _chunked(response):
        return None
    stated = {part.strip() for part in response.headers.get("Content-Length", "").split(",")} - {""}
    if not stated:
        return None
    one = stated.pop()
    if stated or not (one.isascii() and one.isdigit()):
        raise RefusedError("Content-Length 无法读懂 / the announced length cannot be read")
    return int(one[:20])


def _chunked(response: requests.Response) -> bool:
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def validator_of(response: requests.Response) -> str:
    """Return what makes a range request safe: a strong ETag, or a settled Last-Modified; else nothing."""
    etag = response.headers.get("ETag", "")
    if etag:
        return "" if etag.startswith("W/") else etag
    last_modified = response.headers.get("Last-Modified", "")
    changed, answered = http_date(last_modified), http_date(response.headers.get("Date", ""))
    if changed is None or answered is None or answered - changed < _SETTLED:
        return ""
    return last_modified


class PartFile:
    """The file a body is written to, over several attempts; removed unless it was taken.

    Parameters
    ----------
    into
        Folder of the file; made with the first answer.
    cap
        Bytes it may hold.
    """

    def __init__(self, into: Path, cap: int) -> None:
        self._into = into
        self._cap = cap
        self._path: Path | None = None
        self._file: io.BufferedRandom | None = None
        self._total: int | None = None
        self._unproved = ""
        self.size = 0
        self.validator = ""

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not taken."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def resumes(self) -> dict[str, str]:
        """Return the headers that ask for the rest; none when the whole has to be asked for."""
        if not (self.size and self.validator):
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": self.validator}

    def restart(self) -> None:
        """Forget what has come."""
        self.size, self.validator, self._total = 0, "", None

    def write(self, response: requests.Response, guard: Guard) -> None:
        """Write a whole body (200), or the rest of one (206).

        Raises
        ------
        RefusedError, PassingError
            As `pieces` does, and when the rest does not fit what has come.
        """
        if response.status_code == _PARTIAL:
            self._check_rest(response)
        else:
            self.restart()
            self.validator = validator_of(response)
            self._total = _announced(response)
        target = self._target()
        target.seek(self.size)
        target.truncate()
        for piece in pieces(response, self._cap - self.size, guard):
            target.write(piece)
            self.size += len(piece)
        target.flush()
        if self._total is not None and self.size != self._total:
            had, self_total = self.size, self._total
            self.restart()
            raise PassingError(
                f"收到 {had} 字节，应为 {self_total} / {had} bytes came, {self_total} announced"
            )
        if self._total is None and not _chunked(response):
            self._prove_by_repetition()

    def take(self) -> Path:
        """Return the file's path; from now on it is the caller's."""
        if self._file is None or self._path is None:
            raise ValueError("nothing was written")
        self._file.close()
        path, self._path, self._file = self._path, None, None
        return path

    def _target(self) -> io.BufferedRandom:
        if self._file is None:
            self._into.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._into, suffix=".part")
            self._path = Path(temporary)
            self._file = os.fdopen(handle, "w+b")
        return self._file

    def _check_rest(self, response: requests.Response) -> None:
        """Prove that a 206 begins where the bytes broke off and is of the same version."""
        match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        etag = response.headers.get("ETag", "")
        total = int(match[3]) if match and match[3] != "*" else self._total
        fits = (
            match is not None
            and int(match[1]) == self.size
            and total is not None
            and int(match[2]) == total - 1
            and self._total in {None, total}
            and (not etag or etag == self.validator or not self.validator.startswith('"'))
        )
        if not fits:
            self.restart()
            raise PassingError("续传的部分与已收到的不衔接 / the rest does not fit what has come")
        if total is not None and total > self._cap:
            raise RefusedError(f"{total} 字节，超过上限 {self._cap} / larger than the cap")
        self._total = total

    def _prove_by_repetition(self) -> None:
        """Take a body without any length twice: only the end of the connection told that it was whole."""
        target = self._target()
        target.seek(0)
        digest = hashlib.file_digest(target, "sha256").hexdigest()
        if digest != self._unproved:
            self._unproved = digest
            self.restart()
            raise PassingError("没有声明长度，两次内容不同 / no length announced, and two takes differ", 0.0)
