"""A backfill walks the same way, wakes nobody, and leaves what a night alone would have left."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.night import fill_back
from tests.flows.slices import Slice, empty_slice, messages, rows, run_night, sure_hash

HISTORY = "section-worse-than-v:chiping:CP-S3:202507140800"
RECENT = "section-worse-than-v:chiping:CP-S3:202603250800"


@pytest.fixture
def made(tmp_path: Path) -> Slice:
    """A corrected air day and an episode in 2025; an episode that begins in 2026."""
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft", "water-cnemc-section", "water-cnemc-api")})
    made.take("chiping", "air/china_sites_20250310*.csv", "water/api/2026-03-25T*.json")
    made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    return made


def steps(home: Path) -> set[str]:
    """What was told: the messages' keys without their channel."""
    return {message["key"].rsplit(":", 1)[0] for message in messages(home)}


@pytest.mark.thorough
def test_a_year_filled_back_then_a_night_equal_the_night_alone(made: Slice, tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    run_night(made, alone)
    run, _ = fill_back(made.settings(both), first=date(2025, 1, 1), last=date(2025, 12, 31))
    assert {report.source: report.loaded for report in run.summary.sources} == {
        "air-quotsoft": 2,
        "water-cnemc-section": 1,
        "water-cnemc-api": 0,
    }
    assert messages(both) == []
    episodes = rows(made.settings(both), "select since, state, history from episodes")
    assert episodes["history"].tolist() == [True], "found, and recorded as history"
    run, _ = run_night(made, both)
    assert {report.source: report.loaded for report in run.summary.sources} == {
        "air-quotsoft": 0,
        "water-cnemc-section": 0,
        "water-cnemc-api": 6,
    }
    assert sure_hash(made.settings(both)) == sure_hash(made.settings(alone))
    assert steps(both) == steps(alone) == {f"{RECENT}:firing"}


def test_a_backfill_of_everything_wakes_nobody_and_the_night_after_tells_what_is_open(
    made: Slice, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    span = {"first": date(2025, 1, 1), "last": date(2026, 4, 1)}
    run, _ = fill_back(made.settings(home), **span)
    assert run.summary.messages.get("sent", 0) == 0
    assert messages(home) == []
    assert rows(made.settings(home), "select * from outbox").empty
    filled = sure_hash(made.settings(home))
    run_night(made, home)
    assert steps(home) == {f"{RECENT}:firing"}
    told = messages(home)
    assert sure_hash(made.settings(home)) == filled
    # once more over the same days: everything is recomputed, nothing changes, nobody is told again
    run, _ = fill_back(made.settings(home), **span)
    assert sum(run.summary.evaluated.values()) == 0
    assert sure_hash(made.settings(home)) == filled
    assert messages(home) == told


def test_a_backfill_tells_when_it_is_asked_to(made: Slice, tmp_path: Path) -> None:
    home = tmp_path / "home"
    fill_back(made.settings(home), first=date(2026, 3, 1), last=date(2026, 4, 1), notify=True)
    assert steps(home) == {f"{RECENT}:firing"}
    assert HISTORY not in "".join(steps(home))
