"""Frames of HJ 212 made by hand for the tests."""

from sources.hj212_crc import hj212_crc, modbus_crc


def framed(segment: str | bytes, code: str | None = None, end: bytes = b"\r\n") -> bytes:
    """Return a data segment as a frame; its code by the standard unless another is given."""
    raw = segment.encode() if isinstance(segment, str) else segment
    return b"##%04d%s%s%s" % (len(raw), raw, (code or hj212_crc(raw)).encode(), end)


def modbus(segment: str) -> bytes:
    """Return a frame with the Modbus code, high byte first."""
    return framed(segment, modbus_crc(segment.encode()))


def message(
    body: str,
    *,
    cn: str = "2061",
    st: str = "32",
    mn: str = "CPDW001",
    when: str = "20260922100000",
    head: str = "",
) -> str:
    """Return a data segment with these values; `head` goes before ST, e.g. `QN=…;`."""
    time = f"DataTime={when};" if when else ""
    return f"{head}ST={st};CN={cn};PW=s3cret;MN={mn};Flag=4;CP=&&{time}{body}&&"
