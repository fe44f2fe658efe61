"""The socket process' pulse; on SQLite it makes sure that it is the only one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.errors import SettingsError
from app.pulse import Pulse
from app.records import Presence
from app.settings import Settings

KIND = "socket"


class Heart(Pulse):
    """Keeps the socket process' row alive, and says with each beat who is there.

    What a reborn process had handed out is still recorded when it comes; what it had not, `reborn` forgets.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        *,
        reborn: Callable[[], None],
        count_present: Callable[[], Mapping[int, Presence]] = dict,
    ) -> None:
        super().__init__(settings, database, KIND, clock, reborn=reborn)
        self._lock_path = Path(settings.instance_dir) / "socket.lock"
        self._lock_file: IO[str] | None = None
        self._count_present = count_present
        self._has_news = True
        self._present: tuple[int, Mapping[int, Presence]] = self.process, {}
        self._noted: tuple[int, Mapping[int, Presence]] | None = None  # what the ledger surely holds

    def enter(self) -> None:
        """Write this process' row. On SQLite it is the only one: what an earlier one held is free again.

        Raises:
            SettingsError: another socket process uses this SQLite database.
        """
        if self._database.is_sqlite and self._lock_file is None:
            self._lock_file = _lock_alone(self._lock_path)
            self._database.write(lambda connection: ledger.bury_kind(connection, KIND))
        super().enter()

    def _refresh(self) -> bool:
        self._present = self.process, self._count_present()
        self._has_news, self._noted = self._present != self._noted, None  # until it is committed nobody knows
        is_alive = super()._refresh()
        if is_alive:
            self._noted = self._present
        return is_alive

    def _sign(self, connection: sa.Connection) -> bool:
        is_alive = super()._sign(connection)
        if is_alive and self._has_news:  # while nobody comes or goes, a beat writes one row
            ledger.note_presence(connection, *self._present)
        return is_alive

    def leave(self) -> None:
        """Give every lease back and take this process' row away."""
        super().leave()
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


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
