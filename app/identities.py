"""Accounts at providers that open accounts here: the only writer of the table identity.

Which account somebody comes into (I1 to I4, cited by the tests):
I1 the one that this very account of the provider is linked to, whatever address the provider names today;
I2 else the one with the same address, where the address was verified here;
I3 else, where an account with the address was never verified, that one too, but emptied of every way in that somebody
   else may have laid there (see `_take_over`);
I4 else a new one. Without an address that the provider has verified, nobody gets past I1.

I5 the owner of an account that there was before is told by mail of each link that is made or ended.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, mail, numbering
from app.errors import Conflict, InvalidInput, NotFound, SignInRefused
from app.mail import Letter
from app.models import Identity, User, UserSession
from app.providers import Flow, Shown

SUBJECT_MAX = 255
# How long somebody counts as having shown who they are, for what changes the ways into their account.
CONFIRMED_FOR = dt.timedelta(minutes=10)
# Between the provider's clock and ours, when it says that it asked for a password just now.
SKEW = dt.timedelta(seconds=30)
RACE_TRIES = 3
SWITCHED_OFF = "a provider that is switched off here"


@dataclasses.dataclass(frozen=True)
class Site:
    """What mails about accounts say of this site: its address, and its providers' names by their namespaces."""

    url: str
    labels: Mapping[str, str]

    def name_providers(self, linked: Sequence[Identity]) -> list[str]:
        """Return the names of the providers whose accounts these are, each once."""
        return list(dict.fromkeys(self.labels.get(identity.provider, SWITCHED_OFF) for identity in linked))


def come_in(session: Session, shown: Shown, site: Site, now: dt.datetime) -> User:
    """Return the account that somebody comes into, found, linked or made (I1 to I4).

    Raises:
        SignInRefused: the provider has no verified address of theirs, or another account of it is linked already.
    """
    subject = _read_subject(shown)
    for _ in range(RACE_TRIES):
        try:
            with session.begin_nested():
                identity = _find_held(session, shown.provider, subject)
                if identity is not None:
                    identity.last_used_at = now
                    return identity.user
                return _link_by_address(session, shown, site, now)
        except sa.exc.IntegrityError:
            # The same person came back twice at once: the other one has made what we now find.
            session.expire_all()
    raise Conflict("Somebody signs in with this account at the same moment. Try again.")


def link(session: Session, user: User, shown: Shown, site: Site, now: dt.datetime) -> None:
    """Let an account of a provider open this one from now on; once it does, doing so again changes nothing.

    Raises:
        SignInRefused: it opens another account here, or has no verified address.
    """
    identity = _find(session, shown.provider, _read_subject(shown))
    if identity is None:
        email = _read_email(shown)
        try:
            with session.begin_nested():
                _add(session, user, shown, now)
                _tell(session, user, "provider_linked", shown.label, site, now)
        except sa.exc.IntegrityError:
            raise _taken(shown) from None
        if user.email == email and user.email_verified_at is None:
            user.email_verified_at = now
    elif identity.user_id != user.id:
        raise _taken(shown)


def unlink(session: Session, user: User, identity_id: int, site: Site, now: dt.datetime) -> None:
    """Take a way into an account away.

    Raises:
        NotFound: the account has no such link.
        Conflict: it is the last way in.
    """
    # Two unlinks at once must not each believe that the other's link remains.
    accounts.hold(session, user.id)
    session.refresh(user)
    linked = list_linked(session, user)
    found = next((identity for identity in linked if identity.id == identity_id), None)
    if found is None:
        raise NotFound()
    if len(linked) == 1 and user.password is None:
        raise Conflict("This is the only way into your account. Set a password or link another provider first.")
    session.delete(found)
    _tell(session, user, "provider_unlinked", site.name_providers([found])[0], site, now)


def unlink_all(session: Session, user: User) -> list[Identity]:
    """Take every link to a provider away from an account that has, or gets, another way in; return what they were."""
    linked = list(list_linked(session, user))
    session.execute(sa.delete(Identity).where(Identity.user_id == user.id))
    return linked


def list_linked(session: Session, user: User) -> Sequence[Identity]:
    """Return the accounts at providers that open this account, the oldest first."""
    return session.scalars(sa.select(Identity).where(Identity.user_id == user.id).order_by(Identity.id)).all()


def check_confirmation(session: Session, user: User, shown: Shown, flow: Flow, *, tells_freshness: bool) -> None:
    """Check that somebody has shown anew that an account is theirs.

    Raises:
        SignInRefused: they came back as somebody else, or the provider did not ask them for their password again.
    """
    identity = _find(session, shown.provider, _read_subject(shown))
    if identity is None or identity.user_id != user.id:
        raise SignInRefused(f"This account at {shown.label} does not open the account that you are signed in to.")
    begun_at = dt.datetime.fromtimestamp(flow.started_at, dt.UTC)
    if tells_freshness and (shown.signed_in_at is None or shown.signed_in_at < begun_at - SKEW):
        raise SignInRefused(f"{shown.label} did not ask for your password again, so nothing was confirmed.")


