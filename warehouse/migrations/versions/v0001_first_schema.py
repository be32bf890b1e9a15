"""Version 1: the first schema."""

from __future__ import annotations

from datetime import datetime

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    Sequence,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

metadata = MetaData()


_delivery_id = Sequence("delivery_id_seq", metadata=metadata)
_series_id = Sequence("series_id_seq", metadata=metadata)
_quarantine_id = Sequence("quarantine_id_seq", metadata=metadata)
_episode_id = Sequence("episode_id_seq", metadata=metadata)
_outbox_id = Sequence("outbox_id_seq", metadata=metadata)


def _known() -> tuple[Column[datetime], Column[datetime]]:
    return (
        Column("known_from", DateTime, nullable=False),
        Column("known_until", DateTime),
    )


Table("schema_version", metadata, Column("version", Integer, nullable=False))

Table(
    "deliveries",
    metadata,
    Column("id", BigInteger, _delivery_id, primary_key=True),
    Column("district", String, nullable=False),
    Column("source", String, nullable=False),
    Column("partition", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("name", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("issued_at", DateTime, nullable=False),
    Column("modified_at", DateTime, nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("encoding", String, nullable=False, default=""),
    Column("state", String, nullable=False),
    Column("code", String, nullable=False, default=""),
    Column("detail_zh", String, nullable=False, default=""),
    Column("detail_en", String, nullable=False, default=""),
    Column("observed_from", DateTime),
    Column("observed_to", DateTime),
    Column("cells_in", BigInteger, nullable=False),
    Column("new", BigInteger, nullable=False),
    Column("revised", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("blank", BigInteger, nullable=False),
    Column("loaded_at", DateTime, nullable=False),
    UniqueConstraint("district", "source", "sha256", name="unit_of_work_once"),
    CheckConstraint(
        '"cells_in" = "new" + "revised" + "unchanged" + "duplicate" + "quarantined" + "blank"',
        name="balance",
    ),
    CheckConstraint(
        '"new" >= 0 and "revised" >= 0 and "unchanged" >= 0 and "duplicate" >= 0'
        ' and "quarantined" >= 0 and "blank" >= 0',
        name="counts_not_negative",
    ),
    CheckConstraint("\"state\" in ('loaded', 'refused')", name="state_known"),
)

Table(
    "series",
    metadata,
    Column("id", BigInteger, _series_id, primary_key=True),
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("parameter", String, nullable=False),
    Column("period", String, nullable=False),
    UniqueConstraint("district", "site", "parameter", "period", name="series_once"),
)

Table(
    "readings",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    Column("observed_at", DateTime, nullable=False),
    Column("value", Double, nullable=False),
    Column("raw", String, nullable=False),
    Column("censor", String, nullable=False),
    Column("detection_limit", Double),
    Column("provider_flag", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("sheet", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("column", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("rank_first", BigInteger, nullable=False),
    Column("rank_last", BigInteger, nullable=False),
    *_known(),
)

Table(
    "flags",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    Column("observed_at", DateTime, nullable=False),
    Column("test", String, nullable=False),
    Column("verdict", SmallInteger, nullable=False),
    *_known(),
)

Table(
    "quarantine",
    metadata,
    Column("id", BigInteger, _quarantine_id, primary_key=True),
    Column("delivery_id", BigInteger, ForeignKey("deliveries.id"), nullable=False),
    Column("site", String, nullable=False),
    Column("parameter", String, nullable=False),
    Column("period", String, nullable=False),
    Column("observed_at", DateTime),
    Column("raw", String, nullable=False),
    Column("sheet", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("column", String, nullable=False),
    Column("code", String, nullable=False),
    Column("cells", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("note", String, nullable=False, default=""),
    *_known(),
)

Table(
    "stale_days",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("day", DateTime, nullable=False),
)

Table(
    "section_results",
    metadata,
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
    Column("mode", String, nullable=False),
    Column("standard", String, nullable=False),
    *_known(),
)

Table(
    "air_days",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("day", DateTime, nullable=False),
    Column("parameter", String, nullable=False),
    Column("value", Double),
    Column("hours", SmallInteger, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("standard", String, nullable=False),
    *_known(),
)

Table(
    "aqi_days",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("day", DateTime, nullable=False),
    Column("edition", String, nullable=False),
    Column("aqi", SmallInteger),
    Column("level", SmallInteger),
    Column("primary", String, nullable=False),
    Column("valid", Boolean, nullable=False),
    *_known(),
)

Table(
    "outlet_results",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("parameter", String, nullable=False),
    Column("period_kind", String, nullable=False),
    Column("start", DateTime, nullable=False),
    Column("value", Double),
    Column("limit", Double),
    Column("verdict", String, nullable=False),
    Column("multiple", Double),
    Column("clause", String, nullable=False),
    *_known(),
)

Table(
    "indicator_results",
    metadata,
    Column("district", String, nullable=False),
    Column("plan", String, nullable=False),
    Column("indicator", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("period", String, nullable=False),
    Column("value", Double),
    Column("unit", String, nullable=False),
    Column("numerator", Double),
    Column("denominator", Double),
    Column("valid", Boolean),
    Column("target", String, nullable=False),
    Column("baseline", String, nullable=False),
    Column("status", String, nullable=False),
    Column("projection", Double),
    Column("low", Double),
    Column("high", Double),
    Column("remaining", String, nullable=False),
    Column("reason_zh", String, nullable=False),
    Column("reason_en", String, nullable=False),
    Column("standard", String, nullable=False),
    *_known(),
)

Table(
    "episodes",
    metadata,
    Column("id", BigInteger, _episode_id, primary_key=True),
    Column("rule", String, nullable=False),
    Column("district", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("level", String, nullable=False),
    Column("state", String, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("until", DateTime),
    Column("class", SmallInteger),
    Column("limit", String, nullable=False),
    Column("evidence", String, nullable=False),
    Column("message_zh", String, nullable=False),
    Column("message_en", String, nullable=False),
    Column("history", Boolean, nullable=False),
    Column("known_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    UniqueConstraint("rule", "district", "subject", "since", name="episode_once"),
)

Table(
    "episode_steps",
    metadata,
    Column("episode_id", BigInteger, ForeignKey("episodes.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("at", DateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("note", String, nullable=False),
    UniqueConstraint("episode_id", "step", name="step_once"),
)

Table(
    "outbox",
    metadata,
    Column("id", BigInteger, _outbox_id, primary_key=True),
    Column("idempotency_key", String, nullable=False, unique=True),
    Column("channel", String, nullable=False),
    Column("district", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", DateTime, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("sent_at", DateTime),
    Column("last_error", String, nullable=False, default=""),
)

Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("run_date", DateTime, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("status", String, nullable=False),
    Column("summary", String, nullable=False, default=""),
)

Table(
    "pull_marks",
    metadata,
    Column("district", String, nullable=False),
    Column("source", String, nullable=False),
    Column("address", String, nullable=False),
    Column("etag", String, nullable=False),
    Column("last_modified", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("seen_at", DateTime, nullable=False),
    UniqueConstraint("district", "source", "address", name="pull_mark_once"),
)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)
