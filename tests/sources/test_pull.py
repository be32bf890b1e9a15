import re
import ssl
import time
from datetime import date, datetime
from ipaddress import ip_address

import pytest
from loopback import BODY, ETAG, MODIFIED, Server

from sources.listing import Candidate, shown
from sources.pull import (
    Absent,
    HttpSource,
    Limits,
    Mark,
    NotModified,
    Pulled,
    PullError,
    list_folder,
    pull_http,
)

QUICK = Limits(
    connect_seconds=2,
    read_seconds=0.3,
    total_seconds=3,
    max_bytes=1_000_000,
    retries=2,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        yield running


def fetch(server, name, tmp_path, mark=None, limits=QUICK, optional=False):
    with HttpSource("air-quotsoft", limits) as http:
        address = f"{server.address}/{name}"
        return http.fetch(Candidate(address, name, optional=optional), tmp_path / "in", mark)


def refused(server, name, tmp_path, limits=QUICK):
    began = time.monotonic()
    with pytest.raises(PullError) as error:
        fetch(server, name, tmp_path, limits=limits)
    assert time.monotonic() - began < 8
    assert not list((tmp_path / "in").glob("*")) if (tmp_path / "in").exists() else True
    assert str(error.value).startswith("air-quotsoft: http://127.0.0.1")
    return error.value.what


def test_200_gives_the_bytes_and_what_the_server_said(server, tmp_path):
    got = fetch(server, "ok.csv", tmp_path)
    assert isinstance(got, Pulled)
    assert got.path.read_bytes() == BODY
    assert (got.name, got.size, got.etag, got.last_modified) == ("ok.csv", len(BODY), ETAG, MODIFIED)
    # 01:30 GMT is 09:30 in Asia/Shanghai
    assert got.modified_at == datetime(2025, 3, 11, 9, 30)


@pytest.mark.parametrize("mark", [Mark(etag=ETAG), Mark(last_modified=MODIFIED)])
def test_304_is_not_fetched_again(server, tmp_path, mark):
    assert fetch(server, "ok.csv", tmp_path, mark) == NotModified(f"{server.address}/ok.csv", "ok.csv")
    assert not (tmp_path / "in").exists()


def test_changed_since_the_mark_is_fetched(server, tmp_path):
    assert isinstance(
        fetch(server, "ok.csv", tmp_path, Mark('"old"', "Mon, 10 Mar 2025 01:30:00 GMT")), Pulled
    )


def test_404(server, tmp_path):
    assert "404" in refused(server, "gone.csv", tmp_path)
    assert isinstance(fetch(server, "gone.csv", tmp_path, optional=True), Absent)


@pytest.mark.parametrize(("name", "requests"), [("busy.csv", 3), ("flaky.csv", 2), ("heals.csv", 2)])
def test_passing_trouble_is_retried(server, tmp_path, name, requests):
    got = fetch(server, name, tmp_path)
    assert got.path.read_bytes() == BODY
    assert server.seen[f"/{name}"] == requests


def test_retry_after_is_respected_up_to_a_bound(server, tmp_path):
    began = time.monotonic()
    assert "429" in refused(server, "forever.csv", tmp_path)
    assert 1.9 < time.monotonic() - began < 4
    assert server.seen["/forever.csv"] == 3


def test_unreadable_retry_after_falls_back_to_backoff(server, tmp_path):
    assert "503" in refused(server, "odd.csv", tmp_path)
    assert server.seen["/odd.csv"] == 3


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("broken.csv", "HTTP 500"),
        ("nothing.csv", "HTTP 204"),
        ("silent.csv", "/ no answer within 0.3 s|connection failed"),
        ("trickle.csv", "within the time allowed"),
        ("cut.csv", "broke off|were announced"),
        ("cutchunk.csv", "broke off"),
        ("huge.csv", "5368709120"),
        ("endless.csv", "larger than the cap"),
        ("loop.csv", "redirects"),
        ("outside.csv", "only http and https"),
        ("packed.csv", "gzip"),
    ],
)
def test_what_fails_leaves_nothing_and_says_why(server, tmp_path, name, what):
    limits = Limits(**(QUICK.__dict__ | {"total_seconds": 0.5})) if name == "trickle.csv" else QUICK
    assert re.search(what, refused(server, name, tmp_path, limits))


def test_redirects_within_bounds_and_chunked_bodies(server, tmp_path):
    assert fetch(server, "moved.csv", tmp_path).path.read_bytes() == BODY
    got = fetch(server, "chunked.csv", tmp_path)
    assert got.path.read_bytes() == BODY
    assert (got.etag, got.last_modified) == ("", "")


def test_a_port_nobody_listens_on(tmp_path):
    with HttpSource("s", QUICK) as http, pytest.raises(PullError, match="connection failed"):
        http.fetch(Candidate("http://127.0.0.1:9/x.csv", "x.csv"), tmp_path)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/x", "/etc/hostname"])
def test_only_http(tmp_path, address):
    with HttpSource("s", QUICK) as http:
        with pytest.raises(PullError, match="only http"):
            http.fetch(Candidate(address, "x"), tmp_path)
        with pytest.raises(PullError, match="only http"):
            http.offers(address, "*")


