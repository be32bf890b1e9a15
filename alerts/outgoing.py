"""A message as it leaves, and what a channel says when it does not take it."""

from __future__ import annotations

from dataclasses import dataclass


class ChannelError(Exception):
    """A channel did not take a message; the message is kept and tried again.

    `maybe_taken` is True when the answer was lost: then the receiver may have it, and it must come again
    under its own key, not as a part of another message.
    """

    def __init__(self, said: str, *, maybe_taken: bool = True) -> None:
        super().__init__(said)
        self.maybe_taken = maybe_taken


@dataclass(frozen=True)
class Outgoing:
    """One message as it leaves; `key` is the same however often it is tried.

    `tells` holds the keys of the messages that a digest stands for.
    """

    key: str
    district: str
    subject: str
    title: str
    body: str
    kind: str = "episode"
    level: str = ""
    step: str = ""
    episode: int | None = None
    tells: tuple[str, ...] = ()

    def record(self) -> dict[str, object]:
        """Return the message as the JSON object of a webhook."""
        return {
            "key": self.key,
            "kind": self.kind,
            "district": self.district,
            "subject": self.subject,
            "level": self.level,
            "step": self.step,
            "episode": self.episode,
            "title": self.title,
            "body": self.body,
            "tells": list(self.tells),
        }
