"""Frames of HJ 212 in any bytes: found by length field and check code, by numpy, without a loop over bytes.

A frame is `##`, four digits (the length of the data segment in bytes), the data segment, four hex digits of
check code and usually CRLF (HJ 212-2017 6.3). Between frames there may be anything, and a frame may be
damaged. The rule:

1. frames whose length and check code are both right are taken first, wherever they begin;
2. a frame that ends where its length says, with another code, is damaged (`CRC_WRONG`);
3. a frame that does not end where its length says is damaged too (`LENGTH_WRONG`); it reaches to the next
   frame or the end of its line;
4. all that is left is junk or the tail of a frame whose head was lost (`OUTSIDE`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sources.assembly import BoolArray
from sources.cells import IntArray
from sources.hj212_crc import LOW_STEPS, START

Bytes = npt.NDArray[np.uint8]

#: how a part of the bytes was found; below CRC_WRONG it is a sound frame
STANDARD, MODBUS, CRC_WRONG, LENGTH_WRONG, OUTSIDE = range(5)

_HASH, _AMPERSAND, _LF = ord("#"), ord("&"), 10
#: `##` and four digits before the data segment; four hex digits behind it
HEAD, TAIL = 6, 4

_HEX_VALUES = np.full(256, -1, dtype=np.int64)
for _digit in "0123456789abcdefABCDEF":
    _HEX_VALUES[ord(_digit)] = int(_digit, 16)


@dataclass(frozen=True)
class Parts:
    """All parts of some bytes, in their order; n parts.

    Attributes
    ----------
    data
        The bytes.
    begin
        Where each part begins (`##` of a frame).
    start, stop
        The text of each part: a frame's data segment, or what stands outside of frames.
    kind
        `STANDARD`, `MODBUS`, `CRC_WRONG`, `LENGTH_WRONG` or `OUTSIDE`.
    declared
        The check code a frame declares, -1 where there is none.
    lower
        Whether a frame writes its code with lower-case letters.
    line_starts, line_numbers
        Offsets at which physical lines begin, and their numbers.
    """

    data: Bytes
    begin: IntArray
    start: IntArray
    stop: IntArray
    kind: IntArray
    declared: IntArray
    lower: BoolArray
    line_starts: IntArray
    line_numbers: IntArray

    @property
    def sound(self) -> BoolArray:
        """Which parts are frames with the right length and code."""
        return self.kind < CRC_WRONG

    @property
    def frames(self) -> BoolArray:
        """Which parts are frames, sound or damaged."""
        return self.kind < OUTSIDE

    def row(self, offset: IntArray) -> IntArray:
        """Return the 1-based physical line of offsets."""
        rows: IntArray = self.line_numbers[np.searchsorted(self.line_starts, offset, side="right") - 1]
        return rows


def codes_of(data: Bytes, start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Return the code of HJ 212 and of Modbus for many data segments at once.

    The registers of all segments take one step at a time; a segment that has ended keeps its own.

    Parameters
    ----------
    data
        All bytes.
    start, stop
        n segments.
    """
    length = stop - start
    order = np.argsort(-length, kind="stable")
    first, left = start[order], length[order]
    standard = np.full(len(start), START, dtype=np.int64)
    modbus = standard.copy()
    steps = np.array(LOW_STEPS, dtype=np.int64)
    # how many segments are longer than each position
    going = np.searchsorted(-left, -np.arange(int(left.max(initial=0))), side="left")
    for place, count in enumerate(going.tolist()):
        byte = data[first[:count] + place].astype(np.int64)
        register = (standard[:count] >> 8) ^ byte
        standard[:count] = (register >> 8) ^ steps[register & 0xFF]
        register = modbus[:count] ^ byte
        modbus[:count] = (register >> 8) ^ steps[register & 0xFF]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return standard[back], modbus[back]


