"""What owners do to their campaigns as a whole: pause, resume, reset, delete."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app import ledger
from app.campaigns.uploads import Upload, create_campaign
from app.models import AT_ONCE, Campaign, User
from app.settings import Settings
from app.states import Intent


def pause_campaign(session: Session, campaign: Campaign) -> None:
    """Stop handing out datasets; volunteers are told within a second."""
    ledger.set_intent(session.connection(), campaign.id, Intent.PAUSED)


def resume_campaign(session: Session, campaign: Campaign) -> None:
    """Hand out datasets again."""
    ledger.set_intent(session.connection(), campaign.id, Intent.RUNNING)


def reset_campaign(session: Session, campaign: Campaign) -> None:
    """Delete the results and make every dataset pending again, in a new run."""
    ledger.reset(session.connection(), campaign.id)


def delete_campaign(session: Session, campaign: Campaign, now: dt.datetime) -> None:
    """Take a campaign out of everybody's sight (soft delete); volunteers are sent away within a second.

    The purge takes it away for good, some days after `now`.
    """
    campaign.deleted = True
    campaign.deleted_at = now
    session.flush()
    ledger.close_schedule(session.connection(), campaign.id)


def restore_campaign(session: Session, campaign: Campaign) -> None:
    """Bring a deleted campaign back, paused."""
    campaign.deleted = False
    campaign.deleted_at = None
    session.flush()
    ledger.reopen_schedule(session.connection(), campaign.id)


def erase_campaign(session: Session, campaign: Campaign) -> None:
    """Delete a campaign, or one that was deleted before, for good: the next purge takes it away."""
    campaign.deleted = True
    campaign.deleted_at = AT_ONCE
    session.flush()
    ledger.close_schedule(session.connection(), campaign.id)


def duplicate_campaign(
    session: Session, owner: User, campaign: Campaign, name: str, settings: Settings, now: dt.datetime
) -> Campaign:
    """Store a copy of a campaign with another name: paused and not listed, its datasets yet to be generated.

    Raises:
        InvalidInput: the name cannot be accepted.
    """
    upload = Upload(
        name=name,
        description=campaign.description,
        beneficiary=campaign.beneficiary,
        autostart=campaign.autostart,
        sloppy=campaign.sloppy,
        deadline_s=None if campaign.deadline_ms is None else campaign.deadline_ms / 1000,
        kernel=campaign.kernel,
        static_dataset=campaign.static_dataset,
        dataset_gen=campaign.dataset_gen,
    )
    copy = create_campaign(session, owner, upload, settings, now)
    copy.embed_origins = campaign.embed_origins
    pause_campaign(session, copy)
    return copy
