"""Chapters of an evaluation on what moved the indicators, what lies ahead, what is missing, and further targets."""

from __future__ import annotations

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence, Record, Records
from reports.documents.model import Panel, Series, cells, number
from reports.documents.wording import (
    NONE,
    absent,
    kind_word,
    rounded,
    shown,
    status_cell,
    target_text,
    value_text,
    zh_part,
)
from vocabulary.plan import Indicator

_OPEN = ("no-data", "target-pending")
#: unit of a contribution -> places shown; counts are shown as they are
_PLACES = {"µg/m³": 2}


def moved(composer: Composer, found: Evidence) -> None:
    """Write the chapter on what moved the indicators: months, stations, pollutants, items, sections."""
    composer.chapter("变化原因")
    counted = {row["indicator"] for row in found.moved if not absent(row["amount"]) and row["amount"]}
    # where everything is zero nothing moved
    told = [row for row in found.moved if row["indicator"] in counted]
    if not told:
        composer.say("没有可分解的变化：缺少可比年份的监测数据，或没有相应的贡献分析。")
        return
    names = {item.number: item for item in found.plan.indicator}
    kinds = {"station": "站点", "month": "月份", "pollutant": "污染物", "factor": "因子", "section": "断面"}
    for wanted in dict.fromkeys(row["indicator"] for row in told):
        rows = [row for row in told if row["indicator"] == wanted]
        composer.table(
            f"第 {wanted} 项 {names[wanted].name_zh}：{found.year} 年变化的构成",
            ("类别", "对象", "贡献", "单位", "占比（%）", "说明"),
            [
                cells(
                    kinds.get(str(row["kind"]), str(row["kind"])),
                    shown(row["name"] or row["subject"]),
                    number(_contribution(row)),
                    shown(row["unit"]),
                    number(NONE if absent(row["share"]) else rounded(row["share"], 1)),
                    zh_part(row["note"]) or NONE,
                )
                for row in rows
            ],
            (0.95, 2.1, 1, 0.9, 1.2, 4.6),
            empty="没有可分解的变化",
        )
        _moved_months(composer, found, names[wanted], [row for row in rows if row["kind"] == "month"])


def _contribution(row: Record) -> str:
    places = _PLACES.get(str(row["unit"]))
    return shown(row["amount"]) if places is None else rounded(row["amount"], places)


def _moved_months(composer: Composer, found: Evidence, item: Indicator, rows: Records) -> None:
    """Draw what each month added or took away."""
    by_month = {str(row["subject"]): row["amount"] for row in rows}
    if not by_month:
        return
    months = [f"{month:02d}" for month in range(1, 13)]
    values = tuple(None if absent(by_month.get(month)) else float(by_month[month]) for month in months)
    panel = Panel("", tuple(month.lstrip("0") for month in months), (Series("各月贡献", values, "bar"),))
    composer.chart(
        f"第 {item.number} 项 {item.name_zh}：{found.year} 年各月贡献（横轴为月份，单位 {rows[0]['unit']}）",
        [panel],
        height=1.7,
    )


def ahead(composer: Composer, found: Evidence) -> None:
    """Write the chapter on what a running year may end with, and what may still happen in it."""
    composer.chapter("年末预测与剩余空间")
    names = {item.number: item for item in found.plan.indicator}
    told = [row for row in found.of_year() if not absent(row["projection"]) or zh_part(row["remaining"])]
    over = found.judged_on.year > found.year
    none = "该年已经结束，没有需要预测的指标。" if over else "没有可预测的指标，也没有剩余空间可算。"
    if not told:
        composer.say(none)
        return
    composer.table(
        "年末预测（80 % 区间）与剩余空间",
        ("序号", "指标", "单位", f"{found.year} 年值", "预测", "区间", "目标", "剩余空间"),
        [
            cells(
                number(str(row["indicator"])),
                row["name"],
                row["unit"] or NONE,
                number(value_text(names[row["indicator"]], row)),
                number(shown(row["projection"], names[row["indicator"]].decimals)),
                NONE
                if absent(row["low"])
                else f"{shown(row['low'], names[row['indicator']].decimals)}～"
                f"{shown(row['high'], names[row['indicator']].decimals)}",
                number(target_text(row)),
                zh_part(row["remaining"]) or NONE,
            )
            for row in told
        ],
        (0.7, 3, 1, 1, 1, 1.6, 1, 3.4),
        empty=none,
    )
    composer.note("预测方法与区间的含义见项目文档；没有预测的指标只列剩余空间。")


def gaps(composer: Composer, found: Evidence) -> None:
    """Write the chapter on what is missing for a verdict."""
    composer.chapter("尚缺的数据与结论")
    rows = [
        cells(
            number(str(row["indicator"])),
            row["name"],
            kind_word(found.plan, row),
            status_cell(row["status"]),
            row["reason_zh"] or NONE,
        )
        for row in found.of_year()
        if row["status"] in _OPEN or row["valid"] is False
    ]
    composer.table(
        f"{found.year} 年尚不能下结论、或有效数据不足的指标",
        ("序号", "指标", "属性", "状态", "缺什么"),
        rows,
        (0.8, 3, 1.1, 1.7, 4.8),
        empty="没有：全部指标均有结论且数据有效。",
    )


def _place(found: Evidence, row: Record) -> str:
    """Return where a target stands; the plan itself is named once, below the table."""
    return str(row["reference"]).replace(found.plan.document, "").strip() or "规划正文"


def further(composer: Composer, found: Evidence) -> None:
    """Write the chapter on the targets in the text of the plan, and on its milestones."""
    composer.chapter("其他目标与任务节点")
    composer.table(
        "规划正文中的其他目标",
        ("目标", "要求", "单位", f"{found.year} 年值", "状态", "说明", "出处"),
        [
            cells(
                row["name"],
                row["target"],
                row["unit"] or NONE,
                number(shown(row["value"])),
                status_cell(row["status"]),
                row["reason_zh"] or NONE,
                _place(found, row),
            )
            for row in found.further
            if row["kind"] == "secondary"
        ],
        (3, 2.2, 1.6, 1.2, 1.7, 3.2, 2),
        empty="规划没有其他目标",
    )
    composer.table(
        "规划任务节点",
        ("任务", "期限", "状态", "说明", "依据"),
        [
            cells(
                row["name"],
                row["target"] or NONE,
                status_cell(row["status"]),
                row["reason_zh"] or NONE,
                _place(found, row),
            )
            for row in found.further
            if row["kind"] == "milestone"
        ],
        (3, 1.5, 1.5, 3, 2.4),
        empty="规划没有任务节点",
    )
    composer.note(
        f"出处未写文件名的，均为 {found.plan.document}。任务节点与定性要求是否完成由责任部门提供证明，本系统只提示期限，不作推断。"
    )
