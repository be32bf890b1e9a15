"""Tonnes of outlets: mass, capture rate, substitution by the tables, totals against the permit."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from indicators.emission_mass import capture_rate, mass
from indicators.emission_months import outlet_months
from indicators.emission_substitution import substitute
from indicators.emission_summary import outlet_tonnes
from indicators.emission_totals import totals
from indicators.registry import default_registry

REGISTRY = default_registry()


def hours(values, parameter, site="G", start="2025-01-01", flags=""):
    at = pd.date_range(start, periods=len(values), freq="h").as_unit("us")
    frame = pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": values})
    return frame.assign(value=frame["value"].astype(float), provider_flag=flags, censor="")


def gas(values, flags="", flow=1000.0, start="2025-01-01"):
    return pd.concat(
        [
            hours(values, "flue_nox", flags=flags, start=start),
            hours([flow] * len(values), "flue_flow", start=start),
        ]
    )


def test_mass_of_gas_is_measured_concentration_times_flow():
    frame = pd.concat([gas([50.0]), hours([80.0], "flue_nox_norm")])
    found = mass(frame, registry=REGISTRY)
    # 50 mg/m³ · 1000 m³/h = 0.05 kg; the normalised 80 has no part in it
    assert found["parameter"].tolist() == ["flue_nox"]
    assert found["kg"].tolist() == pytest.approx([0.05])


def test_mass_of_wastewater():
    frame = pd.concat(
        [hours([40.0], "cod", "W"), hours([7.0], "ph", "W"), hours([25.0], "effluent_flow", "W")]
    )
    found = mass(frame, registry=REGISTRY)
    # 40 mg/L · 25 m³ = 1 kg
    assert dict(zip(found["parameter"], found["kg"], strict=True)) == {"cod": 1.0}


def test_stopped_hours_weigh_nothing_and_missing_ones_are_unknown():
    found = mass(gas([50.0, 50.0, 50.0], flags=["N", "停运", "M"]), registry=REGISTRY)
    assert found["kg"].tolist() == pytest.approx([0.05, 0.0, np.nan], nan_ok=True)
    assert found["kind"].tolist() == ["valid", "stopped", "other"]


def test_an_hour_not_delivered_is_an_hour_without_a_value():
    frame = gas([50.0] * 5)
    frame = frame[frame["observed_at"] != pd.Timestamp("2025-01-01 02:00")]
    found = mass(frame, registry=REGISTRY)
    assert len(found) == 5
    assert found["valid"].tolist() == [True, True, False, True, True]


def test_capture_rate_of_a_quarter():
    # 2160 hours: 160 stopped, 200 invalid: (2160 - 200 - 160) / (2160 - 160) = 0.9
    flags = ["停运"] * 160 + ["D"] * 200 + ["N"] * 1800
    found = capture_rate(mass(gas([50.0] * 2160, flags=flags), registry=REGISTRY), registry=REGISTRY).iloc[0]
    assert (found["quarter"], found["hours"], found["stopped"], found["invalid"]) == (
        "2025-Q1",
        2160,
        160,
        200,
    )
    assert found["rate"] == pytest.approx(0.9)
    assert bool(found["enough"])


def series(length=2160):
    """Concentrations that grow from hour to hour, so that a maximum tells where it was taken."""
    return np.arange(1.0, length + 1)


def filled(flags, values=None):
    values = series(len(flags)) if values is None else values
    return substitute(gas(values, flags=flags), registry=REGISTRY)


def test_a_short_gap_takes_the_largest_of_180_valid_hours():
    flags = np.full(2160, "N", dtype=object)
    flags[1000:1024] = "D"
    values = series()
    values[1000 - 180] = 9000.0
    values[1000 - 181] = 9999.0
    found = filled(flags, values)
    gap = found.iloc[1000:1024]
    assert gap["substituted"].all()
    assert gap["kg"].tolist() == pytest.approx([9.0] * 24)
    assert gap["kg_measured"].isna().all()
    assert gap["rule"].unique().tolist() == ["short_run"]


def test_a_gap_of_25_hours_takes_the_largest_of_720():
    flags = np.full(2160, "N", dtype=object)
    flags[1000:1025] = "D"
    values = series()
    values[1000 - 720] = 9000.0
    values[1000 - 721] = 9999.0
    gap = filled(flags, values).iloc[1000:1025]
    assert gap["kg"].tolist() == pytest.approx([9.0] * 25)
    assert gap["rule"].unique().tolist() == ["long_run"]


def test_below_90_percent_the_largest_of_2160():
    flags = np.full(2160, "N", dtype=object)
    flags[1000:1010] = "D"
    flags[1500:1730] = "M"
    values = series()
    values[0] = 9000.0
    gap = filled(flags, values).iloc[1000:1010]
    assert gap["kg"].tolist() == pytest.approx([9.0] * 10)
    assert gap["rule"].unique().tolist() == ["low_capture"]


def test_below_75_percent_there_is_no_rule():
    flags = np.full(2160, "N", dtype=object)
    flags[1000:1600] = "D"
    gap = filled(flags).iloc[1000:1600]
    assert not gap["substituted"].any()
    assert gap["kg"].isna().all()
    assert gap["rule"].unique().tolist() == ["no-rule"]


def test_out_of_control_counts_from_the_last_calibration():
    flags = np.full(2160, "N", dtype=object)
    flags[900] = "C"
    flags[1000:1010] = "失控"
    found = filled(flags)
    # the hour before the calibration is the 900th: 900 mg/m³ · 1000 m³/h
    assert found["kg"].iloc[1000] == pytest.approx(0.9)
    flags[1000:1010] = "D"
    assert filled(flags)["kg"].iloc[1000] == pytest.approx(1.0)


def test_a_gap_at_the_very_beginning_has_nothing_to_take():
    flags = np.full(2160, "N", dtype=object)
    flags[:5] = "D"
    found = filled(flags)
    assert found["rule"].iloc[:5].unique().tolist() == ["no-rule"]


def test_one_outlets_hours_never_fill_anothers():
    flags = np.full(300, "N", dtype=object)
    flags[:3] = "D"
    other = gas(np.full(300, 9999.0)).assign(site="A")
    found = substitute(pd.concat([other, gas(series(300), flags=flags)]), registry=REGISTRY)
    assert found[found["site"] == "G"]["kg"].iloc[:3].isna().all()


def test_wastewater_takes_the_mean_of_the_preceding_period_of_equal_length():
    flags = np.full(48, "N", dtype=object)
    flags[10:14] = "D"
    frame = pd.concat([hours(series(48), "cod", "W", flags=flags), hours([2.0] * 48, "effluent_flow", "W")])
    found = substitute(frame, registry=REGISTRY)
    # hours 7..10 hold 7, 8, 9, 10 mg/L: 8.5 mg/L · 2 m³
    assert found["kg"].iloc[10:14].tolist() == pytest.approx([0.017] * 4)
    assert found["substituted"].sum() == 4
    assert found["kg"].iloc[14] == pytest.approx(0.030)


def test_a_gap_in_the_preceding_period_reaches_further_back():
    flags = np.full(48, "N", dtype=object)
    flags[8] = "D"
    flags[10:12] = "D"
    frame = pd.concat([hours(series(48), "cod", "W", flags=flags), hours([2.0] * 48, "effluent_flow", "W")])
    found = substitute(frame, registry=REGISTRY)
    # the two valid hours before hour 11 hold 8 and 10: 9 mg/L · 2 m³
    assert found["kg"].iloc[10:12].tolist() == pytest.approx([0.018] * 2)


def test_missing_flow_is_substituted_too():
    flags = np.full(48, "N", dtype=object)
    flags[10:12] = "D"
    frame = pd.concat([hours([10.0] * 48, "cod", "W"), hours(series(48), "effluent_flow", "W", flags=flags)])
    found = substitute(frame, registry=REGISTRY)
    # flow of the two hours before: 9 and 10 m³
    assert found["kg"].iloc[10:12].tolist() == pytest.approx([0.095] * 2)


OUTLETS = pd.DataFrame(
    {"site": ["G", "H"], "enterprise": ["示例企业", "示例企业"], "district": ["chiping", "chiping"]}
)


def test_totals_against_permitted_amounts():
    # 100 hours of 1000 mg/m³ · 10⁶ m³/h = 1 t an hour
    frame = gas([1000.0] * 100, flow=1e6)
    both = pd.concat([frame, frame.assign(site="H")])
    ledger = substitute(both, registry=REGISTRY)
    permitted = pd.DataFrame(
        [
            {"level": "enterprise", "name": "示例企业", "parameter": "flue_nox", "tonnes": 160.0},
            {"level": "outlet", "name": "G", "parameter": "flue_nox", "tonnes": 400.0},
        ]
    )
    found = totals(ledger, OUTLETS, period="2025", permitted=permitted).set_index(["level", "name"])
    assert found.loc[("outlet", "G"), "tonnes"] == pytest.approx(100.0)
    assert found.loc[("outlet", "G"), "used"] == pytest.approx(25.0)
    assert found.loc[("enterprise", "示例企业"), "tonnes"] == pytest.approx(200.0)
    assert bool(found.loc[("enterprise", "示例企业"), "over"])
    assert found.loc[("district", "chiping"), "tonnes"] == pytest.approx(200.0)
    assert np.isnan(found.loc[("district", "chiping"), "permitted"])


def test_totals_show_what_was_substituted_and_what_stays_open():
    flags = np.full(2160, "N", dtype=object)
    flags[:5] = "D"
    flags[1000:1010] = "D"
    ledger = filled(flags, np.full(2160, 1000.0))
    found = totals(ledger, OUTLETS, period="2025-Q1").iloc[0]
    assert found["open_hours"] == 5
    assert found["tonnes"] == pytest.approx(2.155)
    assert found["tonnes_measured"] == pytest.approx(2.145)
    assert found["tonnes_substituted"] == pytest.approx(0.010)
    assert totals(ledger, OUTLETS, period="2025-04").empty


def daily(valid_days, parameter="flue_nox_norm", start="2025-03-01", length=31, due=24):
    days = pd.date_range(start, periods=length, freq="D").as_unit("us")
    valid = np.arange(length) < valid_days
    return pd.DataFrame(
        {"site": "G", "parameter": parameter, "day": days, "value": np.where(valid, 10.0, 99.0), "due": due}
    ).assign(valid=valid)


@pytest.mark.parametrize(
    ("frame", "valid"),
    [
        (daily(25), True),
        (daily(24), False),
        (daily(23, start="2025-02-01", length=28), True),
        (daily(22, start="2025-02-01", length=28), False),
        # 75 % of 31 days is 23.25: 24 days
        (daily(24, "cod"), True),
        (daily(23, "cod"), False),
        # ten days of discharge: eight are enough
        (daily(8, "cod").assign(due=[24] * 10 + [0] * 21), True),
        (daily(7, "cod").assign(due=[24] * 10 + [0] * 21), False),
    ],
)
def test_a_month_of_an_outlet(frame, valid):
    found = outlet_months(frame, registry=REGISTRY).iloc[0]
    assert (found["value"], bool(found["valid"])) == (10.0, valid)


def test_tonnes_of_a_day_rest_on_the_hours_before_it():
    flags = np.full(2160, "N", dtype=object)
    flags[1440 + 5 : 1440 + 10] = "D"
    values = np.full(2160, 1000.0)
    values[1440 - 1] = 2000.0
    start = datetime(2025, 3, 2)
    frame = gas(values, flags=flags, flow=1e6)
    found = outlet_tonnes(frame, registry=REGISTRY, start=start, end=start + timedelta(days=1)).iloc[0]
    # 19 measured hours of 1 t, 5 substituted by the largest of the last 180 valid hours: 2 t
    assert found["parameter"] == "flue_nox_norm"
    assert (found["hours"], found["open_hours"]) == (24, 0)
    assert found["tonnes_measured"] == pytest.approx(19.0)
    assert found["tonnes_substituted"] == pytest.approx(10.0)
    assert found["tonnes"] == pytest.approx(29.0)
    # the quarter so far: 1464 hours, 5 of them invalid
    assert found["capture_rate"] == pytest.approx(1459 / 1464)


def test_no_hours_no_tonnes():
    empty = gas([1.0]).iloc[:0]
    assert outlet_tonnes(empty, registry=REGISTRY, start=datetime(2025, 3, 2), end=datetime(2025, 3, 3)).empty
