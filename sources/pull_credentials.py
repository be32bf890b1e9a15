"""Credentials of a source: taken from the environment, shown to its own host only, never in a message."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from sources.listing import PullError
from vocabulary.district_sources import Auth

_PORTS = {"http": 80, "https": 443}


def origin_of(address: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address: what credentials are meant for."""
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or _PORTS.get(scheme)


@dataclass(frozen=True)
class Question:
    """A request about to be sent; with credentials when its address is of their origin."""

    address: str
    headers: dict[str, str]
    body: bytes
    auth: AuthBase


class _Anonymous(AuthBase):
    """Nobody: keeps requests from looking for a password in the address or in a netrc file."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


class _Named(HTTPBasicAuth):
    """User and password; both may hold any character (RFC 7617: UTF-8)."""

    def __init__(self, user: str, secret: str) -> None:
        super().__init__(user.encode(), secret.encode())


@dataclass(frozen=True)
class Credentials:
    """A user and a secret, and the one origin they may be shown to."""

    auth: Auth | None = None
    origin: tuple[str, str, int | None] = ("", "", None)
    user: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, source: str, location: str, auth: Auth | None, environment: Mapping[str, str] | None = None
    ) -> Credentials:
        """Read the environment variables that `auth` names.

        Raises
        ------
        PullError
            When one of them is not set; the message names it.
        """
        if auth is None:
            return cls()
        given = os.environ if environment is None else environment
        lacking = [name for name in (auth.user_env, auth.secret_env) if name and not given.get(name)]
        if lacking:
            what = (
                f"没有设置环境变量 {', '.join(lacking)} / environment variable not set: {', '.join(lacking)}"
            )
            raise PullError(source, location, what)
        user, secret = given.get(auth.user_env, ""), given[auth.secret_env]
        if auth.kind == "header" and not (secret.isprintable() and secret.isascii()):
            what = f"环境变量 {auth.secret_env} 含不能放入请求头的字符 / holds characters no header can carry"
            raise PullError(source, location, what)
        return cls(auth, origin_of(location), user, secret)

    def question(self, address: str, headers: dict[str, str], body: bytes, body_type: str) -> Question:
        """Return the request to send; another origin than the credentials' own gets none of them."""
        headers = dict(headers)
        if body:
            headers["Content-Type"] = body_type
        auth = self.auth
        if auth is None or origin_of(address) != self.origin:
            return Question(address, headers, body, _Anonymous())
        if auth.kind == "basic":
            return Question(address, headers, body, _Named(self.user, self.secret))
        if auth.kind == "header":
            headers[auth.name] = f"{auth.prefix} {self.secret}".strip()
            if auth.name.lower() == "authorization":
                return Question(address, headers, body, _Carried())
        elif auth.kind == "query":
            sign = "&" if urlsplit(address).query else "?"
            address = f"{address}{sign}{urlencode({auth.name: self.secret})}"
        elif body:
            body = _with_field(body, body_type, auth.name, self.secret)
        return Question(address, headers, body, _Anonymous())

    def hide(self, text: str) -> str:
        """Return a text of the server's without the secret, on one line and not too long."""
        for word in (self.secret, self.user):
            # as it is, as the bytes of a header read it, and as an address writes it
            for form in {word, word.encode().decode("latin-1"), quote(word), quote_plus(word)} - {""}:
                text = text.replace(form, "***")
        line = "".join(sign if sign.isprintable() else " " for sign in text)
        return line[:120]


class _Carried(AuthBase):
    """The header is set already."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


def _with_field(body: bytes, body_type: str, name: str, secret: str) -> bytes:
    if "json" in body_type:
        fields: dict[str, Any] = json.loads(body)
        return json.dumps(fields | {name: secret}, ensure_ascii=False).encode()
    return body + b"&" + urlencode({name: secret}).encode()
