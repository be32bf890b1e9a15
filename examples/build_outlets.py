"""Builds the outlet exports of a district and plants exceedances and dirt."""

from __future__ import annotations

from typing import Any

import example_outlets as outlets
import numpy as np
import numpy.typing as npt
from example_numbers import BLANK, Ints, stream
from example_planted import Exports, Planted

_SOURCE = "outlet-hourly"

#: outlet, first hour, measured NOx (1/100 mg/m³) of the hours in a row
_EXCEEDS = (
    ("CP-G1", "2026-03-17T09", (4900, 5600, 5200)),
    ("CP-G1", "2026-03-28T21", (5100, 4800)),
)
_REPAIRED = ("CP-G1", "2026-03-20T10", 9900)
_HIGH_SEWAGE = ("CP-W1", "2026-03-10T14", 61000)


class _Outlet:
    def __init__(self, scenario: dict[str, Any], outlet: dict[str, Any], exports: Exports) -> None:
        self.outlet, self.exports = outlet, exports
        self.key: str = outlet["key"]
        self.times = outlets.hours(scenario, outlet)
        self.flags = np.full(len(self.times), "N", dtype="<U4")
        self.stopped = np.zeros(len(self.times), bool)
        self.random = stream(scenario["seed"], f"outlet dirt {self.key}")

    def at(self, time: str) -> int:
        return int(np.searchsorted(self.times, np.datetime64(time, "h")))

    def note(self, kind: str, since: str, until: str, expect: str, text: str, **facts: Any) -> None:
        zh, en = text.split(" / ")
        begin, end = f"{since}:00", f"{until}:00"
        self.exports.planted.append(
            Planted(
                kind,
                self.outlet["district"],
                _SOURCE,
                self.key,
                self.file_of(since[:7]),
                begin,
                end,
                expect,
                zh,
                en,
                facts,
            )
        )

    def file_of(self, month: str) -> str:
        return f"{self.outlet['code']}/{self.outlet['code']}_{month}.csv"

    def faults(self, values: dict[str, Ints], items: tuple[str, ...]) -> None:
        """Plant maintenance, calibration and faults: a flag, and no value with a fault."""
        draws = self.random.integers(0, 2000, size=len(self.times))
        self.flags[draws < 4] = "M"
        self.flags[(draws >= 4) & (draws < 8)] = "C"
        self.flags[(draws >= 8) & (draws < 11)] = "D"
        for item in items:
            values[item] = np.where(self.flags == "D", BLANK, values[item])

    def write(self, columns: dict[str, tuple[Ints, int]], title: str) -> None:
        months = self.times.astype("datetime64[M]")
        for month in np.unique(months).astype(str).tolist():
            chosen: npt.NDArray[np.intp] = np.flatnonzero(months == np.datetime64(month))
            utf8 = (self.key, month) == ("GX-G1", "2025-12")
            content = outlets.as_csv(
                self.outlet,
                self.times[chosen],
                {name: (values[chosen], places) for name, (values, places) in columns.items()},
                self.flags[chosen],
                title=title,
                stopped=self.stopped[chosen],
                encoding="utf-8-sig" if utf8 else "gb18030",
            )
            self.exports.add(f"{self.outlet['district']}/outlets/{self.file_of(month)}", content)
        if self.key == "GX-G1":
            self.note(
                "encoding",
                "2025-12-01T00",
                "2025-12-31T23",
                "read",
                "该月为 UTF-8 BOM / this month in UTF-8 with BOM",
            )


def _gas(scenario: dict[str, Any], outlet: dict[str, Any], exports: Exports) -> None:
    build = _Outlet(scenario, outlet, exports)
    values = outlets.gas_levels(scenario, outlet)
    build.faults(values, ("dust", "so2", "nox"))
    for key, since, levels in _EXCEEDS:
        if key != build.key:
            continue
        first = build.at(since)
        hours = slice(first, first + len(levels))
        values["nox"][hours], values["o2"][hours], build.flags[hours] = levels, outlet["o2_tenths"], "N"
        peak = outlets.normalised(values["nox"][hours], values["o2"][hours], outlet["o2_ref_tenths"])
        last = str(build.times[first + len(levels) - 1])
        build.note(
            "exceedance",
            since,
            last,
            "exceed_hour",
            "氮氧化物折算浓度小时超标 / normalised NOx above the hourly limit",
            parameter="flue_nox_norm",
            hours=len(levels),
            limit=50,
            peak=int(peak.max()) / 100,
        )
    if _REPAIRED[0] == build.key:
        at = build.at(_REPAIRED[1])
        values["nox"][at], values["o2"][at], build.flags[at] = _REPAIRED[2], outlet["o2_tenths"], "M"
        build.note(
            "exceedance-flagged",
            _REPAIRED[1],
            _REPAIRED[1],
            "excluded",
            "维护标记下的高值不计超标 / above the limit, but flagged as maintenance: not counted",
            parameter="flue_nox_norm",
            limit=50,
        )
    if build.key == "CP-G2":
        pause = slice(build.at("2026-02-15T00"), build.at("2026-02-19T23") + 1)
        build.stopped[pause], build.flags[pause] = True, "F"
        build.note(
            "stopped",
            "2026-02-15T00",
            "2026-02-19T23",
            "blank",
            "春节停运，单元格写“停运” / shut down, the cells say 停运",
            hours=120,
        )
    within = outlets.normalised(values["nox"], values["o2"], outlet["o2_ref_tenths"])
    planted = sum(len(levels) for key, _, levels in _EXCEEDS if key == build.key)
    limit = 5000 if build.key == "CP-G1" else 10000
    above = int(np.sum((within > limit) & (build.flags == "N") & ~build.stopped))
    if above != planted:
        raise ValueError(f"{build.key}: {above} hours above the NOx limit, {planted} are planted")
    build.write(outlets.gas_columns(outlet, values), "")


def _sewage(scenario: dict[str, Any], outlet: dict[str, Any], exports: Exports) -> None:
    build = _Outlet(scenario, outlet, exports)
    values = outlets.water_levels(scenario, outlet)
    build.faults(values, ("cod", "nh3_n", "tp", "tn"))
    if _HIGH_SEWAGE[0] == build.key:
        at = build.at(_HIGH_SEWAGE[1])
        values["cod"][at], build.flags[at] = _HIGH_SEWAGE[2], "N"
        build.note(
            "warning",
            _HIGH_SEWAGE[1],
            _HIGH_SEWAGE[1],
            "warn_hour",
            "COD 单小时高于日均限值，仅预警 / one hour of COD above the daily limit: a warning only",
            parameter="cod",
            value=_HIGH_SEWAGE[2] / 1000,
            limit=50,
        )
    build.write(outlets.water_columns(values), f"{outlet['enterprise']}{outlet['outlet']}小时数据")


def build_outlets(scenario: dict[str, Any], district: str, exports: Exports) -> None:
    """Add a district's outlet files and note what is planted in them."""
    for outlet in scenario["outlets"]["gas"]:
        if outlet["district"] == district:
            _gas(scenario, outlet, exports)
    for outlet in scenario["outlets"]["water"]:
        if outlet["district"] == district:
            _sewage(scenario, outlet, exports)
