"""kill -9 at seeded moments of nightly and of backfill, on both engines, then run again.

A seeded part of the campaign; `python -m tests.crash.campaign --trials 200` is the whole of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = int(os.environ.get("CRASH_MOMENTS", "8"))


@pytest.mark.postgres
@pytest.mark.timeout(600 + 20 * MOMENTS)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_runs_end_where_undisturbed_ones_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.campaign", "--trials", str(MOMENTS)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=580 + 20 * MOMENTS,
    )
    assert done.stdout, done.stderr
    tally = json.loads(done.stdout)
    assert tally["failures"] == []
    assert done.returncode == 0, done.stderr
    assert tally["moments"] >= MOMENTS
    assert len(tally["combos"]) == 4
    # the moments fell into the work, not before or after it; which steps a few of them hit is chance
    within = ("gather", "ingest", "evaluate_and_alert", "send_messages", "publish")
    assert sum(count for hit, count in tally["hit"].items() if hit.startswith(within)) >= MOMENTS / 2
    assert any(hit.startswith(("ingest", "evaluate_and_alert")) for hit in tally["hit"])