def parts_of(content: bytes, json_field: str) -> Parts:
    """Take bytes apart into frames and what stands between them.

    Parameters
    ----------
    content
        A log, a stream, or JSON lines.
    json_field
        Of a JSON object on a line, the field that holds the frame.
    """
    plain, starts, numbers = _lines(content, json_field)
    data = np.frombuffer(plain, dtype=np.uint8)
    begin, length = _heads(data)
    stop = begin + HEAD + length
    declared, lower = _declared(data, stop)
    # a segment that does not end a message has no code worth computing
    fits = (declared >= 0) & _closed(data, stop)
    kind = np.full(len(begin), LENGTH_WRONG, dtype=np.int64)
    standard, modbus = codes_of(data, begin[fits] + HEAD, stop[fits])
    found = declared[fits]
    swapped = (modbus >> 8) | ((modbus & 0xFF) << 8)
    right = np.where(found == standard, STANDARD, CRC_WRONG)
    # Modbus sends its code low byte first, some devices write it the other way round
    right[(right == CRC_WRONG) & ((found == modbus) | (found == swapped))] = MODBUS
    kind[fits] = right

    sound = kind < CRC_WRONG
    kept = np.zeros(len(begin), dtype=bool)
    end = stop + TAIL
    kept[np.flatnonzero(sound)[_apart(begin[sound], end[sound])]] = True
    for damage in (CRC_WRONG, LENGTH_WRONG):
        taken = np.flatnonzero(kept)
        hurt = np.flatnonzero(kind == damage)
        reach = end[hurt] if damage == CRC_WRONG else begin[hurt] + HEAD
        free = _clear(begin[hurt], reach, begin[taken], end[taken])
        # a frame that swallows a sound one is itself of the wrong length
        kind[hurt[~free]] = LENGTH_WRONG
        hurt, reach = hurt[free], reach[free]
        kept[hurt[_apart(begin[hurt], reach)]] = True
        end[hurt] = reach
    begin, stop, kind = begin[kept], stop[kept], kind[kept]
    stop = np.where(kind == LENGTH_WRONG, _broken_off(data, begin), stop)
    end = np.where(kind == LENGTH_WRONG, stop, stop + TAIL)
    declared = np.where(kind == LENGTH_WRONG, -1, declared[kept])
    return _with_gaps(data, begin, stop, end, kind, declared, lower[kept] & (declared >= 0), starts, numbers)


def _lines(content: bytes, json_field: str) -> tuple[bytes, IntArray, IntArray]:
    """Return the bytes to look for frames in, where their lines begin, and the numbers of these lines."""
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
        try:
            items = json.loads(b"[" + b",".join(lines[number - 1] for number in numbers) + b"]")
        except (ValueError, RecursionError):
            # a broken line among them: frames are found in the bytes as they stand
            items = []
        found = [item.get(json_field) for item in items if isinstance(item, dict)]
        frames = [frame for frame in found if isinstance(frame, str)]
        if len(frames) == len(numbers):
            texts = [frame.strip().encode("utf-8", "backslashreplace") + b"\n" for frame in frames]
            lengths = np.array([len(text) for text in texts], dtype=np.int64)
            return b"".join(texts), np.cumsum(lengths) - lengths, np.array(numbers, dtype=np.int64)
    feeds = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == _LF)
    starts = np.concatenate(([0], feeds + 1)).astype(np.int64)
    return content, starts, np.arange(1, len(starts) + 1, dtype=np.int64)


def _heads(data: Bytes) -> tuple[IntArray, IntArray]:
    """Return where `##` and four digits stand, and the length the digits declare."""
    if len(data) < HEAD:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    room = len(data) - HEAD + 1
    head = (data[:room] == _HASH) & (data[1 : room + 1] == _HASH)
    begin = np.flatnonzero(head).astype(np.int64)
    digits = data[begin[:, None] + np.arange(2, HEAD)].astype(np.int64) - ord("0")
    good = ((digits >= 0) & (digits <= 9)).all(axis=1)  # noqa: PLR2004 - the last digit
    return begin[good], digits[good] @ np.array([1000, 100, 10, 1], dtype=np.int64)


