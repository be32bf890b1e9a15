"""The staff workbook of a loaded night: it says what the commands say, and is written only where something changed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import openpyxl
import pytest

from flows.answers.records import sections
from flows.workbook import gather_workbook, publish_workbooks, workbook_of
from tests.flows.conftest import Night
from vocabulary.district import load_districts
from warehouse.engine import Warehouse


def test_the_night_writes_a_workbook_only_where_something_changed(first_night: Night) -> None:
    # first in this file: the connection below keeps the warehouse open for reading
    folder = first_night.made.home / "report" / "workbook"
    of_the_night = {place.name: place.stat().st_mtime_ns for place in folder.iterdir()}
    assert set(of_the_night) == {"chiping-2026.xlsx", "gaoxin-2026.xlsx"}
    places = publish_workbooks(first_night.run)
    assert {place.name: place.stat().st_mtime_ns for place in places.values()} == of_the_night
    # a workbook of another year is looked after once somebody made it
    (folder / "chiping-2025.xlsx").write_text("not as it should be")
    assert set(publish_workbooks(first_night.run)) == {"chiping 2025", "chiping 2026", "gaoxin 2026"}
    changed = {
        place.name for place in folder.iterdir() if place.stat().st_mtime_ns != of_the_night.get(place.name)
    }
    assert changed == {"chiping-2025.xlsx"}
    assert "断面逐月" in openpyxl.load_workbook(folder / "chiping-2025.xlsx").sheetnames


@pytest.fixture(scope="module")
def opened(first_night: Night) -> Any:
    settings = first_night.made.settings()
    with Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True).read() as connection:
        yield connection, load_districts(settings.districts)


def test_the_sheets_say_what_the_commands_say(opened: Any) -> None:
    connection, districts = opened
    chiping = districts["chiping"]
    frames = gather_workbook(connection, chiping, 2025)
    month = {row["site"]: row["label"] for row in sections(connection, chiping, "2025-07")}
    book = openpyxl.load_workbook(BytesIO(workbook_of(connection, chiping, 2025, frames=frames)))
    rows = list(book["断面逐月"].iter_rows(min_row=2, values_only=True))
    assert {row[0]: row[4 + 6] or "" for row in rows} == month
    assert len(frames["indicators"]) == 21
    assert len(frames["revisions"]) == int(
        connection.exec_driver_sql(
            "select count(*) from readings r join series s on s.id = r.series_id where r.kind = 'revised'"
            " and r.known_until is null and s.district = 'chiping' and r.observed_at < '2026-01-01'"
        ).scalar_one()
    )


def test_both_editions_of_the_index_stand_side_by_side(opened: Any) -> None:
    connection, districts = opened
    days = gather_workbook(connection, districts["chiping"], 2025)["days"]
    assert days["edition"].unique().tolist() == ["HJ633-2012"]
    assert days["day"].is_unique


def test_outlets_and_episodes_of_the_year(opened: Any) -> None:
    connection, districts = opened
    frames = gather_workbook(connection, districts["chiping"], 2026)
    outlets = frames["outlets"]
    (row,) = outlets[outlets["start"] == "2026-03-28 21:00"].to_dict("records")
    assert (row["site"], row["parameter"], row["value"], row["limit"], row["verdict"]) == (
        "CP-G1",
        "氮氧化物折算浓度",
        55.43,
        50.0,
        "小时超标",
    )
    assert set(frames["alerts"]["state"]) <= {"进行中", "已签收", "已解除", "待确认"}
    assert len(frames["alerts"])


def test_a_year_without_anything_is_a_workbook_too(opened: Any) -> None:
    connection, districts = opened
    book = openpyxl.load_workbook(BytesIO(workbook_of(connection, districts["gaoxin"], 2021)))
    assert book["每日AQI"].max_row == 1
