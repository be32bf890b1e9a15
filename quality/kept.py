"""Kept outcomes of judgements: what lies in a folder, what of it is old, and what remains of a month.

    quality/<district>/<source>/<partition>-<sha256>.json   one batch, whole (quality/results.py)
    quality/<district>/<source>/month-YYYY-MM.json          what remains of the batches judged in a month
    quality/index.json                                      what was read of each batch, so that it is read once

A batch belongs to the month in which it was judged, told by its file's time (Asia/Shanghai).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vocabulary.clock import wall_time

_INDEX = "index.json"
_MONTH = "month-"
_COUNTS = ("deliveries", "rows", "accepted", "quarantined", "refused")


class KeptError(Exception):
    """A kept outcome cannot be read; the message names the file."""


@dataclass(frozen=True)
class Batch:
    """One judged batch in short: its counts, and the quarantined rows and remarks by code."""

    district: str
    source: str
    name: str
    stamp: int
    size: int
    deliveries: int
    rows: int
    accepted: int
    quarantined: int
    refused: int
    codes: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Name that no other batch has: where it lies and when it was judged."""
        return f"{self.district}/{self.source}/{self.name}@{self.stamp}"

    @property
    def judged_at(self) -> datetime:
        """When it was judged, Asia/Shanghai wall time."""
        return wall_time(datetime.fromtimestamp(self.stamp / 1e9, UTC).replace(tzinfo=None))

    @property
    def month(self) -> str:
        """The month in which it was judged."""
        return f"{self.judged_at:%Y-%m}"

    def place(self, folder: Path) -> Path:
        """Return the file of the whole outcome below the folder of all outcomes."""
        return folder / self.district / self.source / f"{self.name}.json"


@dataclass(frozen=True)
class Month:
    """What remains of the batches of one source judged in one month; `batches` are their keys."""

    district: str
    source: str
    month: str
    counts: dict[str, int]
    codes: dict[str, int]
    remarks: dict[str, int]
    batches: tuple[str, ...]


def write_aside(path: Path, text: str) -> None:
    """Write a file whole or not at all, by a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_text(text, "utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_outcome(path: Path) -> dict[str, Any]:
    """Return the whole outcome of a batch.

    Raises
    ------
    KeptError
        When the file is no outcome.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        if not {"source", "deliveries", "expectations"} <= set(found):
            raise KeptError(f"{path}: expected an outcome with source, deliveries and expectations")
    except (ValueError, TypeError) as error:
        raise KeptError(f"{path}: {error}") from error
    return dict(found)


def _short(path: Path, stamp: int, size: int) -> Batch:
    outcome = read_outcome(path)
    codes: Counter[str] = Counter()
    remarks: Counter[str] = Counter()
    for delivery in outcome["deliveries"]:
        codes.update(delivery["codes"])
        if delivery["refused"]:
            codes[delivery["refused"]["code"]] += delivery["rows"]
        remarks.update(remark["code"] for remark in delivery.get("remarks", ()))
    return Batch(
        district=path.parent.parent.name,
        source=path.parent.name,
        name=path.stem,
        stamp=stamp,
        size=size,
        deliveries=len(outcome["deliveries"]),
        rows=sum(delivery["rows"] for delivery in outcome["deliveries"]),
        accepted=sum(delivery["accepted"] for delivery in outcome["deliveries"]),
        quarantined=sum(delivery["quarantined"] for delivery in outcome["deliveries"]),
        refused=sum(delivery["refused"] is not None for delivery in outcome["deliveries"]),
        codes=dict(sorted(codes.items())),
        remarks=dict(sorted(remarks.items())),
    )


