"""How far a backfill is, as somebody sees it at a terminal of 80 columns."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import unicodedata
from pathlib import Path

import pytest

from flows.run import FINDINGS
from tests.flows.prefect_server import ECOPLAN, clean_environment
from tests.flows.slices import ROOT, tiny_slice

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(300)]
COLUMNS = 80
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_a_terminal(*command: str | Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command with a terminal of 80 columns as its screen; return its status and all it wrote there."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    words = [str(word) for word in command]
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                # how Linux says that nobody has the terminal open any more
                break
            if not piece:
                break
            written += piece
        status = process.wait(timeout=60)
    os.close(ours)
    return status, written.decode()


def width(line: str) -> int:
    """Return how many columns a line takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def test_eighty_columns_hold_the_bar_its_numbers_and_what_is_being_done(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    environment = clean_environment(**made.environment(), TERM="xterm-256color")
    environment.pop("COLUMNS", None)
    command = (ECOPLAN, "backfill", "--plain", "--from", "2025-01-01", "--to", "2026-04-01")
    status, written = at_a_terminal(*command, environment=environment)
    assert status == FINDINGS, written
    screen = written[: written.index("本次收取")]
    # each picture of the bar begins where the one before is wiped out
    pictures = [_CONTROL.sub("", part).replace("\r", "") for part in screen.split("\x1b[2K")]
    pictures = [picture.rstrip("\n") for picture in pictures if picture.strip()]
    assert max(width(line) for picture in pictures for line in picture.split("\n")) <= COLUMNS
    bars = [line for picture in pictures for line in picture.split("\n") if "%" in line]
    assert "…" not in "".join(bars), "no number is cut"
    # two units: one done, some time left; both done
    assert any(re.search(r" 50% 1/2 [\d,]+/s \d:\d\d:\d\d 剩余 left \d+:\d\d *$", bar) for bar in bars), bars[
        -3:
    ]
    assert re.search(r"100% 2/2 [\d,]+/s \d:\d\d:\d\d *$", bars[-1]), bars[-3:]
    below = [line.strip() for picture in pictures for line in picture.split("\n") if "%" not in line]
    assert "收取 gathering" in below
    assert "chiping/air-quotsoft 2025-03" in below
    assert any("重算" in line for line in below)
