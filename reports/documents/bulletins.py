"""Quarterly bulletins: quality of sections by functional zone (水环境功能区水质通报), and black-odorous waters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from reports.documents.composing import Composer
from reports.documents.evaluation import clock
from reports.documents.evidence import Record, Records, fingerprint_of
from reports.documents.model import Cell, Document, Tone, cells, number
from reports.documents.wording import NONE, absent, class_cell, class_text, pollutants, shown, yes_no
from vocabulary.district import District

_QUARTERS = "一二三四"
_WORSE_THAN_V = 6
_GRADES: dict[int, tuple[str, Tone]] = {0: ("已消除", "good"), 1: ("轻度", "warn"), 2: ("重度", "bad")}


@dataclass(frozen=True)
class BulletinFacts:
    """What a bulletin says of one quarter; `share` of black-odorous waters is None where nothing was stated."""

    district: District
    quarter: str
    as_of: str
    judged_on: date
    rows: Records
    details: Records
    standards: Records
    share: Mapping[str, Any] | None

    def fingerprint(self) -> str:
        """Return the SHA-256 of all records."""
        told = {name: value for name, value in vars(self).items() if name != "district"}
        return fingerprint_of(told | {"district": self.district.key})

    @property
    def title(self) -> str:
        """The quarter in words: 2026 年第一季度."""
        year, _, place = self.quarter.partition("-Q")
        return f"{year} 年第{_QUARTERS[int(place) - 1]}季度"


def sections_bulletin(found: BulletinFacts) -> Document:
    """Return the bulletin on sections: each against the class of its own functional zone."""
    composer = Composer()
    rows = found.rows
    classed = [row for row in rows if not absent(row["class"])]
    judged = [row for row in rows if not absent(row["attained"])]
    missed = [row for row in judged if not row["attained"]]
    worst = [row for row in classed if int(row["class"]) == _WORSE_THAN_V]
    silent = [row for row in rows if absent(row["class"])]
    composer.chapter("总体情况")
    composer.say(
        f"登记断面 {len(rows)} 个，本季度有水质类别的 {len(classed)} 个，其中达到或好于Ⅲ类 "
        f"{sum(int(row['class']) <= 3 for row in classed)} 个，劣Ⅴ类 {len(worst)} 个。"  # noqa: PLR2004  # Ⅲ, as said
        f"有目标且已评价的 {len(judged)} 个，达标 {len(judged) - len(missed)} 个，未达标 {len(missed)} 个。"
    )
    composer.items(
        [
            f"{row['name']}（{row['river']}，目标{class_text(row['target_class'])}类）：{class_text(row['class'])}类，"
            f"超目标项目 {pollutants('', row['beyond'])}"
            for row in missed
        ],
        "没有未达到目标的断面。" if judged else "没有可判定达标情况的断面。",
    )
    if silent:
        composer.say(
            "没有类别的断面："
            + "；".join(f"{row['name']}（{row['reason'] or '本季度没有可评价的数据'}）" for row in silent)
            + "。"
        )
    composer.chapter("断面水质与达标情况")
    composer.table(
        f"{found.title}断面水质",
        (
            "断面",
            "河流",
            "级别",
            "目标",
            "本季度",
            "上季度",
            "上年同期",
            "达标",
            "超目标项目（倍数）",
            "主要污染指标（超Ⅲ类倍数）",
            "有效月数",
            "说明",
        ),
        [
            cells(
                row["name"],
                row["river"] or NONE,
                row["level"] or NONE,
                class_text(row["target_class"]),
                class_cell(row["class"]),
                class_cell(row["previous"]),
                class_cell(row["last_year"]),
                Cell(
                    yes_no(row["attained"]),
                    "" if absent(row["attained"]) else ("good" if row["attained"] else "bad"),
                ),
                pollutants("", row["beyond"]),
                pollutants(row["worst"], row["multiples"]),
                number(shown(row["months"])),
                _remark(row),
            )
            for row in rows
        ],
        (2.4, 1.2, 0.9, 0.8, 1, 1, 1, 0.8, 2.6, 2.6, 0.9, 2),
        empty="没有登记断面",
        wide=True,
    )
    composer.note(
        "断面按各自水环境功能区的目标类别逐个判定；超目标倍数以目标类别限值计，主要污染指标以Ⅲ类限值计。"
    )
    composer.chapter("逐月水质类别")
    names = {str(row["site"]): str(row["name"]) for row in rows}
    composer.table(
        "各断面逐月类别",
        ("断面", "月份", "类别", "达标", "主要污染指标（超Ⅲ类倍数）", "说明"),
        [
            cells(
                names.get(row["site"], str(row["site"])),
                row["period"],
                class_cell(row["class"]),
                yes_no(row["attained"]),
                pollutants(row["worst"], row["multiples"]),
                row["reason"] or NONE,
            )
            for row in found.details
        ],
        (2.4, 1.1, 0.9, 0.8, 3.6, 1.4),
        empty="没有逐月评价结果",
    )
    _proof(composer, found)
    return _document(found, "sections", f"{found.district.name_zh}水环境功能区水质通报", composer)


def _remark(row: Record) -> str:
    if row["reason"]:
        return str(row["reason"])
    if absent(row["class"]):
        return "没有可评价的数据"
    left = f"剔除 {row['left_out']} 个监测值" if row["left_out"] else ""
    return (
        "；".join(part for part in ("" if row["valid"] else "有效月数不足，仅供参考", left) if part) or NONE
    )


def black_odorous_bulletin(found: BulletinFacts) -> Document:
    """Return the register of black-odorous waters for the public: state of each body and how it changed."""
    composer = Composer()
    rows = found.rows
    black = [row for row in rows if not absent(row["state"]) and row["state"] > 0]
    composer.chapter("总体情况")
    if not rows:
        composer.say("没有登记黑臭水体，清单也没有列出任何水体。")
    else:
        composer.say(
            f"清单共列水体 {len(rows)} 个，本季度末仍为黑臭的 {len(black)} 个"
            + (f"：{'、'.join(row['name'] for row in black)}。" if black else "。")
        )
        composer.say(_share(found))
    composer.chapter("黑臭水体清单")
    composer.table(
        f"{found.title}黑臭水体清单",
        ("序号", "水体", "范围", "本季度等级", "上次等级", "变化", "首次列为黑臭", "状态日期", "说明"),
        [
            cells(
                number(str(place)),
                row["name"],
                _setting(row),
                _grade(row["state"]),
                _grade(row["previous"]),
                _change(row),
                row["first"] or NONE,
                row["stated_on"] or NONE,
                _about(row),
            )
            for place, row in enumerate(rows, start=1)
        ],
        (0.7, 2, 1.3, 1.3, 1.2, 1.4, 1.6, 1.6, 2.6),
        empty="没有可公示的水体",
    )
    composer.note(
        "等级：已消除（不黑臭）、轻度、重度。只有建成区水体计入“建成区黑臭水体比例”；返黑返臭的水体重新计入。"
    )
    composer.chapter("水体监测")
    names = {str(row["site"]): str(row["name"]) for row in rows}
    composer.table(
        "按透明度、溶解氧、氧化还原电位、氨氮判定的等级",
        ("水体", "监测判定", "超出的项目"),
        [
            cells(names.get(row["site"], str(row["site"])), row["zh"], pollutants(row["items"], ""))
            for row in found.details
        ],
        (2, 1.4, 3),
        empty="本季度没有水体监测数据入库，等级为清单登记的等级。",
    )
    _proof(composer, found)
    return _document(found, "black-odorous", f"{found.district.name_zh}黑臭水体清单公示", composer)


def _share(found: BulletinFacts) -> str:
    if found.share is None:
        return "本季度没有建成区水体的状态，建成区黑臭水体比例无从计算。"
    part, whole = found.share["numerator"], found.share["denominator"]
    return f"建成区黑臭水体比例 {shown(part)}/{shown(whole)} = {shown(found.share['value'], 1)} %。"


def _setting(row: Record) -> str:
    if not row["registered"]:
        return "未登记"
    return "建成区" if row["urban"] else "建成区外"


def _grade(value: object) -> Cell:
    if absent(value):
        return Cell(NONE, "dim")
    word, tone = _GRADES[int(float(str(value)))]
    return Cell(word, tone)


def _change(row: Record) -> str:
    now, before = row["state"], row["previous"]
    if absent(now):
        return NONE
    if now > 0 and absent(before):
        return "新增"
    if now > 0 and row["eliminated"] and before == 0:
        return "返黑返臭"
    if absent(before) or now == before:
        return "首次登记" if absent(before) else "未变"
    if now == 0:
        return "本季度消除"
    return "减轻" if now < before else "加重"


def _about(row: Record) -> str:
    said = []
    if absent(row["state"]):
        said.append("本季度清单没有该水体的状态")
    if not row["registered"]:
        said.append("不在点位登记表，是否在建成区未知")
    if row["eliminated"] and not absent(row["state"]) and row["state"] > 0:
        said.append(f"曾于 {row['eliminated']} 登记为已消除")
    return "；".join(said) or NONE


def _proof(composer: Composer, found: BulletinFacts) -> None:
    composer.annex("附录　规则与可复核信息")
    composer.table(
        "采用的标准",
        ("标准", "名称", "条款"),
        [cells(row["id"], row["title_zh"], row["clauses"]) for row in found.standards],
        (1.6, 3, 5),
        empty="没有按标准计算的数值",
    )
    composer.items(
        [
            f"数据截至（北京时间）：{found.as_of}",
            f"数据指纹（本文所用全部记录的 SHA-256）：{found.fingerprint()}",
            "复核：以相同的 --as-of 重新生成，文件逐字节相同。",
        ],
        "",
    )


def _document(found: BulletinFacts, form: str, title: str, composer: Composer) -> Document:
    lines = [f"数据截至 {clock(found.as_of)}（北京时间）"]
    if found.district.is_example:
        lines.append("示例数据：点位与监测值均为示例，不是实际情况")
    return Document(
        key=f"{found.district.key}-{form}-{found.quarter}",
        title=title,
        subtitle=found.title,
        district=found.district.name_zh,
        as_of=found.as_of,
        facts=tuple(lines),
        parts=tuple(composer.parts),
    )
