"""`--dry-run` writes nothing: not a byte, not a time, wherever a run would write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.night import fill_back
from flows.run import Run
from tests.flows.slices import Slice, run_load, run_night, tiny_slice, tree

_CORRECTION = "air/china_sites_20250310_issued20250401.csv"


def _night(made: Slice, **given: Any) -> tuple[Run, int]:
    return run_night(made, **given)


def _backfill(made: Slice, **given: Any) -> tuple[Run, int]:
    return fill_back(made.settings(), first=date(2025, 1, 1), last=date(2026, 3, 31), **given)


def _load(made: Slice, **given: Any) -> tuple[Run, int]:
    files = sorted(made.folder("chiping", "air-quotsoft").iterdir())
    return run_load(made, files, "air-quotsoft", **given)


@pytest.mark.parametrize("begun", [False, True], ids=["no-warehouse", "begun"])
@pytest.mark.parametrize("action", [_night, _backfill, _load])
def test_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[..., tuple[Run, int]], begun: bool
) -> None:
    made = tiny_slice(tmp_path)
    later = made.exports("chiping") / _CORRECTION
    if begun:
        content = later.read_bytes()
        later.unlink()
        run_night(made)
        later.write_bytes(content)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    before = tree(tmp_path)
    run, status = action(made, dry_run=True)
    assert tree(tmp_path) == before
    assert status == 0
    found = sum(report.found for report in run.summary.sources)
    loaded = [item for report in run.summary.sources for item in report.deliveries]
    assert len(loaded) == (1 if begun else found), "it says what it would load"
    assert all(item["cells_in"] > 0 for item in loaded)
