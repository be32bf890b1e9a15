"""Published air figures reproduced: the national release's own AQI, sliding means and MDA8.

Reads real exports outside the project ($ECOPLAN_REALDATA, default ../shared/data beside the repository).
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.realdata_district import cities
from benchmarks.release_air import feed_rates, mean_rates, means_24h, measure
from indicators.registry import default_registry

pytestmark = pytest.mark.realdata

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = Path(os.environ.get("ECOPLAN_REALDATA", REPOSITORY / ".." / "shared" / "data"))
REGISTRY = default_registry()
ITEMS = {"PM2.5": "pm2_5", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "O3": "o3", "CO": "co"}


def folder(name: str) -> Path:
    found = ROOT / name
    if not found.is_dir():
        pytest.skip(f"real exports are not here: {found}")
    return found


def read_quotsoft(path: Path) -> pd.DataFrame:
    """One file as a long frame: station, type, observed_at (START of the hour), value."""
    lines = path.read_bytes().decode("utf-8-sig").splitlines()
    header = lines[0].split(",")
    whole = [line for line in lines[1:] if line.count(",") == len(header) - 1]
    # a station's column can stand twice; its first one is taken
    names = [name if name not in header[:place] else f"again {place}" for place, name in enumerate(header)]
    wide = pd.read_csv(io.StringIO("\n".join([",".join(names), *whole])), dtype={"date": str})
    wide = wide.drop(columns=[name for name in names if name.startswith("again ")])
    ends = pd.to_datetime(wide["date"], format="%Y%m%d") + pd.to_timedelta(wide["hour"], unit="h")
    starts = (ends - pd.Timedelta(hours=1)).astype("datetime64[us]").rename("observed_at")
    values = wide.drop(columns=["date", "hour", "type"]).astype("float64")
    values.index = pd.MultiIndex.from_arrays([starts, wide["type"]])
    long = values.rename_axis(columns="site").stack().dropna().rename("value").reset_index()  # noqa: PD013 - as wide
    return long.drop_duplicates(["observed_at", "type", "site"])


def read_long(path: Path) -> pd.DataFrame:
    """One city's stations over a year, one row per station and hour; `t` is the end of the hour."""
    wide = pd.read_csv(path).rename(columns={"station": "site"})
    starts = (pd.to_datetime(wide["t"]) - pd.Timedelta(hours=1)).astype("datetime64[us]")
    wide = wide.assign(observed_at=starts).drop(columns="t")
    return wide.melt(["site", "observed_at"], var_name="type").dropna(subset="value")


@pytest.fixture(scope="module")
def release() -> pd.DataFrame:
    """Seven days of the whole country, five weeks of Shandong and a month of one city; a column per type."""
    base = folder("air_quotsoft")
    files = sorted(base.glob("national/*.csv")) + sorted(base.glob("shandong_2019/*.csv"))[:35]
    parts = [read_quotsoft(path) for path in files]
    # of one city's year a month on which no other file lies
    city = read_long(base / "liaocheng_2019_long.csv")
    parts.append(city[city["observed_at"].dt.month == 4])
    long = pd.concat(parts, ignore_index=True)
    # some Shandong files name stations without their letter
    long["site"] = long["site"].str.removesuffix("A")
    long = long.drop_duplicates(["observed_at", "type", "site"])
    wide = long.pivot(index=["site", "observed_at"], columns="type", values="value")  # noqa: PD010 - no mean
    wide = wide.reset_index().rename(columns=ITEMS)
    wide.columns = wide.columns.astype(object)
    wide.columns.name = None
    return wide


@pytest.fixture(scope="module")
def rates(release) -> dict[str, dict[str, object]]:
    of_station = cities(ROOT)
    of_station.index = of_station.index.str.removesuffix("A")
    found = measure(release, REGISTRY, of_station)
    for name, record in found.items():
        print(f"{name}: {record['agree']} of {record['rows']} = {record['rate']:.4%}")
    return found


@pytest.mark.parametrize(
    ("name", "least", "rows"),
    [
        ("air_hourly_aqi", 0.9998, 200_000),
        ("air_hourly_aqi_complete_with_defects", 0.9998, 200_000),
        ("air_hourly_aqi_complete", 0.9999, 200_000),
        ("air_24h_means", 0.999, 300_000),
        ("air_o3_8h", 0.999, 100_000),
        ("air_mda8", 0.999, 3_000),
    ],
)
def test_figures_of_the_release(rates, name, least, rows):
    assert rates[name]["rows"] >= rows
    assert rates[name]["rate"] >= least


def test_one_day_of_one_city_is_left_out_of_the_aqi(rates):
    left_out = (
        rates["air_hourly_aqi_complete_with_defects"]["rows"] - rates["air_hourly_aqi_complete"]["rows"]
    )
    # Beijing, 2019-10-01: twelve stations
    assert 0 < left_out <= 12 * 24


def test_a_calm_day_of_the_whole_country_needs_nothing_left_out(release):
    calm = release[release["observed_at"].dt.floor("D").isin(pd.to_datetime(["2019-01-01", "2019-01-02"]))]
    found = mean_rates(means_24h(calm))
    assert found["air_24h_means_with_defects"]["rows"] > 50_000
    assert found["air_24h_means_with_defects"]["rate"] >= 0.9999


def test_aqi_and_primary_pollutant_of_the_national_feed():
    rows = [
        feature["properties"]
        for path in sorted(folder("air_cnemc_feed").glob("*.json"))
        for feature in json.loads(path.read_text("utf-8"))["features"]
    ]
    found = feed_rates(rows, REGISTRY)
    for name, record in found.items():
        print(f"{name}: {record['agree']} of {record['rows']} = {record['rate']:.4%}")
        assert record["rows"] > 900
        assert record["agree"] == record["rows"]
