"""Version 3: indexes of the server engine, and its sequences moved beyond the ids given so far.

Until version 2 ids of deliveries, series and quarantined cells were the highest so far and one more, which
two districts loading at once could both take. The embedded engine has one writer and no such indexes.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import column, func, select, table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: index -> (table, columns, how it is kept)
INDEXES = {
    "readings_key": ("readings", ["series_id", "observed_at"], "btree"),
    "readings_time": ("readings", ["observed_at"], "brin"),
    "readings_delivery": ("readings", ["delivery_id"], "brin"),
    "deliveries_rank": ("deliveries", ["district", "rank"], "btree"),
    "quarantine_delivery": ("quarantine", ["delivery_id"], "btree"),
    "stale_days_district": ("stale_days", ["district"], "btree"),
    "section_results_scope": ("section_results", ["district", "start", "site"], "btree"),
    "air_days_scope": ("air_days", ["district", "day"], "btree"),
    "aqi_days_scope": ("aqi_days", ["district", "day"], "btree"),
    "outlet_results_scope": ("outlet_results", ["district", "start", "site"], "btree"),
}
_SEQUENCES = {
    "deliveries": "delivery_id_seq",
    "series": "series_id_seq",
    "quarantine": "quarantine_id_seq",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for name, (target, columns, way) in INDEXES.items():
        op.create_index(name, target, columns, postgresql_using=way)
    for target, sequence in _SEQUENCES.items():
        highest = func.max(table(target, column("id")).c.id)
        # setval(sequence, next value, not yet taken)
        reached = func.setval(sequence, func.coalesce(highest, 0) + 1, False)
        op.get_bind().execute(select(reached))
