"""Campaigns with what they are doing and their counts, as lists and pages show them."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import ledger
from app.models import Campaign, User
from app.records import Progress
from app.states import Generation, Intent


class State(enum.StrEnum):
    """What a campaign is doing, as its page says it."""

    GENERATING = "generating"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"  # for its owner: everything is done, and the generator has more than the quota allows
    DONE = "done"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class Overview:
    """A campaign with its state and counts, as lists and its page show it."""

    campaign: Campaign
    state: State
    progress: Progress

    @property
    def makes_more(self) -> bool:
        """Whether datasets are made in steps, as volunteers need them, and more are to come."""
        schedule = self.campaign.schedule
        return schedule.lockstep and not schedule.generation.is_over and schedule.generation is not Generation.FAILED

    @property
    def is_full(self) -> bool:
        """Whether the generator has more datasets than a campaign may have."""
        return self.campaign.schedule.generation is Generation.FULL

    @property
    def percent(self) -> float:
        """Share of the generated datasets that are done, 0 to 100."""
        total = self.campaign.schedule.generated
        return 100.0 * self.progress.done / total if total else 0.0


def list_campaigns(session: Session, owner: User) -> list[Overview]:
    """Return the owner's campaigns, newest first."""
    query = (
        sa.select(Campaign)
        .options(joinedload(Campaign.schedule))
        .where(Campaign.user_id == owner.id, ~Campaign.deleted)
        .order_by(Campaign.id.desc())
    )
    return get_overviews(session, session.scalars(query).all())


def get_overviews(session: Session, campaigns: Sequence[Campaign]) -> list[Overview]:
    """Return the states and counts of several campaigns, read at once."""
    progress = ledger.sum_progress(session.connection(), [(c.id, c.schedule.run) for c in campaigns])
    return [_overview(campaign, progress[campaign.id]) for campaign in campaigns]


def get_overview(session: Session, campaign: Campaign) -> Overview:
    """Return a campaign's state and counts."""
    progress = ledger.sum_progress(session.connection(), [(campaign.id, campaign.schedule.run)])
    return _overview(campaign, progress[campaign.id])


def _overview(campaign: Campaign, progress: Progress) -> Overview:
    return Overview(campaign, _state(campaign, progress), progress)


def _state(campaign: Campaign, progress: Progress) -> State:
    schedule = campaign.schedule
    if schedule.generation is Generation.FAILED:
        return State.FAILED
    if schedule.generation.is_over and progress.done >= schedule.generated:
        return State.WAITING if schedule.generation is Generation.FULL else State.DONE
    if schedule.intent is Intent.PAUSED:
        return State.PAUSED
    return State.RUNNING if schedule.generation.is_over or schedule.lockstep else State.GENERATING
