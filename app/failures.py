"""Failed datasets as their owner sees them: which ones, for what reasons, and made pending again.

Nothing here counts a table: the failures are found by an index that holds them alone, a page at a time, and the reasons
are those of REASONS_FROM of them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, results
from app.ledger import Retried
from app.models import Campaign, Dataset, KernelError, Result, Volunteer
from app.states import ResultKind

PAGE_ROWS = 50
REASONS_FROM = 1000
REASONS_SHOWN = 8
MESSAGE_CHARS = 500
STACK_CHARS = 4000
VANISHED = "VolunteersVanished"  # what the dispatcher calls it when a dataset's volunteers are gone again and again
# The kind stands there in full: with a parameter the databases do not see that the index of failures fits.
IS_FAILED = Result.kind == sa.literal_column(str(int(ResultKind.FAILED)))


@dataclasses.dataclass(frozen=True, slots=True)
class Cause:
    """Equal errors of one dataset since it was last retried: the newest one's stack, and who met them."""

    name: str
    message: str
    stack: str
    count: int
    devices: Sequence[str]  # names as volunteers give them; none for those that gave no name


@dataclasses.dataclass(frozen=True, slots=True)
class FailedDataset:
    """One dataset that failed. `dataset` is the first bytes of what its generator made."""

    position: int
    dataset: bytes
    failed_at: dt.datetime
    causes: Sequence[Cause]
    earlier: int  # errors before it was retried, which do not count any more

    @property
    def attempts(self) -> int:
        """Tries that ended in an error since it was last retried; volunteers who vanished had no time for one."""
        return sum(cause.count for cause in self.causes if cause.name != VANISHED)


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some failed datasets in order, and the keys of the pages around; None: there is no such page, -1: the first."""

    rows: Sequence[FailedDataset]
    previous: int | None
    next: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """An error with the number of datasets that met it."""

    name: str
    message: str
    datasets: int


@dataclasses.dataclass(frozen=True, slots=True)
class Reasons:
    """The most frequent errors among some failed datasets; `others` counts the errors left out."""

    shown: Sequence[Reason]
    others: int


def list_failures(session: Session, campaign: Campaign, after: int = -1, limit: int = PAGE_ROWS) -> Page:
    """Return the failed datasets of the current run behind a position."""
    query = _select_positions(campaign).where(Result.position > after).order_by(Result.position)
    positions: Sequence[int] = session.scalars(query.limit(limit + 1)).all()
    following = positions[limit - 1] if len(positions) > limit else None
    rows = _describe(session, campaign, positions[:limit])
    return Page(rows, _find_previous(session, campaign, after, limit), following)


def _find_previous(session: Session, campaign: Campaign, after: int, limit: int) -> int | None:
    query = _select_positions(campaign).where(Result.position <= after).order_by(Result.position.desc())
    before: Sequence[int] = session.scalars(query.limit(limit + 1)).all()
    if not before:
        return None
    return before[limit] if len(before) > limit else -1


def _select_positions(campaign: Campaign) -> sa.Select[Any]:
    run = campaign.schedule.run
    return sa.select(Result.position).where(Result.campaign_id == campaign.id, Result.run == run, IS_FAILED)


def _describe(session: Session, campaign: Campaign, positions: Sequence[int]) -> list[FailedDataset]:
    same = sa.and_(Dataset.campaign_id == Result.campaign_id, Dataset.position == Result.position)
    beginning = sa.func.substr(Dataset.data, 1, results.CELL_BYTES, type_=sa.LargeBinary)
    query = sa.select(Result.position, beginning.label("data"), Result.date_added).join(Dataset, same)
    run = campaign.schedule.run
    of_these = query.where(Result.campaign_id == campaign.id, Result.run == run, Result.position.in_(positions))
    causes, earlier = _read_causes(session, campaign, positions), _count_earlier(session, campaign, positions)
    return [
        FailedDataset(
            row.position, row.data, row.date_added, causes.get(row.position, []), earlier.get(row.position, 0)
        )
        for row in session.execute(of_these.order_by(Result.position))
    ]


def _read_causes(session: Session, campaign: Campaign, positions: Sequence[int]) -> dict[int, list[Cause]]:
    columns = (
        KernelError.position,
        KernelError.name,
        sa.func.substr(KernelError.message, 1, MESSAGE_CHARS).label("message"),
        sa.func.substr(KernelError.stack, 1, STACK_CHARS).label("stack"),
        Volunteer.device,
    )
    query = sa.select(*columns).outerjoin(Volunteer, Volunteer.id == KernelError.volunteer_id)
    current = query.where(*_errors_of(campaign, positions), KernelError.retried_at.is_(None))
    found: dict[int, dict[tuple[str, str], list[sa.Row[Any]]]] = {}
    for row in session.execute(current.order_by(KernelError.id.desc())):
        found.setdefault(row.position, {}).setdefault((row.name, row.message), []).append(row)
    return {position: [_make_cause(rows) for rows in groups.values()] for position, groups in found.items()}


def _make_cause(rows: Sequence[sa.Row[Any]]) -> Cause:
    newest = rows[0]
    devices = dict.fromkeys(row.device for row in rows if row.device)
    return Cause(newest.name, newest.message, newest.stack, len(rows), list(devices))


def _count_earlier(session: Session, campaign: Campaign, positions: Sequence[int]) -> dict[int, int]:
    query = sa.select(KernelError.position, sa.func.count()).group_by(KernelError.position)
    earlier = query.where(*_errors_of(campaign, positions), KernelError.retried_at.is_not(None))
    return {position: count for position, count in session.execute(earlier) if position is not None}


def _errors_of(campaign: Campaign, positions: Iterable[int]) -> tuple[sa.ColumnElement[bool], ...]:
    run = campaign.schedule.run
    return KernelError.campaign_id == campaign.id, KernelError.run == run, KernelError.position.in_(positions)


def list_reasons(session: Session, campaign: Campaign) -> Reasons:
    """Return the errors of the last REASONS_FROM failed datasets, those first that most datasets met."""
    # Two queries: in one, PostgreSQL without fresh statistics goes through every error of the run.
    last = session.scalars(_select_positions(campaign).order_by(Result.position.desc()).limit(REASONS_FROM)).all()
    message = sa.func.substr(KernelError.message, 1, MESSAGE_CHARS)
    datasets = sa.func.count(KernelError.position.distinct())
    groups = (
        sa.select(KernelError.name, message, datasets, sa.func.count().over())
        .where(*_errors_of(campaign, last), KernelError.retried_at.is_(None))
        .group_by(KernelError.name, message)
        .order_by(datasets.desc(), KernelError.name, message)
    )
    rows = session.execute(groups.limit(REASONS_SHOWN)).all()
    shown = [Reason(*row[:3]) for row in rows]
    return Reasons(shown, rows[0][3] - len(shown) if rows else 0)


def retry_step(session: Session, campaign_id: int, run: int, positions: Sequence[int] | None, after: int) -> Retried:
    """Make some failed datasets of a run pending again; the caller has found the campaign to be the viewer's own.

    None for `positions` means every one. To be called again, behind `Retried.after`, until that is None.
    """
    return ledger.retry(session.connection(), campaign_id, run, positions, after)
