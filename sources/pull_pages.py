"""Answers of an interface: questions over windows of days, and pages of JSON until the last one.

Each answer is a delivery of its own. How the last page is known is stated by the source (`Pages`); a server
that does not heed the page asked for, ends early or never ends is reported, and what came stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sources.listing import Candidate, PullError, address_name, is_template
from sources.pull_http import HttpSource
from sources.pull_names import filled
from sources.pull_terms import Absent, Outcome, Pulled
from vocabulary.clock import now_utc, wall_time
from vocabulary.district_sources import TEMPLATE_FIELD, Pages, Source

_MEDIA = {"form": "application/x-www-form-urlencoded", "json": "application/json"}

#: a page is read whole to find its rows
_PAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Span:
    """The days one question is about; `last` is inclusive."""

    first: date
    last: date


def spans(days: Iterable[date], length: int) -> list[Span]:
    """Return runs of consecutive days, each at most `length` long."""
    found: list[Span] = []
    for day in sorted(set(days)):
        if found and day == found[-1].last + timedelta(days=1) and (day - found[-1].first).days < length:
            found[-1] = replace(found[-1], last=day)
        else:
            found.append(Span(day, day))
    return found


def questions(source: Source, days: Iterable[date]) -> list[Span]:
    """Return what a source is asked about: spans of its window, or once where no field names a day."""
    texts = [source.location, *(source.post.fields.values() if source.post else ())]
    dated = any(
        match[1] in {"date", "from", "to", "until"}
        for text in texts
        for match in TEMPLATE_FIELD.finditer(text)
    )
    known = spans(days, source.window_days)
    if dated or not known:
        return known
    return [Span(known[0].first, known[-1].last)]


def question(source: Source, span: Span, page: int) -> Candidate:
    """Return one request as a candidate; its name is the source's `name`, or the address's own."""
    values: dict[str, Any] = {
        "date": span.first,
        "from": span.first,
        "to": span.last,
        "until": span.last + timedelta(days=1),
        "page": page,
    }
    address = filled(source.location, values, quote=True)
    fields = {key: filled(text, values) for key, text in (source.post.fields if source.post else {}).items()}
    encoding = source.post.encoding if source.post else ""
    body = json.dumps(fields, ensure_ascii=False) if encoding == "json" else urlencode(fields)
    if source.name:
        name = filled(source.name, values | {"now": wall_time(now_utc())})
    else:
        number = f"_{page}" if source.pages else ""
        when = span.first.isoformat() if span.first == span.last else f"{span.first}_{span.last}"
        name = f"{address_name(address)}/{when}{number}"
    # a day's file that is not there yet is no trouble, as with any template
    optional = not fields and not source.pages and is_template(source.location)
    return Candidate(
        address,
        name,
        optional=optional,
        body=body.encode() if fields else b"",
        body_type=_MEDIA.get(encoding, ""),
    )


def pull_answers(
    http: HttpSource, source: Source, days: Iterable[date], into: Path
) -> Iterator[Outcome | PullError]:
    """Ask a source about its windows, page by page; trouble with one window stops no other."""
    for span in questions(source, days):
        if source.pages is None:
            asked = question(source, span, 0)
            try:
                got = http.fetch(asked, into)
                yield _named(got, asked) if source.name else got
            except PullError as error:
                yield error
        else:
            yield from _paged(http, source, source.pages, span, into)


def _paged(
    http: HttpSource, source: Source, pages: Pages, span: Span, into: Path
) -> Iterator[Outcome | PullError]:
    rows, previous = 0, ""
    for number in range(pages.first, pages.first + pages.at_most):
        asked = question(source, span, number)
        try:
            got, answer = _page(http, asked, pages, into)
            fault = answer.fault(pages, number, rows, previous)
        except PullError as error:
            yield PullError(source.key, asked.address, f"第 {number} 页 page {number}: {error.what}")
            return
        if fault or answer.rows == 0:
            got.path.unlink()
        if fault:
            yield PullError(source.key, asked.address, f"第 {number} 页 page {number}: {fault}")
            return
        if answer.rows == 0:
            if number == pages.first:
                yield Absent(asked.mark, asked.name)
            return
        rows, previous = rows + answer.rows, answer.digest
        yield _named(got, asked)
        if answer.last(pages, number, rows):
            return
    what = f"超过 {pages.at_most} 页仍未结束 / more pages than `at_most`"
    yield PullError(source.key, question(source, span, pages.first).address, what)


def _page(http: HttpSource, asked: Candidate, pages: Pages, into: Path) -> tuple[Pulled, _Answer]:
    """Fetch one page and read what it says about itself; nothing stays of one that is not as agreed."""
    got = http.fetch(asked, into)
    if not isinstance(got, Pulled):
        raise PullError(http.source, asked.address, "没有应答内容 / no answer to read")
    try:
        return got, _Answer.of(got.path, pages)
    except ValueError as error:
        got.path.unlink()
        raise PullError(http.source, asked.address, str(error)) from error


def _named(got: Outcome, asked: Candidate) -> Outcome:
    """Keep the name the source's own rule gives: it tells the day and the page."""
    return replace(got, name=asked.name)


@dataclass(frozen=True)
class _Answer:
    """What a page says about itself."""

    digest: str
    rows: int
    total_rows: int | None
    total_pages: int | None

    @classmethod
    def of(cls, path: Path, pages: Pages) -> _Answer:
        """Read a page; ValueError where it is not what was agreed."""
        if path.stat().st_size > _PAGE_BYTES:
            raise ValueError(f"超过 {_PAGE_BYTES} 字节 / larger than a page may be")
        content = path.read_bytes()
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            raise ValueError(
                "应为 JSON，可能是登录页或出错页 / expected JSON, found something else"
            ) from None
        rows = _at(body, pages.rows)
        if not isinstance(rows, list):
            raise ValueError(f"{pages.rows} 处应为列表 / expected a list at {pages.rows}")  # noqa: TRY004 -- one kind for all faults of a page
        return cls(
            hashlib.sha256(content).hexdigest(),
            len(rows),
            _number(body, pages.total_rows),
            _number(body, pages.total_pages),
        )

    def fault(self, pages: Pages, number: int, rows: int, previous: str) -> str:
        """Return what is wrong with this page after `rows` rows; empty when nothing is."""
        if self.rows and self.digest == previous:
            return "与上一页相同，服务器不理会页码 / the same as the page before"
        begins = number == pages.first and not self.total_rows
        if self.rows == 0 and not begins and self.lacks(pages, number - 1, rows):
            return f"共 {rows} 行即止，少于声明的总数 / ended after {rows} rows, before its stated total"
        return ""

    def last(self, pages: Pages, number: int, rows: int) -> bool:
        """Tell whether no page follows this one."""
        if self.total_pages is not None or self.total_rows is not None:
            return not self.lacks(pages, number, rows)
        return pages.size is not None and self.rows < pages.size

    def lacks(self, pages: Pages, number: int, rows: int) -> bool:
        """Tell whether fewer pages or rows have come than the answer states."""
        if self.total_pages is not None:
            return number - pages.first + 1 < self.total_pages
        return self.total_rows is not None and rows < self.total_rows


def _at(body: Any, key: str) -> Any:
    for part in key.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _number(body: Any, key: str) -> int | None:
    if not key:
        return None
    value = _at(body, key)
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{key} 处应为总数 / expected a total at {key}")
    return int(text[:15])
