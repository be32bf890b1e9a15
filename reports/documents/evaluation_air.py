"""The chapter of an evaluation on air: six pollutants, composite index, days by level, primary pollutants."""

from __future__ import annotations

from collections.abc import Iterable

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence, Record, Records
from reports.documents.model import Cell, Panel, Series, cells, number
from reports.documents.wording import (
    NONE,
    absent,
    air_item,
    air_items,
    air_unit,
    shown,
    statistic_name,
    yes_no,
)

_MONTHS = range(1, 13)
#: level -> word and colour of HJ 633, table 2; '' is a day without a valid index
_LEVELS = {
    1: ("优", "#00E400"),
    2: ("良", "#FFFF00"),
    3: ("轻度污染", "#FF7E00"),
    4: ("中度污染", "#FF0000"),
    5: ("重度污染", "#99004C"),
    6: ("严重污染", "#7E0023"),
}
_ORDER = ("pm2_5", "pm10", "so2", "no2", "co", "o3_mda8")


def air(composer: Composer, found: Evidence) -> None:
    """Write the chapter on air: six pollutants, composite index, days by level, primary pollutants."""
    composer.chapter("环境空气")
    rows = found.air.get(found.year, ())
    if not rows:
        composer.say(f"{found.year} 年没有环境空气监测数据入库，本章没有可列的统计。")
        return
    index = _one(rows, "composite_index")
    ratio = _one(rows, "good_day_ratio")
    if ratio is not None:
        good = _one(rows, "good_days")
        composer.say(
            f"{found.year} 年有效监测 {shown(ratio['n_valid'])} 天（应为 {shown(ratio['n_days'])} 天），优良 "
            f"{shown(good['value'] if good else None)} 天，优良天数比率 {shown(ratio['value'], 1)} %（{ratio['standard']}）"
            + (
                f"；环境空气质量综合指数 {shown(index['value'], 2)}，首要污染物 {air_items(index['parameter'])}（{index['standard']}）。"
                if index is not None
                else "。"
            )
        )
    _pollutants(composer, found, rows)
    _by_years(composer, found)
    _levels(composer, found)
    _primary(composer, found)
    _air_months(composer, found)


def _one(rows: Records, statistic: str) -> Record | None:
    return next((row for row in rows if row["statistic"] == statistic), None)


def _pollutants(composer: Composer, found: Evidence, rows: Records) -> None:
    concentrations = [
        row for key in _ORDER for row in rows if row["parameter"] == key and row["limit"] is not None
    ]
    composer.table(
        f"{found.year} 年六项污染物评价",
        ("污染物", "统计量", "单位", "浓度", "二级限值", "达标", "超标倍数", "有效天数", "数据有效", "标准"),
        [
            cells(
                air_item(row["parameter"]),
                statistic_name(row["statistic"], row["parameter"]),
                air_unit(row["parameter"]),
                number(shown(row["rounded"])),
                number(shown(row["limit"])),
                Cell(
                    yes_no(row["attained"]),
                    "" if absent(row["attained"]) else ("good" if row["attained"] else "bad"),
                ),
                number(shown(row["exceedance_multiple"])),
                number(f"{shown(row['n_valid'])}/{shown(row['n_days'])}"),
                yes_no(row["valid"]),
                row["standard"],
            )
            for row in concentrations
        ],
        (1, 2.6, 1, 0.9, 1, 0.8, 1, 1.2, 0.9, 1.7),
        empty="没有可评价的浓度",
    )


def _by_years(composer: Composer, found: Evidence) -> None:
    """Compare years where more than one has monitoring."""
    years = [
        year
        for year in found.years
        if any(not absent(row["rounded"]) and not absent(row["limit"]) for row in found.air.get(year, ()))
    ]
    silent = [str(year) for year in found.years if year not in years]
    if silent:
        composer.note(f"{'、'.join(silent)} 年没有环境空气监测数据入库，无法逐年比较。")
    if len(years) < 2:  # noqa: PLR2004  # one year compares with nothing
        return
    wanted = [
        ("pm2_5", "mean"),
        ("pm10", "mean"),
        ("so2", "mean"),
        ("no2", "mean"),
        ("co", "p95"),
        ("o3_mda8", "p90"),
    ]
    table = []
    for parameter, statistic in wanted:
        values = [
            next(
                (
                    row["rounded"]
                    for row in found.air[year]
                    if (row["parameter"], row["statistic"]) == (parameter, statistic)
                ),
                None,
            )
            for year in years
        ]
        table.append(
            cells(
                air_item(parameter),
                statistic_name(statistic, parameter),
                air_unit(parameter),
                *[number(shown(v)) for v in values],
            )
        )
    for statistic, word, places in (
        ("good_day_ratio", "优良天数比率", 1),
        ("composite_index", "综合指数", 2),
    ):
        records = [_one(found.air[year], statistic) for year in years]
        table.append(
            cells(
                word,
                "全年",
                "%" if statistic == "good_day_ratio" else NONE,
                *[number(shown(record["value"] if record else None, places)) for record in records],
            )
        )
    composer.table(
        "环境空气逐年比较",
        ("项目", "统计量", "单位", *map(str, years)),
        table,
        (1.6, 2.6, 1, *[1] * len(years)),
        empty="没有可比的年份",
    )


