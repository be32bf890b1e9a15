"""A backfill's units of work: one a source and month, read and judged side by side, loaded in order.

The ledger alone knows what is done, so a backfill that was ended, killed or interrupted goes on where it was.
A unit larger than a batch may be is cut into parts; each part is one transaction.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import groupby, zip_longest
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from flows.crew import Crew, Handle
from flows.gather import Gathered, Pending, gather
from flows.ingest import Examined, batches, examine, settle
from flows.logs import about
from flows.run import Do, Run, SourceReport, Summary, chosen_districts
from flows.settings import Settings
from flows.way import Wish
from sources.landing import LandingError
from sources.pull import PullError
from vocabulary.clock import now_utc
from vocabulary.district import District, Source
from warehouse.engine import Warehouse, WarehouseError

log = logging.getLogger(__name__)

#: what a source may fail of without a defect of the program
_EXPECTED = (PullError, LandingError, OSError)
#: parts that may wait, read and judged, for their turn to be loaded; bounds memory
_AHEAD = 2


@dataclass(frozen=True)
class Unit:
    """One part of a source's month: its deliveries and their bytes. `month` is YYYY-MM, '' where no name tells it."""

    district: str
    source: str
    month: str
    part: int
    parts: int
    batch: tuple[Pending, ...]

    @property
    def size(self) -> int:
        """Bytes of the deliveries."""
        return sum(item.delivery.size for item in self.batch)

    @property
    def name(self) -> str:
        """What a person reads: district, source, month, part."""
        part = f" {self.part}/{self.parts}" if self.parts > 1 else ""
        return f"{self.district}/{self.source} {self.month or '—'}{part}"


