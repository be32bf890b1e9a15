"""Files behind fsspec: what is listed, fetched, left alone, and refused, whatever the protocol."""

import time
from datetime import UTC, datetime

import pytest

from sources.pull import Limits, Mark, NotModified, Pulled, PullError, count_offered, pull
from sources.remote_files import Protocol, RemoteFiles, protocols
from vocabulary.district_sources import Source

fsspec = pytest.importorskip("fsspec", reason="the extra `remote` is not installed")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402 -- after the skip

QUICK = Limits(
    connect_seconds=2,
    read_seconds=0.5,
    total_seconds=1.0,
    max_bytes=3_000_000,
    retries=2,
    backoff_seconds=0.01,
    retry_after_seconds=1,
)
MEMORY = {"memory": Protocol(needs="", user="", secret="", options={})}
MOMENT = datetime(2026, 3, 25, 1, 30, tzinfo=UTC)


class Misbehaving(MemoryFileSystem):
    """Files in memory of a server with a temper, told by the name."""

    protocol = "memory"
    cachable = False
    opened = 0

    def info(self, path, **given):
        entry = super().info(path, **given)
        if entry["type"] == "file":
            entry["mtime"] = self.store[entry["name"]].modified
        return entry

    def ls(self, path, **given):
        if path.endswith("/locked"):
            raise PermissionError(path)
        return [self.info(entry["name"]) for entry in super().ls(path, **given)]

    def _open(self, path, mode="rb", **given):
        if mode != "rb":
            return super()._open(path, mode, **given)
        type(self).opened += 1
        name = path.rsplit("/", 1)[-1]
        if name.startswith("hangs"):
            time.sleep(5)
        if name.startswith("breaks") or (name.startswith("heals") and self.opened < 2):
            raise ConnectionResetError("secret-of-the-server")
        if name.startswith("forbidden"):
            raise PermissionError(path)
        if name.startswith("bug"):
            raise KeyError("a fault of the program")
        if name.startswith("grows"):
            self.store[path].seek(0, 2)
            self.store[path].write(b"more")
        if name.startswith("shrinks"):
            self.store[path].truncate(2)
        if name.startswith("swapped"):
            self.store[path].modified = datetime.now(UTC)
        return super()._open(path, mode, **given)


@pytest.fixture
def store(monkeypatch):
    """Return a function that puts a file into the server's memory."""
    monkeypatch.setattr(Misbehaving, "store", {})
    monkeypatch.setattr(Misbehaving, "pseudo_dirs", [""])
    monkeypatch.setattr(Misbehaving, "opened", 0)
    monkeypatch.setattr("fsspec.filesystem", lambda _, **__: Misbehaving())
    filled = Misbehaving()

    def put(path, content=b"abc"):
        filled.pipe_file(path, content)
        filled.store[path].modified = MOMENT

    return put


def entry(location="memory://exports/air", **given):
    facts = {"key": "air-quotsoft", "title_zh": "a", "title_en": "a", "late_days": 2, "location": location}
    return Source(**(facts | given))


def pulled(tmp_path, marks=None, limits=QUICK, **given):
    with RemoteFiles(entry(**given), limits, allowed=MEMORY) as files:
        return list(files.pull(tmp_path / "in", marks or {}))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["air/a.csv", "air/b.csv"]),
        ("**/*.csv", ["air/2026/03/c.csv", "air/a.csv", "air/b.csv"]),
        ("a*", ["air/a.csv"]),
        ("**/c.*", ["air/2026/03/c.csv"]),
    ],
)
def test_a_listing_holds_what_fits_and_nothing_half_written(store, pattern, names):
    for name in (
        "a.csv",
        "b.csv",
        "n.txt",
        ".hidden.csv",
        "~$x.csv",
        "d.csv.part",
        "2026/03/c.csv",
        "2026/.x/e.csv",
    ):
        store(f"/exports/air/{name}")
    store("/exports/airport/z.csv")
    with RemoteFiles(entry(pattern=pattern), QUICK, allowed=MEMORY) as files:
        assert [item.name for item in files.offers()] == names
    assert Misbehaving.opened == 0


def test_a_file_comes_whole_with_its_time_and_is_not_fetched_again(store, tmp_path):
    store("/exports/air/a.csv", b"x" * 2_500_000)
    (got,) = pulled(tmp_path)
    assert got.path.read_bytes() == b"x" * 2_500_000
    # 01:30 UTC is 09:30 in Asia/Shanghai
    assert (got.name, got.modified_at) == ("air/a.csv", datetime(2026, 3, 25, 9, 30))
    assert got.address == "memory://exports/air/a.csv"
    marks = {got.address: Mark(got.etag, got.last_modified, got.size, got.modified_ns)}
    Misbehaving.opened = 0
    assert pulled(tmp_path, marks) == [NotModified(got.address, got.name)]
    assert Misbehaving.opened == 0
    store("/exports/air/a.csv", b"y" * 2_500_000)
    Misbehaving.store["/exports/air/a.csv"].modified = MOMENT.replace(hour=2)
    (again,) = pulled(tmp_path, marks)
    assert again.path.read_bytes() == b"y" * 2_500_000


