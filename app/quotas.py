"""What one user may use: campaigns, bytes stored for them, and datasets; and what they use.

Promises, cited by the tests:

Q1  Nothing here counts a table: datasets and results are summed from schedules and counters, a handful of rows for each
    campaign; the lengths of sources are read without the sources.
Q2  What would go beyond a quota is refused in words that say how much there is, and where to see it.
Q3  A volunteer's result is never refused for a quota. Once a minute at least, whoever has more than the stored bytes
    allow has what runs paused, with the reason.
Q4  A deleted campaign counts until it is erased, since it can be restored until then; one that is to be erased at once
    does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.errors import Conflict, InvalidInput
from app.models import AT_ONCE, Campaign, Progress, Schedule, User
from app.settings import Settings
from app.states import Intent
from app.wording import count, size

SEE = "See what uses it on the page “Use” of your account."


@dataclasses.dataclass(frozen=True, slots=True)
class CampaignUse:
    """What one campaign takes. Results of runs that are over count until they are swept away, within minutes."""

    campaign_id: int
    name: str
    is_deleted: bool
    source_bytes: int
    dataset_count: int
    dataset_bytes: int
    result_bytes: int

    @property
    def stored_bytes(self) -> int:
        """All of it."""
        return self.source_bytes + self.dataset_bytes + self.result_bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What all campaigns of a user take, the largest first."""

    campaigns: Sequence[CampaignUse]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all of them."""
        return sum(campaign.stored_bytes for campaign in self.campaigns)

    @property
    def dataset_count(self) -> int:
        """Datasets of all of them."""
        return sum(campaign.dataset_count for campaign in self.campaigns)


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """How many datasets more a user's campaigns may have, and of how many bytes; never negative."""

    datasets: int
    size_bytes: int


_SOURCES = sum((sa.func.length(column) for column in (Campaign.static_dataset, Campaign.dataset_gen)),
               start=sa.func.length(Campaign.kernel))  # fmt: skip
_RESULTS = (
    sa.select(sa.func.coalesce(sa.func.sum(Progress.result_bytes), 0))
    .where(Progress.campaign_id == Campaign.id)
    .scalar_subquery()
)
_COUNTS = ~Campaign.deleted | (Campaign.deleted_at > AT_ONCE)  # Q4


def _select(*columns: Any) -> sa.Select[Any]:
    return sa.select(*columns).join(Schedule, Schedule.campaign_id == Campaign.id).where(_COUNTS)


def find_use(connection: sa.Connection, user_id: int) -> Use:
    """Return what a user's campaigns take (Q1)."""
    columns = (Campaign.id, Campaign.name, Campaign.deleted, _SOURCES)
    query = _select(*columns, Schedule.generated, Schedule.generated_bytes, _RESULTS).where(Campaign.user_id == user_id)
    found = [
        CampaignUse(campaign_id, name, bool(deleted), *(int(number) for number in numbers))
        for campaign_id, name, deleted, *numbers in connection.execute(query)
    ]
    return Use(sorted(found, key=lambda use: use.stored_bytes, reverse=True))


def find_room(connection: sa.Connection, campaign_id: int, settings: Settings) -> Room:
    """Return how much a campaign's owner has room for."""
    owner = sa.select(Campaign.user_id).where(Campaign.id == campaign_id)
    user_id = connection.execute(owner).scalar_one_or_none()
    if user_id is None:  # it was erased a moment ago
        return Room(0, 0)
    use = find_use(connection, user_id)
    return Room(
        max(0, settings.datasets_per_user - use.dataset_count),
        max(0, settings.stored_bytes_per_user - use.stored_bytes),
    )


