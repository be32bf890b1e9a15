"""A source of a district (sources.toml) as data: where exports lie and how they are asked for.

Addresses, form fields and names may hold fields in braces, each with an optional strftime format:
`{date}` and `{from}` (first day asked for), `{to}` (last day, inclusive), `{until}` (the day after it),
`{page}` (number of the page) and, in names only, `{now}` (Asia/Shanghai time of the pull).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from vocabulary.plan import Strict

#: fields of a template, see above
TEMPLATE_FIELD = re.compile(r"\{(date|from|to|until|page|now)(?::([^{}]*))?\}")

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"


class Auth(Strict):
    """Which environment variables hold a source's credentials, and how they are shown to it.

    `kind`: `basic` (user and password, also of SFTP and S3), `header` (`name: <prefix> <secret>`), `query` and
    `form` (a parameter `name`), `key-file` (SFTP: `secret_env` holds the path of a private key).
    """

    kind: Literal["basic", "header", "query", "form", "key-file"]
    secret_env: str = Field(pattern=_VARIABLE)
    user_env: str = Field(default="", pattern=rf"{_VARIABLE}|^$")
    name: str = ""
    prefix: str = ""
    plain_http: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.kind in {"basic", "key-file"}) != bool(self.user_env):
            raise ValueError("`user_env` belongs to the kinds basic and key-file, and they need it")
        if (self.kind in {"header", "query", "form"}) != bool(self.name):
            raise ValueError("`name` belongs to the kinds header, query and form, and they need it")
        if self.prefix and self.kind != "header":
            raise ValueError("`prefix` belongs to the kind header")
        return self


class Post(Strict):
    """A POST instead of a GET: the fields of its form or of its JSON object."""

    encoding: Literal["form", "json"] = "form"
    fields: dict[str, str] = Field(min_length=1)


class Pages(Strict):
    """Answers in pages of JSON, each a delivery of its own.

    `rows` is the key of the list of rows, dotted where it lies deeper (`data.records`). The last page is the
    one with which `total_rows` or `total_pages` is reached; where neither is given, the first with fewer than
    `size` rows, or without `size` the one before the first empty one.
    """

    rows: str = Field(min_length=1)
    first: int = Field(default=1, ge=0, le=1)
    size: int | None = Field(default=None, ge=1)
    total_rows: str = ""
    total_pages: str = ""
    at_most: int = Field(default=200, ge=1, le=10_000)

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if sum(map(bool, (self.size, self.total_rows, self.total_pages))) > 1:
            raise ValueError("expected at most one of `size`, `total_rows` and `total_pages`")
        return self


class Source(Strict):
    """Where one kind of export comes from: a folder (relative to the project) or an address."""

    key: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title_zh: str
    title_en: str
    location: str = Field(min_length=1)
    pattern: str = "*"
    late_days: int = Field(ge=0, le=366)
    name: str = ""
    window_days: int = Field(default=1, ge=1, le=366)
    auth: Auth | None = None
    post: Post | None = None
    pages: Pages | None = None
    options: dict[str, str] = Field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """The scheme of an address in lower case; empty for a folder."""
        match = _SCHEME.match(self.location)
        return match[1].lower() if match else ""

    @property
    def remote(self) -> bool:
        """Whether the location is an address (http, https, sftp, …)."""
        return bool(self.scheme)

    @property
    def asked(self) -> bool:
        """Whether deliveries are answers to questions (windows, pages, a form) rather than files."""
        fields = {match[1] for match in TEMPLATE_FIELD.finditer(self.location)}
        return bool(self.post or self.pages or self.name or fields & {"from", "to", "until"})

    def folder(self, root: Path) -> Path:
        """Return the folder of a local source; a relative location counts from `root`."""
        if self.remote:
            raise ValueError(f"{self.key}: {self.location} is an address, not a folder")
        return root / self.location

    @model_validator(mode="after")
    def _address_keeps_no_secret(self) -> Self:
        if self.remote and "@" in urlsplit(self.location).netloc:
            raise ValueError(
                "expected no user or password in `location`; name environment variables in [source.auth]"
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        http = self.scheme in {"http", "https"}
        if (self.auth or self.options) and not self.remote:
            raise ValueError("`auth` and `options` belong to an address, not to a folder")
        if (self.post or self.pages) and not http:
            raise ValueError("`post` and `pages` belong to an http or https address")
        if http and self.options:
            raise ValueError("`options` belong to an address that is not http or https")
        if self.auth and self.scheme == "http" and not self.auth.plain_http:
            raise ValueError("credentials over http can be read on their way; use https, or set `plain_http`")
        if self.auth and self.auth.kind not in (
            {"basic", "header", "query", "form"} if http else {"basic", "key-file"}
        ):
            raise ValueError("key-file belongs to sftp; header, query and form belong to http and https")
        if self.auth and self.auth.kind == "form" and not self.post:
            raise ValueError("the kind form belongs to a source with `post`")
        texts = [self.location, *(self.post.fields.values() if self.post else ())]
        paged = any(match[1] == "page" for text in texts for match in TEMPLATE_FIELD.finditer(text))
        if paged != bool(self.pages):
            raise ValueError("`pages` and the field {page} in `location` or `post` belong together")
        return self
