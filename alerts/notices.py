"""Messages of no single episode: a digest of many that were due at once, and a marked test."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.channels import Channel
from alerts.messages import Message
from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings
from alerts.wording import Address, finish, render, words
from vocabulary.clock import wall_time

#: levels of alerts, the gravest first
LEVELS: tuple[str, ...] = ("red", "orange", "yellow", "blue")


@dataclass(frozen=True)
class Item:
    """One line of a digest: level and step of the message, its episode in one line, the link to its page."""

    level: str
    step: str
    zh: str
    en: str
    link: str = ""


@dataclass(frozen=True)
class Tested:
    """What became of a test message: `error` is empty when the channel took it."""

    channel: str
    kind: str
    error: str


def write_digest(items: Sequence[Item], channel: ChannelSettings, *, district: str, key: str) -> Message:
    """Write one message that stands for many, in their order.

    Parameters
    ----------
    items
        The messages meant, the oldest first.
    channel
        Its language and markup.
    district
        The district's name.
    key
        The digest's own number.
    """
    counts = Counter(item.level for item in items)
    levels = [{"level": level, "n": counts[level]} for level in (*LEVELS, "") if counts[level]]

    def shown(language: str) -> Mapping[str, Any]:
        said = words()[language]
        return {
            "levels": levels,
            "district": district,
            "items": [
                {
                    "mark": said["marks"].get(item.level, said["marks"]["none"]),
                    "step": said["steps"].get(item.step.partition("-")[0], ""),
                    "text": item.zh if language == "zh" else item.en,
                    "link": Address(item.link) if item.link else "",
                }
                for item in items
            ],
        }

    return _written("digest", channel, key, shown)


def write_test(channel: ChannelSettings, *, district: str, actor: str, at: dt.datetime, key: str) -> Message:
    """Write a message that is marked as a test; `at` is UTC."""
    context = {
        "district": district,
        "channel": channel.key,
        "actor": actor,
        "at": f"{wall_time(at):%Y-%m-%d %H:%M}",
    }
    return _written("test", channel, key, lambda _language: context)


def send_tests(
    channels: Mapping[str, Channel],
    *,
    district: str,
    district_name: str,
    actor: str,
    at: dt.datetime,
) -> list[Tested]:
    """Send a marked test through each channel, without the outbox; say of each whether it was taken.

    Parameters
    ----------
    channels
        By key, from `build_channels`.
    district, district_name
        Key and name of the district.
    actor
        Who asked for it.
    at
        Now, UTC; part of the message's key, so that two tests are two messages.
    """
    found = []
    for key, channel in channels.items():
        number = f"test:{district}:{at:%Y%m%d%H%M%S}:{key}"
        message = write_test(channel.settings, district=district_name, actor=actor, at=at, key=number)
        error = ""
        try:
            channel.send(Outgoing(number, district, "", message.title, message.body, kind="test"))
        except ChannelError as refused:
            error = str(refused)
        found.append(Tested(key, channel.settings.kind, error))
    return found


def _written(what: str, channel: ChannelSettings, key: str, context: Any) -> Message:
    titles, bodies = [], []
    for language in channel.language.split("+"):
        filled = {"words": words()[language], "key": key, **context(language)}
        titles.append(render(f"notice-{what}.title.{language}.j2", channel.markup, filled, title=True))
        bodies.append(render(f"notice-{what}.body.{language}.j2", channel.markup, filled))
    return Message(title=titles[0], body=finish("\n\n".join(bodies), channel.markup))