def _levels(composer: Composer, found: Evidence) -> None:
    mine = [row for row in found.air_levels if row["year"] == found.year]
    present = [level for level in _LEVELS if any(row["level"] == level for row in mine)]
    rows = [
        cells(
            f"{month} 月",
            *[number(str(_days(mine, month, level))) for level in present],
            number(str(_days(mine, month, None))),
        )
        for month in _MONTHS
        if any(row["month"] == month for row in mine)
    ]
    total = cells(
        "全年",
        *[number(str(sum(row["days"] for row in mine if row["level"] == level))) for level in present],
        number(str(sum(row["days"] for row in mine if absent(row["level"])))),
    )
    composer.table(
        f"{found.year} 年各级别天数（天）",
        ("月份", *[_LEVELS[level][0] for level in present], "无有效指数"),
        [*rows, total] if rows else [],
        (1, *[1] * len(present), 1.2),
        empty="没有空气质量指数",
    )
    if rows:
        series = tuple(
            Series(
                _LEVELS[level][0],
                tuple(float(_days(mine, month, level)) for month in _MONTHS),
                "bar",
                _LEVELS[level][1],
            )
            for level in present
        )
        composer.chart(
            f"{found.year} 年各月空气质量级别天数（横轴为月份，纵轴为天数；自下而上依次为{'、'.join(s.word for s in series)}）",
            [Panel("", tuple(map(str, _MONTHS)), series, stacked=True)],
        )


def _days(rows: Iterable[Record], month: int, level: int | None) -> int:
    return sum(
        row["days"]
        for row in rows
        if row["month"] == month and (absent(row["level"]) if level is None else row["level"] == level)
    )


def _primary(composer: Composer, found: Evidence) -> None:
    mine = [row for row in found.air_primary if row["year"] == found.year]
    composer.table(
        f"{found.year} 年首要污染物天数",
        ("首要污染物", "优良日中（天）", "超标日中（天）", "合计（天）"),
        [
            cells(
                air_item(row["parameter"]),
                number(str(row["good"])),
                number(str(row["bad"])),
                number(str(row["good"] + row["bad"])),
            )
            for row in mine
        ],
        (2, 1.4, 1.4, 1.4),
        empty="没有首要污染物（全年为优，或没有空气质量指数）",
    )


def _air_months(composer: Composer, found: Evidence) -> None:
    rows, means, ozone = [], [], []
    for month in _MONTHS:
        records = found.air_months.get(f"{found.year}-{month:02d}", ())
        of = {(row["parameter"], row["statistic"]): row for row in records}
        mean, p90 = of.get(("pm2_5", "mean")), of.get(("o3_mda8", "p90"))
        ratio = of.get(("aqi", "good_day_ratio"))
        means.append(None if mean is None else mean["rounded"])
        ozone.append(None if p90 is None else p90["rounded"])
        if records:
            rows.append(
                cells(
                    f"{month} 月",
                    number(shown(mean["rounded"] if mean else None)),
                    number(shown(p90["rounded"] if p90 else None)),
                    number(shown(ratio["value"] if ratio else None, 1)),
                    number(shown(ratio["n_valid"] if ratio else None)),
                )
            )
    composer.table(
        f"{found.year} 年各月空气质量",
        (
            "月份",
            "PM2.5 平均（µg/m³）",
            "O3 日最大8小时平均第90百分位数（µg/m³）",
            "优良天数比率（%）",
            "有效天数",
        ),
        rows,
        (1, 1.8, 2.6, 1.8, 1.2),
        empty="没有逐月数据",
    )
    if rows:
        x = tuple(map(str, _MONTHS))
        composer.chart(
            f"{found.year} 年各月 PM2.5 平均浓度与 O3 第90百分位数（横轴为月份，单位 µg/m³）",
            [
                Panel("PM2.5 (µg/m³)", x, (Series("逐月值", tuple(means)),)),
                Panel("O3 (µg/m³)", x, (Series("逐月值", tuple(ozone)),)),
            ],
            columns=2,
            height=2.0,
        )
