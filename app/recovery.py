"""Links that come by mail: to choose a new password, and to confirm that an address is somebody's.

A link holds a random token; the account's row holds only its SHA-256 and when it was sent. A newer link of the same
kind takes the place of the older one, and using one ends it.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, mail
from app.mail import Letter
from app.models import Identity, User

RESET_LIFETIME = dt.timedelta(hours=1)
VERIFY_LIFETIME = dt.timedelta(days=7)


# A new password


def send_reset(session: Session, address: str, site_url: str, now: dt.datetime) -> None:
    """Write a mail with a link to choose a new password, for an address in its normal form.

    An address that has no account gets the same statements, one token and one mail, which is a decoy and never leaves:
    how long the answer takes says nothing. An account without a password may get one in this way: who reads the mails
    of a verified address could as well sign in at the provider that says it is theirs.
    """
    token, token_hash = accounts.make_token()
    update = sa.update(User).where(User.email == address)
    update = update.values(password_reset_token=token_hash, password_reset_sent_at=now)
    is_known = session.execute(update.returning(User.id)).first() is not None
    context: dict[str, object] = {"link": _link(site_url, "reset_password", token), "site_url": site_url}
    mail.enqueue(session, Letter(address, "reset_password", context, is_decoy=not is_known), now)


def find_reset(session: Session, token: str, now: dt.datetime) -> User | None:
    """Return whose password a link may change; None: it is too old, was used, or a newer one was sent."""
    return session.scalars(_reset_query(token, now)).one_or_none()


def _reset_query(token: str, now: dt.datetime) -> sa.Select[User]:
    query = sa.select(User).where(User.password_reset_token == accounts.hash_token(token))
    return query.where(User.password_reset_sent_at > now - RESET_LIFETIME)


def reset_password(session: Session, token: str, new_hash: str, site_url: str, now: dt.datetime) -> User | None:
    """Use a link: store the password, end every sign-in, and tell the owner; None as in `find_reset`."""
    user = session.scalars(_reset_query(token, now).with_for_update()).one_or_none()
    if user is None:
        return None
    if user.email_verified_at is None:
        # Anybody may have made the account in the name of whoever reads the mails of this address, and linked an
        # account elsewhere, to come in by it later.
        session.execute(sa.delete(Identity).where(Identity.user_id == user.id))
        user.email_verified_at = now
    change_password(session, user, new_hash, site_url, now)
    return user


def change_password(session: Session, user: User, new_hash: str, site_url: str, now: dt.datetime) -> None:
    """Store a password, end every sign-in of the account and every link to reset it, and tell the owner by mail."""
    user.password = new_hash
    user.password_reset_token = user.password_reset_sent_at = None
    session.flush()
    accounts.close_all_sessions(session, user.id)
    context: dict[str, object] = {
        "moment": f"{now.day} {now:%B %Y at %H:%M}",
        "link": f"{site_url}/send_reset_password",
        "site_url": site_url,
    }
    mail.enqueue(session, Letter(user.email, "password_changed", context), now)


# A verified address


def send_verification(session: Session, user: User, site_url: str, now: dt.datetime) -> None:
    """Write a mail with a link that confirms an account's address."""
    token, token_hash = accounts.make_token()
    user.email_token, user.email_token_sent_at = token_hash, now
    context = {"link": _link(site_url, "verify_email", token), "days": VERIFY_LIFETIME.days, "site_url": site_url}
    mail.enqueue(session, Letter(user.email, "verify_email", context), now)


def find_verification(session: Session, token: str, now: dt.datetime) -> User | None:
    """Return whose address a link would confirm; None: it is too old, was used, or a newer one was sent."""
    query = sa.select(User).where(User.email_token == accounts.hash_token(token))
    return session.scalars(query.where(User.email_token_sent_at > now - VERIFY_LIFETIME)).one_or_none()


def verify_email(session: Session, token: str, now: dt.datetime) -> User | None:
    """Use a link: the address is its owner's from now on; None as in `find_verification`."""
    user = find_verification(session, token, now)
    if user is not None:
        user.email_verified_at = user.email_verified_at or now
        user.email_token = user.email_token_sent_at = None
    return user


def _link(site_url: str, page: str, token: str) -> str:
    return f"{site_url}/{page}?{urlencode({'token': token})}"
