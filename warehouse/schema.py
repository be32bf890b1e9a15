"""The warehouse's tables, one SQLAlchemy MetaData for every engine.

Readings are append-only. A row of `readings` is one statement of a value: it was *believed* from
`known_from` until `known_until` (null: still believed), both UTC without zone. `rank_first` and
`rank_last` order the statements of one reading by when their deliveries were issued, so that the
chain of revisions does not depend on the order in which files arrive (docs/decisions/0004). Derived tables carry
the same two columns, so `as_of(t)` is one predicate everywhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

#: schema version; a change needs a migration (warehouse/migrations) and a new number
SCHEMA_VERSION = 6

#: kind of a reading row that lives on under the own key of its site, which was known by an alias only later
RENAMED = "renamed"

metadata = MetaData()

_delivery_id = Sequence("delivery_id_seq", metadata=metadata)
_series_id = Sequence("series_id_seq", metadata=metadata)
_quarantine_id = Sequence("quarantine_id_seq", metadata=metadata)
_episode_id = Sequence("episode_id_seq", metadata=metadata)
_outbox_id = Sequence("outbox_id_seq", metadata=metadata)
_silence_id = Sequence("silence_id_seq", metadata=metadata)
_act_id = Sequence("act_id_seq", metadata=metadata)


def _known() -> tuple[Column[datetime], Column[datetime]]:
    return Column("known_from", DateTime, nullable=False), Column("known_until", DateTime)


def _left_out() -> Column[int]:
    # readings that the policy of quality flags left out of a result; 0 as well where nobody counted yet
    return Column("left_out", Integer, server_default="0")


def _added(name: str, fill: str = "") -> Column[str]:  # by a migration, so it may be null (0005)
    return Column(name, String, server_default=fill)


#: one row: the truth about a warehouse's schema; Alembic's own table follows it
schema_version = Table("schema_version", metadata, Column("version", Integer, nullable=False))

#: one landed file of one district and source: the unit of work and its balance
deliveries = Table(
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
    Column("state", String, nullable=False),  # loaded | refused
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

#: what a reading is a reading of
series = Table(
    "series",
    metadata,
    Column("id", BigInteger, _series_id, primary_key=True),
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("parameter", String, nullable=False),
    Column("period", String, nullable=False),
    UniqueConstraint("district", "site", "parameter", "period", name="series_once"),
)

#: the fact table; no primary key on purpose (a key index makes loads 4 to 7 times slower on the
#: embedded engine), uniqueness is kept by the merge and proved by `ecoplan verify`
readings = Table(
    "readings",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    Column("observed_at", DateTime, nullable=False),  # start of the interval, Asia/Shanghai
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
    Column("kind", String, nullable=False),  # new | revised | renamed (restated under the site's own key)
    Column("rank_first", BigInteger, nullable=False),
    Column("rank_last", BigInteger, nullable=False),
    *_known(),
)

#: quality flags on readings (质控标记): a verdict beside the value, never a deletion. Only suspect and bad ones
#: have a row; what it means that there is none is told in `warehouse/flags.py`
flags = Table(
    "flags",
    metadata,
    Column("series_id", BigInteger, nullable=False),
    Column("observed_at", DateTime, nullable=False),
    Column("test", String, nullable=False),
    Column("verdict", SmallInteger, nullable=False),  # 3 suspect 4 bad
    *_known(),
)

quarantine = Table(
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
    Column("state", String, nullable=False),  # open | dismissed | replayed
    Column("note", String, nullable=False, default=""),
    *_known(),
)

#: what became of a quarantined cell, step by step; `quarantine.state` is what the last one left
quarantine_steps = Table(
    "quarantine_steps",
    metadata,
    Column("quarantine_id", BigInteger, ForeignKey("quarantine.id"), nullable=False),
    Column("step", String, nullable=False),  # dismissed | reopened | replayed
    Column("at", DateTime, nullable=False),  # UTC
    Column("actor", String, nullable=False),
    Column("note", String, nullable=False),  # why
    Column("outcome", String, nullable=False),  # of a replay: new=3;revised=1;unchanged=…;quarantined=…
)

#: days whose readings changed and whose derived rows are not recomputed yet; filled in the
#: transaction of the load, emptied in the transaction of the evaluation
stale_days = Table(
    "stale_days",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("day", DateTime, nullable=False),
)

#: class of a section for one sampling, day, month, quarter or year
section_results = Table(
    "section_results",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("period_kind", String, nullable=False),  # sample | month | year
    Column("period", String, nullable=False),  # 2026-10-03T08:00 | 2026-10 | 2026
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
    Column("valid", Boolean, nullable=False),
    Column("reason", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("standard", String, nullable=False),
    _left_out(),
    *_known(),
)

#: daily statistics of a station (site) or of the district (site = '')
air_days = Table(
    "air_days",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("day", DateTime, nullable=False),
    Column("parameter", String, nullable=False),  # so2 no2 co pm10 pm2_5 o3_mda8 o3_1h_max
    Column("value", Double),
    Column("hours", SmallInteger, nullable=False),
    Column("valid", Boolean, nullable=False),
    Column("standard", String, nullable=False),
    _left_out(),
    *_known(),
)

#: daily AQI of a station or of the district, one row per edition asked for
aqi_days = Table(
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

#: an outlet's hours or days that are not plainly within their limit
outlet_results = Table(
    "outlet_results",
    metadata,
    Column("district", String, nullable=False),
    Column("site", String, nullable=False),
    Column("parameter", String, nullable=False),
    Column("period_kind", String, nullable=False),  # hour | day
    Column("start", DateTime, nullable=False),
    Column("value", Double),
    Column("limit", Double),
    Column("verdict", String, nullable=False),  # exceed_hour | warn_hour | exceed_day | excluded
    Column("multiple", Double),
    Column("clause", String, nullable=False),
    *_known(),
)

indicator_results = Table(
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
    _left_out(),
    *_known(),
)

#: an episode (预警事件) of one rule and subject; identified by (rule, district, subject, since)
episodes = Table(
    "episodes",
    metadata,
    Column("id", BigInteger, _episode_id, primary_key=True),
    Column("rule", String, nullable=False),
    Column("district", String, nullable=False),
    Column("subject", String, nullable=False),  # key of a site, source or district, or `indicator-3`
    Column("level", String, nullable=False),
    Column("state", String, nullable=False),  # pending | firing | acknowledged | resolved | annulled
    Column("since", DateTime, nullable=False),  # Asia/Shanghai, first reading of the condition
    Column("until", DateTime),  # first reading of the clearing
    Column("class", SmallInteger),  # worst class within the episode
    Column("limit", String, nullable=False),
    Column("evidence", String, nullable=False),  # JSON: readings, limits, clause, file and row
    Column("message_zh", String, nullable=False),
    Column("message_en", String, nullable=False),
    Column("history", Boolean, nullable=False),  # recorded as history: nothing was sent
    Column("known_at", DateTime, nullable=False),
    Column("updated_at", DateTime, nullable=False),
    _added("group_key"),  # river:… | enterprise:… | district:…; messages of one group may leave as one
    _added("muted_by"),  # silence:7 | maintenance:… | episode:12; empty: nothing holds its messages
    UniqueConstraint("rule", "district", "subject", "since", name="episode_once"),
)

#: what an episode went through; each step is sent once per channel
episode_steps = Table(
    "episode_steps",
    metadata,
    Column("episode_id", BigInteger, ForeignKey("episodes.id"), nullable=False),
    Column("step", String, nullable=False),  # firing | resolved | reminder-1 | ...
    Column("at", DateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("note", String, nullable=False),
    UniqueConstraint("episode_id", "step", name="step_once"),
)

#: messages waiting to leave; written in the transaction that changed the episode
outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, _outbox_id, primary_key=True),
    Column("idempotency_key", String, nullable=False, unique=True),
    Column("channel", String, nullable=False),
    Column("district", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("title", String, nullable=False),
    Column("body", String, nullable=False),
    Column("state", String, nullable=False),  # waiting | sent | dead
    Column("attempts", Integer, nullable=False),
    Column("not_before", DateTime, nullable=False),
    Column("created_at", DateTime, nullable=False),
    Column("sent_at", DateTime),
    Column("last_error", String, nullable=False, default=""),
    _added("kind", "episode"),  # episode | digest | test | pipeline
    _added("level"),  # red | orange | yellow | blue; empty: of no episode
    Column("episode_id", BigInteger),
    _added("step"),  # firing | reminder-1 | …
    _added("role"),  # whom the route or the escalation means
    _added("group_key"),  # as the episode's
    _added("told_by"),  # key of the digest that tells this one as well; empty: it leaves by itself
)

#: windows in which nobody is told of a rule, a subject or both (静默); '' means any
silences = Table(
    "silences",
    metadata,
    Column("id", BigInteger, _silence_id, primary_key=True),
    Column("district", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("starts_at", DateTime, nullable=False),  # UTC
    Column("ends_at", DateTime, nullable=False),
    Column("ended_by", String, nullable=False),
    Column("ended_at", DateTime),  # by hand, before its end
    Column("created_at", DateTime, nullable=False),
)

#: what people did to episodes: the audit trail
acts = Table(
    "acts",
    metadata,
    Column("id", BigInteger, _act_id, primary_key=True),
    Column("at", DateTime, nullable=False),  # UTC
    Column("actor", String, nullable=False),
    Column("via", String, nullable=False),  # cli | page | flow
    Column("act", String, nullable=False),  # acknowledge | silence | unsilence | resolve | test
    Column("episode_id", BigInteger),
    Column("district", String, nullable=False),
    Column("note", String, nullable=False),
)

#: links of messages that were used: a signed token acts once
spent_tokens = Table(
    "spent_tokens",
    metadata,
    Column("token", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("spent_at", DateTime, nullable=False),  # UTC
    UniqueConstraint("token", name="token_once"),
)

#: one row a run of a flow or command that writes
runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("run_date", DateTime, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("ended_at", DateTime),
    Column("status", String, nullable=False),  # running | done | findings | failed
    Column("summary", String, nullable=False, default=""),
)

#: what a source said about a pull that worked: for conditional requests
pull_marks = Table(
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


def _on_server(name: str, *columns: Column[Any], using: str = "btree") -> None:
    # the embedded engine finds rows by its own zone maps, and an index would only slow its loads
    Index(name, *columns, postgresql_using=using).ddl_if(dialect="postgresql")


_on_server("readings_key", readings.c.series_id, readings.c.observed_at)
_on_server("readings_time", readings.c.observed_at, using="brin")
_on_server("readings_delivery", readings.c.delivery_id, using="brin")
_on_server("flags_key", flags.c.series_id, flags.c.observed_at)
_on_server("deliveries_rank", deliveries.c.district, deliveries.c.rank)
_on_server("quarantine_delivery", quarantine.c.delivery_id)
_on_server("quarantine_steps_cell", quarantine_steps.c.quarantine_id)
_on_server("stale_days_district", stale_days.c.district)
_on_server(
    "section_results_scope", section_results.c.district, section_results.c.start, section_results.c.site
)
_on_server("air_days_scope", air_days.c.district, air_days.c.day)
_on_server("aqi_days_scope", aqi_days.c.district, aqi_days.c.day)
_on_server("outlet_results_scope", outlet_results.c.district, outlet_results.c.start, outlet_results.c.site)
