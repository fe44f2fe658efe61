"""What owners do to their campaigns as a whole: pause, resume, reset, delete."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from app import ledger
from app.models import Campaign
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
    """Take a campaign out of everybody's sight (soft delete); volunteers are sent away within a second."""
    campaign.deleted = True
    campaign.deleted_at = now
    session.flush()
    ledger.close_schedule(session.connection(), campaign.id)
