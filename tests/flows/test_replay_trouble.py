"""Replays under trouble: killed at any moment, bytes gone; and whom they wake."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event

import quality.judge
from flows.replay import Choice, replay
from tests.flows.replay_and_die import KINDS
from tests.flows.slices import ROOT, Slice, empty_slice, messages, rows, run_night, sure_hash
from tests.flows.test_replay import UNKNOWN, at_once, know_column, rename_column, section_slice


def killed(root: Path, point: int) -> int:
    """Replay in a process of its own that kills itself at a point of its work; return its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.replay_and_die", str(root), UNKNOWN, str(point)],
        check=False,
        capture_output=True,
        cwd=ROOT,
        timeout=200,
    )
    return done.returncode


def points_of(made: Slice) -> int:
    """Replay, and count the points of its work."""
    passed = []

    def passes(*_: object) -> None:
        passed.append(1)

    for kind in KINDS:
        event.listen(Engine, kind, passes)
    try:
        replay(made.settings(), Choice())
    finally:
        for kind in KINDS:
            event.remove(Engine, kind, passes)
    return len(passed)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
def test_a_replay_killed_anywhere_and_run_again_ends_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path / "made")
    rename_column(file)
    run_night(made)
    hurt = Slice(tmp_path / "hurt", tmp_path / "hurt" / "home")
    shutil.copytree(made.root, hurt.root)
    know_column(monkeypatch)
    points = points_of(made)
    assert sure_hash(made.settings()) == at_once(made)
    # the second one goes on in what the first one left
    assert [killed(hurt.root, round(share * points)) for share in (0.4, 0.6)] == [-9, -9]
    replay(hurt.settings(), Choice())
    assert sure_hash(hurt.settings()) == sure_hash(made.settings())


def test_bytes_that_are_gone_are_named_and_stop_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, file = section_slice(tmp_path)
    rename_column(file)
    other = file.with_name("茌新河示例断面_issued20250915.csv")
    other.write_text(file.read_text("utf-8").replace(",0.8", ",0.9"), encoding="utf-8")
    run_night(made)
    landed = rows(made.settings(), "select sha256 from deliveries order by name")["sha256"]
    (made.home / "landing" / landed[0][:2] / landed[0]).unlink()
    know_column(monkeypatch)
    run, status, records = replay(made.settings(), Choice())
    assert status == 3
    assert landed[0] in run.summary.sources[0].failure
    assert [record["sha256"] for record in records] == [landed[1]]
    assert records[0]["left"] == 0


def narrowed(patch: pytest.MonkeyPatch) -> None:
    """Let no 4-hour value of ammonia or phosphorus reach beyond class Ⅴ."""
    limits = quality.judge.ranges()
    upper: np.ndarray = limits.upper.copy()
    for parameter, most in (("nh3_n", 2.0), ("tp", 0.4), ("cod_mn", 15.0)):
        upper[limits.parameters.index(parameter), limits.periods.index("4h")] = most
    changed = dataclasses.replace(limits, upper=upper)
    patch.setattr(quality.judge, "ranges", lambda: changed)


@pytest.mark.parametrize("notify", [False, True])
def test_a_replay_wakes_nobody_unless_it_is_asked_to(tmp_path: Path, *, notify: bool) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-api",)})
    made.take("chiping", "water/api/2026-03-25T*.json")
    with pytest.MonkeyPatch.context() as patch:
        narrowed(patch)
        run_night(made)
    assert messages(made.home) == []
    assert len(rows(made.settings(), "select id from episodes")) == 0
    run, status, _ = replay(made.settings(), Choice(), notify=notify)
    assert [episode["subject"] for episode in run.summary.episodes] == ["CP-S3"]
    assert status == 1, "an open episode needs a person"
    assert bool(messages(made.home)) is notify
