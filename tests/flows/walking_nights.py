"""Nights of one district on a simulated clock, in this process or in one that kills itself: `ROOT NIGHT UTC`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from flows.dead_man import keep_watch
from flows.night import night
from flows.run import Run
from tests.flows.slices import ROOT, Slice, empty_slice
from vocabulary import clock

NIGHTS = [date(2026, 3, 23) + timedelta(days=step) for step in range(10)]
SOURCES = ("air-quotsoft", "water-cnemc-api", "outlet-hourly")
#: the corrected day of examples/planted.toml; its correction arrives in one of the nights
FIRST_AIR = "air/china_sites_20250310.csv"
CORRECTION = "air/china_sites_20250310_issued20250401.csv"

Replace = Callable[[object, str, object], None]


class Clock:
    """A clock that every module asks instead of the machine's; it goes on by a millisecond a question."""

    def __init__(self, utc: datetime, replace: Replace) -> None:
        self.utc = utc
        real = clock.now_utc
        for module in list(sys.modules.values()):
            if getattr(module, "now_utc", None) is real:
                replace(module, "now_utc", self.now)

    def now(self) -> datetime:
        """Return the time of now, UTC without zone."""
        self.utc += timedelta(milliseconds=1)
        return self.utc

    def due(self, number: int) -> None:
        """Set the clock to a night: 02:30 in Asia/Shanghai, each night begins ten seconds later than the last one.

        So what is due after 24 hours is due in the next night, however long either of them takes.
        """
        begins = datetime.combine(NIGHTS[number], datetime.min.time()) - timedelta(hours=5, minutes=30)
        self.utc = begins + timedelta(seconds=10 * number)


def all_rules(root: Path) -> Slice:
    """Chiping with three of its sources and every rule of its own `alerts.toml`; of its channels the file alone."""
    made = empty_slice(root, rules=())
    made.use({"chiping": SOURCES})
    theirs, mine = ROOT / "districts" / "chiping", root / "districts" / "chiping"
    head, *entries = (theirs / "sources.toml").read_text("utf-8").split("\n[[source]]\n")
    kept = [entry for entry in entries if any(f'key = "{key}"' in entry for key in SOURCES)]
    (mine / "sources.toml").write_text(head + "".join(f"\n[[source]]\n{entry}" for entry in kept), "utf-8")
    rules = (theirs / "alerts.toml").read_text("utf-8").replace('["console", "file"]', '["file"]')
    console = '[[channel]]\nkey = "console"\nkind = "console"\nlanguage = "zh"\n'
    assert console in rules
    (mine / "alerts.toml").write_text(rules.replace(console, ""), "utf-8")
    made.take("chiping", FIRST_AIR)
    return made


def without_pages(_name: str, step: Callable[..., Any], *arguments: Any) -> Any:
    """Carry out every step but the pages, which say nothing of what is on record."""
    return None if step.__name__ == "publish" else step(*arguments)


@dataclass
class Life:
    """One of the two lives of a district: what its nights ended with, and what the watch said of each."""

    made: Slice
    status: list[int] = field(default_factory=list)
    watched: dict[int, str] = field(default_factory=dict)

    def arrive(self, number: int, *sources: str) -> None:
        """The exports of the day before a night arrive."""
        day = NIGHTS[number] - timedelta(days=1)
        patterns = {"air": f"air/china_sites_{day:%Y%m%d}.csv", "water": f"water/api/{day:%Y-%m-%d}T*.json"}
        self.made.take("chiping", *[patterns[source] for source in sources or patterns])

    def walk(self, number: int) -> Run:
        run, status = night(self.made.settings(), run_date=NIGHTS[number], do=without_pages)
        self.status.append(status)
        return run

    def walk_and_die(self, number: int, utc: datetime) -> int:
        """Have a night walked by a process of its own that dies on the way; return how it ended."""
        command = [
            sys.executable,
            "-m",
            "tests.flows.walking_nights",
            str(self.made.root),
            str(number),
            utc.isoformat(),
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=ROOT, env=environment, timeout=300, check=False).returncode

    def watch(self, number: int) -> None:
        """Look at 03:05 whether the night went well."""
        at = datetime.combine(NIGHTS[number], datetime.min.time()) + timedelta(hours=3, minutes=5)
        self.watched[number] = keep_watch(self.made.settings(), at=at).verdicts[0].state

    def summaries(self) -> list[dict[str, Any]]:
        """Return the summaries of the nights that ended, in the order of the clock."""
        found = sorted((self.made.home / "runs").glob("*-nightly-*.json"))
        told = [json.loads(path.read_text("utf-8")) for path in found]
        return sorted(told, key=lambda summary: (summary["run_date"], self._rank(summary)))

    def _rank(self, summary: Mapping[str, Any]) -> int:
        """Of two nights of one date the one that found less was the first, whatever the clock says."""
        return sum(int(source["found"]) for source in summary["sources"])


def die_in_evaluation(root: Path, number: int, utc: datetime) -> None:
    """Walk a night; SIGKILL at the first episode that is written, with all of the evaluation before it undone."""
    at = {"step": ""}

    def do(name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        at["step"] = step.__name__
        return without_pages(name, step, *arguments)

    def passes(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.lower().split()
        writes = words[:2] == ["update", "episodes"] or words[:3] == ["insert", "into", "episodes"]
        if at["step"] == "evaluate_and_alert" and writes:
            os.kill(os.getpid(), signal.SIGKILL)

    Clock(utc, setattr)
    event.listen(Engine, "before_cursor_execute", passes)
    night(Slice(root, root / "home").settings(), run_date=NIGHTS[number], do=do)


if __name__ == "__main__":
    die_in_evaluation(Path(sys.argv[1]), int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
