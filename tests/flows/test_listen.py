"""The listener on real sockets of this machine: pieces, junk, floods, silence, kills."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from commands import listen as listen_command
from flows.listen import PART, Heard, Limits, Listener, ListenError, listen_until_told, seconds_to_midnight
from sources import hj212
from sources.delivery import Delivery
from sources.hj212_stream import framed
from sources.listing import list_folder

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


def message(value: float, flag: int = 4, cn: str = "2011") -> bytes:
    return framed(
        f"QN=20260922100000123;ST=32;CN={cn};PW=123456;MN=CPDW001;Flag={flag};"
        f"CP=&&DataTime=20260922100000;w01018-Rtd={value},w01018-Flag=N&&".encode()
    )


def contents(folder: Path) -> list[bytes]:
    return [item.path.read_bytes() for item in list_folder(folder, "*.log") if item.path]


def readings(content: bytes) -> list[float]:
    made = Delivery("chiping", "hj212", "a.log", "", len(content), datetime(2026, 9, 22, 11))
    return hj212.read(content, made).readings["value"].tolist()


def heard_by(
    folder: Path, talk: Callable[[Listener], Awaitable[None]], limits: Limits | None = None
) -> Heard:
    """Listen while a conversation goes on; it ends with the listener's own closing."""

    async def both() -> Heard:
        listener = Listener(folder, limits or Limits(free=0))
        until, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(listener.run(HOST, 0, until, ready))
        await asyncio.wait_for(ready.wait(), 5)
        try:
            await asyncio.wait_for(talk(listener), 20)
        finally:
            until.set()
            heard = await asyncio.wait_for(running, 10)
        return heard

    return asyncio.run(both())


