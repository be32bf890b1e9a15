"""Links of messages: signed, expiring, for one episode and one purpose; whoever has one needs no login.

A link is an address of the room `service` with a token. The token holds the episode, the time until which it
is good and a nonce, signed by HMAC-SHA256 with a key made from the machine's secret and the purpose: one made
to acknowledge silences nothing. That a link acts once is kept by the warehouse (`spent_tokens`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

from vocabulary.clock import now_utc

_LOG = logging.getLogger(__name__)

Purpose = Literal["view", "acknowledge", "silence"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

#: environment variable (or Prefect block) with the secret; several, separated by commas: the last one signs
SECRET = "ECOPLAN_LINK_SECRET"  # noqa: S105 - the variable's name
#: environment variable with the address under which people reach the service
ADDRESS = "ECOPLAN_SERVICE_URL"
#: environment variable with the hours for which a link is good
HOURS = "ECOPLAN_LINK_HOURS"

DEFAULT_HOURS = 72
SHORTEST_SECRET = 32


class LinkError(Exception):
    """A setting of links cannot be used; the message names it and never shows the secret."""


class TokenError(Exception):
    """A token was not signed by this machine for this purpose (`forged`), or its time is over (`expired`)."""

    def __init__(self, reason: Literal["forged", "expired"]) -> None:
        super().__init__(f"the link's token is {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Token:
    """What a token says: `number` is the name under which it is spent."""

    episode_id: int
    purpose: Purpose
    expires: dt.datetime
    number: str


@dataclass(frozen=True)
class Links:
    """Makes links and reads them back.

    `address` is what people's devices call, with any path a reverse proxy adds; `secrets` sign, the last of
    them now, the others only until links made with them have expired.
    """

    address: str
    secrets: tuple[str, ...] = field(repr=False)
    hours: int = DEFAULT_HOURS

    def __post_init__(self) -> None:
        """Refuse an address or a secret that cannot be used."""
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise LinkError(f"{ADDRESS}: expected an address such as https://eco.example.cn/alerts")
        if not self.secrets or any(len(secret) < SHORTEST_SECRET for secret in self.secrets):
            raise LinkError(
                f"{SECRET}: 至少 {SHORTEST_SECRET} 个字符 / expected at least that many characters"
            )
        if self.hours < 1:
            raise LinkError(f"{HOURS}: expected 1 or more")

    def link(self, episode_id: int, purpose: Purpose, *, at: dt.datetime, nonce: str) -> str:
        """Return the address that serves one purpose for one episode.

        Parameters
        ----------
        episode_id, purpose
            What it is for.
        at
            Time of the message, UTC; the link is good for `hours` from then.
        nonce
            Told apart by it are links of the same purpose: the key of the message that carries it.
        """
        expires = int((at + dt.timedelta(hours=self.hours)).replace(tzinfo=dt.UTC).timestamp())
        mark = hashlib.sha256(nonce.encode()).hexdigest()[:12]
        token = self._signer(purpose).dumps([episode_id, expires, mark])
        return f"{self.address.rstrip('/')}/{purpose}/{token}"

    def read(self, token: str, purpose: Purpose, *, now: dt.datetime | None = None) -> Token:
        """Return what a token says.

        Raises
        ------
        TokenError
            It was not signed here for this purpose, or its time is over.
        """
        try:
            episode_id, expires, _ = self._signer(purpose).loads(token)
            until = dt.datetime.fromtimestamp(int(expires), dt.UTC).replace(tzinfo=None)
            number = int(episode_id)
        except (BadSignature, ValueError, TypeError, OverflowError) as error:
            raise TokenError("forged") from error
        if (now or now_utc()) >= until:
            raise TokenError("expired")
        return Token(number, purpose, until, hashlib.sha256(token.encode()).hexdigest())

    def _signer(self, purpose: Purpose) -> URLSafeSerializer:
        return URLSafeSerializer(
            list(self.secrets),
            salt=f"ecoplan.link.{purpose}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


def links_of(environ: Mapping[str, str] | None = None) -> Links | None:
    """Return the machine's links, or None when it has no secret or no address: then messages name a command.

    Raises
    ------
    LinkError
        A setting is there and cannot be used.
    """
    given = os.environ if environ is None else environ
    secrets = tuple(word.strip() for word in given.get(SECRET, "").split(",") if word.strip())
    address = given.get(ADDRESS, "").strip()
    if not secrets or not address:
        return None
    hours = given.get(HOURS, "").strip() or str(DEFAULT_HOURS)
    if not hours.isdecimal():
        raise LinkError(f"{HOURS}: expected a number of hours, got {hours!r}")
    return Links(address, secrets, int(hours))


def usable_links(environ: Mapping[str, str] | None = None) -> Links | None:
    """Return the machine's links for messages: a setting that cannot be used is said in the log, and none is made.

    An alert must leave although its link cannot be made; `ecoplan serve` refuses to start with such a setting.
    """
    try:
        return links_of(environ)
    except LinkError as error:
        _LOG.warning("消息不带链接 / messages carry no links: %s", error)
        return None
