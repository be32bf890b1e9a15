"""Builds the air exports of a district and plants their dirt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import example_air as air
import numpy as np
from example_numbers import BLANK, Ints, Texts
from example_planted import Exports, Planted

_SOURCE = "air-quotsoft"
_Values = dict[str, dict[str, Ints]]


def _site(code: str) -> str:
    return {"9101A": "CP-A1", "9102A": "CP-A2", "9201A": "GX-A1", "9202A": "GX-A2"}[code]


class _Builder:
    def __init__(self, scenario: dict[str, Any], district: str, exports: Exports) -> None:
        self.scenario = scenario
        self.district = district
        self.exports = exports
        self.values: _Values = air.district_values(scenario, district)
        self.codes = list(self.values)
        self.swaps: list[tuple[date, int, str, str, str]] = []

    def path(self, day: date, name: str | None = None) -> str:
        return f"{self.district}/air/{name or air.file_name(day)}"

    def note(
        self, kind: str, code: str, since: str, until: str, file: str, expect: str, text: str, **facts: Any
    ) -> None:
        zh, en = text.split(" / ")
        self.exports.planted.append(
            Planted(kind, self.district, _SOURCE, _site(code), file, since, until, expect, zh, en, facts)
        )

    def index(self, day: date) -> int:
        return air.index_of(self.scenario, day)

    def cells(self, values: _Values) -> Texts:
        return np.stack([air.station_columns(self.scenario, values[code]) for code in self.codes], axis=-1)

    def swap(self, day: date, label: int, kind: str, code: str, text: str) -> None:
        """Remember to put `text` in place of one delivered cell (hour label as printed)."""
        self.swaps.append((day, label, kind, code, text))

    def swap_lines(self, rows: Texts, day: date) -> list[str]:
        """Return a day's lines with its swaps made."""
        lines: list[str] = rows.ravel().tolist()
        for _, label, kind, code, text in (swap for swap in self.swaps if swap[0] == day):
            at = label * len(air.TYPES) + air.TYPES.index(kind)
            fields = lines[at].split(",")
            fields[3 + self.codes.index(code)] = text
            lines[at] = ",".join(fields)
        return lines