async def say(listener: Listener, *pieces: bytes, pause: float = 0.0, answer: int = 0) -> bytes:
    """Send pieces one by one, wait for so many bytes of answer, hang up; return the answer."""
    reader, writer = await asyncio.open_connection(HOST, listener.port)
    said = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if answer:
            said = await asyncio.wait_for(reader.readexactly(answer), 5)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return said


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true, ten seconds at most."""
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def files(folder: Path, count: int) -> None:
    """Wait until so many files have their name."""
    await until(lambda: len(list(folder.glob("*.log"))) >= count)


def test_bytes_arrive_untouched_whatever_the_pieces(tmp_path):
    content = b"\x00\x01junk\xff" + message(30.5) + b"##12" + message(31.5)

    async def talk(listener):
        await say(listener, *(content[at : at + 7] for at in range(0, len(content), 7)), pause=0.001)
        await files(tmp_path, 1)

    heard = heard_by(tmp_path, talk)
    assert contents(tmp_path) == [content]
    assert readings(content) == [30.5, 31.5]
    # the listener waits for what `##12…` may become; the reader, who has all, finds both
    assert (heard.connections, heard.bytes) == (1, len(content))
    assert heard.frames in {1, 2}


def test_an_answer_comes_only_where_it_is_asked_for_and_after_the_bytes_are_kept(tmp_path):
    expected = framed(b"QN=20260922100000123;ST=91;CN=9014;PW=123456;MN=CPDW001;Flag=4;CP=&&&&")
    seen = []

    async def talk(listener):
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(message(30.5, flag=4) + message(31.5, flag=5)[:-20])
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(message(31.5, flag=5)[-20:])
        seen.append(await asyncio.wait_for(reader.readexactly(len(expected)), 5))
        seen.extend(path.read_bytes() for path in tmp_path.glob("*" + PART))
        writer.close()
        await writer.wait_closed()

    heard = heard_by(tmp_path, talk)
    assert seen == [expected, message(30.5, flag=4) + message(31.5, flag=5)]
    assert (heard.frames, heard.answers) == (2, 1)


def test_a_frame_with_a_wrong_code_is_kept_and_not_answered(tmp_path):
    wrong = message(30.5, flag=5).replace(b"Rtd=30.5", b"Rtd=99.9")

    async def talk(listener):
        await say(listener, wrong, pause=0.1)

    assert heard_by(tmp_path, talk).answers == 0
    assert contents(tmp_path) == [wrong]


def test_a_flood_of_junk_is_cut_off_and_others_are_served(tmp_path):
    async def talk(listener):
        with contextlib.suppress(ConnectionError):
            await say(listener, *[b"GET / HTTP/1.1\r\n" * 4000] * 200, pause=0.001)
        await say(listener, message(30.5))
        await files(tmp_path, 2)

    heard = heard_by(tmp_path, talk, Limits(free=0, junk=100_000))
    sizes = sorted(len(content) for content in contents(tmp_path))
    assert sizes[0] == len(message(30.5))
    assert sizes[1] <= 100_000 + 2 * 64 * 1024
    assert (heard.dropped, heard.frames) == (1, 1)


def test_a_peer_that_never_fetches_its_answers_is_dropped(tmp_path):
    frames = message(30.5, flag=5) * 4000

    async def talk(listener):
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect((HOST, listener.port))
            peer.setblocking(False)
            with contextlib.suppress(ConnectionError):
                await asyncio.get_running_loop().sock_sendall(peer, frames)
            await until(lambda: listener.heard.dropped)

    heard = heard_by(tmp_path, talk, Limits(free=0, answer=0.3))
    assert heard.answers < heard.frames < 4000
    (content,) = contents(tmp_path)
    assert frames.startswith(content)


def test_many_loggers_at_once_lose_no_frame_and_get_every_answer(tmp_path):
    answer = len(framed(b"QN=20260922100000123;ST=91;CN=9014;PW=123456;MN=CPDW001;Flag=4;CP=&&&&"))

    async def talk(listener):
        # every logger sends its own values, in pieces that cut frames anywhere
        streams = [b"".join(message(logger * 100 + at, flag=5) for at in range(10)) for logger in range(40)]
        pieces = [[stream[at : at + 333] for at in range(0, len(stream), 333)] for stream in streams]
        await asyncio.gather(*(say(listener, *some, pause=0.001, answer=10 * answer) for some in pieces))
        await files(tmp_path, 40)

    heard = heard_by(tmp_path, talk)
    assert (heard.connections, heard.frames, heard.answers) == (40, 400, 400)
    found = [readings(content) for content in contents(tmp_path)]
    assert sorted(found) == [[float(logger * 100 + at) for at in range(10)] for logger in range(40)]


def test_more_clients_than_allowed_are_turned_away(tmp_path):
    async def talk(listener):
        _, first = await asyncio.open_connection(HOST, listener.port)
        first.write(message(30.5))
        await first.drain()
        await asyncio.sleep(0.1)
        reader, second = await asyncio.open_connection(HOST, listener.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        for writer in (first, second):
            writer.close()
            await writer.wait_closed()

    heard = heard_by(tmp_path, talk, Limits(free=0, clients=1))
    assert (heard.connections, heard.turned_away) == (1, 1)
    assert contents(tmp_path) == [message(30.5)]


def test_silence_ends_a_connection_and_its_file(tmp_path):
    async def talk(listener):
        reader, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(message(30.5))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()

    assert heard_by(tmp_path, talk, Limits(free=0, idle=0.2)).dropped == 1
    assert contents(tmp_path) == [message(30.5)]


def test_a_connection_that_says_nothing_leaves_no_file(tmp_path):
    async def talk(listener):
        await say(listener)

    assert heard_by(tmp_path, talk).files == []
    assert list(tmp_path.glob("*.log*")) == []


def test_files_change_by_size_between_frames(tmp_path):
    frame = message(30.5)

    async def talk(listener):
        stream = frame * 10
        await say(listener, *(stream[at : at + 50] for at in range(0, len(stream), 50)), pause=0.002)
        await files(tmp_path, 2)

    heard_by(tmp_path, talk, Limits(free=0, file_size=2 * len(frame)))
    found = contents(tmp_path)
    assert len(found) > 1
    # chunks do not end with frames, so a file may be up to twice as large; no frame is lost
    assert b"".join(found) == frame * 10
    assert all(len(content) <= 4 * len(frame) + 50 for content in found)


@pytest.mark.parametrize("limits", [Limits(free=0, file_age=0.15), Limits(free=0)], ids=["age", "midnight"])
def test_files_change_by_age_and_at_midnight_though_nothing_is_said(tmp_path, monkeypatch, limits):
    if limits.file_age > 1:
        monkeypatch.setattr("flows.listen.seconds_to_midnight", lambda _moment: 0.15)

    async def talk(listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(message(30.5))
        await files(tmp_path, 1)
        writer.write(message(31.5))
        await files(tmp_path, 2)
        writer.close()
        await writer.wait_closed()

    heard_by(tmp_path, talk, limits)
    assert contents(tmp_path) == [message(30.5), message(31.5)]


def test_a_day_has_so_much_left():
    assert seconds_to_midnight(datetime(2026, 9, 22, 23, 59, 30)) == 30
    assert seconds_to_midnight(datetime(2026, 9, 22)) == 86400


def test_an_open_frame_holds_up_a_file_but_not_for_ever(tmp_path):
    first, rest = message(30.5)[:60], message(30.5)[60:]

    async def talk(listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(first)
        await asyncio.sleep(0.2)
        writer.write(rest)
        await files(tmp_path, 1)
        writer.write(first)
        await files(tmp_path, 2)
        writer.close()
        await writer.wait_closed()

    heard_by(tmp_path, talk, Limits(free=0, file_age=0.05, patience=0.5))
    assert contents(tmp_path) == [first + rest, first]


def test_an_end_in_the_middle_of_a_frame_keeps_what_came(tmp_path):
    with socket.socket() as peer:

        async def talk(listener):
            peer.connect((HOST, listener.port))
            peer.sendall(message(30.5) + message(31.5)[:60])
            await asyncio.sleep(0.1)
            # the listener ends first

        heard_by(tmp_path, talk)
    assert contents(tmp_path) == [message(30.5) + message(31.5)[:60]]
    assert not list(tmp_path.glob("*" + PART))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_names_its_files(tmp_path, end):
    before = signal.getsignal(end)

    async def told(peer: socket.socket) -> Heard:
        listener = Listener(tmp_path, Limits(free=0))
        running = asyncio.create_task(listen_until_told(listener, HOST, 0, None))
        await until(lambda: listener.port)
        peer.connect((HOST, listener.port))
        peer.sendall(message(30.5))
        await until(lambda: listener.heard.frames)
        os.kill(os.getpid(), end)
        return await asyncio.wait_for(running, 5)

    with socket.socket() as peer:
        assert len(asyncio.run(told(peer)).files) == 1
    assert contents(tmp_path) == [message(30.5)]
    assert signal.getsignal(end) == before


def test_a_reset_connection_keeps_what_came(tmp_path):
    async def talk(listener):
        _, writer = await asyncio.open_connection(HOST, listener.port)
        writer.write(message(30.5))
        await writer.drain()
        await asyncio.sleep(0.1)
        hard = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
        writer.transport.abort()
        await files(tmp_path, 1)

    heard_by(tmp_path, talk)
    assert contents(tmp_path) == [message(30.5)]


def test_no_room_on_the_disk_closes_instead_of_answering(tmp_path):
    async def talk(listener):
        with contextlib.suppress(OSError):
            await say(listener, message(30.5, flag=5), pause=0.1)

    heard = heard_by(tmp_path, talk, Limits(free=1 << 62))
    assert (heard.answers, heard.dropped, heard.files) == (0, 1, [])


def test_one_listener_a_folder_and_one_a_port(tmp_path):
    async def talk(listener):
        with pytest.raises(ListenError, match="already writes"):
            await Listener(listener.folder).run(HOST, 0, asyncio.Event())
        with pytest.raises(ListenError, match="cannot listen"):
            await Listener(tmp_path / "other").run(HOST, listener.port, asyncio.Event())

    heard_by(tmp_path / "one", talk)


@pytest.fixture
def districts(tmp_path: Path) -> Path:
    """The example's districts, with a folder to listen into; sources count from their parent."""
    folder = tmp_path / "place" / "districts"
    shutil.copytree(ROOT / "districts" / "chiping", folder / "chiping")
    with (folder / "chiping" / "sources.toml").open("a", encoding="utf-8") as sources:
        sources.write(
            '\n[[source]]\nkey = "hj212"\ntitle_zh = "数采仪"\ntitle_en = "loggers"\n'
            'location = "incoming/hj212"\npattern = "*.log"\nlate_days = 1\n'
        )
    return folder


