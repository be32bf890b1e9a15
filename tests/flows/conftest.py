"""One loaded warehouse with what is planted, for tests that only read it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from flows.run import Run
from tests.flows.slices import Slice, empty_slice, messages, run_night, sure_hash

_CHIPING = (
    "air/china_sites_20250310*.csv",
    "air/china_sites_2025041[56].csv",
    "air/china_sites_20250506.csv",
    "air/china_sites_20250520*.csv",
    "air/china_sites_20250918.csv",
    "water/sections/山东省/马颊河示例断面/2025-06/*.csv",
    "water/sections/山东省/茌新河示例断面/2025-07/*.csv",
    "water/sections/山东省/徒骇河示例断面/2025-09/*.csv",
    "water/api/2026-03-11T1[26].json",
    "water/api/2026-03-2[5-8]*.json",
    "water/api/2026-03-29T[01]*.json",
    "outlets/CPDA001/CPDA001_2026-03.csv",
    "outlets/CPDW001/CPDW001_2026-03.csv",
)
_GAOXIN = (
    "air/china_sites_20251009.csv",
    "water/sections/山东省/赵牛河示例断面/2025-05/*.csv",
    "water/api/2026-03-09T*.json",
    "water/api/2026-03-12T*.json",
    "water/api/2026-03-18T*.json",
    "water/api/2026-03-20T*.json",
    "water/api/2026-03-29T[12]*.json",
    "water/api/2026-03-3*.json",
    "water/api/2026-04-01T00.json",
)


@dataclass(frozen=True)
class Night:
    """A slice after its first night: the run, its exit status, what it left."""

    made: Slice
    run: Run
    status: int
    dump_sha256: str
    messages: list[dict[str, str]]


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Both districts with what is planted, loaded once a worker; tests only read it."""
    made = replace(empty_slice(tmp_path_factory.mktemp("planted")), site=True)
    made.take("chiping", *_CHIPING)
    made.take("gaoxin", *_GAOXIN)
    run, status = run_night(made)
    settings = made.settings()
    return Night(made, run, status, sure_hash(settings), messages(made.home))
