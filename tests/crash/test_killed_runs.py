"""kill -9 at seeded moments of nightly and of backfill, then run again.

Seeded parts of the campaign: a few moments on the embedded engine in `make test`, more on both engines in
`make thorough`; `python -m tests.crash.campaign --trials 200` is the whole of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = int(os.environ.get("CRASH_MOMENTS", "12"))


@pytest.mark.parametrize(
    ("engines", "moments"),
    [
        ("duckdb", 2),
        pytest.param("duckdb,postgresql", MOMENTS, marks=[pytest.mark.postgres, pytest.mark.thorough]),
    ],
)
@pytest.mark.timeout(600 + 40 * MOMENTS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_runs_end_where_undisturbed_ones_do(engines: str, moments: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.campaign", "--trials", str(moments), "--engines", engines],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=580 + 40 * MOMENTS,
    )
    assert done.stdout, done.stderr
    tally = json.loads(done.stdout)
    assert tally["failures"] == []
    assert done.returncode == 0, done.stderr
    assert tally["moments"] >= moments
    assert len(tally["combos"]) == 2 * len(engines.split(","))
    # the moments fell into the work, not before or after it; which steps a few of them hit is chance
    within = ("gather", "ingest", "evaluate_and_alert", "send_messages", "publish")
    inside = sum(count for hit, count in tally["hit"].items() if hit.startswith(within))
    assert inside >= moments / 2, tally["hit"]
