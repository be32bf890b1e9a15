"""Explain: every chain ends at the very bytes of a landed file, whatever is asked."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from flows.answers.records import PeriodError, as_of_utc
from flows.explain.ask import ExplainError, explain, explain_plan
from flows.explain.chain import KEYS
from flows.settings import Settings
from tests.conftest import fresh_postgres
from tests.flows.conftest import Night
from vocabulary.district import load_districts
from warehouse.engine import Warehouse
from warehouse.transfer import transfer


@pytest.fixture(
    scope="module",
    params=["duckdb", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.thorough])],
)
def settings(request: pytest.FixtureRequest, first_night: Night) -> Settings:
    """The first night's warehouse on each engine: on the server it is the embedded one, moved there."""
    embedded = first_night.made.settings()
    if request.param == "duckdb":
        return embedded
    served = fresh_postgres(request.getfixturevalue("postgres_uri"))
    moved = transfer(Warehouse(embedded.warehouse_url(), lock_wait=30.0, read_only=True), served)
    assert moved["dump_sha256"] == first_night.dump_sha256
    return first_night.made.settings(warehouse=served.url.render_as_string(hide_password=False))


@pytest.fixture(scope="module")
def connection(settings: Settings) -> Iterator[Connection]:
    with Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True).read() as opened:
        yield opened


def asked(connection: Connection, settings: Settings, *words: str, **options: Any) -> list[dict[str, Any]]:
    site, when = words
    districts = load_districts(settings.districts)
    return explain(connection, districts, (site, when), home=settings.home, **options)


def of_kind(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in records if record["kind"] == kind]


