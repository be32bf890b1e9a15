"""Version 6: what people do to episodes, windows of silence, and what a message is about.

Until version 5 nobody could act on an episode, so the new tables begin empty. Messages of then are of episodes:
the outbox is filled with that kind and knows no more; neither it nor the new columns of episodes are dumped.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Sequence, String, Table, UniqueConstraint

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

metadata = MetaData()

_silence_id = Sequence("silence_id_seq", metadata=metadata)
_act_id = Sequence("act_id_seq", metadata=metadata)

Table(
    "silences",
    metadata,
    Column("id", BigInteger, _silence_id, primary_key=True),
    Column("district", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("starts_at", DateTime, nullable=False),
    Column("ends_at", DateTime, nullable=False),
    Column("ended_by", String, nullable=False),
    Column("ended_at", DateTime),
    Column("created_at", DateTime, nullable=False),
)

Table(
    "acts",
    metadata,
    Column("id", BigInteger, _act_id, primary_key=True),
    Column("at", DateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("via", String, nullable=False),
    Column("act", String, nullable=False),
    Column("episode_id", BigInteger),
    Column("district", String, nullable=False),
    Column("note", String, nullable=False),
)

Table(
    "spent_tokens",
    metadata,
    Column("token", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("spent_at", DateTime, nullable=False),
    UniqueConstraint("token", name="token_once"),
)

#: table -> columns of text with what they are filled with
_ADDED = {
    "episodes": {"group_key": "", "muted_by": ""},
    "outbox": {"kind": "episode", "level": "", "step": "", "role": "", "group_key": "", "told_by": ""},
}


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)
    for table, columns in _ADDED.items():
        for name, fill in columns.items():
            # nullable: the embedded engine adds no other column to a table written in the same transaction
            op.add_column(table, Column(name, String, server_default=fill))
    op.add_column("outbox", Column("episode_id", BigInteger))
