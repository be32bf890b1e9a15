"""A delivery (一次交付): one landed file of one source for one district."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

#: how many trailing parts of a path a delivery's name keeps
NAME_PARTS = 6


@dataclass(frozen=True)
class Delivery:
    """One landed file, as the readers and the warehouse know it.

    Attributes
    ----------
    district, source
        Keys of the district (`chiping`) and of the source (`air-quotsoft`).
    name
        The tail of the path as found, posix, up to six parts (`山东省/…/2021-04/前油坊.csv`).
    sha256, size
        Of the landed bytes.
    modified_at
        When the source says the file was last changed; Asia/Shanghai wall time without zone.
    """

    district: str
    source: str
    name: str
    sha256: str
    size: int
    modified_at: datetime


def delivery_name(path: str) -> str:
    r"""Return the last six parts of a path or URL path, safe to print and to store.

    `.`, `..`, drive letters and empty parts are dropped and control characters removed: a name is a
    label, it never leads out of the landing zone.

    >>> delivery_name("../../etc\\x/2021-04/a.csv")
    'etc/x/2021-04/a.csv'
    """
    clean = "".join(sign for sign in path if unicodedata.category(sign)[0] != "C")
    parts = [part.strip() for part in clean.replace("\\", "/").split("/")]
    kept = [part for part in parts if part not in {"", ".", ".."} and not part.endswith(":")]
    return "/".join(kept[-NAME_PARTS:])
