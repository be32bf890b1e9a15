"""A district made for real exports: every station and section of the tables beside them, one source a layout.

Written into a temporary folder with the schema of districts/. Nothing about particular files stands here:
folders and patterns are in realdata.toml, sites come from the tables.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from vocabulary.parameters import normalise_name

KEY = "realdata"
#: wide enough for every export there is
FIRST, LAST = datetime(2000, 1, 1), datetime(2100, 1, 1)
FACTS = Path(__file__).with_name("realdata.toml")

_SITE_COLUMNS = [
    "key",
    "name",
    "aliases",
    "kind",
    "medium",
    "level",
    "river",
    "basin",
    "waterbody",
    "target_class",
    "enterprise",
    "evaluation",
    "lon",
    "lat",
    "valid_from",
    "valid_to",
    "example",
    "note",
]

_DISTRICT = """key = "realdata"
name_zh = "真实导出文件"
name_en = "real exports"
timezone = "Asia/Shanghai"
ledger_start = 2014-01-01
"""

_PLAN = """id = "REALDATA"
district = "realdata"
title_zh = "仅供核对，不是规划"
title_en = "for checks only, no plan"
first_year = 2021
last_year = 2025
baseline_year = 2020
document = "—"
dated = 2021-01-01
sure = "C"

[judging]
at_risk_margin = 0.05
clause = "—"
sure = "C"

[[indicator]]
number = 1
key = "pm2_5"
name_zh = "细颗粒物(PM2.5)浓度"
name_en = "PM2.5 concentration"
unit = "µg/m³"
decimals = 0
group_zh = "环境治理"
group_en = "environmental governance"
kind = "binding"
better = "lower"
basis_changed = false
feeder = { statistic = "pm2_5_mean", source_zh = "环境空气监测", source_en = "air monitoring" }
[[indicator.target]]
year = 2025
state = "pending"
text = "—"
document = "—"
reference = ""
dated = 2021-01-01
"""

_ALERTS = """version = "2026-11-21"
horizon_days = 7

[[rule]]
id = "section-worse-than-v"
kind = "section-class"
title_zh = "断面劣Ⅴ"
title_en = "section worse than class V"
medium = "surface_water"
basis = "sample"
level = "red"
raise_class = 6
clear_class = 5
raise_after = 2
raise_multiple = 2.0
clear_after = 2
version = "1"
valid_from = 2002-06-01
clause = "GB 3838-2002 表1"
sure = "V2"

[[channel]]
key = "file"
kind = "file"
language = "zh"

[[route]]
rule = "section-worse-than-v"
channels = ["file"]
"""

_SOURCE = """[[source]]
key = "{source}"
title_zh = "{source}"
title_en = "{source}"
location = "{location}"
pattern = "{pattern}"
late_days = 366
"""


@dataclass(frozen=True)
class Layout:
    """One layout of realdata.toml and where its exports lie."""

    source: str
    folder: Path
    pattern: str
    form: str
    labels: int
    refused: str = ""

    def files(self) -> list[Path]:
        """Every export, sorted; empty where the folder is absent."""
        return sorted(path for path in self.folder.glob(self.pattern) if path.is_file())


def facts() -> dict[str, Any]:
    """What realdata.toml says."""
    return tomllib.loads(FACTS.read_text("utf-8"))


def layouts(data: Path) -> list[Layout]:
    """The layouts of which there are exports below `data`."""
    known = [
        Layout(
            row["source"],
            data / row["folder"],
            row["pattern"],
            row["form"],
            row["labels"],
            row.get("refused", ""),
        )
        for row in facts()["layout"]
    ]
    return [layout for layout in known if layout.files()]


def make_district(data: Path, districts: Path) -> pd.DataFrame:
    """Write the district's folder below `districts` and return its sites."""
    folder = districts / KEY
    folder.mkdir(parents=True)
    sites = pd.concat([stations(data), sections(data)], ignore_index=True)
    sites.to_csv(folder / "sites.csv", index=False, quoting=csv.QUOTE_MINIMAL)
    found = [
        _SOURCE.format(source=item.source, location=item.folder.resolve().as_posix(), pattern=item.pattern)
        for item in layouts(data)
    ]
    texts = {
        "district.toml": _DISTRICT,
        "plan.toml": _PLAN,
        "alerts.toml": _ALERTS,
        "sources.toml": "\n".join(found),
        "permit_limits.csv": "site,parameter,basis,limit,limit_lower,unit,o2_ref,valid_from,valid_to,clause,document\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return sites


def _sites(given: pd.DataFrame) -> pd.DataFrame:
    """Fill the columns of sites.csv; of names that fold to the same the first site stays."""
    filled = given.assign(example="no", evaluation="yes", valid_from="2010-01-01")
    filled = filled.reindex(columns=_SITE_COLUMNS, fill_value="")
    folded = filled["aliases"].map(normalise_name)
    return filled[~folded.duplicated()].reset_index(drop=True)


def stations(data: Path) -> pd.DataFrame:
    """Stations by code; some exports leave out a code's letter. `note` keeps the city."""
    parts = [
        pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
        for path in sorted(data.glob(facts()["registry"]["stations"]))
    ]
    if not parts:
        return pd.DataFrame(columns=_SITE_COLUMNS)
    table = pd.concat(parts, ignore_index=True).iloc[:, :5]
    table.columns = ["key", "name", "note", "lon", "lat"]
    table = table.drop_duplicates("key", keep="last")
    # a station without a place has a dash
    table[["lon", "lat"]] = table[["lon", "lat"]].replace("-", "")
    return _sites(table.assign(aliases=table["key"].str[:-1], kind="station", medium="air", level="国控"))


def cities(data: Path) -> pd.Series:
    """City by station; a station without a city in the table is not in it."""
    table = stations(data)
    return table[~table["note"].isin(["", "-"])].set_index("key")["note"]


def sections(data: Path) -> pd.DataFrame:
    """Sections by province and name; `lake` says whose limits for total phosphorus hold."""
    path = data / facts()["registry"]["sections"]
    if not path.is_file():
        return pd.DataFrame(columns=_SITE_COLUMNS)
    table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    given = pd.DataFrame(
        {
            "key": [f"W{number:05d}" for number in range(1, len(table) + 1)],
            "name": table["断面名称"],
            "aliases": table["省份"] + "/" + table["断面名称"],
            "kind": "section",
            "medium": "surface_water",
            "level": "国控",
            "waterbody": table["lake"].map({"True": "lake", "False": "river"}),
        }
    )
    return _sites(given)
