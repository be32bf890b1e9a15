"""The thin Prefect shell: steps become coarse tasks, the summary becomes an artifact and a state."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from prefect import State, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.run import DONE, FAILED, Run
from flows.settings import Settings
from reports.summary import summary_markdown

#: who listens to progress in this process (the terminal); without one it goes to the flow run's log
LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("LISTENER", default=None)

#: the run each flow concluded last in this process, for the command line that started it
LAST_RUN: dict[str, Run] = {}

#: name of the completed state of a run that found something for a person
FINDINGS_STATE = "Findings"

#: a state's message is a line, the artifact and the summary file hold the rest
_MESSAGE = 1000


def listener() -> Callable[[str], None]:
    """Return who is told of progress: the terminal that listens, else the log of the flow run."""
    return LISTENER.get() or get_run_logger().info


def run_name(kind: str, *parameters: str) -> Callable[[], str]:
    """Return how a flow run is named: its kind and those of its parameters that are given."""

    def name() -> str:
        given = flow_run.parameters
        return " ".join([kind, *(str(given[key]) for key in parameters if given.get(key) is not None)])

    return name


def as_tasks(settings: Settings) -> Callable[..., Any]:
    """Return the way to carry out a step as a Prefect task; gathering is retried with pauses.

    Tasks are as coarse as units of work: one a source's gathering, one a batch (at most a month of a
    source), one a district's evaluation. Nothing is cached or persisted by Prefect: the ledger alone
    knows what is done.
    """

    def do(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        # a closure: Prefect need not look into, copy or hash what a step works on
        def body() -> Any:
            return step(*arguments)

        retried = step.__name__ == "gather"
        pauses = list(settings.retry_seconds) if retried else []
        as_task = task(
            name=step.__name__,
            task_run_name=name.replace("{", "(").replace("}", ")"),
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=len(pauses),
            retry_delay_seconds=pauses or 0,
        )
        return as_task(body)()

    return do


def conclude(run: Run, status: int) -> State[dict[str, Any]]:
    """Keep the summary as an artifact and return the state that agrees with the exit status.

    Returns
    -------
    prefect.State
        Completed for exit status 0, Completed named `Findings` for 1, Failed for 3.
    """
    LAST_RUN[run.summary.kind] = run
    create_markdown_artifact(
        markdown=summary_markdown(run.summary.as_dict()),
        key=f"ecoplan-{run.summary.kind}",
        description=f"{run.summary.kind} {run.summary.run_date}",
    )
    said = {"status": run.summary.status, "exit_status": status, "summary": run.summary.places.get("summary")}
    if status >= FAILED:
        failed = [
            f"{item.district}/{item.source}: {item.failure}" for item in run.summary.sources if item.failure
        ]
        return Failed(message="; ".join([*failed, *run.summary.failures])[:_MESSAGE], data=None)
    if status == DONE:
        return Completed(message="完成 / done", data=said)
    return Completed(name=FINDINGS_STATE, message="有事项需人工处理 / findings that need a person", data=said)
