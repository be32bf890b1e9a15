"""Credentials, redirects and names: what leaves the machine, for whom, and what a server can make us write."""

import base64
import logging
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_server import RawServer, answer

from sources.landing import LandingZone
from sources.listing import Candidate, PullError
from sources.pull import HttpSource, Limits, Pulled, count_offered, pull, sweep
from sources.pull_names import stated_name
from vocabulary.clock import now_utc
from vocabulary.district_sources import Auth, Source

BODY = b"date,hour\r\n"
SECRET = "p@ss w/rd&é密"  # noqa: S105 -- a made one
PLAIN = "k3y-0123456789"
QUICK = Limits(
    connect_seconds=2,
    read_seconds=0.5,
    total_seconds=3,
    retries=1,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("AIR_USER", "区局user")
    monkeypatch.setenv("AIR_SECRET", SECRET)
    monkeypatch.setenv("AIR_KEY", PLAIN)


def auth(kind, **given):
    return Auth(kind=kind, plain_http=True, **({"secret_env": "AIR_KEY"} | given))


BASIC = auth("basic", user_env="AIR_USER", secret_env="AIR_SECRET")  # noqa: S106 -- the variable's name
KINDS = {
    "basic": BASIC,
    "header": auth("header", name="X-Api-Key"),
    "bearer": auth("header", name="Authorization", prefix="Bearer "),
    "query": auth("query", name="token"),
}


def entry(location, **given):
    facts = {"key": "s", "title_zh": "甲", "title_en": "a", "location": location, "late_days": 2}
    return Source(**(facts | given))


def fetch(server, tmp_path, by=None, path="/a.csv?day=1", location=None):
    with HttpSource("s", QUICK, auth=by, location=location or server.address) as http:
        return http.fetch(Candidate(f"{server.address}{path}", "a.csv"), tmp_path / "in")


def shows(request):
    """Return all a request says, as one text."""
    return f"{request.target}\n{request.headers}\n{request.body.decode()}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_shows_its_secret_as_agreed(tmp_path, kind):
    with RawServer(lambda _, c: answer(c, body=BODY)) as server:
        got = fetch(server, tmp_path, KINDS[kind])
    (asked,) = server.requests
    expected = {
        "basic": ("Authorization", "Basic " + base64.b64encode(f"区局user:{SECRET}".encode()).decode()),
        "header": ("X-Api-Key", PLAIN),
        "bearer": ("Authorization", f"Bearer {PLAIN}"),
        "query": ("Authorization", None),
    }[kind]
    assert asked.headers[expected[0]] == expected[1]
    assert asked.target == ("/a.csv?day=1&token=" + PLAIN if kind == "query" else "/a.csv?day=1")
    assert PLAIN not in repr(got)


@pytest.mark.parametrize("kind", KINDS)
def test_another_host_gets_no_credentials(tmp_path, kind):
    with RawServer(lambda _, c: answer(c, body=BODY)) as other:
        target = f"http://localhost:{other.port}/b.csv"
        with RawServer(lambda _, c: answer(c, "302 Found", Location=target)) as server:
            assert isinstance(fetch(server, tmp_path, KINDS[kind]), Pulled)
        assert PLAIN in shows(server.requests[0]) or kind == "basic"
    (asked,) = other.requests
    assert PLAIN not in shows(asked)
    assert asked.headers["Authorization"] is None
    assert asked.headers["X-Api-Key"] is None


def test_the_same_host_keeps_them_over_a_redirect(tmp_path):
    def behave(request, connection):
        if request.number == 1:
            answer(connection, "307 Temporary Redirect", Location="/b.csv")
        else:
            answer(connection, body=BODY)

    with RawServer(behave) as server:
        fetch(server, tmp_path, KINDS["query"])
    assert server.requests[1].target == f"/b.csv?token={PLAIN}"


def test_no_password_is_looked_for_elsewhere(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer(lambda _, c: answer(c, body=BODY)) as server:
        fetch(server, tmp_path)
        with HttpSource("s", QUICK) as http:
            within = server.address.replace("//", "//user:pw@")
            http.fetch(Candidate(f"{within}/a.csv", "a.csv"), tmp_path / "in")
    assert [item.headers["Authorization"] for item in server.requests] == [None, None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", ["403 key {} is wrong", "500 {}", "302 {}"])
def test_no_message_and_no_log_shows_a_secret(tmp_path, caplog, kind, status):
    caplog.set_level(logging.INFO)
    word = SECRET.encode().decode("latin-1") if kind == "basic" else PLAIN

    def behave(_, connection):
        answer(connection, status.format(word), Location=f"ftp://{PLAIN}/")

    with RawServer(behave) as server, pytest.raises(PullError) as error:
        fetch(server, tmp_path, KINDS[kind])
    chain, told = error.value, [caplog.text]
    while chain is not None:
        told.append(f"{chain} {chain!r}")
        chain = chain.__cause__
    assert not any(part in text for text in told for part in (PLAIN, "p@ss", "w/rd"))


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("AIR_SECRET")
    source = entry("http://127.0.0.1:9/", auth=BASIC)
    with pytest.raises(PullError, match="AIR_SECRET") as error:
        list(pull(source, into=tmp_path))
    assert "AIR_USER" not in str(error.value)
    with pytest.raises(PullError, match="AIR_SECRET"):
        count_offered(source)


def test_a_secret_no_header_can_carry_is_told_before_it_is_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("AIR_KEY", "good\r\nHost: elsewhere")
    with RawServer(lambda _, c: answer(c, body=BODY)) as server:
        with pytest.raises(PullError, match="AIR_KEY") as error:
            fetch(server, tmp_path, KINDS["header"])
        assert "elsewhere" not in str(error.value)
        assert not server.requests


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("file:///etc/hostname", "only http and https"),
        ("ftp://127.0.0.1/a", "only http and https"),
        ("javascript:1", "only http and https"),
        ("http://user:pw@127.0.0.1/a", "holds a user"),
        ("/a.csv", "more than 5 redirects"),
    ],
)
def test_redirects_that_are_not_followed(tmp_path, target, what):
    with RawServer(lambda _, c: answer(c, "302 Found", Location=target)) as server:
        with pytest.raises(PullError, match=what) as error:
            fetch(server, tmp_path)
        assert "pw" not in str(error.value)
    assert len(server.requests) <= 6


def test_a_form_is_not_carried_elsewhere(tmp_path):
    with RawServer(lambda _, c: answer(c, "307 Temporary Redirect", Location="/b")) as server:
        source = entry(server.address, post={"fields": {"a": "1"}}, auth=auth("form", name="key"))
        (trouble,) = pull(source, into=tmp_path, days=[now_utc().date()], limits=QUICK)
    assert "a form is not sent to another address" in str(trouble)
    assert [(item.method, item.body) for item in server.requests] == [("POST", f"a=1&key={PLAIN}".encode())]


def test_a_mark_holds_no_secret_of_an_address():
    one, other = (Candidate(f"https://host/x?sign={word}", "x") for word in ("abc", "def"))
    assert "abc" not in one.mark
    assert one.mark != other.mark, "two addresses never share a mark"
    assert Candidate("https://host/x?day=1", "x").mark == "https://host/x?day=1"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("attachment", ""),
        ("inline; size=3", ""),
        ("attachment; filename=a.csv", "a.csv"),
        ('attachment; filename="a b.csv"; size=3', "a b.csv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="..\\..\\windows\\a.csv"', "a.csv"),
        (r'attachment; filename="say \"a\".csv"', 'say "a".csv'),
        ('attachment; filename=".."', ""),
        ('attachment; filename="/"', ""),
        ("attachment; filename=..%2F..%2Fa.csv", "a.csv"),
        ("attachment; filename*=UTF-8''%E5%87%BA%E6%B0%B4_2026-03.csv", "出水_2026-03.csv"),
        ("attachment; filename=x.csv; filename*=UTF-8''..%2Fy%0A.csv", "y.csv"),
        ("attachment; filename*=no-such-set''a; filename=b.csv", "b.csv"),
        ('attachment; filename="' + "出水.csv".encode().decode("latin-1") + '"', "出水.csv"),
        ('attachment; filename="' + "出水.csv".encode("gb18030").decode("latin-1") + '"', "出水.csv"),
        ("attachment; filename=" + "a" * 500 + ".csv", "a" * 196 + ".csv"),
    ],
)
def test_a_stated_name_is_one_label(header, name):
    assert stated_name(header) == name


