"""Pulling exports from addresses: HTTP files and answers, and what lies behind SFTP, S3 and the like.

Whatever a server does, it ends in bounded time and memory, as a whole file, as "nothing new", or as an error
that says what was found and what was expected; nothing half-fetched stays. HTTP is in sources/pull_http.py,
windows and pages in sources/pull_pages.py, other protocols in sources/remote_files.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

from sources.listing import Candidate, PullError, list_folder
from sources.pull_http import HttpSource
from sources.pull_pages import pull_answers, questions
from sources.pull_terms import Absent, Limits, Mark, NotModified, Outcome, Pulled
from sources.remote_files import RemoteFiles
from vocabulary.district_sources import Source

__all__ = [
    "Absent",
    "Candidate",
    "HttpSource",
    "Limits",
    "Mark",
    "NotModified",
    "Outcome",
    "PullError",
    "Pulled",
    "count_offered",
    "list_folder",
    "pull",
    "pull_http",
    "sweep",
]

_HTTP = frozenset({"http", "https"})


def pull(
    source: Source,
    *,
    into: Path,
    days: Iterable[date] = (),
    marks: Mapping[str, Mark] | None = None,
    limits: Limits | None = None,
) -> Iterator[Outcome | PullError]:
    """Pull what a source's address offers; what fails is yielded as its PullError and stops no other.

    After `limits.failures` failures one after the other, or `limits.source_seconds`, the rest of the
    source is left for another night, and one more PullError says so.

    Parameters
    ----------
    into
        Folder for the fetched files; the caller lands and removes each.
    days
        Days to put into a template or a window.
    marks
        Key of a mark (`Candidate.mark`) to what its address said last time.

    Raises
    ------
    PullError
        When the source cannot even be listed or its credentials are not set.
    """
    bounds = limits or Limits()
    if source.scheme not in _HTTP:
        with RemoteFiles(source, bounds) as files:
            yield from _patiently(source.key, source.location, files.pull(into, marks or {}), bounds)
        return
    with HttpSource(source.key, bounds, auth=source.auth, location=source.location) as http:
        if source.asked:
            outcomes = pull_answers(http, source, days, into)
        else:
            outcomes = _files(http, source.location, source.pattern, days, into, marks or {})
        yield from _patiently(source.key, source.location, outcomes, bounds)


def count_offered(source: Source, days: Iterable[date] = (), limits: Limits | None = None) -> int:
    """Return how many files or questions a source has, fetching no export.

    Raises
    ------
    PullError
        When it cannot be listed or its credentials are not set.
    """
    if source.scheme not in _HTTP:
        with RemoteFiles(source, limits or Limits()) as files:
            return len(files.offers())
    with HttpSource(source.key, limits, auth=source.auth, location=source.location) as http:
        if source.asked:
            return len(questions(source, days))
        return len(http.offers(source.location, source.pattern, days))


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
    """List and fetch the files of an HTTP address; as `pull`, without a source's entry.

    Parameters
    ----------
    location
        Address of an index, or a template with `{date:%Y%m%d}`.

    Raises
    ------
    PullError
        When the address cannot even be listed.
    """
    bounds = limits or Limits()
    with HttpSource(source, bounds) as http:
        outcomes = _files(http, location, pattern, days, into, marks or {})
        yield from _patiently(source, location, outcomes, bounds)


def _files(
    http: HttpSource,
    location: str,
    pattern: str,
    days: Iterable[date],
    into: Path,
    marks: Mapping[str, Mark],
) -> Iterator[Outcome | PullError]:
    for candidate in http.offers(location, pattern, days):
        try:
            yield http.fetch(candidate, into, marks.get(candidate.mark))
        except PullError as error:
            yield error


def _patiently(
    source: str, location: str, outcomes: Iterator[Outcome | PullError], limits: Limits
) -> Iterator[Outcome | PullError]:
    """Pass outcomes on until a source has failed too often in a row or its time is over."""
    began, failures = time.monotonic(), 0
    for outcome in outcomes:
        failures = failures + 1 if isinstance(outcome, PullError) else 0
        yield outcome
        if failures >= limits.failures:
            what = f"连续失败 {failures} 次，其余留待下次 / {failures} failures in a row, the rest is left"
            yield PullError(source, location, what)
            return
        if time.monotonic() - began > limits.source_seconds:
            what = f"{limits.source_seconds:g} 秒已过，其余留待下次 / out of time, the rest is left"
            yield PullError(source, location, what)
            return


def sweep(into: Path, older_than: float = 86_400.0) -> int:
    """Remove half-fetched files that a killed run left behind; return how many.

    Parameters
    ----------
    into
        Folder of downloads under way.
    older_than
        Seconds since the last change: a younger file may belong to another run.
    """
    if not into.is_dir():
        return 0
    now = time.time()
    left = [path for path in into.glob("*.part") if now - path.stat().st_mtime > older_than]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
