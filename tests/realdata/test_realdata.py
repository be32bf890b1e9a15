"""Real exports the project's own way: the balance to the cell, and what their publishers published.

Loads a stated part of $ECOPLAN_REALDATA (default ../shared/data beside the repository): of a folder with
daily CSV files the first two by name, which are days that follow each other; of the others everything. `make realdata` loads all.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.realdata_district import facts, layouts
from benchmarks.realdata_load import count_cells, load
from benchmarks.realdata_run import Outcome, evaluate, real_data, short_of, write

# the first test to run pays for the load
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.thorough,
    pytest.mark.xdist_group("realdata"),
    pytest.mark.timeout(900),
]

#: keys that stand in realdata.json whatever was loaded
STABLE = (
    "air_hourly_aqi_complete",
    "air_24h_means",
    "air_o3_8h",
    "air_mda8",
    "air_feed_aqi",
    "water_class_api",
    "water_class_csv",
)


def rest(_folder: str, names: list[str]) -> list[str]:
    """Names of a folder that are not taken; answers in JSON are small and all taken.

    The year of one city in one file (`…_long.csv`) is left to `make realdata`: it is a year to evaluate.
    """
    files = sorted(name for name in names if Path(name).suffix == ".csv" and not name.endswith("_long.csv"))
    return [*files[2:], *(name for name in names if name.endswith("_long.csv"))]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = real_data()
    if not layouts(data):
        pytest.skip(f"real exports are not here: {data} (set ECOPLAN_REALDATA)")
    folder = tmp_path_factory.mktemp("realdata") / "data"
    shutil.copytree(data, folder, ignore=rest)
    # what lies there may be read-only
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


@pytest.fixture(scope="module")
def outcome(part: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("night")
    yield evaluate(part, load(part, folder))
    shutil.rmtree(folder)


def test_the_ledger_holds_to_the_cell(part: Path, outcome: Outcome) -> None:
    proof = outcome.loaded.proof
    print({name: proof[name] for name in ("deliveries", "cells_in", "new", "revised", "quarantined")})
    assert proof["ok"]
    assert outcome.loaded.faults == []
    # frames are counted by their reader alone; every other file by the csv or json module as well
    counted = {
        layout.source: [count_cells(path, layout) for path in layout.files()] for layout in layouts(part)
    }
    print({source: sum(filter(None, cells)) for source, cells in counted.items()})
    alone = outcome.loaded.by_source.loc[[source for source, cells in counted.items() if None in cells]]
    assert (
        proof["cells_in"]
        == sum(sum(filter(None, cells)) for cells in counted.values()) + alone["cells_in"].sum()
    )


def test_every_source_says_what_became_of_its_cells(outcome: Outcome) -> None:
    print(outcome.loaded.by_source.to_string())
    print(outcome.loaded.reasons.to_string())
    found = outcome.loaded.by_source
    parts = found[["new", "revised", "unchanged", "duplicate", "quarantined", "blank"]].sum(axis=1)
    assert (found["cells_in"] == parts).all()
    quarantined = outcome.loaded.reasons.groupby(level="source")["cells"].sum()
    assert found["quarantined"].to_dict() == {source: quarantined.get(source, 0) for source in found.index}


@pytest.mark.parametrize("name", list(facts()["rate"]))
def test_published_figures_are_reproduced(outcome: Outcome, name: str) -> None:
    found = outcome.rates[name]
    print(f"{name}: {found['agree']} of {found['rows']} rows agree")
    assert short_of({name: found}) == []


def test_the_stale_class_of_the_release_is_told_and_counted(outcome: Outcome) -> None:
    found = outcome.rates["water_class_csv"]
    # most of what is left is the release's own defect: the class of the section's reading before
    assert found["stale_class"] > (found["rows"] - found["agree"]) / 2


def test_rates_are_written_under_stable_keys(outcome: Outcome, tmp_path: Path) -> None:
    rates = json.loads(write(tmp_path, outcome).read_text("utf-8"))
    assert set(STABLE) <= set(rates)
    assert all({"rows", "agree", "rate"} <= set(rate) for rate in rates.values())
    assert all(rate["rate"] == rate["agree"] / rate["rows"] for rate in rates.values())
