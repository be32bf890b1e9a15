"""Load: the balance, revisions, as-of, duplicates, and one transaction or nothing; on both engines."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from tests.warehouse.loading import ISSUED, no_rejects, readings, unit
from vocabulary.reading import REJECT_DTYPES
from warehouse.engine import Warehouse
from warehouse.load import known_units, load_batch, mark_range
from warehouse.recall import recall_readings
from warehouse.schema import deliveries, stale_days
from warehouse.schema import readings as readings_table
from warehouse.verify import verify_ledger

T0 = datetime(2025, 7, 1)
T1 = datetime(2025, 7, 2)
T2 = datetime(2025, 7, 3)


def _load(warehouse: Warehouse, units: list, frame: pd.DataFrame, now: datetime = T0, away=None) -> dict:
    with warehouse.begin() as connection:
        loaded = load_batch(connection, units, frame, no_rejects() if away is None else away, now=now)
    return loaded.balance.set_index("delivery_id").to_dict("index")


def _recall(warehouse: Warehouse, as_of: datetime | None = None) -> list[tuple[str, float]]:
    with warehouse.read() as connection:
        frame = recall_readings(
            connection, district="d", start=datetime(2025, 1, 1), end=datetime(2026, 1, 1), as_of=as_of
        )
    frame = frame.sort_values(["site", "observed_at"])
    return list(zip(frame["site"], frame["value"], strict=True))


def _settle_stale(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(delete(stale_days))


def test_a_correction_is_a_revision_and_the_past_can_be_asked(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 2)], readings([("A", 0, 0.5), ("A", 4, 0.6)]), T0)
    counts = _load(warehouse, [unit(2, 2)], readings([("A", 0, 2.5), ("A", 4, 0.6)]), T1)
    assert (counts[2]["revised"], counts[2]["unchanged"], counts[2]["new"]) == (1, 1, 0)
    assert _recall(warehouse) == [("A", 2.5), ("A", 0.6)]
    assert _recall(warehouse, T0) == [("A", 0.5), ("A", 0.6)]
    assert _recall(warehouse, datetime(2025, 6, 30)) == []


def test_an_earlier_issued_delivery_that_arrives_late_changes_nothing_believed(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(2, 1)], readings([("A", 0, 2.5)]), T0)
    counts = _load(warehouse, [unit(1, 1)], readings([("A", 0, 0.5)]), T1)
    assert counts[2]["revised"] == 1
    assert _recall(warehouse) == [("A", 2.5)]


def test_a_changed_flag_or_censor_is_a_revision_but_another_spelling_is_not(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 3)], readings([("A", 0, 1.0), ("A", 4, 1.0), ("A", 8, 1.0)]), T0)
    again = readings([("A", 0, 1.0), ("A", 4, 1.0), ("A", 8, 1.0)], raw="1.00")
    again.loc[0, "provider_flag"] = "维护"
    again.loc[1, "censor"] = "<"
    counts = _load(warehouse, [unit(2, 3)], again, T1)
    assert (counts[2]["revised"], counts[2]["unchanged"]) == (2, 1)


def test_repeats_in_a_delivery_are_duplicates_and_later_corrections_are_revisions(
    warehouse: Warehouse,
) -> None:
    frame = readings([("A", 0, 1.0), ("A", 0, 1.0), ("A", 0, 2.0), ("A", 0, 1.0), ("B", 0, 9.0)])
    counts = _load(warehouse, [unit(1, 5)], frame)
    assert {name: counts[1][name] for name in ("new", "revised", "duplicate", "unchanged")} == {
        "new": 2,
        "revised": 1,
        "duplicate": 1,
        "unchanged": 1,
    }
    assert _recall(warehouse) == [("A", 1.0), ("B", 9.0)]


def test_a_reading_stated_more_often_than_a_rank_has_room_for_is_turned_away(warehouse: Warehouse) -> None:
    frame = readings([("A", 0, float(value)) for value in range(40)])
    counts = _load(warehouse, [unit(1, 40)], frame)
    assert (counts[1]["new"] + counts[1]["revised"], counts[1]["quarantined"]) == (32, 8)
    assert _recall(warehouse) == [("A", 31.0)]


def test_a_batch_of_deliveries_equals_one_by_one(warehouse: Warehouse) -> None:
    first = readings([("A", 0, 1.0), ("A", 4, 2.0)], delivery=0)
    second = readings([("A", 0, 5.0), ("A", 4, 2.0)], delivery=1)
    counts = _load(warehouse, [unit(1, 2), unit(2, 2)], pd.concat([first, second], ignore_index=True))
    assert (counts[1]["new"], counts[2]["revised"], counts[2]["unchanged"]) == (2, 1, 1)
    assert _recall(warehouse) == [("A", 5.0), ("A", 2.0)]


def test_rejected_cells_keep_their_place_and_the_balance_holds(warehouse: Warehouse) -> None:
    away = pd.DataFrame(
        [
            {
                **dict.fromkeys(REJECT_DTYPES, ""),
                "observed_at": pd.NaT,
                "row": 7,
                "column": "氨氮",
                "raw": "坏",
                "code": "not-a-number",
                "cells": 1,
            }
        ]
    ).astype(REJECT_DTYPES)
    counts = _load(warehouse, [unit(1, 3, blank=1)], readings([("A", 0, 1.0)]), away=away.assign(delivery=0))
    assert counts[1]["quarantined"] == 1
    _settle_stale(warehouse)
    with warehouse.read() as connection:
        verdict = verify_ledger(connection)
    assert verdict.ok, verdict.failures
    assert verdict.totals["cells_in"] == 3


def test_the_database_refuses_a_delivery_that_does_not_balance(warehouse: Warehouse) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)check|balance"):
        _load(warehouse, [unit(1, 99)], readings([("A", 0, 1.0)]))
    assert _recall(warehouse) == []
    with warehouse.read() as connection:
        assert known_units(connection, "d", "s") == set()


def test_the_same_bytes_twice_are_refused_by_the_database(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 1)], readings([("A", 0, 1.0)]))
    with pytest.raises(DBAPIError):
        _load(warehouse, [unit(1, 1)], readings([("A", 4, 1.0)]), T1)
    assert _recall(warehouse) == [("A", 1.0)]


def test_verify_names_the_delivery_a_reading_was_deleted_from(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 2)], readings([("A", 0, 1.0), ("B", 0, 2.0)]))
    _settle_stale(warehouse)
    with warehouse.begin() as connection:
        connection.execute(delete(readings_table).where(readings_table.c.value == 2.0))
    with warehouse.read() as connection:
        verdict = verify_ledger(connection)
    assert not verdict.ok
    assert any("export-1.csv" in failure for failure in verdict.failures)


def test_verify_sees_a_reading_believed_twice_and_one_no_longer_believed(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 2)], readings([("A", 0, 1.0), ("B", 0, 2.0)]))
    _settle_stale(warehouse)
    with warehouse.begin() as connection:
        connection.execute(update(readings_table).where(readings_table.c.value == 1.0).values(known_until=T1))
    with warehouse.read() as connection:
        assert any("现行值" in failure for failure in verify_ledger(connection).failures)


def test_stale_days_are_marked_for_what_changed_only(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 2)], readings([("A", 0, 1.0), ("B", 30, 2.0)]))
    _settle_stale(warehouse)
    _load(warehouse, [unit(2, 2)], readings([("A", 0, 1.0), ("B", 30, 3.0)]), T1)
    with warehouse.read() as connection:
        rows = connection.execute(select(stale_days.c.site, stale_days.c.day)).all()
    assert [(row.site, row.day) for row in rows] == [("B", datetime(2025, 1, 2))]


def test_mark_range_marks_the_days_that_have_readings(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 2)], readings([("A", 0, 1.0), ("B", 30, 2.0)]))
    _settle_stale(warehouse)
    with warehouse.begin() as connection:
        mark_range(connection, "d", datetime(2025, 1, 2), datetime(2025, 1, 3))
        rows = connection.execute(select(stale_days.c.site, stale_days.c.day)).all()
    assert [(row.site, row.day) for row in rows] == [("B", datetime(2025, 1, 2))]


def test_equal_ranks_go_by_arrival_and_stay_apart(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 1, issued=ISSUED)], readings([("A", 0, 1.0)]), T0)
    _load(warehouse, [unit(2, 1, issued=ISSUED)], readings([("A", 0, 2.0)]), T1)
    assert _recall(warehouse) == [("A", 2.0)]
    with warehouse.read() as connection:
        ranks = list(connection.execute(select(deliveries.c.rank)).scalars())
    assert len(set(ranks)) == 2


_exports = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["A", "B"]), st.sampled_from([0, 4]), st.sampled_from([1.0, 2.0, 3.0])),
        min_size=1,
        max_size=5,
    ),
    min_size=1,
    max_size=5,
)


@given(exports=_exports, data=st.data())
@settings(
    deadline=None,
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_gives_one_dump_and_an_exact_balance(
    exports: list, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hashes = set()
    numbers = list(range(len(exports)))
    for order in (numbers, data.draw(st.permutations(numbers))):
        folder = tmp_path_factory.mktemp("order")
        warehouse = Warehouse(f"duckdb:///{folder / 'w.duckdb'}")
        warehouse.engine()
        with warehouse.kept_open():
            for step, number in enumerate(order):
                rows = exports[number]
                _load(warehouse, [unit(number, len(rows))], readings(rows), datetime(2025, 7, 1 + step))
            _settle_stale(warehouse)
            with warehouse.read() as connection:
                verdict = verify_ledger(connection)
        assert verdict.ok, verdict.failures
        assert verdict.totals["cells_in"] == sum(len(rows) for rows in exports)
        hashes.add(verdict.dump_sha256)
    assert len(hashes) == 1


@pytest.mark.postgres
def test_both_engines_give_the_same_dump(tmp_path, postgres_uri: str) -> None:
    from tests.conftest import fresh_postgres

    hashes = []
    for warehouse in (Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}"), fresh_postgres(postgres_uri)):
        frame = readings([("断面甲", 0, 0.1 + 0.2), ("断面乙", 4, 1e-5), ("a", 8, 3.5), ("B", 8, 1.0)])
        _load(warehouse, [unit(1, 4)], frame, T0)
        _load(warehouse, [unit(2, 1)], readings([("a", 8, 3.25)], provider_flag="维护"), T1)
        with warehouse.read() as connection:
            hashes.append(verify_ledger(connection).dump_sha256)
    assert hashes[0] == hashes[1]


def test_a_second_process_waits_and_then_says_who_holds_the_warehouse(tmp_path) -> None:
    import subprocess
    import sys

    from warehouse.engine import WarehouseError

    file = tmp_path / "w.duckdb"
    Warehouse(f"duckdb:///{file}").engine()
    holder = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); time.sleep(30)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(file)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        with (
            pytest.raises(WarehouseError, match="占用"),
            Warehouse(f"duckdb:///{file}", lock_wait=0.5).read(),
        ):
            pass
        process.kill()


def test_a_newer_schema_is_refused(warehouse: Warehouse) -> None:
    from warehouse.engine import WarehouseError
    from warehouse.schema import schema_version

    with warehouse.begin() as connection:
        connection.execute(update(schema_version).values(version=999))
    with pytest.raises(WarehouseError, match="999"):
        Warehouse(warehouse.url.render_as_string(hide_password=False)).engine()


def test_counts_cannot_be_negative(warehouse: Warehouse) -> None:
    _load(warehouse, [unit(1, 1)], readings([("A", 0, 1.0)]))
    with warehouse.begin() as connection:
        row = dict(connection.execute(select(deliveries)).mappings().one())
    row |= {"id": 2, "sha256": "f" * 64, "new": 2, "revised": -1}
    with pytest.raises(DBAPIError), warehouse.begin() as connection:
        connection.execute(insert(deliveries).values(row))
    with warehouse.read() as connection:
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 1
