"""The hub's writer on both databases: what it stores together, and what it does when the database refuses a part."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from app import ledger
from app.database import Database
from app.dispatcher import Store
from app.hub.writer import Writer
from app.ledger import Appetite
from app.records import Outcome
from app.states import ResultKind
from tests.campaigns import make_campaign, read_results

ME = 11
TOO_LARGE = 2**70  # for the column of the volunteer


class Desk:
    """A writer at work, and what it said."""

    def __init__(self, database: Database) -> None:
        self.committed: list[Store] = []
        self.refused: list[Store] = []
        self.writer = Writer(database, process=lambda: ME, committed=self.committed.append, refused=self.refuse)
        self.greenlet = gevent.spawn(self.writer.run)

    def refuse(self, store: Store) -> None:
        """Do what the hub does."""
        self.refused.append(store)
        self.writer.keep_rows({outcome.campaign_id for outcome in store.outcomes})


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    database.write(lambda connection: ledger.enter_process(connection, ME, "socket", 60))
    desk = Desk(database)
    yield desk
    desk.greenlet.kill()


def answer(campaign: int, position: int, *, volunteer: int = 7, ends: bool = False) -> Store:
    outcome = Outcome(campaign, 1, position, ResultKind.VALUE.value, b"\x01", 5, volunteer, 1)
    return Store(volunteer, 0, outcomes=[outcome], finished_blocks=[(campaign, 1, 0)] if ends else [])


def test_one_bad_outcome_fails_one_volunteer_and_loses_no_dataset(database: Database, desk: Desk) -> None:
    campaign = make_campaign(database, [0, 1, 2])
    hungry = Appetite(datasets=3, max_bytes=1 << 20)
    database.write(lambda connection: ledger.take_block(connection, ME, campaign, 1, hungry))
    stores = [answer(campaign, 0), answer(campaign, 1, volunteer=TOO_LARGE), answer(campaign, 2, ends=True)]
    for store in stores:
        desk.writer.put(store)
    desk.writer.flush(10)
    assert desk.refused == [stores[1]]
    assert desk.committed == [stores[0], stores[2]]
    assert len(read_results(database, campaign)) == 2
    database.write(lambda connection: ledger.release_unknown(connection, ME, campaign, 1, []))
    block = database.write(lambda connection: ledger.take_block(connection, ME, campaign, 1, hungry))
    assert block is not None
    assert [position for position, _data, _attempts in block.datasets] == [1]
