"""Ledger of projects, returns, documents: what is counted, what is told beside it, and what stays unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.plan import evaluate_plan
from indicators.plan_budget import amount_left
from indicators.plan_facts import facts_frame
from indicators.plan_feeders import in_unit, reduction_facts, return_facts, said, with_stated
from indicators.plan_targets import with_documents
from indicators.registry import default_registry
from vocabulary.district import load_districts
from vocabulary.rounding import round_half_even

DISTRICTS = load_districts(Path(__file__).resolve().parents[2] / "districts")
CHIPING, GAOXIN = (DISTRICTS[key].plans[0] for key in ("chiping", "gaoxin"))
NEXT = DISTRICTS["chiping"].plans[1]
REGISTRY = default_registry()
AFTER = date(2026, 1, 15)
COLUMNS = ["site", "parameter", "period", "observed_at", "value", "provider_flag"]


def readings(*rows):
    """Rows of site, parameter, year (or day), value, flag."""
    frame = pd.DataFrame(
        [
            [site, name, "1y", pd.Timestamp(str(when)), float(value), flag]
            for site, name, when, value, flag in rows
        ],
        columns=COLUMNS,
    )
    return frame.astype({"observed_at": "datetime64[us]", "value": "float64"})


LEDGER = readings(
    ("P1", "reduction_nox_claimed", 2021, 600, ""),
    ("P1", "reduction_nox_recognised", 2021, 500.5, ""),
    ("P2", "reduction_nox_recognised", 2022, 300, ""),
    ("P2", "reduction_nox_offset", 2022, 40, ""),
    ("P3", "reduction_nox_claimed", 2023, 1000, ""),
    ("P4", "reduction_cod_recognised", 2021, 958.3, ""),
)


def judged(facts, *, plan=CHIPING, year=2025, as_of=AFTER):
    return evaluate_plan(plan, facts, year=year, as_of_day=as_of).set_index("indicator")


def of(facts, statistic):
    (row,) = facts[facts["statistic"] == statistic].to_dict("records")
    return row


def test_only_recognised_tonnes_count_less_what_offsets_and_claims_stand_beside_them():
    facts = reduction_facts(CHIPING, LEDGER, 2022, registry=REGISTRY)
    nox = of(facts, "reduction_nox")
    assert nox["value"] == 500.5 + 300 - 40
    assert "其中 2022 年核定 260 t；累计上报 600 t（不计入）；核定项目 2 个" in nox["told_zh"]
    assert nox["valid"]
    assert nox["standard"] == "REDUCTION-2021"


def test_a_year_without_anything_recognised_is_missing_and_said():
    nox = of(reduction_facts(CHIPING, LEDGER, 2024, registry=REGISTRY), "reduction_nox")
    assert nox["value"] == 760.5
    assert not nox["valid"]
    assert "缺 2023、2024 年核定量" in nox["told_zh"]
    assert "1600 t claimed" in nox["told_en"]


def test_a_pollutant_without_a_project_has_no_value_and_an_empty_ledger_no_fact():
    row = judged(reduction_facts(CHIPING, LEDGER, 2025, registry=REGISTRY)).loc[9]
    assert (row["status"], row["reason_zh"]) == ("no-data", "台账中没有该污染物的项目")
    assert reduction_facts(CHIPING, LEDGER[:0], 2025, registry=REGISTRY).empty


def test_years_without_accounting_rules_have_no_value():
    facts = reduction_facts(NEXT, LEDGER, 2026, registry=REGISTRY)
    assert facts["value"].isna().all()
    assert facts["told_zh"].unique().tolist() == ["2026 年的减排核算规则尚未入库"]


def test_a_closed_plan_is_judged_by_the_tonnes_and_has_no_path():
    row = judged(reduction_facts(CHIPING, LEDGER, 2025, registry=REGISTRY))
    # 958.3 t of COD is the target to the last digit; NOx stands at 760.5 of 2061.6 = 36.9 %
    assert row.loc[10, "status"] == "met"
    assert (row.loc[8, "status"], row.loc[8, "value"]) == ("off-track", 760.5)
    assert "累计核定 760.5，目标 2061.6，完成 36.9 %" in row.loc[8, "reason_zh"]
    assert row.loc[8, "baseline"] == "44.85 %*"


def test_within_the_plan_the_tonnes_still_to_recognise_are_told():
    facts = reduction_facts(CHIPING, LEDGER, 2023, registry=REGISTRY)
    for as_of in (date(2024, 3, 1), date(2023, 6, 1)):
        row = judged(facts, year=2023, as_of=as_of).loc[8]
        assert row["status"] == "at-risk"
        assert row["remaining"] == "还需核定 1301.1 t / 1301.1 t still to be recognised"
        assert "不画路径" in row["reason_zh"]
    # in the plan's last year there is no more time
    row = judged(facts.assign(period="2025"), as_of=date(2025, 12, 1)).loc[8]
    assert row["status"] == "off-track"


@given(st.floats(0, 3000, allow_nan=False), st.integers(1, 30000).map(lambda tenths: tenths / 10))
def test_exactly_what_is_left_reaches_the_target_and_a_tenth_less_misses_it(amount, target):
    left = amount_left(amount, target, 1)

    def reaches(further):
        return round_half_even(np.asarray([amount + further]), 1)[0] >= target

    assert reaches(left)
    assert left == 0 or not reaches(left - 0.1)


def test_order_of_the_ledger_does_not_matter():
    backwards = reduction_facts(CHIPING, LEDGER[::-1], 2025, registry=REGISTRY)
    pd.testing.assert_frame_equal(backwards, reduction_facts(CHIPING, LEDGER, 2025, registry=REGISTRY))


@pytest.mark.parametrize(
    ("value", "canonical", "wanted", "expected"),
    [
        (30658.0, "t", "t", 30658.0),
        (30658.0, "t", "万吨", 3.0658),
        (14400.0, "mu", "万亩", 1.44),
        (15000000.0, "mu", "万平方公里", 1.0),  # 15 亩 a hectare, 100 hectares a km2
        (55.0, "%", "%", 55.0),
        (1.0, "1", "", 1.0),
        (1.0, "t", "%", None),
        (1.0, "t", "石", None),
    ],
)
def test_units_of_the_plan(value, canonical, wanted, expected):
    assert in_unit(value, canonical, wanted) == expected


RETURNS = readings(
    ("chiping", "stat_eqi", 2020, 51.2, ""),
    ("chiping", "stat_eqi", 2024, 50.3, ""),
    ("chiping", "stat_eqi", 2025, 50.1, ""),
    ("chiping", "stat_eqi_trend", 2025, 1, "依据=示例〔2026〕1号"),
    ("chiping", "stat_rural_sewage_rate", 2025, 55, "依据=示例〔2026〕2号;来源=示例局"),
    ("chiping", "stat_rural_sewage_rate", 2023, 44, ""),
    ("chiping", "stat_building_land_safe", 2025, 1, "依据=示例〔2026〕3号"),
    ("chiping", "stat_building_land_safe", 2024, 1, "来源=示例局"),
    ("chiping", "stat_fertiliser_used", 2025, 29876.5, ""),
    ("chiping", "stat_red_line_area", 2025, 14400, ""),
    ("chiping", "stat_pm2_5_mean", 2025, 41, ""),
)


def test_figures_of_returns_are_judged_in_the_plans_unit_with_their_evidence():
    found = judged(return_facts(CHIPING, RETURNS, 2025))
    assert (found.loc[7, "value"], found.loc[7, "status"]) == (55, "met")
    assert "依据 示例〔2026〕2号" in found.loc[7, "reason_zh"]
    assert (found.loc[21, "value"], found.loc[21, "status"]) == (1.44, "met")
    assert (found.loc[19, "value"], found.loc[19, "status"]) == (29876.5, "target-pending")
    # what nobody returned says so, also where the target is pending
    assert "统计报表没有 2025 年的数" in found.loc[18, "reason_zh"]
    # a figure that monitoring gives is never taken from a return
    assert found.loc[1, "status"] == "no-data"


def test_figures_in_the_units_of_the_other_plan():
    other = readings(*[("gaoxin", *row[1:]) for row in [
        ("", "stat_fertiliser_used", 2025, 1234.5, ""), ("", "stat_red_line_area", 2025, 1500, "")]])  # fmt: skip
    found = judged(return_facts(GAOXIN, other, 2025), plan=GAOXIN)
    assert (found.loc[19, "value"], found.loc[19, "unit"]) == (0.12345, "万吨")
    assert (found.loc[21, "value"], found.loc[21, "unit"]) == (0.0001, "万平方公里")


def test_a_year_without_a_figure_names_the_latest_there_is():
    row = judged(return_facts(CHIPING, RETURNS, 2024), year=2024, as_of=AFTER).loc[7]
    assert (row["status"], row["reason_zh"]) == ("no-data", "统计报表没有 2024 年的数，最近为 2023 年")


def test_a_verdict_in_words_needs_its_evidence():
    assert judged(return_facts(CHIPING, RETURNS, 2025)).loc[16, "status"] == "met"
    row = judged(return_facts(CHIPING, RETURNS, 2024), year=2024, as_of=AFTER).loc[16]
    assert (row["status"], row["reason_zh"]) == ("no-data", "报送的结论没有依据文件，不予采用")


def test_the_index_is_judged_by_its_change_against_the_base_year():
    # 50.1 against 51.2: worse by 1.1, that is no longer stable, whatever the return says
    row = judged(return_facts(CHIPING, RETURNS, 2025)).loc[17]
    assert (row["status"], row["value"]) == ("off-track", 50.1)
    assert "变化 -1.10" in row["reason_zh"]
    assert "与 2020 年的 51.2 相比" in row["reason_zh"]
    # 50.3 against 51.2: -0.9 is basically stable
    assert judged(return_facts(CHIPING, RETURNS, 2024), year=2024, as_of=AFTER).loc[17, "status"] == "met"


@pytest.mark.parametrize(
    ("answer", "flag", "status"),
    [(1, "依据=X", "met"), (0, "依据=X", "met"), (-1, "依据=X", "off-track"), (1, "", "no-data")],
)
def test_without_an_index_the_returned_answer_counts_with_its_evidence(answer, flag, status):
    returns = readings(("chiping", "stat_eqi_trend", 2025, answer, flag))
    row = judged(return_facts(CHIPING, returns, 2025)).loc[17]
    assert row["status"] == status
    assert ("X" in row["reason_zh"]) == bool(flag)


def test_what_is_returned_for_a_figure_of_ours_stands_beside_it():
    ours = facts_frame(
        [pd.DataFrame([{"statistic": "pm2_5_mean", "period": "2025", "value": 43.2, "numerator": np.nan,
                        "denominator": np.nan, "valid": True, "standard": "S", "note": ""}])]
    )  # fmt: skip
    row = judged(with_stated(ours, CHIPING, RETURNS, 2025)).loc[1]
    assert row["value"] == 43
    assert "统计报表填报 41（不替代）" in row["reason_zh"]


DOCUMENTS = readings(
    ("chiping/2025", "target_forest_cover", "2024-03-15", 3.65, "文件=示例〔2024〕5号"),
    ("chiping/2025", "target_pm2_5_mean", "2022-06-01", 45, "文件=示例〔2022〕1号"),
    ("chiping/2025", "target_red_line_area", "2024-03-15", 15000, "文件=示例〔2024〕5号"),
    ("chiping/2024", "target_rural_sewage_rate", "2024-03-15", 50, "文件=示例〔2024〕5号"),
    ("gaoxin/2025", "target_rural_sewage_rate", "2024-03-15", 90, "文件=示例〔2024〕5号"),
    ("chiping/2025", "target_building_land_safe", "2024-03-15", 1, "文件=示例〔2024〕5号"),
)


def test_a_later_document_supersedes_a_pending_target_from_its_day_on():
    plan = with_documents(CHIPING, DOCUMENTS)
    facts = return_facts(plan, readings(("chiping", "stat_forest_cover", 2025, 3.66, "")), 2025)
    row = judged(facts, plan=plan).loc[18]
    assert (row["target"], row["status"]) == ("3.65", "met")
    assert "目标见 示例〔2024〕5号（2024-03-15）" in row["reason_zh"]
    before = judged(facts, plan=plan, as_of=date(2024, 3, 14)).loc[18]
    assert (before["target"], before["status"]) == ("完成市下达任务", "target-pending")


def test_an_earlier_document_another_year_another_district_and_words_change_nothing():
    targets = judged(facts_frame([]), plan=with_documents(CHIPING, DOCUMENTS))["target"]
    assert targets[1] == "42"
    assert targets[7] == "55"
    assert targets[16] == "有效保障"
    assert targets[21] == "1.5"
    assert with_documents(GAOXIN, DOCUMENTS[:1]) is GAOXIN


def test_what_a_flag_says():
    assert said("状态=已核定;依据=示例〔2024〕1号", "依据") == "示例〔2024〕1号"
    assert said("状态=已核定", "依据") == ""
    assert said("", "依据") == ""
