"""Where messages leave: the terminal, a file of JSON lines, any address that `apprise` knows, a signed webhook."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

import apprise
import typer

from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from alerts.rules import AlertSettings
from alerts.webhook import WebhookChannel

__all__ = [
    "AppriseChannel",
    "Channel",
    "ChannelError",
    "ConsoleChannel",
    "FileChannel",
    "Outgoing",
    "build_channels",
]

_ADDRESS = re.compile(r"\S+://\S+")


class Channel(Protocol):
    """Anything that takes messages: `send` returns when the message is taken, else raises ChannelError."""

    @property
    def settings(self) -> ChannelSettings:
        """The channel's entry in `alerts.toml`."""

    def send(self, message: Outgoing) -> None:
        """Hand over one message."""


class ConsoleChannel:
    """Write messages to a stream, standard output if none is given (read only when a message leaves)."""

    def __init__(self, settings: ChannelSettings, stream: IO[str] | None = None) -> None:
        self.settings = settings
        self._stream = stream

    def send(self, message: Outgoing) -> None:
        """Write the title, then the body indented."""
        lines = "\n".join(f"  {line}" for line in message.body.splitlines())
        try:
            typer.echo(f"{message.title}\n{lines}\n", file=self._stream or sys.stdout)
        except (OSError, UnicodeError) as error:
            raise ChannelError(f"channel {self.settings.key}: {error}") from error


class FileChannel:
    """Append messages to a file, one JSON object a line; a key that stands there is not written again."""

    def __init__(self, settings: ChannelSettings, path: Path) -> None:
        self.settings = settings
        self._path = path
        self._keys: set[str] | None = None

    def send(self, message: Outgoing) -> None:
        """Append the message and have it on the disk before returning."""
        try:
            keys = self._known()
            if message.key in keys:
                return
            self._append(message)
        except OSError as error:
            raise ChannelError(f"{self._path}: {error.strerror or error}") from error
        keys.add(message.key)

    def _append(self, message: Outgoing) -> None:
        line = json.dumps(
            {
                "key": message.key,
                "district": message.district,
                "subject": message.subject,
                "title": message.title,
                "body": message.body,
            },
            ensure_ascii=False,
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    # a line that a crash has cut: it was never marked as sent and comes again whole
                    line = f"\n{line}"
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _known(self) -> set[str]:
        if self._keys is None:
            lines = self._path.read_bytes().splitlines() if self._path.exists() else []
            self._keys = {key for line in lines if (key := _key_of(line)) is not None}
        return self._keys


class AppriseChannel:
    """Send through `apprise`; the address is read from the environment each time and never shown."""

    def __init__(self, settings: ChannelSettings, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self._environ = os.environ if environ is None else environ

    def send(self, message: Outgoing) -> None:
        """Notify the address; whatever the service answers but success is a ChannelError."""
        name = self.settings.url_env
        address = self._environ.get(name, "").strip()
        if not address:
            raise ChannelError(
                f"channel {self.settings.key}: environment variable {name} is not set", maybe_taken=False
            )
        service = apprise.Apprise()
        with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as log:
            if not service.add(address):
                raise ChannelError(
                    f"channel {self.settings.key}: {name} holds no address that apprise knows",
                    maybe_taken=False,
                )
            taken = service.notify(body=message.body, title=message.title, body_format=self.settings.markup)
            said = log.getvalue().strip()
        if not taken:
            # the service's own words, without any address: addresses hold passwords
            reason = _ADDRESS.sub("<address>", said.replace(address, "<address>"))[:300]
            raise ChannelError(f"channel {self.settings.key}: not taken by the service {reason}".rstrip())


def build_channels(
    settings: AlertSettings,
    home: Path,
    *,
    stream: IO[str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> dict[str, Channel]:
    """Return the channels of one district's `alerts.toml` by key.

    Parameters
    ----------
    settings
        From `load_alerts`.
    home
        The machine's folder for what runs make (`ECOPLAN_HOME`); files lie in `home/messages/`.
    stream
        Where the console channel writes; standard output if None.
    environ
        Where addresses and secrets are read; the process environment if None.
    """
    made: dict[str, Channel] = {}
    for channel in settings.channels:
        if channel.kind == "console":
            made[channel.key] = ConsoleChannel(channel, stream)
        elif channel.kind == "file":
            made[channel.key] = FileChannel(channel, home / "messages" / f"{channel.key}.jsonl")
        elif channel.kind == "webhook":
            made[channel.key] = WebhookChannel(channel, environ)
        else:
            made[channel.key] = AppriseChannel(channel, environ)
    return made


def _key_of(line: bytes) -> str | None:
    """Return the key of one line of the file; a line that a crash has cut has none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return str(entry["key"]) if isinstance(entry, dict) and "key" in entry else None