def reserve(session: Session, owner: User, adding_bytes: int, settings: Settings) -> None:
    """Make sure that a user may have one more campaign with sources of so many bytes (Q2).

    Until the transaction ends no other campaign of theirs is made.

    Raises:
        InvalidInput: they may not; names no field.
    """
    use = _find_use_alone(session, owner.id)
    if len(use.campaigns) >= settings.campaigns_per_user:
        raise InvalidInput(
            f"You have {count(len(use.campaigns), 'campaign')}, with deleted ones that can be restored, and may have "
            f"{settings.campaigns_per_user:,}. {SEE}"
        )
    if use.stored_bytes + adding_bytes > settings.stored_bytes_per_user:
        raise InvalidInput(
            f"Your campaigns have {size(use.stored_bytes)}, this one would add {size(adding_bytes)}, and all together "
            f"may have {size(settings.stored_bytes_per_user)}. {SEE}"
        )
    if use.dataset_count >= settings.datasets_per_user:
        raise InvalidInput(
            f"Your campaigns have {count(use.dataset_count, 'dataset')}, and all together may have "
            f"{settings.datasets_per_user:,}. {SEE}"
        )


def reserve_growth(session: Session, owner_id: int, adding_bytes: int, settings: Settings) -> None:
    """Make sure that a user's campaign may get sources of so many bytes more (Q2); less is always possible.

    Raises:
        InvalidInput: it may not; names no field.
    """
    if adding_bytes <= 0:
        return
    stored_bytes = _find_use_alone(session, owner_id).stored_bytes
    if stored_bytes + adding_bytes > settings.stored_bytes_per_user:
        raise InvalidInput(
            f"Your campaigns have {size(stored_bytes)}, this would add {size(adding_bytes)}, and all together may have "
            f"{size(settings.stored_bytes_per_user)}. {SEE}"
        )


def _find_use_alone(session: Session, user_id: int) -> Use:
    """Return what a user's campaigns take; until the transaction ends nobody else reserves anything of theirs."""
    session.execute(sa.select(User.id).where(User.id == user_id).with_for_update())
    return find_use(session.connection(), user_id)


def say_full(stored_bytes: int, settings: Settings) -> str:
    """Return why campaigns are paused whose owner has more than the quota allows."""
    had, allowed = size(stored_bytes), size(settings.stored_bytes_per_user)
    return (
        f"Your campaigns have {had}, and may have {allowed}. Download results, erase what you do not need any more, "
        f"then resume. {SEE}"
    )


def check_stored(connection: sa.Connection, user_id: int, settings: Settings) -> None:
    """Raise Conflict when a user has more bytes than allowed, so that nothing of theirs may run."""
    stored_bytes = find_use(connection, user_id).stored_bytes
    if stored_bytes > settings.stored_bytes_per_user:
        raise Conflict(say_full(stored_bytes, settings))


def pause_full(connection: sa.Connection, settings: Settings) -> int:
    """Pause what runs of users who have more bytes than allowed (Q3); return how many campaigns it were."""
    paused = 0
    for user_id, stored_bytes in _find_full(connection, settings):
        of_user = sa.select(Campaign.id).join(Schedule).where(Campaign.user_id == user_id)
        running = of_user.where(Schedule.intent == Intent.RUNNING, ~Schedule.deleted).order_by(Campaign.id)
        for campaign_id in connection.execute(running).scalars().all():
            ledger.set_intent(connection, campaign_id, Intent.PAUSED, say_full(stored_bytes, settings))
            paused += 1
    return paused


def is_any_full(connection: sa.Connection, settings: Settings) -> bool:
    """Say whether `pause_full` has anybody to look at; for that, nobody else has to wait."""
    return bool(_find_full(connection, settings))


def _find_full(connection: sa.Connection, settings: Settings) -> Sequence[tuple[int, int]]:
    stored = sa.func.sum(_SOURCES + Schedule.generated_bytes + _RESULTS)
    runs = sa.select(Campaign.user_id).join(Schedule).where(Schedule.intent == Intent.RUNNING, ~Schedule.deleted)
    query = _select(Campaign.user_id, stored).where(Campaign.user_id.in_(runs)).group_by(Campaign.user_id)
    found = connection.execute(query.having(stored > settings.stored_bytes_per_user))
    return [(user_id, int(stored_bytes)) for user_id, stored_bytes in found]
