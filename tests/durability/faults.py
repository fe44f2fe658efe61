"""gunicorn's configuration of a socket process with faults, which a test turns on by files in the instance folder.

``kill_after_commit``: the worker kills itself after so many commits, before it tells anybody, and takes the file away.
``max_page_count``: the most pages that the SQLite database may have, as a disk that is full.
``statistics.json`` is written when the worker ends: what the dispatcher counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from app.hub import Hub
from app.serving import *  # noqa: F403
from app.serving import settings

FOLDER = Path(settings.instance_dir)
KILL_FILE, PAGES_FILE, STATISTICS_FILE = "kill_after_commit", "max_page_count", "statistics.json"


class KillAfterCommit:
    """Stands between the writer and the hub: what it is told of has committed, and nobody was told yet."""

    def __init__(self) -> None:
        self._tell = Hub._committed
        self._commits = 0

    def __call__(self, hub: Hub, *stored: Any) -> None:
        """Pass the news on, or end."""
        self._commits += 1
        path = FOLDER / KILL_FILE
        if path.exists() and self._commits > int(path.read_text()):
            path.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        self._tell(hub, *stored)


def limit_pages(connection: sa.Connection) -> None:
    """Let the database grow to so many pages; a limit under its size counts as its size."""
    if connection.dialect.name == "sqlite":
        with contextlib.suppress(FileNotFoundError):
            raw = connection.connection.driver_connection
            assert raw is not None
            raw.execute(f"pragma max_page_count = {int((FOLDER / PAGES_FILE).read_text())}")


def write_statistics(hub: Hub, stop: Any = Hub.stop) -> None:
    """Stop the hub, and leave behind what it counted."""
    stop(hub)
    counted = dataclasses.asdict(hub.dispatcher.statistics)
    (FOLDER / STATISTICS_FILE).write_text(json.dumps(counted))


kill_after_commit = KillAfterCommit()
Hub._committed = lambda hub, *stored: kill_after_commit(hub, *stored)  # type: ignore[method-assign]
Hub.stop = write_statistics  # type: ignore[method-assign]
sa.event.listen(sa.Engine, "begin", limit_pages)
