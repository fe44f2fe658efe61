"""Deleting an account: what goes with it, and how it goes at once although there may be gigabytes of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import accounts, ledger, mail, previews
from app.models import AT_ONCE, Campaign, Identity, Progress, Schedule, User

# Who is erased has an address that nobody can have (RFC 2606), until the purge takes the row away.
DOMAIN = "invalid"


@dataclasses.dataclass(frozen=True)
class Belongings:
    """What goes with an account. Bytes are those of datasets and results."""

    campaigns: int
    datasets: int
    results: int
    size_bytes: int


def sum_up(session: Session, user: User) -> Belongings:
    """Count what an account has, from counters alone: a million results take as long as one."""
    own = sa.select(Campaign.id).where(Campaign.user_id == user.id)
    schedules = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(Schedule.generated), 0), _total(Schedule.generated_bytes)
    )
    campaigns, datasets, dataset_bytes = session.execute(schedules.where(Schedule.campaign_id.in_(own))).one()
    progress = sa.select(_total(Progress.value_count), _total(Progress.result_bytes))
    progress = progress.join(Schedule, Schedule.campaign_id == Progress.campaign_id)
    counted = progress.where(Progress.run == Schedule.run, Progress.campaign_id.in_(own))
    results, result_bytes = session.execute(counted).one()
    return Belongings(campaigns, int(datasets), int(results), int(dataset_bytes) + int(result_bytes))


def _total(column: sa.orm.InstrumentedAttribute[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column), 0)


def erase_account(session: Session, user: User, now: dt.datetime) -> None:
    """Take an account away: nobody can sign in to it, its name is gone, and volunteers are sent away within a second.

    Its campaigns with all that they hold are marked to be purged at once; the background process does that in steps,
    since a transaction that deletes millions of rows would hold up everybody, and takes the nameless row at the end.
    """
    for campaign in session.scalars(sa.select(Campaign).where(Campaign.user_id == user.id)):
        campaign.deleted, campaign.deleted_at = True, AT_ONCE
        campaign.badge_key = None
        ledger.close_schedule(session.connection(), campaign.id)
    accounts.close_all_sessions(session, user.id)
    session.execute(sa.delete(Identity).where(Identity.user_id == user.id))
    previews.forget_all_of(session, user)
    mail.forget_mails_to(session, user.email)
    _forget_person(user)
    session.flush()


def _forget_person(user: User) -> None:
    user.first_name, user.last_name = "Deleted", "account"
    user.email = f"deleted-{secrets.token_hex(16)}@{DOMAIN}"
    user.password = user.email_verified_at = None
    user.email_token = user.email_token_sent_at = None
    user.password_reset_token = user.password_reset_sent_at = None
