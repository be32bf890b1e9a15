"""Bodies that break off, lie about their length, drip or never end: whole or not at all, and bounded."""

import gzip
import re
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_server import HangupError, RawServer, answer

from sources.listing import Candidate, PullError
from sources.pull import HttpSource, Limits, Pulled
from sources.pull_terms import retry_after

WHOLE = bytes(range(256)) * 40
OTHER = bytes(reversed(range(256))) * 41
QUICK = Limits(
    connect_seconds=2,
    read_seconds=0.5,
    total_seconds=3,
    max_bytes=1_000_000,
    retries=3,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def fetch(server, tmp_path, limits=QUICK, name="a.csv"):
    with HttpSource("s", limits) as http:
        return http.fetch(Candidate(f"{server.address}/{name}", name), tmp_path / "in")


def refused(server, tmp_path, limits=QUICK, name="a.csv"):
    began = time.monotonic()
    with pytest.raises(PullError) as error:
        fetch(server, tmp_path, limits, name)
    assert time.monotonic() - began < limits.total_seconds + 1
    assert not list((tmp_path / "in").glob("*"))
    return error.value.what


def rest_of(request, content=WHOLE):
    """Return where the asked range begins."""
    unit, _, spec = request.headers["Range"].partition("=")
    assert unit == "bytes"
    assert spec.endswith("-")
    return int(spec[:-1])


def limits_with(**changes):
    return Limits(**(QUICK.__dict__ | changes))


def test_a_cut_body_is_resumed_where_it_broke_off(tmp_path):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, body=WHOLE, cut=4000, ETag='"v1"')
        start = rest_of(request)
        if request.number == 2:
            part = f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}"
            answer(
                connection, "206 Partial Content", WHOLE[start:], cut=3000, ETag='"v1"', Content_Range=part
            )
        answer(
            connection,
            "206 Partial Content",
            WHOLE[start:],
            Content_Range=f"bytes {start}-{len(WHOLE) - 1}/{len(WHOLE)}",
        )

    with RawServer(behave) as server:
        got = fetch(server, tmp_path)
    assert got.path.read_bytes() == WHOLE
    assert got.size == len(WHOLE)
    asked = [(item.headers["Range"], item.headers["If-Range"]) for item in server.requests]
    assert asked == [(None, None), ("bytes=4000-", '"v1"'), ("bytes=7000-", '"v1"')]


def test_a_file_that_changed_after_the_cut_is_taken_from_its_beginning(tmp_path):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, body=WHOLE, cut=4000, ETag='"v1"')
        answer(connection, body=OTHER, ETag='"v2"')

    with RawServer(behave) as server:
        got = fetch(server, tmp_path)
    assert (got.path.read_bytes(), got.etag) == (OTHER, '"v2"')


@pytest.mark.parametrize(
    ("part", "etag"),
    [
        (f"bytes 3999-{len(WHOLE) - 1}/{len(WHOLE)}", '"v1"'),
        (f"bytes 4000-{len(WHOLE) - 1}/{len(WHOLE)}", '"v2"'),
        (f"bytes 4000-{len(WHOLE)}/{len(WHOLE) + 1}", '"v1"'),
        (f"bytes 4000-4999/{len(WHOLE)}", '"v1"'),
        ("", '"v1"'),
    ],
    ids=["begins before", "another version", "another total", "stops early", "says nothing"],
)
def test_a_rest_that_does_not_fit_is_never_joined_on(tmp_path, part, etag):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, body=WHOLE, cut=4000, ETag='"v1"')
        if request.headers["Range"]:
            answer(connection, "206 Partial Content", OTHER[4000:], ETag=etag, Content_Range=part or None)
            raise HangupError
        answer(connection, body=OTHER, ETag='"v2"')

    with RawServer(behave) as server:
        got = fetch(server, tmp_path)
    assert got.path.read_bytes() == OTHER
    assert server.requests[-1].headers["Range"] is None


