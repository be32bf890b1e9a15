"""Counties for a growth measurement: copies of an example district's configuration, with generated exports.

A county (区县) has three air stations, ten sections and six outlets, about 3,000 cells a day, in the layouts of the
example: a file of air a day, a CSV a section and month, answers of the water release for a day that is not in them yet,
a CSV an outlet and month. Sites, codes and values are the county's own; plan, alert rules and permits are the example's.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "chiping"
#: what starts the keys of the example's sites
_PREFIX = "CP-"
STATIONS, SECTIONS, GAS, WASTEWATER = 3, 10, 4, 2
#: parameters of the layouts with a usual value, and the decimals they are written with
AIR = {
    "AQI": (68, 0),
    "PM2.5": (38, 0),
    "PM2.5_24h": (38, 0),
    "PM10": (70, 0),
    "PM10_24h": (70, 0),
    "SO2": (9, 0),
    "SO2_24h": (9, 0),
    "NO2": (28, 0),
    "NO2_24h": (28, 0),
    "O3": (90, 0),
    "O3_24h": (140, 0),
    "O3_8h": (85, 0),
    "O3_8h_24h": (120, 0),
    "CO": (0.7, 1),
    "CO_24h": (0.7, 1),
}
WATER = {
    "水温(℃)": (15.0, 1),
    "pH(无量纲)": (7.9, 2),
    "溶解氧(mg/L)": (8.5, 2),
    "电导率(μS/cm)": (1200.0, 1),
    "浊度(NTU)": (20.0, 1),
    "高锰酸盐指数(mg/L)": (5.0, 2),
    "氨氮(mg/L)": (0.5, 3),
    "总磷(mg/L)": (0.12, 3),
    "总氮(mg/L)": (3.0, 2),
}
FLUE_GAS = {
    "颗粒物浓度(mg/m3)": (2.7, 2),
    "颗粒物折算浓度(mg/m3)": (3.0, 2),
    "二氧化硫浓度(mg/m3)": (14.0, 2),
    "二氧化硫折算浓度(mg/m3)": (16.0, 2),
    "氮氧化物浓度(mg/m3)": (30.0, 2),
    "氮氧化物折算浓度(mg/m3)": (34.0, 2),
    "标干流量(m3/h)": (400000.0, 0),
    "含氧量(%)": (7.4, 1),
    "烟温(℃)": (52.0, 1),
    "湿度(%)": (9.4, 1),
}
EFFLUENT = {
    "COD浓度(mg/L)": (22.0, 1),
    "氨氮浓度(mg/L)": (0.8, 3),
    "总磷浓度(mg/L)": (0.2, 3),
    "总氮浓度(mg/L)": (9.0, 2),
    "pH(无量纲)": (7.3, 2),
    "流量(m3)": (1600.0, 1),
}
_PROVINCE, _BASIN = "山东省", "海河流域"
#: a section's hours of sampling in a day
_WATER_HOURS = range(0, 24, 4)

Texts = np.ndarray[Any, np.dtype[np.str_]]


def county_key(number: int) -> str:
    """Return the key of a county, by its number."""
    return f"county{number:04d}"


def make_county(number: int, districts: Path) -> None:
    """Write the configuration of one county below `districts`; the folders of its sources are there and empty."""
    source, folder = ROOT / "districts" / EXAMPLE, districts / county_key(number)
    shutil.copytree(source, folder)
    for path in sorted(folder.glob("*")):
        text = path.read_text("utf-8").replace(_PREFIX, f"{_of(number)}-")
        path.write_text(re.sub(rf"\b{EXAMPLE}\b", county_key(number), text), "utf-8")
    sites = pd.read_csv(folder / "sites.csv", dtype="str", keep_default_na=False)
    points = sites[sites["kind"] == "point"]
    made = [_like(sites, "station", "air", k, f"{_code(number, k)}") for k in range(STATIONS)]
    made += [
        _like(sites, "section", "surface_water", k, f"{_PROVINCE}/{_section(number, k)}")
        for k in range(SECTIONS)
    ]
    made += [_like(sites, "outlet", "flue_gas", k, _outlet(number, "DA", k)) for k in range(GAS)]
    made += [_like(sites, "outlet", "wastewater", k, _outlet(number, "DW", k)) for k in range(WASTEWATER)]
    pd.concat([pd.DataFrame(made), points]).to_csv(folder / "sites.csv", index=False)
    limits = pd.read_csv(folder / "permit_limits.csv", dtype="str", keep_default_na=False)
    parts = [limits]
    for letter, count in (("G", GAS), ("W", WASTEWATER)):
        first = limits[limits["site"] == f"{_of(number)}-{letter}1"]
        missing = [f"{_of(number)}-{letter}{k}" for k in range(1, count + 1)]
        parts += [first.assign(site=site) for site in missing if site not in set(limits["site"])]
    pd.concat(parts).to_csv(folder / "permit_limits.csv", index=False)
    for item in tomllib.loads((folder / "sources.toml").read_text("utf-8"))["source"]:
        (districts.parent / item["location"]).mkdir(parents=True, exist_ok=True)


def write_exports(number: int, exports: Path, first: date, days: int, *, whole_months: bool) -> int:
    """Write a county's exports of `days` days below `exports`; return how many files.

    With `whole_months` sections come as CSVs of a month, otherwise as answers of the release, as on the day itself.
    """
    rng = np.random.default_rng((number, first.toordinal()))
    folder = exports / county_key(number)
    written = _write_air(rng, number, folder / "air", first, days)
    written += (_write_sections if whole_months else _write_answers)(
        rng, number, folder / "water", first, days
    )
    for kind, count, items, title in (
        ("DA", GAS, FLUE_GAS, ""),
        ("DW", WASTEWATER, EFFLUENT, "示例污水处理厂总排口小时数据\n"),
    ):
        for place in range(count):
            written += _write_outlet(rng, _outlet(number, kind, place), items, title, folder, first, days)
    return written


def _of(number: int) -> str:
    return f"N{number:04d}"


def _code(number: int, place: int) -> str:
    return f"{1000 + number * STATIONS + place}A"


def _section(number: int, place: int) -> str:
    return f"{number}号县{place + 1}号断面"


def _outlet(number: int, kind: str, place: int) -> str:
    return f"{_of(number)}{kind}{place + 1:03d}"


def _like(sites: pd.DataFrame, kind: str, medium: str, place: int, aliases: str) -> dict[str, str]:
    """Return a site like the example's at that place of its kind; beyond the last it is like the first."""
    known = sites[(sites["kind"] == kind) & (sites["medium"] == medium)]
    one: dict[str, str] = known.iloc[place if place < len(known) else 0].to_dict()
    key = re.sub(r"\d+$", str(place + 1), one["key"])
    return one | {"key": key, "name": f"{key} 示例", "aliases": aliases}


