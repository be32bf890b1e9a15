"""Back up the warehouse and the landing zone as one file, and restore them into an empty home.

A backup is a ZIP: `warehouse/ecoplan.duckdb` (embedded) or `warehouse/<table>/<n>.parquet` (server), the landing
zone under `landing/`, and `manifest.json` with the SHA-256 of every member and of the canonical dump. It may be
restored into either engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from vocabulary.clock import now_utc
from warehouse.dump import dump_sha256
from warehouse.engine import SchemaVersionError, Warehouse, WarehouseError
from warehouse.schema import SCHEMA_VERSION
from warehouse.snapshot import copy_file, sync_folder
from warehouse.transfer import MOVED, fill_tables, pieces, transfer

#: layout of the backup itself
FORMAT = 1
_MANIFEST = "manifest.json"
_FILE = "warehouse/ecoplan.duckdb"
#: the only names a member may have; none of them leaves the folder it is unpacked in
_MEMBER = re.compile(
    r"landing/[0-9a-f]{2}/(?P<sha256>[0-9a-f]{64})"
    r"|warehouse/ecoplan\.duckdb|warehouse/[a-z_]+/\d{5}\.parquet"
)
_PIECE = 1 << 20


class BackupError(WarehouseError):
    """A backup cannot be written, is not whole, or has no empty place to go."""


@dataclass(frozen=True)
class Member:
    """One file of a backup."""

    name: str
    size: int
    sha256: str


def back_up(warehouse: Warehouse, landing: Path, path: Path) -> dict[str, Any]:
    """Write the warehouse and the landing zone to the new file `path`.

    Parameters
    ----------
    warehouse
        Either engine; nothing in it changes.
    landing
        Folder of the landing zone; what is landed while this runs may or may not be in the backup.
    path
        Made whole by a rename; never overwritten.

    Returns
    -------
    dict
        `path, engine, members, bytes, dump_sha256`.

    Raises
    ------
    BackupError
        When `path` exists or cannot be written.
    WarehouseError
        When the warehouse cannot be read.
    """
    if path.exists():
        raise BackupError(f"{path} 已存在，不覆盖 / exists already and is not overwritten")
    if not warehouse.exists():
        raise BackupError(f"{warehouse.shown()} 还不存在 / there is no warehouse to back up yet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _work_folder(path.parent) as work:
            whole = work / "backup.zip"
            with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                manifest = _write(archive, warehouse, landing, work)
            with whole.open("rb+") as file:
                os.fsync(file.fileno())
            whole.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise BackupError(f"无法写出备份 {path} / the backup cannot be written to {path}: {error}") from error
    return {
        "path": str(path),
        "engine": manifest["engine"],
        "members": len(manifest["members"]),
        "bytes": path.stat().st_size,
        "dump_sha256": manifest["dump_sha256"],
    }


def _write(archive: zipfile.ZipFile, warehouse: Warehouse, landing: Path, work: Path) -> dict[str, Any]:
    members: list[Member] = []
    if warehouse.file is not None:
        copy = work / "copy.duckdb"
        copy_file(warehouse, copy)
        with Warehouse(f"duckdb:///{copy}", read_only=True).read() as connection:
            sha256 = dump_sha256(connection)
        members.append(_add(archive, _FILE, copy))
        copy.unlink()
    else:
        with warehouse.read() as connection:
            sha256 = dump_sha256(connection)
            members += _add_tables(archive, connection, work)
    # after the warehouse: what its ledger names was landed before, and stays
    for place in sorted(landing.glob("[0-9a-f][0-9a-f]/*")):
        members.append(_add(archive, f"landing/{place.parent.name}/{place.name}", place))
    manifest = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "engine": warehouse.url.get_backend_name(),
        "made_at": now_utc().isoformat(timespec="seconds"),
        "dump_sha256": sha256,
        "members": [asdict(member) for member in members],
    }
    archive.writestr(_MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _add_tables(archive: zipfile.ZipFile, connection: Connection, work: Path) -> Iterator[Member]:
    for table in MOVED:
        for number, frame in enumerate(pieces(connection, table)):
            part = work / "part.parquet"
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), part, compression="zstd")
            yield _add(archive, f"warehouse/{table.name}/{number:05}.parquet", part)
            part.unlink()


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> Member:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            target.write(piece)
            size += len(piece)
    return Member(name, size, digest.hexdigest())


def restore(path: Path, warehouse: Warehouse, landing: Path) -> dict[str, Any]:
    """Bring a backup back into an empty warehouse and an empty landing zone.

    Everything is unpacked beside its place and proved against the manifest before any of it is used. A backup
    of an older program is migrated on the way.

    Returns
    -------
    dict
        `engine` of the backup, `members`, `dump_sha256`.

    Raises
    ------
    BackupError
        When the place is not empty, or the backup is not what its manifest says; nothing is changed then.
    """
    _refuse_unless_empty(warehouse, landing)
    landing.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(path) as archive, _work_folder(landing.parent) as work:
            manifest, members = _manifest(archive, path)
            for member in members:
                _unpack(archive, member, work, path)
            _place_warehouse(manifest, work, warehouse)
            unpacked = work / "landing"
            unpacked.mkdir(exist_ok=True)
            if landing.exists():
                shutil.rmtree(landing)
            unpacked.replace(landing)
            sync_folder(landing.parent)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise BackupError(f"{path} 不是完整的备份 / is not a whole backup: {error}") from error
    except OSError as error:
        raise BackupError(f"{path} 无法恢复 / cannot be restored: {error}") from error
    return {
        "engine": manifest["engine"],
        "members": len(members),
        "dump_sha256": manifest["dump_sha256"],
    }


def _refuse_unless_empty(warehouse: Warehouse, landing: Path) -> None:
    if any(place.is_file() for place in landing.rglob("*")):
        raise BackupError(
            f"落地区 {landing} 不是空的，未恢复任何内容 / the landing zone {landing} is not empty, nothing restored"
        )
    if warehouse.file is not None and warehouse.file.exists():
        raise BackupError(
            f"仓库文件 {warehouse.file} 已存在，未恢复任何内容 / the warehouse {warehouse.file} exists, nothing restored"
        )


def _manifest(archive: zipfile.ZipFile, path: Path) -> tuple[dict[str, Any], list[Member]]:
    """Read the manifest and compare it with the names that are in the archive."""
    try:
        manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
        members = [Member(**member) for member in manifest["members"]]
        known = manifest["format"] == FORMAT
        stated = [manifest["engine"], manifest["dump_sha256"], int(manifest["schema_version"])]
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(
            f"{path}: 没有可读的清单 {_MANIFEST} / has no readable manifest: {error}"
        ) from error
    if not known or not all(stated):
        raise BackupError(f"{path}: 备份格式 {manifest['format']} 未知 / unknown format of backup")
    named = {member.name for member in members}
    there = [name for name in archive.namelist() if name != _MANIFEST]
    if named != set(there) or len(there) != len(members):
        strange = sorted(named ^ set(there))[:3]
        raise BackupError(f"{path}: 文件与清单不符 / members are not those of the manifest: {strange}")
    for member in members:
        match = _MEMBER.fullmatch(member.name)
        if match is None or match["sha256"] not in (None, member.sha256):
            raise BackupError(
                f"{path}: 清单中的名称不可接受 / a name in the manifest is refused: {member.name!r}"
            )
    return manifest, members


def _unpack(archive: zipfile.ZipFile, member: Member, work: Path, path: Path) -> None:
    """Unpack one member below `work`, never more bytes than the manifest says, and prove its hash."""
    place = work / member.name
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), member.size
    with archive.open(member.name) as source, place.open("wb") as target:
        while left >= 0 and (piece := source.read(_PIECE)):
            left -= len(piece)
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    if left or digest.hexdigest() != member.sha256:
        raise BackupError(
            f"{path}: {member.name} 与清单的大小或 SHA-256 不符 / does not have the size or SHA-256 of the manifest"
        )


def _place_warehouse(manifest: dict[str, Any], work: Path, warehouse: Warehouse) -> None:
    """Put the unpacked warehouse in its place, migrated and with the hash of the manifest."""
    version = int(manifest["schema_version"])
    if version > SCHEMA_VERSION:
        raise SchemaVersionError(
            f"备份的结构版本为 {version}，本程序为 {SCHEMA_VERSION} / the backup has schema version {version}, this program "
            f"has {SCHEMA_VERSION}: update the program"
        )
    unpacked = work / _FILE
    if not unpacked.exists():
        fill_tables(warehouse, work / "warehouse", version=version, sha256=manifest["dump_sha256"])
        return
    source = Warehouse(f"duckdb:///{unpacked}")
    source.migrate()
    with source.read() as connection:
        found = dump_sha256(connection)
    if found != manifest["dump_sha256"]:
        raise BackupError(
            f"规范转储哈希 {found} 与清单 {manifest['dump_sha256']} 不同 / the canonical dump hash {found} is not the "
            f"manifest's {manifest['dump_sha256']}"
        )
    if warehouse.file is None:
        transfer(source, warehouse)
        return
    copy_file(source, unpacked.with_name("checkpointed.duckdb"))
    warehouse.file.parent.mkdir(parents=True, exist_ok=True)
    _move(unpacked.with_name("checkpointed.duckdb"), warehouse.file)


def _move(source: Path, target: Path) -> None:
    """Move a file so that it appears whole, also from one file system to another."""
    if source.stat().st_dev == target.parent.stat().st_dev:
        source.replace(target)
    else:
        beside = target.with_name(f".{target.name}.restoring")
        with source.open("rb") as original, beside.open("wb") as copy:
            _copy_whole(original, copy)
        beside.replace(target)
    sync_folder(target.parent)


def _copy_whole(original: IO[bytes], copy: IO[bytes]) -> None:
    shutil.copyfileobj(original, copy, _PIECE)
    copy.flush()
    os.fsync(copy.fileno())


@contextmanager
def _work_folder(beside: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".ecoplan-backup-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
