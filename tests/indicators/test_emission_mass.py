"""Tonnes of outlets: mass, capture rate, substitution by the tables, totals against the permit."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from indicators.emission_mass import capture_rate, mass
from indicators.emission_months import outlet_months
from indicators.emission_substitution import substitute
from indicators.emission_summary import outlet_tonnes
from indicators.emission_totals import against_permit
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


OUTLETS = pd.DataFrame({"site": ["G", "H"], "enterprise": ["示例企业", "示例企业"]})


def permitted(*rows):
    """Rows of site, enterprise, parameter, tonnes, valid_from, valid_to."""
    names = ["site", "enterprise", "parameter", "tonnes", "valid_from", "valid_to"]
    frame = pd.DataFrame(rows, columns=names).astype({"site": "str", "enterprise": "str", "parameter": "str"})
    for name in ("valid_from", "valid_to"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    return frame.assign(tonnes=frame["tonnes"].astype(float), clause="表", document="证", sure="C")


def year_tonnes(frame, end=datetime(2025, 4, 1)):
    return outlet_tonnes(frame, registry=REGISTRY, start=datetime(2025, 1, 1), end=end)


def test_tonnes_of_outlets_and_of_an_enterprise_against_their_permits():
    # 100 hours of 1000 mg/m³ · 10⁶ m³/h = 1 t an hour, of each of two outlets
    frame = gas([1000.0] * 100, flow=1e6)
    tonnes = year_tonnes(pd.concat([frame, frame.assign(site="H")]), datetime(2025, 1, 5, 4))
    held = permitted(
        ("", "示例企业", "flue_nox_norm", 160, "2021-01-01", None),
        ("G", "", "flue_nox_norm", 400, "2021-01-01", None),
    )
    found = against_permit(tonnes, held, OUTLETS, day=date(2025, 1, 5)).set_index("permit_of")
    assert sorted(found.index) == ["enterprise", "site"]
    one = found.loc["site"]
    assert (one["site"], one["sites"], one["enterprise"]) == ("G", "G", "示例企业")
    assert one["tonnes"] == pytest.approx(100.0)
    assert one["permit_share"] == pytest.approx(0.25)
    assert one["permit_remaining"] == pytest.approx(300.0)
    both = found.loc["enterprise"]
    assert (both["site"], both["sites"], both["open_hours"]) == ("", "G,H", 0)
    assert both["tonnes"] == pytest.approx(200.0)
    assert both["permit_share"] == pytest.approx(1.25)
    assert both["permit_remaining"] == pytest.approx(-40.0)


def test_what_is_not_registered_is_missing_and_never_zero():
    tonnes = year_tonnes(gas([1000.0] * 100, flow=1e6), datetime(2025, 1, 5, 4))
    none = against_permit(tonnes, permitted(), OUTLETS, day=date(2025, 1, 5)).iloc[0]
    assert (none["permit_of"], none["document"]) == ("", "")
    assert none["tonnes"] == pytest.approx(100.0)
    assert none[["permit_tonnes", "permit_share", "permit_remaining"]].isna().all()
    # a permit without an hour on record: no tonnes, which are not tonnes of zero
    held = permitted(("H", "", "flue_nox_norm", 10, "2021-01-01", None))
    silent = against_permit(tonnes.iloc[:0], held, OUTLETS, day=date(2025, 1, 5)).iloc[0]
    assert (silent["site"], silent["permit_of"], silent["permit_tonnes"]) == ("H", "site", 10.0)
    assert silent[["tonnes", "permit_share", "permit_remaining"]].isna().all()


def test_the_total_of_the_last_day_holds_and_of_nothing_there_is_no_share():
    tonnes = year_tonnes(gas([1000.0] * 100, flow=1e6), datetime(2025, 1, 5, 4))
    held = permitted(
        ("G", "", "flue_nox_norm", 400, "2021-01-01", "2025-01-04"),
        ("G", "", "flue_nox_norm", 0, "2025-01-05", None),
    )
    shares = {
        day: against_permit(tonnes, held, OUTLETS, day=date(2025, 1, day)).iloc[0][
            ["permit_tonnes", "permit_share", "permit_remaining"]
        ]
        for day in (4, 5)
    }
    assert shares[4].tolist() == pytest.approx([400.0, 0.25, 300.0])
    assert (shares[5]["permit_tonnes"], shares[5]["permit_remaining"]) == (0.0, pytest.approx(-100.0))
    assert np.isnan(shares[5]["permit_share"])
    assert against_permit(tonnes, held, OUTLETS, day=date(2020, 12, 31)).iloc[0]["permit_of"] == ""


def test_tonnes_show_what_was_substituted_and_what_stays_open():
    flags = np.full(2160, "N", dtype=object)
    flags[:5] = "D"
    flags[1000:1010] = "D"
    frame = gas(np.full(2160, 1000.0), flags=flags)
    tonnes = year_tonnes(frame).iloc[0]
    assert tonnes["open_hours"] == 5
    assert tonnes["tonnes"] == pytest.approx(2.155)
    assert tonnes["tonnes_measured"] == pytest.approx(2.145)
    assert tonnes["tonnes_substituted"] == pytest.approx(0.010)
    beside = against_permit(year_tonnes(frame), permitted(), OUTLETS, day=date(2025, 3, 31)).iloc[0]
    assert (beside["open_hours"], beside["tonnes"]) == (5, pytest.approx(2.155))


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
