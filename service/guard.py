"""What stands before every page: rates by client, forms that only their own page can send, headers, sizes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.links import Links, Token
from service.words import stated

#: cookie that says that a form comes back to where it was shown; it holds nothing about anybody
FORM_COOKIE = "ecoplan_form"
#: bytes of a form; names and notes are far shorter
LARGEST_BODY = 16_384

HEADERS: tuple[tuple[str, str], ...] = (
    (
        "content-security-policy",
        (
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
    ),
    ("referrer-policy", "no-referrer"),  # the address of a page holds its token
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
    ("x-robots-tag", "noindex, nofollow"),
)


class Guarded:
    """Put the headers on every answer, errors included, and refuse a body that is too long or of no length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [
                    (name.encode(), value.encode()) for name, value in HEADERS if name.encode() not in given
                ]
                if scope.get("scheme") == "https":
                    added.append((b"strict-transport-security", b"max-age=31536000"))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        if scope["method"] not in ("GET", "HEAD") and not _short(scope):
            await answer(
                {
                    "type": "http.response.start",
                    "status": 413,
                    "headers": [(b"content-type", b"text/plain; charset=utf-8")],
                }
            )
            await answer({"type": "http.response.body", "body": "内容过长 / too long".encode()})
            return
        await self._app(scope, receive, answer)


class Rates:
    """How many requests of each sort one client may make; kept in memory, by a moving window."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rates = {name: parse(text) for name, text in stated()["rates"].items()}

    def allows(self, sort: str, client: str) -> bool:
        """Count one request and say whether it is within the rate."""
        return bool(self._limiter.hit(self._rates[sort], sort, client))

    def exhausted(self, sort: str, client: str) -> bool:
        """Say whether the client has none left, without counting."""
        return not self._limiter.test(self._rates[sort], sort, client)


class Forms:
    """Signs forms: each is good for one link, one browser and a stated time."""

    def __init__(self, links: Links) -> None:
        self._signer = URLSafeTimedSerializer(
            list(links.secrets),
            salt="ecoplan.form",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    @staticmethod
    def new_cookie() -> str:
        """Return a value for the cookie of a browser that has none."""
        return secrets.token_urlsafe(24)

    def sign(self, token: Token, cookie: str) -> str:
        """Return what the form carries."""
        return self._signed(self._signer.dumps([token.number, _mark(cookie)]))

    def is_own(self, form: str, token: Token, cookie: str) -> bool:
        """Say whether the form was made for this link and browser, and not too long ago."""
        try:
            found: Any = self._signer.loads(form, max_age=60 * int(stated()["form"]["minutes"]))
        except BadData:
            return False
        expected = [token.number, _mark(cookie)]
        return isinstance(found, list) and hmac.compare_digest(repr(found), repr(expected))

    @staticmethod
    def _signed(value: str | bytes) -> str:
        return value if isinstance(value, str) else value.decode()


def _mark(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _short(scope: Scope) -> bool:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) <= LARGEST_BODY
