"""The inputs of the hand-computed year as real exports, and the same year worked out with Python's decimal numbers."""

from __future__ import annotations

import datetime as dt
import os
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl

from tests.flows.slices import Slice

BOOK = Path(__file__).with_name("hand_year.xlsx")
DISTRICT = "chiping"
STATION = "9101A"
ITEMS = ("PM2.5", "PM10", "SO2", "NO2", "CO", "O3")
POLLUTANTS = {8: "氮氧化物", 9: "挥发性有机物", 10: "化学需氧量", 11: "氨氮"}
#: a day's course in eighths: any eight hours in a row add up to nothing, so that every mean of the day is its value
_COURSE = (0, 2, 4, 2, 0, -2, -4, -2)
_RIVERS = {"徒骇河示例断面": "徒骇河", "马颊河示例断面": "马颊河", "茌新河示例断面": "茌新河"}
_WELLS = {"CPGW01": "示例一号井", "CPGW02": "示例二号井", "CPGW03": "示例三号井"}
#: 9 January 2026: what is issued later replaces it
_DELIVERED = 1_767_960_000
#: dustfall of January … December in t/(km²·month): two months beyond 7, together 72.6, that is 6.05 a month
DUSTFALL = ("6.1", "5.8", "7.4", "7.9", "6.9", "5.6", "5.0", "5.2", "5.5", "5.7", "5.9", "5.6")
_SITES = {
    "CP-A1",
    "CP-S1",
    "CP-S2",
    "CP-S3",
    "CP-D1",
    "CP-D2",
    "CP-D3",
    "CP-B1",
    "CP-B2",
}

Rows = list[tuple[Any, ...]]


@cache
def sheet(name: str, *, values: bool = True) -> Rows:
    """Return the rows of a sheet without its heading: what its formulas gave, or the formulas."""
    book = openpyxl.load_workbook(BOOK, data_only=values)
    return list(book[name].iter_rows(min_row=2, values_only=True))


def write_exports(made: Slice) -> None:
    """Write every export of the year, and leave only its sites in the registry; no district keeps an outlet."""
    for district in sorted((made.root / "districts").iterdir()):
        registry, permits = district / "sites.csv", district / "permit_limits.csv"
        head, *lines = registry.read_text("utf-8").splitlines(keepends=True)
        # no outlet has a part in an indicator
        kept = [line for line in lines if ",outlet," not in line]
        if district.name == DISTRICT:
            kept = [line for line in kept if line.split(",")[0] in _SITES]
        registry.write_text(head + "".join(kept), "utf-8")
        permits.write_text(permits.read_text("utf-8").splitlines(keepends=True)[0], "utf-8")
        (district / "permit_totals.csv").unlink()
    _write_air(made)
    _write_water(made)
    _write_rest(made)
    _write_dustfall(made)
    for file in sorted(made.exports(DISTRICT).rglob("*.*")):
        os.utime(file, (_DELIVERED, _DELIVERED))


def _write_air(made: Slice) -> None:
    lines: dict[str, list[str]] = {}
    for day, *values in sheet("空气日均值"):
        for hour in range(1, 25):
            # the label is the end of the hour: the last one carries the next day's date
            label = day + dt.timedelta(hours=hour)
            file = lines.setdefault(f"{label:%Y%m}", [])
            for item, value in zip(ITEMS, values, strict=False):
                if value is None:
                    continue
                unit = Decimal(str(value)) / 16
                text = Decimal(str(value)) + unit * _COURSE[hour % 8]
                file.append(f"{label:%Y%m%d},{label.hour},{item},{text}\n")
    folder = made.folder(DISTRICT, "air-quotsoft")
    for name, rows in lines.items():
        text = f"date,hour,type,{STATION}\n" + "".join(rows)
        (folder / f"china_sites_{name}.csv").write_text(text, encoding="utf-8")


def _write_water(made: Slice) -> None:
    folder = made.folder(DISTRICT, "water-monthly")
    rows = [row for row in sheet("断面月均值") if isinstance(row[2], int)]
    heading = "序号,河流名称,断面名称,采样日期,pH(无量纲),溶解氧(mg/L),高锰酸盐指数(mg/L),化学需氧量(mg/L),五日生化需氧量(mg/L),氨氮(mg/L),总磷(mg/L),氟化物(mg/L)"
    for month in range(1, 13):
        book = openpyxl.Workbook()
        page = book.active
        assert page is not None
        page.append([f"地表水手工监测月报（2025年{month}月）"])
        page.append(heading.split(","))
        mine = [row for row in rows if row[2] == month]
        for number, (name, _, _, *values) in enumerate(mine, start=1):
            texts = [str(value) for value in values[:8]]
            page.append([str(number), _RIVERS[name], name, f"2025-{month:02d}-07", *texts])
        book.save(folder / f"地表水手工监测月报_2025-{month:02d}.xlsx")


