"""Pulling exports over HTTP: polite, bounded, and never half a body.

Conditional (ETag, If-Modified-Since), retried with backoff on 429 and 5xx (Retry-After respected up to a
bound), TLS verified, redirects few and never from https to http. A body lands only when it is as long as
announced and within the cap. Listing a folder is in sources/listing.py and offered here too.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from sources.listing import (
    Candidate,
    PullError,
    expand,
    is_template,
    list_folder,
    offered_addresses,
)
from vocabulary.clock import now_utc, wall_time

__all__ = [
    "Absent",
    "Candidate",
    "HttpSource",
    "Limits",
    "Mark",
    "NotModified",
    "PullError",
    "Pulled",
    "list_folder",
    "pull_http",
]

_PIECE = 1 << 16
_RETRIED = frozenset({429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_OK, _NOT_MODIFIED = 200, 304

#: an index page, and how far an index of folders is followed
_INDEX_BYTES = 16 * 1024 * 1024
_INDEX_PAGES = 500

_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


@dataclass(frozen=True)
class Limits:
    """Bounds of time, size and patience; seconds and bytes."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    total_seconds: float = 1800.0
    max_bytes: int = 256 * 1024 * 1024
    retries: int = 4
    backoff_seconds: float = 1.0
    retry_after_seconds: int = 120
    redirects: int = 5


@dataclass(frozen=True)
class Mark:
    """What an address said about the bytes pulled last: makes the next request conditional."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Pulled:
    """One fetched export: a whole file at `path`, which the caller lands and removes.

    `modified_at` is the server's Last-Modified in Asia/Shanghai wall time, or else the time of the pull.
    """

    address: str
    name: str
    path: Path
    size: int
    modified_at: datetime
    etag: str
    last_modified: str


@dataclass(frozen=True)
class NotModified:
    """The address still has what was pulled last."""

    address: str
    name: str


@dataclass(frozen=True)
class Absent:
    """A template's address that is not (yet) there."""

    address: str
    name: str


Outcome = Pulled | NotModified | Absent


