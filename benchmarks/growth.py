"""What a million cells cost at 1, 10 and 100 times a county's volume: a first load, then an ordinary night.

Counties are copies of an example district with exports of their own (benchmarks/growth_county.py), about 93,000 cells a
month each. Each size is walked the real way, without the site: `ecoplan backfill` of everything (gather, read, judge,
load, flag, evaluate, indicators, alerts), then `ecoplan nightly` with one more day, each in a process of its own.
Printed are seconds of processor time of that process, stage by stage, the most memory it held, and the warehouse's size.

`python -m benchmarks.growth [COUNTIES:DAYS ...]` (default `1:31 10:31 1:7 10:7 100:7`; as a rule 100 counties get a week, so
that the whole ends within half an hour). Not part of `make bench`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.growth_county import ROOT, make_county, write_exports

SIZES = ("1:31", "10:31", "1:7", "10:7", "100:7")
#: the ordinary night's day; what is loaded first ends the day before
DAY = date(2026, 4, 1)
#: how the names of the steps begin (flows/way.py), and the stage they belong to
_STAGES = {"重算与预警": "evaluate", "发送消息": "send", "发布报告": "report"}


class Stopwatch:
    """Carries out steps and adds up their processor time by stage; what is before the first evaluation is loading."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(("start", "load", *_STAGES.values(), "end"), 0.0)
        self.seconds["start"] = time.process_time()
        self._since = self.seconds["start"]
        self._loading = True

    def __call__(self, name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        """Carry out a step here and now."""
        stage = _STAGES.get(name.split(" ", maxsplit=1)[0])
        if stage is None:
            return step(*arguments)
        self._mark("load" if self._loading else "end")
        self._loading = False
        try:
            return step(*arguments)
        finally:
            self._mark(stage)

    def _mark(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] += now - self._since
        self._since = now

    def stop(self) -> dict[str, float]:
        """Return the seconds by stage, the rest of the run under `end`."""
        self._mark("end")
        return self.seconds


def walk(kind: str) -> dict[str, Any]:
    """Walk in this process: `first` is a backfill of everything, `night` one more day."""
    from flows.night import fill_back, night  # noqa: PLC0415  # imported in the child, where the clock counts it
    from flows.settings import Settings  # noqa: PLC0415  # see above

    settings = Settings()
    watch = Stopwatch()
    began = time.monotonic()
    if kind == "first":
        before = DAY - timedelta(days=1)
        run, status = fill_back(settings, first=date(2026, 1, 1), last=before, do=watch)
    else:
        run, status = night(settings, run_date=DAY, do=watch)
    sources = run.summary.sources
    failures = [*run.summary.failures, *[source.failure for source in sources if source.failure]]
    if failures:
        raise SystemExit(f"exit status {status}: {failures[:3]}")
    file = run.warehouse.file
    return {
        "files": sum(source.loaded for source in sources),
        "cells": sum(source.counts.get("cells_in", 0) for source in sources),
        "away": sum(source.counts.get("quarantined", 0) for source in sources),
        "seconds": watch.stop(),
        "wall": time.monotonic() - began,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk": file.stat().st_size / 1e6 if file is not None else 0.0,
    }


def _in_a_child(kind: str, folder: Path) -> dict[str, Any]:
    given = {
        "ECOPLAN_HOME": folder / "home",
        "ECOPLAN_DISTRICTS": folder / "districts",
        "ECOPLAN_SITE": "false",
        "PYTHONPATH": ROOT,
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECOPLAN_")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", f"--{kind}"],
        env=environment | {name: str(value) for name, value in given.items()},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _row(counties: int, days: int, kind: str, found: dict[str, Any]) -> None:
    seconds = found["seconds"]
    total = sum(seconds.values())
    stages = " | ".join(
        f"{seconds[stage]:.1f}" if stage != "send" else f"{seconds['send'] + seconds['report']:.1f}"
        for stage in ("start", "load", "evaluate", "send", "end")
    )
    print(
        f"| {counties} | {f'{days} days' if kind == 'first' else 'a night'} | {found['files']} | {found['cells']:,} "
        f"| {stages} | {total:.1f} | {total / counties:.2f} | {total / found['cells'] * 1e6:.0f} | {found['wall']:.0f} "
        f"| {found['memory']:.0f} | {found['disk']:.0f} |",
        flush=True,
    )


def main(sizes: list[str]) -> None:
    """Measure every size and print the table."""
    print(
        "| counties | what | files | cells | start s | load s | evaluate s | send s | end s | sum s | s/county "
        "| s/million cells | wall s | peak MB | warehouse MB |"
    )
    print("|" + "---|" * 15, flush=True)
    for size in sizes:
        counties, days = (int(part) for part in size.split(":"))
        with tempfile.TemporaryDirectory(prefix="ecoplan-growth-") as name:
            folder = Path(name)
            exports = folder / "examples" / "exports"
            for number in range(counties):
                make_county(number, folder / "districts")
                write_exports(number, exports, DAY - timedelta(days=days), days, whole_months=True)
            _row(counties, days, "first", _in_a_child("first", folder))
            for number in range(counties):
                write_exports(number, exports, DAY, 1, whole_months=False)
            _row(counties, days, "night", _in_a_child("night", folder))


if __name__ == "__main__":
    if sys.argv[1:] in (["--first"], ["--night"]):
        print(json.dumps(walk(sys.argv[1].removeprefix("--"))))
    else:
        main(sys.argv[1:] or list(SIZES))
