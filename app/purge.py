"""Erasing for good: campaigns that were deleted long enough ago, and the rows of accounts that are gone.

Promises, cited by the tests:

P1  A campaign that was deleted less than `restore_days` ago stays as it is, and so does every other.
P2  It goes in steps of milliseconds with rests between them: volunteers and owners do not notice.
P3  Whoever is stopped half-way, by whatever, is followed by one that goes on: the campaign's own row goes last.
P4  From the first step on it cannot be restored.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from app import ledger, numbering
from app.database import Database
from app.models import AT_ONCE, Campaign, User
from app.settings import Settings

ROWS_PER_STEP = 2000
USERS_PER_STEP = 100
GONE_ADDRESS = "%@invalid"  # what the address of a deleted account ends in
REST_MIN_S = 0.002


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What one step took away: `count` rows of a table of a campaign, or (campaign_id None) accounts."""

    table: str
    count: int
    campaign_id: int | None = None


def find_cutoff(settings: Settings, now: dt.datetime) -> dt.datetime:
    """Return the moment since which a campaign must have been deleted to be restored."""
    return now - dt.timedelta(days=settings.restore_days)


def iter_steps(
    database: Database,
    settings: Settings,
    clock: Callable[[], dt.datetime],
    rest: Callable[[float], object] = time.sleep,
) -> Iterator[Step]:
    """Erase everything that is due, one step after the other, resting as long after each as it took."""
    while True:
        began_at = time.monotonic()
        step = purge_next(database, settings, find_cutoff(settings, clock()))
        if step is None:
            return
        yield step
        rest(max(REST_MIN_S, time.monotonic() - began_at))


def purge_next(database: Database, settings: Settings, cutoff: dt.datetime) -> Step | None:
    """Take one step; None: nothing is due."""
    if database.read(lambda connection: connection.execute(_find_strays()).first()) is not None:
        database.write(_condemn_strays)
    campaign_id = database.read(lambda connection: _find_due(connection, cutoff))
    if campaign_id is not None:
        return database.write(lambda connection: _erase_some(connection, settings, campaign_id))
    if database.read(lambda connection: connection.execute(_find_gone_users()).first()) is None:
        return None
    return Step("user", database.write(_erase_users))


def _find_strays() -> sa.Select[int]:
    # What was made in the moment in which its owner's account was deleted.
    return sa.select(Campaign.id).join(User).where(User.email.like(GONE_ADDRESS), ~Campaign.deleted)


def _condemn_strays(connection: sa.Connection) -> None:
    for campaign_id in connection.execute(_find_strays()).scalars().all():
        condemned = sa.update(Campaign).where(Campaign.id == campaign_id)
        connection.execute(condemned.values(deleted=True, deleted_at=AT_ONCE))
        ledger.close_schedule(connection, campaign_id)


def _find_due(connection: sa.Connection, cutoff: dt.datetime) -> int | None:
    is_time = Campaign.deleted_at.is_(None) | (Campaign.deleted_at < cutoff)
    due = sa.select(Campaign.id).where(Campaign.deleted, is_time)
    found = connection.execute(due.order_by(Campaign.id).limit(1)).scalar_one_or_none()
    return found if found is not None else next(iter(ledger.find_orphans(connection)), None)


def _erase_some(connection: sa.Connection, settings: Settings, campaign_id: int) -> Step:
    # P4. Once only, since to change a row with a large static dataset takes as long as ten steps.
    condemned = sa.update(Campaign).where(Campaign.id == campaign_id, Campaign.deleted_at > AT_ONCE)
    connection.execute(condemned.values(deleted_at=AT_ONCE))
    # P1. Its owner may have restored it since it was found to be due; from here on they cannot.
    kept = sa.select(Campaign.id).where(Campaign.id == campaign_id, ~Campaign.deleted)
    if connection.execute(kept).first() is not None:
        return Step("campaign", 0, campaign_id)
    if (gone := ledger.forget_campaign(connection, campaign_id, ROWS_PER_STEP)) is not None:
        return Step(*gone, campaign_id)
    ledger.drop_schedule(connection, campaign_id)
    numbering.retire(connection, Campaign, campaign_id)
    rows = connection.execute(sa.delete(Campaign).where(Campaign.id == campaign_id)).rowcount
    # A generator that its owner's quota had no room for may have some now.
    ledger.reopen_full(connection, settings.datasets_max, settings.datasets_max_bytes)
    return Step("campaign", rows, campaign_id)


def _find_gone_users() -> sa.Select[int]:
    has_campaigns = sa.exists().where(Campaign.user_id == User.id)
    return sa.select(User.id).where(User.email.like(GONE_ADDRESS), ~has_campaigns).limit(USERS_PER_STEP)


def _erase_users(connection: sa.Connection) -> int:
    # Their sign-ins, identities and previews go with them by their foreign keys.
    gone = connection.execute(_find_gone_users()).scalars().all()
    numbering.retire(connection, User, max(gone, default=0))
    return connection.execute(sa.delete(User).where(User.id.in_(gone))).rowcount


def describe(counts: Counter[str]) -> str:
    """Return what a campaign had, by table: "100 datasets, 82 results"."""
    words = {name: name.replace("_", " ") for name in counts if name != "campaign"}
    return ", ".join(f"{counts[name]:,} {_plural(words[name], counts[name])}" for name in words) or "no rows"


def _plural(noun: str, count: int) -> str:
    if noun == "progress":
        return "counters" if count != 1 else "counter"
    return noun if count == 1 else f"{noun}s"
