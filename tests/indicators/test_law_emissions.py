"""Stationary sources: every number of the compiled rules, section 4, at its bound and on both sides of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.emission_limits import category_at, default_limits
from indicators.emission_mass import capture_rate, mass
from indicators.emission_oxygen import excess_air, normalise_excess_air, normalise_oxygen
from indicators.emission_substitution import filled_wastewater, substitute
from indicators.emission_validity import validity
from indicators.registry import default_registry

REGISTRY = default_registry()
GAS = REGISTRY.get("HJ75-2017")
WATER = REGISTRY.get("HJ355-2019")


def hours(
    values: list[float] | npt.NDArray[np.float64],
    parameter: str,
    site: str = "G",
    start: str = "2025-01-01",
    flags: list[str] | npt.NDArray[np.object_] | str = "",
) -> pd.DataFrame:
    at = pd.date_range(start, periods=len(values), freq="h").as_unit("us")
    frame = pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": values})
    return frame.assign(value=frame["value"].astype(float), provider_flag=flags, censor="")


# --- limits: dust, SO2, NOx in mg/m³ -----------------------------------------------------------------

HOURLY = """
ULTRA-LOW       2015-12-11 10  35  50   coal power
GB13223-2011    2012-01-01 20  50  100  coal power, key area
DB37/664-2019   2019-09-07 5   35  50   coal power
DB37/2376-2019  2019-11-01 5   35  50   core control zone
DB37/2376-2019  2019-11-01 10  50  100  key control zone
DB37/2376-2019  2019-11-01 20  100 200  general control zone
DB37/2374-2018  2018-11-01 5   35  50   core control zone
DB37/2374-2018  2018-11-01 10  50  100  key control zone
"""
LIMITS = [
    (standard, first, category, f"flue_{item}_norm", float(limit))
    for standard, first, *three, category in (line.split(maxsplit=5) for line in HOURLY.strip().splitlines())
    for item, limit in zip(("dust", "so2", "nox"), three, strict=True)
] + [
    (
        "DB37/664-2019",
        "2019-09-07",
        "coal power, circulating fluidised bed or older unit",
        "flue_nox_norm",
        100.0,
    )
]


def test_every_hourly_limit_at_its_bound_and_from_its_day() -> None:
    tables, frames, wanted = [], [], {}
    for number, (standard, first, category, parameter, limit) in enumerate(LIMITS):
        site = f"{number}:{standard}:{category}:{parameter}"
        table = default_limits(REGISTRY, standard, category, [site])
        tables.append(table[table["parameter"] == parameter])
        frames.append(hours([limit - 0.1, limit, limit + 0.1], parameter, site, "2025-03-01"))
        wanted[site] = (first, [limit] * 3, ["ok", "ok", "exceed_hour"], pytest.approx(0.1 / limit, abs=1e-6))
    limits = pd.concat(tables, ignore_index=True)
    first_days = limits.set_index("site")["valid_from"].dt.strftime("%Y-%m-%d")
    found = judge_outlet_hours(pd.concat(frames, ignore_index=True), limits, registry=REGISTRY)
    shown = {
        site: (first_days[site], rows["limit"].tolist(), rows["verdict"].tolist(), rows["multiple"].iloc[2])
        for site, rows in found.groupby("site")
    }
    assert shown == wanted
    assert len(shown) == 25


def test_a_limit_of_mercury_is_kept_but_judges_nothing() -> None:
    assert REGISTRY.get("DB37/664-2019").rule("not_delivered.mercury")["limit"] == 0.03
    assert (
        "mercury" not in default_limits(REGISTRY, "DB37/664-2019", "coal power", ["X"])["parameter"].tolist()
    )


# GB 18918: item, 1A, 1B, one step
SEWAGE = """
cod 50 60 1
bod5 10 20 0.1
ss 10 20 1
animal_vegetable_oil 1 3 0.01
petroleum 1 3 0.01
las 0.5 1 0.01
tn 15 20 0.1
nh3_n 5 8 0.01
tp 0.5 1 0.01
"""
DAILY = [
    (f"grade 1{grade}", item, float(limit), float(step))
    for item, first, second, step in (line.split() for line in SEWAGE.strip().splitlines())
    for grade, limit in (("A", first), ("B", second))
] + [
    ("grade 1A, water at or below 12 degC", "nh3_n", 8.0, 0.01),
    ("grade 1B, water at or below 12 degC", "nh3_n", 15.0, 0.01),
    ("grade 1A, built before 2006-01-01", "tp", 1.0, 0.01),
    ("grade 1B, built before 2006-01-01", "tp", 1.5, 0.01),
]


@pytest.mark.parametrize(
    ("standard", "start"), [("GB18918-2002", "2025-04-01"), ("GB18918-2002+2025", "2026-04-01")]
)
def test_every_daily_limit_of_sewage_plants_at_its_bound(standard: str, start: str) -> None:
    tables, frames, by_hour = [], [], []
    for category, parameter, limit, step in DAILY:
        site = f"{category}:{parameter}"
        table = default_limits(REGISTRY, standard, category, [site])
        tables.append(table[table["parameter"] == parameter])
        values = [limit - step] * 24 + [limit] * 24 + [limit + step] * 24
        frames += [hours(values, parameter, site, start), hours([5.0] * 72, "effluent_flow", site, start)]
        by_hour.append(hours(values[::24], parameter, site, start))
    limits = pd.concat(tables, ignore_index=True)
    assert limits["limit"].tolist() == [limit for _, _, limit, _ in DAILY]
    found = judge_outlet_days(pd.concat(frames, ignore_index=True), limits, registry=REGISTRY)
    verdicts = found.groupby("site")["verdict"].agg(list).to_dict()
    sites = [f"{category}:{parameter}" for category, parameter, *_ in DAILY]
    assert verdicts == {site: ["ok", "ok", "exceed_day"] for site in sites}
    # the hour above the daily limit is a warning, no exceedance
    found = judge_outlet_hours(pd.concat(by_hour, ignore_index=True), limits, registry=REGISTRY)
    verdicts = found.groupby("site")["verdict"].agg(list).to_dict()
    assert verdicts == {site: ["ok", "ok", "warn_hour"] for site in sites}


@pytest.mark.parametrize(
    ("parameter", "values", "verdicts"),
    [
        ("ph", [5.99, 6.0, 9.0, 9.01], [1, 0, 0, 1]),
        ("colour", [29.0, 30.0, 31.0], [0, 0, 1]),
        ("fecal_coliform", [999.0, 1000.0, 1001.0], [0, 0, 1]),
    ],
)
def test_from_march_2026_a_single_value_of_these_exceeds(
    parameter: str, values: list[float], verdicts: list[int]
) -> None:
    for standard, start, word in (
        ("GB18918-2002", "2026-02-28", "warn_hour"),
        ("GB18918-2002+2025", "2026-03-01", "exceed_hour"),
    ):
        table = default_limits(REGISTRY, standard, "grade 1A", ["X"])
        found = judge_outlet_hours(hours(values, parameter, "X", start), table, registry=REGISTRY)
        assert found["verdict"].tolist() == [word if bad else "ok" for bad in verdicts]


def test_fecal_coliform_of_grade_1b_is_ten_times_that_of_1a() -> None:
    table = default_limits(REGISTRY, "GB18918-2002", "grade 1B", ["X"]).set_index("parameter")
    assert table.loc[["fecal_coliform", "colour", "ph"], "limit"].tolist() == [10_000.0, 30.0, 9.0]
    assert table.loc["ph", "limit_lower"] == 6.0


@pytest.mark.parametrize("grade", ["A", "B"])
@pytest.mark.parametrize(
    ("celsius", "cold"), [(11.9, True), (12.0, True), (12.1, False), (25.0, False), (np.nan, False)]
)
def test_ammonia_has_a_laxer_limit_in_cold_water(grade: str, celsius: float, cold: bool) -> None:
    found = category_at(REGISTRY, "GB18918-2002", f"grade 1{grade}", "nh3_n", celsius)
    assert found == f"grade 1{grade}" + (", water at or below 12 degC" if cold else "")
    assert category_at(REGISTRY, "GB18918-2002", f"grade 1{grade}", "tp", celsius) == f"grade 1{grade}"


def test_the_old_phosphorus_limit_ends_in_2028_on_a_day_not_known() -> None:
    rules = REGISTRY.get("GB18918-2002+2025").tables["limits"]
    assert [rules[name]["relaxation_ends"] for name in ("tp_1a_old", "tp_1b_old")] == [2028, 2028]


# --- 4.1: parts of an hour, hours of a day -----------------------------------------------------------


def days_at(
    parameter: str, flags_of: Mapping[str, tuple[list[str], list[float] | None]]
) -> dict[str, tuple[int, bool]]:
    """Judge one day of each site: site -> (flags, flow or none); returns site -> (due, valid)."""
    frames = []
    for site, (flags, flow) in flags_of.items():
        frames.append(hours([40.0] * 24, parameter, site, flags=flags))
        if flow is not None:
            frames.append(hours(flow, "effluent_flow", site))
    limits = pd.DataFrame(
        {"site": list(flags_of), "parameter": parameter, "basis": "daily", "limit": 50.0, "clause": "表1"}
    )
    limits = limits.assign(valid_from=None, valid_to=None)
    found = judge_outlet_days(pd.concat(frames, ignore_index=True), limits, registry=REGISTRY).set_index(
        "site"
    )
    return {site: (int(found.loc[site, "due"]), bool(found.loc[site, "valid"])) for site in flags_of}


def test_valid_hours_that_a_day_of_gas_needs() -> None:
    # min(20, three quarters of the operating hours, rounded up) where the source ran a part of the day
    needs = {24: 20, 23: 18, 22: 17, 20: 15, 13: 10, 12: 9, 4: 3, 1: 1}
    cases, wanted = {}, {}
    for operating, least in needs.items():
        for counted in (least - 1, least, least + 1):
            if counted <= operating:
                flags = ["N"] * counted + ["D"] * (operating - counted) + ["停运"] * (24 - operating)
                cases[f"{operating}/{counted}"] = (flags, None)
                wanted[f"{operating}/{counted}"] = (operating, counted >= least)
    assert days_at("flue_nox_norm", cases) == wanted


def test_valid_values_that_a_day_of_wastewater_needs() -> None:
    # three quarters of the values due, rounded up
    needs = {24: 18, 23: 18, 21: 16, 20: 15, 8: 6, 5: 4, 1: 1}
    cases, wanted = {}, {}
    for due, least in needs.items():
        for counted in (least - 1, least, least + 1):
            if counted <= due:
                flow = [5.0] * due + [0.0] * (24 - due)
                cases[f"{due}/{counted}"] = (["N"] * counted + ["D"] * (24 - counted), flow)
                wanted[f"{due}/{counted}"] = (due, counted >= least)
    assert days_at("cod", cases) == wanted


# --- 4.1: oxygen -------------------------------------------------------------------------------------


def test_excess_air_and_oxygen_are_two_ways_to_one_value() -> None:
    # 8.2 % oxygen: α = 21/12.8; reference 6 %: αs = 21/15 = 1.4
    assert excess_air([8.2])[0] == pytest.approx(1.640625)
    assert normalise_excess_air([35.0], [8.2], 1.4)[0] == pytest.approx(41.016, abs=5e-4)
    assert normalise_oxygen([35.0], [8.2], 6.0)[0] == pytest.approx(41.016, abs=5e-4)


def test_excess_air_is_not_computed_for_air() -> None:
    assert np.isfinite(excess_air([20.89])).all()
    assert np.isnan(excess_air([20.9, 21.0, -0.1, np.nan])).all()
    assert normalise_excess_air([35.0], [8.2], np.nan).tolist() == [35.0]


# --- 4.1: capture rate and substitution --------------------------------------------------------------

QUARTER = 2160


def quarter(invalid: int, at: int = 1000, run: int = 24, word: str = "D") -> pd.DataFrame:
    """A quarter of 2160 hours: a run of invalid ones from `at` on, the other invalid ones at its end."""
    flags = np.full(QUARTER, "N", dtype=object)
    flags[at : at + run] = word
    flags[QUARTER - (invalid - run) :] = "M"
    values = np.ones(QUARTER)
    # peaks 100 and 600 and 960 valid hours before the run
    values[[at - 100, at - 600, at - 960]] = [2.0, 3.0, 4.0]
    flow = hours([1e6] * QUARTER, "flue_flow")
    return pd.concat([hours(values, "flue_nox", flags=flags), flow])


@pytest.mark.parametrize(
    ("invalid", "run", "rate", "rule", "kg"),
    [
        # α = 90 %: 24 hours take the largest of 180, 25 the largest of 720
        (216, 24, 0.9, "short_run", 2.0),
        (216, 25, 0.9, "long_run", 3.0),
        (215, 24, 1945 / 2160, "short_run", 2.0),
        (216, 1, 0.9, "short_run", 2.0),
        # below 90 % the largest of 2160, whatever the length; 75 % is still within
        (217, 24, 1943 / 2160, "low_capture", 4.0),
        (217, 1, 1943 / 2160, "low_capture", 4.0),
        (540, 24, 0.75, "low_capture", 4.0),
        (541, 24, 1619 / 2160, "no-rule", np.nan),
    ],
)
def test_tables_5_and_6_at_their_bounds(invalid: int, run: int, rate: float, rule: str, kg: float) -> None:
    frame = quarter(invalid, run=run)
    measured = mass(frame, registry=REGISTRY)
    found = capture_rate(measured, registry=REGISTRY).iloc[0]
    assert (found["invalid"], found["rate"]) == (invalid, pytest.approx(rate))
    assert bool(found["enough"]) == (invalid <= 540)
    gap = substitute(frame, registry=REGISTRY).iloc[1000 : 1000 + run]
    assert gap["rule"].unique().tolist() == [rule]
    assert gap["kg"].tolist() == pytest.approx([kg] * run, nan_ok=True)


def test_concentrations_are_never_substituted() -> None:
    table = substitute(quarter(216), registry=REGISTRY)
    assert "value" not in table.columns
    assert table.loc[table["substituted"], "kg_measured"].isna().all()


# --- 4.2: wastewater ---------------------------------------------------------------------------------


def test_a_gap_of_ph_takes_the_median_and_a_gap_of_cod_the_mean() -> None:
    flags = np.full(12, "N", dtype=object)
    flags[5:8] = "D"
    values = [9.0, 9.0, 6.0, 7.0, 11.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0]
    frame = pd.concat(
        [
            hours(values, "ph", "W", flags=flags),
            hours(values, "cod", "W", flags=flags),
            hours([2.0] * 12, "effluent_flow", "W"),
        ]
    )
    found = filled_wastewater(frame, registry=REGISTRY)
    gaps = found[found["filled"]].groupby("parameter")["value"].agg(list)
    # the three hours before hold 6, 7, 11: median 7, mean 8
    assert gaps.to_dict() == {"ph": [7.0] * 3, "cod": [8.0] * 3}
    assert found["filled"].sum() == 6
    assert filled_wastewater(hours([1.0], "flue_nox"), registry=REGISTRY).empty


@pytest.mark.parametrize(
    ("standard", "topic", "first", "before"),
    [
        ("HJ75-2017", "gas-validity", "2018-03-01", "2018-02-28"),
        ("HJ355-2019", "wastewater-validity", "2020-03-24", "2020-03-23"),
    ],
)
def test_nothing_is_judged_before_the_first_day_of_a_rule(
    standard: str, topic: str, first: str, before: str
) -> None:
    assert REGISTRY.in_force(topic, pd.Timestamp(first).date()).id == standard
    assert REGISTRY.all_in_force(topic, pd.Timestamp(before).date()) == []


# --- flags ---------------------------------------------------------------------------------------------

#: letters of HJ 212-2017 table 8 and of HJ/T 75-2007, words of real exports: what an hour with them is
FLAGS = """
N 正常 数据有效        valid
F M S D C T B P O Md   other
仪器停运 维护 日常维护 手工输入 故障 校准 超测定上限 通讯异常 通讯中断 电源故障 超排放标准 数据缺失  other
"""
OF_GAS = "启停机 exempt;停运 stopped;停产 stopped;失控 out-of-control"
OF_WATER = "停运 stopped;停产 stopped;未排放 stopped"
MEANINGS = [
    (word, kind, parameter)
    for *words, kind in (line.split() for line in FLAGS.strip().splitlines())
    for word in words
    for parameter in ("flue_nox_norm", "cod")
] + [
    (*pair.split(), parameter)
    for parameter, table in (("flue_nox_norm", OF_GAS), ("cod", OF_WATER))
    for pair in table.split(";")
]


@pytest.mark.parametrize(("word", "kind", "parameter"), MEANINGS)
def test_what_a_flag_says(word: str, kind: str, parameter: str) -> None:
    found = validity(hours([10.0], parameter, flags=word), registry=REGISTRY).iloc[0]
    assert (found["kind"], bool(found["valid"])) == (kind, kind == "valid")
    assert bool(found["high"]) == (word in ("T", "O", "超测定上限", "超排放标准"))
    assert bool(found["calibration"]) == (word in ("C", "校准"))


@pytest.mark.parametrize(("run", "rule", "kg"), [(24, "short_run", 2.0), (25, "long_run", 3.0)])
def test_out_of_control_hours_are_taken_before_the_last_calibration(run: int, rule: str, kg: float) -> None:
    frame = quarter(216, run=run, word="失控")
    at = frame["observed_at"] == pd.Timestamp("2025-01-01") + pd.Timedelta(hours=950)
    # the calibration itself is an invalid hour more: one of the others becomes valid
    last = frame["observed_at"] == frame["observed_at"].max()
    gas = frame["parameter"] == "flue_nox"
    frame.loc[at & gas, "provider_flag"] = "C"
    frame.loc[last & gas, "provider_flag"] = "N"
    # after the calibration, before the run: not looked at
    later = frame["observed_at"] == pd.Timestamp("2025-01-01") + pd.Timedelta(hours=980)
    frame.loc[later & gas, "value"] = 99.0
    gap = substitute(frame, registry=REGISTRY).iloc[1000 : 1000 + run]
    assert gap["rule"].unique().tolist() == [rule]
    assert gap["kg"].tolist() == pytest.approx([kg] * run)
