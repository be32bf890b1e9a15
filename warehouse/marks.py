"""Pull marks: what a source's file or address looked like when its bytes were last landed.

A file whose size and modification time are those of its mark is not read again; an address is asked
conditionally (ETag, Last-Modified).
"""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, delete, select

from warehouse import bulk
from warehouse.schema import pull_marks

COLUMNS = ["address", "etag", "last_modified", "sha256", "size", "modified_ns", "seen_at"]


def marks_of(connection: Connection, district: str, source: str) -> pd.DataFrame:
    """Return the marks of one district's source, indexed by address."""
    query = select(*[pull_marks.c[name] for name in COLUMNS]).where(
        pull_marks.c.district == district, pull_marks.c.source == source
    )
    return bulk.fetch(connection, query).set_index("address")


def set_marks(connection: Connection, district: str, source: str, marks: pd.DataFrame) -> None:
    """Replace the marks of the addresses in `marks` (columns as in `COLUMNS`)."""
    if marks.empty:
        return
    bulk.lock_district(connection, district)
    bulk.stage(connection, "staged_marks", marks[["address"]])
    new = bulk.staged("staged_marks", marks[["address"]])
    connection.execute(
        delete(pull_marks).where(
            pull_marks.c.district == district,
            pull_marks.c.source == source,
            pull_marks.c.address.in_(select(new.c.address)),
        )
    )
    bulk.unstage(connection, "staged_marks")
    bulk.append(connection, pull_marks, marks[COLUMNS].assign(district=district, source=source))
