"""Trophic state and ranking index, by the vectors of the compiled rules and by hand."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest
from water_frames import water_readings, water_sections

from indicators.registry import default_registry
from indicators.water_evaluation import section_means
from indicators.water_indices import change_rate, place_index, section_index, trophic_state

REGISTRY = default_registry()
DAY = dt.date(2026, 10, 31)
VECTOR = {"chl_a": "0.020", "tp": "0.05", "tn": "1.2", "transparency": "0.6", "cod_mn": "5"}


def means_of(samples: dict[str, dict[str, str]], bodies: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [
        (site, "2026-10-08", item, text) for site, items in samples.items() for item, text in items.items()
    ]
    sections = water_sections(**{site: (bodies.get(site, "river"), 3) for site in samples})
    return section_means(water_readings(rows), sections, "2026-10", registry=REGISTRY), sections


def trophic(**items: str) -> pd.Series:
    means, _ = means_of({"L": {**VECTOR, **items}}, {"L": "lake"})
    return trophic_state(means, registry=REGISTRY, day=DAY).iloc[0]


def test_vector_of_the_trophic_index() -> None:
    row = trophic()
    single = [row[f"tli_{name}"] for name in ("chl_a", "tp", "tn", "transparency", "cod_mn")]
    assert single == pytest.approx([57.53, 45.71, 57.62, 61.09, 43.92], abs=0.005)
    assert row["tli"] == pytest.approx(53.48, abs=0.005)
    assert (row["grade_zh"], row["n_items"], row["standard"]) == ("轻度富营养", 5, "TLI-2011")


def test_weights_of_the_trophic_index() -> None:
    items = REGISTRY.get("TLI-2011").tables["items"]
    squares = {name: rule["r"] ** 2 for name, rule in items.items()}
    weights = [round(value / sum(squares.values()), 4) for value in squares.values()]
    assert weights == [0.2663, 0.1879, 0.1790, 0.1834, 0.1834]


@pytest.mark.parametrize(
    ("tli", "grade"),
    [
        (29.9, "贫营养"),
        (30.1, "中营养"),
        (49.9, "中营养"),
        (50.1, "轻度富营养"),
        (59.9, "轻度富营养"),
        (60.1, "中度富营养"),
        (69.9, "中度富营养"),
        (70.1, "重度富营养"),
    ],
)
def test_grades(tli: float, grade: str) -> None:
    # values at which every single index is `tli`, from the printed formulas
    share = tli / 10
    means = pd.DataFrame(
        {
            "site": "L",
            "parameter": ["chl_a", "tp", "tn", "transparency", "cod_mn"],
            "mean": [
                math.exp((share - 2.5) / 1.086) / 1000,
                math.exp((share - 9.436) / 1.624),
                math.exp((share - 5.453) / 1.694),
                math.exp((5.118 - share) / 1.94),
                math.exp((share - 0.109) / 2.661),
            ],
        }
    )
    row = trophic_state(means, registry=REGISTRY, day=DAY).iloc[0]
    assert row["tli"] == pytest.approx(tli)
    assert row["grade_zh"] == grade


@pytest.mark.parametrize("missing", list(VECTOR))
def test_a_missing_item_is_not_guessed(missing: str) -> None:
    means, _ = means_of(
        {"L": {name: text for name, text in VECTOR.items() if name != missing}}, {"L": "lake"}
    )
    row = trophic_state(means, registry=REGISTRY, day=DAY).iloc[0]
    assert math.isnan(row["tli"])
    assert (row["grade_zh"], row["n_items"]) == ("", 4)
    assert math.isnan(trophic(**{missing: "0"})["tli"])


def test_ranking_index_by_hand() -> None:
    # oxygen 5/5, permanganate 3/6, ammonia 0.5/1, phosphorus 0.1/0.2, pH one above 7 in a span of 2
    items = {"do": "5", "cod_mn": "3", "nh3_n": "0.5", "tp": "0.1", "ph": "8"}
    means, sections = means_of({"R": items, "L": items}, {"L": "lake"})
    found = section_index(means, sections, registry=REGISTRY, day=DAY)
    # the lake's phosphorus limit is 0.05
    assert found["cwqi"].tolist() == pytest.approx([4.5, 3.0])
    assert found["items"].tolist() == ["ph,do,cod_mn,nh3_n,tp"] * 2
    assert found["n_items"].tolist() == [5, 5]


@pytest.mark.parametrize(
    ("ph", "index"), [("6.5", 0.5), ("7.0", 0.0), ("7.5", 0.25), ("9.0", 1.0), ("6.0", 1.0)]
)
def test_ph_in_the_ranking_index(ph: str, index: float) -> None:
    means, sections = means_of({"R": {"ph": ph}}, {})
    assert section_index(means, sections, registry=REGISTRY, day=DAY)["cwqi"].tolist() == pytest.approx(
        [index]
    )


def test_non_detects_count_half_in_the_ranking_index() -> None:
    means, sections = means_of({"R": {"nh3_n": "0.05L"}}, {})
    assert section_index(means, sections, registry=REGISTRY, day=DAY)["cwqi"].tolist() == pytest.approx(
        [0.025]
    )


def test_items_outside_the_21_and_oxygen_at_zero() -> None:
    means, sections = means_of({"R": {"tn": "9", "cod_mn": "3"}, "Z": {"do": "0", "cod_mn": "3"}}, {})
    found = section_index(means, sections, registry=REGISTRY, day=DAY)
    assert found["cwqi"].iloc[0] == pytest.approx(0.5)
    assert math.isnan(found["cwqi"].iloc[1])


def test_places_are_ranked_smallest_first() -> None:
    means, sections = means_of(
        {"A": {"cod_mn": "3"}, "B": {"cod_mn": "6"}, "C": {"cod_mn": "3", "do": "5"}}, {}
    )
    indices = section_index(means, sections, registry=REGISTRY, day=DAY)
    places = pd.DataFrame({"site": ["B", "C", "C", "A"], "place": ["x", "x", "x", "y"]})
    found = place_index(indices, places)
    assert found["place"].tolist() == ["y", "x"]
    assert found["cwqi"].tolist() == pytest.approx([0.5, 1.25])
    assert found["n_sections"].tolist() == [1, 2]
    assert found["same_items"].tolist() == [True, False]


def test_change_rate() -> None:
    assert change_rate(6.0, 5.4) == pytest.approx(-10.0)
    assert math.isnan(change_rate(0.0, 5.4))
