"""The chapter of an evaluation on reductions: recognised and claimed tonnes by year, and the projects."""

from __future__ import annotations

from decimal import Decimal

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence
from reports.documents.model import Panel, Series, cells, number
from reports.documents.wording import (
    NONE,
    rounded,
    shown,
)
from vocabulary.plan import Indicator


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
    return NONE if value is None else rounded(float(value), item.decimals)
