"""What belongs to processes that are gone comes free, whatever became of their rows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.ledger import Appetite, Batch
from app.records import Outcome
from app.states import ResultKind
from tests.campaigns import make_campaign, read_progress

ALIVE, GONE = 11, 13
THREE = Appetite(3, 1 << 20)
NOW_MS = 1_700_000_000_000


@pytest.fixture
def campaign(database: Database) -> int:
    """A campaign of ten datasets, of which two processes hold three each; one's row is gone."""
    campaign = make_campaign(database, list(range(10)))
    for process in (ALIVE, GONE):
        database.write(lambda connection, process=process: ledger.enter_process(connection, process, "socket", 60))
        database.write(lambda connection, process=process: ledger.take_block(connection, process, campaign, 1, THREE))
    outcome = Outcome(campaign, 1, 4, ResultKind.VALUE, b"\x01", 5, 99, 1)
    database.write(lambda connection: ledger.store(connection, GONE, Batch([outcome]), NOW_MS))
    database.write(lambda connection: connection.execute(sa.text("delete from process where id = 13")))
    return campaign


def read(database: Database, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.read(lambda connection: connection.execute(sa.text(query)).all())]


def test_leases_of_a_process_without_a_row_come_free_and_others_keep_theirs(database: Database, campaign: int) -> None:
    assert database.write(ledger.bury_dead) == 0
    assert read(database, "select low, process from lease order by low") == [(0, ALIVE), (3, None)]


def test_counters_of_a_process_without_a_row_join_those_of_the_processes_that_ended(
    database: Database, campaign: int
) -> None:
    database.write(ledger.bury_dead)
    assert read(database, "select process, value_count from progress") == [(0, 1)]
    assert read_progress(database, campaign).done == 1


def test_a_generation_of_a_process_without_a_row_waits_for_another(database: Database, campaign: int) -> None:
    running = "update schedule set generation = 'running', generator = 13"
    database.write(lambda connection: connection.execute(sa.text(running)))
    database.write(ledger.bury_dead)
    assert read(database, "select generation, generator from schedule") == [("waiting", None)]