def test_a_range_that_is_not_to_be_had_begins_again(tmp_path):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, body=WHOLE, cut=4000, ETag='"v1"')
        if request.headers["Range"]:
            answer(connection, "416 Range Not Satisfiable")
        else:
            answer(connection, body=WHOLE)

    with RawServer(behave) as server:
        assert fetch(server, tmp_path).path.read_bytes() == WHOLE
    assert len(server.requests) == 3


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": 'W/"v1"'}, None),
        ({}, None),
        (
            {
                "Last-Modified": format_datetime(NOW - timedelta(days=1), usegmt=True),
                "Date": format_datetime(NOW, usegmt=True),
            },
            format_datetime(NOW - timedelta(days=1), usegmt=True),
        ),
        # changed within the last minute: it may have changed again within the same second
        (
            {
                "Last-Modified": format_datetime(NOW - timedelta(seconds=5), usegmt=True),
                "Date": format_datetime(NOW, usegmt=True),
            },
            None,
        ),
    ],
    ids=["weak", "none", "settled", "fresh"],
)
def test_only_a_strong_validator_asks_for_a_rest(tmp_path, headers, validator):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, body=WHOLE, cut=4000, **headers)
        answer(connection, body=WHOLE)

    with RawServer(behave) as server:
        assert fetch(server, tmp_path).path.read_bytes() == WHOLE
    assert server.requests[1].headers["If-Range"] == validator


def test_a_part_nobody_asked_for_is_refused(tmp_path):
    def behave(_, connection):
        answer(connection, "206 Partial Content", WHOLE[:50], Content_Range=f"bytes 0-49/{len(WHOLE)}")

    with RawServer(behave) as server:
        assert "HTTP 206" in refused(server, tmp_path)


@pytest.mark.parametrize("length", [len(WHOLE) + 7, len(WHOLE) - 7], ids=["too long", "too short"])
def test_a_wrong_length_is_noticed_both_ways(tmp_path, length):
    def behave(_, connection):
        answer(connection, body=WHOLE, Content_Length=length)
        raise HangupError

    with RawServer(behave) as server:
        what = refused(server, tmp_path)
    assert ("ExcessBodyError" in what) == (length < len(WHOLE))
    assert len(server.requests) == 1 + QUICK.retries


@pytest.mark.parametrize("length", ["5, 9", "-1", "many", "0x10", "５"])
def test_a_length_that_cannot_be_read_is_refused(tmp_path, length):
    def behave(_, connection):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + WHOLE)
        raise HangupError

    with RawServer(behave) as server:
        assert re.search("cannot be read|InvalidHeader", refused(server, tmp_path))


def test_a_body_without_any_length_is_taken_twice(tmp_path):
    def behave(request, connection):
        # the first take breaks off and nothing tells so
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + WHOLE[: 5000 if request.number == 1 else None])
        raise HangupError

    with RawServer(behave) as server:
        assert fetch(server, tmp_path).path.read_bytes() == WHOLE
    assert len(server.requests) == 3


def test_a_body_without_any_length_that_differs_each_time_does_not_land(tmp_path):
    def behave(request, connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + WHOLE[: 5000 + request.number])
        raise HangupError

    with RawServer(behave) as server:
        assert "two takes differ" in refused(server, tmp_path)


def drip(connection, before, seconds=6.0):
    connection.sendall(before)
    for _ in range(int(seconds / 0.05)):
        connection.sendall(b"x")
        time.sleep(0.05)
    raise HangupError


