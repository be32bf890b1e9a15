"""The landing zone (落地区): an export's bytes, untouched, under their SHA-256.

`root/<first two digits>/<sha256>`. A name from outside never becomes a path here. Bytes are written to a
temporary file, synced and renamed, so that a file under its hash is always whole; the same bytes are
never written twice.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sources.delivery import Delivery, delivery_name

_PIECE = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


class LandingError(Exception):
    """Bytes could not be landed, or are not where their hash says."""


@dataclass(frozen=True)
class Landed:
    """Bytes in the zone; `known` says that they had been landed before."""

    sha256: str
    size: int
    path: Path
    name: str
    modified_at: datetime
    known: bool

    def delivery(self, district: str, source: str) -> Delivery:
        """Return these bytes as a delivery of a district's source."""
        return Delivery(district, source, self.name, self.sha256, self.size, self.modified_at)


class LandingZone:
    """A folder of landed bytes.

    Parameters
    ----------
    root
        Where the zone lies; made when it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / ".incoming"

    def path(self, sha256: str) -> Path:
        """Return where bytes of this hash lie or would lie.

        Raises
        ------
        LandingError
            When it is not a SHA-256 in lower-case hex.
        """
        if not _SHA256.fullmatch(sha256):
            raise LandingError(f"not a sha256: {sha256[:80]!r}")
        return self.root / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """Open landed bytes for reading.

        Raises
        ------
        LandingError
            When nothing was landed under this hash.
        """
        path = self.path(sha256)
        try:
            return path.open("rb")
        except FileNotFoundError as error:
            raise LandingError(f"nothing landed under {sha256} in {self.root}") from error

    def read(self, sha256: str) -> bytes:
        """Return landed bytes, proved against their hash.

        Raises
        ------
        LandingError
            When nothing was landed under this hash, or the bytes have changed since.
        """
        with self.open(sha256) as stream:
            content = stream.read()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise LandingError(
                f"{self.path(sha256)}: the bytes no longer have the hash they were landed under"
            )
        return content

    def land(self, content: Path | bytes, *, name: str, modified_at: datetime) -> Landed:
        """Keep bytes, or find that they are kept already.

        Parameters
        ----------
        content
            The bytes, or a file of them (read in pieces, never moved).
        name
            The path they were found under; only its safe tail is kept, as a label.
        modified_at
            When the source says they were last changed (naive, Asia/Shanghai).

        Raises
        ------
        LandingError
            When the file cannot be read or changes while it is read.
        """
        sha256, size = self._hash(content)
        place = self.path(sha256)
        known = place.is_file() and place.stat().st_size == size
        if not known:
            self._write(content, place, sha256)
        return Landed(sha256, size, place, delivery_name(name), modified_at, known)

    def _hash(self, content: Path | bytes) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with _stream(content) as source:
            while piece := source.read(_PIECE):
                digest.update(piece)
                size += len(piece)
        return digest.hexdigest(), size

    def _write(self, content: Path | bytes, place: Path, sha256: str) -> None:
        try:
            self._write_whole(content, place, sha256)
        except OSError as error:
            # an error of a full disk names no file of its own
            raise OSError(error.errno, f"{error.strerror or error} (landing zone)", str(place)) from error

    def _write_whole(self, content: Path | bytes, place: Path, sha256: str) -> None:
        self._incoming.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(exist_ok=True)
        digest = hashlib.sha256()
        handle, temporary = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(handle, "wb") as target, _stream(content) as source:
                while piece := source.read(_PIECE):
                    digest.update(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
            if digest.hexdigest() != sha256:
                raise LandingError(f"{content!s}: changed while it was being landed")
            Path(temporary).replace(place)
            _sync_folder(place.parent)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _stream(content: Path | bytes) -> BinaryIO:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return content.open("rb")
    except OSError as error:
        raise LandingError(f"{content}: cannot be read: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; where folders cannot be opened (Windows) the rename itself has to do."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
