"""A night, a backfill and a one-off load: three wishes for the same way."""

from __future__ import annotations

import json
import logging
import tomllib
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta
from pathlib import Path

from flows import logs, telemetry
from flows.backfill_turned import what_turned
from flows.crew import Crew, check_runner, plain_crew
from flows.gather import OneOffError, Window, one_off
from flows.heartbeat import Heart, Ping
from flows.metrics import write_metrics
from flows.publish import publish
from flows.run import (
    FAILED,
    Do,
    Run,
    SourceReport,
    Summary,
    chosen_districts,
    close_run,
    open_run,
)
from flows.settings import Settings
from flows.units import Filling, Progress
from flows.way import Load, Wish, plainly, walk
from sources.catalogue import LAYOUTS, UnknownSourceError
from vocabulary.clock import now_utc
from warehouse.engine import Warehouse, WarehouseError
from warehouse.load import mark_range
from warehouse.snapshot import publish_snapshot

log = logging.getLogger(__name__)

#: the sources of the hourly sweep
SWEEP = Path(__file__).with_name("data") / "sweep.toml"


def night(
    settings: Settings,
    *,
    run_date: date | None = None,
    districts: list[str] | None = None,
    dry_run: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
    do: Do = plainly,
) -> tuple[Run, int]:
    """Load what the ledger lacks up to the run's date, evaluate, alert and report.

    Returns
    -------
    tuple
        The run with its summary, and the exit status.
    """
    ping = Ping.of_environment(tell)
    try:
        run = open_run(
            settings, "nightly", districts=districts, run_date=run_date, dry_run=dry_run, tell=tell
        )
    except Exception:
        # a warehouse that refuses ends the night before there is a run to speak of
        if not dry_run and not districts:
            ping.send("fail")
        raise
    # a night of some districts only must not pass for the night
    heart = None if dry_run or districts else Heart(run, ping)
    return run, _finish(run, Wish(window=Window(None, run.run_date)), do, heart)


def fill_back(
    settings: Settings,
    *,
    first: date,
    last: date,
    districts: list[str] | None = None,
    source: str | None = None,
    only_missing: bool = False,
    notify: bool = False,
    dry_run: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
    do: Do = plainly,
    crew: Callable[[Settings], Crew] = plain_crew,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
) -> tuple[Run, int]:
    """Load and evaluate a range of days unit by unit; silent unless `notify`.

    Without `only_missing` the days of the range are recomputed even where nothing new came in. `crew` makes
    who reads and judges; `on_progress` is called after every unit.

    Raises
    ------
    flows.crew.RunnerError
        Before anything is done, when the runner of the settings cannot serve this warehouse.
    """
    check_runner(settings)
    run = open_run(settings, "backfill", districts=districts, source=source, dry_run=dry_run, tell=tell)
    began = now_utc()
    if not only_missing and not dry_run:
        with run.warehouse.begin() as connection:
            for district in run.districts:
                start = datetime.combine(first, datetime.min.time())
                end = datetime.combine(last + timedelta(days=1), datetime.min.time())
                mark_range(connection, district, start, end)
    wish = Wish(window=Window(first, last), source=source, silent=not notify)
    filling = Filling(crew, on_progress)

    def closing() -> None:
        with run.warehouse.read() as connection:
            run.summary.turned = what_turned(connection, list(run.districts), began)

    return run, _finish(run, wish, do, load=filling, closing=closing)


def sweep_sources(path: Path = SWEEP) -> tuple[str, ...]:
    """Return the sources that the hourly sweep pulls.

    Raises
    ------
    UnknownSourceError
        When one of them is no layout; the message names the file.
    """
    named = tuple(tomllib.loads(path.read_text("utf-8"))["sources"])
    strange = sorted(set(named) - set(LAYOUTS))
    if strange:
        raise UnknownSourceError(
            f"{path}: 未知来源 {', '.join(strange)} / unknown source {', '.join(strange)}"
        )
    return named


