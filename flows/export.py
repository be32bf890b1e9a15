"""Export: what the warehouse holds for districts and a range of days, as known at a time, as files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from flows.answers.alerts import episodes_known
from flows.evaluate import registry_of
from reports.export import Form, Known, write_export
from reports.export_rows import Choice
from vocabulary.clock import now_utc
from vocabulary.district import District

_STANDARD = ("id", "topic", "title_zh", "title_en", "version", "valid_from", "valid_to", "overruled")


def export_warehouse(
    connection: Connection,
    folder: Path,
    form: Form,
    districts: Mapping[str, District],
    *,
    first: date | None = None,
    last: date | None = None,
    as_of: datetime | None = None,
) -> dict[str, Any]:
    """Write readings, quarantine, results and episodes into `folder`; return the package's description.

    Parameters
    ----------
    first, last
        Days, both included; episodes and years that share a day with them are in.
    as_of
        Known-at time, UTC without zone; None: now.

    Raises
    ------
    reports.export.ExportError
        The folder holds something that is no earlier export.
    reports.spreadsheet.SheetTooLongError
        A table is too long for a sheet.
    """
    start = None if first is None else datetime.combine(first, datetime.min.time())
    end = None if last is None else datetime.combine(last + timedelta(days=1), datetime.min.time())
    choice = Choice(tuple(sorted(districts)), start, end, as_of)
    episodes: list[Mapping[str, Any]] = [
        record
        for record in episodes_known(connection, districts, as_of)
        if (end is None or record["since"] < end)
        and (start is None or record["until"] is None or record["until"] >= start)
    ]
    known = Known(as_of or now_utc(), _standards(districts))
    return write_export(connection, folder, form, choice, episodes, known)


def _standards(districts: Mapping[str, District]) -> list[dict[str, Any]]:
    """Return every standard the districts are judged by, once, with its version and dates."""
    found: dict[str, dict[str, Any]] = {}
    for district in districts.values():
        for record in registry_of(district).records():
            found.setdefault(record["id"], {key: record[key] for key in _STANDARD})
    return [found[key] for key in sorted(found)]
