"""Runs and intents: what owners change, and how hubs hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from app.models import Lease, Schedule
from app.models import Progress as ProgressRow
from app.records import Progress, ScheduleView
from app.states import Generation, Intent


def open_schedule(connection: sa.Connection, campaign_id: int) -> None:
    """Start the first run of a new campaign, its generation waiting."""
    connection.execute(sa.insert(Schedule).values(campaign_id=campaign_id))


def set_intent(connection: sa.Connection, campaign_id: int, intent: Intent, reason: str | None = None) -> None:
    """Pause or resume a campaign. Resuming forgets why it was paused."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id)
    connection.execute(update.values(intent=intent, pause_reason=reason))


def close_schedule(connection: sa.Connection, campaign_id: int) -> None:
    """Stop serving a deleted campaign."""
    connection.execute(sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(deleted=True))


def reset(connection: sa.Connection, campaign_id: int) -> None:
    """Begin a new run: every dataset is pending again, and the results of the old run are gone."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id).values(run=Schedule.run + 1, cursor=0)
    run = connection.execute(update.returning(Schedule.run)).scalar_one()
    connection.execute(sa.delete(Lease).where(Lease.campaign_id == campaign_id, Lease.run < run))


def renew_kernel(connection: sa.Connection, campaign_id: int) -> int:
    """Say that volunteers are to be given something new (kernel, static dataset, how they run), and return its version.

    To be called in the transaction that writes the same number and the new sources into the campaign's row, so that who
    reads the version here finds nothing older there.
    """
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id)
    newer = update.values(kernel_version=Schedule.kernel_version + 1).returning(Schedule.kernel_version)
    return connection.execute(newer).scalar_one()


def reopen_schedule(connection: sa.Connection, campaign_id: int) -> None:
    """Bring a deleted campaign's schedule back, paused: its owner says when volunteers get it again."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id)
    connection.execute(update.values(deleted=False, intent=Intent.PAUSED, pause_reason=None))


def find_views(connection: sa.Connection, campaign_ids: Sequence[int]) -> list[ScheduleView]:
    """Read schedules with their progress in one query; the change channel between processes."""
    return [_view(row) for row in connection.execute(_VIEWS, {"ids": list(campaign_ids)})]


_VIEWS = sa.text(
    """
    select s.campaign_id, s.run, s.kernel_version, s.generation, s.intent, s.generated, s.deleted,
           (select coalesce(sum(p.value_count + p.nothing_count + p.failed_count), 0) from progress p
            where p.campaign_id = s.campaign_id and p.run = s.run) as done
    from schedule s where s.campaign_id in :ids
    """
).bindparams(sa.bindparam("ids", expanding=True))


def _view(row: sa.Row[tuple[object, ...]]) -> ScheduleView:
    return ScheduleView(
        campaign_id=row.campaign_id,
        run=row.run,
        kernel_version=row.kernel_version,
        generation=Generation(row.generation),
        intent=Intent(row.intent),
        generated=row.generated,
        done=int(row.done),
        deleted=bool(row.deleted),
    )


def find_offers(connection: sa.Connection, limit: int = 1000) -> dict[int, int]:
    """Return listed campaigns with datasets that nobody holds, and how many: what a volunteer for any may be given.

    Of those that were handed out and given back, only the ranges are counted: some may have their result already. A
    campaign that is done is not among them, though a range be left over that nobody comes for any more.
    """
    return {row.campaign_id: int(row.pending) for row in connection.execute(_OFFERS, {"limit": limit})}


_OFFERS = sa.text(
    """
    select * from (
        select s.campaign_id, s.generated - s.cursor
               + (select coalesce(sum(l.high - l.low), 0) from lease l
                  where l.campaign_id = s.campaign_id and l.run = s.run and l.process is null) as pending,
               s.run, s.generation, s.generated
        from schedule s join campaign c on c.id = s.campaign_id
        where not s.deleted and c.listed and s.intent = 'running' and s.generation <> 'failed') offer
    where pending > 0 and (generation not in ('done', 'full') or generated > (
        select coalesce(sum(p.value_count + p.nothing_count + p.failed_count), 0) from progress p
        where p.campaign_id = offer.campaign_id and p.run = offer.run))
    order by campaign_id desc limit :limit
    """
)


def sum_progress(connection: sa.Connection, runs: Iterable[tuple[int, int]]) -> dict[int, Progress]:
    """Return each campaign's counters, for (campaign, run) pairs: a handful of rows each, no table is counted."""
    wanted = list(runs)
    columns = (ProgressRow.value_count, ProgressRow.nothing_count, ProgressRow.failed_count)
    sums = [sa.func.sum(column) for column in (*columns, ProgressRow.compute_ms, ProgressRow.result_bytes)]
    query = (
        sa.select(ProgressRow.campaign_id, *sums)
        .where(sa.tuple_(ProgressRow.campaign_id, ProgressRow.run).in_(wanted))
        .group_by(ProgressRow.campaign_id)
    )
    found = {row[0]: Progress(*(int(value) for value in row[1:])) for row in connection.execute(query)}
    return {campaign_id: found.get(campaign_id, Progress()) for campaign_id, _run in wanted}


def pause_unloadable(connection: sa.Connection, campaign_id: int, run: int, kernel_version: int) -> bool:
    """Pause a campaign whose kernel three volunteers could not load and nobody could; say whether it was paused."""
    key = {"campaign": campaign_id, "run": run, "version": kernel_version, "volunteers": VOLUNTEERS_THAT_CONDEMN}
    reason = connection.execute(_UNLOADABLE, key).scalar_one_or_none()
    if reason is None:
        return False
    set_intent(connection, campaign_id, Intent.PAUSED, f"The kernel does not load: {reason}")
    return True


VOLUNTEERS_THAT_CONDEMN = 3
_UNLOADABLE = sa.text(
    """
    select max(e.name || ': ' || e.message) from kernel_error e
    where e.campaign_id = :campaign and e.run = :run and e.kernel_version = :version and e.position is null
      and not exists (select 1 from result r where r.campaign_id = :campaign and r.run = :run
                      and r.kernel_version = :version and r.kind <> 2)
    having count(distinct e.volunteer_id) >= :volunteers
    """
)
