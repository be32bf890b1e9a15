"""The overview page: indicators, open alerts and the run, as one static file without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment

from reports.terminal import STATUS, figure, plain

_STATES = {"open": "待处理", "dismissed": "已驳回"}
#: weeks of quarantine reasons that the page shows, the newest first
WEEKS = 8


def overview_html(
    summary: Mapping[str, Any], names: Mapping[str, str], weeks: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return the overview of a run as one HTML page, Chinese first; every text is escaped.

    Parameters
    ----------
    summary
        The run's summary as plain data.
    names
        District key -> Chinese name.
    weeks
        What waits in quarantine, counted: `district, source, week, code, state, cells, deliveries, reason_zh,
        reason_en`, the newest week first; the page shows the newest `WEEKS`.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"figure": figure, "plain": plain}
    template = environment.from_string(
        files("reports").joinpath("templates/overview.html").read_text("utf-8")
    )
    plans: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in summary["indicators"]:
        plans.setdefault((record["district"], record["period"]), []).append(record)
    newest = sorted({str(record["week"]) for record in weeks}, reverse=True)[:WEEKS]
    shown = [record for record in weeks if record["week"] in newest]
    more = {"weeks": shown, "limit": WEEKS, "states": _STATES}
    return template.render(s=summary, plans=plans, names=names, status=STATUS, **more)
