"""The proof of work: made here, solved by ALTCHA's own solver, taken once."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import altcha
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import captcha
from app.captcha import Captcha
from app.database import Database
from app.errors import InvalidInput
from app.models import SpentCaptcha
from app.settings import Settings

CHEAP = Settings(captcha="altcha", captcha_cost=5 * captcha.ITERATIONS, database_url="sqlite://")


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as connection, Session(bind=connection) as session:
        yield session


@pytest.fixture
def ours() -> Captcha:
    return Captcha(CHEAP, "a secret key")


def now() -> dt.datetime:
    """Return the real time, at which the library looks, too. Not that of the import: a test may come much later."""
    return dt.datetime.now(dt.UTC)


def solve(challenge: dict[str, Any]) -> str:
    """Return what the widget sends for a challenge."""
    parsed = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(parsed)
    assert solution is not None
    return altcha.Payload(parsed, solution).to_base64()


def alter(payload: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Return a payload with something changed in it."""
    content = json.loads(base64.b64decode(payload))
    change(content)
    return base64.b64encode(json.dumps(content).encode()).decode()


def refusal(check: Callable[[], object]) -> str:
    with pytest.raises(InvalidInput) as caught:
        check()
    assert caught.value.field == captcha.FIELD
    return caught.value.message


def test_a_solved_challenge_is_taken_once(session: Session, ours: Captcha) -> None:
    payload = solve(ours.make_challenge(now()))
    ours.spend(session, payload, now())
    assert "used before" in refusal(lambda: ours.spend(session, payload, now()))


def test_the_same_solution_written_differently_is_still_the_same(session: Session, ours: Captcha) -> None:
    payload = solve(ours.make_challenge(now()))
    ours.spend(session, payload, now())
    respelled = alter(payload, lambda content: content.update(note="x"))
    assert "used before" in refusal(lambda: ours.spend(session, respelled, now()))


def test_checking_takes_nothing(session: Session, ours: Captcha) -> None:
    payload = solve(ours.make_challenge(now()))
    ours.check(payload, now())
    ours.check(payload, now())
    ours.spend(session, payload, now())


def test_a_challenge_made_eleven_minutes_ago_is_too_old(ours: Captcha) -> None:
    payload = solve(ours.make_challenge(now() - dt.timedelta(minutes=11)))
    assert "10 minutes" in refusal(lambda: ours.check(payload, now()))


def test_its_age_is_told_by_the_clock_that_is_passed_in(ours: Captcha) -> None:
    payload = solve(ours.make_challenge(now()))
    assert "10 minutes" in refusal(lambda: ours.check(payload, now() + dt.timedelta(minutes=11)))


def test_a_challenge_signed_with_another_key_is_wrong(ours: Captcha) -> None:
    payload = solve(Captcha(CHEAP, "another key").make_challenge(now()))
    assert "wrong" in refusal(lambda: ours.check(payload, now()))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["solution"].update(derivedKey="00" * 32),
        lambda content: content["challenge"]["parameters"].update(expiresAt=9_999_999_999),
        lambda content: content["challenge"]["parameters"].update(expiresAt=None),
        lambda content: content["challenge"]["parameters"].update(cost=1),
        lambda content: content["challenge"].update(signature=None),
        lambda content: content["challenge"].update(signature=["x"]),
    ],
)
def test_a_payload_with_anything_changed_is_wrong(ours: Captcha, change: Callable[[dict[str, Any]], None]) -> None:
    payload = alter(solve(ours.make_challenge(now())), change)
    assert "wrong" in refusal(lambda: ours.check(payload, now()))


@pytest.mark.parametrize("payload", ["x", "e30=", "W10=", "MQ==", "\0", "ü", base64.b64encode(b"[" * 2000).decode()])
def test_a_payload_that_cannot_be_read_is_wrong(ours: Captcha, payload: str) -> None:
    assert "wrong" in refusal(lambda: ours.check(payload, now()))


def test_an_empty_payload_says_that_the_work_is_not_done(ours: Captcha) -> None:
    assert "not done" in refusal(lambda: ours.check("", now()))


def test_an_enormous_payload_is_not_even_parsed(ours: Captcha) -> None:
    assert "cannot be read" in refusal(lambda: ours.check("A" * 100_000, now()))


def test_spent_challenges_are_forgotten_once_they_have_ended(session: Session, ours: Captcha) -> None:
    session.add(SpentCaptcha(signature="old", expires_at=now() - dt.timedelta(minutes=30)))
    ours.spend(session, solve(ours.make_challenge(now())), now())
    signatures = session.scalars(sa.select(SpentCaptcha.signature)).all()
    assert len(signatures) == 1
    assert "old" not in signatures


def test_nothing_is_asked_when_it_is_off(session: Session) -> None:
    off = Captcha(Settings(captcha="off", database_url="sqlite://"), "a secret key")
    off.check("", now())
    off.spend(session, "", now())
    assert session.scalars(sa.select(SpentCaptcha)).all() == []


def test_the_cost_bounds_the_number_to_be_found() -> None:
    tries = {
        int(altcha.solve_challenge(altcha.Challenge.from_dict(Captcha(CHEAP, "k").make_challenge(now()))).counter)
        for _ in range(40)
    }
    assert tries <= set(range(5))
    assert len(tries) > 1
