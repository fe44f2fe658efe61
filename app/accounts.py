"""Accounts and their sign-ins: who somebody is, and how a browser proves it.

A sign-in is a row of user_session. The browser holds a random token, the row only its SHA-256: who reads the database
cannot sign in with what he finds. Hashing a password takes some 50 ms on purpose: never do it inside a transaction
that writes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import secrets
import unicodedata

import email_validator
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session, joinedload

from app.errors import InvalidInput
from app.models import User, UserSession

NAME_MAX = 100
PASSWORD_MIN = 8
PASSWORD_MAX = 256
TOKEN_BYTES = 32
AGENT_MAX = 300
ADDRESS_MAX = 64
# A page view within this time of the last one writes nothing.
STALE_AFTER = dt.timedelta(minutes=5)
WRONG = "The e-mail address or the password is wrong."

_hasher = PasswordHasher()


@dataclasses.dataclass(frozen=True)
class NewAccount:
    """What `prepare_account` made of a sign-up form: checked, and with the password hashed."""

    first_name: str
    last_name: str
    email: str
    password_hash: str


# Input


def find_problems(first_name: str, last_name: str, email: str, password: str) -> list[InvalidInput]:
    """Return everything that is wrong with a sign-up, each with its field; nothing, when it can be accepted."""
    problems = []
    for check, arguments in (
        (check_name, (first_name, "first_name")),
        (check_name, (last_name, "last_name")),
        (normalise_email, (email,)),
        (check_password_rules, (password,)),
    ):
        try:
            check(*arguments)
        except InvalidInput as problem:
            problems.append(problem)
    return problems


def check_name(name: str, field: str) -> str:
    """Return a first or last name without the space around it.

    Raises:
        InvalidInput: it is empty, too long, or holds a control character.
    """
    name = name.strip()
    title = field.replace("_", " ")
    if not name:
        raise InvalidInput(f"Enter your {title}: volunteers see whose campaign they help.", field)
    if len(name) > NAME_MAX:
        raise InvalidInput(f"Your {title} has {len(name)} characters; the limit is {NAME_MAX}.", field)
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        raise InvalidInput(f"Your {title} holds a control character. Type it anew.", field)
    return name


def normalise_email(email: str) -> str:
    """Return an address in the one form that is stored and looked up: normalised, lower case.

    Raises:
        InvalidInput: it is not an e-mail address; says what is wrong with it.
    """
    if not email.strip():
        raise InvalidInput("Enter your e-mail address: you sign in with it.", "email")
    try:
        found = email_validator.validate_email(email.strip(), check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise InvalidInput(f"This is not an e-mail address: {_lower_first(str(error))}", "email") from error
    return found.normalized.lower()


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def check_password_rules(password: str) -> None:
    """Raise InvalidInput for a password that is too short or too long."""
    if len(password) < PASSWORD_MIN:
        raise InvalidInput(f"Choose a password of at least {PASSWORD_MIN} characters.", "password")
    if len(password) > PASSWORD_MAX:
        raise InvalidInput(f"The password has {len(password)} characters; the limit is {PASSWORD_MAX}.", "password")


# Passwords


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password, with its parameters and salt."""
    return _hasher.hash(_normalise_password(password))


@functools.cache
def make_dummy_hash() -> str:
    """Return a hash of nothing that anybody knows, compared with when there is no such account.

    The answer then takes as long as for one that exists. Call it once when the site starts, so that the first unknown
    address does not take longer.
    """
    return _hasher.hash(secrets.token_hex(16))


def _normalise_password(password: str) -> str:
    # Keyboards disagree on how to write é: the same password must be the same on all of them.
    return unicodedata.normalize("NFKC", password)


def _matches(stored_hash: str | None, password: str) -> bool:
    try:
        _hasher.verify(stored_hash or make_dummy_hash(), _normalise_password(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored_hash is not None


# Accounts


def prepare_account(first_name: str, last_name: str, email: str, password: str) -> NewAccount:
    """Check a sign-up and hash its password, ready for `create_account`.

    Raises:
        InvalidInput: the first thing that `find_problems` finds.
    """
    problems = find_problems(first_name, last_name, email, password)
    if problems:
        raise problems[0]
    return NewAccount(
        check_name(first_name, "first_name"),
        check_name(last_name, "last_name"),
        normalise_email(email),
        hash_password(password),
    )


def create_account(session: Session, account: NewAccount, now: dt.datetime) -> User:
    """Store a new account.

    Raises:
        InvalidInput: the address has an account already. The transaction goes on without it.
    """
    user = User(
        first_name=account.first_name,
        last_name=account.last_name,
        email=account.email,
        password=account.password_hash,
        date_added=now,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except sa.exc.IntegrityError as error:
        message = "There is an account with this e-mail address already. Sign in, or use another address."
        raise InvalidInput(message, "email") from error
    return user


def authenticate(session: Session, email: str, password: str) -> User:
    """Return the account that an address and a password belong to.

    The work and the answer are the same whether the address is unknown, malformed, or has another password.

    Raises:
        InvalidInput: they do not belong together; names no field.
    """
    user = _find_user(session, email)
    if not _matches(user.password if user else None, password) or user is None:
        raise InvalidInput(WRONG)
    return user


def _find_user(session: Session, email: str) -> User | None:
    try:
        address = normalise_email(email)
    except InvalidInput:
        return None
    return session.scalars(sa.select(User).where(User.email == address)).one_or_none()


def find_new_hash(user: User, password: str) -> str | None:
    """Return a hash to store when the stored one was made with parameters that are no longer in use, else None."""
    if user.password and _hasher.check_needs_rehash(user.password):
        return hash_password(password)
    return None


# Sign-ins


@dataclasses.dataclass(frozen=True)
class Browser:
    """Who signs in, as the server sees it: shown to the owner in the list of sign-ins."""

    agent: str = ""
    address: str = ""


def open_session(session: Session, user: User, browser: Browser, now: dt.datetime, days: int) -> str:
    """Store a new sign-in and return its token, which is kept nowhere else."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        UserSession(
            user=user,
            token_hash=_hash_token(token),
            created_at=now,
            last_seen_at=now,
            expires_at=now + dt.timedelta(days=days),
            agent=browser.agent[:AGENT_MAX],
            address=browser.address[:ADDRESS_MAX],
        )
    )
    session.flush()
    return token


def find_session(session: Session, token: str, now: dt.datetime) -> UserSession | None:
    """Return the sign-in of a token with its user, or None when it was revoked or has ended."""
    query = sa.select(UserSession).options(joinedload(UserSession.user))
    query = query.where(UserSession.token_hash == _hash_token(token), UserSession.expires_at > now)
    return session.scalars(query).one_or_none()


def is_stale(row: UserSession, now: dt.datetime) -> bool:
    """Say whether a sign-in was last seen so long ago that the row should say so."""
    return now - row.last_seen_at > STALE_AFTER


def touch_session(session: Session, token: str, now: dt.datetime) -> None:
    """Note that a sign-in was used."""
    session.execute(sa.update(UserSession).where(UserSession.token_hash == _hash_token(token)).values(last_seen_at=now))


def close_session(session: Session, token: str) -> None:
    """Revoke a sign-in: its token opens nothing from now on. Unknown tokens are fine."""
    session.execute(sa.delete(UserSession).where(UserSession.token_hash == _hash_token(token)))


def purge_sessions(session: Session, now: dt.datetime) -> None:
    """Delete the sign-ins that have ended."""
    session.execute(sa.delete(UserSession).where(UserSession.expires_at <= now))


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