def _values(rng: np.random.Generator, items: dict[str, tuple[float, int]], rows: int) -> Texts:
    """Return texts, one row a time and one column an item, walking slowly around the usual value."""
    steps = rng.normal(0.0, 0.02, (rows, len(items))).cumsum(axis=0)
    # a walk that is pulled back: its sum is bent into a band of a quarter around the usual value
    bent = 1.0 + 0.25 * np.tanh(steps) + rng.normal(0.0, 0.01, steps.shape)
    texts = []
    for place, (usual, decimals) in enumerate(items.values()):
        # pH must not leave its scale
        spread = 1.0 + (bent[:, place] - 1.0) * (0.1 if 7.0 <= usual < 8.0 else 1.0)
        texts.append(np.char.mod(f"%.{decimals}f", usual * spread))
    return np.column_stack(texts)


def _lines(parts: Texts) -> str:
    return "\n".join(",".join(row) for row in parts.tolist()) + "\n"


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return 1


def _write_air(rng: np.random.Generator, number: int, folder: Path, first: date, days: int) -> int:
    codes = [_code(number, place) for place in range(STATIONS)]
    columns = [_values(rng, AIR, days * 24).reshape(-1) for _ in codes]
    per_day = 24 * len(AIR)
    for offset in range(days):
        day = f"{first + timedelta(days=offset):%Y%m%d}"
        part = slice(offset * per_day, (offset + 1) * per_day)
        hours = np.repeat(np.arange(24), len(AIR)).astype("str")
        rows = np.column_stack(
            [np.full(per_day, day), hours, np.tile(list(AIR), 24), *[column[part] for column in columns]]
        )
        head = ",".join(["date", "hour", "type", *codes])
        _write(folder / f"china_sites_{day}.csv", f"{head}\n{_lines(rows)}".encode())
    return days


