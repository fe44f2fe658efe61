"""How often something may be tried: counters over windows of time, by address and by account.

A counter is a row of throttle, so that all processes share it and it outlives them. Its key is what is tried and a
keyed hash of by whom: the table holds no address. A try is counted before it is made and given back when it was a good
one, so that a hundred tries at once are a hundred tries.

Guessing at passwords is counted three ways, so that nobody can guess and nobody can be locked out by others:

    address     by where the tries come from: stops one machine that guesses at many accounts
    account     by the account that is tried, from browsers that it does not know: stops many machines that guess at one
                account. An account that does not exist counts the same
    browser     by a mark that a browser keeps of an account that it signed in to before. Such a browser is counted by
                its own failures and by nothing else: whoever makes the account's counter run over from elsewhere shuts
                out himself, and not its owner. An owner in a new browser gets in by a mail that resets the password,
                which makes that browser a known one

Programs that forget their cookies are browsers that the account does not know.

With a provider there is nothing to guess, but each sign-in has us ask the provider. It counts for its address when it
is begun, and is given back when it ends well, so that any number of people sign in behind one address; but only the
first few of one account of the provider are, so that nobody who has one makes us ask without an end. What comes back is
asked about once for each sign-in that was begun (`take_once`), and so needs no count of its own: who was let go there
is let in again.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import hmac
import ipaddress
import math
import secrets
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import TooManyRequests
from app.models import Throttle
from app.settings import Settings

IPV6_PREFIX = 64  # what one customer of a provider has at least: counting single addresses would count nothing
MARK_BYTES = 16


class Deed(enum.StrEnum):
    """What is counted, and by whom; the name of its limit in the settings is `limit_of`'s."""

    SIGN_IN_BY_ADDRESS = "signin-address"
    SIGN_IN_BY_ACCOUNT = "signin-account"
    SIGN_IN_BY_BROWSER = "signin-browser"
    PROVIDER_BY_ADDRESS = "provider-address"
    PROVIDER_BY_ACCOUNT = "provider-account"  # good ones, by the account at the provider
    CONFIRM_BY_ACCOUNT = "confirm-account"  # the password, asked for anew by somebody signed in
    SIGN_UP_BY_ADDRESS = "signup-address"
    MAIL_BY_ADDRESS = "mail-address"
    MAIL_BY_RECIPIENT = "mail-recipient"
    CHANGE_BY_ACCOUNT = "change-account"  # of what opens it: each sends its address a mail, which may be a stranger's
    CHALLENGE_BY_ADDRESS = "challenge-address"


@dataclasses.dataclass(frozen=True)
class Try:
    """Something that is about to be tried, and by whom: an address, an account's e-mail address, a browser's mark."""

    deed: Deed
    by: str


