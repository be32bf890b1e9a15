"""The check code of HJ 212 against the standard's example and against real frames."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sources.hj212_crc import hj212_crc, modbus_crc

EXAMPLE = (
    b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
)
FRAMES = (
    Path(os.environ.get("ECOPLAN_REALDATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
    / "hj212"
    / "frames.jsonl"
)


def test_trap_10_the_code_of_the_standard_is_1c80_and_modbus_0759() -> None:
    assert len(EXAMPLE) == 101
    assert hj212_crc(EXAMPLE) == "1C80"
    assert modbus_crc(EXAMPLE) == "0759"


def test_modbus_of_its_own_check_string() -> None:
    # the check value that every catalogue of CRCs gives for CRC-16/MODBUS over the digits 1 to 9
    assert modbus_crc(b"123456789") == "4B37"


@pytest.mark.realdata
@pytest.mark.skipif(not FRAMES.exists(), reason=f"no real frames: {FRAMES} is absent")
def test_33_of_42_real_frames_carry_the_standards_code() -> None:
    frames = [json.loads(line)["frame"] for line in FRAMES.read_text("utf-8").splitlines() if line]
    right = 0
    for frame in frames:
        body = frame.strip()
        right += hj212_crc(body[6:-4].encode()) == body[-4:].upper()
    print(f"{right} of {len(frames)} frames carry the code of the standard")
    assert (right, len(frames)) == (33, 42)
