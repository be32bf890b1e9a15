"""The class that the national release publishes, from its own values (real exports, outside the project)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from indicators.registry import default_registry
from indicators.water_class import classify_samples
from vocabulary.water_class import parse_classes

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ECOPLAN_REALDATA") or ROOT / "../shared/data") / "water_cnemc"
#: column of the release -> parameter
PARAMETERS = {6: "ph", 7: "do", 10: "cod_mn", 11: "nh3_n", 12: "tp"}
RAW = re.compile(r"原始值：([^']+)'")


@pytest.fixture(autouse=True)
def _present() -> None:
    if not DATA.is_dir():
        pytest.skip(f"real exports are not here: {DATA} (set ECOPLAN_REALDATA)")


def sections(sites: pd.Series) -> pd.DataFrame:
    """Lake limits for the sections that the table calls lakes, river limits for all others (the release's way)."""
    table = pd.read_csv(DATA / "section_waterbody.csv", dtype=str)
    lakes = set((table["省份"] + "/" + table["断面名称"])[table["lake"] == "True"])
    found = pd.DataFrame({"site": sites.drop_duplicates().to_numpy()})
    found["waterbody"] = np.where(found["site"].isin(lakes), "lake", "river")
    return found.assign(target_class=pd.array([None] * len(found), dtype="Int64"))


def long(wide: pd.DataFrame) -> pd.DataFrame:
    """One row a value; a row of the release is a sampling of its own (its position is its minute)."""
    parts = [
        pd.DataFrame({"site": wide["site"], "at": wide["at"], "parameter": name, "value": wide[name]})
        for name in PARAMETERS.values()
    ]
    rows = pd.concat(parts, ignore_index=True).dropna(subset=["value"])
    rows["observed_at"] = pd.Timestamp("2021-01-01") + pd.to_timedelta(rows["at"], unit="min")
    return rows.assign(censor="", detection_limit=np.nan)


def classified(wide: pd.DataFrame) -> pd.Series:
    """Our class of every row, NA where nothing could be judged."""
    result = classify_samples(long(wide), sections(wide["site"]), registry=default_registry())
    minutes = (result["observed_at"] - pd.Timestamp("2021-01-01")) // pd.Timedelta(minutes=1)
    return pd.Series(result["class"].array, index=minutes).reindex(wide["at"])


def number(texts: pd.Series) -> pd.Series:
    return pd.to_numeric(texts.where(texts.str.fullmatch(r"-?\d+(\.\d+)?", na=False)), errors="raise")


def api_rows() -> pd.DataFrame:
    frames = []
    for path in sorted((DATA / "api").glob("*.json")):
        body = json.loads(path.read_text("utf-8-sig"))["tbody"]
        frames.append(pd.DataFrame(body).astype("str"))
    table = pd.concat(frames, ignore_index=True)
    name = table[2].str.replace(r"<[^>]*>", "", regex=True)
    wide = pd.DataFrame({"site": table[0] + "/" + name, "published": parse_classes(table[4])})
    for column, key in PARAMETERS.items():
        raw = table[column].str.extract(RAW, expand=False)
        wide[key] = number(raw.fillna(table[column].str.replace(r"<[^>]*>", "", regex=True)))
    return wide.assign(at=np.arange(len(wide)))


def compare(wide: pd.DataFrame, what: str) -> pd.DataFrame:
    """Rows with a published class and one of ours."""
    wide = wide.assign(ours=classified(wide).array).dropna(subset=["ours", "published"])
    wide = wide.assign(agree=wide["ours"] == wide["published"])
    rate = 100 * wide["agree"].mean()
    print(f"\nsection class, {what}: {int(wide['agree'].sum())} of {len(wide)} rows agree, {rate:.3f} %")
    assert len(wide) > 1000
    return wide


def test_class_of_api_files() -> None:
    wide = compare(api_rows(), "API files")
    assert wide["agree"].mean() >= 0.9997


def test_class_of_csv_files_and_the_stale_class_defect() -> None:
    frames = [
        pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        for path in sorted((DATA / "sections").rglob("*.csv"))
    ]
    table = pd.concat(frames, ignore_index=True)
    wide = pd.DataFrame({"site": table["省份"] + "/" + table["断面名称"], "at": np.arange(len(table))})
    wide["published"] = parse_classes(table["水质类别"])
    for column, key in PARAMETERS.items():
        wide[key] = number(table.iloc[:, column])
    wide = compare(wide, "CSV files")
    before = wide.groupby("site")["ours"].shift(1)
    stale = ~wide["agree"] & (before == wide["published"]).fillna(value=False)
    print(
        f"of the {int((~wide['agree']).sum())} others {int(stale.sum())} carry the class of the reading before"
    )
    assert wide["agree"].mean() >= 0.987
    # the release's own defect: most of what is left
    assert stale.sum() > (~wide["agree"]).sum() / 2
