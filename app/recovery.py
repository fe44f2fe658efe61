"""Links that come by mail: to choose a new password, and to confirm that an address is somebody's.

A link holds a random token; the account's row holds only its SHA-256 and when it was sent. A newer link of the same
kind takes the place of the older one, and using one ends it.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, identities, mail
from app.errors import InvalidInput
from app.identities import Site
from app.mail import Letter
from app.models import User

RESET_LIFETIME = dt.timedelta(hours=1)
VERIFY_LIFETIME = dt.timedelta(days=7)
INVENTED = "?"
TAKEN = "There is an account with this e-mail address already."


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


@dataclasses.dataclass(frozen=True)
class Reset:
    """What a reset did: whose password it changed, and from which providers it unlinked the account."""

    user: User
    unlinked: list[str]


def reset_password(session: Session, token: str, new_hash: str, site: Site, now: dt.datetime) -> Reset | None:
    """Use a link: store the password, end every other way in, and tell the owner; None as in `find_reset`.

    Every link to a provider ends with it. Whoever was in the account, or made it in the name of whoever reads its
    mails, may have linked an account of theirs, and nothing tells it from the owner's. Nobody is stranded, since there
    is a password now; an account elsewhere with the same verified address opens this one again at its next sign-in.
    """
    user = session.scalars(_reset_query(token, now).with_for_update()).one_or_none()
    if user is None:
        return None
    user.email_verified_at = user.email_verified_at or now
    unlinked = site.name_providers(identities.unlink_all(session, user))
    _store_password(session, user, new_hash)
    _tell_of_password(session, user, {"unlinked": unlinked, "linked": []}, site, now)
    return Reset(user, unlinked)


def change_password(session: Session, user: User, new_hash: str, site: Site, now: dt.datetime) -> None:
    """Store a password, end every sign-in and every link by mail that changes the account, and tell the owner.

    Who changes it has shown that the account is theirs, so that linked providers stay; the mail names them.
    """
    _store_password(session, user, new_hash)
    linked = site.name_providers(identities.list_linked(session, user))
    _tell_of_password(session, user, {"unlinked": [], "linked": linked}, site, now)


def _store_password(session: Session, user: User, new_hash: str) -> None:
    user.password = new_hash
    user.password_reset_token = user.password_reset_sent_at = None
    # Whoever was in the account before may have asked for another address: that link would give it back to them.
    user.email_token = user.email_token_sent_at = None
    session.flush()
    accounts.close_all_sessions(session, user.id)


def _tell_of_password(
    session: Session, user: User, providers: dict[str, list[str]], site: Site, now: dt.datetime
) -> None:
    context: dict[str, object] = {
        **providers,
        "moment": mail.say_moment(now),
        "link": f"{site.url}/send_reset_password",
        "providers_link": f"{site.url}/account/providers",
        "site_url": site.url,
    }
    mail.enqueue(session, Letter(user.email, "password_changed", context), now)


# A verified address


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a link would do: confirm an account's address, or give it another one."""

    user: User
    address: str

    @property
    def is_change(self) -> bool:
        """Whether the address is not the account's yet."""
        return self.address != self.user.email


def send_verification(session: Session, user: User, site_url: str, now: dt.datetime) -> None:
    """Write a mail with a link that confirms an account's address."""
    token, _ = accounts.make_token()
    _send_link(session, user, Letter(user.email, "verify_email", {}), token, site_url, now)


def send_change(session: Session, user: User, address: str, site_url: str, now: dt.datetime) -> None:
    """Write a mail to another address, with a link that makes it the account's; until then nothing changes.

    Raises:
        InvalidInput: the address has an account already; names the field email.
    """
    if session.scalars(sa.select(User.id).where(User.email == address)).first() is not None:
        raise InvalidInput(TAKEN, "email")
    # The token says for which address it is. Nobody can write another one into it, since the whole of it is hashed.
    random, _ = accounts.make_token()
    token = f"{random}.{base64.urlsafe_b64encode(address.encode()).decode().rstrip('=')}"
    _send_link(session, user, Letter(address, "change_email", {}), token, site_url, now)


def _send_link(session: Session, user: User, letter: Letter, token: str, site_url: str, now: dt.datetime) -> None:
    user.email_token, user.email_token_sent_at = accounts.hash_token(token), now
    context = {"link": _link(site_url, "verify_email", token), "days": VERIFY_LIFETIME.days, "site_url": site_url}
    mail.enqueue(session, dataclasses.replace(letter, context=context), now)


def find_verification(session: Session, token: str, now: dt.datetime) -> Verification | None:
    """Return what a link would do; None: it is too old, was used, or a newer one was sent."""
    query = sa.select(User).where(User.email_token == accounts.hash_token(token))
    user = session.scalars(query.where(User.email_token_sent_at > now - VERIFY_LIFETIME)).one_or_none()
    return Verification(user, _read_address(token) or user.email) if user else None


def is_confirmed_already(user: User, token: str) -> bool:
    """Say whether what a link was for has been done in an account, as when it is opened a second time.

    A token that was never sent says nothing that is not on the account's own page.
    """
    return user.email_verified_at is not None and _read_address(token) in ("", user.email)


def _read_address(token: str) -> str:
    """Return the address that a token is to make the account's; "": it confirms the one that there is."""
    encoded = token.partition(".")[2]
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # nobody here made this token
        return INVENTED


def verify_email(session: Session, token: str, site_url: str, now: dt.datetime) -> Verification | None:
    """Use a link: the address is its owner's from now on; None as in `find_verification`.

    Raises:
        InvalidInput: another account has taken the address meanwhile.
    """
    found = find_verification(session, token, now)
    if found is None:
        return None
    user, old_address, was_verified = found.user, found.user.email, found.user.email_verified_at is not None
    if found.is_change:
        _change_address(session, user, found.address)
        if was_verified:
            context: dict[str, object] = {"site_url": site_url, "moment": mail.say_moment(now)}
            mail.enqueue(session, Letter(old_address, "email_changed", context), now)
    user.email_verified_at = now
    user.email_token = user.email_token_sent_at = None
    session.flush()
    return found


def _change_address(session: Session, user: User, address: str) -> None:
    try:
        with session.begin_nested():
            user.email = address
    except sa.exc.IntegrityError as error:
        raise InvalidInput(TAKEN, "email") from error
    # A link that waits in the old mailbox must not open the account any more.
    user.password_reset_token = user.password_reset_sent_at = None


def _link(site_url: str, page: str, token: str) -> str:
    return f"{site_url}/{page}?{urlencode({'token': token})}"
