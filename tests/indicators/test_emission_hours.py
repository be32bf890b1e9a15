"""Hours and days of outlets: flags, limits by date, exceedance and warning, oxygen, daily means."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.emission_days import judge_outlet_days
from indicators.emission_hours import judge_outlet_hours
from indicators.emission_limits import LimitError, default_limits, under_permits
from indicators.emission_oxygen import (
    dry_concentration,
    mg_of_ppm,
    normalise_oxygen,
    nox_as_no2,
    standard_concentration,
    standard_flow,
)
from indicators.registry import NoStandardError, default_registry

REGISTRY = default_registry()


def limits(*rows):
    names = ["site", "parameter", "basis", "limit", "valid_from", "valid_to"]
    frame = pd.DataFrame([(*row, None, None)[: len(names)] for row in rows], columns=names)
    return frame.assign(clause="表4", unit="", o2_ref=np.nan, document="许可证")


def hours(values, parameter="flue_nox_norm", site="G", start="2025-03-01", flags="", censor=""):
    at = pd.date_range(start, periods=len(values), freq="h").as_unit("us")
    frame = pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": values})
    return frame.assign(value=frame["value"].astype(float), provider_flag=flags, censor=censor)


GAS = limits(("G", "flue_nox_norm", "hourly", 50.0))
WATER = limits(("W", "cod", "daily", 50.0))


def verdicts(frame, table, **where):
    return judge_outlet_hours(frame, table, registry=REGISTRY)["verdict"].tolist()


def test_a_gas_hour_exceeds_only_above_its_limit():
    found = judge_outlet_hours(hours([49.9, 50.0, 50.1, 75.0]), GAS, registry=REGISTRY)
    assert found["verdict"].tolist() == ["ok", "ok", "exceed_hour", "exceed_hour"]
    assert found["multiple"].tolist() == pytest.approx([np.nan, np.nan, 0.002, 0.5], nan_ok=True)
    assert found["clause"].unique().tolist() == ["表4"]
    assert found["limit"].tolist() == [50.0] * 4


def test_a_wastewater_hour_above_the_daily_limit_is_only_a_warning():
    frame = hours([49.9, 50.0, 50.1, 500.0], "cod", "W")
    assert verdicts(frame, WATER) == ["ok", "ok", "warn_hour", "warn_hour"]


def test_an_instantaneous_limit_holds_for_the_hour():
    table = limits(("W", "cod", "daily", 50.0), ("W", "cod", "instant", 60.0, "2026-03-01"))
    before = hours([55.0, 61.0], "cod", "W", "2026-02-28 22:00")
    assert verdicts(before, table) == ["warn_hour", "warn_hour"]
    after = hours([55.0, 61.0], "cod", "W", "2026-03-01")
    assert verdicts(after, table) == ["warn_hour", "exceed_hour"]


def test_an_inner_warning_threshold():
    table = limits(("G", "flue_nox_norm", "hourly", 50.0), ("G", "flue_nox_norm", "warning", 45.0))
    found = judge_outlet_hours(hours([45.0, 46.0, 51.0]), table, registry=REGISTRY)
    assert found["verdict"].tolist() == ["ok", "warn_hour", "exceed_hour"]
    assert found["limit"].tolist() == [50.0, 45.0, 50.0]


@pytest.mark.parametrize(
    ("flag", "verdict"),
    [
        ("", "exceed_hour"),
        ("N", "exceed_hour"),
        ("n", "exceed_hour"),
        ("正常", "exceed_hour"),
        ("数据有效", "exceed_hour"),
        ("F", "excluded"),
        ("M", "excluded"),
        ("S", "excluded"),
        ("D", "excluded"),
        ("C", "excluded"),
        ("B", "excluded"),
        ("P", "excluded"),
        ("Md", "excluded"),
        ("维护", "excluded"),
        ("校准", "excluded"),
        ("停运", "excluded"),
        ("停产", "excluded"),
        ("通讯中断", "excluded"),
        # above the measuring range: no data, but an unknown high value
        ("T", "warn_hour"),
        ("O", "warn_hour"),
    ],
)
def test_only_a_normal_flag_is_data(flag, verdict):
    found = judge_outlet_hours(hours([500.0], flags=flag), GAS, registry=REGISTRY)
    assert found["verdict"].tolist() == [verdict]
    assert bool(found["valid"].iloc[0]) == (verdict == "exceed_hour")


def test_an_unknown_flag_is_not_valid_and_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        found = judge_outlet_hours(hours([500.0], flags="Z9"), GAS, registry=REGISTRY)
    assert found["verdict"].tolist() == ["excluded"]
    assert found["reason"].tolist() == ["unknown-flag:Z9"]
    assert "Z9" in caplog.text


def test_empty_and_negative_values_are_excluded():
    found = judge_outlet_hours(hours([np.nan, -1.0]), GAS, registry=REGISTRY)
    assert found["verdict"].tolist() == ["excluded", "excluded"]
    assert found["reason"].tolist() == ["no-value", "negative"]


def test_hours_without_discharge_are_not_evaluated():
    frame = pd.concat([hours([80.0, 80.0], "cod", "W"), hours([0.0, 5.0], "effluent_flow", "W")])
    found = judge_outlet_hours(frame, WATER, registry=REGISTRY)
    assert found["verdict"].tolist() == ["excluded", "warn_hour", "no-limit", "no-limit"]
    assert found["reason"].iloc[0] == "no-discharge"


def test_a_limit_holds_from_its_first_to_its_last_day():
    table = limits(
        ("G", "flue_nox_norm", "hourly", 100.0, "2024-01-01", "2025-02-28"),
        ("G", "flue_nox_norm", "hourly", 50.0, "2025-03-01"),
    )
    frame = hours([75.0, 75.0], start="2025-02-28 23:00")
    found = judge_outlet_hours(frame, table, registry=REGISTRY)
    assert found["limit"].tolist() == [100.0, 50.0]
    assert found["verdict"].tolist() == ["ok", "exceed_hour"]
    assert verdicts(hours([75.0], start="2023-12-31"), table) == ["no-limit"]


def test_of_two_limits_the_one_that_began_last_holds():
    table = limits(
        ("G", "flue_nox_norm", "hourly", 100.0, "2024-01-01"),
        ("G", "flue_nox_norm", "hourly", 50.0, "2025-03-01", "2025-03-01"),
    )
    frame = hours([75.0] * 2, start="2025-03-01 23:00")
    assert verdicts(frame, table) == ["exceed_hour", "ok"]


def test_ph_is_a_range_without_a_multiple():
    table = limits(("W", "ph", "instant", 9.0)).assign(limit_lower=6.0)
    found = judge_outlet_hours(hours([5.9, 6.0, 9.0, 9.1], "ph", "W"), table, registry=REGISTRY)
    assert found["verdict"].tolist() == ["exceed_hour", "ok", "ok", "exceed_hour"]
    assert found["multiple"].isna().all()


def test_a_value_below_its_detection_limit_never_exceeds_and_one_above_the_range_does():
    found = verdicts(hours([60.0], censor="<"), GAS)
    assert found == ["ok"]
    assert verdicts(hours([50.0], censor=">"), GAS) == ["exceed_hour"]


def test_float_noise_is_no_exceedance():
    assert verdicts(hours([50.00000000000001]), GAS) == ["ok"]


def test_an_unknown_basis_is_named():
    with pytest.raises(LimitError, match="monthly"):
        judge_outlet_hours(hours([1.0]), limits(("G", "flue_nox_norm", "monthly", 1.0)), registry=REGISTRY)


def test_before_the_first_rule_nothing_is_judged():
    found = judge_outlet_hours(hours([500.0], start="2010-01-01"), GAS, registry=REGISTRY)
    assert found["verdict"].tolist() == ["excluded"]
    assert found["reason"].tolist() == ["no-standard"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["", "N", "M", "T", "?"]), min_size=1, max_size=20))
def test_every_hour_has_one_verdict_in_order(flags):
    frame = hours([60.0] * len(flags)).assign(provider_flag=flags)
    found = judge_outlet_hours(frame, GAS, registry=REGISTRY)
    wanted = {"": "exceed_hour", "N": "exceed_hour", "M": "excluded", "T": "warn_hour", "?": "excluded"}
    assert found["verdict"].tolist() == [wanted[flag] for flag in flags]


# --- oxygen ------------------------------------------------------------------------------------------


def test_oxygen_vector():
    assert normalise_oxygen([35.0], [8.2], 6.0).tolist() == pytest.approx([41.016], abs=5e-4)


def test_trap_09_oxygen_of_air_is_not_divided_by():
    found = normalise_oxygen([35.0] * 5, [20.89, 20.9, 21.0, 25.0, -0.1], 6.0)
    assert np.isfinite(found[0])
    assert np.isnan(found[1:]).all()


def test_without_a_reference_the_concentration_stays():
    assert normalise_oxygen([35.0, 35.0], [8.2, 21.0], np.nan).tolist() == [35.0, 35.0]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1000), st.floats(0, 20.8), st.floats(1, 16))
def test_at_the_reference_nothing_changes(c, o2, reference):
    assert normalise_oxygen([c], [reference], reference)[0] == pytest.approx(c)
    found = normalise_oxygen([c], [o2], reference)[0]
    assert (found >= c * (1 - 1e-12)) == (o2 >= reference or c == 0) or found == pytest.approx(c)


def test_flue_gas_arithmetic():
    assert dry_concentration([90.0], [10.0])[0] == pytest.approx(100.0)
    assert np.isnan(dry_concentration([90.0], [100.0])[0])
    # at 273 °C the gas has twice the volume
    assert standard_concentration([10.0], [273.0], [101325.0], [0.0])[0] == pytest.approx(20.0)
    assert standard_flow([10.0], 2.0, [273.0], [101325.0], [0.0], [10.0])[0] == pytest.approx(32400.0)
    assert mg_of_ppm([1.0], 64.0)[0] == pytest.approx(64 / 22.4)
    assert nox_as_no2([30.0], [4.0])[0] == pytest.approx(50.0)


# --- days --------------------------------------------------------------------------------------------


def day(found, parameter):
    rows = found[found["parameter"] == parameter]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_day_of_wastewater_is_weighted_by_flow():
    # 12 hours of 40 at 30 m³/h and 12 of 80 at 10 m³/h: 50, not 60
    frame = pd.concat(
        [hours([40.0] * 12 + [80.0] * 12, "cod", "W"), hours([30.0] * 12 + [10.0] * 12, "effluent_flow", "W")]
    )
    found = day(judge_outlet_days(frame, WATER, registry=REGISTRY), "cod")
    assert (found["value"], found["verdict"], bool(found["valid"])) == (50.0, "ok", True)
    more = frame.assign(value=frame["value"].where(frame["value"] != 80.0, 81.0))
    found = day(judge_outlet_days(more, WATER, registry=REGISTRY), "cod")
    assert (found["value"], found["verdict"]) == (50.25, "exceed_day")
    assert found["multiple"] == pytest.approx(0.005)


@pytest.mark.parametrize(("valid_hours", "valid"), [(18, True), (17, False)])
def test_a_day_of_wastewater_needs_three_quarters_of_its_values(valid_hours, valid):
    flags = [""] * valid_hours + ["D"] * (24 - valid_hours)
    frame = pd.concat([hours([60.0] * 24, "cod", "W", flags=flags), hours([5.0] * 24, "effluent_flow", "W")])
    found = day(judge_outlet_days(frame, WATER, registry=REGISTRY), "cod")
    assert (found["hours"], found["due"], bool(found["valid"])) == (valid_hours, 24, valid)
    assert found["verdict"] == ("exceed_day" if valid else "excluded")


@pytest.mark.parametrize(("valid_hours", "valid"), [(6, True), (5, False)])
def test_hours_without_discharge_are_not_due(valid_hours, valid):
    flags = [""] * valid_hours + ["D"] * (24 - valid_hours)
    frame = pd.concat(
        [hours([10.0] * 24, "cod", "W", flags=flags), hours([5.0] * 8 + [0.0] * 16, "effluent_flow", "W")]
    )
    found = day(judge_outlet_days(frame, WATER, registry=REGISTRY), "cod")
    assert (found["due"], found["hours"], bool(found["valid"])) == (8, valid_hours, valid)


def test_without_flow_there_is_no_daily_mean():
    found = day(judge_outlet_days(hours([60.0] * 24, "cod", "W"), WATER, registry=REGISTRY), "cod")
    assert not found["valid"]
    assert found["verdict"] == "excluded"


@pytest.mark.parametrize(("valid_hours", "valid"), [(20, True), (19, False)])
def test_a_day_of_gas_needs_twenty_hours(valid_hours, valid):
    table = limits(("G", "flue_nox_norm", "daily", 50.0))
    flags = ["N"] * valid_hours + ["D"] * (24 - valid_hours)
    found = day(judge_outlet_days(hours([60.0] * 24, flags=flags), table, registry=REGISTRY), "flue_nox_norm")
    assert (bool(found["valid"]), found["verdict"]) == (valid, "exceed_day" if valid else "excluded")


@pytest.mark.parametrize(("valid_hours", "valid"), [(8, True), (7, False)])
def test_a_source_that_ran_ten_hours_needs_eight(valid_hours, valid):
    table = limits(("G", "flue_nox_norm", "daily", 50.0))
    flags = ["N"] * valid_hours + ["D"] * (10 - valid_hours) + ["停运"] * 14
    found = day(judge_outlet_days(hours([40.0] * 24, flags=flags), table, registry=REGISTRY), "flue_nox_norm")
    assert (found["due"], bool(found["valid"])) == (10, valid)


def test_an_hourly_limit_judges_no_day():
    found = day(judge_outlet_days(hours([60.0] * 24), GAS, registry=REGISTRY), "flue_nox_norm")
    assert (found["verdict"], bool(found["valid"]), found["value"]) == ("no-limit", True, 60.0)


def test_no_hours_no_days():
    assert judge_outlet_days(hours([]), GAS, registry=REGISTRY).empty
    assert judge_outlet_hours(hours([]), GAS, registry=REGISTRY).empty


# --- defaults ----------------------------------------------------------------------------------------

DEFAULTS = [
    ("ULTRA-LOW", "coal power", {"flue_dust_norm": 10, "flue_so2_norm": 35, "flue_nox_norm": 50}),
    (
        "GB13223-2011",
        "coal power, key area",
        {"flue_dust_norm": 20, "flue_so2_norm": 50, "flue_nox_norm": 100},
    ),
    ("DB37/664-2019", "coal power", {"flue_dust_norm": 5, "flue_so2_norm": 35, "flue_nox_norm": 50}),
    ("DB37/2376-2019", "core control zone", {"flue_dust_norm": 5, "flue_so2_norm": 35, "flue_nox_norm": 50}),
    ("DB37/2376-2019", "key control zone", {"flue_dust_norm": 10, "flue_so2_norm": 50, "flue_nox_norm": 100}),
    (
        "DB37/2376-2019",
        "general control zone",
        {"flue_dust_norm": 20, "flue_so2_norm": 100, "flue_nox_norm": 200},
    ),
    ("DB37/2374-2018", "core control zone", {"flue_dust_norm": 5, "flue_so2_norm": 35, "flue_nox_norm": 50}),
    (
        "GB18918-2002",
        "grade 1A",
        {
            "cod": 50,
            "bod5": 10,
            "ss": 10,
            "petroleum": 1,
            "las": 0.5,
            "tn": 15,
            "nh3_n": 5,
            "tp": 0.5,
            "ph": 9,
        }
        | {"animal_vegetable_oil": 1, "colour": 30, "fecal_coliform": 1000},
    ),
    (
        "GB18918-2002+2025",
        "grade 1B",
        {"cod": 60, "bod5": 20, "ss": 20, "petroleum": 3, "las": 1, "tn": 20, "nh3_n": 8, "tp": 1, "ph": 9}
        | {"animal_vegetable_oil": 3, "colour": 30, "fecal_coliform": 10000},
    ),
    ("GB18918-2002", "grade 1A, water at or below 12 degC", {"nh3_n": 8}),
    ("GB18918-2002", "grade 1B, water at or below 12 degC", {"nh3_n": 15}),
    ("GB18918-2002", "grade 1A, built before 2006-01-01", {"tp": 1.0}),
    ("GB18918-2002", "grade 1B, built before 2006-01-01", {"tp": 1.5}),
]


@pytest.mark.parametrize(("standard", "category", "expected"), DEFAULTS)
def test_default_limits(standard, category, expected):
    found = default_limits(REGISTRY, standard, category, ["X"])
    assert dict(zip(found["parameter"], found["limit"], strict=True)) == expected
    gas = found["parameter"].str.startswith("flue_")
    assert (found.loc[gas, "basis"] == "hourly").all()


def test_ph_and_colour_of_sewage_plants_become_instantaneous_in_2026():
    for standard, basis in (("GB18918-2002", "daily"), ("GB18918-2002+2025", "instant")):
        found = default_limits(REGISTRY, standard, "grade 1A", ["X"]).set_index("parameter")["basis"]
        assert found[["ph", "colour", "fecal_coliform"]].tolist() == [basis] * 3
        assert found["cod"] == "daily"


def test_each_default_limit_at_its_bound():
    table = default_limits(REGISTRY, "DB37/664-2019", "coal power", ["X"])
    for _, row in table.iterrows():
        frame = hours([row["limit"] - 0.1, row["limit"], row["limit"] + 0.1], row["parameter"], "X")
        assert verdicts(frame, table) == ["ok", "ok", "exceed_hour"]


def test_a_permit_comes_before_a_default():
    permit = limits(("X", "flue_nox_norm", "hourly", 30.0))
    found = under_permits(permit, default_limits(REGISTRY, "DB37/664-2019", "coal power", ["X"]))
    assert dict(zip(found["parameter"], found["limit"], strict=True)) == {
        "flue_nox_norm": 30.0,
        "flue_dust_norm": 5.0,
        "flue_so2_norm": 35.0,
    }


def test_an_unknown_category_is_named():
    with pytest.raises(NoStandardError, match="grade 9"):
        default_limits(REGISTRY, "GB18918-2002", "grade 9", ["X"])


@pytest.mark.parametrize("category", ["grade 1A", "grade 1B"])
def test_each_daily_limit_of_sewage_plants_at_its_bound(category):
    table = default_limits(REGISTRY, "GB18918-2002", category, ["X"])
    flow = hours([5.0] * 72, "effluent_flow", "X")
    for _, row in table[table["parameter"] != "ph"].iterrows():
        steps = [row["limit"] * 0.99] * 24 + [row["limit"]] * 24 + [row["limit"] * 1.01] * 24
        frame = pd.concat([hours(steps, row["parameter"], "X"), flow])
        found = judge_outlet_days(frame, table, registry=REGISTRY)
        assert found["verdict"].tolist() == ["ok", "ok", "exceed_day"], row["parameter"]
        assert found["clause"].str.contains("GB 18918").all()


def test_the_daily_ph_of_sewage_plants_is_a_range():
    table = default_limits(REGISTRY, "GB18918-2002", "grade 1A", ["X"])
    frame = hours([5.9] * 24 + [6.0] * 24 + [9.0] * 24 + [9.1] * 24, "ph", "X")
    found = judge_outlet_days(frame, table, registry=REGISTRY)
    assert found["verdict"].tolist() == ["exceed_day", "ok", "ok", "exceed_day"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("coal_power_boiler", 6),
        ("oil_or_gas_power_boiler", 3),
        ("gas_turbine", 15),
        ("industrial_coal_boiler", 9),
        ("industrial_oil_or_gas_boiler", 3.5),
        ("cement_kiln", 10),
        ("sintering", 16),
        ("waste_incineration", 11),
    ],
)
def test_reference_oxygen(source, expected):
    rule = REGISTRY.get("HJ75-2017").tables["reference_oxygen"][source]
    assert rule["o2_ref"] == expected
    assert normalise_oxygen([35.0], [expected], expected)[0] == pytest.approx(35.0)