@pytest.mark.parametrize(
    "before",
    [
        b"HTT",
        b"HTTP/1.1 200 OK\r\nX-Long: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10;",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["status line", "header", "body", "chunk header", "body without length"],
)
def test_a_drip_ends_at_the_deadline_wherever_it_drips(tmp_path, before):
    limits = limits_with(total_seconds=0.6)
    with RawServer(lambda _, connection: drip(connection, before)) as server:
        began = time.monotonic()
        assert "within the time allowed" in refused(server, tmp_path, limits)
        assert 0.5 < time.monotonic() - began < 1.2
    assert len(server.requests) == 1


def test_the_deadline_holds_over_all_attempts(tmp_path):
    limits = limits_with(total_seconds=1.0, retry_after_seconds=60)
    with RawServer(lambda _, c: answer(c, "503 Busy", Retry_After=30)) as server:
        began = time.monotonic()
        assert "503" in refused(server, tmp_path, limits)
        assert time.monotonic() - began < 0.5, "a wait that ends too late is not begun"
    assert len(server.requests) == 1


def test_a_retry_after_date_is_a_wait(tmp_path):
    def behave(request, connection):
        if request.number == 1:
            soon = datetime.now(UTC) + timedelta(seconds=30)
            answer(connection, "429 Too Many Requests", Retry_After=format_datetime(soon, usegmt=True))
        else:
            answer(connection, body=WHOLE)

    with RawServer(behave) as server:
        began = time.monotonic()
        assert isinstance(fetch(server, tmp_path), Pulled)
        # 30 s were asked for, a second at most is allowed
        assert 0.95 < time.monotonic() - began < 2.0


@given(st.one_of(st.text(max_size=40), st.integers().map(str), st.datetimes().map(format_datetime)))
def test_no_retry_after_waits_longer_than_bounded_nor_backwards(wish):
    wait = retry_after(wish, 120.0)
    assert wait is None or 0.0 <= wait <= 120.0


def test_retry_after_of_yesterday_and_of_a_large_number():
    assert retry_after("Tue, 11 Mar 2025 01:30:00 GMT", 120.0) == 0.0
    assert retry_after("7", 120.0) == 7.0
    assert retry_after("9" * 400, 120.0) == 120.0
    assert retry_after("-3", 120.0) is None
    assert retry_after("", 120.0) is None


FIVE_GB = 5 * 1024**3


@pytest.mark.parametrize("how", ["declared", "chunked", "undeclared"])
def test_a_body_of_five_gigabytes_costs_neither_memory_nor_time(tmp_path, how):
    cap, piece = 32 * 1024 * 1024, b"\0" * 1_048_576
    frame = b"%x\r\n%s\r\n" % (len(piece), piece)
    heads = {
        "declared": b"Content-Length: %d\r\n" % FIVE_GB,
        "chunked": b"Transfer-Encoding: chunked\r\n",
        "undeclared": b"",
    }

    def behave(_, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + heads[how] + b"\r\n")
        for _ in range(FIVE_GB // len(piece)):
            connection.sendall(frame if how == "chunked" else piece)
            server.sent += len(piece)
        raise HangupError

    limits = limits_with(max_bytes=cap, total_seconds=20)
    with RawServer(behave) as server:
        tracemalloc.start()
        what = refused(server, tmp_path, limits)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "larger than the cap" in what
    assert peak < 8 * 1024 * 1024
    # what the sockets hold beyond the cap; of a declared body nothing need be read
    assert server.sent <= (0 if how == "declared" else cap) + 16 * 1024 * 1024
    assert len(server.requests) == 1, "too large stays too large"


def test_a_packed_transfer_is_not_unpacked(tmp_path):
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < QUICK.max_bytes
    with RawServer(lambda _, c: answer(c, body=bomb, Content_Encoding="gzip")) as server:
        tracemalloc.start()
        assert "a coding nobody asked for" in refused(server, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert peak < 4 * 1024 * 1024


def test_a_packed_file_a_server_labels_so_is_kept_as_it_comes(tmp_path):
    packed = gzip.compress(WHOLE, mtime=0)
    with RawServer(lambda _, c: answer(c, body=packed, Content_Encoding="gzip")) as server:
        assert fetch(server, tmp_path, name="a.csv.gz").path.read_bytes() == packed


def test_connections_are_kept_between_files(tmp_path):
    clients = set()

    def behave(_, connection):
        clients.add(connection.getpeername())
        answer(connection, body=WHOLE)

    with RawServer(behave) as server, HttpSource("s", QUICK) as http:
        for name in ("a.csv", "b.csv", "c.csv"):
            got = http.fetch(Candidate(f"{server.address}/{name}", name), tmp_path)
            assert got.path.read_bytes() == WHOLE
    assert len(clients) == 1
