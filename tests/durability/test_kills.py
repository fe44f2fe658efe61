"""Nothing acknowledged is lost, nothing is stored twice: the socket process is killed while volunteers work."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.database import Database
from tests.campaigns import make_campaign
from tests.durability.clients import Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.faults import KILL_FILE
from tests.durability.verdict import Record, count_leased, judge, record_verdict, wait_for_burial
from tests.processes import run_site
from tests.scale import scaled

pytestmark = pytest.mark.slow
FAULTS = "tests.durability.faults"


def test_killing_the_socket_process_again_and_again_loses_nothing_and_doubles_nothing(
    tmp_path: Path,
    database_url: str,
    database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, kills = make_campaign(database, datasets), scaled(2, 12)
    with (
        run_site(tmp_path / "instance", database_url, "socket", **ENVIRON) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        for kill in range(kills):
            crowd.wait_for((kill + 1) * len(datasets) // (kills + 1))
            site.kill("socket")
            site.start("socket")
        crowd.wait()
        wait_for_burial(database, alive=1)
    verdict = judge(database, campaign, [crowd])
    assert crowd.final_codes() == {1000: habits.clients}
    assert crowd.reconnects > kills * habits.clients / 2
    assert count_leased(database) == 0
    record_verdict(record_property, verdict, crowd)


def test_a_process_that_dies_between_commit_and_acknowledgement_has_stored_what_it_did_not_tell(
    tmp_path: Path,
    database_url: str,
    database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, deaths = make_campaign(database, datasets), scaled(2, 12)
    instance = tmp_path / "instance"
    with (
        run_site(instance, database_url, "socket", serving=FAULTS, **ENVIRON) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        for death in range(deaths):
            crowd.wait_for((death + 1) * len(datasets) // (deaths + 1))
            workers = site.worker_pids("socket")
            (instance / KILL_FILE).write_text("0")
            while site.worker_pids("socket") == workers or not site.worker_pids("socket"):
                time.sleep(0.01)  # until gunicorn has replaced it
        crowd.wait()
        wait_for_burial(database, alive=1)
        assert not (instance / KILL_FILE).exists()
    verdict = judge(database, campaign, [crowd])
    assert crowd.final_codes() == {1000: habits.clients}
    assert verdict.untold >= deaths
    assert count_leased(database) == 0
    record_verdict(record_property, verdict, crowd)
