"""The ways to a campaign: an owner's own, and what anyone may see of it.

An owner's is reached through `get_campaign` alone, so that a stranger's request ends in NotFound; its results, which
may be public, through `get_readable`.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.errors import NotFound, NotSignedIn
from app.models import Campaign, User
from app.settings import Settings

ID_MAX = 2**31 - 1  # a number beyond it in an address is no id; the databases would refuse to compare with it
NO_CAMPAIGN = "There is no such campaign, or it is not yours."


def get_campaign(session: Session, owner: User, campaign_id: int) -> Campaign:
    """Return the owner's campaign with its schedule. The access loader of this table.

    Raises:
        NotFound: there is none, it was deleted, or it is somebody else's.
    """
    if campaign_id > ID_MAX:
        raise NotFound(NO_CAMPAIGN)
    query = sa.select(Campaign).options(joinedload(Campaign.schedule)).where(Campaign.id == campaign_id)
    campaign = session.scalars(query.where(Campaign.user_id == owner.id, ~Campaign.deleted)).one_or_none()
    if campaign is None:
        raise NotFound(NO_CAMPAIGN)
    return campaign


def get_readable(session: Session, viewer: User | None, campaign_id: int) -> Campaign:
    """Return a campaign whose results somebody may read: their own, or anybody's whose results are public.

    Raises:
        NotSignedIn: nobody is signed in, and it is private or not there; the two cannot be told apart.
        NotFound: there is none, it was deleted, or it is somebody else's and private.
    """
    campaign = _find_readable(session, viewer, campaign_id) if campaign_id <= ID_MAX else None
    if campaign is None:
        raise NotSignedIn() if viewer is None else NotFound(NO_CAMPAIGN)
    return campaign


def _find_readable(session: Session, viewer: User | None, campaign_id: int) -> Campaign | None:
    query = sa.select(Campaign).options(joinedload(Campaign.schedule)).where(Campaign.id == campaign_id)
    is_own = sa.false() if viewer is None else Campaign.user_id == viewer.id
    query = query.where(~Campaign.deleted, sa.or_(Campaign.results_public, is_own))
    return session.scalars(query).one_or_none()


def find_newest_id(session: Session, owner: User) -> int:
    """Return the id of the last campaign that the owner made, deleted or not; 0 when there is none."""
    return session.scalar(sa.select(sa.func.max(Campaign.id)).where(Campaign.user_id == owner.id)) or 0


def find_deleted(session: Session, owner: User, since: dt.datetime) -> list[Campaign]:
    """Return the owner's campaigns that were deleted since a moment and can be restored, the latest first."""
    query = _select_deleted(owner, since).order_by(Campaign.deleted_at.desc(), Campaign.id.desc())
    return list(session.scalars(query))


def get_deleted(session: Session, owner: User, campaign_id: int, since: dt.datetime) -> Campaign:
    """Return one of the owner's campaigns that were deleted since a moment.

    Raises:
        NotFound: there is none, it is not deleted, it is too late, or it is somebody else's.
    """
    if campaign_id > ID_MAX:
        raise NotFound(NO_CAMPAIGN)
    query = _select_deleted(owner, since).where(Campaign.id == campaign_id).with_for_update(of=Campaign)
    campaign = session.scalars(query).one_or_none()
    if campaign is None:
        raise NotFound(NO_CAMPAIGN)
    return campaign


def _select_deleted(owner: User, since: dt.datetime) -> sa.Select[Campaign]:
    query = sa.select(Campaign).options(joinedload(Campaign.schedule))
    return query.where(Campaign.user_id == owner.id, Campaign.deleted, Campaign.deleted_at >= since)


def find_served(session: Session, campaign_id: int) -> Campaign | None:
    """Return the campaign that an embed page may show to anyone, or None."""
    if campaign_id > ID_MAX:
        return None
    query = sa.select(Campaign).options(joinedload(Campaign.owner)).where(Campaign.id == campaign_id, ~Campaign.deleted)
    return session.scalars(query).one_or_none()


def get_deadline_ms(campaign: Campaign, settings: Settings) -> int:
    """Return how many milliseconds one dataset of a campaign may take."""
    return campaign.deadline_ms or int(settings.dataset_deadline_s * 1000)
