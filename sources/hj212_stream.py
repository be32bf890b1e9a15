"""HJ 212 as it arrives: sound frames of a stream that comes in pieces, and the answers some of them ask for.

Only as much is looked at as an answer needs; what the messages say is read later, from the kept bytes, by
`sources/hj212.py`. Nothing a peer sends is ever carried out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sources.hj212_crc import hj212_crc, modbus_crc
from sources.hj212_frames import HEAD, TAIL
from sources.hj212_meaning import facts

_MARK = b"##"
_END = b"&&"
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_NO_EDITION = 0b11


@dataclass(frozen=True)
class Frame:
    """A sound frame: its data segment, and how its check code was written."""

    segment: bytes
    modbus: bool = False
    swapped: bool = False
    lower: bool = False


@dataclass
class FrameStream:
    """Finds sound frames in a stream, whatever the pieces it comes in; junk between them is passed over.

    Attributes
    ----------
    longest
        Bytes of the longest data segment that is waited for; no more than a frame of it is ever held.
    """

    longest: int
    _held: bytearray = field(default_factory=bytearray)

    @property
    def settled(self) -> bool:
        """Whether no frame is begun and not yet ended."""
        return not self._held.strip(b"\r\n")

    def feed(self, piece: bytes) -> list[Frame]:
        """Take the next piece and return the frames it completes."""
        held = self._held
        held += piece
        found: list[Frame] = []
        at = 0
        while (at := held.find(_MARK, at)) >= 0:
            head = bytes(held[at : at + HEAD])
            digits = head[len(_MARK) :]
            if digits and not digits.isdigit():
                at += 1
                continue
            if len(head) < HEAD:
                break
            length = int(digits)
            if length > self.longest:
                at += 1
                continue
            stop = at + HEAD + length
            if len(held) < stop + TAIL:
                break
            frame = _sound(bytes(held[at + HEAD : stop]), bytes(held[stop : stop + TAIL]))
            if frame is None:
                at += 1
                continue
            found.append(frame)
            at = stop + TAIL
        # a single `#` at the end may be the first half of a mark
        keep_from = at if at >= 0 else len(held) - held.endswith(b"#")
        del held[:keep_from]
        return found


def _sound(segment: bytes, declared: bytes) -> Frame | None:
    """Return the frame when its check code is right, by the standard or by Modbus."""
    if not segment.endswith(_END) or not _HEX.fullmatch(declared):
        return None
    code = declared.decode("ascii")
    lower = code != code.upper()
    code = code.upper()
    if code == hj212_crc(segment):
        return Frame(segment, lower=lower)
    modbus = modbus_crc(segment)
    if code == modbus:
        return Frame(segment, modbus=True, lower=lower)
    if code == modbus[2:] + modbus[:2]:
        return Frame(segment, modbus=True, swapped=True, lower=lower)
    return None


def framed(segment: bytes, like: Frame | None = None) -> bytes:
    """Return a data segment as a frame, its check code written as in the frame it answers."""
    code = hj212_crc(segment) if like is None or not like.modbus else modbus_crc(segment)
    if like is not None and like.swapped:
        code = code[2:] + code[:2]
    if like is not None and like.lower:
        code = code.lower()
    return b"##%04d%s%s\r\n" % (len(segment), segment, code.encode("ascii"))


def _head(segment: bytes) -> dict[str, str]:
    """Return the fields before `CP=`, names in upper case; the first of several counts."""
    head = segment.partition(b"CP=")[0].decode("ascii", "replace")
    pairs = (part.partition("=") for part in re.split("[;,]", head))
    found: dict[str, str] = {}
    for name, _, value in pairs:
        found.setdefault(name.strip().upper(), value.strip())
    return found


def answer_to(frame: Frame) -> bytes | None:
    """Return the answer a frame asks for, or None.

    HJ 212-2017 table 9: 9014 answers uploaded data. It repeats QN, PW and MN of the frame, and only when
    these are plain words, so that nothing of a peer's making can slip in.
    """
    stated = facts().rest["answer"]
    head = _head(frame.segment)
    flag = head.get("FLAG", "")
    if not (flag.isascii() and flag.isdigit() and len(flag) < 4 and int(flag) & 1):  # noqa: PLR2004 - 0 to 255
        return None
    echoed = {name: head.get(name, "") for name in ("QN", "PW", "MN")}
    plain = re.compile(stated["echo_pattern"])
    if head.get("CN") not in stated["to"] or not (echoed["QN"] and echoed["MN"]):
        return None
    if not all(plain.fullmatch(value) for value in echoed.values()):
        return None
    segment = (
        f"QN={echoed['QN']};ST={stated['st']};CN={stated['cn']};PW={echoed['PW']};MN={echoed['MN']};"
        f"Flag={int(flag) & ~_NO_EDITION};CP=&&&&"
    )
    return framed(segment.encode("ascii"), frame)
