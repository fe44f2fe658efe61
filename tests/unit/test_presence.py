"""Who is there for a campaign: noted with a process' sign of life, gone with the process."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app import ledger
from app.database import Database
from app.hub.heart import Heart
from app.records import Presence
from app.settings import Settings

ME, OTHER = 11, 12


@pytest.fixture(autouse=True)
def processes(database: Database) -> None:
    """Both processes are alive."""
    for process in (ME, OTHER):
        enter(database, process)


def enter(database: Database, process: int, ttl_s: float = 60) -> None:
    database.write(lambda connection: ledger.enter_process(connection, process, "socket", ttl_s))


def note(database: Database, process: int, **counts: tuple[int, int]) -> None:
    """Note {c7: (volunteers, threads)} for campaign 7."""
    present = {int(name[1:]): Presence(*count) for name, count in counts.items()}
    database.write(lambda connection: ledger.note_presence(connection, process, present))


def sum_up(database: Database, *campaigns: int) -> dict[int, Presence]:
    return database.read(lambda connection: ledger.sum_presence(connection, campaigns))


def count_rows(database: Database) -> int:
    query = sa.text("select count(*) from presence")
    return int(database.read(lambda connection: connection.execute(query).scalar_one()))


def test_what_the_processes_have_is_summed_for_each_campaign(database: Database) -> None:
    note(database, ME, c7=(2, 8), c8=(1, 1))
    note(database, OTHER, c7=(3, 3))
    assert sum_up(database, 7, 8, 9) == {7: Presence(5, 11), 8: Presence(1, 1), 9: Presence()}
    assert database.read(ledger.count_present) == Presence(6, 12)


def test_nobody_is_there_for_no_campaign(database: Database) -> None:
    assert sum_up(database) == {}
    assert database.read(ledger.count_present) == Presence()


def test_a_note_replaces_the_last_one_of_the_same_process_alone(database: Database) -> None:
    note(database, ME, c7=(2, 8), c8=(1, 1))
    note(database, OTHER, c8=(4, 4))
    note(database, ME, c7=(1, 4))
    assert sum_up(database, 7, 8) == {7: Presence(1, 4), 8: Presence(4, 4)}
    note(database, ME)
    assert sum_up(database, 7, 8) == {7: Presence(), 8: Presence(4, 4)}


def test_volunteers_of_a_process_that_gives_no_sign_of_life_count_no_longer(database: Database) -> None:
    enter(database, 13, ttl_s=-1)
    note(database, 13, c7=(5, 5))
    note(database, ME, c7=(1, 1))
    assert sum_up(database, 7) == {7: Presence(1, 1)}
    assert database.read(ledger.count_present) == Presence(1, 1)


@pytest.mark.parametrize("how", ["leaves", "is declared dead", "lost its row", "is of a kind that ends"])
def test_rows_go_with_their_process(database: Database, how: str) -> None:
    note(database, ME, c7=(5, 5))
    change = {
        "leaves": lambda connection: ledger.leave_process(connection, ME),
        "is declared dead": lambda connection: _expire_and_bury(connection),
        "lost its row": lambda connection: _lose_and_bury(connection),
        "is of a kind that ends": lambda connection: ledger.bury_kind(connection, "socket"),
    }[how]
    database.write(change)
    assert count_rows(database) == 0


def _expire_and_bury(connection: sa.Connection) -> None:
    connection.execute(sa.text("update process set alive_until_ms = 0 where id = 11"))
    ledger.bury_dead(connection)


def _lose_and_bury(connection: sa.Connection) -> None:
    connection.execute(sa.text("delete from process where id = 11"))
    ledger.bury_dead(connection)


class Life:
    """A socket process' heart, and who it says is there."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.present = database, {7: Presence(2, 4)}
        self.now = 1000.0
        self.heart = Heart(
            settings, database, lambda: self.now, reborn=lambda: None, count_present=lambda: dict(self.present)
        )
        self.heart.enter()

    def beat(self) -> list[str]:
        """Beat, and return the statements about presence that it took."""
        said: list[str] = []

        def listen(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            if " presence" in statement:
                said.append(statement)

        sa.event.listen(self.database.engine, "before_cursor_execute", listen)
        try:
            self.heart.beat()
        finally:
            sa.event.remove(self.database.engine, "before_cursor_execute", listen)
        return said


@pytest.fixture
def life(database: Database, settings: Settings) -> Life:
    """A process that has entered and not yet beaten."""
    return Life(database, settings)


def test_a_beat_says_who_is_there(database: Database, life: Life) -> None:
    life.beat()
    assert sum_up(database, 7) == {7: Presence(2, 4)}
    life.present = {8: Presence(1, 1)}
    life.beat()
    assert sum_up(database, 7, 8) == {7: Presence(), 8: Presence(1, 1)}


def test_while_nobody_comes_or_goes_a_beat_writes_nothing_about_it(life: Life) -> None:
    assert life.beat()
    assert life.beat() == []


def test_a_process_that_begins_anew_says_it_again_under_its_new_id(database: Database, life: Life) -> None:
    life.beat()
    database.write(lambda connection: ledger.leave_process(connection, life.heart.process))
    life.beat()
    assert sum_up(database, 7) == {7: Presence()}
    life.beat()
    assert sum_up(database, 7) == {7: Presence(2, 4)}


def test_a_beat_that_failed_is_said_again(database: Database, life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.beat()
    life.present = {9: Presence(3, 3)}
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "note_presence", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            life.beat()
    life.present = {7: Presence(2, 4)}
    assert life.beat()
    assert sum_up(database, 7, 9) == {7: Presence(2, 4), 9: Presence()}


def test_leaving_takes_them_away(database: Database, life: Life) -> None:
    life.beat()
    life.heart.leave()
    assert count_rows(database) == 0
