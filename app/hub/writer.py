"""Group commit: everything that arrived while the last commit ran goes into the next one, with no artificial wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import gevent
import gevent.event
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.dispatcher import Store
from app.errors import DatabaseBusy
from app.ledger import Batch
from app.records import Visitor

log = logging.getLogger(__name__)

RETRY_S = 0.25
# On SQLite a writer that never rests starves the other processes: 2 ms in every 20 ms let them in.
BUSY_S, REST_S = 0.020, 0.002
# The database cannot be reached, is full or is busy: nothing is wrong with what is to be stored.
UNAVAILABLE = (sa.exc.OperationalError, sa.exc.InterfaceError, DatabaseBusy)


class Writer:
    """One greenlet that commits what is put in, and tells what has committed.

    Args:
        database: where to.
        process: tells the id of the process whose counters move.
        find_visitor: tells the volunteer's row of a member that has none yet.
        committed: called for each store after its transaction (D2).
        refused: called for a store that the database will not take; nothing of it was stored.
    """

    def __init__(
        self,
        database: Database,
        *,
        process: Callable[[], int],
        find_visitor: Callable[[int], Visitor | None],
        committed: Callable[[Store], None],
        refused: Callable[[Store], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._process = process
        self._find_visitor = find_visitor
        self._committed = committed
        self._refused = refused
        self._now = now
        self._queue: list[Store] = []
        self._wake = gevent.event.Event()
        self._busy_since = 0.0
        self._is_committing = False

    def put(self, store: Store) -> None:
        """Queue a store for the next commit."""
        self._queue.append(store)
        self._wake.set()

    def run(self) -> None:
        """Commit for ever."""
        while True:
            self._wake.wait()
            self._wake.clear()
            stores, self._queue = self._queue, []
            self._is_committing = True
            self._commit(stores)
            self._is_committing = False
            self._rest()

    def flush(self, timeout_s: float) -> None:
        """Wait until everything put in has committed, or the time is up."""
        give_up_at = time.monotonic() + timeout_s
        while (self._queue or self._is_committing) and time.monotonic() < give_up_at:
            gevent.sleep(0.005)

    def _commit(self, stores: Sequence[Store]) -> None:
        try:
            self._write(stores)
        except sa.exc.SQLAlchemyError:
            # Bisected, so that one bad row fails one volunteer.
            if len(stores) == 1:
                log.exception("a result cannot be stored")
                self._refused(stores[0])
                return
            middle = len(stores) // 2
            self._commit(stores[:middle])
            self._commit(stores[middle:])
            return
        for store in stores:
            self._committed(store)

    def _write(self, stores: Sequence[Store]) -> None:
        batch = self._merge(stores)
        while batch:
            try:
                self._database.write(
                    lambda connection: ledger.store(connection, self._process(), batch, int(self._now() * 1000))
                )
                return
            except UNAVAILABLE as error:
                # Clients wait meanwhile, and nobody is acknowledged.
                log.warning("the database cannot be written to, trying again: %s", error)
                gevent.sleep(RETRY_S)

    def _merge(self, stores: Sequence[Store]) -> Batch:
        batch = Batch()
        for store in stores:
            batch.outcomes += store.outcomes
            batch.failures += store.failures
            batch.finished_blocks += store.finished_blocks
            visitor = self._find_visitor(store.receipt.member)
            if visitor is not None:
                batch.visitors[visitor.id] = visitor
        return batch

    def _rest(self) -> None:
        if not self._database.is_sqlite:
            return
        now = time.monotonic()
        if not self._queue:
            self._busy_since = 0.0
        elif not self._busy_since:
            self._busy_since = now
        elif now - self._busy_since > BUSY_S:
            gevent.sleep(REST_S)
            self._busy_since = 0.0
