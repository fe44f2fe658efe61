"""The hub's loops go on whatever fails, and end when the process does."""

from __future__ import annotations

import gevent
import psycopg
import sqlalchemy as sa

from app.hub.hub import end_loops, repeat


class Asks:
    """Asks a database that does not answer. A kill comes out of the driver as an error of the database, so many times.

    So it does out of SQLAlchemy's `do_ping` for psycopg, which cannot set a connection back that is still busy.
    """

    def __init__(self, swallowed: int) -> None:
        self.swallowed = swallowed
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        try:
            gevent.sleep(3600)
        except gevent.GreenletExit:
            if self.count > self.swallowed:
                raise
            raise sa.exc.ProgrammingError("", None, psycopg.ProgrammingError("can't change 'autocommit' now")) from None


def test_a_loop_goes_on_after_an_error_and_is_ended_by_a_kill() -> None:
    seen: list[int] = []

    def fail() -> None:
        seen.append(len(seen))
        raise ArithmeticError("once more")

    loop = gevent.spawn(repeat, fail, 0.001)
    while len(seen) < 3:
        gevent.sleep(0.001)
    end_loops([loop])
    assert loop.dead
    count = len(seen)
    gevent.sleep(0.01)
    assert len(seen) == count


def test_loops_end_also_where_the_driver_turns_the_kill_into_an_error_of_its_own() -> None:
    asks = [Asks(0), Asks(1), Asks(2)]
    loops = [gevent.spawn(repeat, act, 0.0) for act in asks]
    while not all(act.count for act in asks):
        gevent.sleep(0.001)
    with gevent.Timeout(20):
        end_loops(loops)
    assert all(loop.dead for loop in loops)
    assert [act.count for act in asks] == [1, 2, 3]
