"""The nightly flow: everything the ledger lacks, then indicators, alerts and report."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import State, flow

from flows.night import night
from flows.settings import Settings
from flows.shell import as_tasks, conclude, listener, run_name


@flow(name="nightly", flow_run_name=run_name("nightly", "run_date"), persist_result=False)
def nightly(
    run_date: date | None = None, district: list[str] | None = None, dry_run: bool = False
) -> State[dict[str, Any]]:
    """Run one night.

    Parameters
    ----------
    run_date
        The night's date; none: the example districts' own date, or today in Asia/Shanghai.
    district
        District keys; none: all.
    dry_run
        Write nothing.
    """
    settings = Settings()
    run, status = night(
        settings,
        run_date=run_date,
        districts=district,
        dry_run=dry_run,
        tell=listener(),
        do=as_tasks(settings),
    )
    return conclude(run, status)
