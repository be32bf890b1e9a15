"""Gather: what a source offers, landed, and what of it the ledger does not hold yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from flows.run import Run
from sources.catalogue import layout_of
from sources.delivery import Delivery, delivery_name
from sources.landing import Landed, LandingError, LandingZone
from sources.listing import Candidate, list_folder
from sources.pull import Limits, Mark, NotModified, Pulled, PullError, count_offered, pull, sweep
from vocabulary.clock import now_utc, wall_time
from vocabulary.district import District, Source
from warehouse.load import known_units
from warehouse.marks import COLUMNS, marks_of, set_marks

#: a batch is loaded in one transaction; these bound its memory
BATCH_BYTES = 8_000_000
BATCH_FILES = 400


@dataclass(frozen=True)
class Window:
    """Days asked for, both inclusive; None is open."""

    first: date | None = None
    last: date | None = None

    def holds(self, partition: str | None) -> bool:
        """Tell whether a partition (`YYYY-MM-DD`, `YYYY-MM` or None: unknown) can lie in the window."""
        if partition is None:
            return True
        start = pd.Period(partition)
        if self.last is not None and start.start_time.date() > self.last:
            return False
        return self.first is None or start.end_time.date() >= self.first


@dataclass(frozen=True)
class Pending:
    """A landed delivery that waits to be loaded."""

    delivery: Delivery
    path: Path
    partition: str


@dataclass
class Gathered:
    """What a source offered: pending deliveries in order, and how many were known already."""

    found: int
    known: int
    pending: list[Pending]
    failures: list[str] = field(default_factory=list)


class OneOffError(Exception):
    """A file given on the command line cannot be taken."""


def gather(
    run: Run,
    district: District,
    source: Source,
    window: Window,
    files: Iterable[Path] | None = None,
) -> Gathered:
    """List a source (or `files`), land what is new, and return what the ledger lacks.

    Raises
    ------
    sources.pull.PullError
        When the folder or address cannot be read.
    """
    ledger, marks = _memory(run, district, source)
    layout = layout_of(source.key)
    if files is None and source.remote:
        gathered = _pull(run, district, source, window, ledger, marks)
    else:
        if files is None:
            offered = list_folder(source.folder(run.settings.base()), source.pattern, source.key)
        else:
            offered = [one_off(path) for path in files]
        offered = [item for item in offered if window.holds(layout.partition(item.name))]
        gathered = _take(run, offered, ledger, marks)
    if gathered.marks and not run.dry_run and files is None:
        with run.warehouse.begin() as connection:
            set_marks(connection, district.key, source.key, pd.DataFrame(gathered.marks)[COLUMNS])
    pending = [
        Pending(piece.delivery(district.key, source.key), piece.path, layout.partition(piece.name) or "")
        for piece in gathered.landed.values()
    ]
    pending.sort(key=lambda item: (item.partition, item.delivery.modified_at, item.delivery.sha256))
    return Gathered(gathered.found, gathered.known, pending, gathered.failures)


@dataclass
class _Taken:
    """What was offered, by hash, and the marks to set."""

    found: int = 0
    known: int = 0
    landed: dict[str, Landed] = field(default_factory=dict)
    marks: list[dict[str, object]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def keep(self, piece: Landed, ledger: set[str]) -> None:
        """Keep a piece unless its bytes are in the ledger or were taken under another name."""
        if piece.sha256 in ledger or piece.sha256 in self.landed:
            self.known += 1
        else:
            self.landed[piece.sha256] = piece


def _memory(run: Run, district: District, source: Source) -> tuple[set[str], pd.DataFrame]:
    """Return the hashes in the ledger and the pull marks; nothing where there is no warehouse yet."""
    if not run.warehouse.exists():
        return set(), pd.DataFrame(columns=COLUMNS).set_index("address")
    with run.warehouse.read() as connection:
        return (
            known_units(connection, district.key, source.key),
            marks_of(connection, district.key, source.key),
        )


def files_of(path: Path) -> list[Path]:
    """Return a path given on the command line as files: itself, or every file below a folder."""
    if not path.is_dir():
        return [path]
    return sorted(found for found in path.rglob("*") if found.is_file() and not found.name.startswith("."))


def one_off(path: Path) -> Candidate:
    """Return a file of the command line as a candidate; its name keeps the folders that may date it."""
    if not path.is_file():
        raise OneOffError(f"没有这个文件 {path} / no such file: {path}")
    stat = path.stat()
    return Candidate(
        address=str(path),
        name=delivery_name(path.absolute().as_posix()),
        path=path,
        size=stat.st_size,
        modified_ns=stat.st_mtime_ns,
    )


def _take(run: Run, offered: list[Candidate], ledger: set[str], marks: pd.DataFrame) -> _Taken:
    """Land the files of a folder that are not known by their mark."""
    zone = LandingZone(run.landing)
    taken = _Taken(found=len(offered))
    remembered = {
        address: (sha256, size, modified_ns)
        for address, sha256, size, modified_ns in zip(
            marks.index, marks["sha256"], marks["size"], marks["modified_ns"], strict=True
        )
    }
    for item in offered:
        if item.path is None:
            raise OneOffError(f"{item.address}: 不是文件 / not a file")
        mark = remembered.get(item.address)
        if mark is not None and mark[0] in ledger and mark[1:] == (item.size, item.modified_ns):
            taken.known += 1
            continue
        modified_at = wall_time(datetime.fromtimestamp(item.modified_ns / 1e9, UTC).replace(tzinfo=None))
        try:
            if run.dry_run:
                content = item.path.read_bytes()
                sha256 = hashlib.sha256(content).hexdigest()
                piece = Landed(sha256, len(content), item.path, item.name, modified_at, known=False)
            else:
                piece = zone.land(item.path, name=item.name, modified_at=modified_at)
        except (LandingError, OSError) as error:  # one file that cannot be read stops no other
            taken.failures.append(f"{item.name}: {error}")
            continue
        taken.marks.append(_mark(item.address, piece.sha256, item.size, item.modified_ns))
        taken.keep(piece, ledger)
    return taken


def _mark(
    address: str, sha256: str, size: int, modified_ns: int, etag: str = "", last_modified: str = ""
) -> dict[str, object]:
    return {
        "address": address,
        "etag": etag,
        "last_modified": last_modified,
        "sha256": sha256,
        "size": size,
        "modified_ns": modified_ns,
        "seen_at": pd.Timestamp(now_utc()),
    }


def _pull(
    run: Run, district: District, source: Source, window: Window, ledger: set[str], marks: pd.DataFrame
) -> _Taken:
    """Fetch and land what an address offers; a dry run only lists it.

    An address whose bytes are landed but not in the ledger is asked without conditions.
    """
    taken = _Taken()
    zone = LandingZone(run.landing)
    known = marks[marks["sha256"].isin(ledger)]
    asked = {
        address: Mark(etag, last_modified, size, modified_ns)
        for address, etag, last_modified, size, modified_ns in zip(
            known.index,
            known["etag"],
            known["last_modified"],
            known["size"],
            known["modified_ns"],
            strict=True,
        )
    }
    days = _days(run, district, source, window)
    limits = Limits(read_seconds=run.settings.pull_timeout)
    if run.dry_run:
        taken.found = count_offered(source, days, limits)
        return taken
    incoming = run.settings.home / "incoming"
    sweep(incoming)
    outcomes = pull(source, into=incoming, days=days, marks=asked, limits=limits)
    for outcome in outcomes:
        if isinstance(outcome, PullError):
            taken.failures.append(str(outcome))
        elif isinstance(outcome, NotModified):
            taken.found += 1
            taken.known += 1
        elif isinstance(outcome, Pulled):
            taken.found += 1
            piece = zone.land(outcome.path, name=outcome.name, modified_at=outcome.modified_at)
            outcome.path.unlink()
            taken.marks.append(
                _mark(
                    outcome.address,
                    piece.sha256,
                    outcome.size,
                    outcome.modified_ns,
                    outcome.etag,
                    outcome.last_modified,
                )
            )
            if window.holds(layout_of(source.key).partition(piece.name)):
                taken.keep(piece, ledger)
    return taken


def _days(run: Run, district: District, source: Source, window: Window) -> list[date]:
    """Return the days a template address is asked for: the window, or the days that may still arrive."""
    last = window.last or run.run_date
    first = window.first or max(district.ledger_start, last - timedelta(days=source.late_days))
    return [day.date() for day in pd.date_range(first, last, freq="D")]
