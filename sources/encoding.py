"""Bytes to text by evidence: byte order mark, then strict UTF-8, then strict GB18030."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from dataclasses import dataclass

from vocabulary.reasons import DeliveryRefusedError

#: an export of this size is no export; guards against a packed bomb
MAX_BYTES = 256 * 1024 * 1024

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Text:
    """Decoded text; `cut` says that the bytes end in the middle of a character."""

    text: str
    encoding: str
    cut: bool


def unpack(content: bytes, limit: int = MAX_BYTES) -> tuple[bytes, bool]:
    """Open a single gzip file; other content is returned as it is.

    Returns
    -------
    tuple of bytes and bool
        The content, and whether the packed stream ended before its end (what was readable is returned).

    Raises
    ------
    DeliveryRefusedError
        `file-too-large` beyond `limit` bytes; `file-unreadable` when the stream is damaged.
    """
    if len(content) > limit:
        raise _too_large(limit)
    if not content.startswith(b"\x1f\x8b"):
        return content, False
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            while piece := packed.read1(1 << 20):
                if out.tell() + len(piece) > limit:
                    raise _too_large(limit)
                out.write(piece)
    except EOFError:
        return out.getvalue(), True
    except (OSError, zlib.error) as error:
        raise DeliveryRefusedError(
            "file-unreadable", f"gzip 已损坏：{error}", f"the gzip stream is damaged: {error}"
        ) from error
    return out.getvalue(), False


def _too_large(limit: int) -> DeliveryRefusedError:
    return DeliveryRefusedError(
        "file-too-large", f"超过上限 {limit} 字节", f"more than the {limit} bytes allowed"
    )


def decode(content: bytes) -> Text:
    """Decode an export; a character cut at the very end is dropped and reported, nothing is replaced.

    Raises
    ------
    DeliveryRefusedError
        `file-empty` without content, `file-unreadable` when no encoding fits or the bytes are binary.
    """
    if not content.strip():
        raise DeliveryRefusedError("file-empty", "文件没有内容", "the file has no content")
    for mark, name in _MARKS:
        if content.startswith(mark):
            found = _strict(content, name)
            if found is None:
                break
            return _sized(found)
    if b"\x00" not in content:
        for name in ("utf-8", "gb18030"):
            found = _strict(content, name)
            if found is not None:
                return _sized(found)
    raise DeliveryRefusedError(
        "file-unreadable",
        "不是 UTF-8、UTF-16 或 GB18030 文本（可能是二进制文件或已损坏）",
        "not text in UTF-8, UTF-16 or GB18030 (binary or damaged)",
    )


def _sized(found: Text) -> Text:
    if not found.text.strip():
        raise DeliveryRefusedError("file-empty", "文件没有内容", "the file has no content")
    return found


def _strict(content: bytes, name: str) -> Text | None:
    """Decode strictly; None when the bytes are not in this encoding."""
    decoder = codecs.getincrementaldecoder(name)()
    try:
        text = decoder.decode(content, final=False)
    except UnicodeError:  # evidence against this encoding: the caller tries the next one or refuses
        return None
    pending = bool(decoder.getstate()[0])
    return Text(text, name, pending)
