"""Rivers and basins: the mean of few sections, the shares of many."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from water_frames import text_pairs, water_readings, water_sections

from indicators.registry import default_registry
from indicators.water_evaluation import evaluate_sections, section_means
from indicators.water_regions import evaluate_regions, levels_of_classes

REGISTRY = default_registry()
DAY = dt.date(2026, 10, 31)


def region(
    samples: dict[str, dict[str, str]], *, lakes: tuple[str, ...] = (), dry: pd.DataFrame | None = None
) -> pd.Series:
    """One region of sections given as site -> item -> text, one manual sampling each."""
    rows = [
        (site, "2026-10-08", item, text) for site, items in samples.items() for item, text in items.items()
    ]
    sections = water_sections(**{site: ("lake" if site in lakes else "river", 3) for site in samples})
    readings = water_readings(rows)
    results = evaluate_sections(readings, sections, "2026-10", registry=REGISTRY, dry=dry)
    means = section_means(readings, sections, "2026-10", registry=REGISTRY, dry=dry)
    regions = pd.DataFrame({"site": list(samples), "region": "徒骇河"})
    found = evaluate_regions(results, means, regions, sections, registry=REGISTRY, day=DAY)
    assert len(found) == 1
    return found.iloc[0]


def same_tp(*texts: str) -> dict[str, dict[str, str]]:
    return {f"s{number}": {"tp": text} for number, text in enumerate(texts)}


def test_trap_07_four_sections_are_averaged_five_are_counted() -> None:
    four = region(same_tp("0.1", "0.2", "0.3", "0.4"))
    # mean 0.25 mg/L: class Ⅳ, (0.25 - 0.2) / 0.2 = 0.25 -> 0.2
    assert (four["method"], four["class"], four["level"], four["label_zh"]) == ("mean", 4, 3, "轻度污染")
    assert (four["main"], four["multiples"], four["shares"]) == ("tp", "tp=0.2", "")
    five = region(same_tp("0.1", "0.2", "0.3", "0.4", "0.1"))
    # three of five sections up to Ⅲ: 60 %, none worse than Ⅴ
    assert (five["method"], five["level"], five["label_en"]) == ("shares", 3, "lightly polluted")
    assert pd.isna(five["class"])
    assert [five[f"n_class_{number}"] for number in range(1, 7)] == [0, 2, 1, 1, 1, 0]
    assert (five["good_share"], five["bad_share"]) == (60.0, 0.0)
    assert (five["main"], five["shares"], five["multiples"]) == ("tp", "tp=40.0", "")


@pytest.mark.parametrize(
    ("good", "middle", "bad", "level"),
    [
        (18, 2, 0, 1),
        (18, 0, 2, 1),
        (17, 3, 0, 2),
        (15, 0, 5, 2),
        (14, 6, 0, 3),
        (14, 3, 3, 3),
        (14, 2, 4, 4),
        (12, 1, 7, 4),
        (12, 0, 8, 5),
        (11, 1, 8, 5),
        (0, 0, 20, 5),
        (0, 20, 0, 3),
    ],
)
def test_table_of_shares(good: int, middle: int, bad: int, level: int) -> None:
    row = region(same_tp(*["0.2"] * good, *["0.35"] * middle, *["0.5"] * bad))
    assert (row["n_sections"], row["level"]) == (20, level)
    # no main pollutant while the water is 优 or 良好
    assert (row["main"] == "") == (level <= 2)


def test_main_pollutants_by_share_of_sections_beyond_iii() -> None:
    bad = {"nh3_n": "1.2", "tp": "0.25", "cod": "25", "bod5": "3"}
    samples = {f"s{number}": {"nh3_n": "0.5", "tp": "0.25", "cod": "10", "bod5": "3"} for number in range(5)}
    samples["s0"] = bad
    samples["s1"] = {**bad, "cod_mn": "7"}
    row = region(samples)
    # tp in 5 of 5, then cod and nh3_n in 2 of 5 in table order; cod_mn (1 of 5) is the fourth
    assert row["main"] == "tp,cod,nh3_n"
    assert text_pairs(row["shares"]) == {"tp": 100.0, "cod": 40.0, "nh3_n": 40.0}


def test_a_dry_section_is_not_counted() -> None:
    dry = pd.DataFrame({"site": ["s4"], "month": ["2026-10"], "reason": ["断流"]})
    row = region(same_tp("0.1", "0.2", "0.3", "0.4", "0.5"), dry=dry)
    assert (row["n_sections"], row["method"], row["class"]) == (4, "mean", 4)


def test_rivers_and_lakes_together_have_no_common_phosphorus_limit() -> None:
    samples = {"s0": {"tp": "0.5", "cod_mn": "5"}, "s1": {"tp": "0.5", "cod_mn": "3"}}
    mixed = region(samples, lakes=("s1",))
    assert (mixed["class"], mixed["main"]) == (2, "")
    assert region(samples)["class"] == 6


def test_ph_over_sections_is_averaged_as_hydrogen_ions() -> None:
    # pH 5 and 9 give -log10((1e-5 + 1e-9) / 2) = 5.30 -> 5, outside 6-9; their plain mean 7 would pass
    assert region({"s0": {"ph": "5"}, "s1": {"ph": "9"}})["class"] == 6


def test_a_site_in_two_regions_and_a_region_without_sections() -> None:
    readings = water_readings([("A", "2026-10-08", "tp", "0.2"), ("B", "2026-10-08", "tp", "0.4")])
    sections = water_sections(A=("river", 3), B=("river", 3))
    results = evaluate_sections(readings, sections, "2026-10", registry=REGISTRY)
    means = section_means(readings, sections, "2026-10", registry=REGISTRY)
    regions = pd.DataFrame({"site": ["A", "A", "B", "Z"], "region": ["river", "basin", "basin", "none"]})
    found = evaluate_regions(results, means, regions, sections, registry=REGISTRY, day=DAY)
    assert found["region"].tolist() == ["basin", "river"]
    assert found["class"].tolist() == [4, 3]
    nothing = evaluate_regions(results[:0], means[:0], regions, sections, registry=REGISTRY, day=DAY)
    assert nothing.empty


def test_level_words_and_colours_of_a_class() -> None:
    evaluation = REGISTRY.get("MEP22-2011")
    levels = levels_of_classes(pd.Series([1, 2, 3, 4, 5, 6, None], dtype="Int8"), evaluation)
    assert levels.fillna(0).tolist() == [1, 1, 2, 3, 4, 5, 0]
    printed = ["优 蓝", "良好 绿", "轻度污染 黄", "中度污染 橙", "重度污染 红"]
    rules = sorted(evaluation.tables["levels"].values(), key=lambda rule: rule["level"])
    assert [f"{rule['zh']} {rule['colour_zh']}" for rule in rules] == printed


def test_places_of_automatic_values() -> None:
    # 总站水字〔2020〕90号, table 1
    printed = {"water_temp": 1, "ph": 2, "do": 2, "cod_mn": 2, "cod": 2, "nh3_n": 3, "tp": 3, "tn": 2}
    rules = REGISTRY.get("MEP22-2011").tables["rounding_automatic"]
    places = {name: rule["places"] for name, rule in rules.items()}
    assert places == {**printed, "conductivity": 1, "turbidity": 1}
