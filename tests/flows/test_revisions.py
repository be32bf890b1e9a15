"""Corrected exports: every past answer can be given again, and the order of arrival does not matter."""

from __future__ import annotations

import json
import random
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from alerts.query import list_episodes
from cli import app
from flows import answers
from flows.answers_alerts import list_episodes_as_of
from flows.night import load_files, night
from flows.revisions import publish_revisions, revision_report, span_of
from flows.settings import Settings
from tests.conftest import fresh_postgres
from tests.flows.slices import (
    ROOT,
    Slice,
    empty_slice,
    messages,
    rows,
    run_load,
    run_night,
    sure_hash,
    tiny_slice,
)
from vocabulary.clock import SHANGHAI, now_utc
from vocabulary.district import load_district
from warehouse.engine import Warehouse

_ORIGINAL = "air/china_sites_20250310.csv"
_CORRECTION = "air/china_sites_20250310_issued20250401.csv"


def wall() -> str:
    """The present moment as a person would type it for `--as-of`."""
    time.sleep(0.002)
    return datetime.now(SHANGHAI).replace(tzinfo=None).isoformat()


class Asking:
    """Asks a warehouse as the read commands do."""

    def __init__(self, made: Slice, connection: Connection) -> None:
        self.connection = connection
        self.district = load_district(made.root / "districts" / "chiping")

    def pm2_5(self, as_of: str | None) -> dict:
        moment = answers.as_of_utc(as_of)
        (record,) = [
            item
            for item in answers.indicators(self.connection, self.district, 2025, as_of=moment)
            if item["indicator"] == 1
        ]
        return record

    def section(self, period: str, as_of: str | None) -> dict:
        found = answers.sections(self.connection, self.district, period, as_of=answers.as_of_utc(as_of))
        (record,) = [item for item in found if item["site"] == "CP-S3" and item["period"] == period[:16]]
        return record


def test_an_indicator_is_told_as_it_was_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    (original,) = made.take("chiping", _ORIGINAL)
    nothing_yet = wall()
    run_night(made)
    before = wall()
    made.take("chiping", _CORRECTION)
    run_night(made)
    settings = made.settings()
    with Warehouse(settings.warehouse_url(), read_only=True).read() as connection:
        asking = Asking(made, connection)
        then, now = asking.pm2_5(before), asking.pm2_5(None)
        assert (
            answers.indicators(connection, asking.district, 2025, as_of=answers.as_of_utc(nothing_yet)) == []
        )
    # twelve of the day's hours of one of the two stations are 60 lower: the mean falls, and both stand
    assert now["value"] < then["value"]
    day = rows(
        settings,
        "select value, known_until is null as believed from air_days where site = 'CP-A1' and"
        " parameter = 'pm2_5' and day = '2025-03-10' order by known_from",
    )
    assert day["believed"].tolist() == [False, True]
    assert day["value"].iloc[0] - day["value"].iloc[1] == pytest.approx(12 * 60 / 23, abs=1)
    assert original.exists()


def test_a_section_is_told_as_it_was_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-section",)})
    (file,) = made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    run_night(made)
    before = wall()
    # the platform corrects ammonia of one sampling and delivers the month again under a dated name
    lines = file.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "07-01 08:00" in line)
    cells = lines[at].split(",")
    assert float(cells[11]) < 1
    cells[11] = "1.900"
    lines[at] = ",".join(cells)
    file.with_name(f"{file.stem}_issued20250915.csv").write_text("".join(lines), encoding="utf-8")
    run, _ = run_night(made)
    assert run.summary.sources[0].counts["revised"] == 1
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        asking = Asking(made, connection)
        day = asking.district
        then = answers.sections(connection, day, "2025-07-01", as_of=answers.as_of_utc(before))
        now = answers.sections(connection, day, "2025-07-01")
        month = [asking.section("2025-07", as_of) for as_of in (before, None)]
    changed = [
        (old["period"], old["class"], new["class"])
        for old, new in zip(then, now, strict=True)
        if (old["class"], old["worst"]) != (new["class"], new["worst"])
    ]
    # GB 3838-2002: ammonia 1.9 mg/L lies above class Ⅳ (1.5) and within class Ⅴ (2.0)
    assert changed == [("2025-07-01T08:00", 4, 5)]
    assert month[0]["known_at"] == before[:19]
    assert month[0]["class"] == month[1]["class"], "one sampling of 186 does not move the month"


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Slice, str]:
    """Four exports of one source, three of them of the same hours, and the hash of all at once."""
    made = empty_slice(tmp_path_factory.mktemp("orders"))
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", _ORIGINAL, _CORRECTION, "air/china_sites_20250311.csv")
    # a second correction, of the first one
    file = made.exports("chiping") / _CORRECTION
    text = file.read_bytes().replace(b",40,", b",41,")
    file.with_name("china_sites_20250310_issued20250501.csv").write_bytes(text)
    run_load(made, files_of(made), "air-quotsoft")
    return made, sure_hash(made.settings())


def files_of(made: Slice) -> list[Path]:
    return sorted(made.folder("chiping", "air-quotsoft").iterdir())


