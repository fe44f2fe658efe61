"""Engines, pragmas and transactions, the same for every process.

On SQLite the processes share one file. A writer that waits inside C would freeze its whole gevent hub, so nobody waits
there: ``busy_timeout`` is 0, and BEGIN IMMEDIATE is tried again after a cooperative sleep. A transaction that will
write says so when it begins; one that only reads never waits for anybody (write-ahead log).
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import DatabaseBusy

T = TypeVar("T")
BUSY_RETRY_S = 0.0005
BUSY_LIMIT_S = 15.0
OVERFLOW = 10  # connections beyond those kept open, PostgreSQL only
KEPT_FOR_WRITES = 5
READ_WAIT_S, POOL_WAIT_S = 2.0, 5.0
# A host that vanishes sends no word: without these, whoever waits for its answer waits for a quarter of an hour.
HOST_GONE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
DEADLOCK_RETRIES = 5
# SQLSTATE 40P01 is a deadlock, 40001 a serialisation failure: both ask for the same transaction again.
RETRIED_SQLSTATES = frozenset({"40P01", "40001"})
# The database is away or overworked: what was to be done may be tried again. Not: what was asked is wrong.
UNAVAILABLE = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError, DatabaseBusy)
WRITES = "manyhands_writes"  # the execution option that makes a transaction begin as a writer
# A commit that takes no longer than this is no reason to go to another thread and back.
QUICK_COMMIT_S = 0.001
COMMITS_OFFLOADED = 64  # before it is looked whether commits have become quick


def normalise_url(url: str) -> str:
    """Return the address with the driver that this project uses (psycopg 3) where it names none."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def prepare_engine(engine: sa.Engine) -> None:
    """Give an engine this project's pragmas and its way of beginning transactions. PostgreSQL needs neither."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", _begin)


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # transactions begin in _begin alone
    for pragma in ("busy_timeout = 0", "foreign_keys = on", "synchronous = full", "cache_size = -8192"):
        connection.execute(f"pragma {pragma}")
    _retry_while_busy(lambda: connection.execute("pragma journal_mode = wal"))


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    _retry_while_busy(lambda: driver.execute("begin immediate" if writes else "begin"))


def _retry_while_busy(act: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + BUSY_LIMIT_S
    while True:
        try:
            act()
            return
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            if not _is_busy(error):
                raise
            if time.monotonic() > give_up_at:
                raise DatabaseBusy() from error
            time.sleep(BUSY_RETRY_S)


def _is_busy(error: Exception) -> bool:
    original = getattr(error, "orig", error)
    return getattr(original, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Database:
    """One process' way to the database.

    Args:
        url: SQLAlchemy address.
        offload: runs a function where it does not hold up this thread's other work and returns its result. The socket
            process passes gevent's thread pool: SQLite's commit waits for the disk in C, for as long as the disk takes.
        limit: makes a context that a read runs in and that ends it with DatabaseBusy when it takes too long. The
            socket process passes gevent's: a server that answers nothing must not hold up its volunteers.
        pool_size: connections kept open, PostgreSQL only.
    """

    def __init__(
        self,
        url: str,
        *,
        offload: Callable[[Callable[[], None]], None] | None = None,
        limit: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
        pool_size: int = 5,
    ) -> None:
        self.engine = make_engine(url, pool_size)
        self._limit = limit
        # Reads that hang leave connections for the writes, on which everybody waits.
        self._readers = threading.BoundedSemaphore(pool_size + OVERFLOW - KEPT_FOR_WRITES)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._offload = offload if self.is_sqlite else None
        self._commit_s = 0.0  # what the last one took that was not offloaded
        self._offloaded = 0
        self._writer: sa.Connection | None = None  # SQLite's
        self._alone: sa.Connection | None = None  # PostgreSQL's
        self._writing: contextlib.AbstractContextManager[Any] = (
            threading.Lock() if self.is_sqlite else contextlib.nullcontext()
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes, commit it at the end, roll it back when an exception passes."""
        with self._writing:
            connection = self._open_writer()
            try:
                connection.begin()
                yield connection
                self._commit(connection)
            finally:
                self._close_writer(connection)

    def _open_writer(self) -> sa.Connection:
        if self._writer is None:
            connection = self.engine.connect().execution_options(**{WRITES: True})
            if not self.is_sqlite:
                return connection
            # The one that writes keeps its connection: taking it out of the pool takes longer than a small transaction.
            self._writer = connection
        return self._writer

    def _close_writer(self, connection: sa.Connection) -> None:
        if connection is not self._writer:
            connection.close()
        elif connection.in_transaction():
            connection.rollback()

    def _commit(self, connection: sa.Connection) -> None:
        if self._offload is not None and self._commit_s > QUICK_COMMIT_S and self._offloaded < COMMITS_OFFLOADED:
            self._offloaded += 1
            self._offload(connection.commit)
            return
        began_at = time.perf_counter()
        connection.commit()
        self._commit_s, self._offloaded = time.perf_counter() - began_at, 0

    def write_alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Run work that is a single statement and thus a transaction by itself: PostgreSQL is asked once, not thrice.

        Always on the same connection. Any failure ends that connection, and the next call opens another.
        """

        def attempt() -> T:
            if self._alone is None:
                self._alone = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                return work(self._alone)
            except BaseException:
                self._alone.invalidate()
                self._alone.close()
                self._alone = None
                raise

        return retry_deadlocks(attempt)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run work in a transaction that writes, again when PostgreSQL chose it as a deadlock's victim."""

        def attempt() -> T:
            with self.transaction() as connection:
                return work(connection)

        return retry_deadlocks(attempt)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Run work in a transaction that only reads.

        Raises:
            DatabaseBusy: it took too long, or too many others read already.
        """
        if not self._readers.acquire(timeout=READ_WAIT_S):
            raise DatabaseBusy("Too many wait for the database. Try again in a moment.")
        try:
            with self._limit(), self.engine.connect() as connection:
                return work(connection)
        finally:
            self._readers.release()

    def dispose(self) -> None:
        """Close every connection."""
        for connection in (self._writer, self._alone):
            if connection is not None:
                connection.close()
        self._writer = self._alone = None
        self.engine.dispose()


def engine_options(url: str, pool_size: int = 5) -> dict[str, Any]:
    """Return the arguments of create_engine that fit the kind of database."""
    if url.startswith("sqlite"):
        return {"connect_args": {"check_same_thread": False, "timeout": 0}}
    return {
        "pool_pre_ping": True,
        "pool_size": pool_size,
        "max_overflow": OVERFLOW,
        "pool_timeout": POOL_WAIT_S,
        "connect_args": HOST_GONE,
    }


def make_engine(url: str, pool_size: int = 5) -> sa.Engine:
    """Make an engine with this project's pragmas."""
    engine = sa.create_engine(normalise_url(url), **engine_options(url, pool_size))
    prepare_engine(engine)
    return engine


def run_by_driver(connection: sa.Connection, statement: str, parameters: Sequence[object]) -> list[Any]:
    """Run a statement by the driver alone and return its rows.

    For the statements of which there are hundreds in a second: SQLAlchemy's way takes several times as long as SQLite.

    Raises:
        sqlalchemy.exc.DBAPIError: as SQLAlchemy would have raised.
    """
    driver: Any = connection.connection.driver_connection
    error_class = connection.dialect.loaded_dbapi.Error
    try:
        rows: list[Any] = driver.execute(statement, parameters).fetchall()
        return rows
    except error_class as error:
        raised = sa.exc.DBAPIError.instance(statement, None, error, error_class, dialect=connection.dialect)
        raise raised from error


def retry_deadlocks(attempt: Callable[[], T]) -> T:
    """Return what an attempt at a whole transaction returns, tried again while PostgreSQL makes it give way."""
    for _ in range(DEADLOCK_RETRIES - 1):
        try:
            return attempt()
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in RETRIED_SQLSTATES:
                raise
    return attempt()
