"""Fields of HJ 212 messages: every `name=value` of every frame, and the head of each message, set-based."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.assembly import BoolArray, Labels, encode
from sources.cells import IntArray
from sources.hj212_frames import Bytes, Parts

#: what separates fields; NUL cannot stand in a text
_SEPARATORS = np.frombuffer(b";,&\r\n\x00", dtype=np.uint8)
_EQUALS = ord("=")
_PRINTABLE = (32, 126)
_NO_PLACE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Fields:
    """All fields with a `=`, in their order; n fields.

    Attributes
    ----------
    part
        The part each field stands in.
    offset
        Where it begins.
    names, name
        Distinct names as delivered, and each field's index into them.
    raw
        Arrow string array of values as delivered; what is no printable text shows its escape.
    in_body
        Whether the field stands behind `CP=`.
    bodies
        For each part, whether anything but separators stands behind its `CP=`.
    """

    part: IntArray
    offset: IntArray
    names: list[str]
    name: IntArray
    raw: Any
    in_body: BoolArray
    bodies: BoolArray

    def named(self, names: frozenset[str]) -> BoolArray:
        """Return which fields have one of some names (lower case)."""
        found = np.array([name.lower() in names for name in self.names], dtype=bool)
        return np.asarray(found[self.name], dtype=bool)

    def first_of(self, name: str, parts: int) -> Labels:
        """Return the first value a field of this name has in each part, '' where there is none."""
        here = np.flatnonzero(self.named(frozenset({name.lower()})))
        part, first = np.unique(self.part[here], return_index=True)
        words, codes = encode(pc.utf8_trim_whitespace(self.raw.take(pa.array(here[first]))))
        every = np.full(parts, -1, dtype=np.int64)
        every[part] = codes
        return Labels(words, every)


def fields_of(parts: Parts) -> Fields:
    """Split all parts into fields.

    Header, check code and whatever else lies outside of the texts separate fields like the standard's own
    separators, so that every field keeps its place in the bytes.
    """
    data = parts.data
    apart = np.isin(data, _SEPARATORS) | ~_within(len(data), parts.start, parts.stop)
    # a part may begin right where another ends
    edges = np.zeros(len(data) + 1, dtype=bool)
    edges[parts.start] = True
    solid = ~apart
    opens = solid & (np.concatenate(([True], apart[:-1])) | edges[:-1])
    closes = solid & (np.concatenate((apart[1:], [True])) | edges[1:])
    begin, end = np.flatnonzero(opens).astype(np.int64), np.flatnonzero(closes).astype(np.int64) + 1
    signs = np.flatnonzero(data == _EQUALS)
    at = np.searchsorted(signs, begin)
    equals = np.concatenate((signs, [len(data)]))[at]
    whole = equals < end
    part = np.searchsorted(parts.start, begin, side="right") - 1

    body_from = np.full(len(parts.start), _NO_PLACE, dtype=np.int64)
    command = whole & (equals == begin + 2)
    command[command] = (data[begin[command]] | 32 == ord("c")) & (data[begin[command] + 1] | 32 == ord("p"))
    # the first one counts: written from the last to the first
    body_from[part[command][::-1]] = begin[command][::-1]
    in_body = begin > body_from[part]
    bodies = np.bincount(part[in_body], minlength=len(parts.start)) > 0

    begin, end, equals = begin[whole], end[whole], equals[whole]
    names, name = encode(pc.utf8_trim_whitespace(texts(data, begin, equals)))
    return Fields(
        part=part[whole],
        offset=begin,
        names=names,
        name=name,
        raw=texts(data, equals + 1, end),
        in_body=in_body[whole],
        bodies=bodies,
    )


def _within(size: int, start: IntArray, stop: IntArray) -> BoolArray:
    """Return which of `size` places lie in one of some ranges that do not overlap."""
    change = np.zeros(size + 1, dtype=np.int64)
    np.add.at(change, start, 1)  # two ranges may meet, and an empty one begins where it ends
    np.add.at(change, stop, -1)
    return np.asarray(np.cumsum(change[:-1]) > 0, dtype=bool)


def texts(data: Bytes, begin: IntArray, end: IntArray) -> Any:
    """Return sorted, separate ranges of bytes as an Arrow string array; odd bytes are shown escaped."""
    inside = _within(len(data), begin, end)
    picked = data[inside]
    offsets = np.concatenate(([0], np.cumsum(end - begin))).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(picked.tobytes())]
    odd = (picked < _PRINTABLE[0]) | (picked > _PRINTABLE[1])
    if not odd.any():
        return pa.Array.from_buffers(pa.large_string(), len(begin), buffers)
    raw = pa.Array.from_buffers(pa.large_binary(), len(begin), buffers)
    strange = np.diff(np.concatenate(([0], np.cumsum(odd)))[offsets]) > 0
    mask = pa.array(strange)
    shown = pa.array(_shown(raw.filter(mask).to_pylist()), pa.large_string())
    plain = pc.cast(pc.if_else(mask, pa.scalar(b"", pa.large_binary()), raw), pa.large_string())
    return pc.replace_with_mask(plain, mask, shown)


def _shown(strange: Sequence[bytes]) -> list[str]:
    """Return texts in UTF-8 or GB18030 as such, anything else by its escapes."""
    return [_readable(raw) for raw in strange]


def _readable(raw: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:  # evidence against this encoding: the next one, or the escapes below
            continue
        if text.isprintable():
            return text
    return raw.decode("latin-1").encode("unicode_escape").decode("ascii")
