"""Factor codes and units of the compiled rules, sections 1 and 4: one key for one substance, mg/L for GB 3838."""

from __future__ import annotations

import pytest

from indicators.registry import default_registry
from indicators.water_class import classify_values
from vocabulary.parameters import parameters
from vocabulary.units import conversion

STANDARD = default_registry().get("GB3838-2002")

#: item, codes of HJ 212-2017 (appendix B) and of the surface-water code bases, old code of 2005
WATER = """
water_temp      w01010
ph              w01001          001
do              w01009
cod_mn          w01019
cod             w01018          011
bod5            w01017          010
nh3_n           w21003          060
tp              w21011          101
tn              w21001          065
cu              w20138,w20122   029
zn              w20139,w20123   030
fluoride        w21017
se              w20140,w20128
as              w20141,w20119   026
hg              w20142,w20111   020
cd              w20143,w20115   022
cr6             w20117          024
pb              w20144,w20120   027
cyanide         w21016
volatile_phenol w23002
petroleum       w22001
las             w19002
sulfide         w21019
fecal_coliform  w02003
turbidity       w01003
conductivity    w01014
chl_a           w01016
algal_density   w19011
ss              w01012          003
sulfate         w21038
chloride        w21022
nitrate         w21007
fe              w20125
mn              w20124
effluent_flow   w00000          B01
"""
GAS = """
flue_flow     a00000 B02
flue_velocity a01011 S02
flue_temp     a01012 S03
flue_pressure a01013 S08
flue_humidity a01014 S05
flue_o2       a19001 S01
flue_so2      a21026 02
flue_nox      a21002 03
flue_dust     a34013 01
so2           a21026
no2           a21004
co            a21005
o3            a05024
pm10          a34002
pm2_5         a34004
"""
ROWS = [line.split() for line in (WATER + GAS).strip().splitlines() if line]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_codes_of_a_parameter(row: list[str]) -> None:
    found = parameters()[row[0]]
    assert set(found.codes) == set(row[1].split(","))
    assert found.codes_2005 == tuple(row[2:])


def test_a_code_means_one_thing_within_a_medium() -> None:
    seen: dict[tuple[str, str], str] = {}
    for parameter in parameters().values():
        for medium in parameter.media:
            for code in (*parameter.codes, *parameter.codes_2005):
                assert seen.setdefault((medium, code), parameter.key) == parameter.key
    # 001 is pH in wastewater; the same three digits are dust elsewhere
    assert seen["wastewater", "001"] == "ph"
    assert ("flue_gas", "001") not in seen


#: GB 3838 is in mg/L throughout, HJ 212 prints µg/L for these
MICROGRAMS = ["hg", "cd", "cr6", "as", "pb", "se"]
MILLIGRAMS = [
    "cod_mn", "cod", "bod5", "nh3_n", "tp", "tn", "cu", "zn", "fluoride", "cyanide", "volatile_phenol", "petroleum",
    "las", "sulfide",
]  # fmt: skip


@pytest.mark.parametrize("item", MICROGRAMS + MILLIGRAMS)
def test_items_of_gb_3838_are_kept_in_milligrams(item: str) -> None:
    assert parameters()[item].unit == "mg/L"


@pytest.mark.parametrize(
    # value as HJ 212 states it, µg/L, and the class of it in mg/L and of the number taken for mg/L
    ("item", "micrograms", "number"),
    [
        ("hg", 0.05, 1), ("hg", 0.1, 3), ("hg", 1.0, 4), ("hg", 1.1, 6),
        ("cd", 1.0, 1), ("cd", 5.0, 2), ("cd", 10.0, 5), ("cd", 11.0, 6),
        ("cr6", 10.0, 1), ("cr6", 50.0, 2), ("cr6", 100.0, 5), ("cr6", 101.0, 6),
        ("as", 50.0, 1), ("as", 100.0, 4), ("as", 101.0, 6),
        ("pb", 10.0, 1), ("pb", 50.0, 3), ("pb", 100.0, 5), ("pb", 101.0, 6),
        ("se", 10.0, 1), ("se", 20.0, 4), ("se", 21.0, 6),
    ],
)  # fmt: skip
def test_trap_08_micrograms_are_turned_into_milligrams(item: str, micrograms: float, number: int) -> None:
    step = conversion("μg/L", parameters()[item].unit)
    assert step is not None
    assert (step.exponent, step.factor) == (-3, 1.0)
    value = float(f"{micrograms}e{step.exponent}")
    assert classify_values(item, [value], "river", STANDARD).tolist() == [number]
    # unconverted, all but the smallest numbers would be worse than V
    assert classify_values(item, [micrograms], "river", STANDARD).tolist() == [6]


@pytest.mark.parametrize(
    ("found", "wanted", "exponent", "factor"),
    [
        # flow of wastewater is printed in L/s, of gas in m³/s; both are kept by the hour
        ("L/s", "m3/h", 0, 3.6),
        ("m3/s", "m3/h", 3, 3.6),
        ("μg/m3", "mg/m3", -3, 1.0),
        ("mg/m3", "ug/m3", 3, 1.0),
        ("g", "kg", -3, 1.0),
        ("t", "kg", 3, 1.0),
        ("μg/L", "mg/L", -3, 1.0),
    ],
)
def test_units_of_hj_212(found: str, wanted: str, exponent: int, factor: float) -> None:
    step = conversion(found, wanted)
    assert step is not None
    assert step.factor * 10.0**step.exponent == pytest.approx(factor * 10.0**exponent)


@pytest.mark.parametrize(
    ("text", "canonical"), [("个/L", "mg/L"), ("mg/m3", "mg/L"), ("", "mg/L"), ("ppm", "mg/m3")]
)
def test_a_unit_of_another_kind_is_never_guessed(text: str, canonical: str) -> None:
    assert conversion(text, canonical) is None


def test_chlorophyll_is_kept_in_milligrams_a_litre_and_weighed_in_milligrams_a_cubic_metre() -> None:
    assert parameters()["chl_a"].unit == "mg/L"
    assert default_registry().get("TLI-2011").rule("items.chl_a")["factor"] == 1000.0
