"""Publish a site: only what changed is written, and the folder takes the old one's place whole.

The new folder is made beside the old one. Pages that are the same, and files that others put into the old
folder (documents, revisions, workbooks), come over as hard links, or as copies where the file system has
none. The two folders then change places; what somebody wrote into the old one meanwhile is carried over.
When no page changed there is no new folder at all.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: lists our own files with their hashes; everything else in the folder belongs to somebody else
MANIFEST = ".site.json"
#: what the list says of a page: sha256, size, and the key of what it was made from
Entry = dict[str, Any]
#: what `tempfile` calls a file that takes another's place when it is whole
_UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}")
_AT_FDCWD = -100
_EXCHANGE = 2


@dataclass(frozen=True)
class Written:
    """What publishing did: pages written anew, pages that stayed, pages that are gone."""

    written: tuple[str, ...]
    kept: int
    removed: tuple[str, ...]


def keys_of(folder: Path) -> dict[str, str]:
    """Return path -> key of the pages that stand in a published folder and are still there."""
    listed = _manifest(folder)
    return {
        path: str(entry["key"])
        for path, entry in listed.items()
        if "key" in entry and _stands(folder / path, entry)
    }


def publish_folder(
    folder: Path, pages: Mapping[str, bytes], kept: Mapping[str, str], keys: Mapping[str, str]
) -> Written:
    """Make `folder` hold exactly these pages of ours, beside the files of others.

    Parameters
    ----------
    folder
        Where the site stands; need not exist.
    pages
        Path below the folder -> content, of every page that was made anew.
    kept
        Path -> key of pages that were not made anew because their key is that of the published one.
    keys
        Path -> key of what `pages` were made from; a later build asks `keys_of` for them.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    before = _manifest(folder)
    after: dict[str, Entry] = {path: before[path] for path in kept}
    changed: dict[str, bytes] = {}
    for path, content in pages.items():
        digest = hashlib.sha256(content).hexdigest()
        stood = before.get(path, {})
        after[path] = {"sha256": digest, "size": len(content)} | ({"key": keys[path]} if path in keys else {})
        if stood.get("sha256") != digest or not _stands(folder / path, stood):
            changed[path] = content
    removed = tuple(sorted(set(before) - set(after)))
    if changed or removed or not folder.is_dir():
        _replace(folder, changed, after, ours=set(before))
    elif before != after:
        # the pages came out the same from other inputs: only what they were made from is noted
        _write(folder / f"{MANIFEST}.new", _listed(after))
        (folder / f"{MANIFEST}.new").replace(folder / MANIFEST)
    return Written(tuple(sorted(changed)), len(after) - len(changed), removed)


def others_files(folder: Path) -> list[str]:
    """Return the files in a published folder that are not the site's own, sorted."""
    ours = set(_manifest(folder))
    return sorted(path for path in _files(folder) if path not in ours)


def _replace(
    folder: Path, changed: Mapping[str, bytes], after: Mapping[str, Entry], *, ours: set[str]
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    fresh = folder.with_name(f".{folder.name}.{mark}.new")
    fresh.mkdir()
    try:
        # files of others by name and number, to see later what came or changed meanwhile
        foreign: dict[str, int] = {}
        for path in _files(folder):
            if path in changed or (path in ours and path not in after):
                continue
            if path not in ours:
                foreign[path] = (folder / path).stat().st_ino
            _link(folder / path, fresh / path)
        for path, content in changed.items():
            _write(fresh / path, content)
        _write(fresh / MANIFEST, _listed(after))
        _swap(fresh, folder)
        # `fresh` is the old folder now
        for path in _files(fresh) if fresh.is_dir() else ():
            if path in ours or path in after:
                continue
            if foreign.get(path) != (fresh / path).stat().st_ino:
                (folder / path).unlink(missing_ok=True)
                _link(fresh / path, folder / path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, folder: Path) -> None:
    """Let two folders change places: in one step where the system can, else by two renames."""
    if not folder.exists():
        fresh.rename(folder)
        return
    if _exchanged(fresh, folder):
        return
    aside = fresh.with_suffix(".old")
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    aside.rename(fresh)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two paths by Linux' renameat2; False where neither the system nor the file system has it."""
    exchange = _renameat2()
    if exchange is None:
        return False
    done = exchange(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE)
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}:
        return False
    raise OSError(number, os.strerror(number), str(other))


@cache
def _renameat2() -> Any:
    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        # no C library of that kind: another system
        return None


def _files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, without our list and without what a writer has not finished."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = (Path(place) / name).relative_to(folder).as_posix()
            if path not in {MANIFEST, f"{MANIFEST}.new"} and not _UNFINISHED.fullmatch(name):
                yield path


def _stands(path: Path, entry: Entry) -> bool:
    """Tell whether a page is still what was written: a loss of power may leave it empty."""
    try:
        return path.stat().st_size == entry.get("size")
    except OSError:
        return False


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        # its writer took it away or put another in its place meanwhile; the second look finds that one
        return
    except OSError:
        # no hard links here
        shutil.copy2(source, target)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)


def _listed(entries: Mapping[str, Entry]) -> bytes:
    return (json.dumps(entries, ensure_ascii=False, sort_keys=True, indent=0) + "\n").encode()


def _manifest(folder: Path) -> dict[str, Entry]:
    """Return path -> entry of the published folder; nothing where there is none or it is not ours to read."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(path): entry for path, entry in found.items() if isinstance(entry, dict)}
