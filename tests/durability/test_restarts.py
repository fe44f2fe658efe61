"""Processes that are restarted while volunteers work: drained, nothing lost, everybody told to come back."""

from __future__ import annotations

import dataclasses
import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.database import Database
from tests.campaigns import make_campaign
from tests.durability.clients import Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.verdict import Record, count_leased, judge, record_verdict, wait_for_burial
from tests.processes import run_site
from tests.scale import scaled
from tests.volunteers import Classic, finish

pytestmark = pytest.mark.slow
# Nobody is declared dead meanwhile: what comes back at once was given back.
PATIENT = {**ENVIRON, "PROCESS_TTL_S": "60"}


def test_a_clean_restart_frees_every_dataset_that_clients_held(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    campaign = make_campaign(database, list(range(5)))
    with run_site(tmp_path / "instance", database_url, "socket", **PATIENT) as site:
        holders = [Classic.open(site.socket_url, campaign) for _ in range(5)]
        held = [client.receive_dataset() for client in holders]
        waiting = [Classic.open(site.socket_url, campaign) for _ in range(15)]
        assert site.terminate("socket") == 0
        assert count_leased(database) == 0
        assert (sorted(held), len(waiting)) == (list(range(5)), 15)
        site.start("socket")
        acknowledged, code = finish(site.socket_url, campaign, lambda n: n * n)
    assert (sorted(acknowledged), code) == (list(range(5)), 1000)


def test_a_process_that_nobody_is_connected_to_takes_its_leave_before_it_ends_however_slow_the_database_is(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    with run_site(tmp_path / "instance", database_url, "socket", **PATIENT) as site:
        with database.transaction() as connection:
            connection.execute(sa.text("update process set kind = kind"))  # its row is locked
            site.signal("socket", signal.SIGTERM)
            time.sleep(3)
        assert site.terminate("socket") == 0
    assert (
        database.read(lambda connection: connection.execute(sa.text("select count(*) from process")).scalar_one()) == 0
    )


@pytest.mark.postgresql
def test_two_socket_processes_are_restarted_in_turn_and_nothing_is_lost_or_done_twice(
    tmp_path: Path,
    shared_url: str,
    shared: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, rounds = make_campaign(shared, datasets), scaled(1, 6)
    hosts, paced = ["socket", "socket.2"], dataclasses.replace(habits, think_s=scaled(0.3, 0.7))
    with run_site(tmp_path / "instance", shared_url, *hosts, **PATIENT) as site:
        urls = [site.socket_url_of(name) for name in hosts]
        with Crowd(urls, campaign, paced) as crowd:
            for turn in range(2 * rounds):
                crowd.wait_for((turn + 1) * len(datasets) // (2 * rounds + 1))
                assert site.terminate(hosts[turn % 2]) == 0
                site.start(hosts[turn % 2])
            crowd.wait()
        verdict = judge(shared, campaign, [crowd])
    assert count_leased(shared) == 0
    assert crowd.final_codes() == {1000: habits.clients}
    assert crowd.codes[1012] >= rounds * habits.clients
    record_verdict(record_property, verdict, crowd)


@pytest.mark.postgresql
def test_the_two_workers_of_one_process_are_replaced_while_volunteers_work_and_nothing_is_lost(
    tmp_path: Path,
    shared_url: str,
    shared: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, rounds = make_campaign(shared, datasets), scaled(2, 8)
    paced = dataclasses.replace(habits, think_s=scaled(0.3, 0.5))
    with run_site(tmp_path / "instance", shared_url, "socket", SOCKET_WORKERS="2", **PATIENT) as site:
        with Crowd([site.socket_url], campaign, paced) as crowd:
            for turn in range(rounds):
                crowd.wait_for((turn + 1) * len(datasets) // (rounds + 2))
                old = set(site.worker_pids("socket"))
                site.reload("socket")
                while old & set(site.worker_pids("socket")):
                    time.sleep(0.05)
            crowd.wait()
        wait_for_burial(shared, alive=2)
        verdict = judge(shared, campaign, [crowd])
    assert count_leased(shared) == 0
    assert crowd.final_codes() == {1000: habits.clients}
    assert crowd.codes[1012] >= rounds * habits.clients / 2
    record_verdict(record_property, verdict, crowd)
