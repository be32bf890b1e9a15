"""The sweep flow: every hour what is new of water and outlets, so that an alert need not wait for the night."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import State, flow

from flows.night import sweep_once
from flows.settings import Settings
from flows.shell import as_tasks, conclude, listener, run_name


@flow(name="sweep", flow_run_name=run_name("sweep", "run_date"), persist_result=False)
def sweep(run_date: date | None = None, district: list[str] | None = None) -> State[dict[str, Any]]:
    """Pull, judge, load, evaluate, alert and remind, of the sources of `flows/data/sweep.toml`.

    Parameters
    ----------
    run_date
        The sweep's date; none: the example districts' own date, or today in Asia/Shanghai.
    district
        District keys; none: all.
    """
    settings = Settings()
    run, status = sweep_once(
        settings, run_date=run_date, districts=district, tell=listener(), do=as_tasks(settings)
    )
    return conclude(run, status)
