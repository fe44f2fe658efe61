"""Transactions under pressure, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from app.database import KEPT_FOR_WRITES, OVERFLOW, Database
from app.errors import DatabaseBusy
from tests.volunteers import run_together

POOL_SIZE = 1
READERS = POOL_SIZE + OVERFLOW - KEPT_FOR_WRITES


@pytest.fixture
def small(database_url: str) -> Iterator[Database]:
    """A database with a small pool."""
    database = Database(database_url, pool_size=POOL_SIZE)
    yield database
    database.dispose()


def test_reads_that_hang_leave_room_for_writes_and_are_refused_soon(small: Database) -> None:
    release, together = threading.Event(), threading.Barrier(READERS + 1)

    def hang(connection: sa.Connection) -> int:
        together.wait(30)
        release.wait(60)
        return int(connection.execute(sa.text("select 7")).scalar_one())

    answers: list[int] = []
    threads = run_together(READERS, lambda _number: answers.append(small.read(hang)))
    together.wait(30)
    with pytest.raises(DatabaseBusy):
        small.read(lambda connection: connection.execute(sa.text("select 7")))
    assert small.write(lambda connection: connection.execute(sa.text("select 8")).scalar_one()) == 8
    release.set()
    for thread in threads:
        thread.join(30)
    assert answers == [7] * READERS
    assert small.read(lambda connection: connection.execute(sa.text("select 9")).scalar_one()) == 9
