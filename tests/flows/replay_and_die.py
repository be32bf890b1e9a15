"""Replays in a process of its own that kills itself at a given point of work: `ROOT WORD POINT`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from flows.replay import Choice, replay
from flows.settings import Settings
from sources.layout import layout_data

#: what counts as a point of work
KINDS = ("before_cursor_execute", "commit")
_passed = 0


def main(root: Path, word: str, point: int) -> None:
    """Know a column by another word, and replay everything."""

    def passes(*_: object) -> None:
        global _passed  # noqa: PLW0603  # one counter for two kinds of events
        _passed += 1
        if _passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    layout_data("water_cnemc_section").rest["columns"]["nh3_n"] = word
    for kind in KINDS:
        event.listen(Engine, kind, passes)
    replay(Settings(home=root / "home", districts=root / "districts", lock_wait=30.0), Choice())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