def _declared(data: Bytes, stop: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the code behind each data segment (-1 where there are no four hex digits) and its case."""
    inside = stop + TAIL <= len(data)
    places = np.where(inside, stop, 0)[:, None] + np.arange(TAIL)
    signs = data[np.minimum(places, max(len(data) - 1, 0))]
    values = _HEX_VALUES[signs]
    whole = inside & (values >= 0).all(axis=1)
    code = values @ np.array([0x1000, 0x100, 0x10, 1], dtype=np.int64)
    return np.where(whole, code, -1), whole & (signs >= ord("a")).any(axis=1)


def _closed(data: Bytes, stop: IntArray) -> BoolArray:
    """Return whether the data segment ends with `&&`, as every message does."""
    last = np.clip(stop - 1, 1, max(len(data) - 1, 1))
    return np.asarray((data[last] == _AMPERSAND) & (data[last - 1] == _AMPERSAND), dtype=bool)


def _apart(begin: IntArray, end: IntArray) -> IntArray:
    """Return which of some sorted ranges to keep so that none overlaps an earlier kept one."""
    if bool((begin[1:] >= end[:-1]).all()):
        return np.arange(len(begin), dtype=np.int64)
    # one frame within another: damage or malice; each is weighed against the last one kept
    kept, reached = [], -1
    for place, (first, last) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        if first >= reached:
            kept.append(place)
            reached = last
    return np.array(kept, dtype=np.int64)


def _clear(begin: IntArray, end: IntArray, others: IntArray, ends: IntArray) -> BoolArray:
    """Return which ranges touch none of some others (sorted, apart)."""
    if len(others) == 0:
        return np.ones(len(begin), dtype=bool)
    before = np.searchsorted(others, begin, side="right") - 1
    beyond = (before < 0) | (ends[np.maximum(before, 0)] <= begin)
    after = np.minimum(before + 1, len(others) - 1)
    free = (before + 1 == len(others)) | (others[after] >= end)
    return np.asarray(beyond & free, dtype=bool)


def _broken_off(data: Bytes, begin: IntArray) -> IntArray:
    """Return where a frame of the wrong length ends: at the next frame, the end of its line, or of all."""
    following = np.concatenate((begin[1:], [len(data)]))[: len(begin)]
    feeds = np.concatenate((np.flatnonzero(data == _LF), [len(data)]))
    line_end = feeds[np.searchsorted(feeds, begin)]
    return np.minimum(following, line_end).astype(np.int64)


def _with_gaps(
    data: Bytes,
    begin: IntArray,
    stop: IntArray,
    end: IntArray,
    kind: IntArray,
    declared: IntArray,
    lower: BoolArray,
    line_starts: IntArray,
    line_numbers: IntArray,
) -> Parts:
    """Add what stands between the frames, and put all in order."""
    gap_from = np.concatenate(([0], end)).astype(np.int64)
    gap_to = np.concatenate((begin, [len(data)])).astype(np.int64)
    real = gap_to > gap_from
    gap_from, gap_to = gap_from[real], gap_to[real]
    count = len(gap_from)
    begins = np.concatenate((begin, gap_from))
    order = np.argsort(begins, kind="stable")
    return Parts(
        data=data,
        begin=begins[order],
        start=np.concatenate((np.minimum(begin + HEAD, stop), gap_from))[order],
        stop=np.concatenate((stop, gap_to))[order],
        kind=np.concatenate((kind, np.full(count, OUTSIDE)))[order],
        declared=np.concatenate((declared, np.full(count, -1)))[order],
        lower=np.concatenate((lower, np.zeros(count, dtype=bool)))[order],
        line_starts=line_starts,
        line_numbers=line_numbers,
    )
