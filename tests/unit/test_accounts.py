"""Accounts and sign-ins on a real database, without Flask."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from app import accounts, passwords
from app.database import Database
from app.errors import InvalidInput
from app.models import User, UserSession

NOW = dt.datetime(2026, 5, 4, 12, 0, tzinfo=dt.UTC)
PASSWORD = "correct horse battery"
BROWSER = accounts.Browser("A browser", "192.0.2.7")


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as connection, Session(bind=connection) as session:
        yield session


@pytest.fixture
def user(session: Session) -> User:
    return accounts.create_account(session, accounts.prepare_account("Ada", "L", "ada@example.org", PASSWORD), NOW)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        ("  ada@example.org ", "ada@example.org"),
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
    ],
)
def test_an_address_has_one_form_however_it_was_typed(typed: str, stored: str) -> None:
    assert accounts.normalise_email(typed) == stored


@pytest.mark.parametrize(
    "typed", ["", "  ", "ada", "ada@", "@example.org", "a b@example.org", "a@b\0.org", "a@" + "b" * 300]
)
def test_what_is_not_an_address_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.normalise_email(typed)
    assert caught.value.field == "email"


@pytest.mark.parametrize(("length", "good"), [(7, False), (8, True), (256, True), (257, False)])
def test_a_password_has_8_to_256_characters(length: int, good: bool) -> None:
    problems = accounts.find_problems("Ada", "L", "ada@example.org", "ü" * length)
    assert [problem.field for problem in problems] == ([] if good else ["password"])


def test_every_problem_of_a_sign_up_is_found_at_once() -> None:
    problems = accounts.find_problems(" ", "x" * 101, "nobody", "short")
    assert [problem.field for problem in problems] == ["first_name", "last_name", "email", "password"]
    assert "100" in problems[1].message


def test_a_name_with_a_null_character_is_refused_and_not_left_to_the_database() -> None:
    assert [problem.field for problem in accounts.find_problems("A\0da", "L", "a@example.org", PASSWORD)] == [
        "first_name"
    ]


def test_only_an_argon2id_hash_of_the_password_is_stored(user: User) -> None:
    assert user.password is not None
    assert user.password.startswith("$argon2id$")
    assert PASSWORD not in user.password


def test_the_right_password_opens_the_account_under_any_spelling_of_the_address(session: Session, user: User) -> None:
    assert accounts.authenticate(session, " ADA@example.org", PASSWORD) is user


def test_a_password_is_the_same_on_keyboards_that_compose_letters_differently(session: Session) -> None:
    composed, decomposed = "pass-\u00e9-word", "pass-e\u0301-word"
    account = accounts.prepare_account("Ada", "L", "e@example.org", composed)
    made = accounts.create_account(session, account, NOW)
    assert accounts.authenticate(session, "e@example.org", decomposed) is made


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.org", "correct horse batterz"),
        ("ada@example.org", ""),
        ("bob@example.org", PASSWORD),
        ("not an address", PASSWORD),
        ("a\0@example.org", PASSWORD),
    ],
)
def test_the_refusal_does_not_say_whether_the_account_exists(
    session: Session, user: User, email: str, password: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.authenticate(session, email, password)
    assert (caught.value.message, caught.value.field) == (accounts.WRONG, "")


def test_an_account_without_a_password_is_opened_by_none(session: Session, user: User) -> None:
    user.password = None
    session.flush()
    with pytest.raises(InvalidInput):
        accounts.authenticate(session, user.email, "")


@pytest.mark.slow
@pytest.mark.parametrize("email", ["bob@example.org", "not an address"])
def test_an_unknown_address_costs_the_same_work_as_a_wrong_password(session: Session, user: User, email: str) -> None:
    def work(address: str) -> float:
        begun = time.process_time()
        with pytest.raises(InvalidInput):
            accounts.authenticate(session, address, "wrong password")
        return time.process_time() - begun

    # Without the dummy hash the ratio is below a hundredth.
    assert min(work(email) for _ in range(3)) > 0.3 * min(work(user.email) for _ in range(3))


def test_a_taken_address_is_refused_and_the_transaction_goes_on(session: Session, user: User) -> None:
    again = accounts.prepare_account("Eve", "E", "ADA@example.org", PASSWORD)
    with pytest.raises(InvalidInput) as caught:
        accounts.create_account(session, again, NOW)
    assert caught.value.field == "email"
    assert session.scalar(sa.select(sa.func.count()).select_from(User)) == 1


def test_a_hash_with_old_parameters_gets_a_new_one_and_others_do_not(session: Session, user: User) -> None:
    assert passwords.find_new_hash(user.password, PASSWORD) is None
    user.password = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    assert accounts.authenticate(session, user.email, PASSWORD) is user
    user.password = passwords.find_new_hash(user.password, PASSWORD)
    assert passwords.find_new_hash(user.password, PASSWORD) is None
    assert accounts.authenticate(session, user.email, PASSWORD) is user


def test_the_database_holds_only_the_hash_of_a_sign_ins_token(session: Session, user: User) -> None:
    token = accounts.open_session(session, user, BROWSER, NOW, days=30)
    row = session.scalars(sa.select(UserSession)).one()
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) >= 43, "256 bits"
    assert accounts.find_session(session, row.token_hash, NOW) is None


def test_a_sign_in_ends_after_its_days(session: Session, user: User) -> None:
    token = accounts.open_session(session, user, BROWSER, NOW, days=30)
    accounts.touch_session(session, token, NOW + dt.timedelta(days=29))
    assert accounts.find_session(session, token, NOW + dt.timedelta(days=30, seconds=-1)) is not None
    assert accounts.find_session(session, token, NOW + dt.timedelta(days=30)) is None


def test_a_sign_in_that_nobody_used_for_two_weeks_has_ended(session: Session, user: User) -> None:
    token = accounts.open_session(session, user, BROWSER, NOW, days=60)
    used = NOW + dt.timedelta(days=10)
    accounts.touch_session(session, token, used)
    assert accounts.find_session(session, token, used + dt.timedelta(days=14, seconds=-1)) is not None
    late = used + dt.timedelta(days=14)
    assert accounts.find_session(session, token, late) is None
    assert accounts.list_sessions(session, user, late) == []
    accounts.purge_sessions(session, late)
    assert session.scalars(sa.select(UserSession)).all() == []


def test_a_revoked_sign_in_is_gone_and_others_stay(session: Session, user: User) -> None:
    here, there = (accounts.open_session(session, user, BROWSER, NOW, days=30) for _ in range(2))
    accounts.close_session(session, here)
    assert accounts.find_session(session, here, NOW) is None
    assert accounts.find_session(session, there, NOW) is not None


def test_a_sign_in_is_touched_at_most_every_five_minutes(session: Session, user: User) -> None:
    token = accounts.open_session(session, user, BROWSER, NOW, days=30)
    row = accounts.find_session(session, token, NOW)
    assert row is not None
    assert not accounts.is_stale(row, NOW + dt.timedelta(minutes=5))
    later = NOW + dt.timedelta(minutes=5, seconds=1)
    assert accounts.is_stale(row, later)
    accounts.touch_session(session, token, later)
    session.refresh(row)
    assert not accounts.is_stale(row, later)


def test_an_overlong_agent_is_cut_to_what_the_column_holds(session: Session, user: User) -> None:
    accounts.open_session(session, user, accounts.Browser("x" * 5000, "y" * 500), NOW, days=1)
    row = session.scalars(sa.select(UserSession)).one()
    assert (len(row.agent), len(row.address)) == (accounts.AGENT_MAX, accounts.ADDRESS_MAX)


def test_sign_ins_that_ended_are_purged(session: Session, user: User) -> None:
    accounts.open_session(session, user, BROWSER, NOW, days=1)
    kept = accounts.open_session(session, user, BROWSER, NOW, days=3)
    accounts.purge_sessions(session, NOW + dt.timedelta(days=2))
    assert session.scalar(sa.select(sa.func.count()).select_from(UserSession)) == 1
    assert accounts.find_session(session, kept, NOW) is not None
