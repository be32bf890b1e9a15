"""Run a flow in this process: with the server of PREFECT_API_URL, or an embedded one of our own.

Importing this module costs nothing; Prefect is imported when a flow is really run.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flows.run import Run, chosen_districts
from flows.settings import Settings
from flows.units import Progress

#: what holds unless the environment says otherwise: nothing is sent to anybody, a slow machine has time
#: (the first start migrates the server's database), and only trouble is told on the terminal
DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
}


class FlowServerError(ConnectionError):
    """The server that keeps the record of flow runs does not answer; nothing was run."""


class FlowError(RuntimeError):
    """The flow ended before its run could be concluded, and left no exception of its own."""


def run_flow(
    name: str,
    parameters: dict[str, Any],
    tell: Callable[[str], None],
    *,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[Run, int]:
    """Run the flow called `name` and return its run and exit status.

    Parameters
    ----------
    name
        `nightly` or `backfill`.
    parameters
        The flow's parameters.
    tell
        Receives one line of progress.
    on_progress
        Is called after every unit of a backfill.

    Raises
    ------
    flows.run.UnknownDistrictError
        Before any server is asked, when a district has no folder.
    FlowServerError
        When neither the server of PREFECT_API_URL nor an embedded one answers.
    Exception
        Whatever ended the flow before its run could be concluded, as a plain run would raise it.
    """
    settings = Settings()
    chosen_districts(settings, parameters.get("district"))
    with _ending_in_order():
        flow = _prepared(name, settings)
        return _carried_out(name, flow, parameters, tell, on_progress)


def _carried_out(
    name: str,
    flow: Any,
    parameters: dict[str, Any],
    tell: Callable[[str], None],
    on_progress: Callable[[Progress], None] | None,
) -> tuple[Run, int]:
    """Run the flow; what ended it before its run was concluded is raised here."""
    from flows.shell import LAST_RUN, LISTENER, PROGRESS  # noqa: PLC0415  # Prefect takes seconds to import

    token = LISTENER.set(tell)
    watching = PROGRESS.set(on_progress)
    LAST_RUN.pop(name, None)
    try:
        state = flow(**parameters, return_state=True)
    finally:
        LISTENER.reset(token)
        PROGRESS.reset(watching)
    run = LAST_RUN.pop(name, None)
    if run is None:
        state.result(raise_on_failure=True)
        raise FlowError(f"{name}: {state.type.value}: {state.message}")
    return run, run.summary.exit_status


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let SIGTERM end this process by way of its exit: killed outright, the embedded server would stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _prepared(name: str, settings: Settings) -> Any:
    """Return the flow once a server answers; what Prefect logs of runs goes to its server only."""
    home = settings.home.resolve() / "prefect"
    for variable, value in (*DEFAULTS.items(), ("PREFECT_HOME", str(home))):
        os.environ.setdefault(variable, value)
    # Prefect makes the last folder of its home, not the ones above it
    home.mkdir(parents=True, exist_ok=True)

    from flows.backfill import backfill  # noqa: PLC0415  # Prefect takes seconds to import
    from flows.nightly import nightly  # noqa: PLC0415  # Prefect takes seconds to import

    _answering()
    # the terminal shows the run's summary and its failures; a second copy as log lines is noise
    for logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(logger).propagate = False
    flows: dict[str, Any] = {"nightly": nightly, "backfill": backfill}
    return flows[name]


def _answering() -> None:
    """Start the embedded server, or reach the one of PREFECT_API_URL."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415  # Prefect takes seconds to import
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415  # Prefect takes seconds to import

    where = PREFECT_API_URL.value() or "embedded"
    try:
        with get_client(sync_client=True) as client:
            trouble = client.api_healthcheck()
    except RuntimeError as error:
        trouble = error
    if trouble is not None:
        raise FlowServerError(
            f"Prefect 服务（{where}）没有应答，本次未运行；可加 --plain 不经 Prefect 运行 / the Prefect server "
            f"({where}) does not answer, nothing was run; --plain runs without it: {trouble}"
        )