def _remembered(folder: Path) -> dict[str, Batch]:
    """Return what was read before, by key; an index that cannot be read is made anew from the outcomes."""
    path = folder / _INDEX
    try:
        batches = [Batch(**item) for item in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return {}
    return {batch.key: batch for batch in batches}


def kept_batches(folder: Path) -> list[Batch]:
    """Return every batch whose whole outcome is kept, newest first; only new files are opened.

    Raises
    ------
    KeptError
        When a file is no outcome.
    """
    known = _remembered(folder)
    found = []
    for path in sorted(folder.glob("*/*/*.json")):
        if path.name.startswith(_MONTH):
            continue
        stat = path.stat()
        key = f"{path.parent.parent.name}/{path.parent.name}/{path.stem}@{stat.st_mtime_ns}"
        batch = known.get(key)
        if batch is None or batch.size != stat.st_size:
            batch = _short(path, stat.st_mtime_ns, stat.st_size)
        found.append(batch)
    if {batch.key for batch in found} != set(known):
        write_aside(folder / _INDEX, json.dumps([asdict(batch) for batch in found], ensure_ascii=False))
    return sorted(found, key=lambda batch: (-batch.stamp, batch.key))


def _read_month(path: Path) -> Month:
    try:
        found = json.loads(path.read_text("utf-8"))
        return Month(**(found | {"batches": tuple(found["batches"])}))
    except (ValueError, TypeError, KeyError) as error:
        raise KeptError(f"{path}: {error}") from error


def _with(month: Month, batches: Iterable[Batch]) -> Month:
    """Add batches to a month; one that is in it already changes nothing."""
    counts, codes, remarks = Counter(month.counts), Counter(month.codes), Counter(month.remarks)
    keys = dict.fromkeys(month.batches)
    for batch in batches:
        if batch.key in keys:
            continue
        keys[batch.key] = None
        counts.update({name: getattr(batch, name) for name in _COUNTS})
        codes.update(batch.codes)
        remarks.update(batch.remarks)
    return Month(
        month.district,
        month.source,
        month.month,
        {name: counts[name] for name in _COUNTS},
        dict(sorted(codes.items())),
        dict(sorted(remarks.items())),
        tuple(keys),
    )


def _by_month(batches: Iterable[Batch]) -> dict[tuple[str, str, str], list[Batch]]:
    found: dict[tuple[str, str, str], list[Batch]] = {}
    for batch in batches:
        found.setdefault((batch.district, batch.source, batch.month), []).append(batch)
    return found


def _month_path(folder: Path, district: str, source: str, month: str) -> Path:
    return folder / district / source / f"{_MONTH}{month}.json"


def prune(folder: Path, *, now: datetime, days: int) -> list[Batch]:
    """Fold what was judged more than `days` ago into its month and remove it; return what was removed.

    A month is written before its outcomes are removed and knows which it holds: a run that ends in between is
    made good by the next, and nothing is counted twice.
    """
    old = [batch for batch in kept_batches(folder) if batch.judged_at < now - timedelta(days=days)]
    for (district, source, month), batches in _by_month(old).items():
        path = _month_path(folder, district, source, month)
        before = _read_month(path) if path.exists() else Month(district, source, month, {}, {}, {}, ())
        write_aside(path, json.dumps(asdict(_with(before, batches)), ensure_ascii=False, indent=1) + "\n")
    for batch in old:
        batch.place(folder).unlink(missing_ok=True)
    return old


def months(folder: Path, kept: Iterable[Batch]) -> list[Month]:
    """Return every month of every source, folded and kept batches together, newest month first."""
    found: dict[tuple[str, str, str], Month] = {}
    for path in sorted(folder.glob(f"*/*/{_MONTH}*.json")):
        month = _read_month(path)
        found[month.district, month.source, month.month] = month
    for key, batches in _by_month(kept).items():
        before = found.get(key, Month(*key, counts={}, codes={}, remarks={}, batches=()))
        found[key] = _with(before, batches)
    ordered = sorted(found.values(), key=lambda month: (month.district, month.source))
    return sorted(ordered, key=lambda month: month.month, reverse=True)


def told(codes: Mapping[str, int]) -> list[str]:
    """Return the codes, the most frequent first."""
    return sorted(codes, key=lambda code: (-codes[code], code))
