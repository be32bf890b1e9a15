"""Export the warehouse as files that describe themselves: one a table, and `datapackage.json`.

The package follows the Frictionless Data Package standard (specs.frictionlessdata.io, version 1):
resources with path, schema, bytes, hash and number of rows. All of it is written into a folder beside the
wanted one, which then takes its place by a rename: a reader sees a whole export or none.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from sqlalchemy import Connection

from reports.export_fields import ExportTable, export_tables
from reports.export_files import write_csv, write_parquet
from reports.export_rows import Choice, rows_of, sorted_episodes
from reports.spreadsheet import Workbook
from vocabulary.clock import wall_time

Form = Literal["parquet", "csv", "xlsx"]

PACKAGE = "datapackage.json"
_GENERATOR = "ecoplan export"
_WORKBOOK = "ecoplan.xlsx"
_MEDIA = {
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ESCAPE_ZH = "文本以 = + - @、制表符或换行开头的，前加一个单引号，防止被电子表格当作公式；数字不变。"
_ESCAPE_EN = (
    "Texts that begin with = + - @, a tab or a line break have an apostrophe before them, so that no spreadsheet "
    "program runs them as a formula; numbers are as they are."
)


class ExportError(Exception):
    """The export cannot be written where it was asked for."""


@dataclass(frozen=True)
class Known:
    """What an export says of itself: when it was known, and the standards its results rest on."""

    known_at: datetime
    standards: Sequence[Mapping[str, Any]]


def write_export(
    connection: Connection,
    folder: Path,
    form: Form,
    choice: Choice,
    episodes: list[Mapping[str, Any]],
    known: Known,
) -> dict[str, Any]:
    """Write an export into `folder` and return its package, as `datapackage.json` holds it.

    Parameters
    ----------
    connection
        To the warehouse; one state of it is read.
    folder
        Where the export stands afterwards. An earlier export in it is replaced.
    form
        parquet, csv or xlsx.
    choice
        Districts, range of time and known-at time.
    episodes
        Records with the fields of the table `episodes`.
    known
        What the package says of itself.

    Raises
    ------
    ExportError
        `folder` holds something that is no earlier export.
    reports.spreadsheet.SheetTooLongError
        A table is too long for a sheet.
    """
    with _replacing(folder) as fresh:
        parts = _parts(connection, choice, episodes)
        if form == "xlsx":
            resources = _write_workbook(fresh, parts, choice, known)
        else:
            resources = [_write_file(fresh, form, table, rows) for table, rows in parts]
        package = _package(form, choice, known, resources)
        text = json.dumps(package, ensure_ascii=False, indent=1)
        (fresh / PACKAGE).write_text(text + "\n", encoding="utf-8")
    return package


def _parts(
    connection: Connection, choice: Choice, episodes: list[Mapping[str, Any]]
) -> Iterator[tuple[ExportTable, Iterable[pa.Table]]]:
    for table in export_tables():
        if table.name == "episodes":
            yield table, [sorted_episodes(episodes, table)]
        else:
            yield table, rows_of(connection, table, choice)


def _write_file(folder: Path, form: Form, table: ExportTable, rows: Iterable[pa.Table]) -> dict[str, Any]:
    path = folder / f"{table.name}.{form}"
    count = (write_csv if form == "csv" else write_parquet)(path, table, rows)
    return _resource(path, form, table, count)


def _write_workbook(
    folder: Path, parts: Iterable[tuple[ExportTable, Iterable[pa.Table]]], choice: Choice, known: Known
) -> list[dict[str, Any]]:
    path = folder / _WORKBOOK
    counts: list[tuple[ExportTable, int]] = []
    with Workbook(path) as workbook:
        counts += [(table, workbook.add_table(table, rows)) for table, rows in parts]
        lines = [
            ("截至 as of", f"{wall_time(known.known_at):%Y-%m-%d %H:%M:%S}", "北京时间 Asia/Shanghai"),
            ("区划 districts", "、".join(choice.districts)),
            ("自 from", _iso(choice.start)),
            ("至（不含）until", _iso(choice.end)),
            ("说明 note", _ESCAPE_ZH, _ESCAPE_EN),
            (),
            ("工作表 sheet", "内容 content", "", "行数 rows"),
            *[(table.name, table.zh, table.en, str(count)) for table, count in counts],
        ]
        workbook.add_notes("说明", lines)
    return [_resource(path, "xlsx", table, count) for table, count in counts]


def _resource(path: Path, form: Form, table: ExportTable, count: int) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    known: dict[str, Any] = {
        "name": table.name,
        "title": table.zh,
        "description": table.en,
        "path": path.name,
        "profile": "tabular-data-resource",
        "format": form,
        "mediatype": _MEDIA[form],
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest}",
        "rows": count,
        "schema": {"fields": [field.described(as_text=form == "csv") for field in table.fields]},
    }
    if form == "csv":
        known["encoding"] = "utf-8"
        known["schema"]["missingValues"] = [""]
    if form == "xlsx":
        # as the standard's version 2 names it, and as its Python program does
        known["dialect"] = {"sheetName": table.name, "excel": {"sheet": table.name}}
    return known


def _package(form: Form, choice: Choice, known: Known, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the package; what is not of the standard begins with `ecoplan`."""
    return {
        "profile": "data-package" if form == "parquet" else "tabular-data-package",
        "name": "ecoplan-export",
        "title": "生态环境监测数据与评价结果 / environmental monitoring data and results",
        "created": f"{known.known_at.isoformat(timespec='seconds')}Z",
        "ecoplan": {
            "generator": _GENERATOR,
            "as_of": f"{known.known_at.isoformat(timespec='microseconds')}Z",
            "districts": list(choice.districts),
            "from": _iso(choice.start) or None,
            "until": _iso(choice.end) or None,
            "formulas": _ESCAPE_EN if form != "parquet" else None,
            "standards": list(known.standards),
        },
        "resources": resources,
    }


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="minutes")


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of `folder` at the end, or vanishes when something fails."""
    folder = folder.absolute()
    _check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    fresh = folder.with_name(f".{folder.name}.{mark}.new")
    old = folder.with_name(f".{folder.name}.{mark}.old")
    fresh.mkdir()
    try:
        yield fresh
        if folder.exists():
            folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier export: nobody's files are deleted."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} 不是文件夹 / is not a folder")
    found = {place.name for place in folder.iterdir()}
    if found - _files_of_package(folder):
        strange = "、".join(sorted(found - _files_of_package(folder))[:5])
        raise ExportError(
            f"{folder} 里有不是导出的文件（{strange}），请换一个文件夹 / the folder holds files that are no earlier "
            "export, choose another one"
        )


def _files_of_package(folder: Path) -> set[str]:
    """Return the files of an earlier export of ours in the folder."""
    try:
        package = json.loads((folder / PACKAGE).read_text("utf-8"))
        ours = package["ecoplan"]["generator"] == _GENERATOR
        return {PACKAGE, *[str(item["path"]) for item in package["resources"]]} if ours else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
