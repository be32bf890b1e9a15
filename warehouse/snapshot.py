"""A copy of the embedded warehouse for readers, published beside it by an atomic rename.

While a night writes, its file belongs to one process. Whoever only asks then reads the copy that the last
run published (`Warehouse.read` with `read_only`). A server needs none: it shows every reader one state.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from warehouse import bulk
from warehouse.engine import Warehouse, WarehouseError


def publish_snapshot(warehouse: Warehouse) -> Path | None:
    """Publish the warehouse's present state for readers; nothing is copied when nothing changed.

    Returns
    -------
    pathlib.Path or None
        The snapshot, or None for a server, for memory, and where there is no warehouse yet.

    Raises
    ------
    WarehouseError
        When another process keeps the file, or the copy cannot be written (the old snapshot stays).
    """
    file, snapshot = warehouse.file, warehouse.snapshot
    if file is None or snapshot is None or not file.exists():
        return None
    if not _is_current(file, snapshot):
        copy_file(warehouse, snapshot)
    return snapshot


def _is_current(file: Path, snapshot: Path) -> bool:
    """Tell whether the snapshot is the file as it is; a copy is given its original's time of change."""
    if not snapshot.exists() or file.with_name(f"{file.name}.wal").exists():
        return False
    live, copy = file.stat(), snapshot.stat()
    return (live.st_size, live.st_mtime_ns) == (copy.st_size, copy.st_mtime_ns)


def copy_file(warehouse: Warehouse, target: Path) -> None:
    """Copy the embedded warehouse's file whole, as of now, so that `target` is the old or the new one.

    Raises
    ------
    WarehouseError
        When there is no file, another process keeps it, or the copy cannot be written.
    """
    file = warehouse.file
    if file is None:
        raise WarehouseError(f"{warehouse.shown()}: 不是单文件仓库 / not an embedded warehouse")
    temporary = None
    try:
        # the connection keeps other writers off until the copy is made. It must outlive the copy: closing any
        # handle of a file gives back all locks this process has on it (POSIX), so nothing is asked of it after
        with warehouse.engine().connect() as connection:
            bulk.checkpoint(connection)
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            temporary = Path(name)
            seen = file.stat()
            with os.fdopen(handle, "wb") as copy, file.open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 22)
                copy.flush()
                os.fsync(copy.fileno())
        os.utime(temporary, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        temporary.chmod(0o644)  # readers may be other users; mkstemp made it private
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise WarehouseError(
            f"无法写出仓库副本 {target} / the copy of the warehouse cannot be written to {target}: {error}"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename durable; where folders cannot be opened (Windows) the rename itself has to do."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
