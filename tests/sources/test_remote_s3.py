"""S3 through fsspec against a double on the loopback that speaks the few answers pulling needs."""

import threading
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

pytest.importorskip("s3fs", reason="the extra `remote` is not installed")

from sources.pull import Limits, Mark, NotModified, PullError, pull
from vocabulary.district_sources import Auth, Source

QUICK = Limits(
    connect_seconds=3,
    read_seconds=3,
    total_seconds=10,
    retries=1,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)
MOMENT = datetime(2026, 3, 25, 1, 30, tzinfo=UTC)
CONTENT = bytes(range(256)) * 12_000


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def give(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        if not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=ID-1/"):
            self.give(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
            return
        key = unquote(parts.path).removeprefix("/exports").lstrip("/")
        if not key:
            self.give(200, self.listing(asked.get("prefix", "")), Content_Type="application/xml")
        elif key not in self.server.objects:
            self.give(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            content = self.server.objects[key]
            facts = {"ETag": tag(content), "Last_Modified": format_datetime(MOMENT, usegmt=True)}
            if self.command == "HEAD":
                self.give(200, Content_Length=str(len(content)), **facts)
                return
            first, last = (int(part) for part in self.headers["Range"].removeprefix("bytes=").split("-"))
            piece = content[first : last + 1]
            self.give(206, piece, Content_Range=f"bytes {first}-{last}/{len(content)}", **facts)

    def listing(self, prefix):
        below = [key.removeprefix(prefix) for key in self.server.objects if key.startswith(prefix)]
        folders = sorted({name.split("/")[0] for name in below if "/" in name})
        items = "".join(
            f"<Contents><Key>{prefix}{name}</Key><LastModified>2026-03-25T01:30:00.250Z</LastModified>"
            f"<ETag>{tag(self.server.objects[prefix + name])}</ETag>"
            f"<Size>{len(self.server.objects[prefix + name])}</Size></Contents>"
            for name in sorted(below)
            if "/" not in name
        )
        items += "".join(
            f"<CommonPrefixes><Prefix>{prefix}{name}/</Prefix></CommonPrefixes>" for name in folders
        )
        head = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>'
        return f"<?xml version='1.0'?>{head}{items}</ListBucketResult>".encode()


def tag(content):
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


@pytest.fixture
def server(monkeypatch):
    for name, value in (("S3_ID", "ID-1"), ("S3_SECRET", "hidden-word"), ("NO_PROXY", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked, running.daemon_threads = [], True
        running.objects = {
            "air/b.csv": CONTENT,
            "air/2026-03/a.csv": b"small",
            "air/n.txt": b"no",
            "other/x.csv": b"x",
        }
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def entry(server, location="s3://exports/air", **given):
    facts = {
        "key": "air-quotsoft",
        "title_zh": "a",
        "title_en": "a",
        "late_days": 2,
        "location": location,
        "pattern": "**/*.csv",
        "auth": Auth(kind="basic", user_env="S3_ID", secret_env="S3_SECRET"),  # noqa: S106 -- the variable's name
        "options": {
            "endpoint_url": f"http://127.0.0.1:{server.server_address[1]}",
            "region_name": "cn-north-1",
        },
    }
    return Source(**(facts | given))


def test_objects_come_whole_and_are_left_alone_the_next_time(server, tmp_path):
    got = list(pull(entry(server), into=tmp_path / "in", limits=QUICK))
    assert [(item.name, item.path.read_bytes()) for item in got] == [
        ("air/2026-03/a.csv", b"small"),
        ("air/b.csv", CONTENT),
    ]
    assert {item.modified_at for item in got} == {datetime(2026, 3, 25, 9, 30)}
    assert got[1].etag == tag(CONTENT)
    assert not any("hidden-word" in part for asked in server.asked for part in asked)
    marks = {item.address: Mark(item.etag, item.last_modified, item.size, item.modified_ns) for item in got}
    assert [type(item) for item in pull(entry(server), into=tmp_path, marks=marks, limits=QUICK)] == [
        NotModified
    ] * 2
    # of the same size and time: the ETag tells
    server.objects["air/2026-03/a.csv"] = b"SMALL"
    again = list(pull(entry(server), into=tmp_path / "in", marks=marks, limits=QUICK))
    assert again[0].path.read_bytes() == b"SMALL"


def test_a_bucket_that_refuses_and_a_prefix_that_is_not_there(server, tmp_path, monkeypatch):
    with pytest.raises(PullError, match="no such file or folder"):
        list(pull(entry(server, "s3://exports/absent"), into=tmp_path, limits=QUICK))
    monkeypatch.setenv("S3_ID", "ID-2")
    with pytest.raises(PullError, match="access refused") as error:
        list(pull(entry(server), into=tmp_path, limits=QUICK))
    assert "hidden-word" not in str(error.value)
