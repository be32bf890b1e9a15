"""Flags on real exports: what is stuck is found, what is natural is left alone.

Reads real exports outside the project ($ECOPLAN_REALDATA, default ../shared/data beside the repository).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from quality.flags import Verdict, flag
from sources.catalogue import read_delivery
from sources.delivery import Delivery
from vocabulary.reading import KEY

pytestmark = pytest.mark.realdata

ROOT = Path(os.environ.get("ECOPLAN_REALDATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
NOTED = (int(Verdict.SUSPECT), int(Verdict.BAD))
ITEMS = {"PM2.5": "pm2_5", "PM10": "pm10", "SO2": "so2", "NO2": "no2", "O3": "o3", "CO": "co"}


def real(name):
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"{name} is not under ECOPLAN_REALDATA ({ROOT.name})")
    return path


def readings(source, path):
    content = path.read_bytes()
    stamp = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
    sha = hashlib.sha256(content).hexdigest()
    return read_delivery(
        content, Delivery("liaocheng", source, path.relative_to(ROOT).as_posix(), sha, len(content), stamp)
    ).readings


def water():
    files = sorted(real("water_cnemc/api").glob("*.json"))
    frame = pd.concat([readings("water-cnemc-api", path) for path in files], ignore_index=True)
    return frame.drop_duplicates([*KEY, "value"])


def longest_runs(frame):
    """Return the hours of the longest run of equal values an item, holes of 12 hours ending it."""
    known = frame.dropna(subset=["value"]).sort_values(["parameter", "site", "observed_at"])
    before = known.groupby(["parameter", "site"])
    same = (known["value"] == before["value"].shift()) & (
        known["observed_at"] - before["observed_at"].shift() <= pd.Timedelta(hours=12)
    )
    run = known.groupby((~same).cumsum()).agg(
        parameter=("parameter", "first"), first=("observed_at", "first"), last=("observed_at", "last")
    )
    return (run["last"] - run["first"]).groupby(run["parameter"]).max() / pd.Timedelta(hours=1)


def test_the_frozen_station_is_bad():
    frame = readings("air-pm25in", real("air_pm25in/聊城.csv"))
    found = flag(frame)["flat_line"]
    frozen = (
        (frame["parameter"] == "pm2_5") & (frame["value"] == 311) & frame["site"].str.contains("20190222启用")
    )
    print(
        f"\nfrozen PM2.5 311: {int(frozen.sum())} hours, flat_line {found[frozen].value_counts().to_dict()}"
    )
    assert int(frozen.sum()) == 98
    assert (found[frozen] == Verdict.BAD).all()
    living = frame["site"].str.contains("聊大|党校|区政府|二轻") & (frame["parameter"] == "pm2_5")
    assert living.any()
    assert not found[living].isin(NOTED).any()


def test_natural_runs_of_a_year_are_not_flagged():
    wide = pd.read_csv(real("air_quotsoft/liaocheng_2019_long.csv"), parse_dates=["t"])
    frame = wide.melt(["station", "t"], list(ITEMS), var_name="item", value_name="value")
    frame = frame.assign(
        district="liaocheng",
        site=frame["station"],
        parameter=frame["item"].map(ITEMS),
        period="1h",
        channel="automatic",
        observed_at=frame["t"] - pd.Timedelta(hours=1),
    )
    found = flag(frame)
    runs = longest_runs(frame)
    noted = found["flat_line"].isin(NOTED)
    print(f"\nlongest runs, hours: {runs.round().to_dict()}")
    print({test: int(found[test].isin(NOTED).sum()) for test in found})
    assert runs["so2"] >= 30
    assert runs["co"] >= 20
    assert not (noted & frame["parameter"].isin(["so2", "co"])).any()
    # of a year and 130,000 readings few are noted at all
    assert found["overall"].isin(NOTED).mean() < 0.005


@pytest.mark.parametrize("folder", ["api", "sections"])
def test_ammonia_at_half_its_detection_limit_is_not_stuck(folder):
    # api: unrounded values once a day; sections: shown values every four hours
    files = sorted(path for path in real(f"water_cnemc/{folder}").rglob("*") if path.is_file())
    source = {"api": "water-cnemc-api", "sections": "water-cnemc-section"}[folder]
    frame = pd.concat([readings(source, path) for path in files], ignore_index=True)
    frame = frame.drop_duplicates([*KEY, "value"])
    found = flag(frame)["flat_line"]
    ammonia = frame["parameter"] == "nh3_n"
    half = ammonia & (frame["value"] == 0.025)
    hours = longest_runs(frame[half])["nh3_n"]
    print(f"\nNH3-N at 0.025: {half.sum()} of {ammonia.sum()}, the longest run {hours} h")
    print(f"flat_line of NH3-N: {found[ammonia].value_counts().to_dict()}")
    assert half.sum() > 0
    assert not found[half].isin(NOTED).any()
    if folder == "sections":
        assert hours >= 96  # what would be bad if it were not for the detection limit


def filtered_cells(path):
    """Return section, time and heading of the cells that the publisher's outlier filter emptied."""
    body = json.loads(path.read_bytes())

    def bare(text):
        return re.sub(r"<[^>]*>", "", str(text)).strip()

    heads = [bare(name) for name in body["thead"]]
    return [
        {"name": bare(row[2]), "time": row[3], "item": heads[n], "shown": bare(cell), "day": path.stem}
        for row in body["tbody"]
        for n, cell in enumerate(row)
        if isinstance(cell, str) and "极值过滤" in cell
    ]


def test_the_filter_of_the_release_beside_our_spikes():
    files = sorted(real("water_cnemc/api").glob("*.json"))
    cells = pd.DataFrame([cell for path in files for cell in filtered_cells(path)])
    frame = water()
    found = flag(frame)
    spikes = frame[found["spike"].isin(NOTED)]
    items = {"氨氮": "nh3_n", "总磷": "tp", "总氮": "tn", "高锰酸盐指数": "cod_mn", "电导率": "conductivity"}
    items |= {"浊度": "turbidity", "溶解氧": "do", "pH": "ph", "水温": "water_temp"}
    cells["parameter"] = cells["item"].str.replace(r"\(.*\)", "", regex=True).map(items)
    cells["day"] = pd.to_datetime(cells["day"])
    plain = frame.assign(name=frame["site"].str.split("/").str[-1], day=frame["observed_at"].dt.normalize())
    valued = cells.merge(plain, on=["name", "parameter", "day"])
    near = spikes.assign(name=spikes["site"].str.split("/").str[-1]).merge(cells, on=["name", "parameter"])
    near = near[(near["observed_at"].dt.normalize() - near["day"]).abs() <= pd.Timedelta(days=1)]
    print(f"\nfiltered cells: {len(cells)}, all shown as {sorted(set(cells['shown']))}")
    print(f"with a value of ours: {len(valued)}; our spikes: {len(spikes)} of {len(frame)} readings")
    print(f"spikes within a day of a filtered cell of the item: {len(near.drop_duplicates(list(KEY)))}")
    assert cells["parameter"].notna().all()
    # the filter leaves no value: there is nothing both could judge
    assert set(cells["shown"]) == {"--"}
    assert len(valued) == 0
    assert 0 < len(spikes) < 0.01 * len(frame)
