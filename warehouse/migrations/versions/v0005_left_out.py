"""Version 5: how many readings the policy of quality flags left out of a result.

Nobody counted them until version 4. The column is filled with 0, which `warehouse/dump.py` takes for granted, so
the canonical dump stays the same; the first night afterwards flags everything and counts anew.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = ("section_results", "air_days", "indicator_results")


def upgrade() -> None:
    for table in _TABLES:
        # nullable: the embedded engine adds no other column to a table written in the same transaction
        op.add_column(table, Column("left_out", Integer, server_default="0"))
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("flags_key", "flags", ["series_id", "observed_at"])
