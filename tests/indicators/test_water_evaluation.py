"""Sections over a period: means, rounding, channels, validity, dry months, points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from water_frames import text_pairs, water_readings, water_sections

from indicators.registry import default_registry, load_standards
from indicators.water_class import classify_values
from indicators.water_evaluation import SECTION_COLUMNS, evaluate_sections, section_means
from indicators.water_period import parse_period
from indicators.water_regions import share_of_classes
from vocabulary.rounding import round_evaluation

REGISTRY = default_registry()
STANDARD = REGISTRY.get("GB3838-2002")
SECTIONS = water_sections(R=("river", 3), S=("river", 5), L=("lake", 3))


def evaluate(rows: list[tuple[object, ...]], period: str = "2026-10", **options: object) -> pd.DataFrame:
    result = evaluate_sections(water_readings(rows), SECTIONS, period, registry=REGISTRY, **options)
    assert list(result.columns) == list(SECTION_COLUMNS)
    return result


def one(rows: list[tuple[object, ...]], period: str = "2026-10", **options: object) -> pd.Series:
    result = evaluate(rows, period, **options)
    assert len(result) == 1
    return result.iloc[0]


def day(number: int, item: str, text: str, site: str = "R") -> tuple[object, ...]:
    return (site, f"2026-10-{number:02d}", item, text)


def month(number: int, item: str, text: str, site: str = "R", year: int = 2026) -> tuple[object, ...]:
    return (site, f"{year}-{number:02d}-08", item, text)


def automatic(item: str, text: str, times: int) -> list[tuple[object, ...]]:
    at = pd.date_range("2026-10-01", periods=times, freq="4h").strftime("%Y-%m-%dT%H:%M")
    return [("R", time, item, text, "automatic") for time in at]


def test_trap_05_do_196_rounds_to_class_v() -> None:
    assert one([day(1, "do", "1.96")])["class"] == 5
    assert one([day(1, "do", "1.94")])["class"] == 6
    assert one([day(1, "do", "1.94"), day(15, "do", "1.98")])["class"] == 5
    # half-even at 1.95 goes to 2.0; unrounded it stays worse than V
    assert one([day(1, "do", "1.95")])["class"] == 5
    assert one([day(1, "do", "1.99")], use="unrounded")["class"] == 6


@pytest.mark.parametrize(
    ("text", "shown", "expected"),
    [("9.4", 9, 1), ("9.5", 10, 6), ("9.6", 10, 6), ("5.5", 6, 1), ("5.4", 5, 6)],
)
def test_ph_is_judged_without_decimals(text: str, shown: float, expected: int) -> None:
    row = one([day(1, "ph", text)])
    assert text_pairs(row["means"]) == {"ph": shown}
    assert row["class"] == expected


def test_ph_is_averaged_as_hydrogen_ions() -> None:
    rows = [day(1, "ph", "7.0"), day(2, "ph", "8.0"), day(3, "ph", "8.5")]
    means = section_means(water_readings(rows), SECTIONS, "2026-10", registry=REGISTRY)
    assert means["mean"].tolist() == pytest.approx([7.42], abs=0.005)
    assert means["rounded"].tolist() == [7.0]


@pytest.mark.parametrize(
    ("item", "texts", "shown", "expected"),
    [
        ("tp", ["0.2005"], 0.2, 3),
        ("tp", ["0.2015"], 0.202, 4),
        ("nh3_n", ["0.995", "1.015"], 1.0, 3),
        ("nh3_n", ["1.01", "1.02"], 1.02, 4),
        ("cod_mn", ["6.05"], 6.0, 3),
        ("cod", ["20.1", "20.0"], 20.0, 3),
        ("volatile_phenol", ["0.0004", "0.0006"], 0.0005, 1),
        ("hg", ["0.000054"], 0.00005, 1),
        ("hg", ["0.000004"], 0.000004, 1),
    ],
)
def test_the_mean_is_rounded_once_half_even_then_judged(
    item: str, texts: list[str], shown: float, expected: int
) -> None:
    row = one([day(number + 1, item, text) for number, text in enumerate(texts)])
    assert text_pairs(row["means"]) == {item: shown}
    assert "e" not in row["means"].split("=")[1]
    assert row["class"] == expected
    assert row["n_samples"] == len(texts)


def test_every_place_of_the_statistics_rules() -> None:
    expected = {
        **dict.fromkeys(("ph", "fecal_coliform", "algal_density"), 0),
        **dict.fromkeys(("water_temp", "do", "cod_mn", "cod", "bod5", "conductivity", "turbidity"), 1),
        **dict.fromkeys(("nh3_n", "tn", "petroleum", "las"), 2),
        **dict.fromkeys(("tp", "cu", "zn", "fluoride", "cr6", "pb", "cyanide", "sulfide", "chl_a"), 3),
        **dict.fromkeys(("se", "as", "volatile_phenol"), 4),
        **dict.fromkeys(("hg", "cd"), 5),
    }
    rules = REGISTRY.get("MEP22-2011").tables["rounding"]
    assert {name: rule["places"] for name, rule in rules.items()} == expected


def test_half_the_detection_limit_enters_the_mean() -> None:
    row = one([day(1, "tp", "0.02L"), day(2, "tp", "0.05")])
    assert (text_pairs(row["means"]), row["nd_items"]) == ({"tp": 0.03}, "")
    row = one([day(1, "tp", "0.06L"), day(2, "tp", "0.01")])
    assert (text_pairs(row["means"]), row["nd_items"], row["nd_limited"]) == ({"tp": 0.02}, "tp", False)


def test_trap_11_nd_limited_month() -> None:
    row = one([day(1, "tp", "0.1L", "L"), day(1, "cod_mn", "2", "L")])
    assert (row["class"], row["nd_limited"], row["nd_items"]) == (3, True, "tp")


def test_trap_13_manual_and_automatic_of_one_month_are_one_value() -> None:
    manual = [day(8, "nh3_n", "0.9"), day(8, "bod5", "3"), day(8, "hg", "0.00005")]
    row = one([*automatic("nh3_n", "0.4", 186), *manual])
    # the automatic station counts for ammonia, the manual sampling for the rest
    assert text_pairs(row["means"]) == {"bod5": 3.0, "nh3_n": 0.4, "hg": 0.00005}
    assert (row["class"], row["valid"]) == (2, True)


def test_manual_sampling_stands_in_for_a_month_with_too_few_automatic_values() -> None:
    # October has 186 scheduled values, 60 % are 111.6
    manual = [day(8, "nh3_n", "0.9")]
    assert text_pairs(one([*automatic("nh3_n", "0.4", 112), *manual])["means"]) == {"nh3_n": 0.4}
    assert text_pairs(one([*automatic("nh3_n", "0.4", 111), *manual])["means"]) == {"nh3_n": 0.9}
    alone = one(automatic("nh3_n", "0.4", 111))
    assert (text_pairs(alone["means"]), alone["class"], alone["valid"]) == ({"nh3_n": 0.4}, 2, False)


def test_items_of_the_manual_sampling_prefer_it() -> None:
    row = one([*automatic("cod", "30", 186), day(8, "cod", "16")])
    assert text_pairs(row["means"]) == {"cod": 16.0}


def test_a_year_is_the_mean_of_its_months() -> None:
    rows = [*(day(number, "cod_mn", "1") for number in (1, 2, 3)), month(11, "cod_mn", "3")]
    row = one(rows, "2026")
    assert text_pairs(row["means"]) == {"cod_mn": 2.0}
    assert (row["months"], row["n_samples"], row["valid"]) == (2, 4, False)


@pytest.mark.parametrize(
    ("period", "months", "valid"),
    [
        ("2026", 8, True),
        ("2026", 7, False),
        ("2026-Q1", 2, True),
        ("2026-Q1", 1, False),
        ("2026-01", 1, True),
        ("2026-01..2026-06", 4, True),
        ("2026-01..2026-06", 3, False),
    ],
)
def test_how_many_months_a_period_needs(period: str, months: int, valid: bool) -> None:
    row = one([month(number, "cod_mn", "3") for number in range(1, months + 1)], period)
    assert (row["class"], row["valid"], row["months"]) == (2, valid, months)


def test_classes_are_never_averaged() -> None:
    # months of class Ⅱ (0.2) and 劣Ⅴ (2.4): the mean concentration 1.3 is class Ⅳ
    assert one([month(1, "nh3_n", "0.2"), month(2, "nh3_n", "2.4")], "2026-Q1")["class"] == 4


def test_dry_sections_leave_the_denominator() -> None:
    dry = pd.DataFrame({"site": ["S"], "month": ["2026-10"], "reason": ["断流"]})
    rows = [day(1, "cod_mn", "3"), day(1, "cod_mn", "9", "S"), day(1, "cod_mn", "9", "L")]
    result = evaluate(rows, dry=dry)
    assert result["site"].tolist() == ["L", "R", "S"]
    assert result["reason"].tolist() == ["", "", "断流"]
    assert result["valid"].tolist() == [True, True, False]
    assert pd.isna(result["class"].iloc[2])
    assert result["n_samples"].tolist() == [1, 1, 0]
    assert share_of_classes(result) == {"numerator": 1, "denominator": 2, "value": 50.0}
    assert share_of_classes(result, best=6, worst=6)["numerator"] == 0


def test_a_dry_month_is_left_out_of_the_year() -> None:
    dry = pd.DataFrame({"site": ["R", "R"], "month": ["2026-02", "2025-12"], "reason": ["结冰", "断流"]})
    rows = [month(1, "cod_mn", "3"), month(2, "cod_mn", "15"), month(3, "cod_mn", "5")]
    row = one(rows, "2026", dry=dry)
    assert (text_pairs(row["means"]), row["months"], row["reason"]) == ({"cod_mn": 4.0}, 2, "2026-02 结冰")


def test_no_section_evaluated_has_no_share() -> None:
    dry = pd.DataFrame({"site": ["R"], "month": ["2026-10"], "reason": ["断流"]})
    share = share_of_classes(evaluate([day(1, "cod_mn", "3")], dry=dry))
    assert share["denominator"] == 0
    assert np.isnan(share["value"])


def test_points_of_a_lake_first_in_time_then_over_points() -> None:
    rows = [
        ("L", "2026-10-01", "tp", "0.01", "manual", "P"),
        ("L", "2026-10-15", "tp", "0.03", "manual", "P"),
        ("L", "2026-10-01", "tp", "0.06", "manual", "Q"),
    ]
    assert text_pairs(one(rows)["means"]) == {"tp": 0.04}


def test_points_of_a_river_section_within_each_sampling_first() -> None:
    rows = [
        ("R", "2026-10-01", "tp", "0.02", "manual", "P"),
        ("R", "2026-10-01", "tp", "0.06", "manual", "Q"),
        ("R", "2026-10-15", "tp", "0.10", "manual", "P"),
    ]
    assert text_pairs(one(rows)["means"]) == {"tp": 0.07}


def test_own_target_class() -> None:
    rows = [day(1, "cod_mn", "9"), day(1, "cod_mn", "9", "S")]
    assert evaluate(rows)["attained"].tolist() == [False, True]


def test_readings_of_other_periods_do_not_count() -> None:
    rows = [("R", "2026-09-30T23:59", "cod_mn", "15"), ("R", "2026-10-01", "cod_mn", "3")]
    assert one([*rows, ("R", "2026-11-01", "cod_mn", "15")])["class"] == 2
    assert evaluate(rows[:1]).empty


def test_a_district_overrules_the_completeness(tmp_path: Path) -> None:
    path = tmp_path / "standards.toml"
    path.write_text(
        '[[rule]]\nstandard = "MEP22-2011"\npath = "completeness.automatic.share"\nvalue = 0.5\ndocument = "文件"\n',
        "utf-8",
    )
    readings = water_readings(automatic("nh3_n", "0.4", 93))
    assert not evaluate_sections(readings, SECTIONS, "2026-10", registry=REGISTRY)["valid"].iloc[0]
    row = evaluate_sections(readings, SECTIONS, "2026-10", registry=load_standards(path)).iloc[0]
    assert (row["valid"], row["standard"]) == (True, "GB3838-2002+district")


def test_what_is_wrong_is_named() -> None:
    rows = [day(1, "cod_mn", "3")]
    with pytest.raises(ValueError, match="use 'rounded'"):
        evaluate(rows, use="rounded")
    with pytest.raises(ValueError, match="channel 'lab'"):
        evaluate([(*rows[0], "lab")])
    for text in ("2026-13", "2026-Q5", "26", "2026-1", "2026-06..2026-01", "2026-01..", "x", "0000"):
        with pytest.raises(ValueError, match="expected 2026-10"):
            parse_period(text)


@pytest.mark.parametrize(
    ("text", "kind", "start", "last"),
    [
        ("2024-02", "month", "2024-02-01", "2024-02-29"),
        ("2026-Q4", "quarter", "2026-10-01", "2026-12-31"),
        ("2026", "year", "2026-01-01", "2026-12-31"),
        ("2025-11..2026-02", "months", "2025-11-01", "2026-02-28"),
    ],
)
def test_periods(text: str, kind: str, start: str, last: str) -> None:
    period = parse_period(text)
    assert (period.kind, str(period.start.date()), str(period.last_day.date())) == (kind, start, last)


ROW = st.tuples(
    st.sampled_from(["R", "S", "L"]),
    st.integers(1, 28),
    st.sampled_from(["do", "cod_mn", "nh3_n", "tp", "ph"]),
    st.floats(0.01, 12).map(lambda value: f"{value:.3f}"),
    st.sampled_from(["manual", "automatic"]),
)


@given(
    st.lists(ROW, min_size=1, max_size=40, unique_by=lambda row: (row[0], row[1], row[2], row[4])),
    st.randoms(),
)
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_changes_nothing(
    rows: list[tuple[str, int, str, str, str]], random: object
) -> None:
    written = [
        (site, f"2026-10-{number:02d}", item, text, channel) for site, number, item, text, channel in rows
    ]
    first = evaluate(list(written))
    random.shuffle(written)  # type: ignore[attr-defined]
    pd.testing.assert_frame_equal(first, evaluate(list(written)))


PLACES = {"do": 1, "cod_mn": 1, "nh3_n": 2, "tp": 3}


@given(st.lists(st.tuples(st.sampled_from(sorted(PLACES)), st.floats(0.001, 20)), min_size=1, max_size=60))
@settings(max_examples=15, deadline=None)
def test_one_sample_is_its_rounded_value(samples: list[tuple[str, float]]) -> None:
    rows = [
        (f"s{number:02d}", "2026-10-08", name, f"{value:.4f}") for number, (name, value) in enumerate(samples)
    ]
    sections = water_sections(**{row[0]: ("river", None) for row in rows})
    ours = evaluate_sections(water_readings(list(rows)), sections, "2026-10", registry=REGISTRY)
    expected = [
        classify_values(name, round_evaluation([float(text)], PLACES[name]), "river", STANDARD)[0]
        for _, _, name, text in rows
    ]
    assert ours["class"].tolist() == expected
