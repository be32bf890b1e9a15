"""A signed webhook: JSON over HTTPS, signed so that the receiver knows who sent it, what and when.

The signature is HMAC-SHA256, by the shared secret, over the timestamp, a full stop and the body as it travels.
A receiver checks it with `verify` (or the dozen lines of docs/how-to/alerts.md), refuses what is older than
its window, and keeps the idempotency keys it has seen: a message may come twice, its key is the same then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlsplit

import requests

from alerts.outgoing import ChannelError, Outgoing
from alerts.routing_settings import ChannelSettings

#: header names of every request
TIMESTAMP_HEADER = "X-Ecoplan-Timestamp"
SIGNATURE_HEADER = "X-Ecoplan-Signature"
KEY_HEADER = "Idempotency-Key"
#: what stands before the signature: the way it was made
SCHEME = "v1"
#: seconds by which a receiver's clock and the timestamp may differ
WINDOW_SECONDS = 300
#: seconds to connect, and to wait for the answer
TIMEOUT = (5.0, 20.0)
#: hosts that may be spoken to without TLS
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SignatureError(Exception):
    """A request is not what its sender signed (`forged`), or not of now (`stale`)."""

    def __init__(self, reason: Literal["forged", "stale"]) -> None:
        super().__init__(f"the request's signature is {reason}")
        self.reason = reason


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a body at a time (seconds since 1970): `v1=` and 64 hexadecimal digits."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"{SCHEME}={digest}"


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    window: float = WINDOW_SECONDS,
) -> str:
    """Check a request as its receiver; return its idempotency key.

    Raises
    ------
    SignatureError
        A header is missing or the signature is another one, or the timestamp is outside the window.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    if not hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode()):
        raise SignatureError("forged")
    if not timestamp.isdecimal() or abs((time.time() if now is None else now) - int(timestamp)) > window:
        raise SignatureError("stale")
    return given.get(KEY_HEADER.lower(), "")


class WebhookChannel:
    """POST each message to one address; a 2xx answer means taken.

    The address and the secret are read from the environment each time and never shown. Certificates are
    checked; without TLS only this machine is spoken to; redirects are not followed.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        environ: Mapping[str, str] | None = None,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._environ = os.environ if environ is None else environ
        self._timeout = timeout
        self._clock = clock

    def send(self, message: Outgoing) -> None:
        """Post the message; an answer that did not come may hide that it was taken (`maybe_taken`)."""
        address, secret = self._given(self.settings.url_env), self._given(self.settings.secret_env)
        body = json.dumps(message.record(), ensure_ascii=False).encode()
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "ecoplan",
            KEY_HEADER: message.key,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(secret, timestamp, body),
        }
        try:
            answer = requests.post(
                self._checked(address),
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                # nobody: keeps requests from looking for a password in a netrc file
                auth=lambda request: request,
            )
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise self._failed(error, maybe_taken=False) from None
        except requests.ConnectionError as error:
            raise self._failed(error, maybe_taken=not _refused(error)) from None
        except requests.RequestException as error:
            raise self._failed(error, maybe_taken=True) from None
        if not 200 <= answer.status_code < 300:  # noqa: PLR2004 - the class of answers that mean success
            raise ChannelError(
                f"channel {self.settings.key}: answered {answer.status_code}, expected 2xx", maybe_taken=False
            )

    def _given(self, name: str) -> str:
        value = self._environ.get(name, "").strip()
        if not value:
            raise ChannelError(
                f"channel {self.settings.key}: environment variable {name} is not set", maybe_taken=False
            )
        return value

    def _checked(self, address: str) -> str:
        parts = urlsplit(address)
        if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            return address
        raise ChannelError(
            f"channel {self.settings.key}: {self.settings.url_env} is expected to be an https address",
            maybe_taken=False,
        )

    def _failed(self, error: Exception, *, maybe_taken: bool) -> ChannelError:
        # the error's own words name the address, which may hold a key
        return ChannelError(f"channel {self.settings.key}: {type(error).__name__}", maybe_taken=maybe_taken)


def _refused(error: BaseException) -> bool:
    """Whether a connection was never made, somewhere in the chain of causes that requests wraps."""
    reason: object = error
    for _ in range(6):
        if isinstance(reason, ConnectionRefusedError) or "NewConnectionError" in type(reason).__name__:
            return True
        if "NameResolution" in type(reason).__name__:
            return True
        arguments = getattr(reason, "args", ())
        reason = getattr(reason, "reason", None) or (arguments[0] if arguments else None)
    return False
