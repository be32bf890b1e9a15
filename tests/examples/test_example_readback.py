"""What is planted comes out of the project's own rooms again: readers, judge, rules."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from indicators.emission_hours import judge_outlet_hours
from indicators.registry import default_registry
from indicators.water_class import classify_samples
from quality.judge import judge
from sources.catalogue import read_delivery
from sources.delivery import Delivery
from sources.sites import register
from vocabulary.district import District, load_districts

ROOT = Path(__file__).resolve().parents[2]
DISTRICTS = load_districts(ROOT / "districts")


def _read(district: District, source: str, path: Path):
    content = path.read_bytes()
    delivery = Delivery(
        district=district.key,
        source=source,
        name="/".join(path.parts[-6:]),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        modified_at=datetime(2026, 4, 1),
    )
    return read_delivery(content, delivery)


def _file(district: District, item: dict) -> Path:
    source = district.source(item["source"])
    return source.folder(ROOT) / item["file"]


@pytest.mark.parametrize("code", ["not-a-number", "line-truncated", "column-repeated"])
def test_readers_reject_the_planted_cells_with_their_code(planted, code):
    items = [item for item in planted if item["expect"] == code]
    assert items
    for item in items:
        district = DISTRICTS[item["district"]]
        rejects = register(_read(district, item["source"], _file(district, item)).rejects, district.sites)
        assert set(rejects["code"]) == {code}
        assert set(rejects["site"]) == {item["site"]}
        assert int(rejects["cells"].sum()) == item["facts"].get("cells", 1)
        assert pd.Timestamp(item["since"]) in rejects["observed_at"].tolist()
        if "raw" in item["facts"]:
            assert rejects["raw"].tolist() == [item["facts"]["raw"]]


@pytest.mark.parametrize("code", ["negative", "sentinel"])
def test_the_judge_quarantines_the_planted_values_with_their_code(planted, code):
    (item,) = [item for item in planted if item["expect"] == code]
    district = DISTRICTS[item["district"]]
    readings = _read(district, item["source"], _file(district, item)).readings
    judged = judge(readings.assign(delivery=0), source=item["source"], deliveries=[item["file"]])
    assert judged.refused == {}
    assert judged.quarantined["code"].tolist() == [code]
    assert judged.quarantined["raw"].tolist() == [item["facts"]["raw"]]
    assert judged.quarantined["observed_at"].tolist() == [pd.Timestamp(item["since"])]


def test_the_correction_is_issued_after_the_day_it_corrects(planted):
    (item,) = [item for item in planted if item["kind"] == "correction"]
    district = DISTRICTS[item["district"]]
    corrected = _read(district, item["source"], _file(district, item))
    first = _read(district, item["source"], _file(district, item).with_name("china_sites_20250310.csv"))
    assert first.issued_at < corrected.issued_at
    assert corrected.issued_at.date() >= datetime(2025, 4, 1).date()


@pytest.mark.parametrize("key", ["chiping", "gaoxin"])
def test_march_2026_is_classified_as_published_and_worse_than_v_where_planted(planted, key):
    district = DISTRICTS[key]
    source = district.source("water-cnemc-api")
    frames = [
        _read(district, source.key, path).readings
        for path in sorted(source.folder(ROOT).glob(source.pattern))
    ]
    readings = register(pd.concat(frames), district.sites)
    readings = readings[readings["provider_flag"] == "正常"].drop_duplicates(
        ["site", "parameter", "observed_at"]
    )
    sections = district.sites[district.sites["kind"] == "section"].rename(columns={"key": "site"})
    published = readings[readings["parameter"] == "water_class"]
    found = classify_samples(
        readings[readings["parameter"] != "water_class"],
        sections[["site", "waterbody", "target_class"]],
        registry=default_registry(),
    )
    both = found.merge(published[["site", "observed_at", "value"]], on=["site", "observed_at"])
    assert len(both) == len(found)
    assert (both["class"] == both["value"]).all()
    worse = found[found["class"] == 6]
    expected = {
        (item["site"], time)
        for item in planted
        if item["kind"] in {"episode", "single"} and item["district"] == key and item["since"] >= "2026"
        for time in pd.date_range(item["since"], item["until"], freq="4h").tolist()
    }
    assert set(zip(worse["site"], worse["observed_at"].tolist(), strict=True)) == expected


def test_outlet_hours_are_judged_as_planted(planted):
    district = DISTRICTS["chiping"]
    source = district.source("outlet-hourly")
    paths = sorted(source.folder(ROOT).rglob("*_2026-03.csv"))
    hours = register(
        pd.concat([_read(district, source.key, path).readings for path in paths]), district.sites
    )
    judged = judge_outlet_hours(hours, district.permit_limits, registry=default_registry())
    for verdict in ("exceed_hour", "warn_hour"):
        expected = [
            (item["site"], item["facts"]["parameter"], time)
            for item in planted
            if item["expect"] == verdict
            for time in pd.date_range(item["since"], item["until"], freq="h").tolist()
        ]
        rows = judged[judged["verdict"] == verdict].sort_values("observed_at")
        found = list(zip(rows["site"], rows["parameter"], rows["observed_at"].tolist(), strict=True))
        assert found == sorted(expected, key=lambda row: row[2])
    (flagged,) = [item for item in planted if item["kind"] == "exceedance-flagged"]
    row = judged[
        (judged["site"] == flagged["site"])
        & (judged["parameter"] == "flue_nox_norm")
        & (judged["observed_at"] == pd.Timestamp(flagged["since"]))
    ]
    assert row["verdict"].tolist() == ["excluded"]
    assert (row["value"] > row["limit"]).all()
