"""The report flow: the pages are written again, as of the last run, without anything being pulled or judged."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed

from flows.night import publish_again
from flows.settings import Settings
from flows.shell import listener


@flow(name="report", persist_result=False)
def report(district: list[str] | None = None) -> State[dict[str, str]]:
    """Write the pages again.

    Parameters
    ----------
    district
        District keys; none: all.
    """
    run = publish_again(Settings(), districts=district, tell=listener())
    places: dict[str, Any] = dict(run.summary.places)
    return Completed(message="完成 / done", data=places)
