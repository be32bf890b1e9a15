"""The thin Prefect shell: steps become coarse tasks, the summary becomes an artifact and a state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests
from prefect import State, allow_failure, get_run_logger, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.crew import LOCAL_CLUSTER, Handle, RunnerError, check_runner, dask_distributed
from flows.run import DONE, FAILED, Run
from flows.settings import Settings
from flows.units import Progress
from reports.summary import summary_markdown

#: who listens to progress in this process (the terminal); without one it goes to the flow run's log
LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("LISTENER", default=None)

#: who is called after every unit of a backfill in this process
PROGRESS: ContextVar[Callable[[Progress], None] | None] = ContextVar("PROGRESS", default=None)

#: the run each flow concluded last in this process, for the command line that started it
LAST_RUN: dict[str, Run] = {}

#: name of the completed state of a run that found something for a person
FINDINGS_STATE = "Findings"

#: seconds between two updates of a progress artifact
_ARTIFACT_SECONDS = 2.0

#: seconds in which Prefect must answer a worker, and take what it has left to say
_REACH_SECONDS = 10.0

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


@dataclass(frozen=True)
class _TaskHandle:
    """A task run, and those it comes after."""

    future: Any
    after: tuple[_TaskHandle, ...]

    def result(self) -> Any:
        try:
            return self.future.result()
        except Exception:
            # a task whose forerunner failed was never run: Prefect says that, the forerunner says why
            for handle in self.after:
                handle.result()
            raise


class TaskCrew:
    """Units of work as Prefect tasks, under the task runner of the settings: threads or a Dask cluster."""

    def __init__(self, settings: Settings) -> None:
        check_runner(settings)
        self.local = settings.runner == "threads"
        self.workers = settings.workers
        self._runner: Any = self._made(settings)
        self._entered = ExitStack()

    @staticmethod
    def _made(settings: Settings) -> Any:
        if settings.runner == "threads":
            return ThreadPoolTaskRunner(max_workers=settings.workers)
        dask_distributed()
        from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415  # an extra

        if settings.dask_address:
            return DaskTaskRunner(address=settings.dask_address)
        return DaskTaskRunner(cluster_kwargs={"n_workers": settings.workers, **LOCAL_CLUSTER})

    def __enter__(self) -> Self:
        """Begin: threads or a cluster are made, or the cluster is reached."""
        with ExitStack() as entered:
            if self.local:
                entered.enter_context(self._runner)
            else:
                self.workers = self._joined(entered)
            self._entered = entered.pop_all()
        return self

    def _joined(self, entered: ExitStack) -> int:
        """Reach the cluster and see that its workers reach Prefect; return how many there are."""
        server = _server_address()
        # settings travel with the tasks; a worker that knows no server would start one of its own
        entered.enter_context(temporary_settings({PREFECT_API_URL: server}))
        entered.enter_context(self._runner)
        client = self._runner.client
        answers: dict[str, bool] = client.run(_reaches, server)
        lost = sorted(worker for worker, reached in answers.items() if not reached)
        if lost:
            raise RunnerError(
                f"Dask 工作进程 {', '.join(lost)} 无法访问 Prefect 服务 {server}：请设置各机都能访问的 PREFECT_API_URL，"
                f"或加 --plain / workers cannot reach Prefect at {server}: set PREFECT_API_URL to a server that every "
                "machine reaches, or use --plain"
            )
        # called before the client goes, however the run ends
        entered.callback(client.run, _reported)
        return max(1, len(answers))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is being done in order; what waits is not begun."""
        self._entered.__exit__(kind, error, trace)

    def submit(
        self,
        name: str,
        function: Callable[..., Any],
        *given: Any,
        after: tuple[Any, ...] = (),
        behind: tuple[Any, ...] = (),
    ) -> Handle:
        """Submit a function as a task; what it comes after is handed over as its only parameter."""

        # a closure: Prefect need not look into, copy or hash what a step works on
        def body(needed: tuple[Any, ...]) -> Any:
            return function(*given, *needed)

        as_task = task(
            name=function.__name__,
            task_run_name=name.replace("{", "(").replace("}", ")"),
            cache_policy=NO_CACHE,
            persist_result=False,
        )(body)
        needed = tuple(handle.future for handle in after)
        waits = [self._over(handle.future) for handle in behind]
        future = self._runner.submit(as_task, parameters={"needed": needed}, wait_for=waits)
        return _TaskHandle(future, after)

    def _over(self, future: Any) -> Any:
        """Return what to wait for so that a future has ended, however it did."""
        if self.local:
            return allow_failure(future)
        # Dask takes Prefect's mark off, and a task that failed would fail everything behind it
        return self._runner.client.submit(_nothing, future.wrapped_future, pure=False)


def _nothing(_state: Any) -> None:
    """Carry out nothing, on a worker, after something else."""


def _server_address() -> str:
    """Return where the server of this process answers, the embedded one included."""
    with get_client(sync_client=True) as client:
        return str(client.api_url)


async def _reaches(server: str) -> bool:
    """Tell on a worker whether Prefect answers there."""
    # what is left of a run that was killed would go on speaking to the server of that run
    await _reported()
    try:
        answer = await asyncio.to_thread(requests.get, f"{server.rstrip('/')}/health", timeout=_REACH_SECONDS)
    except requests.RequestException:
        return False
    return answer.ok


async def _reported() -> None:
    """Have a worker send what it still has to say of its tasks: an embedded server ends with the run."""
    for service in (EventsWorker, APILogWorker):
        leaving: Any = service.drain_all(timeout=_REACH_SECONDS, at_exit=False)
        await leaving


def progress_kept() -> Callable[[Progress], None]:
    """Return who keeps the progress of a backfill: the run's progress artifact, and the terminal that listens."""
    # in a flow without `async` the answer is there at once
    artifact: Any = create_progress_artifact(0.0, key="ecoplan-backfill-progress", description="0")
    listening = PROGRESS.get()
    last = [0.0]

    def keep(progress: Progress) -> None:
        if listening is not None:
            listening(progress)
        # an answer of the server takes its time: not for every unit
        now = time.monotonic()
        if now - last[0] >= _ARTIFACT_SECONDS or progress.units_done == progress.units:
            last[0] = now
            update_progress_artifact(
                artifact, progress=round(100 * progress.share, 1), description=progress.line()
            )

    return keep


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
