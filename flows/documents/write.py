"""Documents of a district, written on demand: evaluations of the plan and quarterly bulletins.

Made from the warehouse as of a stated time, so that they can be given again: the same time and warehouse give
the same bytes. Beside the files lies a record (`<name>.json`) that says what they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from flows.documents.bulletins import black_odorous_facts, latest_quarter, section_facts
from flows.documents.facts import evaluation_facts, judged_on, latest_change
from flows.run import write_whole
from reports.documents.bulletins import BulletinFacts, black_odorous_bulletin, sections_bulletin
from reports.documents.evaluation import evaluation
from reports.documents.evidence import Evidence
from reports.documents.listing import documents_html
from reports.documents.model import Document, DocumentError
from vocabulary.district import District
from vocabulary.plan import Plan

Format = Literal["html", "docx"]
#: milestones of a plan that its evaluations are due at
_DUE = {"mid-term": "midterm", "final": "final"}
_RECORD = ".json"


@dataclass(frozen=True)
class Made:
    """A document that was written: its files, and the record beside them."""

    document: Document
    files: tuple[Path, ...]
    record: dict[str, Any]


def document_time(connection: Connection, as_of: datetime | None) -> datetime:
    """Return the time of knowledge, UTC: the one stated, else just after the warehouse's last change.

    Raises
    ------
    DocumentError
        When nothing ever ran.
    """
    moment = as_of or latest_change(connection)
    if moment is None:
        raise DocumentError("仓库还是空的，没有可写的结果 / the warehouse is empty: nothing to write about")
    return moment


def evaluation_document(
    connection: Connection,
    district: District,
    form: Literal["yearly", "mid-term", "final"],
    *,
    year: int | None = None,
    as_of: datetime | None = None,
) -> tuple[Document, Evidence]:
    """Return an evaluation of a district's plan and what it rests on.

    Parameters
    ----------
    connection
        To the warehouse; only read.
    form
        yearly: of `year`, by default the last one that was over; mid-term, final: of the plan's years up to
        the one its milestone falls in.
    as_of
        UTC without zone; without it just after the warehouse's last change.

    Raises
    ------
    DocumentError
        When no plan covers the year, or no indicator of it is on record.
    """
    moment = document_time(connection, as_of)
    day = judged_on(connection, moment)
    plan, chosen = _plan_and_year(district, form, year, day)
    found = evaluation_facts(connection, district, form, plan, chosen, moment)
    return evaluation(found), found


def bulletin_document(
    connection: Connection,
    district: District,
    form: Literal["sections", "black-odorous"],
    *,
    quarter: str | None = None,
    as_of: datetime | None = None,
) -> tuple[Document, BulletinFacts]:
    """Return a quarterly bulletin and what it rests on.

    Parameters
    ----------
    connection
        To the warehouse; only read.
    form
        sections: quality by functional zone; black-odorous: the register for the public.
    quarter
        `2026-Q1`; without it the last one that was over on the day of the latest run.
    as_of
        UTC without zone; without it just after the warehouse's last change.

    Raises
    ------
    DocumentError
        When there is nothing to write about.
    flows.answers.records.PeriodError
        When `quarter` is none.
    """
    moment = document_time(connection, as_of)
    wanted = quarter or latest_quarter(connection, moment)
    if form == "sections":
        found = section_facts(connection, district, wanted, moment)
        return sections_bulletin(found), found
    found = black_odorous_facts(connection, district, wanted, moment)
    return black_odorous_bulletin(found), found


def _plan_and_year(district: District, form: str, year: int | None, day: date) -> tuple[Plan, int]:
    """Return the plan and the year an evaluation is about."""
    if form == "yearly":
        wanted = day.year - 1 if year is None else year
        plan = district.plan_for(wanted)
        if plan is None:
            known = "、".join(f"{item.first_year}–{item.last_year}" for item in district.plans)
            raise DocumentError(
                f"{district.key} 没有覆盖 {wanted} 年的规划，已有 {known} / no plan of {district.key} covers {wanted}, "
                f"known: {known}"
            )
        return plan, wanted
    due = {
        item.due.year: plan for plan in district.plans for item in plan.milestone if item.key == _DUE[form]
    }
    # without a wish the latest that was due, or the first one of all
    past = [one for one in due if one <= day.year]
    wanted = year if year is not None else (max(past) if past else min(due, default=0))
    if wanted not in due:
        known = "、".join(map(str, due)) or "无"
        raise DocumentError(
            f"{district.key} 的规划没有 {wanted} 年的{form}评估，规定年份：{known} / no {form} evaluation is due in "
            f"{wanted}, known: {known}"
        )
    return due[wanted], wanted


def write_documents(
    document: Document,
    folder: Path,
    formats: Sequence[Format],
    *,
    form: str,
    fingerprint: str,
    dump: str = "",
) -> Made:
    """Write a document's files and its record into a folder, each whole or not at all.

    The name tells the time of knowledge, so that an earlier document keeps its place.
    """
    # drawing and word processing take a second to import, and nobody else needs them
    from reports.documents.page import document_html  # noqa: PLC0415  # as said above
    from reports.documents.word import document_docx  # noqa: PLC0415  # as said above

    stamp = "".join(sign for sign in document.as_of if sign not in "-:")
    stem = f"{document.key}-{stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, bytes] = {}
    if "html" in formats:
        contents[f"{stem}.html"] = document_html(document).encode()
    if "docx" in formats:
        contents[f"{stem}.docx"] = document_docx(document)
    for name, content in contents.items():
        write_whole(folder / name, content)
    record = {
        "district": document.district,
        "form": form,
        "title": f"{document.title} {document.subtitle}",
        "as_of": document.as_of,
        "fingerprint": fingerprint,
        "dump_sha256": dump,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    write_whole(folder / f"{stem}{_RECORD}", json.dumps(record, ensure_ascii=False, indent=1).encode())
    return Made(document, tuple(folder / name for name in contents), record)


def publish_documents(home: Path) -> Path:
    """Write the page that lists the documents made so far, and return it."""
    listed: dict[tuple[str, str], dict[str, Any]] = {}
    for item in documents_index(home):
        entry = listed.setdefault((item["title"], item["as_of"]), {**item, "files": []})
        entry["files"].append({"name": item["path"].rpartition("/")[2], "format": item["format"]})
    page = documents_folder(home) / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_whole(page, documents_html(list(listed.values())).encode())
    return page


def documents_folder(home: Path) -> Path:
    """Return where documents lie below a home."""
    return home / "report" / "documents"


def documents_index(home: Path) -> list[dict[str, Any]]:
    """Return the documents made so far, for the site: one record a file, the newest knowledge first.

    Returns
    -------
    list of dict
        title, path (relative to `report/`, with `/`), format, form, district, as_of, sha256. A record whose
        file was removed is left out.
    """
    folder = documents_folder(home)
    found = []
    for file in sorted(folder.glob(f"*{_RECORD}")):
        record = json.loads(file.read_text("utf-8"))
        found += [
            {
                "title": record["title"],
                "path": f"documents/{name}",
                "format": name.rpartition(".")[2],
                "form": record["form"],
                "district": record["district"],
                "as_of": record["as_of"],
                "sha256": digest,
            }
            for name, digest in record["files"].items()
            if (folder / name).is_file()
        ]
    return sorted(found, key=lambda item: (item["as_of"], item["title"], item["format"]), reverse=True)
