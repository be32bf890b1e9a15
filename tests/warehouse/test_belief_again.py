"""A value that comes back: its rows stay apart, and every past belief stays what it was."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from tests.warehouse.loading import no_rejects, readings, unit
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.recall import recall_readings
from warehouse.schema import readings as readings_table

T0 = datetime(2025, 7, 1)


def test_what_was_believed_between_two_returns_of_a_value_is_not_forgotten(warehouse: Warehouse) -> None:
    said = [5.0, 7.0, 5.0, 5.0, 9.0]
    for day, value in enumerate(said):
        with warehouse.begin() as connection:
            load_batch(
                connection,
                [unit(day, 1)],
                readings([("A", 0, value)]),
                no_rejects(),
                now=T0 + timedelta(days=day),
            )
    with warehouse.read() as connection:
        recalled = [
            recall_readings(
                connection,
                district="d",
                start=datetime(2025, 1, 1),
                end=datetime(2025, 1, 2),
                as_of=T0 + timedelta(days=day, hours=1),
            )["value"].tolist()
            for day in range(len(said))
        ]
        ranks = list(connection.execute(select(readings_table.c.rank_first)).scalars())
    assert recalled == [[value] for value in said]
    assert len(set(ranks)) == len(ranks)
