"""Exports on file servers and object stores, through fsspec: SFTP, S3 and what else the list allows.

Protocols are data (sources/data/remote_protocols.toml). A file whose size and time (and ETag) are those of
its mark is not fetched again. One that changes while it is fetched, or comes in another length than listed,
does not land.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar
from urllib.parse import urlsplit

from sources.delivery import delivery_name
from sources.listing import Candidate, PullError, unfinished
from sources.pull_body import cause
from sources.pull_credentials import Credentials
from sources.pull_terms import Limits, Mark, NotModified, Outcome, PassingError, Pulled, RefusedError
from vocabulary.clock import now_utc, wall_time
from vocabulary.district_sources import Source

_Result = TypeVar("_Result")

_PIECE = 1 << 20

#: servers keep times of whole seconds, and their clocks differ from ours
_SETTLED_NS = 60 * 1_000_000_000

#: files one listing may hold
_LISTED = 100_000


@dataclass(frozen=True)
class Protocol:
    """How fsspec is asked for a protocol; `options` maps our names to places in fsspec's options."""

    needs: str
    user: str
    secret: str
    options: Mapping[str, str]
    key_file: str = ""


@cache
def protocols() -> dict[str, Protocol]:
    """Return the protocols that are allowed, by scheme."""
    data = tomllib.loads(files("sources").joinpath("data/remote_protocols.toml").read_text("utf-8"))
    return {scheme: Protocol(**facts) for scheme, facts in data["protocol"].items()}


@dataclass(frozen=True)
class _Seen:
    """One listed file, and what of it tells a change."""

    candidate: Candidate
    path: str
    etag: str


