"""Who carries out units of work: threads of this process, or the workers of a Dask cluster; without Prefect.

The same two under Prefect's task runners are in `flows/shell.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from flows.settings import Settings

#: a cluster made for the time of a run: processes, since Python's threads share one interpreter; no page for browsers
LOCAL_CLUSTER: dict[str, Any] = {
    "threads_per_worker": 1,
    # any port: two runs at once must not quarrel about one
    "dashboard_address": "127.0.0.1:0",
    "scheduler_kwargs": {"dashboard": False},
}


class RunnerError(Exception):
    """The runner asked for cannot be had: an extra is missing, or the warehouse is for one process only."""


class Handle(Protocol):
    """What was submitted: `result` waits, and raises what the function raised."""

    def result(self) -> Any:
        """Return what the function returned."""


class Crew(AbstractContextManager["Crew"], Protocol):
    """Carries out functions side by side.

    `local` tells whether they share this process; a function and its arguments must travel otherwise.
    `workers` is how many are carried out at a time.
    """

    local: bool
    workers: int

    def submit(
        self,
        name: str,
        function: Callable[..., Any],
        *given: Any,
        after: tuple[Any, ...] = (),
        behind: tuple[Any, ...] = (),
    ) -> Handle:
        """Carry out `function(*given, *results of after)`; where one of those failed, this fails as well.

        It is not begun before every handle of `behind` is done, however that one ended.
        """


class ThreadCrew:
    """Threads of this process; reading files and Arrow's and DuckDB's work release the interpreter."""

    local = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unit")

    def __enter__(self) -> Self:
        """Begin: the workers are there already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is being done in order; what waits is not begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(
        self,
        _name: str,
        function: Callable[..., Any],
        *given: Any,
        after: tuple[Future[Any], ...] = (),
        behind: tuple[Future[Any], ...] = (),
    ) -> Future[Any]:
        """Submit a function; what it waits for was submitted before, so that nobody waits for ever."""
        return self._pool.submit(_in_turn, function, given, after, behind)


def _in_turn(
    function: Callable[..., Any],
    given: tuple[Any, ...],
    after: tuple[Future[Any], ...],
    behind: tuple[Future[Any], ...],
) -> Any:
    wait(behind)
    return function(*given, *[handle.result() for handle in after])


@dataclass(frozen=True)
class _Outcome:
    """What a worker says: a value or an error. Dask itself would fail everything that comes behind an error."""

    value: Any = None
    error: Exception | None = None

    def unwrapped(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(frozen=True)
class _DaskHandle:
    future: Any

    def result(self) -> Any:
        return self.future.result().unwrapped()


def _on_worker(
    function: Callable[..., Any], given: tuple[Any, ...], needed: int, *before: _Outcome
) -> _Outcome:
    try:
        return _Outcome(value=function(*given, *[outcome.unwrapped() for outcome in before[:needed]]))
    except Exception as error:  # noqa: BLE001  # it is told where the result is asked for
        return _Outcome(error=error)


class DaskCrew:
    """Workers of a Dask cluster: at an address, or made on this machine for the time of the run."""

    local = False

    def __init__(self, workers: int, address: str) -> None:
        distributed = dask_distributed()
        given = {"address": address} if address else {"n_workers": workers, **LOCAL_CLUSTER}
        self._client = distributed.Client(**given)
        self.workers = max(1, len(self._client.scheduler_info()["workers"]))

    def __enter__(self) -> Self:
        """Begin: the workers are there already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the cluster; what was submitted and not begun is forgotten."""
        self._client.close()

    def submit(
        self,
        _name: str,
        function: Callable[..., Any],
        *given: Any,
        after: tuple[Any, ...] = (),
        behind: tuple[Any, ...] = (),
    ) -> Handle:
        """Submit a function; results it comes after go from worker to worker."""
        before = [handle.future for handle in (*after, *behind)]
        return _DaskHandle(self._client.submit(_on_worker, function, given, len(after), *before, pure=False))


def dask_distributed() -> Any:
    """Return Dask's own client library.

    Raises
    ------
    RunnerError
        Without the extra `dask`.
    """
    try:
        import distributed  # noqa: PLC0415  # an extra, and seconds to import
    except ImportError as error:
        raise RunnerError(
            "ECOPLAN_RUNNER=dask 需要安装 dask 扩展 / needs the extra: uv sync --extra dask"
        ) from error
    # what it says of every worker that comes and goes would tear the terminal's progress apart
    logging.getLogger("distributed").setLevel(logging.WARNING)
    return distributed


def check_runner(settings: Settings) -> None:
    """Refuse a runner that the warehouse cannot serve.

    Raises
    ------
    RunnerError
        For Dask over the embedded warehouse: one process writes its file.
    """
    if settings.runner == "dask" and settings.warehouse_url().startswith("duckdb"):
        raise RunnerError(
            "ECOPLAN_RUNNER=dask 需要 PostgreSQL 仓库（ECOPLAN_WAREHOUSE），DuckDB 文件只允许一个进程写 / needs "
            "PostgreSQL as ECOPLAN_WAREHOUSE: one process writes a DuckDB file"
        )


def plain_crew(settings: Settings) -> Crew:
    """Return the crew of the settings, without Prefect."""
    check_runner(settings)
    if settings.runner == "dask":
        return DaskCrew(settings.workers, settings.dask_address)
    return ThreadCrew(settings.workers)
