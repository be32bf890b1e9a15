"""Zip archives, opened within limits: nothing is written, no name leads anywhere, no bomb unfolds.

A workbook (`.xlsx`, `.ods`) is a zip file too; it is told by its parts and left alone here.
"""

from __future__ import annotations

import io
import lzma
import struct
import zipfile
import zlib

from sources.encoding import MAX_BYTES
from vocabulary.reasons import DeliveryRefusedError

#: an export of more parts is no export
MAX_PARTS = 2_000

_ZIP = b"PK\x03\x04"
#: parts by which a workbook is told from an archive of exports
_WORKBOOK = frozenset({"[Content_Types].xml", "mimetype", "content.xml"})
#: what file managers add
_ADDED = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_PIECE = 1 << 20
#: what the library raises on damaged archives: offsets before the file, lengths beyond it, broken streams
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
#: bit 0 of a part's general purpose flag (APPNOTE 4.4.4)
_ENCRYPTED = 0x1


def is_zip(content: bytes) -> bool:
    """Return whether the bytes begin like a zip file."""
    return content.startswith(_ZIP)


def archived(content: bytes, limit: int = MAX_BYTES) -> list[tuple[str, bytes]] | None:
    """Return the exports of a zip archive by name, None when the content is no archive.

    Parameters
    ----------
    content
        The landed bytes.
    limit
        Most bytes all parts may unfold to.

    Returns
    -------
    list of (name, bytes) or None
        In the archive's order; folders and what file managers add are left out.

    Raises
    ------
    DeliveryRefusedError
        `archive-unsafe` for a path that leads out, a password, a zip within the zip or too many parts;
        `file-too-large` beyond `limit`; `file-unreadable` when it is damaged; `file-empty` without parts.
    """
    if not is_zip(content):
        return None
    with _opened(content) as archive:
        parts = archive.infolist()
        if _WORKBOOK & {part.filename for part in parts}:
            return None
        if len(parts) > MAX_PARTS:
            raise _unsafe(
                f"{len(parts)} 个文件，上限 {MAX_PARTS}", f"{len(parts)} parts, at most {MAX_PARTS}"
            )
        kept = [part for part in parts if not part.is_dir() and not _added(part.filename)]
        if not kept:
            raise DeliveryRefusedError("file-empty", "压缩包内没有文件", "the archive holds no file")
        found: list[tuple[str, bytes]] = []
        left = limit
        for part in kept:
            body = _body(archive, part, left, limit)
            if is_zip(body):
                raise _unsafe(f"{part.filename} 又是压缩包或工作簿", f"{part.filename} is a zip file again")
            left -= len(body)
            found.append((part.filename.replace("\\", "/"), body))
    return found


def check_workbook(content: bytes, limit: int = MAX_BYTES) -> None:
    """Refuse a zipped workbook that would unfold beyond `limit` bytes, before anything parses it.

    Raises
    ------
    DeliveryRefusedError
        As in `archived`.
    """
    with _opened(content) as archive:
        left = limit
        for part in archive.infolist():
            left -= len(_body(archive, part, left, limit))


def _opened(content: bytes) -> zipfile.ZipFile:
    try:
        # names without the UTF-8 bit come from Chinese Windows; UTF-8 names keep their own bit
        return zipfile.ZipFile(io.BytesIO(content), metadata_encoding="gb18030")
    except _DAMAGE as error:
        raise _damaged(error) from error


def _body(archive: zipfile.ZipFile, part: zipfile.ZipInfo, left: int, limit: int) -> bytes:
    """Unfold one part in pieces: what it says of its own size is not believed."""
    name = part.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        raise _unsafe(f"路径 {name!r} 指向压缩包之外", f"the path {name!r} leads out of the archive")
    if part.flag_bits & _ENCRYPTED:
        raise _unsafe(f"{name} 已加密", f"{name} has a password")
    out = io.BytesIO()
    try:
        with archive.open(part) as stream:
            while piece := stream.read(_PIECE):
                if out.tell() + len(piece) > left:
                    raise DeliveryRefusedError(
                        "file-too-large",
                        f"解压后超过上限 {limit} 字节",
                        f"unfolds to more than the {limit} bytes allowed",
                    )
                out.write(piece)
    except _DAMAGE as error:
        raise _damaged(error) from error
    return out.getvalue()


def _added(name: str) -> bool:
    return name.startswith(_ADDED[0]) or name.rsplit("/", 1)[-1] in _ADDED[1:]


def _unsafe(zh: str, en: str) -> DeliveryRefusedError:
    return DeliveryRefusedError("archive-unsafe", f"压缩包不予打开：{zh}", f"the archive is not opened: {en}")


def _damaged(error: Exception) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        "file-unreadable", f"zip 已损坏：{error}", f"the zip file is damaged: {error}"
    )
