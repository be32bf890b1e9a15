"""A year worked out by hand: every monitored indicator equal to the last digit, and what a plan's night must show."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.answers import records as answers
from flows.answers.progress import what_moved
from flows.answers.secondary import secondary
from flows.revisions import revision_report
from tests.flows.asking import wall
from tests.flows.hand_exports import DISTRICT, DUSTFALL, POLLUTANTS, sheet, worked_out, write_exports
from tests.flows.slices import Slice, empty_slice, rows, run_night
from vocabulary.clock import now_utc
from vocabulary.district import load_district, load_districts
from warehouse.engine import Warehouse

pytestmark = pytest.mark.xdist_group("hand-year")

SOURCES = (
    "air-quotsoft",
    "water-monthly",
    "groundwater-points",
    "black-odorous-register",
    "reduction-ledger",
)
JANUARY, NOVEMBER = date(2026, 1, 15), date(2026, 11, 21)
MONITORED = (1, 2, 3, 4, 5, 6, *POLLUTANTS)


@dataclass
class Judged:
    """Two nights over the year: in January as delivered, in November after corrections."""

    made: Slice
    january: str
    since: Any

    def indicators(self, district: str, as_of: str | None = None) -> dict[int, dict[str, Any]]:
        found = load_district(self.made.root / "districts" / district)
        with self.warehouse().read() as connection:
            moment = answers.as_of_utc(as_of)
            records = answers.indicators(connection, found, 2025, as_of=moment)
        return {record["indicator"]: record for record in records if record["plan"] == "14FYP"}

    def warehouse(self) -> Warehouse:
        return Warehouse(self.made.settings().warehouse_url(), lock_wait=30.0, read_only=True)


def correct(made: Slice) -> None:
    """Late corrections: 15 January was 40 µg/m³ of PM2.5 cleaner, and 10 t of NOx of 2022 are taken back."""
    file = made.folder(DISTRICT, "air-quotsoft") / "china_sites_202501.csv"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    # the last hour of a day carries the next day's date
    hours = {f"20250115,{hour}," for hour in range(1, 24)} | {"20250116,0,"}
    later = file.with_name("china_sites_202501_issued20261101.csv")
    later.write_text(lines[0] + "".join(_cleaner(line) for line in lines[1:] if _of(line, hours)), "utf-8")
    os.utime(later, (file.stat().st_mtime + 3600,) * 2)
    ledger = made.folder(DISTRICT, "reduction-ledger") / "重点工程减排台账.csv"
    text = ledger.read_text("utf-8")
    assert text.count(",510.2,") == 1
    again = ledger.with_name("重点工程减排台账_复核.csv")
    again.write_text(text.replace(",510.2,", ",500.2,"), "utf-8")
    os.utime(again, (ledger.stat().st_mtime + 3600,) * 2)


def _of(line: str, hours: set[str]) -> bool:
    return ",".join(line.split(",")[:2]) + "," in hours and ",PM2.5," in line


def _cleaner(line: str) -> str:
    *keys, value = line.rstrip("\n").split(",")
    return ",".join([*keys, str(Decimal(value) - 40)]) + "\n"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    made = empty_slice(tmp_path_factory.mktemp("hand"))
    made.use({DISTRICT: SOURCES, "gaoxin": ("groundwater-points",)})
    write_exports(made)
    run_night(made, run_date=JANUARY)
    between = wall()
    time.sleep(0.002)
    since = now_utc()
    correct(made)
    run_night(made, run_date=NOVEMBER)
    return Judged(made, between, since)


# --- a hand-computed year -------------------------------------------------------------------------


def test_the_sheet_holds_formulas_and_agrees_with_decimal_numbers_and_with_the_hand() -> None:
    formulas = {row[0]: row[2] for row in sheet("指标", values=False) if isinstance(row[0], int)}
    assert set(formulas) == set(MONITORED)
    assert all(str(text).startswith("=") for text in formulas.values())
    by_hand = worked_out()
    for number, _, result, part, whole, hand in [row[:6] for row in sheet("指标") if isinstance(row[0], int)]:
        value, numerator, denominator = by_hand[number]
        assert Decimal(str(result)) == value, number
        assert Decimal(str(hand)) == value, number
        assert (part, whole) == (numerator, denominator), number


@pytest.mark.parametrize("number", MONITORED)
def test_every_monitored_indicator_is_equal_to_the_last_digit(judged: Judged, number: int) -> None:
    record = judged.indicators(DISTRICT, judged.january)[number]
    value, part, whole = worked_out()[number]
    assert Decimal(repr(record["value"])) == value
    assert (record["numerator"], record["denominator"]) == (part, whole)
    assert record["left_out"] == 0


def test_the_hand_computed_year_is_judged_against_its_targets(judged: Judged) -> None:
    found = judged.indicators(DISTRICT, judged.january)
    # targets 42, 65.3, 0 (III), 0 (worse than V), 0 (black), 2061.6, 1549.0, 958.3, 28.8 t
    told = {number: found[number]["status"] for number in (1, 2, 3, 4, 5, 8, 9, 10, 11)}
    assert [number for number, status in told.items() if status == "met"] == [2, 3, 9]
    assert {status for number, status in told.items() if number not in (2, 3, 9)} == {"off-track"}


def test_what_moved_adds_up_to_the_figures(judged: Judged) -> None:
    district = load_district(judged.made.root / "districts" / DISTRICT)
    moment = answers.as_of_utc(judged.january)
    with judged.warehouse().read() as connection:
        air, days, sections = (what_moved(connection, district, number, 2025, moment) for number in (1, 2, 4))
        assert what_moved(connection, district, 7, 2025, moment) == []
    pm2_5 = [row[1] for row in sheet("空气日均值") if row[1] is not None]
    for kind in ("month", "station"):
        # the plan's baseline is 54: no year before this one is on record
        moved = sum(row["amount"] for row in air if row["kind"] == kind)
        assert moved == pytest.approx(sum(pm2_5) / len(pm2_5) - 54, abs=1e-4)
    bad = [row for row in sheet("空气日均值") if row[14] == 0]
    for kind in ("month", "pollutant"):
        assert sum(row["amount"] for row in days if row["kind"] == kind) == len(bad)
    summer = [row for row in days if (row["kind"], row["subject"]) == ("month", "06")]
    assert summer[0]["amount"] == sum(row[0].month == 6 for row in bad)
    told = {(row["kind"], row["subject"]): row for row in sections}
    assert told["section", "CP-S2"]["amount"] == 1
    assert told["section", "CP-S1"]["amount"] == 0
    # ammonia 2.04 of a limit of 2.0 is what keeps it worse than class V
    assert [row["subject"] for row in sections if row["kind"] == "factor"] == ["nh3_n"]
    assert "2.04→2 mg/L" in told["factor", "nh3_n"]["note"]


def test_further_targets_say_what_is_monitored_and_what_is_missing(judged: Judged) -> None:
    district = load_district(judged.made.root / "districts" / DISTRICT)
    (plan,) = [plan for plan in district.plans if plan.id == "14FYP"]
    with judged.warehouse().read() as connection:
        records = secondary(connection, district, 2025)
        running = secondary(connection, district, 2025, answers.as_of_utc("2025-06-30"))
    found = {row["key"]: row for row in records}
    assert len(records) == len(plan.secondary) + len(plan.milestone) == len(found)
    assert all(row["reason_zh"] and row["reason_en"] for row in records)
    dust = found["dustfall"]
    assert (dust["value"], dust["target"], dust["status"]) == (6.05, "≤ 7", "met")
    assert sum(map(Decimal, DUSTFALL)) / 12 == Decimal("6.05")
    assert "超出的月份 3月 7.4、4月 7.9" in dust["reason_zh"]
    # HJ 663 annex A: 1 + 363 x 0.9 = 327.7, between the 327th and the 328th of 364 values
    ozone = sorted(Decimal(str(row[6])) for row in sheet("空气日均值") if row[6] is not None)
    wanted = ozone[326] + (ozone[327] - ozone[326]) * Decimal("0.7")
    assert Decimal(repr(found["o3"]["value"])) == round(wanted)
    assert found["o3"]["status"] == "qualitative"
    assert found["irrigation"]["status"] == "no-data"
    assert found["old_diesel"]["reason_zh"] == "已于 2023-12-31 到期，尚无完成证明"
    assert {row["key"]: row for row in running}["final"]["status"] == "target-pending"
    assert {row["key"]: row for row in running}["dustfall"]["status"] == "no-data"


# --- all records, every night ---------------------------------------------------------------------


def test_all_42_records_stand_after_every_night_each_with_its_reason(judged: Judged) -> None:
    for as_of in (judged.january, None):
        records = [row for key in ("chiping", "gaoxin") for row in judged.indicators(key, as_of).values()]
        assert len(records) == 42
        assert all(row["reason_zh"] and row["reason_en"] for row in records)
        silent = [row for row in records if row["value"] is None]
        assert {row["status"] for row in silent} <= {"no-data", "not-applicable", "target-pending"}


def test_rows_that_must_not_have_a_path_have_none(judged: Judged) -> None:
    districts = load_districts(judged.made.root / "districts")
    stored = rows(
        judged.made.settings(),
        "select district, indicator, period, status, reason_zh, projection from indicator_results"
        " where known_until is null and plan = '14FYP'",
    )
    for key, district in districts.items():
        (plan,) = [plan for plan in district.plans if plan.id == "14FYP"]
        mine = stored[stored["district"] == key]
        # basis changed, another unit, no baseline, handed down later, in words
        none = {
            item.number
            for item in plan.indicator
            if item.basis_changed
            or not any(base.unit == item.unit for base in item.baseline)
            or item.target[0].value is None
        }
        assert {3, 4, 5, 6, 8, 9, 10, 11, 12, 16, 17} <= none
        told = mine.loc[mine["indicator"].isin(none), "reason_zh"]
        assert not told.str.contains("路径值").any()
    # a closed year has nothing to come
    assert stored["projection"].isna().all()


def test_the_next_plan_runs_from_2026_with_every_target_pending(judged: Judged) -> None:
    found = rows(
        judged.made.settings(),
        "select district, period, status, target, reason_zh from indicator_results"
        " where known_until is null and plan = '15FYP'",
    )
    assert found.groupby("district").size().to_dict() == {"chiping": 21, "gaoxin": 21}
    assert set(found["period"]) == {"2026"}
    assert (found["reason_zh"] != "").all()
    assert set(found["status"]) <= {"target-pending", "no-data", "not-applicable"}
    assert not found["target"].str.match(r"^[0-9.]+$").any()


# --- judged again after late corrections -----------------------------------------------------------


def test_both_judgements_of_the_year_can_be_given_again_and_the_difference_is_explained(
    judged: Judged,
) -> None:
    first, now = judged.indicators(DISTRICT, judged.january), judged.indicators(DISTRICT)
    assert first == judged.indicators(DISTRICT, judged.january)
    assert (first[8]["value"], now[8]["value"]) == (2050.0, 2040.0)
    pm2_5 = [row[1] for row in sheet("空气日均值") if row[1] is not None]
    assert first[1]["value"] == round(sum(pm2_5) / len(pm2_5))
    assert now[1]["value"] == round((sum(pm2_5) - 40) / len(pm2_5))
    with judged.warehouse().read() as connection:
        report = revision_report(connection, judged.since, now_utc(), DISTRICT)
    turned = {row["indicator"] for row in report["indicators"] if row["period"] == "2025"}
    assert 8 in turned
    differing = {number for number in first if first[number]["value"] != now[number]["value"]}
    assert differing <= turned
    assert {row["parameter"] for row in report["readings"]} == {"pm2_5", "reduction_nox_recognised"}
    assert any("20261101" in str(row) for row in report["deliveries"])
