"""The chapter of an evaluation on surface water: class by year and month, what is beyond Ⅲ, targets."""

from __future__ import annotations

from reports.documents.composing import Composer
from reports.documents.evidence import Evidence, Record, Records
from reports.documents.model import Cell, cells, number
from reports.documents.wording import (
    NONE,
    absent,
    class_cell,
    class_text,
    pollutants,
    shown,
    yes_no,
)

_MONTHS = range(1, 13)
_WORSE_THAN_V = 6


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
    if not classed:
        composer.say(f"登记断面 {len(mine)} 个，{found.year} 年没有可评价的断面监测数据入库，没有类别。")
        return
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