@dataclass
class Progress:
    """How far a backfill is. Bytes are those of the deliveries, seconds those since reading began."""

    units: int = 0
    units_done: int = 0
    bytes: int = 0
    bytes_done: int = 0
    cells: int = 0
    seconds: float = 0.0
    unit: str = ""

    @property
    def share(self) -> float:
        """Share of the bytes that is done, 0 to 1."""
        return self.bytes_done / self.bytes if self.bytes else 1.0

    @property
    def cells_per_second(self) -> float:
        """Cells loaded a second so far."""
        return self.cells / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds to go at the rate so far; None before anything is done."""
        if not self.bytes_done or not self.seconds:
            return None
        return (self.bytes - self.bytes_done) * self.seconds / self.bytes_done

    def line(self) -> str:
        """Return the progress as one line."""
        left = self.seconds_left
        rest = "—" if left is None else f"{left:.0f} s"
        return (
            f"{self.units_done}/{self.units} 单元 units，{self.share:.0%}，{self.cells} 单元格 cells，"
            f"{self.cells_per_second:.0f}/s，剩余 left {rest}"
        )


def units_of(district: str, source: str, gathered: Gathered) -> list[Unit]:
    """Cut what is pending into months, and a month that is too large for one transaction into parts."""
    units = []
    for month, items in groupby(gathered.pending, key=lambda item: item.partition[:7]):
        mine = list(items)
        parts = list(batches(Gathered(len(mine), 0, mine)))
        units += [
            Unit(district, source, month, place, len(parts), tuple(part))
            for place, part in enumerate(parts, start=1)
        ]
    return units


@dataclass(frozen=True)
class Post:
    """Where a unit is worked on: what a worker on another machine needs to make the run of its own.

    It travels as plain data; the folders must be the same on every machine (a shared home).
    """

    settings: dict[str, Any]
    run_date: str
    dry_run: bool

    @classmethod
    def of(cls, run: Run) -> Post:
        """Describe a run."""
        return cls(run.settings.model_dump(mode="json"), run.summary.run_date, run.dry_run)

    def run(self) -> Run:
        """Return a run of this process that writes to the same places and reports to nobody."""
        return _run_of(repr(sorted(self.settings.items())), self)

    def __hash__(self) -> int:
        """Two runs of one place have one hash."""
        return hash((repr(sorted(self.settings.items())), self.run_date, self.dry_run))


@lru_cache(maxsize=4)
def _run_of(_key: str, post: Post) -> Run:
    settings = Settings(**post.settings)
    districts = chosen_districts(settings, None)
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=post.dry_run)
    summary = Summary("", "unit", post.run_date, now_utc().isoformat(timespec="seconds"), post.dry_run)
    run_date = now_utc().fromisoformat(post.run_date).date()
    return Run(settings, warehouse, districts, run_date, summary, post.dry_run)


class Parcel:
    """A unit as it was examined, wrapped so that whoever hands it on does not look into it."""

    def __init__(self, found: Examined) -> None:
        self.found = found


def examine_unit(place: Run | Post, unit: Unit) -> Parcel:
    """Read and judge a unit; nothing is written."""
    run = place.run() if isinstance(place, Post) else place
    district, source = _of(run, unit)
    with about(run=run.summary.id, district=unit.district, source=unit.source, unit=unit.name):
        return Parcel(examine(run, district, source, list(unit.batch)))


def load_unit(place: Run | Post, unit: Unit, parcel: Parcel) -> SourceReport:
    """Load an examined unit in one transaction and return its own report."""
    run = place.run() if isinstance(place, Post) else place
    district, source = _of(run, unit)
    report = SourceReport(unit.district, unit.source, source.title_zh)
    with about(run=run.summary.id, district=unit.district, source=unit.source, unit=unit.name):
        settle(run, district, source, list(unit.batch), parcel.found, report)
    return report


def _of(run: Run, unit: Unit) -> tuple[District, Source]:
    district = run.districts[unit.district]
    return district, next(source for source in district.sources if source.key == unit.source)


@dataclass
class Filling:
    """How a backfill loads: gathers every source, then works off the units with a crew.

    Reading and judging run side by side. On the embedded engine one writer, this thread, loads in the order of the
    units; on PostgreSQL the units of one district are loaded in their order, districts side by side. The
    order within a district never depends on the crew: of two deliveries that nothing else orders, the one
    that comes first by month, time and hash is loaded first.
    """

    crew: Callable[[Settings], Crew]
    on_progress: Callable[[Progress], None] = lambda _progress: None
    progress: Progress = field(default_factory=Progress)

    def __call__(self, run: Run, wish: Wish, do: Do) -> None:
        """Load everything that is wished for; see `flows.way.walk`."""
        reports: dict[tuple[str, str], SourceReport] = {}
        by_district: list[list[Unit]] = []
        for district in run.districts.values():
            mine: list[Unit] = []
            for source in district.sources:
                if wish.wants(source.key):
                    report = SourceReport(district.key, source.key, source.title_zh)
                    reports[district.key, source.key] = report
                    run.summary.sources.append(report)
                    mine += _gathered(run, district, source, wish, do, report)
            by_district.append(mine)
        # one district after the other in turn, so that several are under way at a time
        units = [unit for turn in zip_longest(*by_district) for unit in turn if unit is not None]
        self.progress = Progress(units=len(units), bytes=sum(unit.size for unit in units))
        self.on_progress(self.progress)
        if units:
            with self.crew(run.settings) as crew:
                self._work_off(run, units, crew, reports)

    def _work_off(
        self, run: Run, units: list[Unit], crew: Crew, reports: dict[tuple[str, str], SourceReport]
    ) -> None:
        place: Run | Post = run if crew.local else Post.of(run)
        one_writer = crew.local and run.warehouse.file is not None
        last: dict[str, Handle] = {}
        waiting: deque[tuple[Unit, Handle]] = deque()
        ahead = crew.workers + _AHEAD
        began = time.monotonic()

        def submit(unit: Unit) -> None:
            examined = crew.submit(f"读取判定 {unit.name}", examine_unit, place, unit)
            if one_writer or run.dry_run:
                waiting.append((unit, examined))
                return
            before = (last[unit.district],) if unit.district in last else ()
            loaded = crew.submit(
                f"入库 {unit.name}", load_unit, place, unit, after=(examined,), behind=before
            )
            last[unit.district] = loaded
            waiting.append((unit, loaded))

        rest = iter(units)
        for unit in _begin(rest, ahead):
            submit(unit)
        while waiting:
            unit, handle = waiting.popleft()
            report = reports[unit.district, unit.source]
            try:
                done = handle.result()
                part = load_unit(run, unit, done) if isinstance(done, Parcel) else done
            except (WarehouseError, SQLAlchemyError):
                raise
            except Exception as error:  # noqa: BLE001  # one failing unit stops no other; it is told
                _fail(report, unit, error)
                part = None
            self._enter(run, unit, part, report, time.monotonic() - began)
            for following in _begin(rest, 1):
                submit(following)

    def _enter(
        self, run: Run, unit: Unit, part: SourceReport | None, report: SourceReport, seconds: float
    ) -> None:
        """Add a unit to the report of its source and to the list of units, and tell of it."""
        cells = 0
        if part is not None:
            absorb(report, part)
            cells = part.counts.get("cells_in", 0)
        run.summary.units.append(
            {
                "district": unit.district,
                "source": unit.source,
                "month": unit.month,
                "part": unit.part,
                "parts": unit.parts,
                "files": len(unit.batch),
                "bytes": unit.size,
                "cells": cells,
                "state": "failed" if part is None else ("expected" if run.dry_run else "loaded"),
            }
        )
        progress = self.progress
        progress.units_done += 1
        progress.bytes_done += unit.size
        progress.cells += cells
        progress.seconds, progress.unit = seconds, unit.name
        self.on_progress(progress)
        run.tell(f"{unit.name}：{progress.line()}")


def _begin(rest: Iterator[Unit], count: int) -> Iterator[Unit]:
    """Yield at most so many of the units that are left."""
    for _, unit in zip(range(count), rest, strict=False):
        yield unit


def _gathered(
    run: Run, district: District, source: Source, wish: Wish, do: Do, report: SourceReport
) -> list[Unit]:
    """Gather one source; one that fails is reported and has no units."""
    try:
        gathered: Gathered = do(
            f"收取 {district.key}/{source.key}", gather, run, district, source, wish.window, wish.files
        )
    except (WarehouseError, SQLAlchemyError):
        raise
    except _EXPECTED as error:
        report.failure = str(error)
        return []
    except Exception as error:
        log.exception("source %s of %s failed", source.key, district.key)
        report.failure = f"{type(error).__name__}: {error}"
        return []
    report.found, report.known = gathered.found, gathered.known
    report.failure = "; ".join(gathered.failures)
    return units_of(district.key, source.key, gathered)


def _fail(report: SourceReport, unit: Unit, error: Exception) -> None:
    """Say which unit failed; the others go on, and the ledger lacks it for the next run."""
    if not isinstance(error, _EXPECTED):
        log.error("unit %s failed", unit.name, exc_info=error)
    said = f"{unit.name}: {type(error).__name__}: {error}"
    report.failure = f"{report.failure}; {said}" if report.failure else said


def absorb(report: SourceReport, part: SourceReport) -> None:
    """Add what one unit gave to the report of its source."""
    report.known += part.known
    report.loaded += part.loaded
    report.refused += part.refused
    report.findings += part.findings
    report.deliveries += part.deliveries
    for name, count in part.counts.items():
        report.counts[name] = report.counts.get(name, 0) + count


def as_record(progress: Progress) -> dict[str, Any]:
    """Return a progress as plain data, with its rate and the time left."""
    left = progress.seconds_left
    return asdict(progress) | {
        "share": round(progress.share, 4),
        "cells_per_second": round(progress.cells_per_second, 1),
        "seconds_left": None if left is None else round(left, 1),
    }
