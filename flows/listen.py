"""Listen for HJ 212 over TCP: bytes go untouched into files of a source's folder, which a night then reads.

What is heard is written as it comes, before anything is answered. A file has the ending `.part`, which no
night lists, until it is whole: a connection ended, or the file became old or large. Then it gets
its name by a rename. Whatever a killed listener left behind is named by the next one, and a frame cut there is
turned away by the reader with its reason. Nothing a peer sends is ever carried out or interpreted here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from filelock import FileLock, Timeout

from sources.hj212_stream import FrameStream, answer_to
from vocabulary.clock import SHANGHAI

#: ending of a file that is still written; sources/listing.py leaves such files out
PART = ".part"

_LOCK = ".listen.lock"
_CHUNK = 64 * 1024

#: answers that a peer has not fetched yet, in bytes, here and in the system's buffer
_UNFETCHED = 16 * 1024


class ListenError(Exception):
    """Listening cannot begin: the folder is taken or the address cannot be used."""


@dataclass(frozen=True)
class Limits:
    """What one listener allows; times in seconds, sizes in bytes.

    Attributes
    ----------
    clients
        Connections at a time; more are closed at once.
    frame
        The longest data segment waited for (HJ 212-2017: 1024; longer ones are seen).
    junk
        What a connection may send without a single sound frame before it is closed.
    idle
        How long a connection may be silent.
    answer
        How long a peer may take to accept an answer.
    file_size, file_age
        When a file is closed and named, at midnight at the latest, since its name tells its day.
    patience
        How long a frame that is open may hold that up (of the size: twice as much).
    free
        Room to leave on the disk: below it connections are closed, and loggers send again later.
    """

    clients: int = 200
    frame: int = 4096
    junk: int = 64 * 1024
    idle: float = 7200.0
    answer: float = 30.0
    file_size: int = 8 * 1024 * 1024
    file_age: float = 3600.0
    patience: float = 60.0
    free: int = 256 * 1024 * 1024


@dataclass
class Heard:
    """What a listener heard so far."""

    connections: int = 0
    turned_away: int = 0
    dropped: int = 0
    bytes: int = 0
    frames: int = 0
    answers: int = 0
    files: list[str] = field(default_factory=list)


def seconds_to_midnight(moment: datetime) -> float:
    """Return how much is left of a day."""
    begun = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return (begun + timedelta(days=1) - moment).total_seconds()


class Recording:
    """One file in the making; unbuffered, so that what was written outlives this process."""

    def __init__(self, folder: Path, peer: str, number: int, age: float) -> None:
        stamp = datetime.now(SHANGHAI)
        plain = "".join(sign if sign.isalnum() or sign == "." else "-" for sign in peer)
        name = f"hj212_{stamp:%Y%m%dT%H%M%S}{stamp.microsecond // 1000:03d}_{plain}_{number:06d}.log"
        self.path = folder / name
        self._part = folder / (name + PART)
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self.size = 0
        self._opened = monotonic()
        self._lasting = min(age, seconds_to_midnight(stamp))

    @property
    def overdue(self) -> float:
        """Seconds since the file should have ended; negative before."""
        return monotonic() - self._opened - self._lasting

    def write(self, piece: bytes) -> None:
        """Write all of a piece."""
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self.size += len(piece)

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        os.fsync(self._file)

    def close(self) -> Path:
        """End the file and give it its name."""
        try:
            self.sync()
        finally:
            os.close(self._file)
        return _named(self._part)


def _named(part: Path) -> Path:
    """Rename a finished file; the folder is synced, so that the name lasts."""
    path = part.with_name(part.name.removesuffix(PART))
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


class Listener:
    """A TCP server that keeps what it hears.

    Parameters
    ----------
    folder
        Where the files go; made where it is missing. One listener a folder.
    limits
        What is allowed.
    tell
        Receives a line of progress.
    """

    def __init__(
        self, folder: Path, limits: Limits | None = None, tell: Callable[[str], None] = lambda _line: None
    ) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self.heard = Heard()
        self.port = 0
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0

    async def run(
        self, host: str, port: int, until: asyncio.Event, ready: asyncio.Event | None = None
    ) -> Heard:
        """Listen until an event is set; every open file is then closed and named.

        Parameters
        ----------
        ready
            Set as soon as connections are taken; `port` then says where.

        Raises
        ------
        ListenError
            When another listener has the folder, or the address cannot be used.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(str(self.folder / _LOCK))
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ListenError(
                f"{self.folder} 已有另一个接收进程 / another listener already writes into this folder"
            ) from error
        try:
            self._name_what_was_left()
            await self._serve(host, port, until, ready)
        finally:
            lock.release()
        return self.heard

    def _name_what_was_left(self) -> None:
        """Name the files of a listener that was killed; empty ones go."""
        for part in sorted(self.folder.glob("*" + PART)):
            if part.stat().st_size == 0:
                part.unlink()
                continue
            path = _named(part)
            self.heard.files.append(path.name)
            self._tell(f"上次中断留下的文件已收好：{path.name} / left by a killed listener, now named")

    async def _serve(self, host: str, port: int, until: asyncio.Event, ready: asyncio.Event | None) -> None:
        try:
            server = await asyncio.start_server(self._taken, host, port, limit=_CHUNK)
        except OSError as error:
            raise ListenError(f"无法监听 / cannot listen on {host}:{port}: {error.strerror}") from error
        self.port = server.sockets[0].getsockname()[1]
        self._tell(f"正在监听 {host}:{self.port}，写入 {self.folder} / listening")
        if ready is not None:
            ready.set()
        try:
            await until.wait()
        finally:
            server.close()
            for one in self._tasks:
                one.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection; its failures are told and end nothing but itself."""
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        task = asyncio.current_task()
        if len(self._tasks) >= self.limits.clients or task is None:
            self.heard.turned_away += 1
            self._tell(f"{peer}：连接已满（{self.limits.clients}）/ too many connections, turned away")
            writer.close()
            return
        self._tasks.add(task)
        self.heard.connections += 1
        try:
            await self._keep(reader, writer, peer)
        except asyncio.CancelledError:
            # the listener ends; the file was closed on the way out, and no peer may hold that up
            writer.transport.abort()
        except OSError as error:
            self.heard.dropped += 1
            self._tell(f"{peer}：连接中断 / connection lost: {error.strerror or type(error).__name__}")
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):  # a peer that is gone already is as closed as it can be
                await asyncio.wait_for(writer.wait_closed(), self.limits.answer)

    async def _keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Write what a peer sends into files until it stops, is silent, or sends nothing but junk."""
        limits = self.limits
        stream = FrameStream(limits.frame)
        writer.transport.set_write_buffer_limits(high=_UNFETCHED)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNFETCHED)
        recording: Recording | None = None
        junk, last = 0, monotonic()
        try:
            while True:
                piece = await self._next(reader, last, recording)
                if piece is None:
                    if monotonic() - last >= limits.idle:
                        self._drop(peer, f"{limits.idle:.0f} 秒无数据 / silent")
                        return
                elif not piece:
                    return
                else:
                    last = monotonic()
                    if shutil.disk_usage(self.folder).free < limits.free:
                        self._drop(peer, "磁盘空间不足 / the disk is nearly full")
                        return
                    recording = recording or self._open(peer)
                    recording.write(piece)
                    self.heard.bytes += len(piece)
                    sound = stream.feed(piece)
                    self.heard.frames += len(sound)
                    junk = 0 if sound else junk + len(piece)
                    answers = [answer for answer in map(answer_to, sound) if answer]
                    if answers:
                        await self._answer(recording, writer, answers)
                    if junk > limits.junk:
                        self._drop(peer, f"{junk} 字节中没有完好的数据帧 / nothing but junk")
                        return
                if recording is not None and self._due(recording, stream.settled):
                    self._finish(recording)
                    recording = None
        finally:
            if recording is not None:
                self._finish(recording)

    async def _next(
        self, reader: asyncio.StreamReader, last: float, recording: Recording | None
    ) -> bytes | None:
        """Return the next piece, b'' at the end, or None when it is time to look at the clock."""
        wait = last + self.limits.idle - monotonic()
        if recording is not None:
            ends = [at - recording.overdue for at in (0.0, self.limits.patience) if at > recording.overdue]
            wait = min(wait, *ends) if ends else 0.0
        try:
            async with asyncio.timeout(max(wait, 0.0)) as clock:
                return await reader.read(_CHUNK)
        except TimeoutError:
            if not clock.expired():  # the connection itself timed out
                raise
            return None

    async def _answer(self, recording: Recording, writer: asyncio.StreamWriter, answers: list[bytes]) -> None:
        """Answer once the disk has the frames: who is answered will not send them again."""
        await asyncio.to_thread(recording.sync)
        writer.write(b"".join(answers))
        async with asyncio.timeout(self.limits.answer):
            await writer.drain()
        self.heard.answers += len(answers)

    def _due(self, recording: Recording, settled: bool) -> bool:
        """Tell whether a file is old or large enough; a frame that is open may hold it up for a while."""
        if settled:
            return recording.overdue >= 0 or recording.size >= self.limits.file_size
        return recording.overdue >= self.limits.patience or recording.size >= 2 * self.limits.file_size

    def _open(self, peer: str) -> Recording:
        self._number += 1
        return Recording(self.folder, peer, self._number, self.limits.file_age)

    def _finish(self, recording: Recording) -> None:
        path = recording.close()
        self.heard.files.append(path.name)
        self._tell(f"{path.name}：{recording.size} 字节 / bytes")

    def _drop(self, peer: str, why: str) -> None:
        self.heard.dropped += 1
        self._tell(f"{peer}：{why}")


async def listen_until_told(listener: Listener, host: str, port: int, seconds: float | None) -> Heard:
    """Listen until SIGTERM or Ctrl-C, or for so many seconds.

    Raises
    ------
    ListenError
        See `Listener.run`.
    """
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
    timer = loop.call_later(seconds, until.set) if seconds is not None else None
    try:
        return await listener.run(host, port, until)
    finally:
        if timer is not None:
            timer.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
