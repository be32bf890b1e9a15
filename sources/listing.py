"""What a source offers: files of a folder, or addresses that an index page lists."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from sources.delivery import delivery_name

_DATE_FIELD = re.compile(r"\{date(?::([^{}]*))?\}")

#: half-written files of browsers, office programs and file transfers
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp", "~")

_SECRET = re.compile(r"(?i)([?&;][^=&;#]*(?:key|token|secret|passw|sign|auth)[^=&;#]*=)[^&;#]*")


class PullError(Exception):
    """A source could not be listed or pulled; `what` says what was found and what was expected."""

    def __init__(self, source: str, address: str, what: str) -> None:
        self.source = source
        self.address = shown(address)
        self.what = what
        super().__init__(f"{source or 'source'}: {self.address}: {what}")


@dataclass(frozen=True)
class Candidate:
    """One export a source offers.

    Attributes
    ----------
    address
        The path or URL, the key of its pull mark.
    name
        The tail of its path, the delivery's name.
    path
        The file, None for an address (it has to be fetched).
    size, modified_ns
        Of the file; -1 where an address does not tell.
    optional
        True for an address made from a template: when it is not there, nothing is wrong.
    body, body_type
        What is posted to the address, and its media type; empty for a GET.
    """

    address: str
    name: str
    path: Path | None = None
    size: int = -1
    modified_ns: int = -1
    optional: bool = False
    body: bytes = b""
    body_type: str = ""

    @property
    def mark(self) -> str:
        """Key of the pull mark: the address, with a digest in place of what must not be stored."""
        visible = shown(self.address)
        if visible == self.address and not self.body:
            return visible
        digest = hashlib.sha256(self.address.encode() + b"\n" + self.body).hexdigest()
        return f"{visible}#{digest[:16]}"


def shown(address: str) -> str:
    """Return an address without user, password and secret query values, fit for messages."""
    bare = re.sub(r"(?i)^([a-z][a-z0-9+.-]*://)[^/@]*@", r"\1", address)
    return _SECRET.sub(r"\1***", bare)


def unfinished(path: str) -> bool:
    """Tell whether a name is that of a half-written file."""
    return path.endswith(_UNFINISHED)


def list_folder(location: Path, pattern: str, source: str = "") -> list[Candidate]:
    """List the files of a folder that fit a glob pattern (`*.csv`, `**/*.csv`), by name.

    Hidden and half-written files, and links that lead out of the folder, are left out. Names are
    relative to the folder that holds `location`.

    Raises
    ------
    PullError
        When there is no such folder, or it cannot be read.
    """
    try:
        root = location.resolve(strict=True)
        if not root.is_dir():
            raise PullError(source, str(location), "不是文件夹 / is not a folder")
        found = [path for path in root.glob(pattern) if _offered(path, root)]
        stats = [path.stat() for path in found]
    except OSError as error:
        raise PullError(source, str(location), f"无法读取 / cannot be read: {error.strerror}") from error
    return sorted(
        (
            Candidate(
                address=str(path),
                name=delivery_name(path.relative_to(root.parent).as_posix()),
                path=path,
                size=stat.st_size,
                modified_ns=stat.st_mtime_ns,
            )
            for path, stat in zip(found, stats, strict=True)
        ),
        key=lambda item: item.address,
    )


def _offered(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).parts
    if any(part.startswith((".", "~$")) for part in inside) or unfinished(path.name):
        return False
    return path.is_file() and path.resolve().is_relative_to(root)


def is_template(location: str) -> bool:
    """Tell whether an address holds a `{date:…}` field."""
    return _DATE_FIELD.search(location) is not None


def expand(template: str, days: Iterable[date]) -> list[Candidate]:
    """Return one address a day from a template (`…/china_sites_{date:%Y%m%d}.csv`), each once."""
    addresses = dict.fromkeys(
        _DATE_FIELD.sub(lambda field, day=day: f"{day:{field[1] or '%Y-%m-%d'}}", template)  # type: ignore[misc]
        for day in days
    )
    return [Candidate(address, address_name(address), optional=True) for address in addresses]


def address_name(address: str) -> str:
    """Return the name of an address: its path's tail, and the query where there is one."""
    parts = urlsplit(address)
    query = f"?{unquote(parts.query)}" if parts.query else ""
    return delivery_name(unquote(parts.path) + _SECRET.sub(r"\1***", query).replace("/", "_"))


class _Links(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets += [value for name, value in attrs if name == "href" and value]


def _json_targets(body: Any) -> list[str]:
    if isinstance(body, dict):
        body = next((value for value in body.values() if isinstance(value, list)), [])
    names = []
    for item in body if isinstance(body, list) else []:
        if isinstance(item, str):
            names.append(item)
        elif isinstance(item, dict):
            names += [str(item[key]) for key in ("url", "href", "path", "name") if key in item][:1]
    return names


def index_targets(body: str) -> list[str]:
    """Return what an index lists: a JSON list, the links of an HTML page, or one address a line."""
    text = body.lstrip("\ufeff \r\n\t")
    if text.startswith(("[", "{")):
        try:
            return _json_targets(json.loads(text))
        except ValueError:  # no JSON after all: taken as plain lines
            return _lines(text)
    if text.startswith("<"):
        links = _Links()
        links.feed(text)
        return links.targets
    return _lines(text)


def _lines(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def offered_addresses(index: str, body: str, pattern: str) -> tuple[list[Candidate], list[str]]:
    """Read an index.

    Only addresses of the index's own host count; parent folders and sort links are left out.

    Parameters
    ----------
    index
        Address the body came from.
    pattern
        Glob for the path below the index; without `/` for the last part.

    Returns
    -------
    tuple of list of Candidate and list of str
        Exports that fit, by address, and sub-folders below the index.
    """
    home = urlsplit(index)
    base = home.path.rsplit("/", 1)[0] + "/"
    files: dict[str, Candidate] = {}
    folders: dict[str, None] = {}
    for target in index_targets(body):
        address = urldefrag(urljoin(index, target)).url
        parts = urlsplit(address)
        if (parts.scheme, parts.netloc) != (home.scheme, home.netloc) or parts.path == home.path:
            continue
        below = parts.path.startswith(base)
        if parts.path.endswith("/"):
            if below and parts.path != base:
                folders[address] = None
            continue
        path = unquote(parts.path.removeprefix(base) if below else parts.path)
        tail = pattern.rsplit("/", 1)[-1]
        if fnmatchcase(path.rsplit("/", 1)[-1], tail) and not unfinished(path):
            files[address] = Candidate(address, address_name(address))
    return [files[address] for address in sorted(files)], sorted(folders)
