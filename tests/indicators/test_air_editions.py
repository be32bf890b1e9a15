"""Loading the 2026 standards changes no digit of any day before 2026-03-01 (promise 3, trap 12)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.air_aqi import daily_aqi, hourly_aqi
from indicators.air_days import district_days, station_days
from indicators.air_statistics import air_statistics, good_days_series
from indicators.registry import NoStandardError, Registry, default_registry

FULL = default_registry()
BEFORE_2026 = Registry(
    tuple(
        standard
        for standard in FULL.all()
        if standard.id not in ("GB3095-2026-transition", "GB3095-2026-final", "HJ633-2026", "HJ663-2026")
    )
)
PARAMETERS = ("so2", "no2", "co", "pm10", "pm2_5", "o3")
LAST = pd.Timestamp("2026-02-28")
STATIONS = pd.DataFrame(
    {
        "site": ["A", "B"],
        "evaluation": [True, True],
        "valid_from": [pd.NaT, pd.NaT],
        "valid_to": [pd.NaT, pd.NaT],
    }
)


def random_hours(seed: int, back: int, days: int) -> pd.DataFrame:
    """Hours of two sites over `days` days that end `back` days before the switch."""
    rng = np.random.default_rng(seed)
    end = LAST - pd.Timedelta(days=back)
    at = pd.date_range(end - pd.Timedelta(days=days - 1), periods=24 * days, freq="h").as_unit("us")
    parts = []
    for site in ("A", "B"):
        for parameter in PARAMETERS:
            values = rng.gamma(1.5, 60, len(at)).round(0)
            values = values / 50 if parameter == "co" else values
            values[rng.random(len(at)) < 0.15] = np.nan
            parts.append(
                pd.DataFrame({"site": site, "parameter": parameter, "observed_at": at, "value": values})
            )
    return pd.concat(parts, ignore_index=True)


def everything(hours: pd.DataFrame, registry: Registry) -> list[pd.DataFrame]:
    stations = station_days(hours, registry=registry)
    district = district_days(stations, STATIONS, registry=registry)
    wide = hours.pivot(index=["site", "observed_at"], columns="parameter", values="value")  # noqa: PD010 - no mean is meant
    wide = wide.reset_index()
    month = f"{hours['observed_at'].max():%Y-%m}"
    return [
        stations,
        district,
        daily_aqi(pd.concat([stations, district]), registry=registry),
        hourly_aqi(wide, registry=registry),
        hourly_aqi(wide, registry=registry, inputs="feed"),
        air_statistics(district, registry=registry, period=month),
        pd.DataFrame(good_days_series(district, registry=registry, period=month)),
    ]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 4000), st.integers(1, 5))
def test_trap_12_the_2026_standards_move_no_digit_of_earlier_days(seed, back, days):
    hours = random_hours(seed, back, days)
    for with_new, without in zip(everything(hours, FULL), everything(hours, BEFORE_2026), strict=True):
        pd.testing.assert_frame_equal(with_new, without)


def test_asking_for_the_other_edition_does():
    days = station_days(random_hours(7, 300, 30), registry=FULL)
    as_of_its_day = daily_aqi(days, registry=FULL)
    other = daily_aqi(days, registry=FULL, edition="HJ633-2026")
    assert (as_of_its_day["iaqi_pm2_5"] != other["iaqi_pm2_5"]).any()
    assert (as_of_its_day["iaqi_so2"].dropna() == other["iaqi_so2"].dropna()).all()


def test_a_day_without_a_standard_is_an_error():
    hours = random_hours(1, 0, 2).assign(
        observed_at=lambda frame: frame["observed_at"] + pd.Timedelta(days=10)
    )
    with pytest.raises(NoStandardError, match="2026-03-0"):
        station_days(hours, registry=BEFORE_2026)
