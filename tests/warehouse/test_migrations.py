"""Schema versions: what migrations make is what the program means, an old warehouse keeps its hash."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import func, insert, inspect, select, text

from tests.warehouse.loading import no_rejects, readings, unit
from tests.warehouse.old_warehouse import hash_of_then, old_warehouse, section
from warehouse import migrations
from warehouse.dump import dump_sha256
from warehouse.engine import SchemaVersionError, Warehouse, version_of
from warehouse.load import load_batch
from warehouse.schema import (
    SCHEMA_VERSION,
    acts,
    deliveries,
    metadata,
    outbox,
    quarantine_steps,
    section_results,
    silences,
    spent_tokens,
)

T0 = datetime(2025, 7, 1)


def _again(warehouse: Warehouse, **given: object) -> Warehouse:
    return Warehouse(warehouse.url.render_as_string(hide_password=False), **given)  # type: ignore[arg-type]


def _shape(warehouse: Warehouse) -> dict[str, object]:
    """Tables, columns, keys and indexes as the engine itself tells them."""
    with warehouse.bare_engine().connect() as connection:
        columns = connection.execute(
            text(
                "select table_name, column_name, data_type, is_nullable from information_schema.columns"
                " where table_schema in ('public', 'main') and table_name <> 'alembic_version'"
                " order by table_name, column_name"
            )
        ).all()
        constraints = connection.execute(
            text(
                "select table_name, constraint_type, count(*) from information_schema.table_constraints"
                " where table_schema in ('public', 'main') and table_name <> 'alembic_version'"
                " and constraint_name not like '%not_null%' group by 1, 2 order by 1, 2"
            )
        ).all()
        indexes = {}
        if connection.dialect.name == "postgresql":
            rows = connection.execute(
                text("select indexname, indexdef from pg_indexes where schemaname = 'public'")
            )
            indexes = {row[0]: row[1] for row in rows if "alembic_version" not in row[0]}
    return {
        "columns": [tuple(row) for row in columns],
        "constraints": [tuple(row) for row in constraints],
        "indexes": indexes,
    }


def _twin(warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest) -> Warehouse:
    """Another empty warehouse on the same engine."""
    if warehouse.file is not None:
        return Warehouse(f"duckdb:///{tmp_path / 'twin.duckdb'}")
    from tests.conftest import fresh_postgres

    return fresh_postgres(request.getfixturevalue("postgres_uri"))


def test_migrations_make_what_the_program_means(
    warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    twin = _twin(warehouse, tmp_path, request)
    twin.migrate()
    warehouse.engine()
    made, migrated = _shape(warehouse), _shape(twin)
    assert made["columns"]
    assert made == migrated


@pytest.mark.postgres
def test_alembic_itself_finds_no_difference(postgres_uri: str) -> None:
    # on the server only: reflection of the embedded engine knows no constraints; its shape is compared above
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from tests.conftest import fresh_postgres

    warehouse = fresh_postgres(postgres_uri)
    warehouse.migrate()
    with warehouse.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_script_is_the_schema_version() -> None:
    assert migrations.newest() == migrations.revision_of(SCHEMA_VERSION)


def test_an_old_warehouse_is_refused_then_migrated_and_keeps_its_hash(warehouse: Warehouse) -> None:
    before = old_warehouse(warehouse)
    with pytest.raises(SchemaVersionError, match="ecoplan migrate"):
        _again(warehouse).engine()
    with pytest.raises(SchemaVersionError, match="ecoplan migrate"), _again(warehouse).begin():
        pass
    assert warehouse.migrate() == (1, SCHEMA_VERSION)
    with _again(warehouse).read() as connection:
        assert version_of(connection) == SCHEMA_VERSION
        assert dump_sha256(connection) == before
        rows = connection.execute(
            select(section_results.c.period, section_results.c.valid, section_results.c.reason).order_by(
                section_results.c.period, section_results.c.known_from
            )
        ).all()
    assert [tuple(row) for row in rows] == [
        ("2025-01", True, ""),
        ("2025-02", False, ""),
        ("2025-03", True, ""),
        ("2025-03", True, ""),
    ]


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    old_warehouse(warehouse)
    warehouse.migrate()
    assert warehouse.migrate() == (SCHEMA_VERSION, SCHEMA_VERSION)


def test_a_migrated_warehouse_goes_on_loading(warehouse: Warehouse) -> None:
    old_warehouse(warehouse)
    warehouse.migrate()
    with _again(warehouse).begin() as connection:
        load_batch(connection, [unit(3, 1)], readings([("断面乙", 0, 1.0)]), no_rejects(), now=T0)
        ids = list(connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars())
    assert len(ids) == len(set(ids)) == 3


def test_a_migration_that_fails_leaves_the_old_warehouse(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_warehouse(warehouse)
    real = migrations.upgrade

    def killed(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrations, "upgrade", killed)
    with pytest.raises(RuntimeError, match="power cut"):
        warehouse.migrate()
    with warehouse.bare_engine().connect() as connection:
        assert version_of(connection) == 1
        assert hash_of_then(connection) == before


def test_a_column_that_came_later_counts_where_it_says_more(warehouse: Warehouse) -> None:
    old_warehouse(warehouse)
    warehouse.migrate()
    with warehouse.begin() as connection:
        filled = dump_sha256(connection)
        row = pd.DataFrame(
            [section("2025-04", 3, valid=False, reason="few-samples", known_until=datetime(2025, 7, 3))]
        )
        connection.execute(insert(section_results), row.to_dict("records"))
        assert dump_sha256(connection) == filled, "a row that is no longer believed is not dumped"
        connection.execute(
            section_results.update().where(section_results.c.period == "2025-03").values(reason="x")
        )
        assert dump_sha256(connection) != filled


def test_version_4_has_room_for_what_becomes_of_a_cell(warehouse: Warehouse) -> None:
    before = old_warehouse(warehouse)
    warehouse.migrate()
    with _again(warehouse).begin() as connection:
        assert connection.execute(select(func.count()).select_from(quarantine_steps)).scalar_one() == 0
        assert dump_sha256(connection) == before, "no cell was dealt with before there were steps"


def test_a_newer_warehouse_is_refused_by_migrate(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("update schema_version set version = 999"))
    with pytest.raises(SchemaVersionError, match="999"):
        warehouse.migrate()


def test_a_new_warehouse_has_the_tables_of_the_schema(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 0


def test_version_6_knows_what_messages_are_about_and_has_room_for_acts(warehouse: Warehouse) -> None:
    before = old_warehouse(warehouse)
    with warehouse.bare_engine().begin() as connection:
        columns = "idempotency_key, channel, district, subject, title, body, state, attempts, not_before, created_at"
        connection.execute(
            text(
                f"insert into outbox (id, {columns}, last_error) values (1, 'k', 'file', 'd', 's', 't', 'b',"
                " 'waiting', 0, '2025-07-01', '2025-07-01', '')"
            )
        )
    warehouse.migrate()
    with _again(warehouse).begin() as connection:
        (row,) = connection.execute(select(outbox)).mappings()
        assert (row["kind"], row["level"], row["step"], row["role"]) == ("episode", "", "", "")
        assert row["episode_id"] is None
        for table in (acts, silences, spent_tokens):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert dump_sha256(connection) == before