class RemoteFiles:
    """The files behind one address; a context manager that holds its connection.

    Parameters
    ----------
    source
        With an address such as `sftp://host:22/exports/air` or `s3://bucket/air`.
    limits
        Bounds of time, size and patience.
    allowed
        Protocols by scheme; the list of the data file unless given.

    Raises
    ------
    PullError
        When the protocol is not allowed or its package is not installed, an option is unknown, a variable
        is not set, or the server cannot be reached or is not the one known.
    """

    def __init__(
        self, source: Source, limits: Limits, *, allowed: Mapping[str, Protocol] | None = None
    ) -> None:
        self.source = source
        self.limits = limits
        known = protocols() if allowed is None else allowed
        if source.scheme not in known:
            listed = ", ".join(sorted({"http", "https", *known}))
            raise PullError(
                source.key, source.location, f"协议 {source.scheme} 不在允许之列 / expected one of {listed}"
            )
        self._protocol = known[source.scheme]
        self._options = self._asked_options()
        self._system = self._connected()
        self._root = self._rooted()

    def __enter__(self) -> Self:
        """Return the files themselves."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection, where the file system has one to close."""
        close = getattr(self._system, "close", None)
        if callable(close):
            # a connection the other side has closed already is closed
            with contextlib.suppress(OSError, EOFError):
                close()

    def offers(self) -> list[Candidate]:
        """List the files below the address that fit the source's pattern, by path.

        Raises
        ------
        PullError
            When there is no such folder, it cannot be listed in time, or it holds too many files.
        """
        return [seen.candidate for seen in self._listed()]

    def pull(self, into: Path, marks: Mapping[str, Mark]) -> Iterator[Outcome | PullError]:
        """Fetch what is new or changed; a file that fails is yielded as its PullError.

        Raises
        ------
        PullError
            When the address cannot be listed.
        """
        for seen in self._listed():
            candidate, mark = seen.candidate, marks.get(seen.candidate.mark)
            told = (candidate.size, candidate.modified_ns, seen.etag)
            dated = candidate.modified_ns >= 0 or seen.etag
            if dated and mark is not None and (mark.size, mark.modified_ns, mark.etag) == told:
                yield NotModified(candidate.mark, candidate.name)
                continue
            try:
                yield self._fetch(seen, into)
            except PullError as error:
                yield error

    def _fetch(self, seen: _Seen, into: Path) -> Outcome:
        address, limits = seen.candidate.address, self.limits
        if seen.candidate.size > limits.max_bytes:
            what = f"{seen.candidate.size} 字节，超过上限 {limits.max_bytes} / larger than the cap"
            raise PullError(self.source.key, address, what)
        return self._persistently(lambda deadline: self._taken(seen, into, deadline), address)

    def _persistently(self, work: Callable[[float], _Result], address: str) -> _Result:
        """Do a piece of work, again when its trouble may pass, until its time is over."""
        limits = self.limits
        deadline = time.monotonic() + limits.total_seconds
        for attempt in range(limits.retries + 1):
            try:
                return _within(lambda: work(deadline), deadline - time.monotonic())
            except RefusedError as error:
                raise PullError(self.source.key, address, str(error)) from error
            except PassingError as error:
                pause = min(limits.backoff_seconds * 2**attempt, float(limits.retry_after_seconds))
                if attempt == limits.retries or time.monotonic() + pause > deadline:
                    raise PullError(self.source.key, address, str(error)) from error
                time.sleep(pause)
                self._reconnect()
        raise PullError(self.source.key, address, "没有尝试 / no attempt was allowed (retries < 0)")

    def _taken(self, seen: _Seen, into: Path, deadline: float) -> Pulled:
        """Copy one file piece by piece, and prove that it is the one that was listed."""
        wanted = seen.candidate
        into.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=into, suffix=".part")
        path = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as target:
                size = self._copied(seen, target, deadline)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Pulled(
            address=wanted.mark,
            name=wanted.name,
            path=path,
            size=size,
            modified_at=_wall_time_of(wanted.modified_ns),
            etag=seen.etag,
            last_modified="",
            # changed a moment ago, it may change again within the same second: not remembered
            modified_ns=wanted.modified_ns if time.time_ns() - wanted.modified_ns > _SETTLED_NS else -1,
        )

    def _copied(self, seen: _Seen, target: BinaryIO, deadline: float) -> int:
        wanted, size = seen.candidate, 0
        with self._system.open(seen.path, "rb", block_size=_PIECE) as stream:
            while piece := stream.read(_PIECE):
                size += len(piece)
                if size > wanted.size:
                    raise RefusedError(f"超过列出的 {wanted.size} 字节 / grows while it is read")
                if time.monotonic() > deadline:
                    raise RefusedError(f"时限内只收到 {size} 字节 / not done within the time allowed")
                target.write(piece)
        if size != wanted.size:
            raise PassingError(f"收到 {size} 字节，应为 {wanted.size} / not as long as listed")
        self._system.invalidate_cache()
        if self._told(self._system.info(seen.path)) != (wanted.size, wanted.modified_ns, seen.etag):
            raise RefusedError("读取时文件有变 / it changed while it was read")
        return size

    def _listed(self) -> list[_Seen]:
        return self._persistently(lambda _: self._list(), self.source.location)

    def _list(self) -> list[_Seen]:
        from fsspec.utils import glob_translate  # noqa: PLC0415 -- of the extra `remote`, not always there

        self._system.invalidate_cache()
        entries = self._entries(deep="**" in self.source.pattern)
        fits = re.compile(glob_translate(self.source.pattern))
        found = []
        for entry in entries:
            inside = str(entry["name"]).removeprefix(f"{self._root}/".replace("//", "/"))
            parts = inside.split("/")
            outside = inside == entry["name"] and self._root != "/"
            if entry["type"] != "file" or outside or ".." in parts:
                continue
            hidden = any(part.startswith((".", "~$")) for part in parts)
            if hidden or unfinished(inside) or not fits.match(inside):
                continue
            size, modified_ns, etag = self._told(entry)
            candidate = Candidate(
                address=f"{self.source.location.rstrip('/')}/{inside}",
                name=delivery_name(f"{self._root.rsplit('/', 1)[-1]}/{inside}"),
                size=size,
                modified_ns=modified_ns,
            )
            found.append(_Seen(candidate, str(entry["name"]), etag))
        return sorted(found, key=lambda seen: seen.path)

    def _entries(self, *, deep: bool) -> list[Mapping[str, Any]]:
        """Return the entries of the folder, and of the folders below it.

        Not by fsspec's own walk: it passes over folders that cannot be read.
        """
        waiting, found = [self._root], list[Mapping[str, Any]]()
        while waiting:
            entries = self._system.ls(waiting.pop(0), detail=True)
            found += entries
            if len(found) > _LISTED:
                raise RefusedError(f"超过 {_LISTED} 个文件和文件夹 / too many files and folders")
            if deep:
                folders = [
                    str(entry["name"]).rstrip("/") for entry in entries if entry["type"] == "directory"
                ]
                # a listing names no folder above itself: nothing is walked twice
                waiting += [name for name in folders if name.startswith(f"{self._root.rstrip('/')}/")]
        return found

    @staticmethod
    def _told(entry: Mapping[str, Any]) -> tuple[int, int, str]:
        """Return size, time of change in nanoseconds (-1: untold) and ETag of an entry.

        Whole seconds only: an object store's listing may tell finer than its answer about one object.
        """
        moment = entry.get("mtime") or entry.get("LastModified")
        if isinstance(moment, datetime):
            moment = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        modified_ns = int(moment) * 1_000_000_000 if isinstance(moment, int | float) else -1
        return int(entry.get("size") or 0), modified_ns, str(entry.get("ETag") or "")

    def _asked_options(self) -> dict[str, Any]:
        """Return fsspec's options: what the source states, and its credentials."""
        source, protocol = self.source, self._protocol
        unknown = sorted(set(source.options) - set(protocol.options))
        if unknown:
            listed = ", ".join(sorted(protocol.options)) or "none"
            what = f"不认识的选项 {', '.join(unknown)} / unknown option, expected one of {listed}"
            raise PullError(source.key, source.location, what)
        asked: dict[str, Any] = {}
        for name, value in source.options.items():
            *groups, last = protocol.options[name].split(".")
            place = asked
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
        if source.auth is not None:
            held = Credentials.of(source.key, source.location, source.auth)
            by_key = source.auth.kind == "key-file"
            secret = protocol.key_file if by_key else protocol.secret
            if not secret:
                raise PullError(source.key, source.location, "此协议没有密钥文件 / no key-file here")
            asked |= {protocol.user: held.user, secret: held.secret}
        return asked

    def _opened(self) -> Any:
        """Return the file system; the address gives host and port."""
        scheme, parts = self.source.scheme, urlsplit(self.source.location)
        try:
            for package in ("fsspec", self._protocol.needs):
                importlib.import_module(package or "fsspec")
        except ImportError as error:
            what = f"没有安装 {error.name} / not installed; install the extra: ecoplan[remote]"
            raise PullError(self.source.key, self.source.location, what) from error
        fsspec = importlib.import_module("fsspec")
        limits = self.limits
        if scheme == "sftp":
            kind = importlib.import_module("sources.remote_sftp").KnownHostSftp
            where = {"host": parts.hostname or "", "port": parts.port or 22}
            bounds = {"connect_seconds": limits.connect_seconds, "read_seconds": limits.read_seconds}
            return kind(**where, **bounds, **self._options)
        options = dict(self._options)
        if scheme == "s3":
            options["anon"] = self.source.auth is None
            options["config_kwargs"] = {
                "connect_timeout": limits.connect_seconds,
                "read_timeout": limits.read_seconds,
                "retries": {"max_attempts": 1},
            }
        return fsspec.filesystem(scheme, skip_instance_cache=True, **options)

    def _connected(self) -> Any:
        try:
            return _within(self._opened, self.limits.connect_seconds * 3)
        except (RefusedError, PassingError) as error:
            raise PullError(self.source.key, self.source.location, str(error)) from error

    def _reconnect(self) -> None:
        """Open a broken connection again; a file system without one of its own mends itself."""
        if callable(getattr(self._system, "close", None)):
            self.__exit__(None, None, None)
            self._system = self._connected()

    def _rooted(self) -> str:
        path = str(self._system._strip_protocol(self.source.location))  # noqa: SLF001 -- fsspec's own rule
        if ".." in path.split("/"):
            raise PullError(self.source.key, self.source.location, "路径不可含 .. / no .. in the path")
        return path.rstrip("/") or "/"


