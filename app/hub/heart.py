"""The socket process' pulse; on SQLite it makes sure that it is the only one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from app import ledger
from app.database import Database
from app.errors import SettingsError
from app.pulse import Pulse
from app.settings import Settings

KIND = "socket"


class Heart(Pulse):
    """Keeps the socket process' row alive.

    What a reborn process had handed out is still recorded when it comes; what it had not, `reborn` forgets.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], float] = time.monotonic,
        *,
        reborn: Callable[[], None],
    ) -> None:
        super().__init__(settings, database, KIND, clock, reborn=reborn)
        self._lock_path = Path(settings.instance_dir) / "socket.lock"
        self._lock_file: IO[str] | None = None

    def enter(self) -> None:
        """Write this process' row. On SQLite it is the only one: what an earlier one held is free again.

        Raises:
            SettingsError: another socket process uses this SQLite database.
        """
        if self._database.is_sqlite and self._lock_file is None:
            self._lock_file = _lock_alone(self._lock_path)
            self._database.write(lambda connection: ledger.bury_kind(connection, KIND))
        super().enter()

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