@given(st.text(max_size=60), st.sampled_from(['filename="{}"', "filename={}", "filename*=UTF-8''{}"]))
def test_no_stated_name_leads_anywhere(text, form):
    name = stated_name("attachment; " + form.format(text))
    assert "/" not in name
    assert "\\" not in name
    assert name not in {".", ".."}
    assert name.isprintable() or not any(ord(sign) < 32 for sign in name)
    assert len(name) <= 200


def test_a_name_that_leads_out_lands_within_the_zone(tmp_path):
    def behave(_, connection):
        answer(
            connection,
            body=BODY,
            Content_Disposition='attachment; filename="../../../out/CPDW001_2026-03.csv"',
        )

    with RawServer(behave) as server:
        got = fetch(server, tmp_path)
    zone = LandingZone(tmp_path / "zone")
    landed = zone.land(got.path, name=got.name, modified_at=got.modified_at)
    assert (got.name, landed.name) == ("CPDW001_2026-03.csv", "CPDW001_2026-03.csv")
    assert landed.path.resolve().is_relative_to((tmp_path / "zone").resolve())
    assert got.path.parent == tmp_path / "in"


def test_a_dead_host_is_left_alone_after_some_failures(tmp_path):
    links = "\n".join(f"{number}.csv" for number in range(40)).encode()

    def behave(request, connection):
        if request.target == "/list.txt":
            answer(connection, body=links)
        elif request.target == "/1.csv":
            answer(connection, body=BODY)
        else:
            answer(connection, "403 Forbidden")

    with RawServer(behave) as server:
        got = list(pull(entry(f"{server.address}/list.txt"), into=tmp_path, limits=QUICK))
    # by name: 0.csv fails, 1.csv comes, then five fail in a row
    assert [type(item) for item in got] == [PullError, Pulled, *[PullError] * 6]
    assert "the rest is left" in str(got[-1])
    assert len(server.requests) == 1 + 7


