"""Group commit: everything that arrived while the last commit ran goes into the next one, with no artificial wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence

import gevent
import gevent.event
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.dispatcher import Store
from app.errors import DatabaseBusy
from app.ledger import Batch

log = logging.getLogger(__name__)

RETRY_S = 0.25
# On SQLite a writer that never rests starves the other processes: 2 ms in every 20 ms let them in.
BUSY_S, REST_S = 0.020, 0.002
# Something is wrong with what is to be stored. Whatever else goes wrong is the database's, and passes.
REFUSED = (sa.exc.DataError, sa.exc.IntegrityError, ArithmeticError, ValueError, TypeError)
UNAVAILABLE = (sa.exc.SQLAlchemyError, DatabaseBusy)
# What is more waits for the next transaction: so volunteers compute, and PostgreSQL stores, while others are answered.
MAX_ROWS = 2000
MAX_BYTES = 64 << 20


class Writer:
    """One greenlet that commits what is put in, and tells what has committed.

    Args:
        database: where to.
        process: tells the id of the process whose counters move.
        committed: called for each store after its transaction (D2).
        refused: called for a store that the database will not take; nothing of it was stored.
    """

    def __init__(
        self,
        database: Database,
        *,
        process: Callable[[], int],
        committed: Callable[[Store], None],
        refused: Callable[[Store], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._process = process
        self._committed = committed
        self._refused = refused
        self._now = now
        self._queue: list[Store] = []
        self._taken: list[Store] = []  # from the queue, for the transaction under way
        self._wake = gevent.event.Event()
        self._busy_since = 0.0
        self._is_committing = False

    def put(self, store: Store) -> None:
        """Queue a store for the next commit."""
        self._queue.append(store)
        self._wake.set()

    def keep_rows(self, campaign_ids: Collection[int]) -> None:
        """Take no row of these campaigns' ranges away with what waits: a range may lack an outcome that was refused.

        Outcomes are refused before those that came later are committed, so that none of these has ended the range yet.
        """
        for store in (*self._taken, *self._queue):
            store.finished_blocks = [key for key in store.finished_blocks if key[0] not in campaign_ids]

    def run(self) -> None:
        """Commit for ever."""
        while True:
            self._wake.wait()
            self._wake.clear()
            self._is_committing = True
            while self._queue:
                self._commit(self._take())
                self._rest()
            self._is_committing = False

    def flush(self, timeout_s: float) -> None:
        """Wait until everything put in has committed, or the time is up."""
        give_up_at = time.monotonic() + timeout_s
        while (self._queue or self._is_committing) and time.monotonic() < give_up_at:
            gevent.sleep(0.005)

    def _take(self) -> list[Store]:
        """Take from the queue what goes into one transaction: one store at least."""
        count = size = rows = 0
        while count < len(self._queue) and size < MAX_BYTES and rows < MAX_ROWS:
            size += self._queue[count].held_bytes
            rows += len(self._queue[count].outcomes)
            count += 1
        self._taken, self._queue = self._queue[:count], self._queue[count:]
        return self._taken

    def _commit(self, stores: Sequence[Store]) -> None:
        try:
            self._write(stores)
        except REFUSED:
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
            self._tell(store)

    def _tell(self, store: Store) -> None:
        try:
            self._committed(store)
        except Exception:  # it is stored; the others of its transaction are told all the same
            log.exception("a volunteer could not be answered")

    def _write(self, stores: Sequence[Store]) -> None:
        batch = self._merge(stores)
        is_small = sum(store.held_bytes for store in stores) < ledger.BYTES_PER_INSERT
        alone = batch.is_plain and is_small and not self._database.is_sqlite
        write = self._database.write_alone if alone else self._database.write
        now_ms = int(self._now() * 1000)
        while batch:
            try:
                write(lambda connection: ledger.store(connection, self._process(), batch, now_ms))
                return
            except REFUSED:
                raise
            except UNAVAILABLE as error:
                # Clients wait meanwhile, and nobody is acknowledged.
                log.warning("the database cannot be written to, trying again: %s", error)
                batch.may_be_stored = True
                gevent.sleep(RETRY_S)

    def _merge(self, stores: Sequence[Store]) -> Batch:
        batch = Batch()
        for store in stores:
            batch.outcomes += store.outcomes
            if store.failures:
                batch.failures += store.failures
            if store.finished_blocks:
                batch.finished_blocks += store.finished_blocks
            if store.visitor is not None:
                batch.visitors[store.visitor.id] = store.visitor
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
