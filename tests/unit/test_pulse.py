"""A process' pulse: one row a life, a new life after a silence, and no judging of others after one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import UNAVAILABLE, Database
from app.pulse import Pulse
from app.settings import Settings
from tests import postgres
from tests.conftest import make_database

TTL_S = 15.0
OTHER = 12


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Life:
    """A pulse with its clock, and how often it was reborn."""

    def __init__(self, database: Database) -> None:
        self.clock = Clock()
        self.rebirths = 0
        self.pulse = Pulse(Settings(process_ttl_s=TTL_S), database, "socket", self.clock, reborn=self._note)

    def _note(self) -> None:
        self.rebirths += 1

    def beat_for(self, seconds: float) -> None:
        """Beat every three seconds, as a process does that nothing disturbs."""
        for _ in range(int(seconds / 3)):
            self.clock.now += 3
            self.pulse.beat()


def read_processes(database: Database) -> set[int]:
    return set(database.read(lambda connection: connection.execute(sa.text("select id from process")).scalars()))


@pytest.fixture
def life(database: Database) -> Life:
    """A process that has entered."""
    life = Life(database)
    life.pulse.enter()
    return life


@pytest.fixture
def expired(database: Database) -> int:
    """Another process, whose time ran out."""
    database.write(lambda connection: ledger.enter_process(connection, OTHER, "socket", -1))
    return OTHER


def test_a_process_that_beats_keeps_its_id(database: Database, life: Life) -> None:
    process = life.pulse.process
    life.beat_for(60)
    assert (life.pulse.process, life.rebirths) == (process, 0)
    assert read_processes(database) == {process}


def test_a_process_that_was_stopped_for_its_time_to_live_begins_anew(database: Database, life: Life) -> None:
    process = life.pulse.process
    life.clock.now += TTL_S + 1
    assert life.pulse.is_doubtful
    life.pulse.beat()
    assert not life.pulse.is_doubtful
    assert life.rebirths == 1
    assert read_processes(database) == {life.pulse.process} != {process}


def test_a_process_that_was_declared_dead_begins_anew(database: Database, life: Life) -> None:
    process = life.pulse.process
    database.write(lambda connection: ledger.leave_process(connection, process))
    life.pulse.beat()
    assert life.rebirths == 1
    assert read_processes(database) == {life.pulse.process} != {process}


def test_an_entry_whose_answer_got_lost_is_repeated(database: Database, life: Life) -> None:
    life.pulse.enter()
    assert read_processes(database) == {life.pulse.process}


def test_a_process_ends_others_only_after_a_time_to_live_of_its_own(
    database: Database, life: Life, expired: int
) -> None:
    life.beat_for(TTL_S)
    assert expired in read_processes(database)
    life.beat_for(3)
    assert read_processes(database) == {life.pulse.process}


@pytest.mark.parametrize("silence_s", [0.6 * TTL_S, 0.99 * TTL_S, 2 * TTL_S])
def test_after_a_silence_of_its_own_it_gives_others_a_time_to_live_to_come_back(
    database: Database, life: Life, silence_s: float
) -> None:
    life.beat_for(60)
    database.write(lambda connection: ledger.enter_process(connection, OTHER, "socket", -1))
    life.clock.now += silence_s
    life.pulse.beat()
    life.beat_for(TTL_S)
    assert OTHER in read_processes(database)
    life.beat_for(3)
    assert read_processes(database) == {life.pulse.process}


def test_leaving_takes_the_row_away(database: Database, life: Life) -> None:
    life.pulse.leave()
    assert read_processes(database) == set()


class TestWithoutItsDatabase:
    """PostgreSQL refuses this process for a while: what a server does that is stopped or restarts."""

    pytestmark = pytest.mark.postgresql

    @pytest.fixture
    def database_url(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
        """The address of a database of a server that can be told to refuse it."""
        with make_database("postgresql", tmp_path, request) as url:
            yield url

    def test_it_begins_anew_once_and_leaves_no_row_of_its_earlier_lives(
        self, database: Database, life: Life, postgresql_server: postgres.Server
    ) -> None:
        with postgresql_server.refusing(database.engine.url.database):
            for _ in range(4):
                life.clock.now += TTL_S
                with pytest.raises(UNAVAILABLE):
                    life.pulse.beat()
        life.pulse.beat()
        assert life.rebirths == 1
        assert read_processes(database) == {life.pulse.process}

    def test_leaving_does_not_fail(self, database: Database, life: Life, postgresql_server: postgres.Server) -> None:
        with postgresql_server.refusing(database.engine.url.database):
            life.pulse.leave()
        assert read_processes(database) == {life.pulse.process}
