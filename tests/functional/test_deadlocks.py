"""An owner's change that PostgreSQL chose as a deadlock's victim is made all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.database import Database
from app.models import Lease, Schedule
from tests import cast
from tests.conftest import make_database
from tests.functional.pages import insert, make, read, update_schedule
from tests.volunteers import run_together

pytestmark = pytest.mark.postgresql
WAITING = sa.text("select count(*) from pg_locks where not granted")


@pytest.fixture
def database_url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database that locks rows: SQLite has one writer at a time, and no deadlocks."""
    with make_database("postgresql", tmp_path / "instance", request) as url:
        yield url


def wait_for_a_lock(database: Database) -> None:
    """Return when somebody waits for a lock."""
    give_up_at = time.monotonic() + 30
    while not database.read(lambda connection: connection.execute(WAITING).scalar_one()):
        assert time.monotonic() < give_up_at, "nobody waits for a lock"
        time.sleep(0.01)


def test_a_reset_that_meets_a_process_storing_results_is_tried_again(
    app: Flask, alice: cast.Person, database: Database
) -> None:
    campaign_id = make(alice)
    update_schedule(database, campaign_id, generated=10, cursor=10)
    insert(database, Lease, campaign_id=campaign_id, run=1, low=0, high=10, process=7)
    key = {"campaign": campaign_id}
    with database.engine.connect() as rival:
        rival.execute(sa.text("set deadlock_timeout = '60s'"))  # so that the reset is the one to give way
        rival.execute(sa.text("update lease set process = 8 where campaign_id = :campaign"), key)
        codes: list[int] = []
        post = f"/campaign/{campaign_id}/datasets/reset"
        (thread,) = run_together(1, lambda _number: codes.append(alice.post(post).status_code))
        wait_for_a_lock(database)
        rival.execute(sa.text("update schedule set pause_reason = 'rival' where campaign_id = :campaign"), key)
        rival.commit()
    thread.join(30)
    assert codes == [303]
    assert read(database, campaign_id, Schedule.run, Schedule.pause_reason) == (2, "rival")
