"""Runs in forked children: everything is imported once, every run is a child, every kill a real SIGKILL.

The parent opens no warehouse and starts no thread, so that a fork is a clean one.
"""

from __future__ import annotations

import contextlib
import gc
import json
import mmap
import os
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text

from flows import units
from flows.ingest import settle
from flows.night import failure_of, fill_back, night
from flows.proof import prove
from flows.settings import Settings
from vocabulary.district import load_districts
from warehouse.engine import Warehouse

#: days of the slice's exports
FIRST, LAST = date(2025, 3, 1), date(2026, 4, 1)
_STAGE_BYTES = 64


def warm() -> None:
    """Import what a night imports late, so that the moments fall into the night's own work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import duckdb_sqlalchemy  # noqa: F401  # late on purpose
        import great_expectations as gx  # late on purpose
        import psycopg  # noqa: F401  # late on purpose
        import pyarrow.dataset
        import pyarrow.pandas_compat  # noqa: F401  # late on purpose

        gx.expectations.ExpectColumnValuesToNotBeNull(column="value")
    # what lives now lives on: a collection in a child would copy every page it touches
    gc.collect()
    gc.freeze()


class Watched:
    """What a child was at when it ended: a stage's name and the points of work it passed, in shared memory."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 2 * _STAGE_BYTES)
        self.passed = 0
        self.die_at: int | None = None

    def at(self, stage: str) -> None:
        self._shared[:_STAGE_BYTES] = stage.encode()[:_STAGE_BYTES].ljust(_STAGE_BYTES)

    def detail(self, kind: str) -> None:
        """Pass one point of work: a statement, a commit, an fsync, a rename; die there if it is the one."""
        self.passed += 1
        note = f"{kind} {self.passed}"
        self._shared[_STAGE_BYTES:] = note.encode()[:_STAGE_BYTES].ljust(_STAGE_BYTES)
        if self.passed == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    @property
    def stage(self) -> str:
        return self._shared[:_STAGE_BYTES].decode().strip(" \0")

    @property
    def last(self) -> str:
        return self._shared[_STAGE_BYTES:].decode().strip(" \0")

    @property
    def points(self) -> int:
        return int(self.last.split()[-1]) if self.last else 0

    def do(self, _name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        """Carry out a step as `flows.way.plainly` does, and say which one it is."""
        self.at(step.__name__)
        result = step(*arguments)
        self.at("between steps")
        return result

    def settle(self, *arguments: Any) -> None:
        """Load a unit as `flows.ingest.settle` does, and say so."""
        self.at("ingest")
        settle(*arguments)
        self.at("between steps")

    def listen(self) -> None:
        """Count points of work; in the child only."""
        event.listen(Engine, "before_cursor_execute", lambda *_: self.detail("statement"))
        event.listen(Engine, "commit", lambda _connection: self.detail("commit"))
        for name in ("fsync", "replace"):
            setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.detail(name)
            result = real(*arguments, **named)
            self.detail(f"after {name}")
            return result

        return counted


@dataclass(frozen=True)
class Place:
    """Where one run works: its home, the districts, and the warehouse's URL ('' is the file in the home)."""

    home: Path
    districts: Path
    url: str = ""

    def settings(self) -> Settings:
        return Settings(home=self.home, districts=self.districts, warehouse=self.url, lock_wait=30.0)

    @property
    def errors(self) -> Path:
        """Where a child says what went wrong."""
        return self.home.with_suffix(".error")


def walk(flow: str, place: Place, watched: Watched) -> int:
    """Walk the way of one flow and return the exit status; what failed in it ends in the place's file of errors."""
    watched.at("open")
    settings = place.settings()
    if flow == "nightly":
        run, status = night(settings, do=watched.do)
    else:
        # in the child only: a backfill loads its units itself, not through `do`
        units.settle = watched.settle
        run, status = fill_back(settings, first=FIRST, last=LAST, notify=True, do=watched.do)
    if failure := failure_of(run):
        place.errors.write_text(failure, "utf-8")
    return status


def fork(work: Callable[[], int], errors: Path) -> int:
    """Start `work` in a child and return its id; what it raises ends in the file `errors`."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        with Path(os.devnull).open("w") as quiet, contextlib.redirect_stdout(quiet):
            status = work()
    except BaseException:  # noqa: BLE001  # the child ends here whatever it was, and says why in the file
        errors.write_text(traceback.format_exc(), "utf-8")
    finally:
        os._exit(status)


def run_and_die(place: Place, flow: str, watched: Watched, die_at: int | None = None) -> int:
    """Start a run that may be killed; `die_at` is the point of work it kills itself at."""

    def work() -> int:
        watched.die_at = die_at
        watched.listen()
        return walk(flow, place, watched)

    watched.at("start")
    return fork(work, place.errors)


def run_whole(place: Place, flow: str, answer: Path) -> int:
    """Start a run that is left alone; it writes what `verify` says afterwards into `answer`."""

    def work() -> int:
        watched = Watched()
        watched.listen()
        status = walk(flow, place, watched)
        settings = place.settings()
        warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
        with warehouse.read() as connection:
            proof = prove(connection, settings, load_districts(settings.districts))
            states = connection.execute(text("select distinct state from outbox")).scalars().all()
        proof |= {"status": status, "outbox": sorted(states), "points": watched.passed}
        answer.write_text(json.dumps(proof), "utf-8")
        return status

    return fork(work, place.errors)


def wait(child: int) -> int:
    """Return the exit code of a child; negative for a signal."""
    _, state = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(state)
