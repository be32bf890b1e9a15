"""Exports: what the files hold is what the warehouse holds, and they say so themselves."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli import app
from reports import spreadsheet
from reports.export import PACKAGE, ExportError
from reports.export_fields import export_tables
from reports.export_files import escape_formulas
from reports.export_rows import utc_of
from reports.spreadsheet import SheetTooLongError
from tests.conftest import fresh_postgres
from tests.flows.slices import run_night, tiny_slice
from tests.reports.exporting import EVER, EVIL, FIRST, export, fill, rows_of
from warehouse.engine import Warehouse
from warehouse.recall import recall_readings


def test_parquet_read_back_equals_the_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse)
    export(warehouse, tmp_path / "out", "parquet")
    found = pq.read_table(tmp_path / "out" / "readings.parquet").to_pandas()
    with warehouse.read() as connection:
        held = recall_readings(connection, district="d", start=EVER[0], end=EVER[1], provenance=True)
    order = ["observed_at", "site"]
    assert found[order].equals(found[order].sort_values(order, ignore_index=True))
    held = held.sort_values(order, ignore_index=True)
    assert len(found) == len(held) == 1200
    for name in held.columns:
        left, right = found[name], held[name]
        if name == "known_from":
            left = left.dt.tz_localize(None)
        assert left.astype(right.dtype).equals(right), name
    assert (found["observed_at"] - found["observed_utc"].dt.tz_localize(None) == timedelta(hours=8)).all()
    assert set(found["unit"]) == {"mg/L"}
    sections = pq.read_table(tmp_path / "out" / "section_results.parquet").to_pylist()
    assert [(row["class"], row["attained"], row["n_samples"]) for row in sections] == [(None, None, 3)]
    days = pq.read_table(tmp_path / "out" / "air_days.parquet").to_pylist()
    assert [(row["parameter"], row["value"], row["unit"]) for row in days] == [
        ("co", None, "mg/m3"),
        ("o3_mda8", 101.25, "ug/m3"),
    ]
    (episode,) = pq.read_table(tmp_path / "out" / "episodes.parquet").to_pylist()
    assert (episode["id"], episode["until"], episode["history"]) == (7, None, False)


@pytest.mark.parametrize("form", ["parquet", "csv", "xlsx"])
def test_the_package_tells_what_the_files_are(tmp_path: Path, form: str) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    told = export(warehouse, tmp_path / "out", form)
    written = json.loads((tmp_path / "out" / PACKAGE).read_text("utf-8"))
    assert written == told
    assert [item["name"] for item in told["resources"]] == [table.name for table in export_tables()]
    assert {place.name for place in (tmp_path / "out").iterdir()} == {
        PACKAGE,
        *[item["path"] for item in told["resources"]],
    }
    for item, table in zip(told["resources"], export_tables(), strict=True):
        content = (tmp_path / "out" / item["path"]).read_bytes()
        assert item["bytes"] == len(content)
        assert item["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
        assert [field["name"] for field in item["schema"]["fields"]] == [field.name for field in table.fields]
    counts = {item["name"]: item["rows"] for item in told["resources"]}
    assert counts == {
        "readings": 1200,
        "quarantine": 2,
        "section_results": 1,
        "air_days": 2,
        "aqi_days": 0,
        "outlet_results": 1,
        "indicator_results": 0,
        "episodes": 1,
    }
    assert told["ecoplan"]["as_of"] == "2026-02-01T00:00:00.000000Z"
    assert told["ecoplan"]["standards"] == [{"id": "GB3838-2002", "version": "2002"}]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_same_warehouse_gives_the_same_bytes(warehouse: Warehouse, tmp_path: Path, form: str) -> None:
    fill(warehouse)
    told = [export(warehouse, tmp_path / name, form)["resources"] for name in ("one", "two", "two")]
    assert told[0] == told[1] == told[2]


@pytest.mark.postgres
def test_both_engines_give_the_same_bytes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    told = []
    for number, warehouse in enumerate(
        (
            Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}"),
            fresh_postgres(request.getfixturevalue("postgres_uri")),
        )
    ):
        fill(warehouse)
        told.append(export(warehouse, tmp_path / str(number), "csv")["resources"])
    assert told[0] == told[1]


def test_an_export_as_of_a_time_holds_what_was_known_then(warehouse: Warehouse, tmp_path: Path) -> None:
    fill(warehouse)
    export(warehouse, tmp_path / "then", "csv", as_of=FIRST + timedelta(hours=1))
    export(warehouse, tmp_path / "now", "csv")
    export(warehouse, tmp_path / "before", "csv", as_of=FIRST - timedelta(hours=1))
    then, now = (rows_of(tmp_path / name, "readings") for name in ("then", "now"))
    changed = [(old, new) for old, new in zip(then, now, strict=True) if old != new]
    assert [(old["value"], new["value"]) for old, new in changed] == [("-1", "5"), (f"{4 / 7 - 1!r}", "6")]
    assert {new["delivery"] for _, new in changed} == {"export-2.csv"}
    assert [row["class"] for row in rows_of(tmp_path / "then", "section_results")] == ["4"]
    assert [row["class"] for row in rows_of(tmp_path / "now", "section_results")] == [""]
    for table in ("readings", "quarantine", "section_results", "air_days", "outlet_results"):
        assert rows_of(tmp_path / "before", table) == []


def test_a_range_of_days_is_exact_and_keeps_cells_without_a_time(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    fill(warehouse)
    chosen = {"start": datetime(2025, 1, 31), "end": datetime(2025, 2, 2)}
    export(warehouse, tmp_path / "out", "csv", **chosen)
    found = rows_of(tmp_path / "out", "readings")
    assert len(found) == 3 * 12
    assert (found[0]["observed_at"], found[-1]["observed_at"]) == (
        "2025-01-31T00:00:00",
        "2025-02-01T20:00:00",
    )
    assert found[0]["observed_utc"] == "2025-01-30T16:00:00Z"
    assert found[0]["known_from"] == "2026-01-01T03:00:00.000000Z"
    # ordered by code point: Latin before CJK, 断 (U+65AD) before 甲 (U+7532)
    assert [row["site"] for row in found[:3]] == ["a", "断面乙", "甲"]
    assert [row["raw"] for row in rows_of(tmp_path / "out", "quarantine")] == ["'-"]
    assert rows_of(tmp_path / "out", "section_results") == []


def test_formulas_are_escaped_and_numbers_are_numbers(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    export(warehouse, tmp_path / "csv", "csv")
    export(warehouse, tmp_path / "xlsx", "xlsx")
    cells = rows_of(tmp_path / "csv", "quarantine")
    assert [row["raw"] for row in cells] == ["'" + EVIL, "'-"]
    first = rows_of(tmp_path / "csv", "readings")[1]
    assert (first["raw"], first["value"], first["provider_flag"]) == ("-3.2", "-1", "'@SUM(1)")
    book = openpyxl.load_workbook(tmp_path / "xlsx" / "ecoplan.xlsx")
    assert book.sheetnames == ["说明", *[table.name for table in export_tables()]]
    heads = [cell.value for cell in book["readings"][1]]
    shown = dict(zip(heads, book["readings"][3], strict=True))
    assert (shown["value"].value, shown["value"].data_type) == (-1, "n")
    assert shown["raw"].value == "-3.2"
    assert shown["provider_flag"].value == "'@SUM(1)"
    assert shown["observed_at"].value == datetime(2025, 1, 1)
    assert shown["observed_utc"].value == datetime(2024, 12, 31, 16)
    assert shown["known_from"].value == FIRST
    assert shown["detection_limit"].value is None
    kinds = {cell.data_type for sheet in book for line in sheet.iter_rows() for cell in line}
    assert "f" not in kinds
    assert book["quarantine"]["J2"].value == "'" + EVIL
    assert book["air_days"]["H2"].value is True


_SIGNS = st.sampled_from(
    ["", "'", "''", "=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "1", ".", "e", "文", " "]
)


@given(st.lists(st.one_of(st.none(), st.lists(_SIGNS, max_size=6).map("".join)), max_size=20))
def test_escaping_can_be_undone_and_leaves_nothing_to_run(texts: list[str | None]) -> None:
    escaped = escape_formulas(pa.array(texts, pa.string())).to_pylist()
    for before, after in zip(texts, escaped, strict=True):
        if before is None:
            assert after is None
            continue
        if after[:1] in set("=+-@\t\r\n") - {""}:
            float(after)  # only plain numbers may begin so
            assert after == before
        bare = after.lstrip("'")
        undone = after[1:] if after.startswith("'") and bare[:1] in set("=+-@\t\r\n") and bare else after
        assert undone == before


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('a&b<c>"d"', 'a&b<c>"d"'),
        ("line\nbreak", "line\nbreak"),
        ("nul\x00bell\x07", "nul\ufffdbell\ufffd"),
        (" spaces ", " spaces "),
        ("𠮷 劣Ⅴ", "𠮷 劣Ⅴ"),
        ("#N/A", "#N/A"),
        ("TRUE", "TRUE"),
        ("", None),
    ],
)
def test_a_workbook_keeps_texts_as_they_are(tmp_path: Path, raw: str, shown: str | None) -> None:
    table = next(item for item in export_tables() if item.name == "aqi_days")
    columns = {field.name: [None] for field in table.fields} | {"site": [raw], "aqi": [50]}
    with spreadsheet.Workbook(tmp_path / "w.xlsx") as book:
        book.add_table(table, [pa.table(columns, schema=table.schema)])
    sheet = openpyxl.load_workbook(tmp_path / "w.xlsx")["aqi_days"]
    assert sheet["B2"].value == shown
    assert sheet["B2"].data_type == ("n" if shown is None else "s")
    assert sheet["E2"].value == 50


def test_the_heading_of_a_sheet_stays_in_sight(tmp_path: Path) -> None:
    with spreadsheet.Workbook(tmp_path / "w.xlsx") as workbook:
        for table in export_tables():
            workbook.add_table(table, [])
    book = openpyxl.load_workbook(tmp_path / "w.xlsx")
    for table in export_tables():
        sheet = book[table.name]
        assert sheet.freeze_panes == "A2"
        assert [cell.value for cell in sheet[1]] == [field.name for field in table.fields]
        assert all(cell.font.bold for cell in sheet[1])
        assert sheet.column_dimensions["A"].width == (12 if table.fields[0].type == "integer" else 20)


def test_an_instant_is_kept_and_shown_to_the_millisecond(tmp_path: Path) -> None:
    table = next(item for item in export_tables() if item.name == "aqi_days")
    instant = datetime(2026, 1, 1, 3, 4, 5, 678_000)
    columns = {field.name: [None] for field in table.fields} | {"known_from": [instant]}
    with spreadsheet.Workbook(tmp_path / "w.xlsx") as book:
        book.add_table(table, [pa.table(columns, schema=table.schema)])
    (cell,) = [cell for cell in openpyxl.load_workbook(tmp_path / "w.xlsx")["aqi_days"][2] if cell.value]
    assert cell.value == instant
    assert cell.number_format.endswith("ss.000")


@pytest.mark.parametrize("raw", ["长" * 40_000, "长" * 30_000 + "\r" * 1000])
def test_a_cell_too_long_is_cut_and_says_so(tmp_path: Path, raw: str) -> None:
    table = next(item for item in export_tables() if item.name == "aqi_days")
    columns = {field.name: [None] for field in table.fields} | {"site": [raw]}
    with spreadsheet.Workbook(tmp_path / "w.xlsx") as book:
        book.add_table(table, [pa.table(columns, schema=table.schema)])
    found = openpyxl.load_workbook(tmp_path / "w.xlsx")["aqi_days"]["B2"].value
    assert len(found) == spreadsheet.CELL_CHARACTERS
    assert "已截断" in found


def test_a_table_too_long_for_a_sheet_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    export(warehouse, tmp_path / "out", "csv")
    before = {place.name: place.read_bytes() for place in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 1200)
    with pytest.raises(SheetTooLongError, match=r"readings.*1199"):
        export(warehouse, tmp_path / "out", "xlsx")
    assert {place.name: place.read_bytes() for place in (tmp_path / "out").iterdir()} == before
    assert {place.name for place in tmp_path.iterdir()} <= {"out", "w.duckdb", "w.duckdb.wal", "home"}
    monkeypatch.setattr(spreadsheet, "SHEET_ROWS", 1201)
    export(warehouse, tmp_path / "out", "xlsx")
    assert {place.name for place in (tmp_path / "out").iterdir()} == {PACKAGE, "ecoplan.xlsx"}


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    folder = tmp_path / "out"
    folder.mkdir()
    export(warehouse, folder, "csv")
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(ExportError, match=r"mine\.txt"):
        export(warehouse, folder, "csv")
    assert (folder / "mine.txt").read_text() == "keep"
    with pytest.raises(ExportError, match="is not a folder"):
        export(warehouse, folder / "mine.txt", "csv")


def test_an_error_half_way_leaves_the_earlier_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    told = export(warehouse, tmp_path / "out", "parquet")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export(warehouse, tmp_path / "out", "parquet")
    assert json.loads((tmp_path / "out" / PACKAGE).read_text("utf-8")) == told
    assert not list(tmp_path.glob(".out.*"))


def test_many_readings_of_a_month_come_day_by_day_in_the_same_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(f"duckdb:///{tmp_path / 'w.duckdb'}")
    fill(warehouse)
    export(warehouse, tmp_path / "months", "csv")
    monkeypatch.setattr("reports.export_rows.MONTH_ROWS", 10)
    export(warehouse, tmp_path / "days", "csv")
    assert (tmp_path / "months/readings.csv").read_bytes() == (tmp_path / "days/readings.csv").read_bytes()


def test_summer_time_of_1990_is_told_in_utc() -> None:
    # tzdata: Shanghai kept UTC+9 from 1990-04-15 to 1990-09-16
    wall = pd.Series(pd.to_datetime(["1990-07-01 12:00", "1995-07-01 12:00"])).astype("datetime64[us]")
    assert [str(moment) for moment in utc_of(wall)] == ["1990-07-01 03:00:00", "1995-07-01 04:00:00"]


def test_the_command_exports_what_it_says(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    run_night(made)
    out = tmp_path / "out"
    command = ["export", "--format", "csv", "--out", str(out), "--district", "chiping", "--json"]
    said = CliRunner().invoke(app, command, env=made.environment())
    assert said.exit_code == 0, said.output
    records = json.loads(said.stdout)
    package = json.loads((out / PACKAGE).read_text("utf-8"))
    assert [record["rows"] for record in records] == [item["rows"] for item in package["resources"]]
    assert all(Path(record["path"]).is_file() for record in records)
    assert {item["id"] for item in package["ecoplan"]["standards"]} >= {"GB3838-2002", "HJ633-2012"}
    readings_of = rows_of(out, "readings")
    assert {row["district"] for row in readings_of} == {"chiping"}
    assert len(rows_of(out, "episodes")) == len(
        json.loads(CliRunner().invoke(app, ["alerts", "list", "--json"], env=made.environment()).stdout)
    )
    wrong = CliRunner().invoke(
        app, [*command, "--from", "2026-02-02", "--to", "2026-02-01"], env=made.environment()
    )
    assert wrong.exit_code == 2
