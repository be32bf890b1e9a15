"""What Alembic runs for every upgrade: in the connection and transaction that the caller hands over."""

from __future__ import annotations

from alembic import context

from warehouse.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
