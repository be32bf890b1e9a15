"""Stored days of air against a second way of computing them."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import update

from flows.recount import recount_air
from tests.flows.slices import Slice, empty_slice, run_night
from vocabulary.district import load_districts
from warehouse.checks import sampled_air_days
from warehouse.engine import Warehouse
from warehouse.schema import air_days


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Slice:
    made = empty_slice(tmp_path_factory.mktemp("recount"))
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", "air/china_sites_2025031*.csv")
    run_night(made)
    return made


@pytest.fixture
def stored(made: Slice) -> Warehouse:
    return Warehouse(made.settings().warehouse_url())


def test_what_a_night_stored_is_what_the_engine_computes(made: Slice, stored: Warehouse) -> None:
    district = load_districts(made.settings().districts)["chiping"]
    with stored.begin() as connection:
        assert len(sampled_air_days(connection, "chiping", size=100, seed=1)) >= 10
        assert recount_air(connection, district, size=100) == []


@pytest.mark.parametrize(
    "change", [{"value": air_days.c.value + 1e-6}, {"hours": air_days.c.hours - 1}, {"standard": "HJ0"}]
)
def test_a_row_that_does_not_follow_from_the_readings_is_named(
    made: Slice, stored: Warehouse, change: dict[str, object]
) -> None:
    district = load_districts(made.settings().districts)["chiping"]
    one = (
        air_days.c.site == "CP-A1",
        air_days.c.day == datetime(2025, 3, 12),
        air_days.c.parameter == "pm2_5",
    )
    with stored.begin() as connection:
        connection.execute(update(air_days).where(*one).values(**change))
        found = recount_air(connection, district, size=100)
        connection.rollback()
    assert len(found) == 1
    assert found[0].startswith("chiping CP-A1 2025-03-12 pm2_5")


def test_the_same_seed_takes_the_same_days(stored: Warehouse) -> None:
    with stored.begin() as connection:
        first, again, other = (
            sampled_air_days(connection, "chiping", size=4, seed=seed) for seed in (1, 1, 2)
        )
    assert first == again != other
    assert first == sorted(first)