def _write_rest(made: Slice) -> None:
    states = sheet("黑臭水体")
    for quarter in range(1, 5):
        lines = [f"黑臭水体清单（2025年第{quarter}季度）,,,,\n", "序号,水体名称,水体类型,黑臭等级,治理状态\n"]
        lines += [
            f"{number},{row[0]},城市,轻度,{row[quarter]}\n" for number, row in enumerate(states, start=1)
        ]
        file = made.folder(DISTRICT, "black-odorous-register") / f"黑臭水体清单_2025年第{quarter}季度.csv"
        file.write_text("".join(lines), encoding="utf-8")
    head = "点位编号,点位名称,采样日期,总硬度(mg/L),溶解性总固体(mg/L),硫酸盐(mg/L),氯化物(mg/L),耗氧量(mg/L),氨氮(mg/L)\n"
    wells = [
        f"{row[0]},{_WELLS[row[0]]},2025-06-1{number},{','.join(map(str, row[1:7]))}\n"
        for number, row in enumerate(sheet("地下水"))
    ]
    file = made.folder(DISTRICT, "groundwater-points") / "地下水监测_2025.csv"
    file.write_text(head + "".join(wells), encoding="utf-8")
    head = "项目编号,项目名称,年度,污染物,单位,上报减排量,核定减排量,用于替代减排量,核定状态\n"
    projects = [
        f"{key}-{year},示例项目,{year},{pollutant},吨,{claimed},{recognised},{'' if offset is None else offset},已核定\n"
        for key, year, pollutant, claimed, recognised, offset in sheet("减排台账")
    ]
    file = made.folder(DISTRICT, "reduction-ledger") / "重点工程减排台账.csv"
    file.write_text(head + "".join(projects), encoding="utf-8")


def _write_dustfall(made: Slice) -> None:
    folder = made.exports(DISTRICT) / "dustfall"
    folder.mkdir()
    lines = [f"茌平一中示例站,2025-{month:02d},{text}\n" for month, text in enumerate(DUSTFALL, start=1)]
    (folder / "降尘_2025.csv").write_text(
        "点位,月份,降尘量(t/(km²·30d))\n" + "".join(lines), encoding="utf-8"
    )
    with (made.root / "districts" / DISTRICT / "sources.toml").open("a", encoding="utf-8") as sources:
        sources.write(
            '\n[[source]]\nkey = "air-dustfall"\ntitle_zh = "降尘"\ntitle_en = "dustfall"\n'
            f'location = "examples/exports/{DISTRICT}/dustfall"\npattern = "*.csv"\nlate_days = 2\n'
        )


# --- the same year in decimal numbers --------------------------------------------------------------


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


_LIMITS = sheet("限值")


def _iaqi(item: str, value: Any) -> int:
    """HJ 633-2012 formula (1), rounded up; its table 1 as the sheet has it."""
    table = {row[0]: row[1:] for row in _LIMITS if row[0] in ("IAQI", *ITEMS)}
    given = Decimal(str(value))
    points = [Decimal(str(one)) for one in table[item] if isinstance(one, int | float)]
    high = next(at for at, point in enumerate(points) if given <= point and at > 0)
    index = [Decimal(str(one)) for one in table["IAQI"]]
    rise = (index[high] - index[high - 1]) / (points[high] - points[high - 1])
    exact = rise * (given - points[high - 1]) + index[high - 1]
    return int(exact.quantize(Decimal("1E-12")).to_integral_value(rounding=ROUND_CEILING))


def worked_out() -> dict[int, tuple[Decimal, int | None, int | None]]:
    """Return value, numerator and denominator of each monitored indicator, from the sheet's inputs alone."""
    days = [row[1:7] for row in sheet("空气日均值") if row[1] is not None]
    good = sum(max(map(_iaqi, ITEMS, row)) <= 100 for row in days)
    mean = sum(Decimal(str(row[0])) for row in days) / len(days)
    classes = {name: (level, _class(name)) for name, level in _levels().items()}
    national = [number for level, number in classes.values() if level == "国控"]
    provincial = [number for level, number in classes.values() if level in ("国控", "省控")]
    black = [row[4] != "已消除" for row in sheet("黑臭水体")]
    fifth = next(row[1:7] for row in _LIMITS if row[0] == "Ⅳ类限值（超过即Ⅴ类）")
    wells = [any(a > b for a, b in zip(row[1:7], fifth, strict=True)) for row in sheet("地下水")]
    found: dict[int, tuple[Decimal, int | None, int | None]] = {1: (_rounded(mean, 0), None, None)}
    shares = {
        2: (good, len(days)),
        3: (sum(number <= 3 for number in national), len(national)),
        4: (sum(number == 6 for number in provincial), len(provincial)),
        5: (sum(black), len(black)),
        6: (sum(wells), len(wells)),
    }
    for number, (part, whole) in shares.items():
        found[number] = (_rounded(Decimal(part * 100) / whole, 1), part, whole)
    for number, name in POLLUTANTS.items():
        mine = [row for row in sheet("减排台账") if row[2] == name]
        tonnes = sum((Decimal(str(row[4])) - Decimal(str(row[5] or 0)) for row in mine), Decimal(0))
        found[number] = (_rounded(tonnes, 1), None, None)
    return found


def _levels() -> dict[str, str]:
    return {row[0]: row[1] for row in sheet("断面月均值") if isinstance(row[2], int)}


def _class(name: str) -> int:
    """GB 3838-2002, worst single item of the year's means; pH averaged as hydrogen ions."""
    rows = [row[3:11] for row in sheet("断面月均值") if row[0] == name and isinstance(row[2], int)]
    columns = [[Decimal(str(value)) for value in column] for column in zip(*rows, strict=True)]
    ions = sum((Decimal(10) ** -value for value in columns[0]), Decimal(0)) / len(rows)
    acid = _rounded(-ions.log10(), 0)
    means = [
        _rounded(sum(column, Decimal(0)) / len(rows), places)
        for column, places in zip(columns[1:], (1, 1, 1, 1, 2, 3, 3), strict=True)
    ]
    limits = [row[1:6] for row in _LIMITS if str(row[0]).endswith((" ≥", " ≤"))]
    numbers = [1 if Decimal(6) <= acid <= Decimal(9) else 6]
    for at, (mean, bounds) in enumerate(zip(means, limits, strict=True)):
        given = [Decimal(str(one)) for one in bounds]
        numbers.append(1 + sum(mean < one if at == 0 else mean > one for one in given))
    return max(numbers)
