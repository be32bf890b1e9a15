"""Backups: whole or not at all, proved on the way back, into either engine."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import fresh_postgres
from tests.warehouse.filling import fill, go_on
from warehouse.backup import BackupError, back_up, restore
from warehouse.dump import dump_sha256
from warehouse.engine import SchemaVersionError, Warehouse
from warehouse.schema import SCHEMA_VERSION


def _land(zone: Path, *contents: bytes) -> None:
    for content in contents:
        sha256 = hashlib.sha256(content).hexdigest()
        (zone / sha256[:2]).mkdir(parents=True, exist_ok=True)
        (zone / sha256[:2] / sha256).write_bytes(content)


def _hash(warehouse: Warehouse) -> str:
    with warehouse.read() as connection:
        return dump_sha256(connection)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def backup(warehouse: Warehouse, tmp_path: Path) -> tuple[Path, str]:
    """A backup of a filled warehouse on each engine, and its dump hash."""
    sha256 = fill(warehouse)
    _land(tmp_path / "landing", b"one", b"", "三".encode() * 1000)
    (tmp_path / "landing" / ".incoming").mkdir()
    (tmp_path / "landing" / ".incoming" / "half").write_bytes(b"half")
    path = tmp_path / "out" / "backup.zip"
    assert back_up(warehouse, tmp_path / "landing", path)["dump_sha256"] == sha256
    return path, sha256


def test_a_backup_comes_back_the_same(backup: tuple[Path, str], tmp_path: Path) -> None:
    path, sha256 = backup
    home = tmp_path / "new"
    target = Warehouse(f"duckdb:///{home / 'ecoplan.duckdb'}")
    record = restore(path, target, home / "landing")
    assert record["dump_sha256"] == sha256
    assert _hash(target) == sha256
    landed = _tree(tmp_path / "landing")
    landed.pop(".incoming/half")
    assert _tree(home / "landing") == landed
    assert [place.name for place in home.iterdir() if place.name.startswith(".")] == []
    go_on(target)


@pytest.mark.postgres
def test_a_backup_of_either_engine_comes_back_on_the_server(
    backup: tuple[Path, str], tmp_path: Path, postgres_uri: str
) -> None:
    path, sha256 = backup
    target = fresh_postgres(postgres_uri)
    restore(path, target, tmp_path / "new" / "landing")
    assert _hash(target) == sha256
    go_on(target)


def test_a_home_that_is_not_empty_is_refused(backup: tuple[Path, str], tmp_path: Path) -> None:
    path, _ = backup
    target = Warehouse(f"duckdb:///{tmp_path / 'new.duckdb'}")
    with pytest.raises(BackupError, match="不是空的"):
        restore(path, target, tmp_path / "landing")
    fill(target)
    with pytest.raises(BackupError, match="已存在"):
        restore(path, target, tmp_path / "elsewhere")


def test_a_backup_is_never_overwritten(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "backup.zip"
    path.write_bytes(b"precious")
    with pytest.raises(BackupError, match="不覆盖"):
        back_up(warehouse, tmp_path / "landing", path)
    assert path.read_bytes() == b"precious"


def _rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup again with some members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    damaged = path.with_name("damaged.zip")
    with zipfile.ZipFile(damaged, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return damaged


def _landed(members: dict[str, bytes]) -> str:
    return next(name for name in members if name.startswith("landing/") and members[name])


def _flip(members: dict[str, bytes]) -> None:
    name = _landed(members)
    members[name] = bytes([members[name][0] ^ 1]) + members[name][1:]


def _longer(members: dict[str, bytes]) -> None:
    members[_landed(members)] += b"more"


def _lose(members: dict[str, bytes]) -> None:
    del members[_landed(members)]


def _stranger(members: dict[str, bytes]) -> None:
    members["landing/aa/stranger"] = b""


def _no_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def _climb(members: dict[str, bytes]) -> None:
    """A member that wants to be written outside of the folder, with a manifest that agrees."""
    manifest = json.loads(members["manifest.json"])
    name = "landing/../../evil"
    members[name] = b"evil"
    manifest["members"].append({"name": name, "size": 4, "sha256": hashlib.sha256(b"evil").hexdigest()})
    members["manifest.json"] = json.dumps(manifest).encode()


def _newer(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps(manifest | {"schema_version": SCHEMA_VERSION + 1}).encode()


def _other_hash(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps(manifest | {"dump_sha256": "0" * 64}).encode()


@pytest.mark.parametrize(
    "change",
    [_flip, _longer, _lose, _stranger, _no_manifest, _climb, _newer, _other_hash],
    ids=lambda f: f.__name__,
)
def test_a_backup_that_is_not_what_it_says_changes_nothing(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    source = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(source)
    _land(tmp_path / "landing", b"one", b"two")
    path = tmp_path / "backup.zip"
    back_up(source, tmp_path / "landing", path)
    home = tmp_path / "new"
    damaged = _rewrite(path, change)
    with pytest.raises((BackupError, SchemaVersionError)):
        restore(damaged, Warehouse(f"duckdb:///{home / 'ecoplan.duckdb'}"), home / "landing")
    assert _tree(home) == {}
    assert not (tmp_path / "evil").exists()


def test_half_a_backup_is_refused(tmp_path: Path) -> None:
    source = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(source)
    path = tmp_path / "backup.zip"
    back_up(source, tmp_path / "landing", path)
    half = tmp_path / "half.zip"
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BackupError, match="不是完整的备份"):
        restore(half, Warehouse(f"duckdb:///{tmp_path / 'n.duckdb'}"), tmp_path / "new")


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    source = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(source)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BackupError, match="无法写出备份"):
        back_up(source, tmp_path / "landing", tmp_path / "file" / "backup.zip")