def _plant_chiping(build: _Builder) -> Callable[[Texts], None]:
    values, index = build.values, build.index
    short = date(2025, 4, 15)
    pm2_5 = values["9101A"]["pm2_5"][index(short)]
    pm2_5[:] = np.maximum(pm2_5, 20)
    pm2_5[6:15] = BLANK
    build.note(
        "short-day",
        "9101A",
        "2025-04-15T06:00",
        "2025-04-15T14:00",
        air.file_name(short),
        "invalid-day",
        "PM2.5 当日仅 15 个小时值 / PM2.5 has 15 hourly values that day, fewer than 20",
        parameter="pm2_5",
        hours=15,
    )
    # a correction: what was believed first was too high, the re-export of 1 April lowers it
    first = date(2025, 3, 10)
    hours = slice(8, 20)
    right = {code: {item: array.copy() for item, array in items.items()} for code, items in values.items()}
    true = np.where(
        values["9101A"]["pm2_5"][index(first)] == BLANK, 40, values["9101A"]["pm2_5"][index(first)]
    )
    right["9101A"]["pm2_5"][index(first)] = true
    values["9101A"]["pm2_5"][index(first)] = true
    values["9101A"]["pm2_5"][index(first), hours] = true[hours] + 60
    dust = values["9101A"]["pm10"][index(first), hours]
    dust = np.where(dust == BLANK, BLANK, dust + 60)
    values["9101A"]["pm10"][index(first), hours] = right["9101A"]["pm10"][index(first), hours] = dust
    corrected = "china_sites_20250310_issued20250401.csv"
    build.note(
        "correction",
        "9101A",
        "2025-03-10T08:00",
        "2025-03-10T19:00",
        corrected,
        "revision",
        "PM2.5 于 2025-04-01 更正，每小时降低 60 / PM2.5 corrected on 2025-04-01, 60 lower each hour",
        parameter="pm2_5",
        hours=12,
        lower_by=60,
    )
    for day, label, kind, text, name, words, expect in (
        (date(2025, 5, 6), 14, "PM2.5", "-2", "negative", "负值 / a negative value", "negative"),
        (
            date(2025, 6, 11),
            9,
            "O3",
            "-9999",
            "sentinel",
            "缺测标记 -9999 / the missing mark -9999",
            "sentinel",
        ),
        (
            date(2025, 7, 22),
            16,
            "NO2",
            "设备故障",
            "text-cell",
            "数值列中的文字 / words in a value column",
            "not-a-number",
        ),
    ):
        build.swap(day, label, kind, "9101A", text)
        stamp = f"{day}T{label - 1:02d}:00"
        build.note(name, "9101A", stamp, stamp, air.file_name(day), expect, words, parameter=kind, raw=text)

    def extra(_: Texts) -> None:
        rows = air.day_rows(build.cells(right), first, build.scenario)
        build.exports.add(build.path(first, corrected), air.as_file(build.codes, rows))
        day = date(2025, 5, 20)
        build.exports.add(
            build.path(day, "china_sites_20250520(1).csv"), build.exports.files[build.path(day)]
        )
        build.note(
            "same-bytes",
            "9101A",
            "2025-05-19T23:00",
            "2025-05-20T22:00",
            "china_sites_20250520(1).csv",
            "known",
            "同一文件换名重复交付 / the same bytes under another name",
        )
        day = date(2025, 9, 18)
        path = build.path(day)
        build.exports.files[path] = build.exports.files[path].rsplit(b",", 1)[0][:-1]
        build.note(
            "truncated",
            "9101A",
            "2025-09-18T22:00",
            "2025-09-18T22:00",
            air.file_name(day),
            "line-truncated",
            "文件在最后一行中断 / the file is cut within its last line",
            parameter="CO_24h",
            raw="0.",
        )
        day = date(2025, 11, 20)
        path = build.path(day)
        kept = [
            line for line in build.exports.files[path].split(b"\r\n") if not line.startswith(b"20251120,5,")
        ]
        build.exports.files[path] = b"\r\n".join(kept)
        build.note(
            "hour-absent",
            "9101A",
            "2025-11-20T04:00",
            "2025-11-20T04:00",
            air.file_name(day),
            "absent",
            "整点 5 时的全部行缺失 / all lines of hour 5 are absent",
            lines=15,
        )

    return extra


def _plant_gaoxin(build: _Builder) -> Callable[[Texts], None]:
    values, index = build.values, build.index
    for array in values["9202A"].values():
        array[index(date(2026, 1, 12)) : index(date(2026, 1, 18)) + 1] = BLANK
    build.note(
        "station-out",
        "9202A",
        "2026-01-12T00:00",
        "2026-01-18T23:00",
        "china_sites_20260112.csv",
        "absent",
        "站点停运一周 / the station is out for a week",
        days=7,
    )

    def extra(_: Texts) -> None:
        day = date(2025, 10, 9)
        path = build.path(day)
        lines = build.exports.files[path].decode().split("\r\n")
        build.exports.files[path] = "\r\n".join(f"{line},{line.rsplit(',', 1)[1]}" for line in lines).encode()
        cells = sum(line.rsplit(",", 1)[1] != "" for line in lines[1:])
        build.note(
            "column-repeated",
            "9202A",
            "2025-10-08T23:00",
            "2025-10-09T22:00",
            air.file_name(day),
            "column-repeated",
            "表头中 9202A 出现两次 / 9202A stands twice in the header",
            cells=cells,
        )
        for number in range(3, 10):
            path = build.path(date(2025, 2, number))
            build.exports.files[path] = b"\xef\xbb\xbf" + build.exports.files[path]
        build.note(
            "bom",
            "9201A",
            "2025-02-02T23:00",
            "2025-02-09T22:00",
            "china_sites_20250203.csv",
            "read",
            "七个文件带 UTF-8 BOM / seven files begin with a UTF-8 BOM",
            files=7,
        )

    return extra


def build_air(scenario: dict[str, Any], district: str, exports: Exports) -> None:
    """Add a district's daily air files and note what is planted in them."""
    build = _Builder(scenario, district, exports)
    extra = {"chiping": _plant_chiping, "gaoxin": _plant_gaoxin}[district](build)
    cells = build.cells(build.values)
    for day in air.all_days(scenario):
        rows = air.day_rows(cells, day, scenario)
        exports.add(build.path(day), air.as_file(build.codes, build.swap_lines(rows, day)))
    extra(cells)
