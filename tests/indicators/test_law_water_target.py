"""Exceedance of the section's own target; weeks and ten days; what leaves the denominator."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from water_frames import text_pairs, water_readings, water_sections

from indicators.registry import default_registry
from indicators.water_evaluation import evaluate_sections, section_means
from indicators.water_period import parse_period
from indicators.water_regions import evaluate_regions, share_of_classes
from indicators.water_target import TARGET_COLUMNS, target_exceedances, target_texts

REGISTRY = default_registry()
DAY = dt.date(2026, 10, 31)


def exceedances(items: str, target: int | None, waterbody: str = "river") -> pd.DataFrame:
    """The items of one section, 'tp=0.25;do=4', against its target."""
    values = text_pairs(items)
    means = pd.DataFrame({"site": "R", "parameter": list(values), "rounded": list(values.values())})
    sections = water_sections(R=(waterbody, target))
    found = target_exceedances(means, sections, registry=REGISTRY, day=DAY)
    assert list(found.columns) == list(TARGET_COLUMNS)
    return found


def text_of(items: str, target: int | None, waterbody: str = "river") -> str:
    found = target_texts(exceedances(items, target, waterbody))
    return str(found["R"]) if len(found) else ""


@pytest.mark.parametrize(
    ("items", "target", "expected"),
    [
        # the limit of the target is kept; one step above exceeds
        ("nh3_n=0.5", 2, ""), ("nh3_n=0.51", 2, "nh3_n=0.0"), ("nh3_n=0.6", 2, "nh3_n=0.2"),
        ("nh3_n=1.0", 3, ""), ("nh3_n=1.2", 3, "nh3_n=0.2"),
        # class Ⅳ water does not exceed a target of Ⅳ, though it exceeds Ⅲ
        ("nh3_n=1.5", 4, ""), ("nh3_n=1.8", 4, "nh3_n=0.2"),
        ("nh3_n=2.0", 5, ""), ("nh3_n=3.0", 5, "nh3_n=0.5"),
        # DO and pH without a multiple
        ("do=3.0", 4, ""), ("do=2.9", 4, "do"), ("ph=10", 5, "ph"), ("do=5.9", 2, "do"),
        # worst class first, then the larger multiple; half to even: 0.25 -> 0.2, 0.35 -> 0.4
        ("cod_mn=5;tp=0.5", 2, "tp=4.0;cod_mn=0.2"),
        ("cod_mn=12.5;cod=40.5", 4, "cod=0.4;cod_mn=0.2"),
        ("nh3_n=1.2;bod5=6;cod=30", 3, "cod=0.5;bod5=0.5;nh3_n=0.2"),
        ("nh3_n=1.1;cod=22;cod_mn=6.6", 3, "cod_mn=0.1;cod=0.1;nh3_n=0.1"),
        # items that never take part
        ("tn=9;fecal_coliform=90000", 1, ""),
        ("nh3_n=9", None, ""),
    ],
)  # fmt: skip
def test_items_beyond_the_own_target(items: str, target: int | None, expected: str) -> None:
    assert text_of(items, target) == expected


def test_the_phosphorus_of_a_lake_has_the_lakes_limit() -> None:
    # class Ⅲ: river 0.2, lake 0.05
    assert text_of("tp=0.1", 3) == ""
    found = exceedances("tp=0.1", 3, "lake")
    assert (found["limit"].tolist(), found["multiple"].tolist()) == ([0.05], [1.0])
    assert found["class"].tolist() == [4]
    assert exceedances("tp=0.1", 3, "").empty


def test_attainment_and_exceedance_of_the_target_agree() -> None:
    rows = [(site, "2026-10-08", "cod_mn", text) for site, text in [("A", "9"), ("B", "9"), ("C", "11")]]
    sections = water_sections(A=("river", 3), B=("river", 4), C=("river", 4))
    readings = water_readings(list(rows))
    results = evaluate_sections(readings, sections, "2026-10", registry=REGISTRY).set_index("site")
    means = section_means(readings, sections, "2026-10", registry=REGISTRY)
    texts = target_texts(target_exceedances(means, sections, registry=REGISTRY, day=DAY))
    assert results["attained"].tolist() == [False, True, False]
    assert texts.to_dict() == {"A": "cod_mn=0.5", "C": "cod_mn=0.1"}
    # the multiple that the result prints is that of class Ⅲ: (11 - 6) / 6
    assert results.loc["C", "multiples"] == "cod_mn=0.8"


# --- weeks and ten days ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "start", "last", "days"),
    [
        ("2026-W45", "week", "2026-11-02", "2026-11-08", 7),
        ("2026-W01", "week", "2025-12-29", "2026-01-04", 7),
        ("2026-W53", "week", "2026-12-28", "2027-01-03", 7),
        ("2026-10-D1", "dekad", "2026-10-01", "2026-10-10", 10),
        ("2026-10-D2", "dekad", "2026-10-11", "2026-10-20", 10),
        ("2026-10-D3", "dekad", "2026-10-21", "2026-10-31", 11),
        ("2026-02下旬", "dekad", "2026-02-21", "2026-02-28", 8),
        ("2024-02下旬", "dekad", "2024-02-21", "2024-02-29", 9),
        ("2026-10上旬", "dekad", "2026-10-01", "2026-10-10", 10),
        ("2026-10中旬", "dekad", "2026-10-11", "2026-10-20", 10),
    ],
)
def test_weeks_and_ten_days(text: str, kind: str, start: str, last: str, days: int) -> None:
    period = parse_period(text)
    assert (period.kind, str(period.start.date()), str(period.last_day.date())) == (kind, start, last)
    assert (period.days, period.short, period.months) == (days, True, 1)


@pytest.mark.parametrize(
    "text", ["2025-W53", "2026-W00", "2026-10-D0", "2026-10-D4", "2026-13-D1", "2026-W5"]
)
def test_weeks_and_ten_days_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="2026-W45"):
        parse_period(text)


def evaluate(period: str, *rows: tuple[object, ...], dry: pd.DataFrame | None = None) -> pd.DataFrame:
    sections = water_sections(R=("river", 3), S=("river", 3))
    return evaluate_sections(water_readings(list(rows)), sections, period, registry=REGISTRY, dry=dry)


def test_one_sampling_is_enough_for_ten_days_and_several_are_averaged() -> None:
    rows = [("R", f"2026-10-{day}", "cod_mn", text) for day, text in [("01", "2"), ("10", "4"), ("11", "15")]]
    first = evaluate("2026-10-D1", *rows).iloc[0]
    assert (first["means"], first["class"], first["n_samples"], first["valid"]) == ("cod_mn=3", 2, 2, True)
    assert (first["period"], str(first["start"].date())) == ("2026-10-D1", "2026-10-01")
    assert evaluate("2026-10-D2", *rows)["class"].tolist() == [5]
    assert evaluate("2026-10-D3", *rows).empty


def test_a_week_over_two_months_is_one_mean_of_its_samplings() -> None:
    # Monday 28 September to Sunday 4 October: one sampling of 12 and three of 4 are 6, not the mean of 12 and 4
    rows = [("R", day, "cod_mn", text) for day, text in
            [("2026-09-28", "12"), ("2026-10-01", "4"), ("2026-10-02", "4"), ("2026-10-04", "4")]]  # fmt: skip
    row = evaluate("2026-W40", *rows).iloc[0]
    assert (row["means"], row["class"], row["months"]) == ("cod_mn=6", 3, 1)


@pytest.mark.parametrize(("times", "valid", "shown"), [(26, True, "nh3_n=0.4"), (25, False, "nh3_n=0.4")])
def test_a_weeks_automatic_values_are_counted_against_its_days(times: int, valid: bool, shown: str) -> None:
    # 7 days of 6 values are 42, 60 % of them 25.2
    at = pd.date_range("2026-10-05", periods=times, freq="4h").strftime("%Y-%m-%dT%H:%M")
    rows = [("R", time, "nh3_n", "0.4", "automatic") for time in at]
    row = evaluate("2026-W41", *rows).iloc[0]
    assert (row["valid"], row["means"]) == (valid, shown)
    manual = evaluate("2026-W41", *rows, ("R", "2026-10-08", "nh3_n", "0.9")).iloc[0]
    assert manual["means"] == ("nh3_n=0.4" if valid else "nh3_n=0.9")


def test_a_month_gives_the_same_as_before() -> None:
    rows = [("R", f"2026-{month:02d}-08", "cod_mn", str(month)) for month in (9, 10, 11)]
    assert evaluate("2026-10", *rows)["means"].tolist() == ["cod_mn=10"]
    assert evaluate("2026-Q4", *rows)["means"].tolist() == ["cod_mn=10.5"]


# --- dry sections ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "reason"),
    [("2026-10", "断流"), ("2026-10-D1", "无水"), ("2026-W41", "结冰"), ("2026-10", "施工")],
)
def test_a_dry_section_is_shown_and_leaves_the_denominator_where_the_caller_says_so(
    period: str, reason: str
) -> None:
    rows = [("R", "2026-10-08", "cod_mn", "3"), ("S", "2026-10-08", "cod_mn", "20")]
    dry = pd.DataFrame({"site": ["S"], "month": ["2026-10"], "reason": [reason]})
    counted = evaluate(period, *rows)
    assert share_of_classes(counted) == {"numerator": 1, "denominator": 2, "value": 50.0}
    result = evaluate(period, *rows, dry=dry).set_index("site")
    assert share_of_classes(result) == {"numerator": 1, "denominator": 1, "value": 100.0}
    shown = result.loc["S", "reason"]
    assert shown == (reason if period == "2026-10" else f"2026-10 {reason}")
    assert pd.isna(result.loc["S", "class"])
    assert share_of_classes(result, best=6, worst=6) == {"numerator": 0, "denominator": 1, "value": 0.0}


# --- shares of classes, unrounded --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad", "total", "level"),
    [
        (2250, 0, 2500, 1),  # 90 %
        (2249, 0, 2500, 2),  # 89.96 % prints as 90.0 and is no 优
        (1875, 0, 2500, 2),  # 75 %
        (1874, 0, 2500, 3),  # 74.96 %
        (1874, 499, 2500, 3),  # 19.96 % worse than V
        (1874, 500, 2500, 4),  # 20 %
        (1400, 999, 2500, 4),  # 39.96 %
        (1400, 1000, 2500, 5),  # 40 %
        (1500, 1000, 2500, 5),  # exactly 60 % and 40 %
        (1875, 625, 2500, 2),  # 75 % up to Ⅲ decide before 25 % worse than V
    ],
)
def test_shares_are_compared_unrounded(good: int, bad: int, total: int, level: int) -> None:
    classes = np.repeat([3, 6, 4], [good, bad, total - good - bad])
    sites = [f"s{number}" for number in range(total)]
    results = pd.DataFrame({"site": sites, "class": pd.array(classes, dtype="Int8"), "valid": True})
    means = pd.DataFrame({"site": sites, "parameter": "tp", "mean": 0.1, "rounded": 0.1, "nd": False})
    regions = pd.DataFrame({"site": sites, "region": "流域"})
    sections = pd.DataFrame(
        {"site": sites, "waterbody": "river", "target_class": pd.array([3] * total, "Int64")}
    )
    found = evaluate_regions(results, means, regions, sections, registry=REGISTRY, day=DAY)
    assert found["level"].tolist() == [level]
