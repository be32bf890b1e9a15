"""The watch flow: every quarter of an hour, whether the night came and ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import State, flow
from prefect.states import Completed, Failed

from flows.dead_man import as_lines, keep_watch
from flows.run import DONE, FAILED
from flows.settings import Settings
from flows.shell import FINDINGS_STATE, listener


@flow(name="watch", persist_result=False)
def watch(at: datetime | None = None) -> State[list[dict[str, Any]]]:
    """Look after the nights once, without the warehouse.

    Parameters
    ----------
    at
        Asia/Shanghai wall time to look from, for a drill; none: now.
    """
    watched = keep_watch(Settings(), at=None if at is None else at.replace(tzinfo=None))
    lines = as_lines(watched)
    tell = listener()
    for line in lines:
        tell(line)
    if watched.exit_status >= FAILED:
        return Failed(message="; ".join(lines), data=None)
    name = None if watched.exit_status == DONE else FINDINGS_STATE
    return Completed(name=name or "Completed", message="; ".join(lines), data=watched.records())
