"""Owners pause, resume, reset and change the kernel, while the socket process is killed: the present run is whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.states import Intent
from tests.campaigns import change_kernel, make_campaign
from tests.durability.clients import Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.verdict import Record, count_leased, judge, read_rows, record_verdict, wait_for_burial
from tests.processes import run_site
from tests.scale import scaled

pytestmark = pytest.mark.slow


def reset_with_a_new_kernel(connection: sa.Connection, campaign_id: int) -> None:
    """Begin a new run with a new kernel at the same moment."""
    ledger.reset(connection, campaign_id)
    change_kernel(connection, campaign_id)


def assert_acknowledged_is_stored(database: Database, campaign_id: int, run: int, crowd: Crowd) -> None:
    """Whatever was acknowledged of a run that is not done is there."""
    rows = read_rows(database, campaign_id, run)
    missing = [answer for answer, _at in crowd.acknowledged if answer.run == run and answer.position not in rows]
    assert missing == []
    assert len(rows) >= len({answer.position for answer, _at in crowd.acknowledged}) > 0


def test_a_pause_lets_answers_in_and_a_changed_campaign_is_computed_whole_in_its_last_run(
    tmp_path: Path,
    database_url: str,
    database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign = make_campaign(database, datasets)
    with run_site(tmp_path / "instance", database_url, "socket", PAUSE_PATIENCE_S="1", **ENVIRON) as site:
        with Crowd([site.socket_url], campaign, habits) as early:
            early.wait_for(len(datasets) // 4)
            database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.PAUSED))
            early.wait()
        assert early.final_codes() == {4409: habits.clients}
        assert_acknowledged_is_stored(database, campaign, 1, early)
        database.write(lambda connection: ledger.reset(connection, campaign))
        database.write(lambda connection: ledger.set_intent(connection, campaign, Intent.RUNNING))
        time.sleep(1.0)  # a process looks at what owners changed four times a second, and refuses with 4409 till then
        with Crowd([site.socket_url], campaign, habits, first=1000) as late:
            for _ in range(scaled(1, 4)):
                begun = len(late.acknowledged)
                late.wait_for(begun + len(datasets) // 5)
                database.write(lambda connection: ledger.reset(connection, campaign))
                late.wait_for(begun + 2 * len(datasets) // 5)
                database.write(lambda connection: change_kernel(connection, campaign))
                late.wait_for(begun + 3 * len(datasets) // 5)
                database.write(lambda connection: reset_with_a_new_kernel(connection, campaign))
                site.kill("socket")
                site.start("socket")
            begun = len(late.acknowledged)
            late.wait_for(begun + len(datasets) // 3)
            database.write(lambda connection: change_kernel(connection, campaign))
            late.wait()
            wait_for_burial(database, alive=1)
        verdict = judge(database, campaign, [late])
    assert late.final_codes() == {1000: habits.clients}
    assert count_leased(database) == 0
    record_verdict(record_property, verdict, late)
