"""Tonnes of a year beside what the permits allow, from exports written by hand and added up by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.answers.emissions import emissions
from flows.answers.permit_totals import permit_totals, reached
from flows.site.emissions import gather_emissions
from flows.site.parts import Parts, Span
from flows.workbook import gather_workbook
from reports.site.emission_pages import emissions_page
from tests.flows.slices import Slice, empty_slice, run_night
from vocabulary.district import District, load_districts
from warehouse.engine import Warehouse

#: 40 days of 2025 and 10 of 2026
SPANS = {
    "2025-11": (dt.date(2025, 11, 1), 30),
    "2025-12": (dt.date(2025, 12, 1), 10),
    "2026-01": (dt.date(2026, 1, 1), 10),
}
HEAD = "site,enterprise,parameter,tonnes,valid_from,valid_to,clause,document,sure,example\n"
#: 1000 m³ an hour of 50 mg/L COD, 5 mg/L NH3-N, 0.4 mg/L TP: 50, 5 and 0.4 kg an hour
VALUES = "50,5,0.4,10,7.2,1000,N"


def _write(made: Slice) -> None:
    folder = made.folder("chiping", "outlet-hourly") / "CPDW001"
    folder.mkdir()
    columns = "企业名称,排口名称,排口编号,监测时间,COD浓度(mg/L),氨氮浓度(mg/L),总磷浓度(mg/L),总氮浓度(mg/L),pH(无量纲),流量(m3),标记"
    for month, (first, days) in SPANS.items():
        lines = [
            f"示例污水处理厂,总排口,CPDW001,{first + dt.timedelta(days=day)} {hour:02d}~{hour + 1:02d},{VALUES}\n"
            for day in range(days)
            for hour in range(24)
        ]
        text = f"示例污水处理厂总排口小时数据\n{columns}\n{''.join(lines)}"
        (folder / f"CPDW001_{month}.csv").write_bytes(text.encode("gb18030"))
    totals = [
        "CP-W1,,cod,20,2021-01-01,2025-12-31,表5,示例证一,C,yes\n",
        "CP-W1,,cod,10,2026-01-01,,表5,示例证二,C,yes\n",
        ",示例污水处理厂,nh3_n,1,2026-01-01,,表5,示例证二,C,yes\n",
        "CP-G1,,flue_nox_norm,110,2021-01-01,,表4,示例证三,C,yes\n",
    ]
    (made.root / "districts" / "chiping" / "permit_totals.csv").write_text(HEAD + "".join(totals), "utf-8")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = empty_slice(tmp_path_factory.mktemp("permits"))
    made.use({"chiping": ["outlet-hourly"]})
    _write(made)
    run_night(made)
    settings = made.settings()
    district = load_districts(settings.districts)["chiping"]
    with Warehouse(settings.warehouse_url(), lock_wait=30.0, read_only=True).read() as connection:
        yield connection, district


def _of(records: list[dict[str, Any]], parameter: str) -> dict[str, Any]:
    (found,) = [record for record in records if record["parameter"] == parameter]
    return found


def test_a_running_year_counts_as_far_as_its_hours_have_come(loaded: tuple[Any, District]) -> None:
    # the example's day is 2026-04-01; the last hour delivered is the last of 10 January: 240 hours
    records = emissions(*loaded, "2026")
    cod = _of(records, "cod")
    assert cod["tonnes"] == pytest.approx(240 * 0.050)
    assert (cod["tonnes_substituted"], cod["open_hours"], cod["capture_rate"]) == (0.0, 0, 1.0)
    # 12 of 10 t: 2 t beyond the permit
    assert (cod["permit_of"], cod["permit_tonnes"], cod["permit_document"]) == ("site", 10.0, "示例证二")
    assert cod["year_tonnes"] == pytest.approx(12.0)
    assert cod["permit_share"] == pytest.approx(1.2)
    assert cod["permit_remaining"] == pytest.approx(-2.0)
    # an enterprise's total is told at its outlet
    ammonia = _of(records, "nh3_n")
    assert (ammonia["permit_of"], ammonia["permit_tonnes"]) == ("enterprise", 1.0)
    assert ammonia["year_tonnes"] == pytest.approx(1.2)
    # no total is registered: missing, not zero
    phosphorus = _of(records, "tp")
    assert phosphorus["year_tonnes"] == pytest.approx(240 * 0.0004)
    assert (phosphorus["permit_of"], phosphorus["permit_document"]) == ("", "")
    assert {phosphorus[key] for key in ("permit_tonnes", "permit_share", "permit_remaining")} == {None}
    # pH has no mass at all
    assert _of(records, "ph")["year_tonnes"] is None


def test_the_year_of_a_period_counts_to_the_periods_end(loaded: tuple[Any, District]) -> None:
    cod = _of(emissions(*loaded, "2025-11"), "cod")
    # 30 days of 24 hours at 0.05 t, of the 20 t of that year's permit
    assert cod["tonnes"] == pytest.approx(36.0)
    assert cod["year_tonnes"] == pytest.approx(36.0)
    assert (cod["permit_tonnes"], cod["permit_document"]) == (20.0, "示例证一")
    assert cod["permit_share"] == pytest.approx(1.8)
    day = _of(emissions(*loaded, "2026-01-04"), "cod")
    assert day["tonnes"] == pytest.approx(1.2)
    assert day["year_tonnes"] == pytest.approx(4 * 1.2)
    assert day["permit_share"] == pytest.approx(0.48)
    assert day["permit_remaining"] == pytest.approx(5.2)


def test_a_permit_without_hours_stands_with_no_tonnes(loaded: tuple[Any, District]) -> None:
    connection, district = loaded
    totals = permit_totals(connection, district, dt.datetime(2027, 1, 1), day=dt.date(2026, 4, 1))
    gas = totals[totals["parameter"] == "flue_nox_norm"].iloc[0]
    assert (gas["name"], gas["permit_tonnes"], gas["year"]) == ("示例热电1号炉排口", 110.0, 2026)
    assert pd.isna(gas["tonnes"])
    assert pd.isna(gas["permit_share"])


def test_a_span_that_is_over_counts_whole_and_one_that_runs_to_its_last_hour() -> None:
    hours = pd.DataFrame({"observed_at": pd.to_datetime(["2026-01-05 03:00", "2026-01-10 23:00"])})
    start, end = dt.datetime(2026, 1, 1), dt.datetime(2026, 4, 1)
    assert reached(hours, start, end, dt.date(2026, 4, 1)) == end
    assert reached(hours, start, end, dt.date(2026, 3, 31)) == dt.datetime(2026, 1, 11)
    assert reached(hours.iloc[:0], start, end, dt.date(2026, 3, 31)) == end
    # hours of the look-back only: nothing of the span has come
    assert reached(hours, dt.datetime(2026, 2, 1), end, dt.date(2026, 3, 31)) == dt.datetime(2026, 2, 1)


def test_the_page_and_the_workbook_say_the_same(loaded: tuple[Any, District], tmp_path: Path) -> None:
    connection, district = loaded
    span = Span(dt.datetime(2025, 1, 1), dt.datetime(2026, 1, 11))
    data = gather_emissions(connection, district, span, Parts(tmp_path), dt.date(2026, 4, 1))
    facts = {"key": "chiping", "name_zh": "茌平区", "name_en": "Chiping"}
    page = emissions_page(facts, data, {"nav": [], "here": "chiping/emissions.html", "names": {}}).decode()
    table = page[page.index('aria-label="许可排放量 2026') : page.index('aria-label="许可排放量 2025')]
    row = next(line for line in table.splitlines() if "化学需氧量" in line)
    for text in ("12.000", "10</td>", "<b>120.0</b>", "-2.000", "已超许可", "示例证二"):
        assert text in row
    assert "未登记许可排放量" in next(line for line in table.splitlines() if "总磷" in line)
    assert "无小时数据" in next(line for line in table.splitlines() if "氮氧化物" in line)
    sheet = gather_workbook(connection, district, 2026)["outlet_totals"].set_index("parameter")
    assert sheet.loc[
        "化学需氧量", ["tonnes", "permit_tonnes", "permit_share", "permit_remaining"]
    ].tolist() == [
        12.0,
        10.0,
        120.0,
        -2.0,
    ]
    assert sheet.loc["总磷", "note"] == "未登记许可排放量"
    assert pd.isna(sheet.loc["总磷", "permit_tonnes"])
