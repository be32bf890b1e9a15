"""Surface water: the numbers of the compiled rules, sections 1 and 2, that no other table of tests holds."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest
from water_frames import text_pairs, water_readings, water_sections

from indicators.registry import default_registry
from indicators.water_class import classify_samples
from indicators.water_evaluation import evaluate_sections
from indicators.water_indices import change_rate, section_index, trophic_state
from indicators.water_items import national_items
from indicators.water_limits import reference_limits
from indicators.water_trend import change_of_levels, spearman_trends

REGISTRY = default_registry()
CLASSES = REGISTRY.get("GB3838-2002")
EVALUATION = REGISTRY.get("MEP22-2011")
DAY = dt.date(2026, 10, 31)

ALL_24 = [
    "water_temp",
    "ph",
    "do",
    "cod_mn",
    "cod",
    "bod5",
    "nh3_n",
    "tp",
    "tn",
    "cu",
    "zn",
    "fluoride",
    "se",
    "as",
    "hg",
    "cd",
    "cr6",
    "pb",
    "cyanide",
    "volatile_phenol",
    "petroleum",
    "las",
    "sulfide",
    "fecal_coliform",
]
LEFT_OUT = ["water_temp", "tn", "fecal_coliform"]
THE_21 = [item for item in ALL_24 if item not in LEFT_OUT]

# --- section 1 ------------------------------------------------------------------------------------------


def test_the_21_items_are_the_24_without_temperature_nitrogen_and_coliform() -> None:
    assert len(ALL_24) == 24
    assert EVALUATION.rule("items.section")["parameters"] == THE_21
    assert sorted(EVALUATION.rule("items.separate")["parameters"]) == sorted(LEFT_OUT)


def test_water_temperature_has_a_bound_of_change_and_no_class() -> None:
    rule = CLASSES.rule("not_classed.water_temp")
    assert (rule["weekly_mean_rise"], rule["weekly_mean_drop"]) == (1, 2)
    assert not any(limit["parameter"] == "water_temp" for limit in CLASSES.tables["limits"].values())


#: C_Ⅲ of every item with a multiple, typed from table 1: river, lake
CLASS_III = """
cod_mn 6 6
cod 20 20
bod5 4 4
nh3_n 1.0 1.0
tp 0.2 0.05
cu 1.0 1.0
zn 1.0 1.0
fluoride 1.0 1.0
se 0.01 0.01
as 0.05 0.05
hg 0.0001 0.0001
cd 0.005 0.005
cr6 0.05 0.05
pb 0.05 0.05
cyanide 0.2 0.2
volatile_phenol 0.005 0.005
petroleum 0.05 0.05
las 0.2 0.2
sulfide 0.2 0.2
"""


def sample(items: str, waterbody: str = "river") -> pd.Series:
    rows = [("S", "2026-10-01T08:00", name, f"{value:.6f}") for name, value in text_pairs(items).items()]
    sections = water_sections(S=(waterbody, 3))
    return classify_samples(water_readings(list(rows)), sections, registry=REGISTRY).iloc[0]


@pytest.mark.parametrize("waterbody", ["river", "lake"])
@pytest.mark.parametrize("line", CLASS_III.strip().splitlines())
def test_three_times_class_iii_exceeds_by_two(line: str, waterbody: str) -> None:
    item, river, lake = line.split()
    limit = float(river if waterbody == "river" else lake)
    row = sample(f"{item}={3 * limit}", waterbody)
    assert row["multiples"] == f"{item}=2.0"
    assert reference_limits(item, pd.Series([waterbody]).to_numpy(dtype=object), CLASSES, 3).tolist() == [
        limit
    ]
    assert sample(f"{item}={limit}", waterbody)["multiples"] == ""


@pytest.mark.parametrize("items", ["ph=5;do=7", "ph=9.5;do=7", "do=4.9", "do=1"])
def test_ph_and_oxygen_have_no_multiple(items: str) -> None:
    row = sample(items)
    assert (row["multiples"], row["class"] >= 4) == ("", True)


@pytest.mark.parametrize(
    ("items", "worst"),
    [
        # by class, then by multiple, three at most
        # 1.05, 1.025, 1.1 and 1.05 times class Ⅲ: the tie of cod and tp in table order
        ("cod=21;bod5=4.1;nh3_n=1.1;tp=0.21", "nh3_n,cod,tp"),
        ("cod=41;nh3_n=1.4", "cod,nh3_n"),
        ("do=1;cod_mn=7;bod5=5", "do,bod5,cod_mn"),
        # cyanide and heavy metals beyond Ⅲ before all others
        ("cod=90;hg=0.0002", "hg,cod"),
        ("cod=90;cr6=0.06", "cr6,cod"),
        ("cod=90;pb=0.06;cyanide=0.21;cd=0.006", "cyanide,cd,pb"),
        ("cod=90;as=0.06", "as,cod"),
        # the same multiple 0.2 of cadmium and lead, of hexavalent chromium and lead: order of the table
        ("pb=0.06;cd=0.006", "cd,pb"),
        ("pb=0.06;cr6=0.06", "cr6,pb"),
        # the same multiple on paper, another one in binary: 0.1, 0.1, 0.3
        ("nh3_n=1.1;cod=22;cod_mn=6.6", "cod_mn,cod,nh3_n"),
        ("fluoride=1.1;tp=0.22", "tp,fluoride"),
        ("bod5=5.2;cod=26", "cod,bod5"),
        # copper and zinc are not among them; within Ⅲ nothing is
        ("cod=90;cu=1.5", "cod,cu"),
        ("cod=20;pb=0.05", ""),
    ],
)
def test_main_pollutants_of_a_section(items: str, worst: str) -> None:
    assert sample(items)["worst"] == worst


# --- 2.1: the national network ---------------------------------------------------------------------------


def test_nine_items_are_monitored_and_five_evaluated() -> None:
    monitored = EVALUATION.rule("items.national_monitored")
    nine = ["water_temp", "ph", "do", "conductivity", "turbidity", "cod_mn", "nh3_n", "tp", "tn"]
    assert monitored["parameters"] == nine
    assert monitored["lake_parameters"] == ["chl_a", "transparency"]
    assert EVALUATION.rule("items.national_evaluated")["parameters"] == ["ph", "do", "cod_mn", "nh3_n", "tp"]


def national(items: str, target: int | None, waterbody: str = "river") -> list[str]:
    values = text_pairs(items)
    means = pd.DataFrame({"site": "S", "parameter": list(values), "rounded": list(values.values())})
    sections = water_sections(S=(waterbody, target))
    found = national_items(means, sections, registry=REGISTRY, day=DAY)
    assert found["parameter"].tolist()[:1] == ["ph"]
    return [str(name) for name in found.loc[found["reason"] == "beyond", "parameter"]]


@pytest.mark.parametrize(
    ("items", "target", "beyond"),
    [
        ("cod=20;fluoride=1.0", 3, []),
        ("cod=20.1;fluoride=1.01", 3, ["cod", "fluoride"]),
        # a target of Ⅳ changes nothing, one of Ⅱ is stricter
        ("cod=20.1", 4, ["cod"]),
        ("cod=20", 2, ["cod"]),
        ("cod=15", 2, []),
        ("cod=20.1", None, ["cod"]),
        # the five are there anyway; what never takes part is never X
        ("nh3_n=9;tn=9;fecal_coliform=90000;water_temp=40", 3, []),
    ],
)
def test_what_went_beyond_is_evaluated_too(items: str, target: int | None, beyond: list[str]) -> None:
    assert national(items, target) == beyond


def test_one_bad_month_of_two_years_is_enough() -> None:
    means = pd.DataFrame({"site": "S", "parameter": "cod", "rounded": [10.0, 25.0, 12.0]})
    found = national_items(means, water_sections(S=("river", 3), T=("river", 3)), registry=REGISTRY, day=DAY)
    assert found.groupby("site")["parameter"].agg(",".join).to_dict() == {
        "S": "ph,do,cod_mn,cod,nh3_n,tp",
        "T": "ph,do,cod_mn,nh3_n,tp",
    }


# --- 2.3, 2.4: means ----------------------------------------------------------------------------------------


def one(rows: list[tuple[object, ...]], period: str = "2026-10") -> pd.Series:
    sections = water_sections(R=("river", 3))
    return evaluate_sections(water_readings(rows), sections, period, registry=REGISTRY).iloc[0]


#: item, text of one sampling, the rounded mean as printed
ROUNDED = """
ph 7.5 8
ph 6.5 6
do 7.25 7.2
do 7.35 7.4
cod_mn 3.05 3
cod_mn 3.15 3.2
cod 15.25 15.2
bod5 2.35 2.4
nh3_n 0.125 0.12
nh3_n 0.135 0.14
nh3_n 0.205 0.2
tp 0.0205 0.02
tp 0.0215 0.022
tn 1.125 1.12
cu 0.0005 0.0005
cu 0.0006 0.001
cu 0.0015 0.002
zn 0.0445 0.044
fluoride 0.6665 0.666
se 0.00045 0.0004
as 0.00255 0.0026
hg 0.000045 0.00004
hg 0.000055 0.00006
cd 0.000125 0.00012
cr6 0.0045 0.004
pb 0.0055 0.006
cyanide 0.0025 0.002
volatile_phenol 0.00035 0.0004
petroleum 0.025 0.02
las 0.035 0.04
sulfide 0.0065 0.006
fecal_coliform 2000.5 2000
conductivity 512.25 512.2
turbidity 3.35 3.4
water_temp 21.25 21.2
chl_a 0.0125 0.012
algal_density 1500.5 1500
"""


def test_places_of_a_mean_half_to_even() -> None:
    table = [line.split() for line in ROUNDED.strip().splitlines()]
    rows: list[tuple[object, ...]] = [(f"{item}:{text}", "2026-10-08", item, text) for item, text, _ in table]
    sections = water_sections(**{str(row[0]): ("river", None) for row in rows})
    found = evaluate_sections(water_readings(rows), sections, "2026-10", registry=REGISTRY)
    assert dict(zip(found["site"], found["means"], strict=True)) == {
        f"{item}:{text}": f"{item}={shown}" for item, text, shown in table
    }
    # every item of the rules stands in the table
    assert {item for item, *_ in table} == set(EVALUATION.tables["rounding"])


def test_places_of_other_automatic_values_are_one_more() -> None:
    assert EVALUATION.rule("rounding_of_other_automatic.item")["more_places"] == 1


@pytest.mark.parametrize(
    ("texts", "mean"),
    # the hydrogen ions are averaged: 7, 8 and 8.5 give 7.42
    [(["7.0", "8.0", "8.5"], 7.42), (["7.0", "7.0"], 7.0), (["6.0", "9.0"], 6.30), (["8.2"], 8.2)],
)
def test_ph_of_hydrogen_ions(texts: list[str], mean: float) -> None:
    by_hand = -math.log10(sum(10 ** -float(text) for text in texts) / len(texts))
    assert by_hand == pytest.approx(mean, abs=0.005)
    rows: list[tuple[object, ...]] = [
        ("R", f"2026-10-{number:02d}", "ph", text) for number, text in enumerate(texts, start=1)
    ]
    assert text_pairs(one(rows)["means"]) == {"ph": float(f"{mean:.0f}")}


@pytest.mark.parametrize(
    ("text", "counted", "number"),
    # half the detection limit counts: 0.05L is 0.025, 0.1L TP is 0.05
    [
        ("0.05L", "0.025", 2),
        ("0.04L", "0.02", 1),
        ("0.042L", "0.021", 2),
        ("0.2L", "0.1", 2),
        ("0.4L", "0.2", 3),
    ],
)
def test_half_the_detection_limit_of_phosphorus(text: str, counted: str, number: int) -> None:
    row = one([("R", "2026-10-08", "tp", text)])
    assert (row["means"], row["class"], row["nd_items"]) == (f"tp={counted}", number, "tp")
    assert row["nd_limited"] == (number > 1)


# the automatic station comes first for six items, the manual sampling for the others
@pytest.mark.parametrize(
    ("item", "automatic", "manual", "taken"),
    [
        ("ph", "7", "8", "7"), ("do", "7", "8", "7"), ("cod_mn", "2", "3", "2"), ("nh3_n", "0.2", "0.3", "0.2"),
        ("tp", "0.1", "0.2", "0.1"), ("tn", "1", "2", "1"),
        ("cod", "10", "16", "16"), ("bod5", "1", "3", "3"), ("fluoride", "0.5", "0.6", "0.6"),
    ],
)  # fmt: skip
def test_which_source_of_data_comes_first(item: str, automatic: str, manual: str, taken: str) -> None:
    at = pd.date_range("2026-10-01", periods=186, freq="4h").strftime("%Y-%m-%dT%H:%M")
    rows = [("R", time, item, automatic, "automatic") for time in at]
    row = one([*rows, ("R", "2026-10-08", item, manual)])
    assert row["means"] == f"{item}={taken}"


# --- 2.7: trophic state -----------------------------------------------------------------------------------------

ITEMS = ["chl_a", "tp", "tn", "transparency", "cod_mn"]


def means_at(tli: float) -> pd.DataFrame:
    """Concentrations at which every single index is `tli`, from the printed formulas."""
    share = tli / 10
    values = [
        math.exp((share - 2.5) / 1.086) / 1000,
        math.exp((share - 9.436) / 1.624),
        math.exp((share - 5.453) / 1.694),
        math.exp((5.118 - share) / 1.94),
        math.exp((share - 0.109) / 2.661),
    ]
    return pd.DataFrame({"site": "L", "parameter": ITEMS, "mean": values})


@pytest.mark.parametrize(
    ("tli", "grade"),
    [
        (29.999, "贫营养"), (30.0, "中营养"), (30.001, "中营养"),
        (49.999, "中营养"), (50.0, "中营养"), (50.001, "轻度富营养"),
        (59.999, "轻度富营养"), (60.0, "轻度富营养"), (60.001, "中度富营养"),
        (69.999, "中度富营养"), (70.0, "中度富营养"), (70.001, "重度富营养"),
    ],
)  # fmt: skip
def test_the_bounds_of_the_grades_themselves(tli: float, grade: str) -> None:
    row = trophic_state(means_at(tli), registry=REGISTRY, day=DAY).iloc[0]
    assert row["tli"] == pytest.approx(tli, abs=1e-9)
    assert row["grade_zh"] == grade


@pytest.mark.parametrize(
    ("item", "intercept", "slope", "r"),
    [
        ("chl_a", 2.5, 1.086, 1.0),
        ("tp", 9.436, 1.624, 0.84),
        ("tn", 5.453, 1.694, 0.82),
        ("transparency", 5.118, -1.94, -0.83),
        ("cod_mn", 0.109, 2.661, 0.83),
    ],
)
def test_formulas_of_the_trophic_index(item: str, intercept: float, slope: float, r: float) -> None:
    # at a concentration of one (mg/m³ for chlorophyll) the index is ten times the intercept
    values = means_at(40.0).set_index("parameter")["mean"]
    values[item] = 0.001 if item == "chl_a" else 1.0
    frame = values.rename("mean").reset_index().assign(site="L")
    row = trophic_state(frame, registry=REGISTRY, day=DAY).iloc[0]
    assert row[f"tli_{item}"] == pytest.approx(10 * intercept)
    values[item] *= math.e
    frame = values.rename("mean").reset_index().assign(site="L")
    more = trophic_state(frame, registry=REGISTRY, day=DAY).iloc[0]
    assert more[f"tli_{item}"] == pytest.approx(10 * (intercept + slope))
    # Σ r² = 1 + 0.7056 + 0.6724 + 0.6889 + 0.6889
    assert more["tli"] - row["tli"] == pytest.approx(10 * slope * r**2 / 3.7558)


# --- 2.8, 2.9 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", range(1, 6))
@pytest.mark.parametrize("after", range(1, 6))
def test_every_change_of_level(before: int, after: int) -> None:
    row = change_of_levels([before], [after], EVALUATION).iloc[0]
    words = {0: "无明显变化", 1: "有所好转", 2: "明显好转", -1: "有所变差", -2: "明显变差"}
    assert row["zh"] == words[max(-2, min(2, before - after))]


@pytest.mark.parametrize(("n", "trend"), [(4, "too-short"), (5, "rising")])
def test_a_trend_needs_five_years(n: int, trend: str) -> None:
    yearly = pd.DataFrame({"site": "R", "year": range(2020, 2020 + n), "value": range(n)})
    assert spearman_trends(yearly, ["site"], REGISTRY.get("SPEARMAN-2011"))["trend"].tolist() == [trend]


@pytest.mark.parametrize("line", CLASS_III.strip().splitlines())
def test_an_item_at_class_iii_has_the_index_one(line: str) -> None:
    item, river, lake = line.split()
    means = pd.DataFrame({"site": ["R", "L"], "parameter": item, "mean": [float(river), float(lake)]})
    found = section_index(means, water_sections(R=("river", 3), L=("lake", 3)), registry=REGISTRY, day=DAY)
    assert found["cwqi"].tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("item", "value", "index"),
    [("do", 5, 1.0), ("do", 10, 0.5), ("do", 2.5, 2.0), ("ph", 7, 0.0), ("ph", 6, 1.0), ("ph", 9, 1.0), ("ph", 8, 0.5),
     ("ph", 7.01, 0.005), ("ph", 6.99, 0.01)],
)  # fmt: skip
def test_oxygen_and_ph_in_the_ranking_index(item: str, value: float, index: float) -> None:
    means = pd.DataFrame({"site": ["R"], "parameter": item, "mean": [float(value)]})
    found = section_index(means, water_sections(R=("river", 3)), registry=REGISTRY, day=DAY)
    assert found["cwqi"].tolist() == pytest.approx([index])


@pytest.mark.parametrize(("before", "now", "rate"), [(5.0, 6.0, 20.0), (6.0, 6.0, 0.0), (6.0, 5.4, -10.0)])
def test_change_of_the_ranking_index(before: float, now: float, rate: float) -> None:
    assert change_rate(before, now) == pytest.approx(rate)
