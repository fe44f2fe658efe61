"""Where the two databases say the same thing in other words."""

from __future__ import annotations

import sqlalchemy as sa

# Milliseconds since 1970 by the database's clock: processes on several hosts agree on it alone.
NOW_MS = {
    "sqlite": "cast((julianday('now') - 2440587.5) * 86400000 as integer)",
    "postgresql": "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
}


def now_ms(connection: sa.Connection) -> str:
    """Return the SQL expression of this moment in milliseconds since 1970."""
    return NOW_MS[connection.dialect.name]


def for_update(connection: sa.Connection, *, skip_locked: bool = False) -> str:
    """Return the clause that locks the rows read. SQLite needs none: its writer is alone."""
    if connection.dialect.name == "sqlite":
        return ""
    return " for update skip locked" if skip_locked else " for update"
