"""Evaluations of a plan (年度总结、中期评估、终期评估): how many indicators are met, which are not and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.documents import (
    evaluation_air,
    evaluation_annex,
    evaluation_outlook,
    evaluation_reductions,
    evaluation_water,
)
from reports.documents.composing import Composer
from reports.documents.evidence import Evidence, Record, Records
from reports.documents.model import Cell, Document, Panel, Series, cells, drawable, number
from reports.documents.wording import (
    KINDS,
    NONE,
    STATUS_ORDER,
    absent,
    by_hand,
    kind_word,
    ratio,
    shown,
    status_cell,
    status_tone,
    status_word,
    target_text,
    value_text,
)
from vocabulary.plan import Indicator

FORMS = {"yearly": "年度总结", "mid-term": "中期评估报告", "final": "终期评估报告"}
_REACHED = ("met", "on-track")
_BEHIND = ("at-risk", "off-track")
_OPEN = ("no-data", "target-pending")
#: panels beside each other
_COLUMNS = 3


def evaluation(found: Evidence) -> Document:
    """Return an evaluation as a document in Chinese.

    Every indicator of the plan is in it; one without a figure stands with its reason.
    """
    composer = Composer()
    _overview(composer, found)
    _all_indicators(composer, found)
    _groups(composer, found)
    evaluation_air.air(composer, found)
    evaluation_water.water(composer, found)
    evaluation_reductions.reductions(composer, found)
    evaluation_outlook.moved(composer, found)
    evaluation_outlook.ahead(composer, found)
    evaluation_outlook.gaps(composer, found)
    evaluation_outlook.further(composer, found)
    evaluation_annex.quality(composer, found)
    evaluation_annex.annex(composer, found)
    return Document(
        key=f"{found.district.key}-{found.form}-{found.year}",
        title=found.plan.title_zh,
        subtitle=_subtitle(found),
        district=found.district.name_zh,
        as_of=found.as_of,
        facts=_facts(found),
        parts=tuple(composer.parts),
    )


def _subtitle(found: Evidence) -> str:
    if found.form == "yearly":
        return f"{found.year} {FORMS[found.form]}"
    return f"{FORMS[found.form]}（{found.plan.first_year}—{found.year} 年）"


def _facts(found: Evidence) -> tuple[str, ...]:
    lines = [
        f"{found.district.name_zh}　{found.district.name_en}",
        f"数据截至 {clock(found.as_of)}（北京时间），按 {found.judged_on.isoformat()} 的判定",
    ]
    if found.district.is_example:
        lines.append("示例数据：点位、监测值、台账与文号均为示例，不是实际情况")
    return tuple(lines)


def clock(moment: str) -> str:
    """Return an ISO time for reading."""
    return moment.replace("T", " ")


def _overview(composer: Composer, found: Evidence) -> None:
    plan, records = found.plan, found.of_year()
    kinds = {item.number: item.kind for item in plan.indicator}
    binding = [record for record in records if kinds.get(record["indicator"]) == "binding"]
    others = [record for record in records if kinds.get(record["indicator"]) != "binding"]
    composer.chapter("总体情况")
    composer.say(
        f"规划（{plan.document}）以 {plan.baseline_year} 年为基准年、{plan.last_year} 年为目标年，设指标 {len(records)} 项，"
        f"其中约束性指标 {len(binding)} 项、预期性指标 {len(others)} 项。"
        f"{_closed(found)}，约束性与预期性指标分别统计。"
    )
    composer.section("判定结果")
    for name, rows in (("约束性指标", binding), ("预期性指标", others)):
        composer.say(f"{name} {len(rows)} 项：{_counted(rows)}。")
    used = [key for key in STATUS_ORDER if any(record["status"] == key for record in records)]
    composer.table(
        f"{found.year} 年指标判定结果统计（项）",
        ("状态", "约束性", "预期性", "合计", "指标序号"),
        [
            (
                status_cell(key),
                number(str(_count(binding, key))),
                number(str(_count(others, key))),
                number(str(_count(records, key))),
                Cell("、".join(str(row["indicator"]) for row in records if row["status"] == key)),
            )
            for key in used
        ],
        (2, 1.2, 1.2, 1.2, 4),
        empty="该年没有指标记录",
    )
    composer.note(
        "状态含义：已达标——达到规划目标年目标值；进展正常、有风险、未达标——目标年以前，对照由基数到目标的路径判定"
        "（统计口径调整的指标不画路径）；目标待下达——规划写明“完成市下达任务”，尚无数值；不适用——辖区内没有应评价的对象。"
    )
    if found.form != "yearly":
        _by_year(composer, found, kinds)
    behind = [record for record in records if record["status"] in _BEHIND]
    composer.section("未达标和有风险的指标")
    composer.items(
        [
            f"第 {row['indicator']} 项 {row['name']}（{kind_word(found.plan, row)}）：{row['reason_zh']}"
            for row in behind
        ],
        "没有未达标或有风险的指标。",
    )


def _closed(found: Evidence) -> str:
    over = found.judged_on.year > found.year
    state = "已经结束，按全年结果判定" if over else "尚未结束，按年内已有结果判定"
    return f"{found.year} 年{state}"


def _counted(records: Records) -> str:
    said = [f"{status_word(key)} {count} 项" for key in STATUS_ORDER if (count := _count(records, key)) > 0]
    return "，".join(said) or "没有记录"


def _count(records: Records, status: str) -> int:
    return sum(record["status"] == status for record in records)


def _by_year(composer: Composer, found: Evidence, kinds: Mapping[int, str]) -> None:
    rows = []
    for year in found.years:
        records = found.of_year(year)
        row = [Cell(str(year))]
        for kind in KINDS:
            mine = [record for record in records if kinds.get(record["indicator"]) == kind]
            row += [
                number(str(sum(record["status"] in group for record in mine)) if records else NONE)
                for group in (_REACHED, _BEHIND)
            ]
        open_ = sum(record["status"] in (*_OPEN, "not-applicable") for record in records)
        rows.append((*row, number(str(open_) if records else NONE)))
    composer.table(
        "逐年判定结果（项）",
        (
            "年份",
            "约束性：达标或正常",
            "约束性：风险或未达标",
            "预期性：达标或正常",
            "预期性：风险或未达标",
            "未能判定",
        ),
        rows,
        (1, 2, 2, 2, 2, 1.4),
        empty="没有逐年记录",
    )
    if missing := [str(year) for year in found.years if not found.of_year(year)]:
        composer.note(f"{'、'.join(missing)} 年没有任何数据入库，没有判定记录。")


def _all_indicators(composer: Composer, found: Evidence) -> None:
    composer.chapter("指标完成情况")
    by_number = {record["indicator"]: record for record in found.of_year()}
    rows = []
    for item in found.plan.indicator:
        record = by_number.get(item.number)
        if record is None:
            absent_why = f"第 {item.number} 项没有 {found.year} 年的记录"
            rows.append(cells(str(item.number), item.name_zh, *[NONE] * 7, absent_why, NONE))
            continue
        rows.append(
            cells(
                number(str(item.number)),
                item.name_zh + (" *" if item.basis_changed else ""),
                KINDS[item.kind],
                item.unit or NONE,
                number(shown(record["baseline"] or None)),
                number(target_text(record)),
                number(value_text(item, record), status_tone(record["status"])),
                number(ratio(record)),
                status_cell(record["status"]),
                record["reason_zh"] or NONE,
                f"{item.feeder.source_zh}；{record['standard']}"
                if record["standard"]
                else item.feeder.source_zh,
            )
        )
    composer.table(
        f"规划指标 {found.year} 年完成情况",
        (
            "序号",
            "指标",
            "属性",
            "单位",
            f"{found.plan.baseline_year} 年基数",
            f"{found.plan.last_year} 年目标",
            f"{found.year} 年值",
            "分子/分母",
            "状态",
            "说明",
            "数据来源；标准",
        ),
        rows,
        (0.9, 3, 1.1, 1, 1.3, 1.5, 1.2, 1.3, 1.7, 5, 2.4),
        empty=f"{found.year} 年没有指标记录",
        wide=True,
    )
    composer.note(
        "* 统计口径与“十三五”不同，基数不可比，不画路径；减排量只计核定量，上报量不计入。"
        "基数单位与目标不同的，连单位列出。比率一律同时给出分子与分母。"
    )


def _groups(composer: Composer, found: Evidence) -> None:
    composer.chapter("分领域完成情况")
    groups = dict.fromkeys(item.group_zh for item in found.plan.indicator)
    years = found.years
    for group in groups:
        items = [item for item in found.plan.indicator if item.group_zh == group]
        composer.section(group)
        rows = []
        for item in items:
            of_years = [_record_of(found, item, year) for year in years]
            last = of_years[-1]
            rows.append(
                cells(
                    number(str(item.number)),
                    f"{item.name_zh}（{item.unit}）" if item.unit else item.name_zh,
                    *[
                        number(
                            NONE if row is None else value_text(item, row),
                            status_tone(row["status"] if row else ""),
                        )
                        for row in of_years
                    ],
                    number(NONE if last is None else target_text(last)),
                    status_cell(last["status"] if last else "no-data"),
                )
            )
        composer.table(
            f"{group}类指标逐年值",
            ("序号", "指标", *[str(year) for year in years], f"{found.plan.last_year} 年目标", "状态"),
            rows,
            (0.9, 3, *[1.25] * len(years), 1.6, 1.7),
            empty="没有记录",
        )
        drawn = [panel for item in items if (panel := _panel(found, item, years)) is not None]
        composer.chart(
            f"{group}类指标逐年值（小图编号为指标序号，横轴为年份后两位）",
            drawn,
            columns=min(max(len(drawn), 2), _COLUMNS),
            height=1.4,
        )
        silent = [item for item in items if all(_value(found, item, year) is None for year in years)]
        if silent:
            composer.note(
                "没有任何年值的指标："
                + "；".join(f"{item.number} {item.name_zh}（{_why(found, item)}）" for item in silent)
                + "。"
            )


def _record_of(found: Evidence, item: Indicator, year: int) -> Record | None:
    return next((row for row in found.of_year(year) if row["indicator"] == item.number), None)


def _value(found: Evidence, item: Indicator, year: int) -> float | None:
    row = _record_of(found, item, year)
    return None if row is None or absent(row["value"]) else float(row["value"])


def _why(found: Evidence, item: Indicator) -> str:
    row = _record_of(found, item, found.year)
    return "没有记录" if row is None else str(row["reason_zh"]) or status_word(str(row["status"]))


def _panel(found: Evidence, item: Indicator, years: Sequence[int]) -> Panel | None:
    """Return the years of an indicator with its target; nothing where no year has a figure."""
    values = tuple(_value(found, item, year) for year in years)
    if all(value is None for value in values) or by_hand(item):
        return None
    last = _record_of(found, item, found.year)
    target = last["target"] if last is not None else None
    series = [Series("年值", values)]
    if isinstance(target, float | int):
        series.append(Series(f"{found.plan.last_year} 年目标", (float(target),) * len(years), "limit"))
    unit = f" ({item.unit})" if item.unit and drawable(item.unit) else ""
    return Panel(f"{item.number}{unit}", tuple(f"{year % 100:02d}" for year in years), tuple(series))
