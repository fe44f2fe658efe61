"""A process' signs of life in the ledger, and its rebirth when it was silent for too long."""

from __future__ import annotations

import fcntl
import logging
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from app import ledger
from app.database import Database
from app.errors import SettingsError
from app.settings import Settings

log = logging.getLogger(__name__)

KIND = "socket"


class Heart:
    """Keeps this process' row alive.

    A process that was stopped and woke, or that could not reach the database for its time to live, may have been
    declared dead and its ranges given to others: it begins anew under another id, and `reborn` is told to forget what
    it had not handed out. What it had handed out is still recorded when it comes.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        *,
        reborn: Callable[[], None],
    ) -> None:
        self.process = _draw_id()
        self.peers = 1  # live socket processes, this one included
        self._settings = settings
        self._database = database
        self._clock = clock
        self._reborn = reborn
        self._refreshed_at = clock()
        self._steady_since = clock()
        self._lock_file: IO[str] | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether others may think that this process is dead: then it leases nothing."""
        return self._clock() - self._refreshed_at > self._settings.process_ttl_s

    def enter(self) -> None:
        """Write this process' row. On SQLite it is the only one: what an earlier one held is free again."""
        if self._database.is_sqlite:
            self._lock_file = _lock_alone(Path(self._settings.instance_dir) / "socket.lock")
            self._database.write(lambda connection: ledger.bury_kind(connection, KIND))
        self._write_row()

    def beat(self) -> None:
        """Give a sign of life, and end processes that give none."""
        ttl_s = self._settings.process_ttl_s
        late = self.is_doubtful
        if late or not self._database.write(lambda c: ledger.refresh_process(c, self.process, ttl_s)):
            self._begin_anew()
            return
        self._refreshed_at = self._clock()
        # Whoever was cut off itself, and not the others, must not declare them dead.
        if self._clock() - self._steady_since > ttl_s:
            self._database.write(ledger.bury_dead)
        self.peers = self._database.read(lambda connection: ledger.count_alive(connection, KIND))

    def leave(self) -> None:
        """Give every lease back and take this process' row away."""
        self._database.write(lambda connection: ledger.leave_process(connection, self.process))
        if self._lock_file is not None:
            self._lock_file.close()

    def _begin_anew(self) -> None:
        log.warning("this process was silent for too long and begins anew")
        old, self.process = self.process, _draw_id()
        self._reborn()
        self._database.write(lambda connection: ledger.leave_process(connection, old))
        self._write_row()

    def _write_row(self) -> None:
        ttl_s = self._settings.process_ttl_s
        self._database.write(lambda connection: ledger.enter_process(connection, self.process, KIND, ttl_s))
        self._refreshed_at = self._steady_since = self._clock()


def _draw_id() -> int:
    return random.SystemRandom().randrange(1, 2**52)


def _lock_alone(path: Path) -> IO[str]:
    os.makedirs(path.parent, exist_ok=True)
    file = open(path, "w")  # noqa: SIM115 - the lock lives as long as the process
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingsError(
            "Another socket process uses this SQLite database. To run several, point DATABASE_URL to PostgreSQL."
        ) from error
    return file
