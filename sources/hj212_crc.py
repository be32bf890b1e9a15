"""Check codes of HJ 212 frames: the standard's own, and the Modbus code that vendors send instead.

HJ 212-2017 appendix A: the code runs over the data segment only, high byte first, upper-case hex. It is
not CRC-16/MODBUS, though both use the polynomial 0xA001 and start from 0xFFFF: here a byte meets the
register after the register was shifted right by eight.
"""

from __future__ import annotations

_POLYNOMIAL = 0xA001
#: what the register of both codes starts from
START = 0xFFFF


def _eight_steps(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (_POLYNOMIAL if register & 1 else 0)
    return register


#: what eight steps do to the low byte of the register
LOW_STEPS = tuple(_eight_steps(low) for low in range(256))


def hj212_crc(segment: bytes) -> str:
    """Return the check code of a data segment by HJ 212-2017 appendix A, four upper-case hex digits.

    >>> hj212_crc(b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    ...           b"CP=&&RtdInterval=30&&")
    '1C80'
    """
    register = START
    for byte in segment:
        register = (register >> 8) ^ byte
        register = (register >> 8) ^ LOW_STEPS[register & 0xFF]
    return f"{register:04X}"


def modbus_crc(segment: bytes) -> str:
    """Return CRC-16/MODBUS of a data segment, four upper-case hex digits, high byte first."""
    register = START
    for byte in segment:
        register ^= byte
        register = (register >> 8) ^ LOW_STEPS[register & 0xFF]
    return f"{register:04X}"
