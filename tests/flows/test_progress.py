"""Ledgers, returns and documents reach the plan: nothing absent, past answers kept, order of no matter."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flows.answers import records as answers
from flows.night import night
from flows.run import DONE
from sources.catalogue import UnknownSourceError
from tests.conftest import fresh_postgres
from tests.flows.asking import wall
from tests.flows.slices import Slice, empty_slice, rows, run_load, run_night, sure_hash
from vocabulary.district import load_district, load_districts
from warehouse.engine import Warehouse

pytestmark = pytest.mark.xdist_group("progress")

SOURCES = ("reduction-ledger", "statistics-return", "target-documents", "groundwater-points")
_LEDGER = "重点工程减排台账.csv"


@dataclass
class Told:
    """A slice after two nights, and when the first one was over."""

    made: Slice
    between: str
    hash: str
    nights: list[Any] = field(default_factory=list)

    def indicators(self, year: int | None, as_of: str | None = None) -> dict[int, dict[str, Any]]:
        settings = self.made.settings()
        district = load_district(self.made.root / "districts" / "chiping")
        warehouse = Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True)
        with warehouse.read() as connection:
            moment = answers.as_of_utc(as_of)
            found = answers.indicators(connection, district, year, as_of=moment)
        return {record["indicator"]: record for record in found if record["plan"] == "14FYP"}


def correct(made: Slice) -> None:
    """A later ledger takes 10 t of NOx of 2022 back: 500.2 t where 510.2 t stood."""
    first = made.folder("chiping", "reduction-ledger") / _LEDGER
    text = first.read_bytes().decode("gb18030")
    assert text.count(",510.2,") == 1
    later = first.with_name("重点工程减排台账_复核.csv")
    later.write_bytes(text.replace(",510.2,", ",500.2,").encode("gb18030"))
    os.utime(later, (first.stat().st_mtime + 3600,) * 2)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    made = empty_slice(tmp_path_factory.mktemp("told"))
    made.use({"chiping": SOURCES})
    made.take("chiping", "reductions/*.csv", "returns/*.csv")
    first, _ = run_night(made)
    between = wall()
    made.take("chiping", "targets/*.csv", "groundwater/*_2025.csv")
    correct(made)
    second, _ = run_night(made)
    return Told(made, between, sure_hash(made.settings()), [first, second])


def test_every_year_of_the_plan_has_its_21_indicators_each_with_its_reason(told: Told) -> None:
    found = rows(
        told.made.settings(),
        "select period, count(*) as n from indicator_results where known_until is null"
        " and plan = '14FYP' and reason_zh <> '' and reason_en <> '' group by period order by period",
    )
    assert found["period"].tolist() == ["2021", "2022", "2023", "2024", "2025"]
    assert set(found["n"]) == {21}


def test_a_later_ledger_moves_the_sums_of_every_year_after_it(told: Told) -> None:
    # 420.5, then 510.2 or 500.2 of 2022, 398.4, 402.5, 330
    before = [420.5, 930.7, 1329.1, 1731.6, 2061.6]
    after = [420.5, 920.7, 1319.1, 1721.6, 2051.6]
    years = range(2021, 2026)
    assert [told.indicators(year, told.between)[8]["value"] for year in years] == before
    assert [told.indicators(year)[8]["value"] for year in years] == after
    assert told.indicators(2025, told.between)[8]["status"] == "met"
    row = told.indicators(2025)[8]
    assert row["status"] == "off-track"
    assert "累计上报 2200 t（不计入）" in row["reason_zh"]
    assert told.indicators(2023)[8]["remaining"].startswith("还需核定 742.5 t")  # 2061.6 - 1319.1


def test_a_document_supersedes_a_pending_target_and_the_past_stays(told: Told) -> None:
    was, now = told.indicators(2025, told.between)[18], told.indicators(2025)[18]
    assert (was["target"], was["status"], was["value"]) == ("完成市下达任务", "target-pending", 3.7)
    assert (now["target"], now["status"]) == (3.65, "met")


def test_what_is_not_connected_and_what_is_not_there_say_so(told: Told) -> None:
    found = told.indicators(2025)
    assert found[1]["reason_zh"] == "2025 年没有环境空气监测数据"
    assert found[5]["reason_zh"] == "尚未接入黑臭水体台账数据"
    assert (found[6]["numerator"], found[6]["denominator"]) == (1, 3)
    assert told.indicators(2024, told.between)[6]["reason_zh"].endswith("尚未接入地下水监测数据")
    assert "地下水点位 2024 年没有监测数据" in told.indicators(2024)[6]["reason_zh"]


def test_projects_and_districts_are_no_unregistered_sites(told: Told) -> None:
    warehouse = Warehouse(told.made.settings().warehouse_url(), lock_wait=30.0, read_only=True)
    with warehouse.read() as connection:
        records = answers.status(connection, load_districts(told.made.root / "districts"))
    (work,) = [record for record in records if record["kind"] == "open-work"]
    assert (work["unregistered_sites"], work["unregistered"]) == (0, "")


@pytest.mark.thorough
def test_one_night_over_all_of_it_tells_the_same(told: Told) -> None:
    home = told.made.root / "another"
    run_night(told.made, home)
    assert sure_hash(told.made.settings(home)) == told.hash


@pytest.mark.thorough
@pytest.mark.postgres
def test_a_server_tells_the_same(told: Told, postgres_uri: str) -> None:
    warehouse = fresh_postgres(postgres_uri)
    settings = told.made.settings(
        told.made.root / "served", warehouse=warehouse.url.render_as_string(hide_password=False)
    )
    night(settings)
    assert sure_hash(settings) == told.hash


def test_a_layout_that_the_district_does_not_list_can_be_loaded(told: Told, tmp_path: Path) -> None:
    (events,) = told.made.take("chiping", "events/*.csv")
    lines: list[str] = []
    run, status = run_load(told.made, [events], "dust-events", tmp_path, tell=lines.append)
    assert status == DONE
    assert (run.summary.sources[0].loaded, run.summary.sources[0].counts["new"]) == (1, 1)
    assert "chiping 的 sources.toml 没有来源 dust-events" in lines[0]
    with pytest.raises(UnknownSourceError, match=r"未知来源 dust-event，已有版式 .*dust-events"):
        run_load(told.made, [events], "dust-event", tmp_path)
