"""The command line run as a user would, in this process, over a small loaded slice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import cli
from tests.flows.slices import Slice, empty_slice, run_night


@dataclass(frozen=True)
class Said:
    """What one command gave."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ecoplan = Callable[..., Said]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Slice:
    """One district with a day of air, a day of water, a month of an outlet; tests only read its home."""
    made = empty_slice(tmp_path_factory.mktemp("cli"))
    made.use({"chiping": ("air-quotsoft", "water-cnemc-api", "outlet-hourly")})
    made.take("chiping", "air/china_sites_20250506.csv", "water/api/2026-03-25T*.json")
    made.take("chiping", "outlets/CPDA001/CPDA001_2026-03.csv")
    run_night(made)
    return made


@pytest.fixture
def ecoplan(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ecoplan:
    """Run `ecoplan …` over a slice: `ecoplan(made, "verify", "--json", ECOPLAN_LOCK_WAIT="1")`."""

    def call(made: Slice | None, *words: str, **environment: str) -> Said:
        for name in ("PREFECT_HOME", "PREFECT_LOGGING_LEVEL", "DO_NOT_TRACK"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        for name in (
            "PREFECT_SERVER_ANALYTICS_ENABLED",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS",
        ):
            monkeypatch.setenv(name, "1")
        for name, value in ((made.environment() if made else {}) | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["ecoplan", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capfd.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    return call
