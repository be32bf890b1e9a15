"""What is missing: told without a run, and without importing what a run needs."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select

from flows.gather import Window, gather
from flows.rulebook import judgement, last_judged
from flows.run import Run, open_run
from flows.settings import Settings
from warehouse.schema import stale_days


def nothing_missing(
    settings: Settings, *, first: date, last: date, districts: list[str] | None, source: str | None
) -> bool:
    """Tell, without a run, that a backfill of what is missing would do nothing.

    True when every export in the folders of the range is in the ledger, nothing waits to be recomputed and the
    rules are those the rows were judged by. A source behind an address can only be asked by a run.
    """
    run = open_run(settings, "backfill", districts=districts, source=source, dry_run=True)
    if not run.warehouse.exists():
        return False
    # the file stays open: opening it once a source would cost more than asking
    with run.warehouse.read() as connection:
        if pending_work(connection, run):
            return False
        for district in run.districts.values():
            for item in district.sources:
                if source not in (None, item.key):
                    continue
                if item.remote:
                    return False
                gathered = gather(run, district, item, Window(first, last))
                if gathered.pending or gathered.failures:
                    return False
    return True


def pending_work(connection: Connection, run: Run) -> bool:
    """Tell whether days of the run's districts wait to be recomputed, or were judged by other rules."""
    waiting = select(stale_days.c.day).where(stale_days.c.district.in_(list(run.districts))).limit(1)
    if connection.execute(waiting).first() is not None:
        return True
    return any(
        last_judged(connection, key) != judgement(district, run.run_date)
        for key, district in run.districts.items()
    )
