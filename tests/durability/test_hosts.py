"""Several hosts on one PostgreSQL: two socket and two background processes share campaigns, whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.database import Database
from tests.campaigns import make_campaign
from tests.durability.clients import Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.verdict import Record, count_leased, judge, record_verdict, wait_for_burial
from tests.functional.test_background import count_datasets, upload, wait_for_end
from tests.processes import Site, run_site
from tests.scale import scaled

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]
SOCKETS = ["socket", "socket.2"]
BACKGROUNDS = ["background", "background.2"]
SHORT = {**ENVIRON, "DATASET_DEADLINE_S": "1", "LEASE_GRACE_S": "0.5", "GENERATORS_AT_ONCE": "1"}


def read_processes(database: Database, kind: str) -> set[int]:
    """Return the ids of the processes of a kind."""
    query = sa.text("select id from process where kind = :kind")
    return set(database.read(lambda connection: connection.execute(query, {"kind": kind}).scalars().all()))


def count_ranges(database: Database, process: int) -> int:
    """Return how many ranges a process holds."""
    query = sa.text("select count(*) from lease where process = :p")
    return int(database.read(lambda connection: connection.execute(query, {"p": process}).scalar_one()))


def count_free(database: Database) -> int:
    """Return how many ranges wait for a process to take them."""
    query = sa.text("select count(*) from lease where process is null")
    return int(database.read(lambda connection: connection.execute(query).scalar_one()))


def stop_until_reclaimed(site: Site, database: Database, name: str, process: int) -> None:
    """Stop a socket process in its tracks until the others hand out what it held, and wake it."""
    assert count_ranges(database, process) > 0
    site.signal(name, signal.SIGSTOP)
    give_up_at = time.monotonic() + 180
    while count_ranges(database, process) or count_free(database):
        assert time.monotonic() < give_up_at, "nobody reclaimed its ranges"
        time.sleep(0.05)
    time.sleep(1.0)  # so that volunteers of the others have computed some of it
    site.signal(name, signal.SIGCONT)


def test_a_socket_process_that_wakes_after_others_took_its_ranges_doubles_nothing(
    tmp_path: Path, shared_url: str, shared: Database, habits: Habits, datasets: list[int], record_property: Record
) -> None:
    campaign = make_campaign(shared, datasets)
    paced = dataclasses.replace(habits, think_s=scaled(0.3, 0.6))
    # Blocks so small that a process comes back to the ledger often, and finds what was reclaimed.
    with run_site(tmp_path / "instance", shared_url, "socket", BLOCK_MAX="32", **ENVIRON) as site:
        known = read_processes(shared, "socket")
        site.start("socket.2")
        (sleeper,) = read_processes(shared, "socket") - known
        with Crowd([site.socket_url_of(name) for name in SOCKETS], campaign, paced) as crowd:
            crowd.wait_for(len(datasets) // 4)
            stop_until_reclaimed(site, shared, "socket.2", sleeper)
            crowd.wait()
        wait_for_burial(shared, alive=2)
        assert "begins anew" in site.read_log("socket.2")
        verdict = judge(shared, campaign, [crowd])
        assert sleeper not in read_processes(shared, "socket")
    assert read_processes(shared, "socket") == set()
    assert count_leased(shared) == 0
    assert crowd.final_codes() == {1000: habits.clients}
    assert verdict.displaced > 0  # answers of the woken one's volunteers, to datasets that others had done
    record_verdict(record_property, verdict, crowd)


# --- scale-out -------------------------------------------------------------------------------------------------------


def kill_each(site: Site, database: Database) -> None:
    """Kill one process of each kind, and start it again."""
    for name in ("socket.2", "background", "socket"):
        site.kill(name)
        site.start(name)


def restart_each(site: Site, database: Database) -> None:
    """Restart every process in turn, as a roll-out does."""
    for name in (*SOCKETS, *BACKGROUNDS):
        assert site.terminate(name) == 0
        site.start(name)


def leave_alone(site: Site, database: Database) -> None:
    """Do nothing: it is the volunteers who vanish."""


def stop_one_of_each(site: Site, database: Database) -> None:
    """Stop a socket and a background process for longer than their time to live, and wake them."""
    names = ("socket.2", "background.2")
    for name in names:
        site.signal(name, signal.SIGSTOP)
    time.sleep(2 * float(ENVIRON["PROCESS_TTL_S"]))
    for name in names:
        site.signal(name, signal.SIGCONT)


@pytest.mark.parametrize(
    ("fault", "vanishing_share"), [(kill_each, 0.0), (restart_each, 0.0), (leave_alone, 0.3), (stop_one_of_each, 0.0)]
)
def test_two_hosts_of_each_kind_share_campaigns(
    tmp_path: Path,
    shared_url: str,
    shared: Database,
    record_property: Record,
    fault: Callable[[Site, Database], None],
    vanishing_share: float,
) -> None:
    count, clients = scaled(1200, 10_000), scaled(20, 100)
    habits = Habits(clients, think_s=scaled(0.15, 0.3), vanishing_share=vanishing_share)
    generator = f"({{main: function* () {{ for (let n = 0; n < {count}; n++) yield {{n: n}}; }}}})"
    with (
        run_site(tmp_path / "instance", shared_url, *SOCKETS, *BACKGROUNDS, **SHORT) as site,
        contextlib.ExitStack() as stack,
    ):
        campaigns = [upload(shared, generator) for _ in range(2)]
        urls = [site.socket_url_of(name) for name in SOCKETS]
        crowds = [
            stack.enter_context(Crowd(urls, campaign, habits, first=number * 1000))
            for number, campaign in enumerate(campaigns)
        ]
        for crowd in crowds:
            crowd.wait_for(count // 4)
        fault(site, shared)
        for crowd in crowds:
            crowd.wait()
        for campaign, crowd in zip(campaigns, crowds, strict=True):
            assert wait_for_end(shared, campaign).generated == count_datasets(shared, campaign) == count
            record_verdict(record_property, judge(shared, campaign, [crowd]), crowd)
            assert set(crowd.final_codes()) == {1000}
        wait_for_burial(shared, alive=len(SOCKETS + BACKGROUNDS))
    assert count_leased(shared) == 0
    assert read_processes(shared, "socket") == read_processes(shared, "background") == set()
