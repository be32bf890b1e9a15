"""Version 4: what became of a quarantined cell, step by step.

Until version 3 a cell stayed open for ever, so there is nothing to fill the table with.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, String

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = "quarantine_steps"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        Column("quarantine_id", BigInteger, ForeignKey("quarantine.id"), nullable=False),
        Column("step", String, nullable=False),
        Column("at", DateTime, nullable=False),
        Column("actor", String, nullable=False),
        Column("note", String, nullable=False),
        Column("outcome", String, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("quarantine_steps_cell", _TABLE, ["quarantine_id"])
