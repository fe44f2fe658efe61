"""Which account somebody comes into, when two come at once, on both databases."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, database, identities, recovery
from app.errors import Conflict, SignInRefused
from app.identities import Site
from app.models import Identity, User
from app.providers import Shown

NOW = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
SITE = Site("http://localhost:5000", {"oidc": "Uni", "github": "GitHub"})
DORA = Shown("oidc", "Uni", "dora", "dora@example.org", "Dora", "Dean")


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = database.make_engine(database_url)
    yield engine
    engine.dispose()


def write(engine: sa.Engine, work: Callable[[Session], object]) -> object:
    with Session(engine) as session:
        session.connection(execution_options={database.WRITES: True})
        answer = work(session)
        session.commit()
        return answer


def run_at_once(engine: sa.Engine, first: Callable[[Session], object], second: Callable[[Session], object]) -> object:
    """Run the second in a transaction that begins while the first one's is not committed; return how it ended."""
    ended: list[object] = []

    def run_second() -> None:
        try:
            ended.append(write(engine, second))
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run_second)

    def run_first(session: Session) -> None:
        first(session)
        thread.start()
        thread.join(0.5)
        assert not ended, "it waits for the first one"

    write(engine, run_first)
    thread.join(20)
    return ended[0]


def find_ids(engine: sa.Engine) -> list[tuple[int, str]]:
    with Session(engine) as session:
        return [(row.user_id, row.subject) for row in session.scalars(sa.select(Identity).order_by(Identity.id))]


@pytest.mark.parametrize("has_account", [False, True])
def test_two_answers_at_once_end_in_one_account(engine: sa.Engine, has_account: bool) -> None:
    if has_account:
        user = User(first_name="D", last_name="D", email=DORA.email, email_verified_at=NOW, date_added=NOW)
        write(engine, lambda session: session.add(user))

    def come_in(session: Session) -> int:
        return identities.come_in(session, DORA, SITE, NOW).id

    second = run_at_once(engine, come_in, come_in)
    assert find_ids(engine) == [(second, "dora")]
    with Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(User)) == 1


def test_a_sign_up_at_once_with_the_same_address_is_not_linked_to_unseen(engine: sa.Engine) -> None:
    """The sign-up commits first: its account is found, unverified, and loses its password as any such account."""

    def sign_up(session: Session) -> None:
        accounts.create_account(session, accounts.NewAccount("M", "M", "dora@example.org", "a hash"), NOW)

    second = run_at_once(engine, sign_up, lambda session: identities.come_in(session, DORA, SITE, NOW).id)
    with Session(engine) as session:
        user = session.scalars(sa.select(User)).one()
        assert (user.id, user.password, user.first_name) == (second, None, "Dora")


def test_an_account_elsewhere_is_linked_by_one_of_two_at_once(engine: sa.Engine) -> None:
    users = [User(first_name=n, last_name=n, email=f"{n}@example.org", date_added=NOW) for n in ("a", "b")]
    write(engine, lambda session: session.add_all(users))
    first, second = (
        lambda session, email=f"{name}@example.org": identities.link(
            session, session.scalars(sa.select(User).where(User.email == email)).one(), DORA, SITE, NOW
        )
        for name in ("a", "b")
    )
    assert isinstance(run_at_once(engine, first, second), SignInRefused)
    assert len(find_ids(engine)) == 1


def test_of_two_unlinks_at_once_one_leaves_the_last_way_in(engine: sa.Engine) -> None:
    def make(session: Session) -> list[int]:
        user = identities.come_in(session, DORA, SITE, NOW)
        identities.link(session, user, Shown("github", "GitHub", "7", "dora@example.org"), SITE, NOW)
        return [identity.id for identity in identities.list_linked(session, user)]

    ids = write(engine, make)
    assert isinstance(ids, list)
    first, second = (
        lambda session, number=number: identities.unlink(
            session, session.scalars(sa.select(User)).one(), number, SITE, NOW
        )
        for number in ids
    )
    assert isinstance(run_at_once(engine, first, second), Conflict)
    assert [subject for _user, subject in find_ids(engine)] == ["7"]


def test_who_comes_in_while_a_reset_ends_their_link_comes_into_another_account(engine: sa.Engine) -> None:
    """Else their new sign-in would outlive the reset, which has just ended all that it saw."""

    def make(session: Session) -> None:
        user = User(first_name="A", last_name="A", email="a@example.org", email_verified_at=NOW, date_added=NOW)
        session.add(user)
        session.flush()
        identities.link(session, user, DORA, SITE, NOW)
        user.password_reset_token = accounts.hash_token("token")
        user.password_reset_sent_at = NOW

    write(engine, make)
    came_in = run_at_once(
        engine,
        lambda session: recovery.reset_password(session, "token", "a hash", SITE, NOW),
        lambda session: identities.come_in(session, DORA, SITE, NOW).email,
    )
    assert came_in == "dora@example.org"


@pytest.mark.parametrize("subject", ["", "x" * 256, "a\nb"])
def test_a_subject_that_cannot_be_kept_is_refused(engine: sa.Engine, subject: str) -> None:
    shown = Shown("oidc", "Uni", subject, "dora@example.org")
    with pytest.raises(SignInRefused, match="cannot be kept"):
        write(engine, lambda session: identities.come_in(session, shown, SITE, NOW))


@pytest.mark.parametrize("email", ["", "dora", "dora@", "a@b@example.org", "x" * 300 + "@example.org"])
def test_an_address_that_is_none_is_refused(engine: sa.Engine, email: str) -> None:
    with pytest.raises(SignInRefused, match="cannot be used here"):
        write(engine, lambda session: identities.come_in(session, Shown("oidc", "Uni", "dora", email), SITE, NOW))


def test_linking_an_account_that_proves_the_address_verifies_it(engine: sa.Engine) -> None:
    def work(session: Session) -> list[bool]:
        users = [User(first_name="D", last_name="D", email=e, date_added=NOW) for e in ("dora@example.org", "b@b.org")]
        session.add_all(users)
        session.flush()
        identities.link(session, users[0], DORA, SITE, NOW)
        identities.link(session, users[1], Shown("github", "GitHub", "7", "dora@example.org"), SITE, NOW)
        return [user.email_verified_at is not None for user in users]

    assert write(engine, work) == [True, False], "an address is verified by showing it, not by linking any account"
