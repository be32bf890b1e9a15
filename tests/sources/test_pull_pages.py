"""Interfaces that answer in pages and windows, and the entries of sources.toml that say how they are asked."""

import json
from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from raw_server import RawServer, answer

from sources.pull import Absent, Limits, Pulled, PullError, count_offered, pull
from sources.pull_pages import Span, spans
from vocabulary.clock import today
from vocabulary.district_files import DistrictError, read_toml
from vocabulary.district_sources import Source
from vocabulary.plan import Strict

DAY = date(2026, 3, 25)
QUICK = Limits(
    connect_seconds=2,
    read_seconds=0.5,
    total_seconds=3,
    retries=0,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def entry(location, **given):
    facts = {"key": "water-cnemc-api", "title_zh": "水", "title_en": "water", "late_days": 2}
    return Source(**(facts | {"location": location} | given))


def paged(location, pages, **given):
    """The national release as it is asked: a form with the page's number, one page of JSON back."""
    fields = {"action": "getRealDatas", "AreaID": "370000", "PageIndex": "{page}", "PageSize": "3"}
    facts = {"name": "api/{date}_{page}.json", "post": {"fields": fields}, "pages": {"rows": "tbody"} | pages}
    return entry(location, **(facts | given))


def release(rows, size=3, **stated):
    """Give the rows of the page a form asks for; `stated` are totals beside them."""

    def behave(request, connection):
        page = int(dict(parse_qsl(request.body.decode()))["PageIndex"])
        content = {"tbody": rows[(page - 1) * size : page * size], **stated}
        answer(connection, body=json.dumps(content).encode())

    return behave


def run(source, tmp_path, days=(DAY,)):
    """Return the names with their bytes, the troubles and the other outcomes of a pull."""
    got = list(pull(source, into=tmp_path / "in", days=days, limits=QUICK))
    files = [(item.name, json.loads(item.path.read_bytes())) for item in got if isinstance(item, Pulled)]
    troubles = [str(item) for item in got if isinstance(item, PullError)]
    assert len(list((tmp_path / "in").glob("*"))) == len(files), "nothing but what is given stays"
    return files, troubles, [item for item in got if not isinstance(item, Pulled | PullError)]


@pytest.mark.parametrize(
    ("count", "pages", "stated", "asked"),
    [
        (7, {"total_pages": "total"}, {"total": 3}, 3),
        (7, {"total_rows": "records"}, {"records": "7"}, 3),
        (7, {"size": 3}, {}, 3),
        # the last page is full: only an empty one tells
        (6, {"size": 3}, {}, 3),
        (7, {}, {}, 4),
        (6, {"total_rows": "records"}, {"records": 6}, 2),
        (2, {"total_pages": "total"}, {"total": 1}, 1),
    ],
)
def test_every_page_is_a_delivery_until_the_last(tmp_path, count, pages, stated, asked):
    rows = list(range(count))
    with RawServer(release(rows, **stated)) as server:
        files, troubles, _ = run(paged(server.address, pages), tmp_path)
    assert [row for _, content in files for row in content["tbody"]] == rows
    assert [name for name, _ in files] == [f"api/2026-03-25_{n + 1}.json" for n in range(len(files))]
    assert troubles == []
    assert len(server.requests) == asked
    assert {item.method for item in server.requests} == {"POST"}
    form = dict(parse_qsl(server.requests[0].body.decode()))
    assert form == {"action": "getRealDatas", "AreaID": "370000", "PageIndex": "1", "PageSize": "3"}
    assert server.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_fewer_rows_than_asked_for_end_nothing_where_the_total_says_more(tmp_path):
    # the server gives two rows a page whatever was asked
    with RawServer(release(list(range(5)), size=2, records=5)) as server:
        files, troubles, _ = run(paged(server.address, {"total_rows": "records"}), tmp_path)
    assert [len(content["tbody"]) for _, content in files] == [2, 2, 1]
    assert troubles == []


def test_an_answer_without_rows_is_nothing_new(tmp_path):
    with RawServer(release([], total=0, records=0)) as server:
        for pages in ({"total_pages": "total"}, {"total_rows": "records"}, {"size": 3}, {}):
            files, troubles, rest = run(paged(server.address, pages), tmp_path)
            assert (files, troubles, [type(item) for item in rest]) == ([], [], [Absent])


@pytest.mark.parametrize(
    ("behave", "pages", "what", "kept"),
    [
        (release(list(range(4)), records=9), {"total_rows": "records"}, "before its stated total", 2),
        (release([], records=9), {"total_rows": "records"}, "before its stated total", 0),
        (lambda _, c: answer(c, body=b'{"tbody": [1, 2, 3]}'), {}, "the same as the page before", 1),
        (release(list(range(99))), {"at_most": 4}, "more pages than `at_most`", 4),
        (lambda _, c: answer(c, body=b"<html>login</html>"), {}, "expected JSON", 0),
        (lambda _, c: answer(c, body=b"[" * 100_000), {}, "expected JSON", 0),
        (lambda _, c: answer(c, body=b'{"error": "no"}'), {}, "expected a list at tbody", 0),
        (lambda _, c: answer(c, body=b'{"tbody": {"a": 1}}'), {}, "expected a list at tbody", 0),
        (release([1], total="many"), {"total_pages": "total"}, "expected a total at total", 0),
        (release([1], total=True), {"total_pages": "total"}, "expected a total at total", 0),
        (lambda _, c: answer(c, "500 Oops"), {}, "HTTP 500", 0),
        (lambda _, c: answer(c, "404 Not Found"), {}, "HTTP 404", 0),
    ],
)
def test_what_is_not_as_agreed_is_told_and_what_came_stays(tmp_path, behave, pages, what, kept):
    with RawServer(behave) as server:
        files, troubles, _ = run(paged(server.address, pages), tmp_path)
    assert len(files) == kept
    (told,) = troubles
    assert what in told


def test_a_page_that_fails_ends_its_window_and_no_other(tmp_path):
    def behave(request, connection):
        form = dict(parse_qsl(request.body.decode()))
        if form["day"] == "2026-03-25":
            answer(connection, "500 Oops")
        else:
            answer(connection, body=json.dumps({"tbody": [form["day"]]}).encode())

    fields = {"day": "{date}", "p": "{page}"}
    days = [DAY, DAY + timedelta(days=1)]
    with RawServer(behave) as server:
        source = paged(server.address, {"size": 9}, post={"fields": fields, "encoding": "form"})
        files, troubles, _ = run(source, tmp_path, days)
    assert files == [("api/2026-03-26_1.json", {"tbody": ["2026-03-26"]})]
    assert len(troubles) == 1


def test_windows_in_an_address(tmp_path):
    source_days = [DAY + timedelta(days=number) for number in range(5)]
    with RawServer(lambda r, c: answer(c, body=json.dumps(r.target).encode())) as server:
        location = f"{server.address}/q?from={{from:%Y-%m-%d %H:%M}}&to={{to:%Y%m%d}}&before={{until}}"
        source = entry(location, window_days=2, name="{from}_{to}.json")
        assert count_offered(source, source_days) == 3
        files, troubles, _ = run(source, tmp_path, source_days)
    assert files == [
        ("2026-03-25_2026-03-26.json", "/q?from=2026-03-25%2000:00&to=20260326&before=2026-03-27"),
        ("2026-03-27_2026-03-28.json", "/q?from=2026-03-27%2000:00&to=20260328&before=2026-03-29"),
        ("2026-03-29_2026-03-29.json", "/q?from=2026-03-29%2000:00&to=20260329&before=2026-03-30"),
    ]
    assert troubles == []


def test_a_json_question_and_a_deep_key(tmp_path):
    def behave(request, connection):
        assert request.headers["Content-Type"] == "application/json"
        asked = json.loads(request.body)
        rows = {"1": ["甲"], "2": []}[asked["page"]]
        answer(connection, body=json.dumps({"data": {"records": rows}}).encode())

    post = {"encoding": "json", "fields": {"page": "{page}", "city": "聊城"}}
    with RawServer(behave) as server:
        files, troubles, _ = run(paged(server.address, {"rows": "data.records"}, post=post), tmp_path)
    assert files == [("api/2026-03-25_1.json", {"data": {"records": ["甲"]}})]
    assert troubles == []
    assert json.loads(server.requests[1].body) == {"page": "2", "city": "聊城"}


def test_what_names_no_day_is_asked_once_a_pull(tmp_path):
    days = [DAY + timedelta(days=number) for number in range(5)]
    with RawServer(release([1], total=1)) as server:
        source = paged(server.address, {"total_pages": "total"}, name="{now:%Y-%m-%d}/{page}.json")
        files, _, _ = run(source, tmp_path, days)
    assert len(server.requests) == 1
    assert files[0][0] == f"{today():%Y-%m-%d}/1.json"


@given(st.sets(st.dates(date(2026, 1, 1), date(2026, 3, 1))), st.integers(1, 9))
def test_spans_hold_every_day_once_and_none_that_was_not_asked_for(days, length):
    found = spans(days, length)
    held = [
        span.first + timedelta(days=number)
        for span in found
        for number in range((span.last - span.first).days + 1)
    ]
    assert held == sorted(days)
    assert all((span.last - span.first).days < length for span in found)


def test_spans_by_hand():
    days = [date(2026, 3, number) for number in (1, 2, 3, 5)]
    assert spans(days, 2) == [
        Span(date(2026, 3, 1), date(2026, 3, 2)),
        Span(date(2026, 3, 3), date(2026, 3, 3)),
        Span(date(2026, 3, 5), date(2026, 3, 5)),
    ]


HTTPS = "https://host/x"
BASIC = {"kind": "basic", "secret_env": "S", "user_env": "U"}


@pytest.mark.parametrize(
    ("location", "given", "what"),
    [
        ("https://user:pw@host/x", {}, "no user or password"),
        ("sftp://user@host/x", {}, "no user or password"),
        ("http://host/x", {"auth": BASIC}, "use https"),
        ("exports/air", {"auth": BASIC}, "not to a folder"),
        ("exports/air", {"options": {"a": "b"}}, "not to a folder"),
        (HTTPS, {"options": {"a": "b"}}, "not http or https"),
        ("sftp://host/x", {"post": {"fields": {"a": "1"}}}, "belong to an http or https address"),
        ("sftp://host/x", {"auth": {"kind": "header", "secret_env": "S", "name": "X"}}, "belong to http"),
        (HTTPS, {"auth": {"kind": "key-file", "secret_env": "S", "user_env": "U"}}, "belongs to sftp"),
        (HTTPS, {"auth": {"kind": "form", "secret_env": "S", "name": "X"}}, "with `post`"),
        (HTTPS, {"auth": {"kind": "basic", "secret_env": "S"}}, "they need it"),
        (HTTPS, {"auth": {"kind": "header", "secret_env": "S"}}, "they need it"),
        (HTTPS, {"auth": {"kind": "query", "secret_env": "S", "name": "X", "prefix": "B"}}, "kind header"),
        (HTTPS, {"auth": BASIC | {"secret_env": "a b"}}, "pattern"),
        (HTTPS, {"pages": {"rows": "r"}}, "belong together"),
        (HTTPS + "?p={page}", {}, "belong together"),
        (HTTPS + "?p={page}", {"pages": {"rows": "r", "size": 3, "total_rows": "t"}}, "at most one of"),
        (HTTPS, {"post": {"fields": {}}}, "at least 1"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(location, given, what):
    with pytest.raises(ValidationError, match=what):
        entry(location, **given)


def test_a_password_in_an_entry_is_not_repeated_by_its_message(tmp_path):
    class Entries(Strict):
        source: tuple[Source, ...]

    file = tmp_path / "sources.toml"
    file.write_text(
        '[[source]]\nkey = "s"\ntitle_zh = "a"\ntitle_en = "a"\nlate_days = 2\n'
        'location = "https://user:hidden@host/x"\n'
    )
    with pytest.raises(DistrictError, match=r"\[source.auth\]") as error:
        read_toml(file, Entries)
    assert "hidden" not in str(error.value)


def test_entries_know_what_they_are():
    assert not entry("exports/air").remote
    assert entry("SFTP://host/x").scheme == "sftp"
    assert not entry("https://host/{date}.csv").asked, "a day's file is a file"
    assert entry("https://host/x?from={from}").asked
