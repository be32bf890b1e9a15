"""Ten nights on a simulated clock, once undisturbed and once with everything that happens to nights."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.dead_man import keep_watch
from flows.run import FAILED
from tests.flows.slices import EXPORTS, Slice, balance_holds, empty_slice, messages, run_night, sure_hash
from vocabulary import clock

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(1800)]

NIGHTS = [date(2026, 3, 23) + timedelta(days=step) for step in range(10)]
#: what happens in which night (0 to 9)
LATE, MISSED, DOWN, CRASHED, COMES_LATE, CORRECTED, CLOCK_BACK = 1, 2, (4, 5), 6, 7, 8, 9
_FIRST = "air/china_sites_20250310.csv"
_CORRECTION = "air/china_sites_20250310_issued20250401.csv"
#: the episode of the examples in these days (examples/planted.toml): 03-25 08:00 until it clears
EPISODE = "section-worse-than-v:chiping:CP-S3:202603250800"

_ALERTS = """version = "1"
horizon_days = 7
[[rule]]
id = "section-worse-than-v"
kind = "section-class"
title_zh = "断面劣Ⅴ"
title_en = "section worse than class V"
medium = "surface_water"
basis = "sample"
level = "red"
raise_class = 6
clear_class = 5
raise_after = 2
raise_multiple = 2.0
clear_after = 2
version = "1"
valid_from = 2002-06-01
clause = "GB 3838-2002"
sure = "V2"
[[channel]]
key = "file"
kind = "file"
language = "zh"
[[route]]
rule = "section-worse-than-v"
channels = ["file"]
"""


class Clock:
    """A clock that every module asks instead of the machine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.utc = datetime(2026, 3, 22)
        real = clock.now_utc
        for module in list(sys.modules.values()):
            if getattr(module, "now_utc", None) is real:
                monkeypatch.setattr(module, "now_utc", self.now)

    def now(self) -> datetime:
        """Every question a little later than the one before."""
        self.utc += timedelta(milliseconds=1)
        return self.utc

    def due(self, night: date) -> None:
        """02:30 in Asia/Shanghai."""
        self.utc = datetime.combine(night, datetime.min.time()) - timedelta(hours=5, minutes=30)


def without_pages(_name: str, step: Callable[..., Any], *arguments: Any) -> Any:
    """Carry out every step but the pages, which say nothing of what is on record."""
    return None if step.__name__ == "publish" else step(*arguments)


@dataclass
class Home:
    """One of the two lives of a district."""

    made: Slice
    status: dict[int, int] = field(default_factory=dict)
    watched: dict[int, str] = field(default_factory=dict)

    def arrive(self, night: int) -> None:
        """The exports of the day before a night arrive."""
        day = NIGHTS[night] - timedelta(days=1)
        self.made.take("chiping", f"water/api/{day:%Y-%m-%d}T*.json")

    def walk(self, night: int, do: Callable[..., Any] = without_pages) -> None:
        run, self.status[night] = run_night(self.made, run_date=NIGHTS[night], do=do)
        balance_holds(run)


class Gone(BaseException):
    """The process is killed."""


def dying(_name: str, step: Callable[..., Any], *arguments: Any) -> Any:
    """Carry out what was gathered and loaded; die before anything is evaluated."""
    if step.__name__ == "evaluate_and_alert":
        raise Gone
    return step(*arguments)


def home(root: Path) -> Home:
    made = empty_slice(root)
    made.use({"chiping": ("air-quotsoft", "water-cnemc-api")})
    (made.root / "districts" / "chiping" / "alerts.toml").write_text(_ALERTS, "utf-8")
    assert all((EXPORTS / "chiping" / name).is_file() for name in (_FIRST, _CORRECTION))
    made.take("chiping", _FIRST)
    return Home(made)


def undisturbed(root: Path, clock: Clock) -> Home:
    life = home(root)
    for night in range(10):
        clock.due(NIGHTS[night])
        life.arrive(night)
        if night == CORRECTED:
            life.made.take("chiping", _CORRECTION)
        life.walk(night)
    return life


def disturbed(root: Path, clock: Clock) -> Home:
    life = home(root)
    water = life.made.folder("chiping", "water-cnemc-api")
    for night in range(10):
        clock.due(NIGHTS[night])
        if night != LATE:
            life.arrive(night)
        if night == COMES_LATE:
            life.arrive(LATE)
        if night == CORRECTED:
            life.made.take("chiping", _CORRECTION)
        if night == CLOCK_BACK:
            # somebody sets the clock: this night is before the one that ran yesterday
            clock.due(NIGHTS[night - 1])
            clock.utc -= timedelta(hours=3)
        away = water.with_name("down")
        if night in DOWN:
            water.rename(away)
        if night == CRASHED:
            with pytest.raises(Gone):
                life.walk(night, do=dying)
        elif night != MISSED:
            life.walk(night)
        if night in DOWN:
            away.rename(water)
        at = datetime.combine(NIGHTS[night], datetime.min.time()) + timedelta(hours=3, minutes=5)
        life.watched[night] = keep_watch(life.made.settings(), at=at).verdicts[0].state
    return life


def test_what_happens_to_nights_leaves_no_trace_in_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    calm = undisturbed(tmp_path / "calm", clock)
    rough = disturbed(tmp_path / "rough", clock)
    assert sure_hash(rough.made.settings()) == sure_hash(calm.made.settings())

    # alerts: each step of the episode once, whatever happened in between
    told = [message["key"] for message in messages(calm.made.home) if message["subject"] != "nightly"]
    again = [message["key"] for message in messages(rough.made.home) if message["subject"] != "nightly"]
    assert len(again) == len(set(again))
    assert set(again) == set(told) == {f"{EPISODE}:firing:file", f"{EPISODE}:resolved:file"}

    # the watch saw the night that never came, those that failed, and no other
    assert rough.watched[MISSED] == "not-started"
    assert [rough.watched[night] for night in (*DOWN, CRASHED)] == ["failed"] * 3
    assert {rough.watched[night] for night in (0, 1, 3, COMES_LATE, CORRECTED)} == {"well"}

    # summaries: one a night that ran, failed where a source was down or the process died
    found = sorted((rough.made.home / "runs").glob("*-nightly-*.json"))
    summaries = [json.loads(path.read_text("utf-8")) for path in found]
    assert len(summaries) == 9
    by_date = {summary["run_date"]: summary for summary in summaries}
    assert f"{NIGHTS[MISSED]}" not in by_date
    for night in DOWN:
        assert rough.status[night] == FAILED
        air, water = by_date[f"{NIGHTS[night]}"]["sources"]
        assert (air["failure"], bool(water["failure"])) == ("", True)
    assert "Gone" in by_date[f"{NIGHTS[CRASHED]}"]["failures"][0]
    # what the missed night did not load the next one did, in order and once
    caught = by_date[f"{NIGHTS[MISSED + 1]}"]["sources"][1]
    days = [item["name"].rsplit("/", 1)[-1][:10] for item in caught["deliveries"]]
    wanted = [NIGHTS[MISSED] - timedelta(days=1), NIGHTS[MISSED]]
    assert list(dict.fromkeys(days)) == [f"{day}" for day in wanted]
