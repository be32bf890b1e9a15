"""`make realdata`: see benchmarks/realdata_run.py."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    # a script finds its own folder first: no file in it may be taken for a room or a library
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.exit(importlib.import_module("benchmarks.realdata_run").main())