@pytest.mark.xdist_group("orders")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_arrival_gives_one_hash(
    deliveries: tuple[Slice, str], tmp_path: Path, seed: int
) -> None:
    made, at_once = deliveries
    files = files_of(made)
    random.Random(seed).shuffle(files)  # noqa: S311  # an order, not a secret
    for file in files:
        run_load(made, [file], "air-quotsoft", tmp_path / "one-by-one")
    assert sure_hash(made.settings(tmp_path / "one-by-one")) == at_once


@pytest.mark.postgres
def test_a_server_gives_the_hash_of_the_embedded_warehouse(tmp_path: Path, postgres_uri: str) -> None:
    made = tiny_slice(tmp_path)
    run_night(made)
    embedded = sure_hash(made.settings())
    warehouse = fresh_postgres(postgres_uri)
    url = warehouse.url.render_as_string(hide_password=False)
    on_server: Settings = made.settings(tmp_path / "other", warehouse=url)
    # one correction first, so that the chains are made in another order too
    correction = made.exports("chiping") / _CORRECTION
    load_files(on_server, [correction], district="chiping", source="air-quotsoft")
    night(on_server)
    assert sure_hash(on_server) == embedded
    night(on_server)
    assert sure_hash(on_server) == embedded


# the revision report

_SECTION = "water/sections/山东省/徒骇河示例断面/2025-10/*.csv"
#: column of a national section export, and what 500 of its cells are corrected to (mg/L)
_CORRECTED = {"氨氮(mg/L)": "2.500", "总磷(mg/L)": "0.111", "高锰酸盐指数(mg/L)": "5.55"}
_CELLS = 500


def correct(file: Path) -> int:
    """Write a later delivery of a month of a section that corrects 500 cells; return how many differ."""
    lines = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    changed = 0
    for heading, text in _CORRECTED.items():
        at = lines[0].index(heading)
        for cells in lines[1:]:
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
    # ammonia of 2.5 mg/L all month is worse than class Ⅴ (2.0, GB 3838-2002 table 1); the months' means
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
        assert item["new_value"] == float(_CORRECTED[item["column"]])
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
    assert {item["replaces"] for item in report["readings"]} == {_ORIGINAL}
    assert report["sections"] == report["days"] == report["indicators"] == []


def test_a_late_original_revises_nothing_that_was_believed(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", _ORIGINAL, _CORRECTION)
    folder = made.exports("chiping")
    run_load(made, [folder / _CORRECTION], "air-quotsoft")
    run, _ = run_load(made, [folder / _ORIGINAL], "air-quotsoft")
    revised = run.summary.sources[0].counts["revised"]
    report = reported(made.settings(), _EVER, now_utc())
    assert report["readings"] == []
    assert [(item["revised"], item["outranked"]) for item in report["deliveries"]] == [(revised, revised)]
    assert revised > 0


def test_spans_that_follow_each_other_tell_everything_once(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("air-quotsoft",)})
    made.take("chiping", _ORIGINAL)
    run_night(made)
    between = now_utc()
    made.take("chiping", _CORRECTION)
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
    assert _CORRECTION in text
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
    made.take("chiping", _ORIGINAL)
    run, _ = run_night(made)
    assert publish_revisions(run) is None
    assert not list((made.home / "report").glob("revisions-*"))


def test_the_command_prints_flat_records_with_the_documented_keys(tmp_path: Path) -> None:
    made = tiny_slice(tmp_path)
    correction = made.exports("chiping") / _CORRECTION
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


def test_episodes_are_told_as_they_were_known(tmp_path: Path) -> None:
    made = empty_slice(tmp_path)
    made.use({"chiping": ("water-cnemc-section",)})
    (file,) = made.take("chiping", "water/sections/山东省/茌新河示例断面/2025-07/*.csv")
    nothing_yet = now_utc()
    run_night(made)
    district = load_district(made.root / "districts" / "chiping")
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        known_then = list_episodes(connection)
    before = now_utc()
    assert known_then, "the slice has an episode worse than class Ⅴ"
    # the platform corrects every ammonia value of the month to one within class Ⅱ
    lines = [line.split(",") for line in file.read_text("utf-8").splitlines()]
    at = lines[0].index("氨氮(mg/L)")
    for cells in lines[1:]:
        cells[at] = "0.300" if re.fullmatch(r"[0-9.]+", cells[at]) else cells[at]
    later = "".join(",".join(cells) + "\n" for cells in lines)
    file.with_name(f"{file.stem}_issued20260115.csv").write_text(later, encoding="utf-8")
    run_night(made)
    assert messages(made.home) == [], "history wakes nobody"
    with Warehouse(made.settings().warehouse_url(), read_only=True).read() as connection:
        districts = {district.key: district}
        assert list_episodes_as_of(connection, districts, before) == known_then
        assert list_episodes_as_of(connection, districts, nothing_yet) == []
        assert list_episodes_as_of(connection, districts, now_utc()) == list_episodes(connection) == []
        report = revision_report(connection, before, now_utc())
        status = {
            moment: next(
                item
                for item in answers.status(connection, districts, as_of=moment)
                if item["kind"] == "source"
            )["deliveries"]
            for moment in (nothing_yet, before, None)
        }
    assert [item["id"] for item in report["episodes"]] == [item["id"] for item in known_then]
    assert list(status.values()) == [0, 1, 2]