def test_a_source_has_its_time(tmp_path):
    def behave(request, connection):
        if request.target != "/list.txt":
            time.sleep(0.1)
        answer(connection, body=b"\n".join(b"%d.csv" % number for number in range(100)))

    limits = Limits(**(QUICK.__dict__ | {"source_seconds": 0.35}))
    with RawServer(behave) as server:
        got = list(pull(entry(f"{server.address}/list.txt"), into=tmp_path, limits=limits))
    assert "out of time" in str(got[-1])
    assert 3 <= len(got) <= 6


def test_a_listing_without_end_ends(tmp_path):
    def behave(request, connection):
        time.sleep(0.05)
        answer(connection, body=f'<a href="{request.number}/">next</a>'.encode())

    limits = Limits(**(QUICK.__dict__ | {"source_seconds": 0.3}))
    with RawServer(behave) as server:
        with pytest.raises(PullError, match="listing took too long"):
            list(pull(entry(f"{server.address}/", pattern="**/*.csv"), into=tmp_path, limits=limits))
        assert 3 <= len(server.requests) <= 8


def test_what_a_killed_run_left_is_swept_and_what_is_under_way_stays(tmp_path):
    for name, age in (("old.part", 90_000), ("new.part", 60), ("kept.csv", 90_000)):
        path = tmp_path / name
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age, time.time() - age))
    assert sweep(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv", "new.part"]
    assert sweep(tmp_path / "absent") == 0
