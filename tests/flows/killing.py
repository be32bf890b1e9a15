"""Run nights that are killed: started as a process of its own by test_crash.py.

Everything is imported once; every night is a forked child, and the kill is a real SIGKILL. Prints one
JSON line a night: the home, the moment, and whether the night ended by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

from flows.night import night
from flows.settings import Settings


def _warm() -> None:
    """Import what a night imports late, so that the moments fall into the night's own work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import duckdb_sqlalchemy  # noqa: F401  # late on purpose
        import great_expectations as gx  # late on purpose

        gx.expectations.ExpectColumnValuesToNotBeNull(column="value")


def _child(districts: Path, home: Path) -> int:
    """Start a night in a child process and return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with Path(os.devnull).open("w") as quiet, contextlib.redirect_stdout(quiet):
            _, status = night(Settings(home=home, districts=districts, lock_wait=30.0))
    finally:
        os._exit(status)


def _wait(child: int) -> int:
    _, state = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(state)


def main() -> None:
    """Measure an undisturbed night, kill nights at seeded moments, then let each home have one whole night."""
    districts, into, seed, homes, kills = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        int(sys.argv[5]),
    )
    _warm()
    chance = random.Random(seed)  # noqa: S311  # moments, not secrets
    begun = time.monotonic()
    assert _wait(_child(districts, into / "whole")) in (0, 1)
    whole = time.monotonic() - begun
    for number in range(homes):
        home = into / f"home-{number}"
        for _ in range(kills):
            moment = chance.uniform(0.02, whole)
            child = _child(districts, home)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            code = _wait(child)
            print(json.dumps({"home": home.name, "at": round(moment, 3), "code": code}), flush=True)
        code = _wait(_child(districts, home))
        print(json.dumps({"home": home.name, "at": None, "code": code}), flush=True)


if __name__ == "__main__":
    main()
