"""Real exports of the air layouts: every cell counted, the balance exact, the known quirks as known."""

import csv
import json
import os
from pathlib import Path

import pandas as pd
import pytest
from made_deliveries import codes, delivery, one

from indicators.air_aqi import hourly_aqi
from indicators.registry import load_standards
from quality.judge import judge
from sources.catalogue import read_delivery, recognised
from sources.result import ReadResult

pytestmark = pytest.mark.realdata

ROOT = Path(os.environ.get("ECOPLAN_REALDATA") or Path(__file__).parents[2] / ".." / "shared" / "data")


def real(path: str) -> Path:
    place = ROOT / path
    if not place.is_file():
        pytest.skip(f"no real export at {place}: set ECOPLAN_REALDATA")
    return place


def read(source: str, path: Path) -> ReadResult:
    content = path.read_bytes()
    assert next(iter(recognised(content, path.name))) == source
    result = read_delivery(content, delivery(source, path.name, content))
    loaded, rejected = len(result.readings), int(result.rejects["cells"].sum())
    print(
        f"\n{source} {path.name}: cells in {result.cells_in}, loaded {loaded}, blank {result.blank}, "
        f"rejected {rejected} {codes(result)}"
    )
    assert result.cells_in == loaded + rejected + result.blank
    return result


def test_the_national_feed():
    path = real("air_cnemc_feed/airnow_2018-02-20T07.json")
    stations = [item["properties"] for item in json.loads(path.read_bytes())["features"]]
    numbers = [
        key
        for key in stations[0]
        if key == "aqi" or key.split("_")[0] in {"co", "no2", "o3", "pm10", "pm2", "so2"}
    ]
    result = read("air-cnemc-feed", path)
    assert result.cells_in == len(stations) * len(numbers) == 1495 * 15
    assert result.blank == sum(item[key] == "-;" for item in stations for key in numbers)
    assert codes(result) == {}
    assert result.problems == []
    assert set(result.readings["observed_at"]) == {pd.Timestamp("2018-02-20 06:00")}
    # 1001A: the hour stands under o3_24h, its day's highest under o3
    ozone = result.readings[
        (result.readings["site"] == "1001A") & result.readings["parameter"].str.startswith("o3")
    ]
    assert ozone.set_index(["parameter", "period"])["value"].to_dict() == {
        ("o3", "1h"): 62,
        ("o3", "24h"): 84,
        ("o3", "8h"): 37,
        ("o3_8h", "24h"): 37,
    }
    wide = result.readings.pivot_table(index="site", columns=["parameter", "period"], values="value")
    both = wide[[("o3", "1h"), ("o3", "24h")]].dropna()
    assert len(both) == 1476
    assert (both[("o3", "1h")] <= both[("o3", "24h")]).all()
    sliding = wide[[("o3", "8h"), ("o3_8h", "24h")]].dropna()
    assert (sliding[("o3", "8h")] <= sliding[("o3_8h", "24h")]).all()
    assert judge(result.readings, source="air-cnemc-feed").refused == {}


def test_the_feed_as_read_gives_the_aqi_it_published():
    """HJ 633-2012 on the hour's six items: with ozone left under its delivered name, many would differ."""
    result = read("air-cnemc-feed", real("air_cnemc_feed/airnow_2018-02-20T07.json"))
    hour = result.readings[result.readings["period"] == "1h"]
    wide = hour.pivot_table(index=["site", "observed_at"], columns="parameter", values="value").reset_index()
    ours = hourly_aqi(wide.drop(columns="aqi"), registry=load_standards(), inputs="feed")
    both = wide[["site", "aqi"]].merge(ours[["site", "aqi"]], on="site", suffixes=("_published", ""))
    shown = both[both["aqi_published"] > 0]
    assert len(shown) > 1400
    assert (shown["aqi_published"] == shown["aqi"]).all()


def test_the_crawl_of_liaocheng():
    path = real("air_pm25in/聊城.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    items = ["AQI", "PM2.5", "PM10", "CO", "NO2", "O3_1h", "O3_8h", "SO2"]
    result = read("air-pm25in", path)
    assert result.cells_in == len(rows) * len(items) == 686 * 8
    assert result.blank == sum(row[item] == "NaN" for row in rows for item in items)
    assert codes(result) == {}
    # 党校 and both spellings of 二轻机 are closed: their lines hold no value
    assert set(result.readings["site"]) == {"区政府", "聊大东校", "监控中心", "监控中心(20190222启用)"}
    frozen = result.readings[result.readings["site"] == "监控中心(20190222启用)"]
    assert set(frozen.loc[frozen["parameter"] == "pm2_5", "value"]) == {311}
    # 20:00 of 2020-04-02 was crawled twice: both statements are kept for the warehouse to settle
    key = ["site", "parameter", "period", "observed_at"]
    again = result.readings[result.readings.duplicated(key)]
    assert pd.Timestamp("2020-04-02 19:00") in set(again["observed_at"])
    assert judge(result.readings, source="air-pm25in").refused == {}


def test_the_daily_file_whose_columns_lie_is_refused_whole():
    path = real("mislabelled/济南.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    result = read("air-city-daily", path)
    assert result.cells_in == len(result.readings) == (len(rows) - 1) * 7
    judgement = judge(result.readings, source="air-city-daily", deliveries=[path.name])
    refusal = judgement.refused[0]
    print(refusal.zh, "/", refusal.en)
    assert refusal.code == "columns-lie"
    assert judgement.accepted.empty
    assert one(judgement.refused_cells(), code="columns-lie")["cells"] == result.cells_in


@pytest.mark.parametrize("folder", ["national", "shandong_2019"])
def test_hourly_files_of_stations_are_known_as_such(folder):
    place = ROOT / "air_quotsoft" / folder
    if not place.is_dir():
        pytest.skip(f"no real exports at {place}: set ECOPLAN_REALDATA")
    paths = sorted(place.glob("*.csv"))
    assert all(next(iter(recognised(path.read_bytes(), path.name))) == "air-quotsoft" for path in paths[:10])
