"""The page of a night's revisions: what was corrected, by which file, and what it turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment

from reports.terminal import STATUS, plain
from vocabulary.clock import wall_time
from vocabulary.parameters import parameters

#: revised readings named one by one on the page; all of them are in `ecoplan revisions --json`
LISTED = 500

Report = Mapping[str, Sequence[Mapping[str, Any]]]

#: list of the report -> `kind` of its records where all lists stand in one
KINDS = {
    "readings": "reading",
    "sections": "section",
    "days": "day",
    "outlets": "outlet",
    "indicators": "indicator",
    "episodes": "episode",
    "deliveries": "delivery",
}

#: list of the report -> its title, and the columns of the terminal: heading in Chinese and English, keys;
#: two keys are shown as `old → new`
_TABLES: dict[str, tuple[tuple[str, str], tuple[tuple[str, str, str], ...]]] = {
    "sums": (
        ("修订的监测值", "Revised readings"),
        (
            ("区划", "district", "district"),
            ("点位", "site", "site"),
            ("因子", "parameter", "parameter"),
            ("个数", "count", "count"),
            ("自", "from", "first"),
            ("至", "to", "last"),
            ("文件", "file", "delivery"),
        ),
    ),
    "sections": (
        ("断面类别因修订而变化", "Section classes turned"),
        (
            ("区划", "district", "district"),
            ("断面", "section", "site"),
            ("时段", "period", "period"),
            ("类别", "class", "old_label new_label"),
            ("主要污染指标", "worst", "old_worst new_worst"),
            ("达标", "attained", "old_attained new_attained"),
            ("修订数", "revised", "revised_readings"),
        ),
    ),
    "days": (
        ("空气日因修订而变化", "Air days turned"),
        (
            ("区划", "district", "district"),
            ("点位", "site", "site"),
            ("日期", "day", "day"),
            ("标准", "edition", "edition"),
            ("AQI", "AQI", "old_aqi new_aqi"),
            ("首要污染物", "primary", "old_primary new_primary"),
            ("优良", "good", "old_good new_good"),
            ("修订数", "revised", "revised_readings"),
        ),
    ),
    "outlets": (
        ("排口判定因修订而变化", "Outlet verdicts turned"),
        (
            ("区划", "district", "district"),
            ("排口", "outlet", "site"),
            ("因子", "parameter", "parameter"),
            ("时段", "start", "start"),
            ("数值", "value", "old_value new_value"),
            ("判定", "verdict", "old_verdict new_verdict"),
        ),
    ),
    "indicators": (
        ("指标因修订而变化", "Indicators turned"),
        (
            ("区划", "district", "district"),
            ("年份", "period", "period"),
            ("序号", "no.", "indicator"),
            ("指标", "indicator", "name"),
            ("现值", "value", "old_value new_value"),
            ("单位", "unit", "unit"),
            ("状态", "status", "old_status new_status"),
        ),
    ),
    "episodes": (
        ("撤销的预警", "Episodes annulled"),
        (
            ("区划", "district", "district"),
            ("对象", "subject", "subject"),
            ("起", "since", "since"),
            ("内容", "message", "message"),
        ),
    ),
    "deliveries": (
        ("修订由哪些文件交付", "Who delivered it"),
        (
            ("区划", "district", "district"),
            ("来源", "source", "source"),
            ("文件", "file", "name"),
            ("签发", "issued", "issued_at"),
            ("修订", "revised", "revised"),
            ("采信", "believed", "believed"),
            ("迟到未采信", "outranked", "outranked"),
            ("获知", "known at", "known_at"),
        ),
    ),
}

KINDS_ZH = {"sample": "单次", "month": "月", "year": "年", "hour": "小时", "day": "日"}
VERDICTS = {
    "": ("未超标", "within the limit"),
    "exceed_hour": ("小时超标", "hour above the limit"),
    "warn_hour": ("小时预警", "hour above the daily limit"),
    "exceed_day": ("日均超标", "day above the limit"),
    "excluded": ("不参与判定", "left out"),
}


def has_revisions(report: Report) -> bool:
    """Tell whether any reading was revised, or a delivery brought a revision that nobody believed."""
    return bool(report["readings"] or report["deliveries"])


def by_revision(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the turned records in whose period a reading was revised."""
    return [row for row in rows if row["revised_readings"]]


def summed(readings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count revised readings by file, site and parameter, with the first and the last time."""
    if not readings:
        return []
    frame = pd.DataFrame(readings)[["district", "site", "parameter", "delivery", "observed_at"]]
    grouped = frame.groupby(["district", "site", "parameter", "delivery"], sort=True)["observed_at"]
    counted = grouped.agg(count="size", first="min", last="max").reset_index()
    records: list[dict[str, Any]] = counted.to_dict("records")
    return records


def revision_tables(report: Report, *, language: str = "zh") -> list[tuple[str, list[dict[str, str]]]]:
    """Return what the terminal shows: title and records whose keys are headings; empty tables are left out.

    Turned records in whose period no reading was revised are left out; JSON has them.
    """
    place = 0 if language == "zh" else 1
    lists: dict[str, Sequence[Mapping[str, Any]]] = {**report, "sums": summed(report["readings"])}
    tables = []
    for key, (title, columns) in _TABLES.items():
        rows = lists[key]
        if rows and "revised_readings" in rows[0]:
            rows = by_revision(rows)
        shown = [
            {
                # what did not change is said once
                column[place]: " → ".join(
                    dict.fromkeys(_shown(row[name], place) for name in column[2].split())
                )
                for column in columns
            }
            for row in rows
        ]
        if shown:
            tables.append((title[place], shown))
    return tables


def _shown(value: object, place: int) -> str:
    """Return one value for the terminal; codes in words."""
    if isinstance(value, str) and value in STATUS:
        return STATUS[value][place]
    if isinstance(value, str) and value in VERDICTS:
        return VERDICTS[value][place] if value else "—"
    return plain(value) or "—"


def revisions_html(
    report: Report, *, run_date: date, since: datetime, until: datetime, names: Mapping[str, str]
) -> str:
    """Return the revisions of a span as one HTML page, Chinese first; every text is escaped.

    Parameters
    ----------
    report
        From `flows.revisions.revision_report`.
    run_date
        The night's date, for the title.
    since, until
        The span of known-at times, UTC without zone.
    names
        District or site key -> Chinese name.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = plain
    environment.filters["name"] = lambda key: names.get(key, key)
    known = parameters()
    environment.filters["factor"] = lambda key: known[key].zh if key in known else key
    environment.filters["factors"] = lambda keys: "、".join(
        known[key].zh if key in known else key for key in str(keys or "").split(",")
    )
    environment.filters["clock"] = lambda text: str(text or "")[:16].replace("T", " ")
    template = environment.from_string(
        files("reports").joinpath("templates/revisions.html").read_text("utf-8")
    )
    turned = {key: by_revision(report[key]) for key in ("sections", "days", "outlets", "indicators")}
    others = {key: len(report[key]) - len(turned[key]) for key in turned}
    return template.render(
        r=report,
        turned=turned,
        others=others,
        sums=summed(report["readings"]),
        listed=LISTED,
        run_date=run_date.isoformat(),
        since=f"{wall_time(since):%Y-%m-%d %H:%M:%S}",
        until=f"{wall_time(until):%Y-%m-%d %H:%M:%S}",
        status=STATUS,
        kinds=KINDS_ZH,
        verdicts=VERDICTS,
    )
