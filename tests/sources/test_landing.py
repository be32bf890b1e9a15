import hashlib
from datetime import datetime
from pathlib import Path

import pytest

from sources.delivery import Delivery, delivery_name
from sources.landing import LandingError, LandingZone

AT = datetime(2026, 5, 1, 9)


@pytest.fixture
def zone(tmp_path: Path) -> LandingZone:
    return LandingZone(tmp_path / "landing")


def test_bytes_lie_under_their_hash(zone, tmp_path):
    content = "断面,总磷\n前油坊,0.2\r\n".encode("gb18030")
    sha256 = hashlib.sha256(content).hexdigest()
    landed = zone.land(content, name="water/a.csv", modified_at=AT)
    assert landed.path == tmp_path / "landing" / sha256[:2] / sha256
    assert landed.path.read_bytes() == content
    assert zone.read(sha256) == content
    assert (landed.known, landed.size) == (False, len(content))
    assert landed.delivery("chiping", "s") == Delivery(
        "chiping", "s", "water/a.csv", sha256, len(content), AT
    )


def test_the_same_bytes_are_known_and_not_written_again(zone, tmp_path):
    first = zone.land(b"abc", name="a.csv", modified_at=AT)
    written = first.path.stat()
    source = tmp_path / "b.csv"
    source.write_bytes(b"abc")
    second = zone.land(source, name="b.csv", modified_at=AT)
    assert second.known
    assert second.path == first.path
    assert second.name == "b.csv"
    assert (second.path.stat().st_ino, second.path.stat().st_mtime_ns) == (
        written.st_ino,
        written.st_mtime_ns,
    )
    assert source.read_bytes() == b"abc"


def test_a_name_never_leads_out_of_the_zone(zone, tmp_path):
    landed = zone.land(b"x", name="../../../etc/pass\nwd", modified_at=AT)
    assert landed.name == "etc/passwd"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [landed.path]


@pytest.mark.parametrize("sha256", ["../../x", "ABC", "", "g" * 64, "a" * 63])
def test_only_hashes_open(zone, sha256):
    with pytest.raises(LandingError, match="not a sha256"):
        zone.open(sha256)


def test_what_was_not_landed(zone, tmp_path):
    with pytest.raises(LandingError, match="nothing landed"):
        zone.open("0" * 64)
    with pytest.raises(LandingError, match="cannot be read"):
        zone.land(tmp_path / "absent.csv", name="absent.csv", modified_at=AT)


def test_changed_bytes_are_noticed(zone):
    landed = zone.land(b"abc", name="a.csv", modified_at=AT)
    landed.path.write_bytes(b"abX")
    with pytest.raises(LandingError, match="no longer have the hash"):
        zone.read(landed.sha256)


def test_a_failed_write_leaves_nothing_behind(zone, tmp_path, monkeypatch):
    def full_disk(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sources.landing.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space") as told:
        zone.land(b"abc", name="a.csv", modified_at=AT)
    # SHA-256 of "abc" (FIPS 180-4, appendix): the file that could not be written
    assert Path(told.value.filename).name.startswith("ba7816bf8f01cfea")
    assert told.value.errno == 28
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/in/2021-04/前油坊.csv", "data/in/2021-04/前油坊.csv"),
        ("a/b/c/d/e/f/g.csv", "b/c/d/e/f/g.csv"),
        ("C:\\exports\\./..\\a.csv", "exports/a.csv"),
        ("a\x00b\u202e.csv", "ab.csv"),
    ],
)
def test_delivery_name(path, name):
    assert delivery_name(path) == name
