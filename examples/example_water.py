"""Example exports of surface-water sections: monthly CSV per section, and API answers of March 2026.

Values are whole numbers of 1/10000 (mg/L, °C, …), six samples a day; the release publishes them
rounded in CSV and with the unrounded value in a tooltip in its API answers.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from example_numbers import (
    BLANK,
    Ints,
    Texts,
    as_text,
    by_season,
    divide_even,
    interval_range,
    join_columns,
    smooth_noise,
    stream,
)

PROVINCE = "山东省"
BASIN = "海河流域"

#: item -> (header, unit, decimals shown), in the order of the release
COLUMNS: dict[str, tuple[str, str, int]] = {
    "temp": ("水温", "℃", 1),
    "ph": ("pH", "无量纲", 2),
    "do": ("溶解氧", "mg/L", 2),
    "conductivity": ("电导率", "μS/cm", 1),
    "turbidity": ("浊度", "NTU", 1),
    "cod_mn": ("高锰酸盐指数", "mg/L", 2),
    "nh3_n": ("氨氮", "mg/L", 3),
    "tp": ("总磷", "mg/L", 3),
    "tn": ("总氮", "mg/L", 2),
}
_NEVER = (("叶绿素α", "mg/L"), ("藻密度", "cells/L"))
_CLASSES = np.asarray(["", "Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ"])


def sample_times(scenario: dict[str, Any]) -> npt.NDArray[np.datetime64]:
    """Return the start of every four-hour interval."""
    return interval_range(scenario["first_day"], scenario["last_day"], 4)


def levels(scenario: dict[str, Any], section: dict[str, Any]) -> dict[str, Ints]:
    """Return one section's values without dirt and episodes: item -> array over `sample_times`."""
    times = sample_times(scenario)
    days = times.astype("datetime64[D]")
    random = stream(scenario["seed"], f"water {section['key']}")
    month = {name: by_season(table, days) for name, table in scenario["water"]["month"].items()}

    def drift(per_mille: int) -> Ints:
        slow = (smooth_noise(random, len(times), 30) - 500) * 3
        quick = random.integers(-300, 301, size=len(times), dtype=np.int64)
        return 1000 + divide_even((slow * 3 + quick) * per_mille, 1500)

    afternoon = np.tile(np.asarray([-5, -8, 0, 6, 8, 2], np.int64), len(times) // 6)
    temp = np.maximum(
        (month["temp_tenths"] + afternoon) * 1000 + random.integers(-9000, 9001, len(times)), 2000
    )
    found = {
        "temp": temp,
        "ph": 78000 + afternoon * 150 + random.integers(-1500, 1501, len(times)),
        "do": divide_even(section["do"] * month["do"] * drift(90), 10**6) + afternoon * 300,
        "conductivity": divide_even(9_500_000 * drift(150), 1000),
        "turbidity": divide_even(220_000 * drift(450), 1000),
    }
    for item, per_mille in (("cod_mn", 110), ("nh3_n", 230), ("tp", 160), ("tn", 140)):
        found[item] = divide_even(section[item] * month["nutrient"] * drift(per_mille), 10**6)
    return {item: np.asarray(array, np.int64) for item, array in found.items()}


def published_class(values: dict[str, Ints], limits: dict[str, list[int]]) -> Ints:
    """Return the release's class 1 … 6 by single factors; 0 where nothing could be judged."""
    worst = np.zeros(values["do"].shape, np.int64)
    for item in ("cod_mn", "nh3_n", "tp"):
        found = np.searchsorted(np.asarray(limits[item]), values[item], side="left") + 1
        worst = np.maximum(worst, np.where(values[item] == BLANK, 0, found))
    oxygen = np.searchsorted(-np.asarray(limits["do"]), -values["do"], side="left") + 1
    worst = np.maximum(worst, np.where(values["do"] == BLANK, 0, oxygen))
    outside = (values["ph"] < limits["ph"][0]) | (values["ph"] > limits["ph"][1])
    return np.maximum(worst, np.where(values["ph"] == BLANK, 0, np.where(outside, 6, 1)))


def shown(values: Ints, places: int, blank: str) -> Texts:
    """Write values rounded to the release's decimals."""
    rounded = np.where(values == BLANK, BLANK, divide_even(values, 10 ** (4 - places)))
    return as_text(rounded, places, blank=blank)


def csv_header() -> str:
    """Return the header of a section's CSV."""
    units = [f"{name}({unit})" for name, unit, _ in COLUMNS.values()] + [f"{n}({u})" for n, u in _NEVER]
    return ",".join(["省份", "流域", "断面名称", "监测时间", "水质类别", *units, "站点情况"])


def csv_lines(section: dict[str, Any], times: npt.NDArray[np.datetime64], state: dict[str, Any]) -> Texts:
    """Return one line a sample; `state` holds values, class and 站点情况 of the same length."""
    stamps = np.strings.replace(np.datetime_as_string(times, unit="m"), "T", " ")
    stamps = np.asarray([stamp[5:] for stamp in stamps.tolist()])
    label = _CLASSES[state["class"]]
    label = np.where(label == "", "*", label)
    cells: list[Texts | str] = [
        np.full(len(times), f"{PROVINCE},{BASIN},{section['name']}"),
        stamps,
        label,
    ]
    cells += [shown(state["values"][item], places, "--") for item, (_, _, places) in COLUMNS.items()]
    return join_columns([*cells, "*", "*", state["situation"]])


def as_csv(lines: list[str], encoding: str) -> bytes:
    """Put header and lines together, CRLF."""
    return ("\r\n".join([csv_header(), *lines]) + "\r\n").encode(encoding)


def api_header() -> list[str]:
    """Return the header cells of an API answer: names with their unit in HTML."""
    units = [(name, unit) for name, unit, _ in COLUMNS.values()] + list(_NEVER)
    marked = [f"{name}<br/><span class='unit'>({unit})</span>" for name, unit in units]
    return ["省份", "流域", "断面名称", "监测时间", "水质类别", *marked, "站点情况"]


def _api_cell(value: int, places: int) -> str:
    if value == BLANK:
        return "--"
    original = as_text(np.asarray([value]), 4, trim=True)[0]
    return f"<span title='原始值：{original}'>{shown(np.asarray([value]), places, '')[0]}</span>"


def api_row(
    section: dict[str, Any], city: str, time: np.datetime64 | None, state: dict[str, Any]
) -> list[Any]:
    """Return one section's row; `time` None is a station that gives nothing."""
    name = f"<span data-toggle='tooltip' title='所在地市:{city}&#10;所属河流:{section['river']}'>{section['name']}</span>"
    if time is None:
        return [PROVINCE, BASIN, name, None, "", *["--"] * len(COLUMNS), "*", "*", state["situation"]]
    stamp = str(time.astype("datetime64[m]")).replace("T", " ")[5:]
    cells = [
        state["cells"].get(item) or _api_cell(int(state["values"][item]), places)
        for item, (_, _, places) in COLUMNS.items()
    ]
    label = str(_CLASSES[state["class"]])
    return [PROVINCE, BASIN, name, stamp, label, *cells, "*", "*", state["situation"]]


def as_json(rows: list[list[Any]]) -> bytes:
    """Put an answer together as the release sends it."""
    answer = {"result": 1, "total": 1, "records": len(rows), "thead": api_header(), "tbody": rows}
    return json.dumps(answer, ensure_ascii=False).encode()
