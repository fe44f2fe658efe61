"""The database goes away, or has no room: volunteers wait, nobody is told what is not so, and all goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import migrate
from app.database import Database
from tests import postgres
from tests.campaigns import make_campaign
from tests.durability.clients import Habits
from tests.durability.conftest import ENVIRON
from tests.durability.crowd import Crowd
from tests.durability.faults import PAGES_FILE
from tests.durability.verdict import Record, judge, record_verdict
from tests.functional.test_background import upload, wait_for_end
from tests.processes import Site, run_site
from tests.scale import scaled
from tests.volunteers import Classic, close_code

pytestmark = pytest.mark.slow
FAULTS = "tests.durability.faults"
GROWTH_MAX_BYTES = 64 << 20  # what the project allows itself under abuse
NO_LIMIT = 4_294_967_294  # SQLite's own, in pages


@pytest.fixture
def habits() -> Habits:
    """A crowd that takes its time, so that there is work left when the database is gone."""
    return Habits(clients=scaled(40, 200), think_s=scaled(0.1, 0.05))


@pytest.fixture
def own_server() -> Iterator[postgres.Server]:
    """A PostgreSQL server of this test alone, with a migrated database."""
    with postgres.run_server() as server:
        server.create("own")
        database = Database(server.url("own"))
        migrate.upgrade(database)
        database.dispose()
        yield server


@pytest.fixture
def own_database(own_server: postgres.Server) -> Iterator[Database]:
    """The database of this test's own server."""
    database = Database(own_server.url("own"))
    yield database
    database.dispose()


def read_memory(site: Site) -> int:
    """Return the bytes of memory that the socket process' worker has."""
    (pid,) = site.worker_pids("socket")
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def wait_until_silent(crowd: Crowd) -> int:
    """Wait until what was on its way has been told, and return how many answers are acknowledged now."""
    before = -1
    while before != len(crowd.acknowledged):
        before = len(crowd.acknowledged)
        time.sleep(0.5)
    return before


def refused_with(url: str, campaign_id: int) -> int | None:
    """Say hello, and return the code that it is answered with."""
    with Classic.open(url, campaign_id).socket as socket:
        return close_code(socket)


@pytest.mark.postgresql
def test_volunteers_wait_while_postgresql_is_stopped_and_go_on_when_it_is_back(
    tmp_path: Path,
    own_server: postgres.Server,
    own_database: Database,
    habits: Habits,
    datasets: list[int],
    record_property: Record,
) -> None:
    campaign, other = make_campaign(own_database, datasets), make_campaign(own_database, [1])
    with (
        run_site(tmp_path / "instance", own_server.url("own"), "socket", **ENVIRON) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        crowd.wait_for(len(datasets) // 4)
        workers, memory = site.worker_pids("socket"), read_memory(site)
        own_server.stop()
        told = wait_until_silent(crowd)
        assert site.find_health("socket") == 503
        assert [refused_with(site.socket_url, hello) for hello in (other, -1)] == [1013, 1013]
        time.sleep(scaled(3, 30))
        assert len(crowd.acknowledged) == told < len(datasets)
        growth = read_memory(site) - memory
        own_server.start()
        crowd.wait()
        assert site.find_health("socket") == 200
        assert site.worker_pids("socket") == workers
        assert "the database cannot be written to" in site.read_log("socket")
    verdict = judge(own_database, campaign, [crowd])
    assert growth < GROWTH_MAX_BYTES
    assert crowd.final_codes() == {1000: habits.clients}
    record_verdict(record_property, verdict, crowd)
    record_property("memory_growth_bytes", growth)


@pytest.mark.postgresql
def test_hellos_are_refused_soon_while_postgresql_does_not_answer_and_volunteers_go_on_when_it_does(
    tmp_path: Path, own_server: postgres.Server, own_database: Database, habits: Habits, record_property: Record
) -> None:
    datasets = list(range(scaled(1200, 20_000)))
    campaign, other = make_campaign(own_database, datasets), make_campaign(own_database, [1])
    with (
        run_site(tmp_path / "instance", own_server.url("own"), "socket", **ENVIRON) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        crowd.wait_for(len(datasets) // 4)
        with own_server.frozen():
            told = wait_until_silent(crowd)
            assert [refused_with(site.socket_url, hello) for hello in (other, -1)] == [1013, 1013]
            assert len(crowd.acknowledged) == told < len(datasets)
        crowd.wait()
        assert site.is_running("socket")
    verdict = judge(own_database, campaign, [crowd])
    assert crowd.final_codes() == {1000: habits.clients}
    record_verdict(record_property, verdict, crowd)


def limit_pages(instance: Path, pages: int) -> None:
    """Say how long the database file may become, in one step: the process reads it before each transaction."""
    (instance / "next").write_text(str(pages))
    (instance / "next").replace(instance / PAGES_FILE)


def test_nobody_is_told_anything_while_the_disk_is_full_and_all_goes_on_when_there_is_room(
    tmp_path: Path, sqlite_url: str, habits: Habits, datasets: list[int], record_property: Record
) -> None:
    database, instance = Database(sqlite_url), tmp_path / "instance"
    campaign = make_campaign(database, datasets)
    with (
        run_site(instance, sqlite_url, "socket", serving=FAULTS, **ENVIRON) as site,
        Crowd([site.socket_url], campaign, habits) as crowd,
    ):
        for fill in range(scaled(1, 4)):
            crowd.wait_for((fill + 1) * len(datasets) // (scaled(1, 4) + 3))
            workers = site.worker_pids("socket")
            limit_pages(instance, 1)  # no more than it has
            told = wait_until_silent(crowd)
            assert "database or disk is full" in site.read_log("socket")
            assert site.find_health("socket") == 200  # it can be read
            time.sleep(scaled(1, 10))
            assert len(crowd.acknowledged) == told < len(datasets)
            limit_pages(instance, NO_LIMIT)
        crowd.wait()
        assert site.worker_pids("socket") == workers
    verdict = judge(database, campaign, [crowd])
    database.dispose()
    assert crowd.final_codes() == {1000: habits.clients}
    record_verdict(record_property, verdict, crowd)


@pytest.mark.postgresql
def test_a_generator_that_fails_while_the_database_is_away_is_seen_to_have_failed(
    tmp_path: Path, shared_url: str, shared: Database, postgresql_server: postgres.Server
) -> None:
    busy = "for (let n = 0; n < 2e7; n++) Math.sqrt(n);"
    environ = {**ENVIRON, "PROCESS_TTL_S": "60"}  # nobody else comes to its help
    with run_site(tmp_path / "instance", shared_url, "background", **environ) as site:
        campaign = upload(shared, "({main: function () { " + busy + " throw new Error('no luck'); }})")
        running = sa.text("select generation from schedule where campaign_id = :c")
        key = {"c": campaign}
        while shared.read(lambda connection: connection.execute(running, key).scalar_one()) != "running":
            time.sleep(0.01)
        with postgresql_server.refusing(shared.engine.url.database):
            while "its generation was interrupted" not in site.read_log("background"):
                time.sleep(0.05)
        assert "no luck" in str(wait_for_end(shared, campaign).generation_error)
