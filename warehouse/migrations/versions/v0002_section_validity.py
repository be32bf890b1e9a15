"""Version 2: whether a section's result is valid, and if not, why.

The table is made anew: the embedded engine adds no column that must not be null to a table that was
written in the same transaction. What the new columns are filled with is what `warehouse/dump.py` takes for
granted, so the canonical dump stays the same.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    SmallInteger,
    String,
    column,
    insert,
    inspect,
    literal,
    select,
    table,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = "section_results"
_OLD = "section_results_v1"
_KEPT = [
    "district",
    "site",
    "period_kind",
    "period",
    "start",
    "class",
    "items_used",
    "items",
    "worst",
    "multiples",
    "target_class",
    "attained",
    "nd_limited",
    "n_samples",
    "mode",
    "standard",
    "known_from",
    "known_until",
]


def _columns() -> list[Column[Any]]:
    return [
        Column("district", String, nullable=False),
        Column("site", String, nullable=False),
        Column("period_kind", String, nullable=False),
        Column("period", String, nullable=False),
        Column("start", DateTime, nullable=False),
        Column("class", SmallInteger),
        Column("items_used", SmallInteger, nullable=False),
        Column("items", String, nullable=False),
        Column("worst", String, nullable=False),
        Column("multiples", String, nullable=False),
        Column("target_class", SmallInteger),
        Column("attained", Boolean),
        Column("nd_limited", Boolean, nullable=False),
        Column("n_samples", Integer, nullable=False),
    ]


def _added() -> list[Column[Any]]:
    return [Column("valid", Boolean, nullable=False), Column("reason", String, nullable=False)]


def _last() -> list[Column[Any]]:
    return [
        Column("mode", String, nullable=False),
        Column("standard", String, nullable=False),
        Column("known_from", DateTime, nullable=False),
        Column("known_until", DateTime),
    ]


def upgrade() -> None:
    if "valid" in {found["name"] for found in inspect(op.get_bind()).get_columns(_TABLE)}:
        return  # made between the two versions, with the columns and under the old number
    op.rename_table(_TABLE, _OLD)
    op.create_table(_TABLE, *_columns(), *_added(), *_last())
    old = table(_OLD, *[column(name) for name in _KEPT])
    new = table(_TABLE, *[column(name) for name in (*_KEPT, "valid", "reason")])
    rows = select(*[old.c[name] for name in _KEPT], old.c["class"].is_not(None), literal(""))
    op.execute(insert(new).from_select([*_KEPT, "valid", "reason"], rows))
    op.drop_table(_OLD)