def cell_in_landed_file(home: Path, record: Mapping[str, Any]) -> str:
    """Open the landed file by hand and return the cell at the row and column stated; nothing of ours is used."""
    content = (home / record["landed"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    if record["delivery"].endswith(".json"):
        body = json.loads(text)
        heads = [head.replace("<br/>", "").replace("<span class='unit'>", "") for head in body["thead"]]
        place = [head.replace("</span>", "") for head in heads].index(record["column"])
        return str(body["tbody"][record["row"] - 1][place])
    lines = text.split("\n")
    heading = next(csv.reader(io.StringIO(lines[0])))
    cells = next(csv.reader(io.StringIO(lines[record["row"] - 1].rstrip("\r"))))
    return cells[[head.strip() for head in heading].index(record["column"])]


def ends_at_bytes(home: Path, records: list[dict[str, Any]]) -> int:
    """Assert that every reading is the cell it says it is; return how many there are."""
    readings = of_kind(records, "reading")
    for record in readings:
        assert record["proved"] is True
        assert cell_in_landed_file(home, record) == record["raw"]
    parents = {record["id"] for record in records}
    assert all(record["parent"] in parents for record in records if record["parent"] is not None)
    return len(readings)


def test_a_section_worse_than_five(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "GX-S2", "2026-03-31T20")
    (result,) = of_kind(records, "result")
    assert result["value"] == 6
    assert "劣Ⅴ" in result["zh"]
    assert result["standard"] == "GB3838-2002"
    worst = of_kind(records, "input")[0]
    # GB 3838-2002 table 1 item 8, rivers: class Ⅴ ends at 0.4 mg/L of total phosphorus
    assert (worst["parameter"], worst["limit"].split()[-1]) == ("tp", "Ⅴ≤0.4")
    assert worst["value"] > 0.4
    assert "表1" in worst["clause"]
    below = [record for record in records if record["parent"] == worst["id"]]
    assert [record["kind"] for record in below] == ["reading"]
    assert below[0]["raw"] == "<span title='原始值：0.584'>0.584</span>"
    assert ends_at_bytes(settings.home, records) == 5


def test_a_day_of_a_section_has_every_sampling(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "赵牛河示例断面", "2026-03-31", parameter="tp")
    assert len(of_kind(records, "result")) == 6
    assert {record["parameter"] for record in of_kind(records, "reading")} == {"tp"}
    assert ends_at_bytes(settings.home, records) == 6


def test_a_month_counts_its_files_and_spells_out_the_worst(
    connection: Connection, settings: Settings
) -> None:
    records = asked(connection, settings, "CP-S3", "2025-07")
    (result,) = of_kind(records, "result")
    assert result["period"] == "month"
    files = of_kind(records, "files")
    assert files
    assert all(record["row"] <= record["row_last"] for record in files)
    shown = ends_at_bytes(settings.home, records)
    everything = asked(connection, settings, "CP-S3", "2025-07", parameter="nh3_n", everything=True)
    counted = sum(record["n_readings"] for record in files if record["parent"] == _item(records, "nh3_n"))
    used = [record for record in of_kind(everything, "reading") if record["used"]]
    assert len(used) == counted > shown
    assert ends_at_bytes(settings.home, everything[:60]) > 0


def _item(records: list[dict[str, Any]], parameter: str) -> int:
    (found,) = [record for record in of_kind(records, "input") if record["parameter"] == parameter]
    return int(found["id"])


def test_a_day_of_the_districts_air(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "chiping", "2025-05-06")
    result = of_kind(records, "result")[0]
    assert (result["site"], result["standard"]) == ("", "HJ633-2012")
    assert result["value"] > 100, "no bad day"
    top = of_kind(records, "input")[0]
    stations = [record["site"] for record in of_kind(records, "input") if record["parent"] == top["id"]]
    assert stations == ["CP-A1", "CP-A2"]
    # the district's index is that of its largest item, whose breakpoints stand in table 1
    assert f"分指数 {result['value']:.0f}" in top["zh"]
    assert "表1" in top["clause"]
    assert ends_at_bytes(settings.home, records) >= 2 * 20


def test_a_day_without_a_valid_index_says_so(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "chiping", "2025-04-15")
    assert of_kind(records, "result")[0]["value"] is None
    assert "无效" in of_kind(records, "result")[0]["zh"]
    ends_at_bytes(settings.home, records)


def test_an_hour_of_a_station(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "CP-A1", "2025-04-15T08")
    # an hour by itself is judged by no rule: its readings, of all items
    (result,) = of_kind(records, "result")
    assert "不单独评价" in result["zh"]
    assert {"pm2_5", "o3", "so2"} <= {record["parameter"] for record in of_kind(records, "reading")}
    assert ends_at_bytes(settings.home, records) >= 6


def test_an_outlets_hour(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "CP-G1", "2026-03-28T21")
    worst = of_kind(records, "result")[0]
    assert (worst["parameter"], worst["value"]) == ("flue_nox_norm", 55.43)
    assert "超标" in worst["zh"]
    rule = next(record for record in records if record["parent"] == worst["id"] and record["kind"] == "rule")
    # districts/chiping/permit_limits.csv
    assert (rule["limit"], rule["clause"], rule["standard"]) == (
        "50 mg/m³",
        "排污许可证 表4",
        "示例排污许可证 CP-001",
    )
    beside = {record["parameter"] for record in of_kind(records, "reading")}
    assert {"flue_nox_norm", "flue_nox", "flue_o2"} <= beside
    assert ends_at_bytes(settings.home, records) >= 6


def test_an_outlets_day_has_its_hours_that_are_not_fine(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "CP-G1", "2026-03-28")
    hours = [record for record in of_kind(records, "result") if record["period"] == "1h"]
    assert {record["at"][:13] for record in hours} == {"2026-03-28T21", "2026-03-28T22"}
    ends_at_bytes(settings.home, records)


def test_an_indicator(connection: Connection, settings: Settings) -> None:
    district = load_districts(settings.districts)["chiping"]
    records = explain_plan(connection, district, 4, "2025", home=settings.home)
    (result,) = of_kind(records, "result")
    assert result["parameter"] == "indicator-4"
    rules = of_kind(records, "rule")
    assert rules[0]["standard"] == "聊茌政发〔2023〕1号"
    assert rules[0]["clause"] == "主要指标表 第4行"
    sections = [record["site"] for record in of_kind(records, "input") if record["site"]]
    assert set(sections) <= {"CP-S1", "CP-S2"}  # 国控 and 省控 of districts/chiping/sites.csv
    assert sections
    assert ends_at_bytes(settings.home, records) == len(sections)
    for record in of_kind(records, "files"):
        content = (settings.home / record["landed"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"]


def test_an_indicator_of_air_goes_down_to_the_worst_day(connection: Connection, settings: Settings) -> None:
    district = load_districts(settings.districts)["chiping"]
    records = explain_plan(connection, district, 1, "2025", home=settings.home)
    days = [
        record for record in of_kind(records, "input") if record["period"] == "1d" and record["site"] == ""
    ]
    values = [record["value"] for record in days if record["value"] is not None]
    assert values[: len(values) - 1] == sorted(values[: len(values) - 1], reverse=True)
    assert ends_at_bytes(settings.home, records) >= 20


def test_before_anything_was_known_nothing_is_explained(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "GX-S2", "2026-03-31T20", as_of=as_of_utc("2026-01-01"))
    assert [record["kind"] for record in records] == ["result"]
    assert records[0]["value"] is None
    assert records[0]["known_at"] == "2026-01-02T00:00:00"


def test_a_file_that_was_changed_is_not_proved(settings: Settings, tmp_path: Path) -> None:
    with Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True).read() as connection:
        good = asked(connection, settings, "GX-S2", "2026-03-31T20", parameter="tp")
        (reading,) = of_kind(good, "reading")
        forged = tmp_path / reading["landed"]
        forged.parent.mkdir(parents=True)
        content = (settings.home / reading["landed"]).read_bytes()
        forged.write_bytes(content.replace(b"0.584", b"0.184"))
        districts = load_districts(settings.districts)
        records = explain(connection, districts, ("GX-S2", "2026-03-31T20"), parameter="tp", home=tmp_path)
    (reading,) = of_kind(records, "reading")
    assert reading["proved"] is False
    assert "无法核对" in reading["zh"]


def test_cells_turned_away_are_told_with_their_reason(connection: Connection, settings: Settings) -> None:
    rows = connection.exec_driver_sql(
        'select q.site, q.observed_at, q.parameter, q.raw, q."row" from quarantine q'
        " where q.site <> '' and q.parameter <> '' and q.observed_at is not null"
    ).fetchall()
    assert rows, "the slice has no quarantined cell of a known site"
    site, at, parameter, raw, row = rows[0]
    records = asked(connection, settings, site, f"{at:%Y-%m-%dT%H}", parameter=parameter)
    told = [record for record in of_kind(records, "rejected") if record["row"] == row]
    assert [record["raw"] for record in told] == [raw]
    assert told[0]["zh"]
    assert told[0]["en"]


def test_records_have_the_same_keys_in_one_order(connection: Connection, settings: Settings) -> None:
    records = asked(connection, settings, "chiping", "2025-04-15")
    assert {tuple(record) for record in records} == {KEYS}
    assert [record["id"] for record in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize(
    ("words", "options", "error"),
    [
        (("NO-SUCH", "2026-03-31"), {}, ExplainError),
        (("CP-A1", "2026"), {}, PeriodError),
        (("CP-A1", "2026-03-31T25"), {}, PeriodError),
        (("CP-S3", "昨天"), {}, PeriodError),
        (("CP-S3", "2026-03-31"), {"parameter": "no_such"}, ExplainError),
    ],
)
def test_what_is_not_known_is_refused_in_both_languages(
    connection: Connection,
    settings: Settings,
    words: tuple[str, str],
    options: dict[str, Any],
    error: type[Exception],
) -> None:
    with pytest.raises(error, match=r"[\u4e00-\u9fff].* / .*[a-z]"):
        asked(connection, settings, *words, **options)
