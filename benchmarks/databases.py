"""Fresh databases: a SQLite file, or a database on a real PostgreSQL server, with what makes commits durable on."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from app import migrate
from app.database import Database
from tests import postgres

KINDS = ("sqlite", "postgresql")


@dataclasses.dataclass(frozen=True)
class FreshDatabase:
    """An empty database, and a folder for whatever runs on it.

    Args:
        server: the process id of the database server; None for SQLite.
    """

    kind: str
    url: str
    folder: Path
    server: int | None

    @contextlib.contextmanager
    def open(self) -> Iterator[Database]:
        """Open it as the background process does."""
        database = Database(self.url)
        try:
            yield database
        finally:
            database.dispose()

    def settle(self) -> None:
        """Write what was loaded in bulk to its place, so that nobody does it while somebody measures."""
        statement = "pragma wal_checkpoint(truncate)" if self.kind == "sqlite" else "checkpoint"
        with self.open() as database, database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)

    def ask(self, query: str, **values: object) -> int:
        """Return the number that a query gives."""
        with self.open() as database:
            return database.read(lambda connection: int(connection.execute(sa.text(query), values).scalar_one()))


class Databases:
    """Makes fresh databases; its PostgreSQL server starts when the first one is asked for."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Databases:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @functools.cached_property
    def postgresql(self) -> postgres.Server:
        """The PostgreSQL server."""
        return self._stack.enter_context(postgres.run_server())

    @contextlib.contextmanager
    def make(self, kind: str, *, migrated: bool = True) -> Iterator[FreshDatabase]:
        """Make a database, and take it away at the end."""
        with tempfile.TemporaryDirectory(prefix="bench") as folder, self._make_url(kind, folder) as url:
            server = None if kind == "sqlite" else self.postgresql.handle.get_pid()
            fresh = FreshDatabase(kind, url, Path(folder), server)
            if migrated:
                with fresh.open() as database:
                    migrate.upgrade(database)
            yield fresh

    @contextlib.contextmanager
    def _make_url(self, kind: str, folder: str) -> Iterator[str]:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/manyhands.sqlite3"
            return
        name = f"bench_{secrets.token_hex(6)}"
        self.postgresql.create(name)
        try:
            yield self.postgresql.url(name)
        finally:
            self.postgresql.drop(name)
