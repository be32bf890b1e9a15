"""Example exports of an emission platform: one CSV per outlet and month, one row an hour.

Gas in 1/100 mg/m³, wastewater in 1/1000 mg/L; the hour is written `2025-03-01 00~01`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from example_numbers import (
    BLANK,
    Ints,
    Texts,
    as_text,
    divide_even,
    interval_range,
    join_columns,
    smooth_noise,
    stream,
)

#: oxygen of air in tenths of %: the numerator of the normalisation (HJ 212 D.2.3)
_AIR = 210

GAS_ITEMS = {"dust": "颗粒物", "so2": "二氧化硫", "nox": "氮氧化物"}
WATER_ITEMS = {"cod": ("COD", 1), "nh3_n": ("氨氮", 3), "tp": ("总磷", 3), "tn": ("总氮", 2)}


def hours(scenario: dict[str, Any], outlet: dict[str, Any]) -> npt.NDArray[np.datetime64]:
    """Return the start of every hour since the outlet was connected."""
    return interval_range(outlet["first_day"], scenario["last_day"], 1)


def _walk(random: np.random.Generator, count: int, level: int, per_mille: int) -> Ints:
    slow = smooth_noise(random, count, 12) - 500
    quick = random.integers(-150, 151, size=count, dtype=np.int64)
    return np.maximum(
        divide_even(level * (1000 + divide_even((slow * 3 + quick) * per_mille, 1000)), 1000), 1
    )


def gas_levels(scenario: dict[str, Any], outlet: dict[str, Any]) -> dict[str, Ints]:
    """Return measured concentrations, flow, oxygen (1/10 %), temperature and moisture (1/10)."""
    count = len(hours(scenario, outlet))
    random = stream(scenario["seed"], f"gas {outlet['key']}")
    found = {item: _walk(random, count, outlet[item], 350) for item in GAS_ITEMS}
    return found | {
        "flow": _walk(random, count, outlet["flow"], 120),
        "o2": _walk(random, count, outlet["o2_tenths"], 120),
        "temp": _walk(random, count, 520, 80),
        "humidity": _walk(random, count, 92, 120),
    }


def normalised(concentration: Ints, o2: Ints, o2_ref: int) -> Ints:
    """Return the concentration at the reference oxygen; without one it stays as measured."""
    if o2_ref == 0:
        return concentration
    usable = (concentration != BLANK) & (o2 != BLANK) & (o2 < _AIR)
    found = divide_even(concentration * (_AIR - o2_ref), np.where(usable, _AIR - o2, 1))
    return np.where(usable, found, BLANK)


def water_levels(scenario: dict[str, Any], outlet: dict[str, Any]) -> dict[str, Ints]:
    """Return concentrations (1/1000 mg/L), pH (1/100) and flow (m³ an hour, 1/10)."""
    count = len(hours(scenario, outlet))
    random = stream(scenario["seed"], f"wastewater {outlet['key']}")
    found = {item: _walk(random, count, outlet[item], 300) for item in WATER_ITEMS}
    return found | {
        "ph": 740 + random.integers(-25, 26, size=count, dtype=np.int64),
        "flow": _walk(random, count, outlet["flow"] * 10, 200),
    }


def _stamps(times: npt.NDArray[np.datetime64]) -> Texts:
    text = np.strings.replace(np.datetime_as_string(times, unit="h"), "T", " ")
    end = times.astype(np.int64) % 24 + 1
    return np.strings.add(np.strings.add(text, "~"), np.asarray([f"{hour:02d}" for hour in range(25)])[end])


def gas_columns(outlet: dict[str, Any], values: dict[str, Ints]) -> dict[str, tuple[Ints, int]]:
    """Return header -> (whole numbers, decimals) of a gas outlet's value columns."""
    found: dict[str, tuple[Ints, int]] = {}
    for item, name in GAS_ITEMS.items():
        found[f"{name}浓度(mg/m3)"] = (values[item], 2)
        found[f"{name}折算浓度(mg/m3)"] = (normalised(values[item], values["o2"], outlet["o2_ref_tenths"]), 2)
    return found | {
        "标干流量(m3/h)": (values["flow"], 0),
        "含氧量(%)": (values["o2"], 1),
        "烟温(℃)": (values["temp"], 1),
        "湿度(%)": (values["humidity"], 1),
    }


def water_columns(values: dict[str, Ints]) -> dict[str, tuple[Ints, int]]:
    """Return header -> (whole numbers, decimals) of a wastewater outlet's value columns."""
    found = {
        f"{name}浓度(mg/L)": (_rounded(values[item], 3 - places), places)
        for item, (name, places) in WATER_ITEMS.items()
    }
    return found | {"pH(无量纲)": (values["ph"], 2), "流量(m3)": (values["flow"], 1)}


def _rounded(values: Ints, digits: int) -> Ints:
    return np.where(values == BLANK, BLANK, divide_even(values, 10**digits))


def as_csv(
    outlet: dict[str, Any],
    times: npt.NDArray[np.datetime64],
    columns: dict[str, tuple[Ints, int]],
    flags: Texts,
    *,
    title: str = "",
    stopped: npt.NDArray[np.bool_] | None = None,
    encoding: str = "gb18030",
) -> bytes:
    """Put a month together: header, hours, and the platform's summary rows at the bottom."""
    header = ",".join(["企业名称", "排口名称", "排口编号", "监测时间", *columns, "标记"])
    cells: list[Texts | str] = [
        np.full(len(times), f"{outlet['enterprise']},{outlet['outlet']},{outlet['code']}"),
        _stamps(times),
    ]
    for values, places in columns.values():
        text = as_text(values, places, blank="--")
        cells.append(text if stopped is None else np.where(stopped, "停运", text))
    lines = join_columns([*cells, flags]).tolist()
    summary = []
    for name in ("平均值", "最大值", "最小值"):
        row = [_summary(name, values, places, stopped) for values, places in columns.values()]
        summary.append(",".join([name, "", "", "", *row, ""]))
    summary.append(",".join(["排放总量", "", "", "", *["--"] * len(columns), ""]))
    top = [title] if title else []
    return ("\r\n".join([*top, header, *lines, *summary]) + "\r\n").encode(encoding)


def _summary(name: str, values: Ints, places: int, stopped: npt.NDArray[np.bool_] | None) -> str:
    used = values[(values != BLANK) & (True if stopped is None else ~stopped)]
    if not len(used):
        return "--"
    if name == "平均值":
        figure = divide_even(np.asarray([used.sum()]), len(used))
    else:
        figure = np.asarray([used.max() if name == "最大值" else used.min()])
    return str(as_text(figure, places)[0])