def sweep_once(
    settings: Settings,
    *,
    run_date: date | None = None,
    districts: list[str] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
    do: Do = plainly,
) -> tuple[Run, int]:
    """Load what is new of water and outlets, evaluate, alert, remind and send: a night of few sources.

    It beats no heart: a night that is missing must not be hidden by its sweeps.
    """
    run = open_run(settings, "sweep", districts=districts, run_date=run_date, tell=tell)
    wish = Wish(window=Window(None, run.run_date), sources=sweep_sources())
    return run, _finish(run, wish, do)


def publish_again(
    settings: Settings,
    *,
    districts: list[str] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Run:
    """Write the pages again, with what the last night said of itself; nothing is pulled, judged or recorded.

    Raises
    ------
    WarehouseError
        When no night has ended yet: there is nothing to write about.
    """
    chosen = chosen_districts(settings, districts)
    found = sorted((settings.home / "runs").glob("*-nightly-*.json"))
    if not found:
        raise WarehouseError("还没有夜间运行的记录，请先运行 ecoplan nightly / no night has ended yet")
    said = json.loads(found[-1].read_text("utf-8"))
    said["sources"] = [SourceReport(**report) for report in said["sources"]]
    known = {item.name for item in fields(Summary)}
    summary = Summary(**{name: value for name, value in said.items() if name in known})
    warehouse = Warehouse(settings.warehouse_url(), lock_wait=settings.lock_wait)
    run = Run(settings, warehouse, chosen, date.fromisoformat(summary.run_date), summary, tell=tell)
    publish(run, site=True)
    return run


def load_files(
    settings: Settings,
    files: list[Path],
    *,
    district: str,
    source: str,
    dry_run: bool = False,
    tell: Callable[[str], None] = lambda _line: None,
) -> tuple[Run, int]:
    """Load one-off files of one district's source through the same way; tells as a night would.

    `source` is a source of the district or the key of any layout.
    """
    if not files:
        raise OneOffError("没有可入库的文件 / no files to load")
    for path in files:
        one_off(path)
    run = open_run(
        settings,
        "load",
        districts=[district],
        source=source,
        any_layout=True,
        dry_run=dry_run,
        tell=tell,
    )
    wish = Wish(source=source, files=tuple(files))
    return run, _finish(run, wish, plainly)


def _finish(
    run: Run,
    wish: Wish,
    do: Do,
    heart: Heart | None = None,
    *,
    load: Load | None = None,
    closing: Callable[[], None] = lambda: None,
) -> int:
    """Walk the way and close the run, whatever happens on it; a heart beats meanwhile."""
    logs.configure()
    run.tell = logs.told(run.tell)
    do = logs.around(telemetry.around(do))
    if heart is not None:
        heart.begin()
        do = heart.around(do)
    try:
        status = _walked(run, wish, do, load, closing)
    except BaseException as error:
        if heart is not None:
            heart.end("failed", FAILED, f"{type(error).__name__}: {error}")
        raise
    if heart is not None:
        heart.end(run.summary.status, status, failure_of(run))
    return status


def _walked(run: Run, wish: Wish, do: Do, load: Load | None, closing: Callable[[], None]) -> int:
    try:
        walk(run, wish, do, load)
        if not run.dry_run:
            closing()
    except BaseException as error:
        run.summary.failures.append(f"{type(error).__name__}: {error}")
        run.summary.exit_status = FAILED
        close_run(run)
        raise
    status = close_run(run)
    if not run.dry_run:
        try:
            write_metrics(run)
        except OSError as error:
            # what is measured must not fail what was done
            log.warning("metrics: %s", error)
        publish_snapshot(run.warehouse)
    return status


def failure_of(run: Run) -> str:
    """Return in one line what failed in a run; '' where nothing did."""
    failed = [
        f"{item.district}/{item.source}: {item.failure}" for item in run.summary.sources if item.failure
    ]
    return "; ".join([*failed, *run.summary.failures])
