"""Disk full and I/O errors: one clear line, a status that is not 0, a warehouse that opens, and nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import cli
from flows.run import FAILED, FINDINGS, REFUSED
from tests.crash.campaign import arrive, keys, prepare
from tests.flows.slices import ROOT, Slice, proof_of, run_night, sure_hash


@dataclass(frozen=True)
class Half:
    """A slice whose first exports are loaded (`base`), and what a night over the rest leaves."""

    made: Slice
    base: Path
    dump_sha256: str
    told: list[str]
    fsyncs: int

    def home(self, folder: Path) -> Path:
        return Path(shutil.copytree(self.base, folder / "home-with-fault"))

    def ends_whole(self, home: Path) -> None:
        """Assert that the warehouse opens, and that the next night leaves what an undisturbed one does."""
        assert proof_of(self.made.settings(home))["deliveries"] >= 2
        _, status = run_night(self.made, home)
        assert status == FINDINGS
        assert sure_hash(self.made.settings(home)) == self.dump_sha256
        assert keys(home) == self.told


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Half:
    made = prepare(tmp_path_factory.mktemp("half"))
    base = made.root / "base"
    run_night(made, base)
    arrive(made)
    whole = Path(shutil.copytree(base, made.root / "whole"))
    calls = 0

    def counted(handle: int) -> None:
        nonlocal calls
        calls += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", counted)
        run_night(made, whole)
    return Half(made, base, sure_hash(made.settings(whole)), keys(whole), calls)


def failing(number: int, code: int, real: Callable[[int], None]) -> Callable[[int], None]:
    """Fail from the n-th call on, as a full disk does."""
    calls = 0

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls >= number:
            raise OSError(code, os.strerror(code))
        real(handle)

    return fsync


@pytest.mark.parametrize(
    ("share", "code"),
    [
        (0.0, errno.ENOSPC),
        pytest.param(0.4, errno.EIO, marks=pytest.mark.thorough),
        pytest.param(0.8, errno.EIO, marks=pytest.mark.thorough),
        pytest.param(0.8, errno.ENOSPC, marks=pytest.mark.thorough),
        pytest.param(0.9, errno.EIO, marks=pytest.mark.thorough),
    ],
)
def test_a_disk_that_takes_no_more_loses_nothing(
    half: Half,
    share: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At the first moment in `make test`, at later ones and by another fault in `make thorough`."""
    home = half.home(tmp_path)
    number = 1 + round(share * (half.fsyncs - 1))
    for name, value in half.made.environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["ecoplan", "nightly", "--plain"])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing(number, code, os.fsync))
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code in (FAILED, REFUSED)
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    assert os.strerror(code) in told.out + told.err
    half.ends_whole(home)


def limited(half: Half, home: Path, most: int) -> subprocess.CompletedProcess[str]:
    """Run a night that can write no file beyond `most` bytes: the kernel says EFBIG, as it would ENOSPC."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.run(
        [sys.executable, "-m", "cli", "nightly", "--plain"],
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
        cwd=ROOT,
        env=os.environ | half.made.environment(home),
        preexec_fn=limit,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
@pytest.mark.parametrize(
    "most",
    [
        pytest.param(1_000, id="landing", marks=pytest.mark.thorough),
        pytest.param(20_000, id="loading", marks=pytest.mark.thorough),
        pytest.param(60_000, id="evaluation"),
    ],
)
def test_files_that_cannot_grow_end_in_one_line_and_a_warehouse_that_opens(
    half: Half, most: int, tmp_path: Path
) -> None:
    """A late write in `make test`, the first one and one between in `make thorough`."""
    home = half.home(tmp_path)
    ended = limited(half, home, most)
    assert ended.returncode in (FAILED, REFUSED), ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert lines[-1].startswith("ecoplan: ")
    assert "File too large" in lines[-1]
    assert sum(line.startswith("ecoplan: ") for line in lines) == 1
    half.ends_whole(home)
