"""What tests of lock-step generators share: somebody who takes datasets, and what the datasets must be."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

import worker_sandbox
from app import ledger
from app.database import Database
from app.ledger import Appetite
from app.models import Campaign, Dataset, Schedule
from tests import sandbox

CONSUMER = 77
ENDLESS = "({ *main() { for (let n = 0; ; n++) yield { n, r: Math.random(), at: Date.now() }; } })"


class Consumer:
    """Takes datasets as a socket process does, in small blocks, and keeps what it got by position."""

    def __init__(self, database: Database, campaign_id: int) -> None:
        self.got: dict[int, bytes] = {}
        self._database = database
        self._campaign_id = campaign_id
        database.write(_be_alive)

    def take(self, count: int) -> int:
        """Take up to so many datasets that were handed to nobody yet, and return how many there were."""
        appetite = Appetite(datasets=count, max_bytes=1 << 24)
        run = read_schedule(self._database, self._campaign_id).run
        block = self._database.write(lambda c: ledger.take_block(c, CONSUMER, self._campaign_id, run, appetite))
        for position, data, _attempts in block.datasets if block else []:
            assert position not in self.got
            self.got[position] = data
        return len(block.datasets) if block else 0


def _be_alive(connection: sa.Connection) -> None:
    if not ledger.refresh_process(connection, CONSUMER, 3600):
        ledger.enter_process(connection, CONSUMER, "socket", 3600)


def read_schedule(database: Database, campaign_id: int) -> Schedule:
    """Return a campaign's schedule as it is now."""
    with Session(database.engine) as session:
        return session.get_one(Schedule, campaign_id)


def wait_until(holds: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait until something holds."""
    give_up_at = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up_at, "it never came to that"
        time.sleep(0.02)


def read_datasets(database: Database, campaign_id: int) -> list[bytes]:
    """Return the stored datasets in order, and assert that positions have no gap."""
    query = sa.select(Dataset.position, Dataset.data).where(Dataset.campaign_id == campaign_id)
    rows = database.read(lambda connection: connection.execute(query.order_by(Dataset.position)).all())
    assert [row.position for row in rows] == list(range(len(rows)))
    return [row.data for row in rows]


def make_again(database: Database, campaign_id: int, count: int) -> list[bytes]:
    """Return the first datasets of a campaign, made in one go, apart from everything that the site does."""
    columns = (Campaign.dataset_gen, Campaign.seed, Campaign.date_added)
    query = sa.select(*columns).where(Campaign.id == campaign_id)
    row = database.read(lambda connection: connection.execute(query).one())
    now_ms = int(row.date_added.timestamp() * 1000)
    limits = sandbox.fit(worker_sandbox.Limits(wall_s=120))
    with worker_sandbox.Session(
        row.dataset_gen.decode(), seed=row.seed, now_ms=now_ms, limits=limits, in_steps=True
    ) as session:
        return [blob for blobs in session.pull(count, budget_s=120) for blob in blobs]


def assert_exact(database: Database, campaign_id: int) -> int:
    """Assert that what is stored is what the generator makes, each once, and that the schedule knows; return how many.

    For a time when nobody generates.
    """
    stored, schedule = read_datasets(database, campaign_id), read_schedule(database, campaign_id)
    assert len(stored) == schedule.generated
    assert sum(map(len, stored)) == schedule.generated_bytes
    assert schedule.digest == hashlib.sha256(b"".join(stored)).hexdigest()
    assert stored == make_again(database, campaign_id, len(stored))
    return len(stored)


def find_children(pid: int) -> list[int]:
    """Return the generator processes that a background process has."""
    children = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += [int(child) for child in (task / "children").read_text().split()]
    return children