def _within(work: Callable[[], _Result], seconds: float) -> _Result:
    """Do a piece of work beside this thread, and give it up when its time is over.

    A file system may wait without end somewhere in its library; the thread is then left behind, and the
    process does not wait for it.

    Raises
    ------
    RefusedError, PassingError
        Where the server or the network is at fault; any other fault as it is.
    """
    done: list[_Result] = []
    failed: list[BaseException] = []

    def carry_out() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 -- handed to the thread that waits for it
            failed.append(error)

    worker = threading.Thread(target=carry_out, daemon=True)
    worker.start()
    worker.join(max(seconds, 0.0))
    if done:
        return done[0]
    raise _judged(failed[0]) if failed else RefusedError("时限已过 / not done within the time allowed")


def _judged(error: BaseException) -> BaseException:
    """Tell trouble that may pass from trouble that will not; other faults are the program's own."""
    if isinstance(error, PullError | RefusedError | PassingError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, FileNotFoundError):
        judged: Exception = RefusedError("没有这个文件或文件夹 / no such file or folder")
    elif isinstance(error, PermissionError) or kinds & {"AuthenticationException", "NoCredentialsError"}:
        # another attempt could lock the account
        judged = RefusedError(f"不许访问 / access refused: {type(error).__name__}")
    elif "BadHostKeyException" in kinds or "not found in known_hosts" in str(error):
        judged = RefusedError("主机密钥不在 known_hosts 中 / the server's host key is not the known one")
    elif isinstance(error, OSError | EOFError) or kinds & {
        "SSHException",
        "BotoCoreError",
        "ClientError",
    }:
        judged = PassingError(f"连接失败 / connection failed: {cause(error)}")
    else:
        return error
    judged.__cause__ = error
    return judged


def _wall_time_of(modified_ns: int) -> datetime:
    if modified_ns < 0:
        return wall_time(now_utc()).replace(microsecond=0)
    return wall_time(datetime.fromtimestamp(modified_ns / 1e9, UTC).replace(tzinfo=None))
