"""Read-only views: the same names, columns and comments on both engines, and they say what the tables say."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tests.warehouse.filling import fill, go_on
from vocabulary.parameters import parameters
from warehouse.engine import Warehouse
from warehouse.views import ABOUT, drop_views, views, views_are_current

#: the promise: names may be added, never renamed or removed
_STABLE = {
    "v_readings_current",
    "v_revisions",
    "v_flags_current",
    "v_quarantine_open",
    "v_deliveries",
    "v_sections_samples",
    "v_sections_month",
    "v_sections_year",
    "v_air_days",
    "v_aqi_days",
    "v_outlets_exceedances",
    "v_indicators",
    "v_indicators_history",
    "v_episodes",
    "v_runs",
    "v_parameters",
}


def _comments(connection: Connection) -> dict[str, str]:
    """What the engine itself says of the views and their columns."""
    if connection.dialect.name == "postgresql":
        query = (
            "select c.relname, '', obj_description(c.oid) from pg_class c where c.relkind = 'v' and c.relname like 'v\\_%'"
            " union all select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid where c.relkind = 'v' and c.relname like 'v\\_%'"
        )
    else:
        query = (
            "select view_name, '', comment from duckdb_views() where view_name like 'v\\_%' escape '\\'"
            " union all select table_name, column_name, comment from duckdb_columns()"
            " where table_name like 'v\\_%' escape '\\'"
        )
    return {f"{view}.{column}": said for view, column, said in connection.execute(text(query))}


def test_a_new_warehouse_has_every_view_with_chinese_comments(warehouse: Warehouse) -> None:
    with warehouse.read() as connection:
        assert views_are_current(connection)
        told = _comments(connection)
        for view in views():
            found = connection.execute(text(f"select * from {view.name}"))
            assert tuple(found.keys()) == view.columns
            said = [told[f"{view.name}."], *[told[f"{view.name}.{column}"] for column in view.columns]]
            assert all(" / " in text and any("\u4e00" <= sign <= "\u9fff" for sign in text) for text in said)


def test_names_are_stable_and_need_no_quotation_marks() -> None:
    assert {view.name for view in views()} >= _STABLE
    reserved = {"class", "row", "column", "limit", "primary", "new", "partition", "level", "user", "order"}
    for view in views():
        assert len(set(view.columns)) == len(view.columns)
        assert not (set(view.columns) & reserved - {"level"}), view.name
        assert all(column == column.lower() and column.isidentifier() for column in view.columns)


def test_views_say_what_the_tables_say(warehouse: Warehouse) -> None:
    fill(warehouse)
    go_on(warehouse)
    with warehouse.read() as connection:

        def count(of: str) -> int:
            return int(connection.execute(text(f"select count(*) from {of}")).scalar_one())

        assert count("v_readings_current") == count("readings where known_until is null") > 0
        assert count("v_deliveries") == count("deliveries") > 0
        assert count("v_quarantine_open") == count("quarantine where state = 'open'") > 0
        assert count("v_flags_current") == count("flags where known_until is null")
        assert count("v_episodes") == count("episodes where state <> 'annulled'") > 0
        assert count("v_runs") == count("runs")
        assert count("v_parameters") == len(parameters())
        observed = connection.execute(
            text("select observed_at, observed_utc from v_readings_current order by observed_at limit 1")
        ).one()
        assert (observed[0] - observed[1]).total_seconds() == 8 * 3600
        row = connection.execute(
            text(
                "select cells_in, cells_new, cells_revised, cells_unchanged, cells_duplicate, cells_quarantined, cells_blank from v_deliveries"
            )
        ).all()
        assert all(entry[0] == sum(entry[1:]) for entry in row)
        revision = connection.execute(
            text("select old_value, new_value, old_delivery, new_delivery from v_revisions")
        ).all()
        assert revision, "the correction of the second delivery is a revision"
        assert all(entry[0] != entry[1] and entry[2] != entry[3] for entry in revision)


def test_the_class_is_written_as_people_write_it(warehouse: Warehouse) -> None:
    fill(warehouse)
    with warehouse.read() as connection:
        rows = connection.execute(
            text(
                "select water_class, label from v_sections_samples union select water_class, label from v_sections_month"
                " union select water_class, label from v_sections_year"
            )
        ).all()
    signs = {1: "Ⅰ", 2: "Ⅱ", 3: "Ⅲ", 4: "Ⅳ", 5: "Ⅴ", 6: "劣Ⅴ"}
    assert rows
    assert all(label == signs[number] for number, label in rows if number is not None)


def test_views_take_no_writing(warehouse: Warehouse) -> None:
    with pytest.raises(DBAPIError), warehouse.begin() as connection:
        connection.execute(text("delete from v_readings_current"))


def test_a_warehouse_with_other_views_gets_these(warehouse: Warehouse) -> None:
    fill(warehouse)
    with warehouse.begin() as connection:
        drop_views(connection)
        connection.exec_driver_sql(
            f"create view {ABOUT} as select 'old' as views_version, 'x' as views_digest"
        )
        assert not views_are_current(connection)
    again = Warehouse(warehouse.url.render_as_string(hide_password=False))
    with again.read() as connection:
        assert views_are_current(connection)
        assert connection.execute(text("select count(*) from v_deliveries")).scalar_one() > 0


def test_migrating_makes_them_again(warehouse: Warehouse) -> None:
    fill(warehouse)
    with warehouse.begin() as connection:
        drop_views(connection)
    Warehouse(warehouse.url.render_as_string(hide_password=False)).migrate()
    with warehouse.read() as connection:
        assert views_are_current(connection)


def test_the_data_file_is_dated_and_says_where_it_is_from() -> None:
    data = tomllib.loads(
        (Path(__file__).resolve().parents[2] / "warehouse/data/views.toml").read_text("utf-8")
    )
    assert {"version", "valid_from", "clause", "sure"} <= set(data)
