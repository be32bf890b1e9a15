"""One HTTP source of exports: polite, bounded, and never half a body.

Conditional (ETag, If-Modified-Since), tried again with backoff on 429 and 5xx (Retry-After respected up to a
bound), resumed after a cut, TLS verified. Redirects are followed by hand: few, never to another scheme than
http and https, never from https to http, and to another host without credentials.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import requests

from sources.listing import Candidate, PullError, expand, is_template, offered_addresses
from sources.pull_body import BROKEN, PartFile, cause, pieces
from sources.pull_connection import Guard, GuardedAdapter
from sources.pull_credentials import Credentials
from sources.pull_names import stated_name
from sources.pull_terms import (
    Absent,
    Limits,
    Mark,
    NotModified,
    Outcome,
    PassingError,
    Pulled,
    RefusedError,
    modified_wall_time,
    retry_after,
)
from vocabulary.district_sources import Auth

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OK, _PARTIAL, _NOT_MODIFIED, _UNSATISFIABLE = 200, 206, 304, 416

#: an index page, and how far an index of folders is followed
_INDEX_BYTES = 16 * 1024 * 1024
_INDEX_PAGES = 500


class HttpSource:
    """One HTTP source of exports; a context manager that holds its connections.

    Parameters
    ----------
    source
        Source key, for messages.
    limits
        Bounds of time, size and patience.
    auth
        Which environment variables hold credentials; they are shown to the origin of `location` only.
    location
        The source's address; needed with `auth`.

    Raises
    ------
    PullError
        When an environment variable that `auth` names is not set.
    """

    def __init__(
        self, source: str, limits: Limits | None = None, *, auth: Auth | None = None, location: str = ""
    ) -> None:
        self.source = source
        self.limits = limits or Limits()
        self._credentials = Credentials.of(source, location, auth)
        self._guard = Guard()
        self._session = requests.Session()
        # a body is stored as delivered: no transport compression to undo, lengths comparable
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, GuardedAdapter(self._guard))

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
        end = time.monotonic() + self.limits.source_seconds
        while waiting:
            if time.monotonic() > end:
                raise PullError(self.source, location, "目录页在时限内未列完 / listing took too long")
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
        conditions = {}
        if mark and mark.etag and not candidate.body:
            conditions["If-None-Match"] = mark.etag
        if mark and mark.last_modified and not candidate.body:
            conditions["If-Modified-Since"] = mark.last_modified
        limits = self.limits
        with self._guard.within(limits.total_seconds), PartFile(into, limits.max_bytes) as part:
            for attempt in range(limits.retries + 1):
                try:
                    return self._attempt(candidate, part, conditions)
                except RefusedError as error:
                    raise PullError(self.source, candidate.address, str(error)) from error
                except PassingError as error:
                    self._pause(candidate.address, attempt, error)
        raise PullError(self.source, candidate.address, "没有尝试 / no attempt was allowed (retries < 0)")

    def _pause(self, address: str, attempt: int, error: PassingError) -> None:
        """Wait before the next attempt; where there is none, or no time for it, the trouble is final."""
        limits = self.limits
        pause = error.wait
        if pause is None:
            pause = min(limits.backoff_seconds * 2**attempt, float(limits.retry_after_seconds))
        if attempt >= limits.retries or pause >= self._guard.remaining:
            raise PullError(self.source, address, str(error)) from error
        time.sleep(pause)

    def _attempt(self, candidate: Candidate, part: PartFile, conditions: dict[str, str]) -> Outcome:
        rest = part.resumes()
        answered, response = self._ask(candidate, rest or conditions)
        with response:
            status = response.status_code
            if status == _NOT_MODIFIED and conditions and not rest:
                return NotModified(candidate.mark, candidate.name)
            if status in _GONE and candidate.optional:
                return Absent(candidate.mark, candidate.name)
            if status == _UNSATISFIABLE and rest:
                part.restart()
                raise PassingError("HTTP 416，从头再取 / the rest is not to be had")
            if not (status == _PARTIAL and rest):
                self._check_status(response)
            self._check_coding(response, answered)
            part.write(response, self._guard)
            last_modified = response.headers.get("Last-Modified", "")
            return Pulled(
                address=candidate.mark,
                name=stated_name(response.headers.get("Content-Disposition", "")) or candidate.name,
                path=part.take(),
                size=part.size,
                modified_at=modified_wall_time(last_modified),
                etag=response.headers.get("ETag", ""),
                last_modified=last_modified,
            )

    def _page(self, address: str) -> tuple[str, str]:
        """Return an index page's final address and text."""
        with self._guard.within(self.limits.total_seconds):
            for attempt in range(self.limits.retries + 1):
                try:
                    final, response = self._ask(Candidate(address, ""), {})
                    with response:
                        self._check_status(response)
                        self._check_coding(response, "")
                        body = b"".join(pieces(response, _INDEX_BYTES, self._guard))
                except RefusedError as error:
                    raise PullError(self.source, address, str(error)) from error
                except PassingError as error:
                    self._pause(address, attempt, error)
                else:
                    return final, _text(body)
        raise PullError(self.source, address, "没有尝试 / no attempt was allowed (retries < 0)")

    def _ask(self, candidate: Candidate, headers: dict[str, str]) -> tuple[str, requests.Response]:
        """Send a request and follow its redirects; return the address that answered (without secrets)."""
        address = candidate.address
        for _ in range(self.limits.redirects + 1):
            response = self._send(address, candidate, headers)
            target = self._session.get_redirect_target(response)
            if response.status_code not in _REDIRECTS or not target:
                return address, response
            response.close()
            if candidate.body:
                raise RefusedError("表单被重定向 / a form is not sent to another address")
            address = _followed(address, urljoin(address, target))
        raise RefusedError(
            f"重定向超过 {self.limits.redirects} 次 / more than {self.limits.redirects} redirects"
        )

    def _send(self, address: str, candidate: Candidate, headers: dict[str, str]) -> requests.Response:
        limits = self.limits
        asked = self._credentials.question(address, headers, candidate.body, candidate.body_type)
        try:
            return self._session.request(
                "POST" if candidate.body else "GET",
                asked.address,
                headers=asked.headers,
                data=asked.body or None,
                auth=asked.auth,
                timeout=(limits.connect_seconds, limits.read_seconds),
                stream=True,
                verify=True,
                allow_redirects=False,
            )
        except BROKEN as error:
            self._guard.drop()
            if self._guard.remaining <= 0:
                what = f"{limits.total_seconds:g} 秒内未答完 / not done within the time allowed"
                raise RefusedError(what) from error
            if isinstance(error, requests.Timeout):
                what = f"{limits.read_seconds:g} 秒内无应答 / no answer within {limits.read_seconds:g} s"
                raise PassingError(what) from error
            what = f"连接失败 / connection failed: {cause(error)}"
            # a certificate nobody vouches for, or an address that is none, will not get better
            if isinstance(error, requests.exceptions.SSLError | ValueError):
                raise RefusedError(what) from error
            raise PassingError(what) from error

    def _check_scheme(self, address: str) -> None:
        if not address.lower().startswith(("http://", "https://")):
            raise PullError(self.source, address, "只接受 http 或 https / only http and https addresses")

    def _check_status(self, response: requests.Response) -> None:
        if response.status_code == _OK:
            return
        said = self._credentials.hide(f"HTTP {response.status_code} {response.reason or ''}".strip())
        what = f"{said}，应为 200 / expected 200"
        if response.status_code in _RETRIED:
            limit = float(self.limits.retry_after_seconds)
            raise PassingError(what, retry_after(response.headers.get("Retry-After", ""), limit))
        raise RefusedError(what)

    def _check_coding(self, response: requests.Response, address: str) -> None:
        """Refuse a transport compression: nobody asked for it, and unpacking it has no bound.

        A `.gz` file that a server labels so is the file itself, kept as it comes.
        """
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding in {"", "identity"}:
            return
        if coding in {"gzip", "x-gzip"} and urlsplit(address).path.lower().endswith(".gz"):
            return
        shown = self._credentials.hide(coding)
        raise RefusedError(f"未请求的传输压缩 {shown} / a coding nobody asked for")


def _followed(here: str, target: str) -> str:
    """Return the target of a redirect that may be followed."""
    parts = urlsplit(target)
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"}:
        raise RefusedError(f"被重定向到 {scheme[:20]} 地址，只接受 http 或 https / only http and https")
    if here.lower().startswith("https:") and scheme != "https":
        raise RefusedError("被重定向到不加密的地址 / redirected from https to http")
    if "@" in parts.netloc:
        raise RefusedError("被重定向到带用户名的地址 / redirected to an address that holds a user")
    return target


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:  # old directory listings of Chinese servers
        return body.decode("gb18030", errors="replace")
