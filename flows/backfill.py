"""The backfill flow: any range of days over the same units and ledger, without waking anybody."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import State, flow

from flows.night import fill_back
from flows.settings import Settings
from flows.shell import TaskCrew, as_tasks, conclude, listener, progress_kept, run_name


@flow(name="backfill", flow_run_name=run_name("backfill", "first", "last"), persist_result=False)
def backfill(
    first: date,
    last: date,
    district: list[str] | None = None,
    source: str | None = None,
    only_missing: bool = False,
    notify: bool = False,
    dry_run: bool = False,
) -> State[dict[str, Any]]:
    """Backfill the days first to last, both inclusive; killed and run again, it goes on where it was.

    Parameters
    ----------
    first, last
        Days of the exports.
    district, source
        District keys and a source key; none: all.
    only_missing
        Do not recompute days whose exports are all in the ledger.
    notify
        Send messages as a night would.
    dry_run
        Write nothing.
    """
    settings = Settings()
    run, status = fill_back(
        settings,
        first=first,
        last=last,
        districts=district,
        source=source,
        only_missing=only_missing,
        notify=notify,
        dry_run=dry_run,
        tell=listener(),
        do=as_tasks(settings),
        crew=TaskCrew,
        on_progress=progress_kept(),
    )
    return conclude(run, status)
