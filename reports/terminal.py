"""What the terminal shows: tables of plain records, Chinese first, English by setting."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vocabulary.rounding import round_half_even

#: status of an indicator -> how it reads, and its colour beside the words
STATUS = {
    "met": ("已达标", "met", "green"),
    "on-track": ("进展正常", "on track", "green"),
    "at-risk": ("有风险", "at risk", "yellow"),
    "off-track": ("未达标", "off track", "red"),
    "not-applicable": ("不适用", "not applicable", "dim"),
    "no-data": ("暂无数据", "no data", "dim"),
    "target-pending": ("目标待下达", "target pending", "cyan"),
    "qualitative": ("定性指标", "qualitative", "cyan"),
}

#: column key -> heading in Chinese and English
HEADINGS = {
    "district": ("区划", "district"),
    "site": ("点位", "site"),
    "name": ("名称", "name"),
    "river": ("河流", "river"),
    "period": ("时段", "period"),
    "class": ("类别", "class"),
    "label": ("水质", "label"),
    "items_used": ("参评项数", "items"),
    "worst": ("主要污染指标", "main pollutants"),
    "multiples": ("超标倍数", "multiples"),
    "target_class": ("目标", "target"),
    "attained": ("达标", "attained"),
    "standard": ("标准", "standard"),
    "known_at": ("截至", "known at"),
    "source": ("来源", "source"),
    "found": ("文件", "files"),
    "known": ("已知", "known"),
    "loaded": ("入库", "loaded"),
    "refused": ("拒收", "refused"),
    "cells_in": ("单元格", "cells in"),
    "new": ("新增", "new"),
    "revised": ("修订", "revised"),
    "unchanged": ("未变", "unchanged"),
    "duplicate": ("重复", "duplicate"),
    "quarantined": ("隔离", "quarantined"),
    "blank": ("空白", "blank"),
    "indicator": ("序号", "no."),
    "value": ("现值", "value"),
    "unit": ("单位", "unit"),
    "target": ("目标", "target"),
    "baseline": ("基数", "baseline"),
    "status": ("状态", "status"),
    "remaining": ("剩余空间", "remaining"),
    "ratio": ("分子/分母", "of"),
    "projection": ("年末预测", "projection"),
    "kind": ("分类", "kind"),
    "amount": ("量", "amount"),
    "share": ("占比 %", "share %"),
    "note": ("说明", "note"),
    "reason": ("说明", "reason"),
    "rule": ("规则", "rule"),
    "subject": ("对象", "subject"),
    "level": ("级别", "level"),
    "state": ("状态", "state"),
    "since": ("起", "since"),
    "until": ("止", "until"),
    "limit": ("限值", "limit"),
    "message": ("内容", "message"),
    "parameter": ("因子", "parameter"),
    "statistic": ("统计量", "statistic"),
    "verdict": ("判定", "verdict"),
    "code": ("原因代码", "code"),
    "row": ("行", "row"),
    "column": ("列", "column"),
    "raw": ("原文", "raw"),
    "delivery": ("文件", "file"),
    "balance": ("收支", "balance"),
    "hours_judged": ("判定小时", "hours"),
    "exceed_hour": ("小时超标", "hours over"),
    "warn_hour": ("预警", "warned"),
    "excluded": ("不参与", "excluded"),
    "days_judged": ("判定日", "days"),
    "exceed_day": ("日均超标", "days over"),
    "highest": ("最高", "highest"),
    "tonnes": ("排放量 t", "tonnes"),
    "capture_rate": ("捕集率", "capture"),
    "permit": ("本年累计/许可", "year of permit"),
    "setting": ("设置", "setting"),
    "origin": ("来自", "from"),
}

_LANGUAGE = {"zh": 0, "en": 1}


def plain(value: object) -> str:
    """Return a value as one line of terminal text: no control characters, no mark-up, no escape codes."""
    if value is None or value != value:  # noqa: PLR0124  # NaN is the only value unequal to itself
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)


def figure(value: object, unit: str, decimals: int | None = None) -> str:
    """Return an indicator's value as it is written: a ratio with the plan's decimals, 67.0 and not 67.

    Parameters
    ----------
    value, unit
        As the record has them.
    decimals
        Of the plan; None where no plan says so: as many as the value has, at least one.
    """
    if isinstance(value, float) and value == value and unit == "%":  # noqa: PLR0124  # not NaN
        if decimals is not None:
            return _places(value, decimals)
        text = plain(value)
        return text if "." in text else f"{text}.0"
    return plain(value)


def expected(record: Mapping[str, Any]) -> str:
    """Return a projection with its interval as one short text: `39.6 (36.3–44.1)`; '' where there is none."""
    unit, decimals = str(record["unit"]), record.get("decimals")
    found = [figure(record.get(name), unit, decimals) for name in ("projection", "low", "high")]
    return f"{found[0]} ({found[1]}–{found[2]})" if all(found) else ""


#: a projection as a reason tells it, in Chinese and English
_PROJECTED = (re.compile(r"；年末预测 [^）]*）"), re.compile(r"; projected for the year's end [^)]*\)"))
#: the English half of a budget, and the Chinese one
_HALVES = (re.compile(r" / [^；]*"), re.compile(r"^[^；]*? / "))


def _one_language(remaining: str, place: int) -> str:
    """Return the half of a budget that is in the reader's language; the sections named after it stay."""
    return _HALVES[place].sub("", remaining, count=1)


