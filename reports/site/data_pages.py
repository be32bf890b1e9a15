"""Pages about the data and the program: quality, alerts, the run, documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.site.drawing import coverage_bands
from reports.site.palette import coverage_levels
from reports.site.render import render
from vocabulary.parameters import parameters

Record = Mapping[str, Any]

#: closed episodes that have their evidence on the page; the rest are in `ecoplan alerts list`
CLOSED = 150
#: weeks of quarantine reasons that the page shows, the newest first
WEEKS = 8
#: rows of a delivery that the run's page names one by one
_NAMED = 200

_STATES = {
    "pending": ("待确认", "pending"),
    "firing": ("预警中", "firing"),
    "acknowledged": ("已签收", "acknowledged"),
    "resolved": ("已结束", "resolved"),
    "reopened": ("重新预警", "reopened"),
    "annulled": ("已撤销", "annulled"),
}
_LEVELS = {
    "red": ("红色", "red"),
    "orange": ("橙色", "orange"),
    "yellow": ("黄色", "yellow"),
    "blue": ("蓝色", "blue"),
}
_WAITING = {"open": ("待处理", "open"), "dismissed": ("已驳回", "dismissed")}
RUN_STATES = {
    "done": ("完成", "done"),
    "findings": ("完成，有事项需人工处理", "done, with findings for a person"),
    "failed": ("有来源或通道失败", "a source or channel failed"),
    "running": ("运行中", "running"),
}
_STAGES = {
    "load": ("收取入库", "load"),
    "evaluate": ("重算与预警", "evaluate and alert"),
    "send": ("发送消息", "send"),
    "report": ("发布报告", "report"),
}
_KINDS = {
    "nightly": ("夜间运行", "nightly"),
    "backfill": ("补录", "backfill"),
    "load": ("零散入库", "one-off load"),
    "replay": ("重放", "replay"),
}


def shown_episode(row: Record, sites: Mapping[str, Record]) -> dict[str, Any]:
    """Return an episode as pages show it.

    Parameters
    ----------
    row
        A row of the table `episodes`.
    sites
        Site key -> name, href (of its page; '' without one).
    """
    try:
        evidence = json.loads(row["evidence"] or "{}")
    except ValueError:
        evidence = {}
    known = parameters()
    site = sites.get(row["subject"], {"name": row["subject"], "href": ""})
    readings = evidence.get("readings", []) if isinstance(evidence, dict) else []
    return {
        "id": row["id"],
        "rule": row["rule"],
        "district": row["district"],
        "subject": row["subject"],
        "name": site["name"],
        "page": site["href"],
        "state": row["state"],
        "state_zh": _STATES.get(row["state"], (row["state"],) * 2)[0],
        "state_en": _STATES.get(row["state"], (row["state"],) * 2)[1],
        "level_zh": _LEVELS.get(row["level"], (row["level"],) * 2)[0],
        "level_en": _LEVELS.get(row["level"], (row["level"],) * 2)[1],
        "since": str(row["since"]),
        "until": None if row["until"] is None else str(row["until"]),
        "limit": row["limit"],
        "clause": str(evidence.get("clause", "")) if isinstance(evidence, dict) else "",
        "message_zh": row["message_zh"],
        "message_en": row["message_en"],
        "evidence": [
            {
                "at": reading.get("observed_at", ""),
                "zh": known[reading["parameter"]].zh
                if reading.get("parameter") in known
                else reading.get("parameter", ""),
                "en": known[reading["parameter"]].en
                if reading.get("parameter") in known
                else reading.get("parameter", ""),
                **{name: reading.get(name) for name in ("value", "limit", "multiple", "row")},
                **{name: reading.get(name) or "" for name in ("unit", "delivery", "sheet", "column")},
            }
            for reading in readings
            if isinstance(reading, dict)
        ],
    }


def alerts_page(episodes: Sequence[Record], common: Record) -> bytes:
    """Return the page of all episodes: open ones, then the latest closed ones."""
    closed = [episode for episode in episodes if not is_open(episode)]
    return render(
        "site_alerts.html",
        title=("预警事件", "Episodes"),
        open_ones=[episode for episode in episodes if is_open(episode)],
        closed=closed[:CLOSED],
        n_closed=len(closed),
        **common,
    )


def is_open(episode: Record) -> bool:
    """Tell whether an episode has not ended."""
    return episode["state"] not in {"resolved", "annulled"}


def quality_page(districts: Sequence[Record], links: Record, common: Record) -> bytes:
    """Return the page of the data's quality.

    Parameters
    ----------
    districts
        key, name_zh, name_en, data (as `flows.site.quality` gathers).
    links
        judged (path of the pages of judged quality or ''), revisions (paths of the nights' pages).
    """
    shown = []
    for district in districts:
        data = district["data"]
        titles = {source["source"]: (source["zh"], source["en"]) for source in data["sources"]}
        names = list(data["shares"])
        newest = sorted({row["week"] for row in data["weeks"]}, reverse=True)[:WEEKS]
        shown.append(
            {
                **{name: district[name] for name in ("key", "name_zh", "name_en")},
                "drawing": coverage_bands(
                    names,
                    data["days"],
                    data["shares"],
                    (
                        f"{district['name_zh']} 各来源逐日覆盖",
                        f"{district['name_en']}: coverage by source and day",
                    ),
                ),
                "months": sorted({month for row in data["months"].values() for month in row}),
                "coverage": [
                    {
                        "source": key,
                        "titles": titles.get(key, (key, key)),
                        "usual": data["usual"][key],
                        "months": data["months"][key],
                    }
                    for key in names
                ],
                "sources": data["sources"],
                "flags": data["flags"],
                "revised": data["revised"],
                "weeks": [
                    row | {"state_words": _WAITING.get(row["state"], (row["state"],) * 2)}
                    for row in data["weeks"]
                    if row["week"] in newest
                ],
            }
        )
    return render(
        "site_quality.html",
        title=("数据质量", "Quality of the data"),
        districts=shown,
        levels=[shade for _, shade in coverage_levels()],
        weeks_shown=WEEKS,
        links=links,
        **common,
    )


def run_page(summary: Record, common: Record) -> bytes:
    """Return the page of a run: sources and their balance, what was evaluated, what needs a person."""
    notable = [
        row | {"source": report["source"]}
        for report in summary["sources"]
        for row in report["deliveries"]
        if row["quarantined"] or row["revised"] or row["state"] != "loaded"
    ]
    return render(
        "site_run.html",
        title=("本次运行", "This run"),
        s=summary,
        kind=_KINDS.get(summary["kind"], (summary["kind"],) * 2),
        status=RUN_STATES.get(summary["status"], (summary["status"],) * 2),
        stages=[(_STAGES.get(name, (name, name)), seconds) for name, seconds in summary["stages"].items()],
        notable=notable[:_NAMED],
        n_notable=len(notable),
        n_deliveries=sum(len(report["deliveries"]) for report in summary["sources"]),
        **common,
    )


def documents_page(
    documents: Sequence[Record], files: Mapping[Any, Sequence[Record]], common: Record
) -> bytes:
    """Return the list of documents, workbooks and the other pages beside the site."""
    return render(
        "site_documents.html",
        title=("文档", "Documents"),
        documents=documents,
        files=files,
        **common,
    )
