"""Runs the migrations in migrations/ with alembic, in one transaction on either database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from app.database import Database

FOLDER = Path(__file__).resolve().parent.parent / "migrations"
# Two processes that start together must not migrate together. SQLite's writer lock does that by itself.
POSTGRESQL_LOCK = 5_274_001


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to a revision, from an empty one or an earlier one."""
    with database.transaction() as connection:
        _lock(connection)
        command.upgrade(configure(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Take the database back to an earlier revision, or to "base", the empty one."""
    with database.transaction() as connection:
        _lock(connection)
        command.downgrade(configure(connection), revision)


def configure(connection: sa.Connection) -> Config:
    """Return alembic's configuration for the migrations of this project on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def _lock(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": POSTGRESQL_LOCK})