def permit_used(record: Mapping[str, Any], language: str = "zh") -> str:
    """Return how much of a year's permitted tonnes an outlet's item has used: `12.3/365 t (3.4 %)`."""
    place = _LANGUAGE[language]
    if record["permit_tonnes"] is None:
        # an item without mass (pH) has no total to register
        missing = ("未登记许可排放量", "not registered")[place]
        return missing if record["year_tonnes"] is not None else ""
    if record["year_tonnes"] is None:
        return f"—/{plain(record['permit_tonnes'])} t"
    tonnes, share = _places(record["year_tonnes"], 3), record["permit_share"]
    part = "" if share is None else f" ({_places(share * 100, 1)} %)"
    whose = ("（全厂）", " (enterprise)")[place] if record["permit_of"] == "enterprise" else ""
    return f"{tonnes}/{plain(record['permit_tonnes'])} t{part}{whose}"


def show_emissions(
    console: Console, records: Sequence[Mapping[str, Any]], *, title: str, language: str = "zh"
) -> None:
    """Print outlets' items: counts of hours and days, tonnes, capture rate, and the year beside its permit."""
    shown = [
        {
            **record,
            "tonnes": _places(record["tonnes"], 3),
            "capture_rate": _places(record["capture_rate"], 4),
            "permit": permit_used(record, language),
        }
        for record in records
    ]
    columns = (
        "site parameter hours_judged exceed_hour warn_hour excluded days_judged exceed_day highest limit tonnes "
        "capture_rate permit"
    )
    show_records(console, shown, columns.split(), title=title, language=language)


def _places(value: float | None, places: int) -> str:
    """Return a figure with its places, half to even on the decimal; nothing where there is none."""
    return "" if value is None else f"{round_half_even([value], places)[0]:.{places}f}"


def heading(key: str, language: str = "zh") -> str:
    """Return the heading of a column."""
    return HEADINGS.get(key, (key, key))[_LANGUAGE[language]]


