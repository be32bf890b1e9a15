"""Units on a Dask cluster of two worker processes with PostgreSQL leave what threads on the embedded file leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.night import fill_back
from tests.conftest import fresh_postgres
from tests.flows.slices import balance_holds, sure_hash, tiny_slice

pytestmark = [pytest.mark.postgres, pytest.mark.thorough, pytest.mark.timeout(600)]
SPAN = {"first": date(2025, 1, 1), "last": date(2026, 4, 1)}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A scheduler and two worker processes on this machine's loopback."""
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    # worker processes import the project from where the tests do
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=40
    ) as made:
        yield made


@pytest.mark.filterwarnings("ignore")  # of a cluster that ends; none of our own warnings is looked for here
def test_a_cluster_on_the_server_says_what_threads_on_the_file_say(
    cluster: Any, postgres_uri: str, tmp_path: Path
) -> None:
    made = tiny_slice(tmp_path)
    (made.folder("chiping", "air-quotsoft") / "china_sites_20250311.csv").touch()
    alone, _ = fill_back(made.settings(tmp_path / "threads"), **SPAN)
    server = fresh_postgres(postgres_uri)
    settings = made.settings(
        tmp_path / "dask",
        runner="dask",
        dask_address=cluster.scheduler_address,
        warehouse=server.url.render_as_string(hide_password=False),
    )
    spread, status = fill_back(settings, **SPAN)
    assert status == 1, "the empty export is refused there as well"
    balance_holds(spread)
    assert spread.summary.units == alone.summary.units
    assert sure_hash(settings) == sure_hash(made.settings(tmp_path / "threads"))
    again, _ = fill_back(settings, **SPAN, only_missing=True)
    assert again.summary.units == []
