"""SFTP against a real server: its key has to be known, and only the named credentials are tried."""

import logging
import os
import socket
import time
from datetime import datetime

import pytest

pytest.importorskip("paramiko", reason="the extra `remote` is not installed")
pytest.importorskip("fsspec", reason="the extra `remote` is not installed")
import paramiko
from sftp_server import SftpServer

from sources.pull import Limits, Mark, NotModified, Pulled, PullError, count_offered, pull
from vocabulary.district_sources import Auth, Source

QUICK = Limits(
    connect_seconds=3, read_seconds=2, total_seconds=8, retries=1, backoff_seconds=0.01, retry_after_seconds=1
)
BY_PASSWORD = Auth(kind="basic", user_env="SFTP_USER", secret_env="SFTP_SECRET")  # noqa: S106 -- the variable's name
BY_KEY = Auth(kind="key-file", user_env="SFTP_USER", secret_env="SFTP_KEY")  # noqa: S106 -- the variable's name
CONTENT = bytes(range(256)) * 9000


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("SFTP_USER", "bureau")
    monkeypatch.setenv("SFTP_SECRET", "right")
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    root = tmp_path / "served"
    (root / "air" / "2026-03").mkdir(parents=True)
    for name, content in (("air/b.csv", CONTENT), ("air/2026-03/a.csv", b"small"), ("air/c.csv.part", b"x")):
        (root / name).write_bytes(content)
        os.utime(root / name, (1_774_402_200, 1_774_402_200))
    (root / "secret.csv").write_bytes(b"secret")
    with SftpServer(root) as running:
        running.hosts = running.known_hosts(tmp_path / "known_hosts")
        yield running


def entry(server, folder="/air", auth=BY_PASSWORD, hosts=None, pattern="**/*.csv"):
    return Source(
        key="air-quotsoft",
        title_zh="a",
        title_en="a",
        late_days=2,
        location=server.address + folder,
        pattern=pattern,
        auth=auth,
        options={"known_hosts": str(hosts or server.hosts)},
    )


def test_files_come_whole_with_their_time_and_are_left_alone_the_next_time(server, tmp_path):
    got = list(pull(entry(server), into=tmp_path / "in", limits=QUICK))
    assert [(item.name, item.path.read_bytes()) for item in got] == [
        ("air/2026-03/a.csv", b"small"),
        ("air/b.csv", CONTENT),
    ]
    # 1774402200 is 2026-03-25 01:30 UTC
    assert got[1].modified_at == datetime(2026, 3, 25, 9, 30)
    marks = {item.address: Mark(item.etag, item.last_modified, item.size, item.modified_ns) for item in got}
    again = list(pull(entry(server), into=tmp_path / "in", marks=marks, limits=QUICK))
    assert [type(item) for item in again] == [NotModified, NotModified]
    assert count_offered(entry(server, pattern="*.csv"), limits=QUICK) == 1


def test_a_server_whose_key_is_not_known_gets_no_password(server, tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("")
    for hosts in (empty, server.known_hosts(tmp_path / "other", paramiko.ECDSAKey.generate())):
        with pytest.raises(PullError, match="host key is not the known one") as error:
            list(pull(entry(server, hosts=hosts), into=tmp_path / "in", limits=QUICK))
        assert "right" not in str(error.value)
    assert server.tried == []


def test_a_wrong_password_is_tried_once_and_not_shown(server, tmp_path, monkeypatch):
    monkeypatch.setenv("SFTP_SECRET", "wrong-word")
    with pytest.raises(PullError, match="access refused") as error:
        list(pull(entry(server), into=tmp_path / "in", limits=QUICK))
    assert "wrong-word" not in str(error.value)
    assert server.tried == [("password", "bureau")]


def test_a_key_file_opens_the_door(server, tmp_path, monkeypatch):
    key = tmp_path / "key"
    server.client_key.write_private_key_file(str(key))
    monkeypatch.setenv("SFTP_KEY", str(key))
    got = list(pull(entry(server, auth=BY_KEY), into=tmp_path / "in", limits=QUICK))
    assert [type(item) for item in got] == [Pulled, Pulled]
    assert {how for how, _ in server.tried} == {"publickey"}


def test_a_folder_that_is_not_there(server, tmp_path):
    with pytest.raises(PullError, match="no such file or folder"):
        list(pull(entry(server, "/absent"), into=tmp_path / "in", limits=QUICK))


def test_links_are_not_followed(server, tmp_path):
    (server.root / "air" / "link.csv").symlink_to(server.root / "secret.csv")
    (server.root / "air" / "loop").symlink_to(server.root / "air")
    assert count_offered(entry(server), limits=QUICK) == 2


def test_a_server_that_says_nothing_ends_in_time(tmp_path, monkeypatch):
    monkeypatch.setenv("SFTP_USER", "bureau")
    monkeypatch.setenv("SFTP_SECRET", "right")
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    (tmp_path / "hosts").write_text("")
    limits = Limits(**(QUICK.__dict__ | {"connect_seconds": 0.5}))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = Source(
            key="s",
            title_zh="a",
            title_en="a",
            late_days=2,
            location=f"sftp://127.0.0.1:{silent.getsockname()[1]}/air",
            auth=BY_PASSWORD,
            options={"known_hosts": str(tmp_path / "hosts")},
        )
        began = time.monotonic()
        with pytest.raises(PullError):
            list(pull(source, into=tmp_path / "in", limits=limits))
        assert time.monotonic() - began < 3
