"""Bring an older warehouse to the schema of this program, with Alembic, in one transaction.

`schema_version` says what a warehouse is; Alembic's own table is set from it before each upgrade, so the
two cannot disagree. Version n is the revision of that number in `versions/` (docs/decisions/0008).
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert

from warehouse.schema import SCHEMA_VERSION, schema_version


def revision_of(version: int) -> str:
    """Return Alembic's name of a schema version."""
    return f"{version:04d}"


def upgrade(connection: Connection, found: int | None, to: int = SCHEMA_VERSION) -> None:
    """Bring the schema from version `found` (None: nothing there) to version `to`.

    Parameters
    ----------
    connection
        In the caller's transaction: all of the upgrade, or nothing.
    found
        What `schema_version` says.
    to
        The version wanted; an older one than this program's is for tests of old warehouses.
    """
    config = alembic_config(connection)
    if found is not None:
        command.stamp(config, revision_of(found), purge=True)
    command.upgrade(config, revision_of(to))
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version).values(version=to))


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for this connection; no file, no logging of its own."""
    config = Config()
    # Config interpolates %, and a folder's name may hold one
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the newest revision there is a script for."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    head = ScriptDirectory.from_config(config).get_current_head()
    if head is None:
        raise LookupError("no migration script is installed beside the program")
    return head
