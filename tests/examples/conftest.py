from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# the generator is a program, no package: it finds its parts beside itself
sys.path.insert(0, str(EXAMPLES))


@pytest.fixture(scope="session")
def examples() -> Path:
    return EXAMPLES


@pytest.fixture(scope="session")
def planted() -> list[dict]:
    return tomllib.loads((EXAMPLES / "planted.toml").read_text("utf-8"))["planted"]
