"""kill -9 at any moment, then run again: what an undisturbed night would have left, told once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flows.run import DONE, FINDINGS
from tests.flows.slices import ROOT, messages, rows, sure_hash, tiny_slice

SEED = 20261121
#: kills = homes × kills a home; both can be raised from outside for a long watch
HOMES = int(os.environ.get("CRASH_HOMES", "4"))
KILLS = int(os.environ.get("CRASH_KILLS", "3"))


@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_nights_end_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    command = [sys.executable, str(ROOT / "tests" / "flows" / "killing.py")]
    given = [str(made.root / "districts"), str(tmp_path), str(SEED), str(HOMES), str(KILLS)]
    done = subprocess.run(
        [*command, *given],
        check=False,
        capture_output=True,
        text=True,
        timeout=240 + 10 * HOMES * KILLS,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    nights = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    killed = [night for night in nights if night["code"] == -signal.SIGKILL]
    assert len(killed) >= HOMES * KILLS // 3, "the moments fell into the night"
    ended = [night["code"] for night in nights if night["at"] is None]
    assert len(ended) == HOMES
    assert set(ended) <= {DONE, FINDINGS}
    whole = tmp_path / "whole"
    expected = sure_hash(made.settings(whole))
    told = sorted(message["key"] for message in messages(whole))
    assert told, "the slice has something to tell"
    for number in range(HOMES):
        home = tmp_path / f"home-{number}"
        settings = made.settings(home)
        assert sure_hash(settings) == expected, nights
        assert sorted(message["key"] for message in messages(home)) == told, nights
        assert rows(settings, "select distinct state from outbox")["state"].tolist() == ["sent"]
