"""Frames found in any bytes: cut, glued, flipped, between junk, in pieces."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hj212_messages import framed, message, modbus
from hypothesis import given, settings
from hypothesis import strategies as st
from made_deliveries import codes, delivery

from sources import hj212
from sources.hj212_crc import hj212_crc, modbus_crc
from sources.hj212_frames import CRC_WRONG, LENGTH_WRONG, MODBUS, STANDARD, codes_of, parts_of
from sources.hj212_stream import FrameStream, answer_to
from vocabulary.reasons import DeliveryRefusedError

REAL = (
    Path(os.environ.get("ECOPLAN_REALDATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
    / "hj212"
)
real = pytest.mark.skipif(not REAL.exists(), reason=f"no real frames: {REAL} is absent")

SEGMENTS = [message(f"w01018-Avg={value}.5,w01018-Flag=N", mn=f"M{value}") for value in range(10, 19)]


def kinds(content: bytes) -> list[int]:
    parts = parts_of(content, "frame")
    return parts.kind[parts.frames].tolist()


def sites(content: bytes) -> list[str]:
    return hj212.read(content, delivery("hj212", "a.log", content)).readings["site"].tolist()


def outcome(content: bytes):
    try:
        return hj212.read(content, delivery("hj212", "a.log", content)), ""
    except DeliveryRefusedError as refused:
        return None, refused.code


def test_codes_of_many_segments_are_those_of_each():
    pieces = [b"", b"1", b"123456789", SEGMENTS[0].encode(), SEGMENTS[1].encode() * 3]
    data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
    lengths = np.array([len(piece) for piece in pieces])
    standard, other = codes_of(data, np.cumsum(lengths) - lengths, np.cumsum(lengths))
    assert [f"{code:04X}" for code in standard] == [hj212_crc(piece) for piece in pieces]
    assert [f"{code:04X}" for code in other] == [modbus_crc(piece) for piece in pieces]


def test_glued_without_line_ends_and_behind_junk_on_one_line():
    content = b"junk##12" + b"".join(framed(segment, end=b"") for segment in SEGMENTS)
    assert sites(content) == [f"M{value}" for value in range(10, 19)]


def test_modbus_either_way_round_and_lower_case_are_taken_and_told():
    segment = SEGMENTS[0]
    code = modbus_crc(segment.encode())
    content = (
        modbus(segment)
        + framed(segment, code[2:] + code[:2])
        + framed(segment, hj212_crc(segment.encode()).lower())
    )
    assert kinds(content) == [MODBUS, MODBUS, STANDARD]
    result = hj212.read(content, delivery("hj212", "a.log", content))
    assert len(result.readings) == 3
    told = next(problem for problem in result.problems if problem.code == "crc-mode")
    assert "标准算法 1 帧，Modbus 2 帧" in told.zh


def test_a_cut_frame_does_not_swallow_the_next_one():
    content = framed(SEGMENTS[0])[:-30] + framed(SEGMENTS[1])
    assert kinds(content) == [LENGTH_WRONG, STANDARD]
    assert sites(content) == ["M11"]


def test_a_length_that_reaches_over_the_next_frame_does_not_hide_it():
    whole = framed(SEGMENTS[0]) + framed(SEGMENTS[1])
    longer = b"##%04d" % (len(whole) - 12 - 2 + 6) + whole[6:]
    assert sites(longer) == ["M11"]


def test_a_flipped_bit_costs_one_frame_only():
    content = bytearray(b"".join(framed(segment) for segment in SEGMENTS))
    content[content.index(b"M14")] ^= 1
    assert kinds(bytes(content)) == [STANDARD] * 4 + [CRC_WRONG] + [STANDARD] * 4


def test_a_frame_within_a_frame_is_part_of_it():
    inner = framed(SEGMENTS[1], end=b"").decode()
    content = framed(message(f"note={inner};w01001-Avg=7", mn="OUTER"))
    assert kinds(content) == [STANDARD]
    assert set(sites(content)) == {"OUTER"}


def test_head_marks_in_hostile_numbers_end_in_one_refusal_or_balance():
    with pytest.raises(DeliveryRefusedError, match="no-cells"):
        sites(b"##0010" * 5000)
    assert kinds(b"##9999" * 100) == [LENGTH_WRONG] * 100
    assert kinds(b"##0000") == [LENGTH_WRONG]
    assert kinds(b"##") == []


_JUNK = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"#",
                b"##",
                b"##0",
                b"##0034",
                b"&&",
                b"ST=31;CN=2061;",
                b"w01018-Avg=3;",
                b"\r\n",
                b"[2020-09-22 18:17:47]\r\n",
                b"CP=&&",
            ]
        ),
    ),
    max_size=4,
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_undamaged_frames_are_always_found_and_the_balance_holds(data):
    content, sound = b"", []
    for at, segment in enumerate(SEGMENTS[: data.draw(st.integers(1, 6))]):
        frame = framed(segment, end=data.draw(st.sampled_from([b"\r\n", b"", b"\n", b"\r\r\n"])))
        damage = data.draw(st.sampled_from(["", "", "flip", "cut", "drop"]))
        place = data.draw(st.integers(0, len(segment) + 5))
        if damage == "flip":
            frame = (
                frame[:place]
                + bytes([frame[place] ^ (1 << data.draw(st.integers(0, 7)))])
                + frame[place + 1 :]
            )
        elif damage == "cut":
            frame = frame[:place]
        elif damage == "drop":
            frame = frame[:place] + frame[place + data.draw(st.integers(1, 5)) :]
        else:
            sound.append(f"M{at + 10}")
        content += data.draw(_JUNK) + frame
    content += data.draw(_JUNK)
    # ReadResult proves its balance when it is made
    result, code = outcome(content)
    if result is None:
        assert not sound
        assert code in {"no-cells", "layout-unknown", "file-empty"}
        return
    # a damaged frame may be mended by chance only where the damage took nothing away from it
    assert [site for site in result.readings["site"] if site in sound] == sound
    pieces = FrameStream(2000)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    heard = [
        frame
        for start, stop in zip([0, *cuts], [*cuts, len(content)], strict=True)
        for frame in pieces.feed(content[start:stop])
    ]
    # a stream waits for what a damaged length promises, so it may learn of the last frames too late
    assert {frame.segment for frame in heard} <= {segment.encode() for segment in SEGMENTS}


@given(
    cuts=st.lists(st.integers(0, 1200), max_size=8),
    junk=st.binary(max_size=30).filter(lambda some: b"#" not in some),
)
def test_a_stream_gives_the_same_frames_in_whatever_pieces(cuts, junk):
    content = junk + junk.join(framed(segment) for segment in SEGMENTS)
    stream, heard, at = FrameStream(2000), [], 0
    for cut in [*sorted(cuts), len(content)]:
        heard += stream.feed(content[at:cut])
        at = max(at, cut)
    assert [frame.segment.decode() for frame in heard] == SEGMENTS
    assert stream.settled


def asking(flag: str = "5", cn: str = "2011", **more: str) -> bytes:
    words = {"QN": "20260922100000123", "PW": "123456", "MN": "010000A8900016F000169DC0"} | more
    return (
        f"QN={words['QN']};ST=32;CN={cn};PW={words['PW']};MN={words['MN']};Flag={flag};"
        "CP=&&DataTime=20260922100000;w01018-Rtd=30&&"
    ).encode()


def test_the_answer_of_the_standard():
    frame = FrameStream(2000).feed(framed(asking()))[0]
    segment = b"QN=20260922100000123;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&"
    assert len(segment) == 87
    assert answer_to(frame) == b"##0087" + segment + hj212_crc(segment).encode() + b"\r\n"


def test_an_answer_is_written_as_the_peer_writes():
    segment = asking()
    code = modbus_crc(segment).lower()
    frame = FrameStream(2000).feed(framed(segment, code[2:] + code[:2]))[0]
    answer = answer_to(frame)
    assert answer is not None
    sent = modbus_crc(answer[6:-6]).lower()
    assert answer[-6:-2].decode() == sent[2:] + sent[:2]


@pytest.mark.parametrize(
    "segment",
    [
        asking("4"),
        asking("x"),
        asking(""),
        asking(cn="9014"),
        asking(cn="1000"),
        asking(QN=""),
        asking(MN=""),
        asking(MN="A&&CP=1"),
        asking(QN="1 2"),
        asking(PW="a" * 41),
        asking(PW="é"),
    ],
)
def test_what_is_not_answered(segment):
    frames = FrameStream(2000).feed(framed(segment))
    assert len(frames) == 1
    assert answer_to(frames[0]) is None


def test_a_stream_holds_no_more_than_one_frame():
    stream = FrameStream(1000)
    for _ in range(50):
        assert stream.feed(b"##0999" + b"x" * 5000) == []
        assert len(stream._held) <= 1010
    assert [frame.segment for frame in stream.feed(framed(SEGMENTS[0]) * 20)][-1] == SEGMENTS[0].encode()


@pytest.mark.realdata
@real
def test_33_of_42_real_frames_pass_and_the_others_say_why():
    content = (REAL / "frames.jsonl").read_bytes()
    parts = parts_of(content, "frame")
    frames = [json.loads(line) for line in content.decode().splitlines() if line]
    kind = parts.kind[parts.frames]
    assert np.bincount(kind, minlength=5).tolist() == [33, 3, 6, 0, 0]
    assert (kind == STANDARD).tolist() == [frame["crc_ok"] for frame in frames]
    result = hj212.read(content, delivery("hj212", "frames.jsonl", content))
    assert result.cells_in == len(result.readings) + int(result.rejects["cells"].sum()) + result.blank
    wrong = (parts.row(parts.begin[parts.frames])[kind == CRC_WRONG]).tolist()
    # rows 5, 6, 8, 19 and 41 carry another code, row 42 the stand-in FFFF
    assert wrong == [5, 6, 8, 19, 41, 42]
    told = result.rejects[result.rejects["row"].isin(wrong)]
    assert dict(told.groupby("row")["code"].first()) == dict.fromkeys([5, 6, 8, 19, 41], "frame-crc") | {
        42: "frame-crc-dummy"
    }
    assert not result.readings["row"].isin(wrong).any()
    hour = result.readings[(result.readings["row"] == 30) & (result.readings["column"] == "B02-Avg")]
    assert hour["value"].tolist() == pytest.approx([3.0586 * 3600])


@pytest.mark.realdata
@real
def test_the_real_receiver_log_yields_every_frame():
    content = (REAL / "receiver.log").read_bytes()
    assert set(kinds(content)) == {STANDARD, MODBUS}
    # every line that begins with ## is one frame
    assert len(kinds(content)) == sum(line.startswith(b"##") for line in content.split(b"\n")) == 37
    result = hj212.read(content, delivery("hj212", "receiver.log", content))
    # every value of these frames is one `-Rtd=` or `-Avg=`
    assert result.cells_in == content.count(b"-Rtd=") + content.count(b"-Avg=")
    assert result.blank == 0
    assert sum(codes(result).values()) + len(result.readings) == result.cells_in
