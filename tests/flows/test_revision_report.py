"""The revision report: what was corrected, who delivered it, what it turned."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from flows.answers import records as answers
from flows.night import night
from flows.revisions import publish_revisions, revision_report, span_of
from flows.settings import Settings
from tests.conftest import fresh_postgres
from tests.flows.asking import CORRECTION, ORIGINAL, Asking, wall
from tests.flows.slices import (
    ROOT,
    Slice,
    empty_slice,
    run_load,
    run_night,
    tiny_slice,
)
from vocabulary.clock import SHANGHAI, now_utc
from warehouse.engine import Warehouse

_SECTION = "water/sections/山东省/徒骇河示例断面/2025-10/*.csv"
#: column of a national section export, and what 500 of its cells are corrected to in turn (mg/L): values that
#: move, since a month of one value is a stuck analyser and left out
_CORRECTED = {
    "氨氮(mg/L)": ("2.400", "2.500", "2.600"),
    "总磷(mg/L)": ("0.101", "0.111", "0.121"),
    "高锰酸盐指数(mg/L)": ("5.35", "5.55", "5.75"),
}
_CELLS = 500


def correct(file: Path) -> int:
    """Write a later delivery of a month of a section that corrects 500 cells; return how many differ."""
    lines = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    changed = 0
    for heading, texts in _CORRECTED.items():
        at = lines[0].index(heading)
        for cells, text in zip(lines[1:], cycle(texts), strict=False):
            if changed < _CELLS and re.fullmatch(r"[0-9.]+", cells[at]) and float(cells[at]) != float(text):
                cells[at] = text
                changed += 1
    later = "".join(",".join(cells) + "\n" for cells in lines)
    file.with_name(f"{file.stem}_issued20260115.csv").write_text(later, encoding="utf-8")
    return changed


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.postgres)])
def home_of(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Slice, Settings]:
    """A slice with one month of one section, and settings on each engine."""
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-section",)})
    if request.param == "duckdb":
        return made, made.settings()
    warehouse = fresh_postgres(request.getfixturevalue("postgres_uri"))
    return made, made.settings(warehouse=warehouse.url.render_as_string(hide_password=False))


def test_five_hundred_corrected_cells_turn_the_class_and_the_indicators(
    home_of: tuple[Slice, Settings],
) -> None:
    made, settings = home_of
    (file,) = made.take("chiping", _SECTION)
    night(settings)
    before = wall()
    time.sleep(0.002)
    since = now_utc()
    assert correct(file) == _CELLS
    run, _ = night(settings)
    assert run.summary.sources[0].counts["revised"] == _CELLS
    with Warehouse(settings.warehouse_url(), read_only=True).read() as connection:
        asking = Asking(made, connection)
        then, now = answers.as_of_utc(before), None
        classes = [
            section["class"]
            for as_of in (then, now)
            for period in ("2025-10", "2025")
            for section in answers.sections(connection, asking.district, period, as_of=as_of)
            if section["site"] == "CP-S1"
        ]
        shares = [
            {
                item["indicator"]: item["value"]
                for item in answers.indicators(connection, asking.district, 2025, as_of=as_of)
            }
            for as_of in (then, now)
        ]
        report = revision_report(connection, since, now_utc())
    # ammonia of 2.4 to 2.6 mg/L all month is worse than class Ⅴ (2.0, GB 3838-2002 table 1); the months' means
    # of the first delivery are within class Ⅲ
    assert classes == [3, 3, 6, 6]
    # the plan's shares of sections: one of one national section at least Ⅲ, none worse than Ⅴ
    assert [(values[3], values[4]) for values in shares] == [(100.0, 0.0), (0.0, 100.0)]
    turned = {(item["period_kind"], item["period"]): item for item in report["sections"]}
    for key in (("month", "2025-10"), ("year", "2025")):
        item = turned[key]
        assert (item["site"], item["old_label"], item["new_label"]) == ("CP-S1", "Ⅲ", "劣Ⅴ")
        assert (item["old_attained"], item["new_attained"]) == (True, False)
        assert item["revised_readings"] == _CELLS
    samplings = [item for (kind, _), item in turned.items() if kind == "sample"]
    assert samplings
    assert {item["new_class"] for item in samplings} == {6}
    moved = {item["indicator"]: item for item in report["indicators"]}
    assert {key: (item["old_value"], item["new_value"]) for key, item in moved.items()} == {
        3: (100.0, 0.0),
        4: (0.0, 100.0),
    }
    assert (moved[4]["old_status"], moved[4]["new_status"]) == ("met", "off-track")
    readings = report["readings"]
    assert len(readings) == _CELLS
    lines = file.read_text("utf-8").splitlines()
    for item in (readings[0], readings[-1]):
        assert item["delivery"].endswith("_issued20260115.csv")
        assert item["replaces"].endswith("2025-10/徒骇河示例断面.csv")
        cell = lines[item["row"] - 1].split(",")[lines[0].split(",").index(item["column"])]
        assert item["old_value"] == float(cell)
        assert item["new_value"] in {float(text) for text in _CORRECTED[item["column"]]}
        assert item["known_before"] is True
    (delivery,) = report["deliveries"]
    assert (delivery["revised"], delivery["believed"], delivery["outranked"]) == (_CELLS, _CELLS, 0)


def reported(settings: Settings, since: datetime, until: datetime) -> dict[str, list[dict[str, Any]]]:
    with Warehouse(settings.warehouse_url(), read_only=True).read() as connection:
        return revision_report(connection, since, until)


_EVER = datetime(2000, 1, 1)


def test_original_and_correction_at_once_were_never_believed_apart(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    run_night(made)
    report = reported(made.settings(), _EVER, now_utc())
    assert report["readings"]
    assert {item["known_before"] for item in report["readings"]} == {False}
    assert all(item["old_value"] != item["new_value"] for item in report["readings"])
    assert {item["replaces"] for item in report["readings"]} == {ORIGINAL}
    assert report["sections"] == report["days"] == report["indicators"] == []


def test_a_late_original_revises_nothing_that_was_believed(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", ORIGINAL, CORRECTION)
    folder = made.exports("chiping")
    run_load(made, [folder / CORRECTION], "air-quotsoft")
    run, _ = run_load(made, [folder / ORIGINAL], "air-quotsoft")
    revised = run.summary.sources[0].counts["revised"]
    report = reported(made.settings(), _EVER, now_utc())
    assert report["readings"] == []
    assert [(item["revised"], item["outranked"]) for item in report["deliveries"]] == [(revised, revised)]
    assert revised > 0


@pytest.mark.thorough
def test_spans_that_follow_each_other_tell_everything_once(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", ORIGINAL)
    run_night(made)
    between = now_utc()
    made.take("chiping", CORRECTION)
    run, _ = run_night(made)
    settings = made.settings()
    first, second = reported(settings, _EVER, between), reported(settings, between, now_utc())
    whole = reported(settings, _EVER, now_utc())
    assert not any(first.values())
    assert second == whole
    # planted: twelve hours of PM2.5 of one station, and what the platform computed from them
    hours = [item for item in whole["readings"] if (item["parameter"], item["period"]) == ("pm2_5", "1h")]
    assert [item["old_value"] - item["new_value"] for item in hours] == [60.0] * 12
    days = {(item["site"], item["day"]): item for item in whole["days"]}
    assert days["CP-A1", "2025-03-10"]["old_aqi"] > days["CP-A1", "2025-03-10"]["new_aqi"]
    assert ("", "2025-03-10") in days
    assert [item["indicator"] for item in whole["indicators"]] == [1]
    page = publish_revisions(run)
    assert page is not None
    assert page.name == f"revisions-{run.run_date.isoformat()}.html"
    text = page.read_text("utf-8")
    assert "茌平一中示例站" in text
    assert CORRECTION in text
    assert "<script" not in text
    with Warehouse(settings.warehouse_url(), read_only=True).read() as connection:
        since, until = span_of(connection)
        assert revision_report(connection, since, until, "chiping")["readings"] == whole["readings"]
        assert revision_report(connection, since, until, "gaoxin")["readings"] == []
        day = datetime.now(SHANGHAI).date()
        begin, end = span_of(connection, day.isoformat(), day.isoformat())
        assert end - begin == timedelta(days=1)


def test_a_night_without_revisions_has_no_page(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", ORIGINAL)
    run, _ = run_night(made)
    assert publish_revisions(run) is None
    assert not list((made.home / "report").glob("revisions-*"))


def test_the_command_prints_flat_records_with_the_documented_keys(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    correction = made.exports("chiping") / CORRECTION
    later = correction.read_bytes()
    correction.unlink()
    run_night(made)
    correction.write_bytes(later)
    run_night(made)
    said = CliRunner().invoke(app, ["revisions", "--json"], env=made.environment())
    assert said.exit_code == 0, said.output
    records = json.loads(said.stdout)
    page = (ROOT / "docs" / "reference" / "records.md").read_text("utf-8")
    stated: dict[str, list[str]] = {}
    for part in page.split("\n### revisions, kind ")[1:]:
        kind, _, body = part.partition("\n")
        body = re.split(r"\n##", body)[0]
        stated[kind] = re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)
    assert {record["kind"] for record in records} >= {"reading", "day", "indicator", "delivery"}
    for record in records:
        assert list(record) == stated[record["kind"]]
    shown = CliRunner().invoke(app, ["revisions"], env=made.environment())
    assert "空气日因修订而变化" in shown.stdout
    wrong = CliRunner().invoke(app, ["revisions", "--since", "yesterday"], env=made.environment())
    assert wrong.exit_code != 0
