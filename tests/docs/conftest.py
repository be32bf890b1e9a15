"""A small warehouse that the commands of the documents are tried on, made once a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from vocabulary.district import load_districts

ROOT = Path(__file__).resolve().parents[2]
_ENVIRONMENT = {"COLUMNS": "200", "TERM": "dumb"}
_EXPORTS = {
    "chiping/air": ("china_sites_20250610.csv", "china_sites_20250611.csv"),
    "chiping/water/sections": ("山东省/茌新河示例断面/2025-07/茌新河示例断面.csv",),
    "chiping/outlets": ("CPDA001/CPDA001_2026-03.csv", "CPDW001/CPDW001_2026-03.csv"),
    "gaoxin/water/api": ("2026-03-31T00.json", "2026-03-31T04.json"),
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a small warehouse: two days of air, a month of a section and of two outlets; an hour of the other district."""
    folder = tmp_path_factory.mktemp("records")
    shutil.copytree(ROOT / "districts", folder / "districts")
    for place, names in _EXPORTS.items():
        for name in names:
            copy = folder / "examples/exports" / place / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / "examples/exports" / place / name, copy)
    for district in load_districts(folder / "districts").values():
        for source in district.sources:
            (folder / source.location).mkdir(parents=True, exist_ok=True)
    environment = {
        **_ENVIRONMENT,
        "ECOPLAN_HOME": str(folder / "home"),
        "ECOPLAN_DISTRICTS": str(folder / "districts"),
    }
    answer = CliRunner().invoke(app, ["nightly", "--plain"], env=environment)
    assert answer.exit_code in (0, 1), answer.output
    return environment
