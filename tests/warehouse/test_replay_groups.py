"""Rows that stand for several cells: a delivery refused whole, the cells of a frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, select, text

from tests.warehouse.loading import no_rejects, readings, unit
from tests.warehouse.test_replay_any_order import settled
from vocabulary.reading import REJECT_DTYPES
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.replay import Anew, replay_delivery
from warehouse.schema import deliveries

T0, LATER = datetime(2025, 7, 1), datetime(2025, 7, 9)


@contextmanager
def undone(warehouse: Warehouse) -> Iterator[Connection]:
    """A transaction that is rolled back at its end."""
    with warehouse.begin() as connection:
        yield connection
        connection.get_transaction().rollback()  # type: ignore[union-attr]


def reject(row: int, cells: int, code: str, column: str = "") -> pd.DataFrame:
    facts = dict.fromkeys(REJECT_DTYPES, "") | {
        "observed_at": pd.NaT,
        "row": row,
        "cells": cells,
        "code": code,
        "column": column,
    }
    return pd.DataFrame([facts]).astype(REJECT_DTYPES).assign(delivery=0)


def only_delivery(connection: Connection) -> int:
    return int(connection.execute(select(deliveries.c.id)).scalar_one())


def test_a_delivery_the_judge_refused_is_taken_at_last(warehouse: Warehouse) -> None:
    every = readings([("A", 0, 1.0), ("A", 4, 2.0), ("B", 0, 3.0)])
    bad = reject(9, 1, "not-a-number", "总磷")
    with undone(warehouse) as connection:
        load_batch(connection, [unit(1, 4)], every, bad, now=T0)
        expected = settled(connection)
    with warehouse.begin() as connection:
        whole = pd.concat([bad, reject(0, 3, "columns-lie")], ignore_index=True)
        refused = unit(1, 4, state="refused", code="columns-lie")
        load_batch(connection, [refused], every.iloc[:0], whole, now=T0)
        done = replay_delivery(connection, only_delivery(connection), Anew(unit(1, 4), every, bad), now=LATER)
        assert (done.cells, done.counts["new"], done.left) == (3, 3, 1)
        assert settled(connection) == expected
        state = connection.execute(select(deliveries.c.state, deliveries.c.code)).one()
        assert tuple(state) == ("loaded", "")


def test_some_cells_of_a_frame_become_readings_and_the_others_stay(warehouse: Warehouse) -> None:
    # line 2 is a frame of five fields: one was accepted, four were not taken and stand in one row
    every = readings([("A", 0, 1.0), ("A", 0, 7.0)], row=2)
    every["parameter"] = pd.Series(["nh3_n", "tp"], dtype="str")
    every["column"] = pd.Series(["w21003", "w21011"], dtype="str")
    before, after = reject(2, 4, "field-not-taken", "x…"), reject(2, 3, "field-not-taken", "x…")
    with undone(warehouse) as connection:
        load_batch(connection, [unit(1, 5)], every, after, now=T0)
        expected = settled(connection)
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 5)], every.iloc[:1], before, now=T0)
        identity = only_delivery(connection)
        done = replay_delivery(connection, identity, Anew(unit(1, 5), every, after), now=LATER)
        assert (done.cells, done.counts["new"], done.counts["quarantined"]) == (4, 1, 3)
        assert done.moved["parameter"].tolist() == ["tp"]
        assert settled(connection) == expected
        outcome = connection.execute(text("select outcome from quarantine_steps")).scalar_one()
        assert outcome == "new=1;quarantined=3"


def test_a_cell_that_is_blank_by_the_layout_of_now_leaves_as_blank(warehouse: Warehouse) -> None:
    every = readings([("A", 0, 1.0)])
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 2)], every, reject(5, 1, "not-a-number", "总磷"), now=T0)
        anew = Anew(unit(1, 2, blank=1), every, no_rejects())
        done = replay_delivery(connection, only_delivery(connection), anew, now=LATER)
        assert done.counts["blank"] == 1
        counts = settled(connection)[1]
        assert (counts[0]["blank"], counts[0]["quarantined"]) == (1, 0)


def test_another_reason_takes_the_place_of_the_old_one(warehouse: Warehouse) -> None:
    every = readings([("A", 0, 1.0)])
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 2)], every, reject(5, 1, "unknown-parameter", "总磷"), now=T0)
        now = Anew(unit(1, 2), every, reject(5, 1, "out-of-range", "总磷"))
        done = replay_delivery(connection, only_delivery(connection), now, now=LATER)
        assert (done.counts["quarantined"], done.left) == (1, 1)
        settled(connection)
        rows = connection.execute(text("select code, state from quarantine order by id")).all()
        assert [tuple(row) for row in rows] == [
            ("unknown-parameter", "replayed"),
            ("out-of-range", "open"),
        ]


def test_other_cells_than_the_ledger_counted_are_no_replay(warehouse: Warehouse) -> None:
    every = readings([("A", 0, 1.0)])
    with warehouse.begin() as connection:
        load_batch(connection, [unit(1, 2)], every, reject(5, 1, "unknown-parameter"), now=T0)
        grown = replace(unit(1, 3))
        done = replay_delivery(
            connection, only_delivery(connection), Anew(grown, every, no_rejects()), now=LATER
        )
        assert done.reason is not None
        assert "3" in done.reason[1]
        assert not done.did
        settled(connection)