def show_records(
    console: Console,
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    title: str = "",
    language: str = "zh",
) -> None:
    """Print records as a table; long cells are folded, nothing is cut off."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        number = all(isinstance(record.get(column), int | float) for record in records)
        table.add_column(
            heading(column, language), overflow="fold", justify="right" if number and records else "left"
        )
    for record in records:
        table.add_row(*[Text(plain(record.get(column))) for column in columns])
    console.print(table)


def show_indicators(
    console: Console, records: Sequence[Mapping[str, Any]], *, title: str, language: str = "zh"
) -> None:
    """Print one district's indicators: all of them, those without a figure with their reason."""
    place = _LANGUAGE[language]
    table = Table(title=title, title_justify="left", header_style="bold")
    for key in (
        "indicator",
        "name",
        "unit",
        "baseline",
        "value",
        "ratio",
        "target",
        "projection",
        "status",
        "reason",
    ):
        table.add_column(heading(key, language), overflow="fold")
    for record in records:
        label, english, colour = STATUS.get(str(record["status"]), (record["status"], record["status"], ""))
        of = ""
        if record.get("denominator") is not None and record["denominator"] == record["denominator"]:
            of = f"{plain(record['numerator'])}/{plain(record['denominator'])}"
        reason = [
            _one_language(plain(record.get("remaining")), place),
            # what stands in its own column is not told twice
            _PROJECTED[place].sub("", plain(record.get("reason_zh" if place == 0 else "reason_en"))),
        ]
        table.add_row(
            plain(record["indicator"]),
            Text(plain(record["name"])),
            Text(plain(record["unit"])),
            Text(plain(record["baseline"])),
            figure(record["value"], str(record["unit"]), record.get("decimals")),
            of,
            Text(plain(record["target"])),
            Text(expected(record)),
            Text((label, english)[place], style=colour),
            Text("；".join(part for part in reason if part)),
        )
    console.print(table)


#: kind of a contribution -> how it reads
_KINDS = {
    "month": ("月份", "month"),
    "station": ("站点", "station"),
    "pollutant": ("首要污染物", "pollutant"),
    "factor": ("因子", "factor"),
    "section": ("断面", "section"),
}


def show_contributions(
    console: Console,
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    title: str,
    language: str = "zh",
) -> None:
    """Print what moved an indicator: amounts with two decimals, kinds in words."""
    place = _LANGUAGE[language]
    shown = [
        {
            **record,
            "kind": _KINDS[str(record["kind"])][place],
            "amount": _places(record["amount"], 2).rstrip("0").rstrip("."),
            "share": _places(record["share"], 1),
        }
        for record in records
    ]
    show_records(console, shown, columns, title=title, language=language)


def show_secondary(
    console: Console, records: Sequence[Mapping[str, Any]], *, title: str, language: str = "zh"
) -> None:
    """Print further targets, then milestones, each with its state and reason."""
    place = _LANGUAGE[language]
    shown = [
        {
            **record,
            "status": STATUS.get(str(record["status"]), (record["status"],) * 2)[place],
            "reason": record["reason_zh" if place == 0 else "reason_en"],
        }
        for record in records
    ]
    show_records(
        console,
        shown,
        ("name", "value", "unit", "target", "status", "reason"),
        title=title,
        language=language,
    )


def show_episodes(console: Console, records: Sequence[Mapping[str, Any]], *, language: str = "zh") -> None:
    """Print episodes, open ones first."""
    title = ("预警事件", "Episodes")[_LANGUAGE[language]]
    if not records:
        console.print(f"{title}: {('无', 'none')[_LANGUAGE[language]]}")
        return
    ordered = sorted(records, key=lambda record: (record["until"] is not None, record["since"]))
    show_records(
        console,
        ordered,
        ("id", "district", "subject", "level", "state", "since", "until", "class", "message"),
        title=title,
        language=language,
    )


def show_sources(console: Console, reports: Sequence[Mapping[str, Any]], *, language: str = "zh") -> None:
    """Print what each source gave, and whether its cells add up."""
    counts = ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank")
    records = []
    for report in reports:
        numbers = {name: report["counts"].get(name, 0) for name in counts}
        even = numbers["cells_in"] == sum(numbers[name] for name in counts[1:])
        records.append(
            {
                **{key: report[key] for key in ("district", "source", "found", "known", "loaded", "refused")},
                **numbers,
                "balance": "✓" if even else "✗",
            }
        )
    show_records(
        console,
        records,
        ("district", "source", "found", "known", "loaded", "refused", *counts, "balance"),
        title=("本次收取（单元格收支）", "This run (balance of cells)")[_LANGUAGE[language]],
        language=language,
    )


