"""Accounts and their sign-ins: who somebody is, and how a browser proves it.

A sign-in is a row of user_session. The browser holds a random token, the row only its SHA-256: who reads the database
cannot sign in with what he finds. Hashing a password takes some 50 ms on purpose: never do it inside a transaction
that writes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import secrets
import unicodedata
from collections.abc import Callable

import email_validator
import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import numbering, passwords
from app.errors import InvalidInput, NotFound
from app.models import User, UserSession

NAME_MAX = 100
TOKEN_BYTES = 32
AGENT_MAX = 300
ADDRESS_MAX = 64
EMAIL_MAX = 254  # RFC 5321 section 4.5.3.1.3 has 256, with the brackets around it
ID_MAX = 2**31 - 1  # a number beyond it in an address is no id
# A page view within this time of the last one writes nothing.
STALE_AFTER = dt.timedelta(minutes=5)
# A sign-in that nobody used for so long has ended: a browser that was forgotten somewhere opens nothing any more.
IDLE_MAX = dt.timedelta(days=14)
WRONG = "The e-mail address or the password is wrong."


@dataclasses.dataclass(frozen=True)
class NewAccount:
    """What `prepare_account` made of a sign-up form: checked, and with the password hashed."""

    first_name: str
    last_name: str
    email: str
    password_hash: str | None  # None: signs in with a provider only


# Input


def find_problems(first_name: str, last_name: str, email: str, password: str) -> list[InvalidInput]:
    """Return everything that is wrong with a sign-up, each with its field; nothing, when it can be accepted."""
    problems = []
    for check, arguments in (
        (check_name, (first_name, "first_name")),
        (check_name, (last_name, "last_name")),
        (normalise_email, (email,)),
        (passwords.check_rules, (password, *own_words(first_name, last_name, email))),
    ):
        try:
            check(*arguments)
        except InvalidInput as problem:
            problems.append(problem)
    return problems


def own_words(first_name: str, last_name: str, email: str) -> tuple[str, ...]:
    """Return what somebody's password must not be, because it is known of them."""
    return email, email.partition("@")[0], first_name, last_name, f"{first_name} {last_name}"


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
    if len(email.strip()) > EMAIL_MAX:
        # Looked at here, because the library normalises first, which takes minutes for a long row of accents.
        raise InvalidInput(f"This is not an e-mail address: it has more than {EMAIL_MAX} characters.", "email")
    try:
        found = email_validator.validate_email(email.strip(), check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise InvalidInput(f"This is not an e-mail address: {_lower_first(str(error))}", "email") from error
    return found.normalized.lower()


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


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
        passwords.hash_password(password),
    )


def create_account(session: Session, account: NewAccount, now: dt.datetime) -> User:
    """Store a new account.

    Raises:
        InvalidInput: the address has an account already. The transaction goes on without it.
    """
    user = User(
        id=numbering.find_next(session.connection(), User),
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


def authenticate(
    session: Session, email: str, password: str, compare: Callable[[str | None, str], bool] = passwords.matches
) -> User:
    """Return the account that an address and a password belong to.

    The work and the answer are the same whether the address is unknown, malformed, has another password, or an account
    that a provider opens and no password does.

    Args:
        session: may be rolled back by `compare`.
        email: as it was typed.
        password: as it was typed.
        compare: `passwords.matches`, or something that calls it where it holds nobody up.

    Raises:
        InvalidInput: they do not belong together; names no field.
    """
    user = find_user(session, email)
    stored_hash = user.password if user else None
    # Read again at the end: a reset that came while we compared has ended all sign-ins, and must not miss this one.
    if not compare(stored_hash, password) or user is None or user.password != stored_hash:
        raise InvalidInput(WRONG)
    return user


def find_user(session: Session, email: str) -> User | None:
    """Return the account of an address as it was typed, or None."""
    try:
        address = normalise_email(email)
    except InvalidInput:
        return None
    return session.scalars(sa.select(User).where(User.email == address)).one_or_none()


def hold(session: Session, user_id: int) -> None:
    """Lock an account's row until the transaction's end, so that two that change its ways in come one by one."""
    session.execute(sa.select(User.id).where(User.id == user_id).with_for_update())


# Sign-ins


@dataclasses.dataclass(frozen=True)
class Browser:
    """Who signs in, as the server sees it: shown to the owner in the list of sign-ins."""

    agent: str = ""
    address: str = ""


def open_session(session: Session, user: User, browser: Browser, now: dt.datetime, days: int) -> str:
    """Store a new sign-in and return its token, which is kept nowhere else."""
    token, token_hash = make_token()
    session.add(
        UserSession(
            user=user,
            token_hash=token_hash,
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
    query = query.where(UserSession.token_hash == hash_token(token), _is_open(now))
    return session.scalars(query).one_or_none()


def _is_open(now: dt.datetime) -> sa.ColumnElement[bool]:
    return sa.and_(UserSession.expires_at > now, UserSession.last_seen_at > now - IDLE_MAX)


def is_stale(row: UserSession, now: dt.datetime) -> bool:
    """Say whether a sign-in was last seen so long ago that the row should say so."""
    return now - row.last_seen_at > STALE_AFTER


def touch_session(session: Session, token: str, now: dt.datetime) -> None:
    """Note that a sign-in was used."""
    session.execute(sa.update(UserSession).where(UserSession.token_hash == hash_token(token)).values(last_seen_at=now))


def confirm_session(session: Session, token: str, now: dt.datetime) -> None:
    """Note that the owner of a sign-in has shown anew who they are."""
    session.execute(sa.update(UserSession).where(UserSession.token_hash == hash_token(token)).values(confirmed_at=now))


def close_session(session: Session, token: str) -> None:
    """Revoke a sign-in: its token opens nothing from now on. Unknown tokens are fine."""
    session.execute(sa.delete(UserSession).where(UserSession.token_hash == hash_token(token)))


def purge_sessions(session: Session, now: dt.datetime) -> None:
    """Delete the sign-ins that have ended."""
    session.execute(sa.delete(UserSession).where(~_is_open(now)))


def close_all_sessions(session: Session, user_id: int) -> None:
    """Revoke every sign-in of an account."""
    session.execute(sa.delete(UserSession).where(UserSession.user_id == user_id))


def list_sessions(session: Session, user: User, now: dt.datetime) -> list[UserSession]:
    """Return an account's sign-ins that are good still, the one last used first."""
    query = sa.select(UserSession).where(UserSession.user_id == user.id, _is_open(now))
    return list(session.scalars(query.order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())))


def end_session(session: Session, user: User, session_id: int) -> None:
    """Revoke one of an account's sign-ins by its number.

    Raises:
        NotFound: there is none, it has ended, or it is somebody else's.
    """
    delete = sa.delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user.id)
    if session_id > ID_MAX or session.execute(delete.returning(UserSession.id)).first() is None:
        raise NotFound("There is no such sign-in, or it has ended already.")


def make_token() -> tuple[str, str]:
    """Return a new random token (256 bits), and its hash, which alone is stored."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, hash_token(token)


def hash_token(token: str) -> str:
    """Return a token as it is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()
