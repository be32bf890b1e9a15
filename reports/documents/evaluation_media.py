"""Chapters of an evaluation about air, surface water and emission reductions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence, Record, Records
from reports.documents.model import Cell, Panel, Series, cells, number
from reports.documents.wording import (
    NONE,
    absent,
    air_item,
    air_items,
    air_unit,
    class_cell,
    class_text,
    pollutants,
    shown,
    statistic_name,
    yes_no,
)
from vocabulary.plan import Indicator

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
_WORSE_THAN_V = 6


# --- air ------------------------------------------------------------------------------------------


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
        year for year in found.years if any(not absent(row["rounded"]) for row in found.air.get(year, ()))
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


# --- water ----------------------------------------------------------------------------------------


def water(composer: Composer, found: Evidence) -> None:
    """Write the chapter on surface water: class of every section by year and month, what is beyond Ⅲ, targets."""
    composer.chapter("地表水环境")
    mine = [row for row in found.sections if row["kind"] == "year" and row["period"] == str(found.year)]
    if not mine:
        composer.say("本区划没有登记地表水断面。")
        return
    classed = [row for row in mine if not absent(row["class"])]
    judged = [row for row in mine if not absent(row["attained"])]
    worst = [row for row in classed if int(row["class"]) == _WORSE_THAN_V]
    composer.say(
        f"登记断面 {len(mine)} 个，{found.year} 年有类别的 {len(classed)} 个；有目标且已评价的 {len(judged)} 个，"
        f"达到目标的 {sum(bool(row['attained']) for row in judged)} 个；劣Ⅴ类 {len(worst)} 个"
        + (f"（{'、'.join(row['name'] for row in worst)}）。" if worst else "。")
    )
    composer.table(
        f"{found.year} 年断面水质",
        (
            "断面",
            "河流",
            "级别",
            "目标",
            "类别",
            "达标",
            "主要污染指标（超Ⅲ类倍数）",
            "参评项",
            "采样次",
            "剔除",
            "说明",
        ),
        [
            cells(
                row["name"],
                row["river"] or NONE,
                row["level"] or NONE,
                class_text(row["target_class"]),
                class_cell(row["class"]),
                Cell(
                    yes_no(row["attained"]),
                    "" if absent(row["attained"]) else ("good" if row["attained"] else "bad"),
                ),
                pollutants(row["worst"], row["multiples"]),
                number(shown(row["items_used"])),
                number(shown(row["n_samples"])),
                number(shown(row["left_out"])),
                _section_note(row),
            )
            for row in mine
        ],
        (2.2, 1.2, 0.9, 0.8, 0.9, 0.8, 2.8, 0.9, 1, 0.9, 2),
        empty="没有断面",
    )
    _months(composer, found, mine)
    _section_years(composer, found, mine)


def _section_note(row: Record) -> str:
    if row["reason"]:
        return str(row["reason"])
    if absent(row["class"]):
        return "本期没有可评价的数据"
    return NONE if row["valid"] else "有效月数不足，仅供参考"


def _months(composer: Composer, found: Evidence, mine: Records) -> None:
    by_place = {
        (row["site"], row["period"]): row
        for row in found.sections
        if row["kind"] == "month" and str(row["period"]).startswith(f"{found.year}-")
    }
    rows = []
    for section in mine:
        months = [by_place.get((section["site"], f"{found.year}-{month:02d}")) for month in _MONTHS]
        rows.append(
            cells(
                section["name"],
                class_text(section["target_class"]),
                *[
                    Cell(NONE, "dim")
                    if row is None
                    else (
                        Cell(str(row["reason"]), "dim")
                        if row["reason"] and absent(row["class"])
                        else class_cell(row["class"])
                    )
                    for row in months
                ],
            )
        )
    composer.table(
        f"{found.year} 年断面逐月水质类别",
        ("断面", "目标", *[f"{month}月" for month in _MONTHS]),
        rows if by_place else [],
        (2.6, 0.9, *[0.8] * 12),
        empty="没有逐月评价结果",
    )
    if by_place:
        composer.note(f"“{NONE}”为当月没有可评价的数据；断流、结冰等不评价的月份写明原因。")


def _section_years(composer: Composer, found: Evidence, mine: Records) -> None:
    years = [
        year for year in found.years if any(_year_class(found, s["site"], year) is not None for s in mine)
    ]
    if silent := [str(year) for year in found.years if year not in years]:
        composer.note(f"{'、'.join(silent)} 年没有断面监测数据入库，无法逐年比较。")
    if len(years) < 2:  # noqa: PLR2004  # one year compares with nothing
        return
    composer.table(
        "断面水质类别逐年比较",
        ("断面", "目标", *map(str, years)),
        [
            cells(
                row["name"],
                class_text(row["target_class"]),
                *[class_cell(_year_class(found, row["site"], year)) for year in years],
            )
            for row in mine
        ],
        (3, 1, *[1] * len(years)),
        empty="没有可比的年份",
    )


def _year_class(found: Evidence, site: str, year: int) -> int | None:
    for row in found.sections:
        if (row["kind"], row["site"], row["period"]) == ("year", site, str(year)) and not absent(
            row["class"]
        ):
            return int(row["class"])
    return None


# --- reductions -----------------------------------------------------------------------------------


def reductions(composer: Composer, found: Evidence) -> None:
    """Write the chapter on reductions: recognised and claimed tonnes by year, and the projects."""
    composer.chapter("重点工程减排")
    items = {
        item.feeder.statistic.removeprefix("reduction_"): item
        for item in found.plan.indicator
        if item.feeder.statistic.startswith("reduction_")
    }
    if not found.ledger:
        composer.say("减排台账没有规划期内的项目，减排量无从计算。")
        return
    for pollutant, item in items.items():
        _by_pollutant(composer, found, pollutant, item)
    panels = [
        Panel(
            f"{item.number} (t)",
            tuple(map(str, found.years)),
            tuple(
                Series(word, tuple(_float(found, pollutant, year, kind) for year in found.years), "bar")
                for word, kind in (("核定", "recognised"), ("上报", "claimed"))
            ),
        )
        for pollutant, item in items.items()
    ]
    composer.chart("各年核定与上报减排量（小图编号为指标序号，单位 t）", panels, columns=2, height=1.75)
    waiting = [row for row in found.ledger if row["recognised"] is None and row["claimed"] is not None]
    composer.table(
        "已上报、尚未核定的项目",
        ("项目编号", "指标", "年份", "上报（t）", "台账状态"),
        [
            cells(
                row["project"],
                items[row["pollutant"]].name_zh if row["pollutant"] in items else row["pollutant"],
                number(str(row["year"])),
                number(shown(row["claimed"])),
                row["state"] or NONE,
            )
            for row in waiting
        ],
        (1.8, 3, 1, 1.2, 2),
        empty="没有。",
    )
    composer.note("台账按项目编号、污染物和年份登记，未登记工程类型的不作分类推断；只有核定量计入指标。")


def _by_pollutant(composer: Composer, found: Evidence, pollutant: str, item: Indicator) -> None:
    rows, total = [], Decimal(0)
    for year in found.years:
        recognised, offset = (
            _sum(found, pollutant, year, "recognised"),
            _sum(found, pollutant, year, "offset"),
        )
        total += (recognised or Decimal(0)) - (offset or Decimal(0))
        count = sum(
            row["recognised"] is not None
            for row in found.ledger
            if (row["pollutant"], row["year"]) == (pollutant, year)
        )
        rows.append(
            cells(
                number(str(year)),
                number(_tonnes(recognised, item)),
                number(_tonnes(offset, item)),
                number(_tonnes(_sum(found, pollutant, year, "claimed"), item)),
                number(_tonnes(total, item)),
                number(str(count)),
            )
        )
    composer.table(
        f"第 {item.number} 项 {item.name_zh}（t）",
        ("年份", "核定", "抵扣", "上报（不计入）", "累计核定", "核定项目数"),
        rows,
        (1, 1, 1, 1.4, 1.2, 1.2),
        empty="没有记录",
    )


def _sum(found: Evidence, pollutant: str, year: int, kind: str) -> Decimal | None:
    given = [
        Decimal(repr(float(row[kind])))
        for row in found.ledger
        if (row["pollutant"], row["year"]) == (pollutant, year) and row[kind] is not None
    ]
    return sum(given, Decimal(0)) if given else None


def _float(found: Evidence, pollutant: str, year: int, kind: str) -> float | None:
    found_sum = _sum(found, pollutant, year, kind)
    return None if found_sum is None else float(found_sum)


def _tonnes(value: Decimal | None, item: Indicator) -> str:
    return NONE if value is None else shown(float(value), item.decimals)
