"""A process' signs of life in the ledger, and its rebirth when it was silent for too long."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

import sqlalchemy as sa

from app import ledger
from app.database import UNAVAILABLE, Database
from app.settings import Settings

log = logging.getLogger(__name__)
# After a silence of this share of the time to live, others may be late only because they were cut off as well.
CUT_OFF_SHARE = 0.5


class Pulse:
    """Keeps one process' row alive, and ends processes that give no sign.

    A process that was stopped and woke, or that could not reach the database for its time to live, may have been
    declared dead and its work given to others: it begins anew under another id, and `reborn` is told to forget what it
    had not handed out. Nobody is declared dead within one time to live of one's own reconnect: whoever was cut off
    itself must not judge others that were cut off with it.

    Args:
        settings: the time to live and the pause between beats.
        database: where the row is.
        kind: "socket" or "background".
        clock: monotonic seconds.
        reborn: called when the process takes a new id.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        kind: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        reborn: Callable[[], None],
    ) -> None:
        self.process = _draw_id()
        self.peers = 1  # live processes of this kind, this one included
        self.kind = kind
        self._settings = settings
        self._database = database
        self._clock = clock
        self._reborn = reborn
        self._former: list[int] = []  # ids of earlier lives, whose rows may still be there
        self._is_entered = False
        self._refreshed_at = clock()
        self._steady_since = clock()

    @property
    def is_doubtful(self) -> bool:
        """Whether others may think that this process is dead: then it takes no work."""
        return self._clock() - self._refreshed_at > self._settings.process_ttl_s

    def enter(self) -> None:
        """Write this process' row, and take those of its earlier lives away."""
        asked_at = self._clock()
        self._database.write(self._write_row)
        self._former.clear()
        self._is_entered = True
        self._refreshed_at, self._steady_since = asked_at, self._clock()

    def beat(self) -> None:
        """Give a sign of life, and end processes that give none.

        Raises:
            sqlalchemy.exc.SQLAlchemyError, DatabaseBusy: the database cannot be reached; the next beat tries again.
        """
        asked_at = self._clock()
        if not self._refresh():
            self._begin_anew()
            return
        now, ttl_s = self._clock(), self._settings.process_ttl_s
        if now - self._refreshed_at > CUT_OFF_SHARE * ttl_s:
            self._steady_since = now
        self._refreshed_at = asked_at  # not when the answer came: the row's time runs from before it
        if now - self._steady_since > ttl_s:
            self._database.write(ledger.bury_dead)
        self.peers = self._database.read(lambda connection: ledger.count_alive(connection, self.kind))

    def leave(self) -> None:
        """Give everything back and take this process' rows away; when that cannot be, its time to live does it."""
        try:
            self._database.write(self._leave_all)
        except UNAVAILABLE as error:
            log.warning("this process could not take its leave, others free its work in a moment: %s", error)

    def _refresh(self) -> bool:
        if self.is_doubtful or not self._is_entered:
            return False
        return self._database.write(self._sign)

    def _sign(self, connection: sa.Connection) -> bool:
        """Write the sign of life; False when this process was declared dead. What goes with it goes in here."""
        return ledger.refresh_process(connection, self.process, self._settings.process_ttl_s)

    def _begin_anew(self) -> None:
        if self._is_entered:  # else an earlier beat began, and did not get through
            log.warning("this process was silent for too long and begins anew")
            self._former.append(self.process)
            self.process, self._is_entered = _draw_id(), False
            self._reborn()
        self.enter()

    def _write_row(self, connection: sa.Connection) -> None:
        # The row may be there already: a commit can fail on its way back. Then it is written again.
        self._leave_all(connection)
        ledger.enter_process(connection, self.process, self.kind, self._settings.process_ttl_s)

    def _leave_all(self, connection: sa.Connection) -> None:
        for process in (*self._former, self.process):
            ledger.leave_process(connection, process)


def _draw_id() -> int:
    return random.SystemRandom().randrange(1, 2**52)
