"""A replay of any part of the quarantine, in any order, ends where a load under the rules of now does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from tests.warehouse.loading import readings, unit
from vocabulary.reading import REJECT_DTYPES
from warehouse.dump import dump_sha256
from warehouse.engine import Warehouse
from warehouse.load import Unit, load_batch
from warehouse.replay import Anew, replay_delivery
from warehouse.schema import deliveries, quarantine
from warehouse.verify import verify_ledger

T0 = datetime(2025, 7, 1)

#: a cell of one delivery: site, hour, value, and whether it was accepted from the first
Cell = tuple[str, int, float, bool]
cells = st.tuples(
    st.sampled_from("AB"), st.sampled_from([0, 4]), st.sampled_from([1.0, 2.0, 3.0]), st.booleans()
)
exports = st.lists(st.lists(cells, min_size=1, max_size=7), min_size=1, max_size=3)


def frames(export: list[Cell], accepted: list[bool]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The readings and rejected cells of an export of which some cells are accepted."""
    every = readings([(site, hour, value) for site, hour, value, _ in export])
    chosen = np.array(accepted, dtype=bool)
    away = every[~chosen].assign(code="out-of-range", cells=1)
    away = away[[*REJECT_DTYPES]].astype(REJECT_DTYPES).assign(delivery=0)
    return every[chosen].reset_index(drop=True), away.reset_index(drop=True)


def load(connection: Connection, number: int, export: list[Cell], accepted: list[bool]) -> Unit:
    one = unit(number, len(export))
    good, away = frames(export, accepted)
    load_batch(connection, [one], good, away, now=T0 + timedelta(days=number))
    return one


def settled(connection: Connection) -> tuple[str, list[dict[str, Any]]]:
    """The dump's hash and the ledger, both proved."""
    connection.execute(text("delete from stale_days"))
    verdict = verify_ledger(connection)
    assert verdict.failures == []
    names = [deliveries.c[name] for name in ("cells_in", "quarantined", "blank", "duplicate")]
    rows = connection.execute(select(*names).order_by(deliveries.c.sha256)).mappings()
    return verdict.dump_sha256, [dict(row) for row in rows]


def from_the_start(connection: Connection, made: list[list[Cell]]) -> tuple[str, list[dict[str, Any]]]:
    for number, export in enumerate(made, start=1):
        load(connection, number, export, [True] * len(export))
    return settled(connection)


def by_replays(
    connection: Connection, made: list[list[Cell]], turns: list[int]
) -> tuple[str, list[dict[str, Any]]]:
    """Load with some cells turned away, then replay them cell by cell in the order of `turns`."""
    units = [
        load(connection, number, export, [good for *_, good in export])
        for number, export in enumerate(made, start=1)
    ]
    waiting = connection.execute(
        select(quarantine.c.id, quarantine.c.delivery_id, deliveries.c.sha256)
        .join(deliveries, deliveries.c.id == quarantine.c.delivery_id)
        .order_by(quarantine.c.id)
    ).all()
    order = np.argsort(np.resize(turns, len(waiting)), kind="stable") if waiting else []
    for step, place in enumerate(order):
        identity, delivery, sha256 = waiting[place]
        number = next(at for at, one in enumerate(units) if one.sha256 == sha256)
        good, away = frames(made[number], [True] * len(made[number]))
        anew = Anew(replace(units[number]), good, away)
        done = replay_delivery(
            connection, delivery, anew, {identity}, now=T0 + timedelta(days=30, minutes=step)
        )
        assert (done.cells, done.reason) == (1, None)
        assert sum(done.counts.values()) == 1
    return settled(connection)


@pytest.mark.thorough
@settings(max_examples=8, deadline=None)
@given(made=exports, turns=st.lists(st.integers(0, 9), min_size=1, max_size=21))
def test_any_order_of_replays_ends_where_one_load_does(
    tmp_path_factory: Any, made: list[list[Cell]], turns: list[int]
) -> None:
    warehouse = shared(tmp_path_factory)
    with warehouse.read() as connection:
        expected = from_the_start(connection, made)
    with warehouse.read() as connection:
        assert by_replays(connection, made, turns) == expected


_SHARED: dict[str, Warehouse] = {}


def shared(tmp_path_factory: Any) -> Warehouse:
    """One warehouse that stays empty: each example is undone."""
    if "it" not in _SHARED:
        folder: Path = tmp_path_factory.mktemp("replays")
        _SHARED["it"] = Warehouse(f"duckdb:///{folder / 'w.duckdb'}")
    return _SHARED["it"]


def test_a_reading_between_two_that_stood_takes_its_place(warehouse: Warehouse) -> None:
    # rows 2, 3, 4 say 1.0, 2.0, 1.0 of one hour; the middle one was turned away at first, so that the third
    # only repeated the first
    made: list[list[Cell]] = [[("A", 0, 1.0, True), ("A", 0, 2.0, False), ("A", 0, 1.0, True)]]
    with warehouse.begin() as connection:
        got = by_replays(connection, made, [0])
        rows = connection.execute(
            text('select value, kind, known_until is null from readings order by "row"')
        ).all()
    assert [tuple(row) for row in rows] == [(1.0, "new", True), (2.0, "revised", False)]
    assert got[1] == [{"cells_in": 3, "quarantined": 0, "blank": 0, "duplicate": 0}]


def test_a_replayed_cell_outranked_by_a_later_export_is_never_believed(warehouse: Warehouse) -> None:
    made: list[list[Cell]] = [[("A", 0, 1.0, False)], [("A", 0, 2.0, True)]]
    with warehouse.begin() as connection:
        by_replays(connection, made, [0])
        believed = connection.execute(text("select value from readings where known_until is null")).scalars()
        assert list(believed) == [2.0]


def test_both_engines_end_in_one_hash(warehouse: Warehouse, tmp_path: Path) -> None:
    made: list[list[Cell]] = [
        [("A", 0, 1.0, True), ("A", 0, 2.0, False), ("B", 4, 3.0, False), ("A", 0, 1.0, True)],
        [("A", 0, 2.0, False), ("B", 4, 3.0, True), ("B", 4, 1.0, False)],
    ]
    with Warehouse(f"duckdb:///{tmp_path / 'twin.duckdb'}").begin() as connection:
        expected = from_the_start(connection, made)
    with warehouse.begin() as connection:
        assert by_replays(connection, made, [3, 1, 2]) == expected
        assert dump_sha256(connection) == expected[0]
