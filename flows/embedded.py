"""Run a flow in this process: with the server of PREFECT_API_URL, or an embedded one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.backfill import backfill
from flows.nightly import nightly
from flows.run import Run
from flows.shell import LAST_RUN, LISTENER

_FLOWS: dict[str, Any] = {"nightly": nightly, "backfill": backfill}


class FlowError(RuntimeError):
    """The flow ended before its run could be concluded."""


def run_flow(name: str, parameters: dict[str, Any], tell: Callable[[str], None]) -> tuple[Run, int]:
    """Run the flow called `name` and return its run and exit status.

    Raises
    ------
    FlowError
        When Prefect ended the flow before the run was concluded; the cause is its exception.
    """
    token = LISTENER.set(tell)
    try:
        state = _FLOWS[name](**parameters, return_state=True)
    finally:
        LISTENER.reset(token)
    run = LAST_RUN.pop(name, None)
    if run is None:
        raise FlowError(f"{name}: {state.type.value}: {state.message}")
    return run, run.summary.exit_status
