"""GB/T 14848-2017: every limit of the compiled table with its neighbours."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from water_frames import water_readings

from indicators.registry import default_registry
from indicators.water_groundwater import classify_groundwater
from indicators.water_limits import classify_values

REGISTRY = default_registry()
STANDARD = REGISTRY.get("GBT14848-2017")

#: typed from the compiled rules: limits of Ⅰ to Ⅳ
TABLE = """
total_hardness 150/300/450/650
tds 300/500/1000/2000
sulfate 50/150/250/350
chloride 50/150/250/350
fe .1/.2/.3/2.0
mn .05/.05/.10/1.50
cu .01/.05/1.0/1.5
zn .05/.5/1.0/5.0
al .01/.05/.20/.50
volatile_phenol .001/.001/.002/.01
cod_mn 1/2/3/10
nh3_n .02/.10/.50/1.50
sulfide .005/.01/.02/.10
na 100/150/200/400
total_coliform 3/3/3/100
colony_count 100/100/100/1000
nitrite .01/.10/1.0/4.8
nitrate 2/5/20/30
cyanide .001/.01/.05/.1
fluoride 1/1/1/2
iodide .04/.04/.08/.5
hg .0001/.0001/.001/.002
as .001/.001/.01/.05
se .01/.01/.01/.1
cd .0001/.001/.005/.01
cr6 .005/.01/.05/.10
pb .005/.005/.01/.10
turbidity 3/3/3/10
colour 5/5/15/25
chloroform .5/6/60/300
carbon_tetrachloride .5/.5/2/50
benzene .5/1/10/120
toluene .5/140/700/1400
"""
ROWS = {
    line.split()[0]: [Decimal(text) for text in line.split()[1].split("/")]
    for line in TABLE.strip().splitlines()
}
STEP = Decimal("0.00001")


@pytest.mark.parametrize("item", ROWS)
def test_limits(item: str) -> None:
    limits = ROWS[item]
    for limit in limits:
        for value in (limit - STEP, limit, limit + STEP):
            expected = next((number for number, bound in enumerate(limits, start=1) if value <= bound), 5)
            assert classify_values(item, [float(value)], "any", STANDARD).tolist() == [expected], value


@pytest.mark.parametrize(
    ("value", "expected"),
    [(6.5, 1), (8.5, 1), (6.49, 4), (8.51, 4), (5.5, 4), (9.0, 4), (5.49, 5), (9.01, 5), (7.0, 1)],
)
def test_ph(value: float, expected: int) -> None:
    assert classify_values("ph", [value], "any", STANDARD).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.001, 2), (0.09, 2), (0.1, 2), (0.11, 3), (0.29, 3), (0.3, 3), (0.31, 5), (1.0, 5)],
)
def test_surfactants_have_class_i_only_where_nothing_is_found(value: float, expected: int) -> None:
    assert classify(las=f"{value}")["class"] == expected
    # a non-detect is class Ⅰ, whatever half its limit would say
    assert classify(las=f"{value}L")["class"] == 1


def classify(**items: str) -> pd.Series:
    readings = water_readings([("G", "2026-10-08", item, text) for item, text in items.items()])
    result = classify_groundwater(readings, registry=REGISTRY)
    assert len(result) == 1
    return result.iloc[0]


def test_the_worst_item_gives_the_class() -> None:
    row = classify(ph="7", mn="1.6", fe="0.1", turbidity="2")
    assert (row["class"], row["worst"], row["items_used"]) == (5, "mn", 4)
    assert row["standard"] == "GBT14848-2017"
    assert (classify(mn="1.5", nh3_n="1.2", fe="0.3")["worst"], classify(fe="0.3")["worst"]) == (
        "mn,nh3_n",
        "",
    )


def test_not_detected_is_class_i_for_surfactants_only() -> None:
    assert classify(las="0.05L")["class"] == 1
    assert classify(las="0.05")["class"] == 2
    row = classify(hg="0.004L", ph="7")
    assert (row["class"], row["nd_limited"]) == (4, True)


def test_nothing_to_judge_and_days_before_the_edition() -> None:
    assert pd.isna(classify(do="7")["class"])
    readings = water_readings([("G", "2018-04-30", "fe", "0.1")])
    assert classify_groundwater(readings, registry=REGISTRY).empty
    assert classify_groundwater(readings, registry=REGISTRY, standard="GBT14848-2017")["class"].tolist() == [
        1
    ]