def is_confirmed(row: UserSession, now: dt.datetime) -> bool:
    """Say whether somebody has shown who they are within CONFIRMED_FOR, in this very sign-in."""
    return row.confirmed_at is not None and now - row.confirmed_at <= CONFIRMED_FOR


def _find(session: Session, provider: str, subject: str) -> Identity | None:
    query = sa.select(Identity).where(Identity.provider == provider, Identity.subject == subject)
    return session.scalars(query).one_or_none()


def _find_held(session: Session, provider: str, subject: str) -> Identity | None:
    """Return a link, its account held: a reset that ends both link and sign-ins comes before or after, not between."""
    identity = _find(session, provider, subject)
    if identity is None:
        return None
    accounts.hold(session, identity.user_id)
    return _find(session, provider, subject)


def _link_by_address(session: Session, shown: Shown, site: Site, now: dt.datetime) -> User:
    email = _read_email(shown)
    user = session.scalars(sa.select(User).where(User.email == email)).one_or_none()
    if user is None:
        user = _make_user(session, shown, email, now)
        _add(session, user, shown, now)
        return user
    if user.email_verified_at is None:
        _take_over(session, user, shown, now)
    else:
        _refuse_second_of_provider(session, user, shown)
    _add(session, user, shown, now)
    _tell(session, user, "provider_linked", shown.label, site, now)
    return user


def _make_user(session: Session, shown: Shown, email: str, now: dt.datetime) -> User:
    first, last = _read_names(shown, email)
    number = numbering.find_next(session.connection(), User)
    user = User(id=number, first_name=first, last_name=last, email=email, email_verified_at=now, date_added=now)
    session.add(user)
    session.flush()
    return user


def _take_over(session: Session, user: User, shown: Shown, now: dt.datetime) -> None:
    """Give an account that nobody has shown to be theirs to the address's owner, and to nobody else (I3).

    Anybody may have made it in the owner's name, with a password of theirs, and wait for the owner to use it. So it
    keeps its campaigns, as after a reset by mail, and loses its password, its sign-ins, its links and open tokens.
    """
    user.first_name, user.last_name = _read_names(shown, user.email)
    user.password = user.password_reset_token = user.password_reset_sent_at = None
    user.email_token = user.email_token_sent_at = None
    user.email_verified_at = now
    for table in (UserSession, Identity):
        session.execute(sa.delete(table).where(table.user_id == user.id))


def _refuse_second_of_provider(session: Session, user: User, shown: Shown) -> None:
    # An address that a provider gave to somebody new, after somebody left, must not open what the first one had.
    if any(identity.provider == shown.provider for identity in list_linked(session, user)):
        raise SignInRefused(
            f"Another account at {shown.label} opens the account with your address here. "
            "Sign in to it in another way, and link this one on the page of your account."
        )


def _add(session: Session, user: User, shown: Shown, now: dt.datetime) -> None:
    session.add(
        Identity(
            user_id=user.id,
            provider=shown.provider,
            subject=_read_subject(shown),
            email=_read_email(shown),
            date_added=now,
            last_used_at=now,
        )
    )
    session.flush()


def _tell(session: Session, user: User, template: str, provider: str, site: Site, now: dt.datetime) -> None:
    # Not whose account it is at the provider: whoever wants us to mail an advertisement would name theirs so.
    context: dict[str, object] = {
        "provider": provider,
        "moment": mail.say_moment(now),
        "link": f"{site.url}/send_reset_password",
        "site_url": site.url,
    }
    mail.enqueue(session, Letter(user.email, template, context), now)


def _taken(shown: Shown) -> SignInRefused:
    return SignInRefused(f"This account at {shown.label} opens another account here already. Unlink it there first.")


def _read_subject(shown: Shown) -> str:
    if not 0 < len(shown.subject) <= SUBJECT_MAX or not shown.subject.isprintable():
        raise SignInRefused(f"{shown.label} names your account in a way that cannot be kept.")
    return shown.subject


def _read_email(shown: Shown) -> str:
    if shown.email is None:
        raise SignInRefused(
            f"{shown.label} has not verified an e-mail address of yours. Verify it there, and sign in here again."
        )
    try:
        return accounts.normalise_email(shown.email)
    except InvalidInput as error:
        raise SignInRefused(f"The e-mail address that {shown.label} has of you cannot be used here.") from error


def _read_names(shown: Shown, email: str) -> tuple[str, str]:
    """Return a first and a last name (perhaps none), as `accounts.check_name` takes them."""
    first, last = _clean(shown.first_name), _clean(shown.last_name)
    if first and not last and " " in first:
        first, last = first.rsplit(" ", 1)
    return first or _clean(email.partition("@")[0]), last


def _clean(name: str) -> str:
    # Cf holds the marks that turn the direction of writing, with which a name can rearrange the text around it.
    kept = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name)
    return " ".join(kept.split())[: accounts.NAME_MAX].strip()
