"""The maintenance flow: compaction, pruning and backup of the machine, and of Prefect's own history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import State, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
)
from prefect.states import Completed

from flows.settings import Settings
from flows.shell import listener
from flows.upkeep import keep_up

#: flow runs deleted by one maintenance at most: each is one question to the server
_AT_ONCE = 200


@flow(name="maintenance", persist_result=False)
def maintenance(dry_run: bool = False) -> State[dict[str, Any]]:
    """Look after the machine once.

    Parameters
    ----------
    dry_run
        Drop and write nothing.
    """
    settings = Settings()
    tell = listener()
    done = keep_up(settings, dry_run=dry_run, tell=tell)
    dropped = 0 if dry_run else forget_flow_runs(settings.keep_runs_days)
    tell(f"Prefect 历史 {dropped} 次运行已删除 / flow runs forgotten")
    return Completed(message="完成 / done", data=done.as_record() | {"flow_runs_dropped": dropped})


def forget_flow_runs(days: int) -> int:
    """Delete flow runs that ended so many days ago, at most 200 of them; the run summaries stay.

    A server on SQLite slows down with its history; the numbers are in docs/scale.md.
    """
    before = datetime.now(UTC) - timedelta(days=days)
    old = FlowRunFilter(end_time=FlowRunFilterEndTime.model_validate({"before_": before, "is_null_": False}))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=old, limit=_AT_ONCE)
        for run in found:
            client.delete_flow_run(run.id)
    return len(found)