def test_a_file_that_just_changed_is_asked_for_again(store, tmp_path):
    store("/exports/air/a.csv")
    Misbehaving.store["/exports/air/a.csv"].modified = datetime.now(UTC)
    (got,) = pulled(tmp_path)
    marks = {got.address: Mark(got.etag, got.last_modified, got.size, got.modified_ns)}
    assert isinstance(pulled(tmp_path, marks)[0], Pulled)


@pytest.mark.parametrize(
    ("name", "what", "attempts"),
    [
        ("grows.csv", "grows while it is read", 1),
        ("shrinks.csv", "not as long as listed", 3),
        ("swapped.csv", "it changed while it was read", 1),
        ("breaks.csv", "connection failed: ConnectionResetError", 3),
        ("forbidden.csv", "access refused", 1),
        ("hangs.csv", "within the time allowed", 1),
    ],
)
def test_what_fails_leaves_nothing_and_stops_no_other(store, tmp_path, name, what, attempts):
    store(f"/exports/air/{name}")
    store("/exports/air/z.csv")
    began = time.monotonic()
    trouble, good = pulled(tmp_path)
    assert time.monotonic() - began < 2.5
    assert isinstance(trouble, PullError)
    assert what in trouble.what
    assert "secret" not in str(trouble)
    assert good.path.read_bytes() == b"abc"
    left = [path for path in (tmp_path / "in").iterdir() if path != good.path]
    # a thread that hangs still holds its file: the sweep takes it another night
    assert len(left) == (1 if name == "hangs.csv" else 0)
    assert Misbehaving.opened == attempts + 1


def test_passing_trouble_passes(store, tmp_path):
    store("/exports/air/heals.csv")
    assert isinstance(pulled(tmp_path)[0], Pulled)


def test_a_file_beyond_the_cap_is_not_opened(store, tmp_path):
    store("/exports/air/a.csv", b"x" * 3_000_001)
    (trouble,) = pulled(tmp_path)
    assert "3000001" in str(trouble)
    assert Misbehaving.opened == 0


def test_a_fault_of_the_program_is_not_taken_for_the_servers(store, tmp_path):
    store("/exports/air/bug.csv")
    with pytest.raises(KeyError):
        pulled(tmp_path)


def test_a_folder_below_that_cannot_be_read_is_not_passed_over(store, tmp_path):
    store("/exports/air/a.csv")
    store("/exports/air/locked/b.csv")
    with pytest.raises(PullError, match="access refused"):
        pulled(tmp_path, pattern="**/*.csv")
    assert len(pulled(tmp_path, pattern="*.csv")) == 1


def test_a_folder_that_is_not_there(store, tmp_path):
    with pytest.raises(PullError, match="no such file or folder"):
        pulled(tmp_path)


@pytest.mark.parametrize(
    "location", ["memory://x/y", "file:///etc", "ftp://host/x", "github://a:b/c", "local://x"]
)
def test_only_listed_protocols(location, tmp_path):
    source = Source(key="s", title_zh="a", title_en="a", late_days=2, location=location.replace("a:b", "ab"))
    with pytest.raises(PullError, match="expected one of http, https, s3, sftp"):
        list(pull(source, into=tmp_path))
    with pytest.raises(PullError, match="expected one of http, https, s3, sftp"):
        count_offered(source)


def test_no_way_up_out_of_a_path(tmp_path):
    with pytest.raises(PullError, match=r"no \.\. in the path"):
        pulled(tmp_path, location="memory://exports/../etc")


def test_unknown_options_and_credentials_that_are_not_set(tmp_path, monkeypatch):
    with pytest.raises(PullError, match="expected one of endpoint_url, region_name"):
        list(pull(entry("s3://bucket/air", options={"anon": "true"}), into=tmp_path))
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    by = {"kind": "basic", "user_env": "HOME", "secret_env": "NO_SUCH_SECRET"}
    with pytest.raises(PullError, match="NO_SUCH_SECRET"):
        list(pull(entry("s3://bucket/air", auth=by), into=tmp_path))
    by = {"kind": "key-file", "user_env": "HOME", "secret_env": "HOME"}
    with pytest.raises(PullError, match="no key-file"):
        list(pull(entry("s3://bucket/air", auth=by), into=tmp_path))


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    allowed = {"memory": Protocol(needs="no_such_driver", user="", secret="", options={})}
    with pytest.raises(PullError, match=r"no_such_driver.*ecoplan\[remote\]"):
        RemoteFiles(entry(), QUICK, allowed=allowed)


def test_the_listed_protocols_are_data():
    assert set(protocols()) == {"sftp", "s3"}
