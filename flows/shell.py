"""The thin Prefect shell: steps become coarse tasks, the summary becomes an artifact and a state."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from prefect import State, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, Failed

from flows.run import DONE, FAILED, Run
from flows.settings import Settings
from reports.summary import summary_markdown

#: who listens to progress in this process (the terminal); a worker has nobody
LISTENER: ContextVar[Callable[[str], None]] = ContextVar("LISTENER", default=lambda _line: None)

#: the run each flow concluded last in this process, for the command line that started it
LAST_RUN: dict[str, Run] = {}


def as_tasks(settings: Settings) -> Callable[..., Any]:
    """Return the way to carry out a step as a Prefect task; gathering is retried with pauses."""

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
    """Keep the summary as an artifact and return the state that agrees with the exit status."""
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
        return Failed(message="; ".join([*failed, *run.summary.failures])[:1000], data=None)
    if status == DONE:
        return Completed(message="done", data=said)
    return Completed(name="Findings", message="findings need a person", data=said)
