"""What anybody may see of this place: which listed campaigns run, and how much was computed in all."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import campaigns, ledger
from app.campaigns import Overview
from app.models import Campaign
from app.records import Presence

T = TypeVar("T")
PAGE_SIZE = 20
KEPT_S = 10.0
FEATURED_MAX = 50


@dataclasses.dataclass(frozen=True)
class Offer:
    """A listed campaign that runs, and who helps it now."""

    overview: Overview
    presence: Presence

    @property
    def campaign(self) -> Campaign:
        """The campaign."""
        return self.overview.campaign


@dataclasses.dataclass(frozen=True)
class Page:
    """Offers, newest campaign first; `next` is the id below which the next page begins, None on the last one."""

    offers: list[Offer]
    next: int | None


@dataclasses.dataclass(frozen=True)
class Figures:
    """What the campaigns that are here have come to, the listed and the others."""

    results: int = 0
    compute_ms: int = 0
    running: int = 0
    volunteers: int = 0

    @property
    def hours(self) -> float:
        """Computing time that volunteers gave, in hours of one core."""
        return self.compute_ms / 3_600_000


class Kept(Generic[T]):
    """A value that is read anew when it is older than KEPT_S: home pages are opened more often than figures change.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: tuple[float, T] | None = None

    def get(self, read: Callable[[], T]) -> T:
        """Return the value, from `read` where the last one is too old."""
        now = self._clock()
        if self._kept is None or now - self._kept[0] > KEPT_S:
            self._kept = now, read()
        return self._kept[1]


def read_figures(session: Session) -> Figures:
    """Sum the counters: a row for each campaign, run and process; no table of datasets or results is counted."""
    connection = session.connection()
    sums = connection.execute(_SUMS).one()
    running = int(connection.execute(_COUNT_RUNNING).scalar_one())
    present = ledger.count_present(connection)
    return Figures(int(sums.results), int(sums.compute_ms), running, present.volunteers)


def find_running(session: Session, limit: int = FEATURED_MAX) -> list[int]:
    """Return the ids of listed campaigns that run, newest first: one of them is shown to whoever comes by."""
    return list(session.connection().execute(_LISTED, {"before": campaigns.ID_MAX, "limit": limit}).scalars())


def list_listed(session: Session, before: int = campaigns.ID_MAX) -> Page:
    """Return a page of the listed campaigns that run, of those with an id below `before`."""
    found = session.connection().execute(_LISTED, {"before": before, "limit": PAGE_SIZE + 1}).scalars().all()
    ids = found[:PAGE_SIZE]
    return Page(get_offers(session, ids), ids[-1] if len(found) > PAGE_SIZE else None)


def get_offers(session: Session, campaign_ids: Sequence[int]) -> list[Offer]:
    """Return the offers of these campaigns, newest first, without those that were deleted."""
    query = sa.select(Campaign).options(joinedload(Campaign.schedule), joinedload(Campaign.owner))
    query = query.where(Campaign.id.in_(campaign_ids), ~Campaign.deleted).order_by(Campaign.id.desc())
    overviews = campaigns.get_overviews(session, session.scalars(query).all())
    present = ledger.sum_presence(session.connection(), campaign_ids)
    return [Offer(overview, present[overview.campaign.id]) for overview in overviews]


# Runs: somebody who comes now can help, or will be able to as soon as there is a dataset.
_RUNS = """
    not s.deleted and s.intent = 'running' and s.generation <> 'failed'
    and (s.generation not in ('done', 'full') or s.generated > (
        select coalesce(sum(p.value_count + p.nothing_count + p.failed_count), 0) from progress p
        where p.campaign_id = s.campaign_id and p.run = s.run))
"""
_COUNT_RUNNING = sa.text(f"select count(*) from schedule s where {_RUNS}")
_LISTED = sa.text(
    f"""
    select s.campaign_id from schedule s join campaign c on c.id = s.campaign_id
    where s.campaign_id < :before and c.listed and {_RUNS} order by s.campaign_id desc limit :limit
    """
)
_SUMS = sa.text(
    "select coalesce(sum(value_count), 0) as results, coalesce(sum(compute_ms), 0) as compute_ms from progress"
)
