"""The run at hand: what every step needs to know, and the summary it fills."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from flows.settings import Settings
from sources.catalogue import LAYOUTS, UnknownSourceError
from vocabulary.clock import now_utc, today
from vocabulary.district import District, Source, load_districts
from warehouse.engine import Warehouse
from warehouse.schema import runs

#: carries out one named step: name, the function, its arguments
Do = Callable[..., Any]

#: exit statuses of the command line (docs/architecture.md, "Command line")
DONE, FINDINGS, USAGE, FAILED, REFUSED = 0, 1, 2, 3, 4
#: where a source that no sources.toml lists would lie; one-off files are given by name
_UNLISTED = "var/unlisted"


@dataclass
class SourceReport:
    """What one source of one district gave in this run."""

    district: str
    source: str
    title: str
    found: int = 0
    known: int = 0
    loaded: int = 0
    refused: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    failure: str = ""

    def add(self, delivery: dict[str, Any]) -> None:
        """Count one loaded or refused delivery."""
        self.deliveries.append(delivery)
        for name in ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank"):
            self.counts[name] = self.counts.get(name, 0) + int(delivery[name])


@dataclass
class Summary:
    """What a run did, in plain data; kept as JSON under `runs/` and in the warehouse."""

    id: str
    kind: str
    run_date: str
    started_at: str
    dry_run: bool = False
    ended_at: str = ""
    status: str = "running"
    exit_status: int = DONE
    sources: list[SourceReport] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    evaluated: dict[str, int] = field(default_factory=dict)
    episodes: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[str, int] = field(default_factory=dict)
    indicators: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    #: a backfill's units of work, and what its evaluation turned
    units: list[dict[str, Any]] = field(default_factory=list)
    turned: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain data."""
        return asdict(self)

    def settle(self) -> int:
        """Set the exit status from what was found and return it."""
        failed = [report for report in self.sources if report.failure]
        found = any(report.refused or report.findings for report in self.sources)
        # an open episode that nobody has acknowledged needs a person
        found |= any(episode["state"] == "firing" for episode in self.episodes)
        if failed or self.failures:
            self.exit_status, self.status = FAILED, "failed"
        elif found or self.findings:
            self.exit_status, self.status = FINDINGS, "findings"
        else:
            self.exit_status, self.status = DONE, "done"
        return self.exit_status


@dataclass
class Run:
    """Settings, warehouse, districts and summary of the run at hand.

    `tell` receives one line of progress; `dry_run` writes nothing anywhere.
    """

    settings: Settings
    warehouse: Warehouse
    districts: dict[str, District]
    run_date: date
    summary: Summary
    dry_run: bool = False
    tell: Callable[[str], None] = lambda _line: None

    @property
    def landing(self) -> Path:
        """Folder of the landing zone."""
        return self.settings.home / "landing"

    def say(self, zh: str, en: str) -> None:
        """Tell one line of progress in the language of the terminal."""
        self.tell(zh if self.settings.language == "zh" else en)


class UnknownDistrictError(Exception):
    """A district that has no folder was asked for."""


def chosen_districts(settings: Settings, wanted: list[str] | None) -> dict[str, District]:
    """Load the districts asked for (all without a wish)."""
    known = load_districts(settings.districts)
    if not wanted:
        return known
    strange = sorted(set(wanted) - set(known))
    if strange:
        raise UnknownDistrictError(
            f"未知区划 {', '.join(strange)}，已有 {', '.join(known)} / unknown district {', '.join(strange)}, "
            f"known: {', '.join(known)}"
        )
    return {key: known[key] for key in wanted}


def known_source(districts: dict[str, District], wanted: str) -> None:
    """Raise UnknownSourceError unless one of the districts has the source."""
    known = sorted({source.key for district in districts.values() for source in district.sources})
    if wanted not in known:
        raise UnknownSourceError(
            f"{'、'.join(districts)} 没有来源 {wanted}，已有 {', '.join(known)} / no source {wanted}, "
            f"known: {', '.join(known)}"
        )


def with_layout(district: District, wanted: str) -> District:
    """Return a district that has the source: its own, or one made from the layout of that key.

    Raises
    ------
    UnknownSourceError
        When there is neither; the message lists every layout.
    """
    if any(source.key == wanted for source in district.sources):
        return district
    if wanted not in LAYOUTS:
        known = ", ".join(sorted(LAYOUTS))
        raise UnknownSourceError(
            f"未知来源 {wanted}，已有版式 {known} / unknown source {wanted}, known layouts: {known}"
        )
    unlisted = Source(
        key=wanted,
        title_zh=f"{wanted}（sources.toml 未列出，按版式读取）",
        title_en=f"{wanted} (not in sources.toml, read by its layout)",
        location=f"{_UNLISTED}/{wanted}",
        late_days=366,
    )
    return replace(district, sources=(*district.sources, unlisted))


def open_run(
    settings: Settings,
    kind: str,
    *,
    districts: list[str] | None = None,
    source: str | None = None,
    any_layout: bool = False,
    run_date: date | None = None,
    dry_run: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> Run:
    """Begin a run; without a date, example districts use their own run date and others today.

    With `any_layout` a source need not stand in sources.toml: one-off files are read by their layout.
    """
    chosen = chosen_districts(settings, districts)
    if source is not None and any_layout:
        listed = chosen
        chosen = {key: with_layout(district, source) for key, district in listed.items()}
        for key in [key for key in chosen if chosen[key] is not listed[key]]:
            tell(
                f"{key} 的 sources.toml 没有来源 {source}，按版式读取 / {source} is not in sources.toml of {key}, "
                "read by its layout"
            )
    elif source is not None:
        known_source(chosen, source)
    if run_date is None:
        own = [district.run_date for district in chosen.values() if district.run_date is not None]
        run_date = max(own) if own and len(own) == len(chosen) else today()
    summary = Summary(
        id=uuid.uuid4().hex,
        kind=kind,
        run_date=run_date.isoformat(),
        started_at=now_utc().isoformat(timespec="seconds"),
        dry_run=dry_run,
    )
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait, read_only=dry_run)
    run = Run(settings, warehouse, chosen, run_date, summary, dry_run, tell)
    if not dry_run:
        with warehouse.begin() as connection:
            connection.execute(
                insert(runs).values(
                    id=summary.id,
                    kind=kind,
                    run_date=datetime.combine(run_date, datetime.min.time()),
                    started_at=now_utc(),
                    status="running",
                    summary="",
                )
            )
    return run


def close_run(run: Run) -> int:
    """End a run: settle its status, keep its summary, return the exit status."""
    summary = run.summary
    summary.ended_at = now_utc().isoformat(timespec="seconds")
    status = summary.settle()
    if run.dry_run:
        return status
    folder = run.settings.home / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{summary.started_at.replace(':', '')}-{summary.kind}-{summary.id[:8]}.json"
    summary.places["summary"] = str(folder / name)
    text = json.dumps(asdict(summary), ensure_ascii=False, indent=1, default=str)
    write_whole(folder / name, text.encode())
    with run.warehouse.begin() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.id == summary.id)
            .values(ended_at=now_utc(), status=summary.status, summary=text)
        )
    return status


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part; an OSError names it."""
    try:
        _write_aside(path, content)
    except OSError as error:
        # an error of a full disk names no file of its own
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _write_aside(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # a private temporary file becomes one that others may read, as the folder around it allows
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
