"""County indicators: reductions, shares, drinking-water sources, EQI; typed from the compiled rules, sections 5, 6."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from water_frames import text_pairs, water_readings, water_sections

from indicators.county_shares import eliminated_share, groundwater_v_share, share, source_share, target_share
from indicators.eco_quality import eqi_changes, eqi_classes, eqi_of_parts
from indicators.reduction import (
    coal_replaced_tonnes,
    cumulative_reduction,
    fall_progress,
    first_year_part,
    gas_tonnes,
    reduction_progress,
    sewage_tonnes,
    voc_substituted_tonnes,
    voc_treated_tonnes,
)
from indicators.registry import default_registry
from indicators.water_evaluation import evaluate_sections
from indicators.water_regions import share_of_classes
from indicators.water_sources import judge_drinking_sources

REGISTRY = default_registry()
EQI = REGISTRY.get("EQI-2021")
REDUCTION = REGISTRY.get("REDUCTION-2021")
DAY = dt.date(2026, 10, 31)

# --- section 5: reductions ---------------------------------------------------------------------------


def test_formulas_of_reductions_by_hand() -> None:
    # 100·10⁴ m³ from 250 to 30 mg/L: 1e6 m³ · 220 g/m³ = 220 t
    assert sewage_tonnes(100, 250, 30, REDUCTION) == pytest.approx(220.0)
    # 100 000 m³/h for 8000 h from 100 to 50 mg/m³: 8e8 m³ · 50 mg = 40 t
    assert gas_tonnes(100_000, 8000, 100, 50, REDUCTION) == pytest.approx(40.0)
    # 1000 t coal · 2.94 kg/t, 60 % removed before: 2.94 t · 0.4
    assert coal_replaced_tonnes(1000, 2.94, 0.6, REDUCTION) == pytest.approx(1.176)
    # 50 t generated; collected and removed 0.3·0.5 before, 0.9·0.8 after: 50 · (0.72 - 0.15)
    assert voc_treated_tonnes(50, 0.3 * 0.5, 0.9 * 0.8) == pytest.approx(28.5)
    # 20 t of paint from 60 % to 10 % VOC
    assert voc_substituted_tonnes(20, 0.6, 0.1) == pytest.approx(10.0)
    # 12 t a year from 1 September on: 4 months now, the rest next year
    now, later = first_year_part(12, 4, REDUCTION)
    assert (float(now), float(later)) == pytest.approx((4.0, 8.0))


@pytest.mark.parametrize(("pollutant", "percent"), [("cod", 8), ("nh3_n", 8), ("nox", 10), ("voc", 10)])
def test_national_targets_of_the_14th_plan(pollutant: str, percent: float) -> None:
    assert REDUCTION.rule(f"national.{pollutant}")["reduction_percent"] == percent
    assert (REDUCTION.valid_from, REDUCTION.valid_to) == (dt.date(2021, 1, 1), dt.date(2025, 12, 31))


def ledger(*rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["project", "pollutant", "year", "tonnes", "state", "stated_on"])


LEDGER = ledger(
    ("A", "nox", 2021, 100.0, "recognised", "2022-03-01"),
    ("B", "nox", 2022, 50.0, "claimed", "2022-12-01"),
    ("B", "nox", 2022, 40.0, "recognised", "2023-03-01"),
    # revised a year later: the last statement counts
    ("A", "nox", 2021, 90.0, "recognised", "2023-04-01"),
    # used to offset a new plant
    ("C", "nox", 2023, -10.0, "recognised", "2024-03-01"),
    ("D", "cod", 2022, 7.0, "claimed", "2022-12-01"),
)


@pytest.mark.parametrize(
    ("as_of", "tonnes", "cumulative"),
    [
        ("2022-06-30", [100.0, 0.0], [100.0, 100.0]),
        ("2023-03-31", [100.0, 40.0, 0.0], [100.0, 140.0, 140.0]),
        ("2023-04-01", [90.0, 40.0, 0.0], [90.0, 130.0, 130.0]),
        ("2027-01-01", [90.0, 40.0, -10.0, 0.0, 0.0], [90.0, 130.0, 120.0, 120.0, 120.0]),
    ],
)
def test_only_recognised_amounts_add_up_and_as_they_were_known(
    as_of: str, tonnes: list[float], cumulative: list[float]
) -> None:
    found = cumulative_reduction(LEDGER, REDUCTION, as_of=dt.date.fromisoformat(as_of))
    nox = found[found["pollutant"] == "nox"]
    assert (nox["tonnes"].tolist(), nox["cumulative"].tolist()) == (tonnes, cumulative)


def test_claimed_amounts_are_kept_apart() -> None:
    found = cumulative_reduction(LEDGER, REDUCTION, as_of=dt.date(2022, 12, 31)).set_index(
        ["pollutant", "year"]
    )
    assert found.loc[("nox", 2022), ["tonnes", "claimed", "projects"]].tolist() == [0.0, 50.0, 0]
    assert found.loc[("cod", 2022), ["cumulative", "claimed"]].tolist() == [0.0, 7.0]


def test_a_ledger_out_of_its_words_or_years_is_named() -> None:
    with pytest.raises(ValueError, match="state 'approved'"):
        cumulative_reduction(LEDGER.assign(state="approved"), REDUCTION, as_of=DAY)
    with pytest.raises(ValueError, match="expected 2021 to 2025"):
        cumulative_reduction(LEDGER.assign(year=2026), REDUCTION, as_of=DAY)


def test_progress() -> None:
    assert reduction_progress([90.0, 90.0], [120.0, 0.0]).tolist() == pytest.approx(
        [75.0, math.nan], nan_ok=True
    )
    # from 54 to 42: at 48 half of the way
    assert fall_progress([54.0, 54.0, 54.0, 42.0], [48.0, 42.0, 60.0, 40.0], 42.0).tolist() == pytest.approx(
        [50.0, 100.0, -50.0, math.nan], nan_ok=True
    )


# --- section 6: shares -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "value"), [(0, 0, math.nan), (0, 2, 0.0), (1, 3, 100 / 3), (2, 2, 100.0)]
)
def test_a_share_shows_its_numerator_and_denominator(part: int, whole: int, value: float) -> None:
    found = share(part, whole)
    assert (found["numerator"], found["denominator"]) == (part, whole)
    assert found["value"] == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(("part", "whole"), [(-1, 2), (3, 2), (1, 0)])
def test_a_part_larger_than_the_whole_is_named(part: int, whole: int) -> None:
    with pytest.raises(ValueError, match="between 0 and the whole"):
        share(part, whole)


def test_shares_of_sections_by_class_and_by_target() -> None:
    # class Ⅲ with target Ⅱ, Ⅳ with target Ⅳ, 劣Ⅴ with target Ⅴ, Ⅱ without a target
    rows = [
        (site, "2026-10-08", "cod_mn", text)
        for site, text in [("A", "6"), ("B", "10"), ("C", "15.1"), ("D", "4")]
    ]
    sections = water_sections(A=("river", 2), B=("river", 4), C=("river", 5), D=("river", None))
    results = evaluate_sections(water_readings(list(rows)), sections, "2026-10", registry=REGISTRY)
    assert share_of_classes(results) == {"numerator": 2, "denominator": 4, "value": 50.0}
    assert share_of_classes(results, best=6, worst=6) == {"numerator": 1, "denominator": 4, "value": 25.0}
    found = target_share(results)
    assert (found["numerator"], found["denominator"]) == (1, 3)


def test_share_of_groundwater_points_of_class_v() -> None:
    found = groundwater_v_share(pd.Series([5, 4, 5, None, 1], dtype="Int8"))
    assert found == {"numerator": 2, "denominator": 4, "value": 50.0}


def test_black_odorous_bodies_that_return_count_again() -> None:
    bodies = pd.DataFrame(
        {
            "body": ["a", "b", "c", "d"],
            "eliminated": [True, True, True, False],
            "returned": [False, True, False, False],
        }
    )
    assert eliminated_share(bodies) == {"numerator": 2, "denominator": 4, "value": 50.0}
    with pytest.raises(ValueError, match="'a' stands twice"):
        eliminated_share(pd.concat([bodies, bodies]))
    assert eliminated_share(bodies[:0])["denominator"] == 0


# --- drinking-water sources --------------------------------------------------------------------------


def source(items: str, waterbody: str = "river") -> pd.Series:
    values = text_pairs(items)
    means = pd.DataFrame({"site": "S", "parameter": list(values), "rounded": list(values.values())})
    found = judge_drinking_sources(means, water_sections(S=(waterbody, 3)), registry=REGISTRY, day=DAY)
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(
    ("item", "below", "limit", "above"),
    [
        ("sulfate", 249, 250, 251),
        ("chloride", 249, 250, 251),
        ("nitrate", 9.99, 10, 10.01),
        ("fe", 0.29, 0.3, 0.31),
        ("mn", 0.09, 0.1, 0.11),
        # of table 1 the class Ⅲ limits hold
        ("cod_mn", 5.9, 6, 6.1),
        ("nh3_n", 0.99, 1.0, 1.01),
        ("tp", 0.199, 0.2, 0.201),
    ],
)
def test_limits_of_drinking_water_sources(item: str, below: float, limit: float, above: float) -> None:
    for value, attained in ((below, True), (limit, True), (above, False)):
        row = source(f"{item}={value};do=7")
        assert (bool(row["attained"]), row["beyond"]) == (attained, "" if attained else item)
        assert row["items_used"] == 2


def test_items_that_do_not_count_for_a_source() -> None:
    # TN, water temperature and coliform are left out; a lake has its own phosphorus limit
    assert source("tn=9;fecal_coliform=90000;water_temp=40;do=7")["items_used"] == 1
    assert source("tp=0.06;do=7", "lake")["beyond"] == "tp"
    assert source("mn=0.2;tp=0.3;do=4")["beyond"] == "do,tp,mn"


def test_share_of_sources() -> None:
    found = pd.DataFrame({"site": ["S", "T"], "attained": [True, False]})
    assert source_share(found) == {"numerator": 1, "denominator": 2, "value": 50.0}


# --- section 6.3: EQI --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eqi", "number"),
    [
        (70.01, 1), (70.0, 1), (69.99, 2), (55.01, 2), (55.0, 2), (54.99, 3), (40.01, 3), (40.0, 3),
        (39.99, 4), (30.01, 4), (30.0, 4), (29.99, 5), (0.0, 5), (math.nan, 0),
        # published: the nation in 2021, 2022, 2024; Henan 2024; Guangxi
        (59.77, 2), (59.6, 2), (59.95, 2), (54.76, 3), (74.6, 1), (75.1, 1),
    ],
)  # fmt: skip
def test_classes_of_the_eqi(eqi: float, number: int) -> None:
    assert eqi_classes([eqi], EQI).tolist() == [number]


@pytest.mark.parametrize(
    ("delta", "step", "zh"),
    [
        (0.0, 0, "基本稳定"), (0.99, 0, "基本稳定"), (-0.99, 0, "基本稳定"),
        (1.0, 1, "轻微变好"), (1.01, 1, "轻微变好"), (1.99, 1, "轻微变好"), (-1.0, -1, "轻微变差"), (-1.99, -1, "轻微变差"),
        (2.0, 2, "一般变好"), (3.99, 2, "一般变好"), (-2.0, -2, "一般变差"), (-3.99, -2, "一般变差"),
        (4.0, 3, "明显变好"), (4.01, 3, "明显变好"), (-4.0, -3, "明显变差"), (9.0, 3, "明显变好"),
    ],
)  # fmt: skip
def test_changes_of_the_eqi(delta: float, step: int, zh: str) -> None:
    # 54.3 + 4 is 58.3 on paper, a little less or more in binary
    row = eqi_changes([54.3], [54.3 + delta], EQI).iloc[0]
    assert (row["step"], row["zh"]) == (step, zh)


def test_no_change_without_one_side() -> None:
    found = eqi_changes([math.nan, 50.0], [50.0, math.nan], EQI)
    assert found["step"].isna().all()
    assert found["zh"].tolist() == ["", ""]


def test_the_index_from_its_four_parts() -> None:
    parts = {"pattern": 50.0, "function": 60.0, "diversity": 70.0, "stress": 20.0}
    # 0.36·50 + 0.35·60 + 0.19·70 + 0.10·80 = 18 + 21 + 13.3 + 8
    assert float(eqi_of_parts(parts, EQI)) == pytest.approx(60.3)
    assert float(eqi_of_parts(dict.fromkeys(parts, 100.0) | {"stress": 0.0}, EQI)) == pytest.approx(100.0)
    with pytest.raises(ValueError, match="expected pattern, function, diversity, stress"):
        eqi_of_parts({"pattern": 50.0}, EQI)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_a_higher_index_is_never_in_a_worse_class(values: list[float]) -> None:
    classes = eqi_classes(sorted(values), EQI).tolist()
    assert classes == sorted(classes, reverse=True)
