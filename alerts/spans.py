"""Spans of time that every rule of alerts shares, as data (alerts/data/spans.toml)."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

Span = Literal["message_week", "before_silence", "trend", "neighbour", "calm", "news"]


@cache
def _spans() -> dict[str, dict[str, object]]:
    data = tomllib.loads(files("alerts").joinpath("data/spans.toml").read_text("utf-8"))
    return {name: entry for name, entry in data.items() if isinstance(entry, dict)}


def span(name: Span) -> dt.timedelta:
    """Return a span of time by its name.

    Raises
    ------
    LookupError
        The file does not give it a whole number of days above 0.
    """
    days = _spans().get(name, {}).get("days")
    if not isinstance(days, int) or isinstance(days, bool) or days <= 0:
        raise LookupError(
            f"alerts/data/spans.toml: [{name}] days: expected a whole number above 0, found {days!r}"
        )
    return dt.timedelta(days=days)