def command(districts: Path, *words: str) -> subprocess.Popen[str]:
    code = (
        "import sys, typer; from commands import listen; app = typer.Typer(); listen.register(app);"
        "app.callback()(lambda: None); app(sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "listen", *words],
        cwd=ROOT,
        env=os.environ | {"ECOPLAN_DISTRICTS": str(districts)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def connected(port: int) -> socket.socket:
    for _ in range(400):
        try:
            return socket.create_connection((HOST, port), timeout=5)
        except ConnectionRefusedError:
            time.sleep(0.025)
    raise AssertionError(f"nobody listens on {port}")


def test_a_killed_command_loses_nothing_and_the_next_one_ends_when_told(districts):
    folder, port = districts.parent / "incoming" / "hj212", free_port()
    words = ("--district", "chiping", "--port", str(port), "--json")
    process = command(districts, *words)
    content = message(30.5, flag=5) + message(31.5)[:70]
    with connected(port) as peer:
        peer.sendall(content)
        assert b"CN=9014" in peer.recv(1000)
        process.kill()
        process.communicate(timeout=20)
    assert contents(folder) == []
    assert len(list(folder.glob("*" + PART))) == 1
    process = command(districts, *words)
    with connected(port) as peer:
        peer.sendall(message(32.5, flag=5))
        assert b"CN=9014" in peer.recv(1000)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    (record,) = json.loads(out)
    assert (record["files"], record["frames"], record["answers"]) == (2, 1, 1)
    assert contents(folder) == [content, message(32.5, flag=5)]
    assert readings(content) == [30.5]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--port", "{taken}"), 3, "{taken}"),
        (("--port", "1", "--host", "256.0.0.1"), 3, "256.0.0.1"),
        (("--port", "1", "--source", "air-quotsoft"), 2, "air-quotsoft"),
        (("--port", "0"), 2, "--port"),
        (("--port", "{free}", "--for", "0.05"), 0, "完好帧 0"),
    ],
)
def test_the_command_says_what_happened(districts, monkeypatch, words, status, said):
    monkeypatch.setenv("ECOPLAN_DISTRICTS", str(districts))
    app = typer.Typer()
    listen_command.register(app)
    with socket.create_server((HOST, 0)) as taken:
        ports = {"taken": taken.getsockname()[1], "free": free_port()}
        given = [word.format(**ports) for word in words]
        result = CliRunner().invoke(app, ["--district", "chiping", *given])
    assert result.exit_code == status
    assert said.format(**ports) in result.output