class Throttles:
    """Counts tries against the limits of the settings.

    Args:
        settings: throttle_window_s and the limits; a limit of 0 is none.
        secret_key: the application's; keys are hashed with one derived from it.
    """

    def __init__(self, settings: Settings, secret_key: str) -> None:
        self._window = dt.timedelta(seconds=settings.throttle_window_s)
        self._limits = {
            Deed.SIGN_IN_BY_ADDRESS: settings.signin_failures_per_address,
            Deed.SIGN_IN_BY_ACCOUNT: settings.signin_failures_per_account,
            Deed.SIGN_IN_BY_BROWSER: settings.signin_failures_per_account,
            Deed.PROVIDER_BY_ADDRESS: settings.provider_signins_per_address,
            Deed.PROVIDER_BY_ACCOUNT: settings.provider_signins_per_account,
            Deed.CONFIRM_BY_ACCOUNT: settings.signin_failures_per_account,
            Deed.SIGN_UP_BY_ADDRESS: settings.signups_per_address,
            Deed.MAIL_BY_ADDRESS: settings.mails_per_address,
            Deed.MAIL_BY_RECIPIENT: settings.mails_per_recipient,
            Deed.CHANGE_BY_ACCOUNT: settings.changes_per_account,
            Deed.CHALLENGE_BY_ADDRESS: settings.challenges_per_address,
        }
        self._secret = hmac.digest(secret_key.encode(), b"throttle", "sha256")

    def take(self, session: Session, tries: Iterable[Try], now: dt.datetime) -> float:
        """Count tries in the caller's transaction, and return for how many seconds they must not be made: 0, make them.

        Who asks comes first in them: those behind one that is over its limit are not counted, because what an address
        may not try any more must not use up what others may, such as the mails to somebody. Being refused does not
        prolong the wait.
        """
        waits = (self._count(session, one, now) for one in tries)
        return next((wait_s for wait_s in waits if wait_s > 0), 0.0)

    def _count(self, session: Session, one: Try, now: dt.datetime) -> float:
        limit = self._limits[one.deed]
        if not limit:
            return 0.0
        count, ends_at_ms = _increase(session, self._key(one), now, self._window)
        return float(ends_at_ms - _ms(now)) / 1000 if count > limit else 0.0

    def take_once(self, session: Session, name: str, lasts: dt.timedelta, now: dt.datetime) -> bool:
        """Say whether this is the first time that something is taken which is good once within a span of time."""
        count, _ends_at_ms = _increase(session, f"once:{self._hash(name)}", now, lasts)
        return count == 1

    def give_back(self, session: Session, tries: Iterable[Try]) -> None:
        """Uncount tries that turned out to be good ones."""
        keys = [self._key(one) for one in tries]
        update = sa.update(Throttle).where(Throttle.key.in_(keys), Throttle.count > 0)
        session.execute(update.values(count=Throttle.count - 1))

    def forget(self, session: Session, tries: Iterable[Try]) -> None:
        """Begin the counters of these tries anew."""
        session.execute(sa.delete(Throttle).where(Throttle.key.in_([self._key(one) for one in tries])))

    def _key(self, one: Try) -> str:
        by = normalise_address(one.by) if one.deed.endswith("-address") else one.by.strip().lower()
        return f"{one.deed}:{self._hash(by)}"

    def _hash(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:40]

    def make_mark(self, user_id: int) -> str:
        """Return a new mark for a browser that has shown that the account is its user's."""
        name = secrets.token_urlsafe(MARK_BYTES)
        return f"{name}.{self._seal(name, user_id)}"

    def knows(self, mark: str, user_id: int | None) -> bool:
        """Say whether a mark was made here for this account; no mark is one for no account."""
        name, _, seal = mark.partition(".")
        return hmac.compare_digest(seal.encode(), self._seal(name, user_id or 0).encode()) and user_id is not None

    def _seal(self, name: str, user_id: int) -> str:
        return self._hash(f"{name} knows {user_id}")


def refuse(wait_s: float) -> None:
    """Raise TooManyRequests where there is a time to wait."""
    if wait_s > 0:
        minutes = max(1, math.ceil(wait_s / 60))
        message = f"Too many tries. Try again in {minutes} minute{'' if minutes == 1 else 's'}."
        raise TooManyRequests(message, retry_after_s=math.ceil(wait_s))


def normalise_address(address: str) -> str:
    """Return what is counted as one address: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


def purge(session: Session, now: dt.datetime) -> None:
    """Delete the counters whose window is over."""
    session.execute(sa.delete(Throttle).where(Throttle.ends_at <= now))


def _increase(session: Session, key: str, now: dt.datetime, window: dt.timedelta) -> tuple[int, int]:
    values = {"key": key, "now_ms": _ms(now), "ends_ms": _ms(now + window)}
    count, ends_at_ms = session.execute(_COUNT, values).one()
    return count, ends_at_ms


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


# One statement, so that tries at the same time are all counted: a window that is over begins anew.
_COUNT = sa.text(
    """
    insert into throttle (key, count, ends_at) values (:key, 1, :ends_ms)
    on conflict (key) do update set
        count = case when throttle.ends_at <= :now_ms then 1 else throttle.count + 1 end,
        ends_at = case when throttle.ends_at <= :now_ms then excluded.ends_at else throttle.ends_at end
    returning count, ends_at
    """
)
