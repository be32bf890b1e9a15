"""Readings kept under a delivered name move under their site's key as if the name had been known at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from tests.warehouse.loading import no_rejects, readings, unit
from tests.warehouse.test_replay_any_order import settled, shared
from warehouse.engine import Warehouse
from warehouse.load import load_batch
from warehouse.recall import recall_readings
from warehouse.rename import delivered_names, rename_sites

T0 = datetime(2025, 7, 1)
LATER = T0 + timedelta(days=30)

#: a delivery: whether it uses the old name, and its cells (hour, value)
deliveries_made = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(st.tuples(st.sampled_from([0, 4]), st.sampled_from([1.0, 2.0])), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=4,
)
Made = list[tuple[bool, list[tuple[int, float]]]]


def load(connection: Connection, made: Made, *, known: bool) -> None:
    for number, (old, cells) in enumerate(made, start=1):
        site = "旧名" if old and not known else "A"
        frame = readings([(site, hour, value) for hour, value in cells])
        load_batch(
            connection, [unit(number, len(cells))], frame, no_rejects(), now=T0 + timedelta(days=number)
        )


def hash_of(connection: Connection) -> str:
    return settled(connection)[0]


@settings(max_examples=8, deadline=None)
@given(made=deliveries_made)
# a delivery that only gains and one that only loses, of different kinds
@example(made=[(False, [(0, 2.0), (4, 2.0)]), (True, [(4, 2.0)]), (True, [(0, 1.0)])])
def test_a_name_learned_later_ends_where_one_known_at_once_does(tmp_path_factory: Any, made: Made) -> None:
    warehouse = shared(tmp_path_factory)
    with warehouse.read() as connection:
        load(connection, made, known=True)
        expected = hash_of(connection)
    with warehouse.read() as connection:
        load(connection, made, known=False)
        rename_sites(connection, "d", {"旧名": "A"}, now=LATER)
        assert hash_of(connection) == expected
        assert delivered_names(connection, "d", ["A"]) == []


def test_what_was_known_under_the_name_is_told_as_of_then(warehouse: Warehouse) -> None:
    made: Made = [(True, [(0, 1.0)]), (False, [(0, 2.0), (4, 5.0)]), (True, [(0, 3.0)])]

    def known(connection: Connection, as_of: datetime | None) -> dict[str, list[float]]:
        found = recall_readings(
            connection, district="d", start=datetime(2025, 1, 1), end=datetime(2025, 1, 2), as_of=as_of
        )
        return found.sort_values("observed_at").groupby("site")["value"].agg(list).to_dict()

    with warehouse.begin() as connection:
        load(connection, made, known=False)
        assert delivered_names(connection, "d", ["A"]) == ["旧名"]
        told = rename_sites(connection, "d", {"旧名": "A"}, now=LATER)
        assert told["readings"].tolist() == [2]
        assert known(connection, None) == {"A": [3.0, 5.0]}
        assert known(connection, LATER - timedelta(hours=1)) == {"A": [2.0, 5.0], "旧名": [3.0]}
        assert settled(connection)[1][0]["cells_in"] == 1


def test_one_file_that_names_a_site_in_both_ways_keeps_both_statements(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        frame = readings([("A", 0, 1.0), ("旧名", 0, 2.0)])
        load_batch(connection, [unit(1, 2)], frame, no_rejects(), now=T0)
        rename_sites(connection, "d", {"旧名": "A"}, now=LATER)
        settled(connection)
        believed = connection.execute(text("select value from readings where known_until is null")).scalars()
        assert list(believed) == [2.0], "the later line corrects the earlier one"