class _Retry(Retry):
    """Waits as long as the server asks, but never longer than bounded."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        try:
            asked = super().get_retry_after(response)
        except urllib3.exceptions.InvalidHeader:  # unreadable wish: the ordinary backoff applies
            return None
        return None if asked is None else min(asked, float(self.retry_after_max))


class HttpSource:
    """One HTTP source of exports; a context manager that holds its connections.

    Parameters
    ----------
    source
        Source key, for messages.
    limits
        Bounds of time, size and patience.
    """

    def __init__(self, source: str, limits: Limits | None = None) -> None:
        self.source = source
        self.limits = limits or Limits()
        self._session = requests.Session()
        self._session.max_redirects = self.limits.redirects
        # a body is stored as delivered: no transport compression to undo, lengths comparable
        self._session.headers["Accept-Encoding"] = "identity"
        retry = _Retry(
            total=self.limits.retries,
            backoff_factor=self.limits.backoff_seconds,
            backoff_max=self.limits.retry_after_seconds,
            status_forcelist=_RETRIED,
            allowed_methods={"GET"},
            raise_on_status=False,
            respect_retry_after_header=True,
            retry_after_max=self.limits.retry_after_seconds,
        )
        adapter = HTTPAdapter(max_retries=retry)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._session.close()

    def offers(self, location: str, pattern: str, days: Iterable[date] = ()) -> list[Candidate]:
        """List what the source offers: the days of a template, or the addresses of an index.

        An index is followed into its sub-folders when the pattern holds `**`.

        Raises
        ------
        PullError
            When the index cannot be read.
        """
        self._check_scheme(location)
        if is_template(location):
            return expand(location, days)
        waiting, seen, found = [location], {location}, dict[str, Candidate]()
        while waiting:
            if len(seen) > _INDEX_PAGES:
                raise PullError(self.source, location, f"目录页超过 {_INDEX_PAGES} 个 / too many index pages")
            index = waiting.pop(0)
            address, body = self._page(index)
            files, folders = offered_addresses(address, body, pattern)
            # a sub-folder's page speaks for what lies in it only
            found.update((item.address, item) for item in files if index == location or index in item.address)
            if "**" in pattern:
                waiting += [folder for folder in folders if folder not in seen]
                seen.update(folders)
        return [found[address] for address in sorted(found)]

    def fetch(self, candidate: Candidate, into: Path, mark: Mark | None = None) -> Outcome:
        """Fetch one address into a new file of the folder `into`.

        Raises
        ------
        PullError
            On any other status than 200 and 304 (and 404 of a template), a cut, too long or too slow
            body, too many redirects, or a connection that fails; nothing is left in `into`.
        """
        self._check_scheme(candidate.address)
        deadline = time.monotonic() + self.limits.total_seconds
        for attempt in range(self.limits.retries + 1):
            try:
                return self._attempt(candidate, into, mark, deadline)
            except _CutBodyError as error:
                pause = min(self.limits.backoff_seconds * 2**attempt, self.limits.retry_after_seconds)
                if attempt == self.limits.retries or time.monotonic() + pause > deadline:
                    raise PullError(self.source, candidate.address, str(error)) from error
                time.sleep(pause)
        raise PullError(self.source, candidate.address, "没有尝试 / no attempt was allowed (retries < 0)")

    def _attempt(self, candidate: Candidate, into: Path, mark: Mark | None, deadline: float) -> Outcome:
        headers = {}
        if mark and mark.etag:
            headers["If-None-Match"] = mark.etag
        if mark and mark.last_modified:
            headers["If-Modified-Since"] = mark.last_modified
        with self._get(candidate.address, headers) as response:
            if response.status_code == _NOT_MODIFIED and headers:
                return NotModified(candidate.address, candidate.name)
            if response.status_code in _GONE and candidate.optional:
                return Absent(candidate.address, candidate.name)
            self._check_status(response, candidate.address)
            into.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=into, suffix=".part")
            path = Path(temporary)
            try:
                with os.fdopen(handle, "wb") as target:
                    for piece in self._body(response, candidate.address, self.limits.max_bytes, deadline):
                        target.write(piece)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            last_modified = response.headers.get("Last-Modified", "")
            return Pulled(
                address=candidate.address,
                name=candidate.name,
                path=path,
                size=path.stat().st_size,
                modified_at=_modified_at(last_modified),
                etag=response.headers.get("ETag", ""),
                last_modified=last_modified,
            )

    def _page(self, address: str) -> tuple[str, str]:
        """Return an index page's final address and text."""
        deadline = time.monotonic() + self.limits.total_seconds
        with self._get(address, {}) as response:
            self._check_status(response, address)
            try:
                body = b"".join(self._body(response, address, _INDEX_BYTES, deadline))
            except _CutBodyError as error:
                raise PullError(self.source, address, str(error)) from error
            try:
                return response.url, body.decode("utf-8-sig")
            except UnicodeDecodeError:  # old directory listings of Chinese servers
                return response.url, body.decode("gb18030", errors="replace")

    def _get(self, address: str, headers: dict[str, str]) -> requests.Response:
        limits = self.limits
        timeout = (limits.connect_seconds, limits.read_seconds)
        try:
            response = self._session.get(address, headers=headers, timeout=timeout, stream=True, verify=True)
        except requests.TooManyRedirects as error:
            what = f"重定向超过 {limits.redirects} 次 / more than {limits.redirects} redirects"
            raise PullError(self.source, address, what) from error
        except requests.Timeout as error:
            what = f"{limits.read_seconds:g} 秒内无应答 / no answer within {limits.read_seconds:g} s"
            raise PullError(self.source, address, what) from error
        except _BROKEN as error:
            raise PullError(self.source, address, f"连接失败 / connection failed: {_cause(error)}") from error
        if address.lower().startswith("https:") and not response.url.lower().startswith("https:"):
            response.close()
            raise PullError(self.source, address, "被重定向到不加密的地址 / redirected from https to http")
        return response

    def _check_scheme(self, address: str) -> None:
        if not address.lower().startswith(("http://", "https://")):
            raise PullError(self.source, address, "只接受 http 或 https / only http and https addresses")

    def _check_status(self, response: requests.Response, address: str) -> None:
        if response.status_code != _OK:
            what = f"HTTP {response.status_code} {response.reason or ''}".strip()
            raise PullError(self.source, address, f"{what}，应为 200 / expected 200")
        coding = response.headers.get("Content-Encoding", "identity")
        if coding not in {"", "identity"}:
            raise PullError(self.source, address, f"未请求的传输压缩 {coding} / a coding nobody asked for")

    def _body(self, response: requests.Response, address: str, cap: int, deadline: float) -> Iterator[bytes]:
        """Yield the body, proved against its length, the cap and the deadline."""
        announced = response.headers.get("Content-Length", "")
        length = int(announced) if announced.isdigit() else None
        if length is not None and length > cap:
            raise PullError(self.source, address, f"{length} 字节，超过上限 {cap} / larger than the cap")
        size = 0
        try:
            # read1 gives what has come: a trickle cannot hold the deadline off
            while piece := response.raw.read1(_PIECE):
                size += len(piece)
                if size > cap:
                    raise PullError(self.source, address, f"超过上限 {cap} 字节 / larger than the cap")
                if time.monotonic() > deadline:
                    what = f"{self.limits.total_seconds:g} 秒内未传完 / not done within the time allowed"
                    raise PullError(self.source, address, what)
                yield piece
        except _BROKEN as error:
            raise _CutBodyError(
                f"收到 {size} 字节后中断 / broke off after {size} bytes: {_cause(error)}"
            ) from error
        if length is not None and size != length:
            raise _CutBodyError(
                f"收到 {size} 字节，应为 {length} / {size} bytes came, {length} were announced"
            )


class _CutBodyError(Exception):
    """The body ended early; worth another attempt."""


def _cause(error: BaseException) -> str:
    """Return the kind of the innermost error, without its text (which may hold secrets of the address)."""
    inner: BaseException | None = error
    while inner is not None:
        error = inner
        reasons = (getattr(error, "reason", None), *error.args)
        inner = next((reason for reason in reasons if isinstance(reason, BaseException)), None)
    return type(error).__name__


def _modified_at(last_modified: str) -> datetime:
    try:
        moment = parsedate_to_datetime(last_modified)
    except ValueError:  # absent or unreadable: the time of the pull has to do
        return wall_time(now_utc()).replace(microsecond=0)
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return wall_time(aware.astimezone(UTC).replace(tzinfo=None))


def pull_http(
    source: str,
    location: str,
    *,
    pattern: str = "*",
    into: Path,
    days: Iterable[date] = (),
    marks: Mapping[str, Mark] | None = None,
    limits: Limits | None = None,
) -> Iterator[Outcome | PullError]:
    """List and fetch a source; an address that fails is yielded as its PullError and stops no other.

    Parameters
    ----------
    location
        Address of an index, or a template with `{date:%Y%m%d}`.
    into
        Folder for the fetched files; the caller lands and removes each.
    days
        Days to put into a template.
    marks
        Address to what it said last time.

    Raises
    ------
    PullError
        When the source cannot even be listed.
    """
    with HttpSource(source, limits) as http:
        for candidate in http.offers(location, pattern, days):
            try:
                yield http.fetch(candidate, into, (marks or {}).get(candidate.address))
            except PullError as error:
                yield error
