"""A night, a backfill and a one-off load: three wishes for the same way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.gather import OneOffError, Window, one_off
from flows.heartbeat import Heart, Ping
from flows.run import FAILED, Run, close_run, open_run
from flows.settings import Settings
from flows.way import Do, Wish, plainly, walk
from warehouse.load import mark_range
from warehouse.snapshot import publish_snapshot


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
) -> tuple[Run, int]:
    """Load and evaluate a range of days; silent unless `notify`.

    Without `only_missing` the days of the range are recomputed even where nothing new came in.
    """
    run = open_run(settings, "backfill", districts=districts, source=source, dry_run=dry_run, tell=tell)
    if not only_missing and not dry_run:
        with run.warehouse.begin() as connection:
            for district in run.districts:
                start = datetime.combine(first, datetime.min.time())
                end = datetime.combine(last + timedelta(days=1), datetime.min.time())
                mark_range(connection, district, start, end)
    wish = Wish(window=Window(first, last), source=source, silent=not notify)
    return run, _finish(run, wish, do)


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


def _finish(run: Run, wish: Wish, do: Do, heart: Heart | None = None) -> int:
    """Walk the way and close the run, whatever happens on it; a heart beats meanwhile."""
    if heart is not None:
        heart.begin()
        do = heart.around(do)
    try:
        walk(run, wish, do)
    except BaseException as error:
        run.summary.failures.append(f"{type(error).__name__}: {error}")
        run.summary.exit_status = FAILED
        try:
            close_run(run)
        finally:
            if heart is not None:
                heart.end("failed", FAILED, f"{type(error).__name__}: {error}")
        raise
    status = close_run(run)
    if not run.dry_run:
        publish_snapshot(run.warehouse)
    if heart is not None:
        heart.end(run.summary.status, status, failure_of(run))
    return status


def failure_of(run: Run) -> str:
    """Return in one line what failed in a run; '' where nothing did."""
    failed = [
        f"{item.district}/{item.source}: {item.failure}" for item in run.summary.sources if item.failure
    ]
    return "; ".join([*failed, *run.summary.failures])