def show_facts(console: Console, record: Mapping[str, Any], *, indent: int = 0) -> None:
    """Print one record, nested as deep as it is, a fact a line."""
    pad = "  " * indent
    for key, value in record.items():
        if isinstance(value, Mapping):
            console.print(f"{pad}{plain(key)}:", markup=False)
            show_facts(console, value, indent=indent + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            console.print(f"{pad}{plain(key)}:", markup=False)
            for item in value:
                show_facts(console, item, indent=indent + 1)
                console.print()
        elif isinstance(value, list):
            console.print(f"{pad}{plain(key)}: {'; '.join(plain(item) for item in value)}", markup=False)
        else:
            console.print(f"{pad}{plain(key)}: {plain(value)}", markup=False)


#: deliveries named one by one at the end of a run; the whole list is in the summary file
_NAMED = 30


def show_deliveries(console: Console, reports: Sequence[Mapping[str, Any]], *, language: str = "zh") -> None:
    """Print the balance of each delivery of the run; many are counted by source and month instead."""
    counts = ("cells_in", "new", "revised", "unchanged", "duplicate", "quarantined", "blank")
    rows = [{**item, "source": report["source"]} for report in reports for item in report["deliveries"]]
    uneven = [row for row in rows if row["cells_in"] != sum(row[name] for name in counts[1:])]
    place = _LANGUAGE[language]
    said = (
        f"本次 {len(rows)} 份交付逐份核对：{len(rows) - len(uneven)} 份收支相符，{len(uneven)} 份不符",
        f"{len(rows)} deliveries checked one by one: {len(rows) - len(uneven)} balance, {len(uneven)} do not",
    )
    console.print(said[place])
    notable = rows if len(rows) <= _NAMED else [row for row in rows if row["quarantined"] or row["revised"]]
    if notable:
        title = ("逐份收支", "Balance per delivery")[place]
        if len(notable) < len(rows):
            title += ("（仅列有修订或隔离的）", " (those with revisions or quarantine)")[place]
        shown = [{**row, "name": row["name"].rsplit("/", 1)[-1]} for row in notable[:_NAMED]]
        show_records(console, shown, ("source", "name", "state", *counts), title=title, language=language)
        if len(notable) > _NAMED:
            left = len(notable) - _NAMED
            console.print((f"……另有 {left} 份，见运行摘要", f"… {left} more in the run summary")[place])


def show_run(console: Console, summary: Mapping[str, Any], *, language: str = "zh") -> None:
    """Print a run's end: sources, balance, indicators, episodes, findings, and where everything lies."""
    place = _LANGUAGE[language]
    show_sources(console, summary["sources"], language=language)
    show_deliveries(console, summary["sources"], language=language)
    by_district: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in summary["indicators"]:
        by_district.setdefault((record["district"], record["period"]), []).append(record)
    for (district, period), records in by_district.items():
        title = (f"规划指标 {district} {period}", f"Plan indicators {district} {period}")[place]
        show_indicators(console, records, title=title, language=language)
    if not summary["dry_run"]:
        show_episodes(console, summary["episodes"], language=language)
    for report in summary["sources"]:
        for line in report["findings"]:
            console.print(f"• {report['district']}/{report['source']} {plain(line)}", markup=False)
        if report["failure"]:
            console.print(
                f"✗ {report['district']}/{report['source']} {plain(report['failure'])}",
                style="red",
                markup=False,
            )
    for line in [*summary["failures"], *summary["findings"]]:
        console.print(f"• {plain(line)}", markup=False)
    for name, where in summary["places"].items():
        console.print(f"{name}: {where}", markup=False)
    stages = " ".join(f"{name} {seconds:.1f}s" for name, seconds in summary["stages"].items())
    words = {"done": "完成", "findings": "完成，有事项需人工处理", "failed": "有来源或通道失败"}
    label = (words.get(summary["status"], summary["status"]), summary["status"])[place]
    console.print(f"{summary['kind']} {summary['run_date']}: {label}（{stages}）", style="bold", markup=False)
