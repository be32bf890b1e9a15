"""Spans that every rule shares are data with what they mean, and the how-to tells of each."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from alerts import spans
from alerts.spans import Span, span

ROOT = Path(__file__).resolve().parents[2]
DATA = tomllib.loads((ROOT / "alerts" / "data" / "spans.toml").read_text("utf-8"))
NAMES = get_args(Span)


def test_every_span_stands_in_the_file_with_its_meaning_and_no_other() -> None:
    entries = {name: entry for name, entry in DATA.items() if isinstance(entry, dict)}
    assert set(entries) == set(NAMES)
    for name in NAMES:
        assert span(name) == dt.timedelta(days=entries[name]["days"])
        assert entries[name]["zh"]
        assert entries[name]["en"]
    assert {"version", "valid_from", "clause", "sure"} <= set(DATA)


def test_the_how_to_names_each_with_its_days() -> None:
    text = (ROOT / "docs" / "how-to" / "alerts.md").read_text("utf-8")
    for name in NAMES:
        assert f"| `{name}` | {span(name).days} |" in text


@pytest.mark.parametrize("days", [0, -1, 1.5, "7", True, None])
def test_a_span_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, days: Any) -> None:
    monkeypatch.setattr(spans, "_spans", lambda: {"trend": {"days": days}})
    with pytest.raises(LookupError, match=r"\[trend\] days: expected a whole number above 0"):
        span("trend")
