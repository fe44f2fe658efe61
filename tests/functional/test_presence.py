"""Volunteers now, as the real socket process counts them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import ledger
from app.database import Database
from app.records import Presence
from tests.campaigns import make_campaign
from tests.conftest import BOTH_DATABASES, make_database
from tests.processes import Site, run_site
from tests.volunteers import Batched, Classic

WAIT_S = 20.0


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A socket process with a quick pulse; tests restart it."""
    folder = tmp_path_factory.mktemp("presence") / "instance"
    with (
        make_database(request.param, folder, request) as url,
        run_site(folder, url, "socket", HEARTBEAT_S="0.2", PROCESS_TTL_S="2", MAX_SPARES="0") as site,
    ):
        yield site


@pytest.fixture
def database(site: Site, tmp_path: Path) -> Iterator[Database]:
    """The site's database."""
    database = Database(site.environ["DATABASE_URL"])
    yield database
    database.dispose()


def find(database: Database, campaign: int) -> Presence:
    return database.read(lambda connection: ledger.sum_presence(connection, [campaign]))[campaign]


def expect(database: Database, campaign: int, *counts: int) -> None:
    """Wait until so many volunteers and threads are there."""
    give_up_at = time.monotonic() + WAIT_S
    while find(database, campaign) != Presence(*counts):
        assert time.monotonic() < give_up_at, find(database, campaign)
        time.sleep(0.05)


def test_volunteers_at_work_waiting_and_of_the_classic_dialect_all_count(site: Site, database: Database) -> None:
    campaign = make_campaign(database, [1, 2])
    expect(database, campaign, 0, 0)
    worker = Batched.open(site.socket_url, campaign, threads=4)
    worker.send(1, [])
    classic = Classic.open(site.socket_url, campaign)
    classic.receive_dataset()
    idle = Batched.open(site.socket_url, campaign, threads=2)
    idle.send(1, [])
    expect(database, campaign, 3, 7)
    idle.socket.close()
    expect(database, campaign, 2, 5)
    worker.socket.close()
    classic.socket.close()
    expect(database, campaign, 0, 0)


def test_a_volunteer_for_any_campaign_counts_where_it_is_now(site: Site, database: Database) -> None:
    first = make_campaign(database, ["one"], listed=True)
    client = Batched.open(site.socket_url, -1, threads=3)
    assert client.campaign["id"] == first
    client.send(1, [])
    ((lease, _data),) = client.receive_some()
    expect(database, first, 1, 3)
    second = make_campaign(database, ["two"], listed=True)
    client.send(1, [[lease, 1, 1, b"\x01"]])
    while client.socket.recv(10) != "u":
        pass
    client.receive_campaign()
    assert client.campaign["id"] == second
    expect(database, second, 1, 3)
    expect(database, first, 0, 0)
    client.socket.close()
    expect(database, second, 0, 0)


@pytest.mark.parametrize("end", ["ends on SIGTERM", "is killed"])
def test_nobody_is_there_when_the_process_is_gone(site: Site, database: Database, end: str) -> None:
    campaign = make_campaign(database, [1, 2])
    Batched.open(site.socket_url, campaign).send(1, [])
    expect(database, campaign, 1, 1)
    if end == "is killed":
        site.kill("socket")
    else:
        assert site.terminate("socket") == 0
        assert find(database, campaign) == Presence()
    expect(database, campaign, 0, 0)
    site.start("socket")
    expect(database, campaign, 0, 0)