def _months(first: date, days: int) -> dict[str, pd.DatetimeIndex]:
    found = pd.date_range(first, periods=days, freq="D")
    return {str(month): found[found.to_period("M") == month] for month in found.to_period("M").unique()}


def _write_sections(rng: np.random.Generator, number: int, folder: Path, first: date, days: int) -> int:
    head = ",".join(
        [
            "省份",
            "流域",
            "断面名称",
            "监测时间",
            "水质类别",
            *WATER,
            "叶绿素α(mg/L)",
            "藻密度(cells/L)",
            "站点情况",
        ]
    )
    written = 0
    for place in range(SECTIONS):
        name = _section(number, place)
        for month, of_month in _months(first, days).items():
            at = np.array([f"{day:%m-%d} {hour:02d}:00" for day in of_month for hour in _WATER_HOURS])
            fixed = [np.full(len(at), word) for word in (_PROVINCE, _BASIN, name)]
            rest = [np.full(len(at), word) for word in ("*", "*", "正常")]
            rows = np.column_stack([*fixed, at, np.full(len(at), "Ⅲ"), _values(rng, WATER, len(at)), *rest])
            path = folder / "sections" / _PROVINCE / name / month / f"{name}.csv"
            written += _write(path, f"{head}\n{_lines(rows)}".encode("utf-8-sig"))
    return written


def _write_answers(rng: np.random.Generator, number: int, folder: Path, first: date, days: int) -> int:
    units = [re.sub(r"\((.*)\)", r"<br/><span class='unit'>(\1)</span>", item) for item in WATER]
    head = ["省份", "流域", "断面名称", "监测时间", "水质类别", *units]
    head += [
        "叶绿素α<br/><span class='unit'>(mg/L)</span>",
        "藻密度<br/><span class='unit'>(cells/L)</span>",
        "站点情况",
    ]
    for offset in range(days):
        day = first + timedelta(days=offset)
        for hour in _WATER_HOURS:
            figures = _values(rng, WATER, SECTIONS).tolist()
            body = [
                [
                    _PROVINCE,
                    _BASIN,
                    f"<span data-toggle='tooltip' title='所在地市:{_of(number)}'>{_section(number, place)}</span>",
                    f"{day:%m-%d} {hour:02d}:00",
                    "Ⅲ",
                    *[f"<span title='原始值：{figure}'>{figure}</span>" for figure in figures[place]],
                    *("*", "*", "正常"),
                ]
                for place in range(SECTIONS)
            ]
            answer = {"result": 1, "total": 1, "records": SECTIONS, "thead": head, "tbody": body}
            text = json.dumps(answer, ensure_ascii=False)
            # a release is asked some time after the sampling
            _write(folder / "api" / f"{day}T{hour:02d}.json", text.encode())
    return days * len(_WATER_HOURS)


def _write_outlet(
    rng: np.random.Generator,
    key: str,
    items: dict[str, tuple[float, int]],
    title: str,
    folder: Path,
    first: date,
    days: int,
) -> int:
    head = ",".join(["企业名称", "排口名称", "排口编号", "监测时间", *items, "标记"])
    written = 0
    for month, of_month in _months(first, days).items():
        at = np.array([f"{day:%Y-%m-%d} {hour:02d}~{hour + 1:02d}" for day in of_month for hour in range(24)])
        fixed = [np.full(len(at), word) for word in ("示例企业", "排口", key)]
        rows = np.column_stack([*fixed, at, _values(rng, items, len(at)), np.full(len(at), "N")])
        path = folder / "outlets" / key / f"{key}_{month}.csv"
        written += _write(path, f"{title}{head}\n{_lines(rows)}".encode("gb18030"))
    return written