@pytest.mark.parametrize(
    ("index", "pattern", "expected"),
    [
        ("", "*.csv", ["/ok.csv"]),
        ("", "**/*.csv", ["/2025/plain.csv", "/ok.csv"]),
        ("list.txt", "*.csv", ["/ok.csv", "/sub/plain.csv"]),
        ("list.txt", "ok*", ["/ok.csv"]),
        ("json", "*.csv", ["/ok.csv", "/plain.csv"]),
    ],
)
def test_indexes(server, index, pattern, expected):
    with HttpSource("s", QUICK) as http:
        found = [
            item.address.removeprefix(server.address)
            for item in http.offers(f"{server.address}/{index}", pattern)
        ]
    # the sub-folder lists ../../secret.csv, which is none of its own
    assert found == expected


def test_template_days(server):
    with HttpSource("s", QUICK) as http:
        found = http.offers(
            f"{server.address}/d/china_sites_{{date:%Y%m%d}}.csv", "*", [date(2025, 3, 9), date(2025, 3, 10)]
        )
    assert [(item.name, item.optional) for item in found] == [
        ("d/china_sites_20250309.csv", True),
        ("d/china_sites_20250310.csv", True),
    ]


def test_one_failing_address_stops_no_other(server, tmp_path):
    got = list(
        pull_http("s", f"{server.address}/list.txt", pattern="*.csv", into=tmp_path / "in", limits=QUICK)
    )
    assert [type(item) for item in got] == [Pulled, Pulled]
    marks = {f"{server.address}/ok.csv": Mark(ETAG, MODIFIED)}
    again = list(pull_http("s", f"{server.address}/json", into=tmp_path / "in", marks=marks, limits=QUICK))
    assert [type(item) for item in again] == [NotModified, Pulled]
    days = [date(2025, 3, 10)]
    template = f"{server.address}/{{date:%Y}}/x.csv"
    assert [type(item) for item in pull_http("s", template, days=days, into=tmp_path)] == [Absent]
    broken = f"{server.address}/broken.csv?day={{date}}"
    assert [type(item) for item in pull_http("s", broken, days=days, into=tmp_path, limits=QUICK)] == [
        PullError
    ]


def test_an_index_that_is_not_there(server, tmp_path):
    with pytest.raises(PullError, match="404"):
        list(pull_http("s", f"{server.address}/absent/", into=tmp_path, limits=QUICK))
    with pytest.raises(PullError, match=r"announced|broke off"):
        list(pull_http("s", f"{server.address}/cut", into=tmp_path, limits=QUICK))


def test_secrets_are_not_shown():
    address = "https://user:pw@host/list?token=abc&day=1&apikey=x"
    assert shown(address) == "https://host/list?token=***&day=1&apikey=***"
    assert "pw" not in str(PullError("s", address, "x"))


def test_folder(tmp_path):
    root = tmp_path / "sections"
    for name in (
        "山东省/前油坊/2021-04/前油坊.csv",
        "a.csv",
        "b.txt",
        ".hidden.csv",
        "c.csv.part",
        "~$d.csv",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 3)
    (tmp_path / "outside.csv").write_bytes(b"secret")
    (root / "link.csv").symlink_to(tmp_path / "outside.csv")
    found = list_folder(root, "**/*.csv")
    assert [item.name for item in found] == ["sections/a.csv", "sections/山东省/前油坊/2021-04/前油坊.csv"]
    assert (found[0].path, found[0].size) == (root / "a.csv", 3)
    assert found[0].modified_ns == (root / "a.csv").stat().st_mtime_ns
    assert [item.name for item in list_folder(root, "*.csv")] == ["sections/a.csv"]


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(PullError, match="cannot be read"):
        list_folder(tmp_path / "absent", "*", source="air-quotsoft")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PullError, match="not a folder"):
        list_folder(tmp_path / "file", "*")


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A server with a certificate of its own making, and the file that vouches for it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2049, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "own.pem"
    plain = serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        running.socket = context.wrap_socket(running.socket, server_side=True)
        yield running, running.address.replace("http:", "https:"), pem


def test_a_certificate_nobody_vouches_for(secure, tmp_path, monkeypatch):
    server, address, pem = secure
    with HttpSource("s", QUICK) as http:
        with pytest.raises(PullError, match="SSLCertVerificationError"):
            http.fetch(Candidate(f"{address}/ok.csv", "ok.csv"), tmp_path / "in")
        assert not server.seen, "nothing was asked of it"
        # the same server, once its certificate is vouched for
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        assert http.fetch(Candidate(f"{address}/ok.csv", "ok.csv"), tmp_path / "in").size == len(BODY)


def test_tls_is_cut_dripped_and_redirected_like_any_other(secure, server, tmp_path, monkeypatch):
    _, address, pem = secure
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    secure[0].elsewhere = f"{server.address}/ok.csv"
    limits = Limits(**(QUICK.__dict__ | {"total_seconds": 0.6}))
    with HttpSource("s", limits) as http:
        for name, what in (
            ("cut.csv", "were announced|broke off"),
            ("trickle.csv", "within the time allowed"),
            ("elsewhere.csv", "from https to http"),
        ):
            began = time.monotonic()
            with pytest.raises(PullError, match=what):
                http.fetch(Candidate(f"{address}/{name}", name), tmp_path / "in")
            assert time.monotonic() - began < 2
    assert not server.seen, "the address without encryption was not asked"
    assert not list((tmp_path / "in").glob("*"))
