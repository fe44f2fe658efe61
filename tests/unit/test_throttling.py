"""Counters of tries on a real database, with a clock that the test turns."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import throttling
from app.background import Background
from app.database import Database
from app.errors import TooManyRequests
from app.models import Throttle
from app.settings import Settings
from app.throttling import Deed, Throttles, Try

# Where the databases do not differ, one of them is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOW = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
HERE = Try(Deed.SIGN_IN_BY_ADDRESS, "192.0.2.7")
ADA = Try(Deed.SIGN_IN_BY_ACCOUNT, "ada@example.org")


def minutes(number: float) -> dt.timedelta:
    return dt.timedelta(minutes=number)


@pytest.fixture
def throttles() -> Throttles:
    limits = {"signin_failures_per_address": 3, "signin_failures_per_account": 2, "mails_per_address": 0}
    return Throttles(Settings(throttle_window_s=600, **limits), "a secret")


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as connection, Session(bind=connection) as session:
        yield session


@on_sqlite
def test_tries_up_to_the_limit_are_free_and_the_next_waits_for_the_windows_end(
    throttles: Throttles, session: Session
) -> None:
    assert [throttles.take(session, [HERE], NOW + minutes(n)) for n in range(3)] == [0, 0, 0]
    assert throttles.take(session, [HERE], NOW + minutes(3)) == 7 * 60
    assert throttles.take(session, [HERE], NOW + minutes(9)) == 60, "a refused try prolongs nothing"
    assert throttles.take(session, [HERE], NOW + minutes(10)) == 0


def test_a_window_that_is_over_begins_anew_with_all_its_tries(throttles: Throttles, session: Session) -> None:
    for _ in range(9):
        throttles.take(session, [HERE], NOW)
    later = NOW + minutes(11)
    assert [throttles.take(session, [HERE], later) > 0 for _ in range(4)] == [False, False, False, True]


@on_sqlite
def test_what_comes_before_a_try_over_its_limit_is_counted_and_what_comes_behind_it_is_not(
    throttles: Throttles, session: Session
) -> None:
    for _ in range(2):
        assert throttles.take(session, [ADA, HERE], NOW) == 0
    assert throttles.take(session, [ADA, HERE], NOW) > 0, "the account is over its limit"
    assert throttles.take(session, [HERE], NOW) == 0, "which was no try of the address"
    bob = Try(Deed.SIGN_IN_BY_ACCOUNT, "bob@example.org")
    assert all(throttles.take(session, [HERE, bob], NOW) > 0 for _ in range(5)), "now the address is over its own"
    assert throttles.take(session, [bob], NOW) == 0, "which was no try of the other account"


@on_sqlite
def test_others_are_not_held_up(throttles: Throttles, session: Session) -> None:
    for _ in range(5):
        throttles.take(session, [HERE, ADA], NOW)
    there, bob = Try(Deed.SIGN_IN_BY_ADDRESS, "192.0.2.8"), Try(Deed.SIGN_IN_BY_ACCOUNT, "bob@example.org")
    assert throttles.take(session, [there, bob, Try(Deed.SIGN_UP_BY_ADDRESS, HERE.by)], NOW) == 0


def test_a_try_that_is_given_back_was_none_and_a_counter_that_is_forgotten_begins_anew(
    throttles: Throttles, session: Session
) -> None:
    for _ in range(10):
        assert throttles.take(session, [HERE], NOW) == 0
        throttles.give_back(session, [HERE])
    for _ in range(3):
        throttles.take(session, [ADA], NOW)
    assert throttles.take(session, [ADA], NOW) > 0
    throttles.forget(session, [ADA])
    assert throttles.take(session, [ADA], NOW) == 0


@on_sqlite
def test_a_limit_of_zero_is_none(throttles: Throttles, session: Session) -> None:
    mail = Try(Deed.MAIL_BY_ADDRESS, HERE.by)
    assert {throttles.take(session, [mail], NOW) for _ in range(50)} == {0}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.7", "::ffff:192.0.2.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "192.0.2.7", False),
    ],
)
def test_one_customer_of_a_provider_is_one_address(one: str, other: str, same: bool) -> None:
    assert (throttling.normalise_address(one) == throttling.normalise_address(other)) is same


@on_sqlite
def test_an_account_is_the_same_however_its_address_is_typed(throttles: Throttles, session: Session) -> None:
    waits = [
        throttles.take(session, [Try(Deed.SIGN_IN_BY_ACCOUNT, by)], NOW) for by in ("a@b.de", " A@B.de", "a@B.DE ")
    ]
    assert [wait > 0 for wait in waits] == [False, False, True]


@on_sqlite
def test_the_table_holds_no_address(throttles: Throttles, session: Session) -> None:
    throttles.take(session, [HERE, ADA], NOW)
    keys = session.scalars(sa.select(Throttle.key)).all()
    assert len(keys) == 2
    assert not [key for key in keys if "192" in key or "ada" in key or "@" in key]
    other = Throttles(Settings(), "another secret")
    assert not {other._key(HERE), other._key(ADA)} & set(keys), "nobody finds an address by hashing them all"


@on_sqlite
def test_counters_outlive_the_process_that_made_them(throttles: Throttles, database: Database) -> None:
    def take(counters: Throttles) -> float:
        with database.transaction() as connection, Session(bind=connection) as session:
            return counters.take(session, [ADA], NOW)

    assert [take(throttles), take(throttles)] == [0, 0]
    again = Throttles(Settings(signin_failures_per_account=2), "a secret")
    assert take(again) > 0


def test_tries_at_the_same_time_are_all_counted(throttles: Throttles, database: Database) -> None:
    waits = []

    def take() -> None:
        def work(connection: sa.Connection) -> float:
            with Session(bind=connection) as session:
                return throttles.take(session, [HERE], NOW)

        waits.append(database.write(work))

    threads = [threading.Thread(target=take) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wait == 0 for wait in waits) == 3
    assert len(waits) == 12


def test_counters_are_purged_when_their_window_is_over(throttles: Throttles, session: Session) -> None:
    throttles.take(session, [HERE], NOW)
    throttles.take(session, [ADA], NOW + minutes(5))
    throttling.purge(session, NOW + minutes(10))
    assert len(session.scalars(sa.select(Throttle.key)).all()) == 1


@on_sqlite
def test_the_background_process_purges_them(throttles: Throttles, database: Database, database_url: str) -> None:
    with database.transaction() as connection, Session(bind=connection) as session:
        throttles.take(session, [HERE], dt.datetime.now(dt.UTC) - minutes(11))
        throttles.take(session, [ADA], dt.datetime.now(dt.UTC))
    Background(Settings(database_url=database_url), database)._sweep()
    assert len(database.read(lambda c: c.scalars(sa.select(Throttle.key)).all())) == 1


@pytest.mark.parametrize(
    ("wait_s", "said"), [(1, "in 1 minute."), (60, "in 1 minute."), (61, "in 2 minutes."), (899.5, "in 15 minutes.")]
)
def test_who_has_to_wait_is_told_for_how_long(wait_s: float, said: str) -> None:
    with pytest.raises(TooManyRequests) as caught:
        throttling.refuse(wait_s)
    assert caught.value.message == f"Too many tries. Try again {said}"
    assert caught.value.retry_after_s is not None
    assert 0 <= caught.value.retry_after_s - wait_s < 1
    throttling.refuse(0)


def test_a_mark_is_good_for_the_account_that_it_was_made_for(throttles: Throttles) -> None:
    mark = throttles.make_mark(7)
    assert throttles.knows(mark, 7)
    assert not throttles.knows(mark, 8)
    assert not throttles.knows(mark, None)
    assert throttles.make_mark(7) != mark
    assert not Throttles(Settings(), "another secret").knows(mark, 7)


@pytest.mark.parametrize("mark", ["", ".", "x", "x.y", "ü.ü", "." * 5000])
def test_an_invented_mark_is_good_for_nothing(throttles: Throttles, mark: str) -> None:
    assert not throttles.knows(mark, 7)
    assert not throttles.knows(mark, None)
