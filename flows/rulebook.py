"""The rulebook: under which rules, and for which date, the rows on record were judged last.

A night judges again what its readings touch. What was judged earlier stands only while the rules are the
same; when they are not, everything is judged anew, once. What counts as rules is every file that has a
say: the district's folder (plans, sites, alerts, overrules), the standards and words of the program,
and the program's own judgement. A plan's target counts from the day of its document on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection

from vocabulary.clock import now_utc
from vocabulary.district import District
from warehouse.marks import COLUMNS, marks_of, set_marks

#: rooms whose code and data decide how a row is judged
ROOMS = ("vocabulary", "indicators", "alerts", "flows")
_KINDS = (".py", ".toml", ".csv")
#: where the mark stands: no source has an empty key
_SOURCE, _ADDRESS = "", "rules"


@dataclass(frozen=True)
class Judged:
    """A judgement: the hash of its rules, and the run's date that it was made for."""

    rules: str
    run_date: date


def judgement(district: District, run_date: date) -> Judged:
    """Return what a run of this date judges a district by."""
    digest = hashlib.sha256(_program().encode())
    for name, content in _contents(Path(district.folder)):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    for plan in district.plans:
        for indicator in plan.indicator:
            digest.update(indicator.target_at(run_date).model_dump_json().encode())
    return Judged(digest.hexdigest(), run_date)


def last_judged(connection: Connection, district: str) -> Judged | None:
    """Return the judgement that the rows on record rest on; None where nothing was judged yet."""
    marks = marks_of(connection, district, _SOURCE)
    if _ADDRESS not in marks.index:
        return None
    mark = marks.loc[_ADDRESS]
    return Judged(str(mark["sha256"]), date.fromisoformat(str(mark["last_modified"])))


def mark_judged(connection: Connection, district: str, judged: Judged) -> None:
    """Record a judgement, within the transaction of the rows that it made."""
    mark = {
        "address": _ADDRESS,
        "etag": "",
        "last_modified": judged.run_date.isoformat(),
        "sha256": judged.rules,
        "size": 0,
        "modified_ns": 0,
        "seen_at": pd.Timestamp(now_utc()),
    }
    set_marks(connection, district, _SOURCE, pd.DataFrame([mark])[COLUMNS])


@cache
def _program() -> str:
    """Return the hash of the program's own rules, read once a process."""
    digest = hashlib.sha256()
    for room in ROOMS:
        for name, content in _contents(files(room)):
            digest.update(f"{room}/{name}\0".encode() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _contents(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every rule file below a folder, in one order everywhere."""
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.is_dir():
            for name, content in _contents(item):
                yield f"{item.name}/{name}", content
        elif item.name.endswith(_KINDS):
            yield item.name, item.read_bytes()
