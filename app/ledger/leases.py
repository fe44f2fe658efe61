"""Ranges of positions: which process may hand out what."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from app.models import Lease
from app.records import Block


@dataclasses.dataclass(frozen=True, slots=True)
class Appetite:
    """How much a process asks for.

    Args:
        datasets: what it would like, at least 1.
        max_bytes: the most that it will hold, judged by the campaign's average dataset.
        processes: live socket processes, among which the rest of a campaign is shared.
    """

    datasets: int
    max_bytes: int
    processes: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """How far a run has been handed to processes, of how much."""

    position: int
    generated: int
    generated_bytes: int


def take_block(connection: sa.Connection, process: int, campaign_id: int, run: int, appetite: Appetite) -> Block | None:
    """Lease pending positions of a run: those that somebody gave back first, then fresh ones.

    None: there are none now, the run is over, the campaign is paused or gone, or this process was declared dead, so
    that nobody would ever free what it took. The rows are locked in the order process, schedule, lease everywhere.
    """
    if not _is_alive(connection, process) or (cursor := _lock_schedule(connection, campaign_id, run)) is None:
        return None
    while (free := _claim_free(connection, process, campaign_id, run)) is not None:
        block = Block(campaign_id, run, *free, datasets=_read_pending(connection, campaign_id, run, *free))
        if block.datasets:
            return block
        drop_lease(connection, campaign_id, run, free[0])  # its last results came while it was free
    return _take_fresh(connection, process, campaign_id, run, cursor, appetite)


def _is_alive(connection: sa.Connection, process: int) -> bool:
    return connection.execute(_READ_PROCESS[connection.dialect.name], {"process": process}).first() is not None


def _lock_schedule(connection: sa.Connection, campaign_id: int, run: int) -> Cursor | None:
    key = {"campaign": campaign_id, "run": run}
    row = connection.execute(_READ_CURSOR[connection.dialect.name], key).one_or_none()
    return None if row is None else Cursor(row.cursor, row.generated, row.generated_bytes)


def drop_lease(connection: sa.Connection, campaign_id: int, run: int, low: int) -> None:
    """Take a range's row away, whose positions all have their outcome; free it where a retry took some of them back."""
    key = {"campaign": campaign_id, "run": run, "low": low}
    if connection.execute(_DROP, key).rowcount == 0 and connection.execute(_FREE_REOPENED, key).rowcount == 1:
        connection.execute(_DROP_REOPENED, key)


def release(connection: sa.Connection, process: int, campaign_id: int, run: int, lows: Sequence[int]) -> None:
    """Make some ranges of a process pending again, by their low ends."""
    update = sa.update(Lease).where(Lease.campaign_id == campaign_id, Lease.run == run, Lease.process == process)
    connection.execute(update.where(Lease.low.in_(lows)).values(process=None))


def release_unknown(
    connection: sa.Connection, process: int, campaign_id: int, run: int, known_lows: Sequence[int]
) -> None:
    """Make the ranges of a process pending again that it does not know it holds."""
    update = sa.update(Lease).where(Lease.campaign_id == campaign_id, Lease.run == run, Lease.process == process)
    connection.execute(update.where(Lease.low.not_in(known_lows)).values(process=None))


def free_leases(connection: sa.Connection, process: int | None = None) -> None:
    """Make the ranges of a process, or of all of them, pending again."""
    update = sa.update(Lease).where(Lease.process.is_not(None) if process is None else Lease.process == process)
    connection.execute(update.values(process=None))


def _claim_free(connection: sa.Connection, process: int, campaign_id: int, run: int) -> tuple[int, int] | None:
    key = {"campaign": campaign_id, "run": run}
    found = connection.execute(_FIND_FREE[connection.dialect.name], key).one_or_none()
    if found is None:
        return None
    connection.execute(_CLAIM, {**key, "low": found.low, "process": process})
    return found.low, found.high


def _take_fresh(
    connection: sa.Connection, process: int, campaign_id: int, run: int, cursor: Cursor, appetite: Appetite
) -> Block | None:
    remaining = cursor.generated - cursor.position
    if remaining <= 0:
        return None
    size = _block_size(remaining, cursor.generated_bytes / cursor.generated, appetite)
    low, high = cursor.position, cursor.position + size
    key = {"campaign": campaign_id, "run": run}
    connection.execute(_MOVE_CURSOR, {**key, "cursor": high})
    connection.execute(_ADD_LEASE, {**key, "low": low, "high": high, "process": process})
    datasets = connection.execute(_READ_RANGE, {"campaign": campaign_id, "low": low, "high": high})
    return Block(campaign_id, run, low, high, [tuple(row) for row in datasets.all()])


def _block_size(remaining: int, average_bytes: float, appetite: Appetite) -> int:
    # Shared among the live processes by half at a time, so that none of them ends up holding the tail.
    fair = -(-remaining // (2 * max(1, appetite.processes))) if appetite.processes > 1 else remaining
    affordable = int(appetite.max_bytes / max(1.0, average_bytes))
    return max(1, min(appetite.datasets, remaining, fair, affordable))


def _read_pending(
    connection: sa.Connection, campaign_id: int, run: int, low: int, high: int
) -> list[tuple[int, bytes, int]]:
    rows = connection.execute(_READ_PENDING, {"campaign": campaign_id, "run": run, "low": low, "high": high})
    return [(row.position, row.data, row.attempts) for row in rows]


def find_held_elsewhere(
    connection: sa.Connection, process: int, campaign_id: int, run: int, count: int
) -> list[tuple[int, bytes, int]]:
    """Return (position, data, attempts) of the first datasets that other processes hold without a result (D7)."""
    key = {"campaign": campaign_id, "run": run, "process": process}
    ranges = connection.execute(_FIND_ELSEWHERE, {**key, "count": RANGES_SCANNED}).all()
    found: list[tuple[int, bytes, int]] = []
    for low, high in ranges:
        found += _read_pending(connection, campaign_id, run, low, high)[: count - len(found)]
        if len(found) >= count:
            break
    return found


RANGES_SCANNED = 64
_FIND_ELSEWHERE = sa.text(
    "select low, high from lease where campaign_id = :campaign and run = :run"
    " and process is not null and process <> :process order by low limit :count"
)
_FIND_FREE = {
    dialect: sa.text(
        "select low, high from lease where campaign_id = :campaign and run = :run and process is null"
        " order by low limit 1" + lock
    )
    for dialect, lock in (("sqlite", ""), ("postgresql", " for update skip locked"))
}
_CLAIM = sa.text("update lease set process = :process where campaign_id = :campaign and run = :run and low = :low")
_READ_PROCESS = {
    dialect: sa.text("select 1 from process where id = :process" + lock)
    for dialect, lock in (("sqlite", ""), ("postgresql", " for key share"))
}
_READ_CURSOR = {
    dialect: sa.text(
        "select cursor, generated, generated_bytes from schedule where campaign_id = :campaign and run = :run"
        " and intent = 'running' and not deleted and generation <> 'failed'" + lock
    )
    for dialect, lock in (("sqlite", ""), ("postgresql", " for update"))
}
_MOVE_CURSOR = sa.text("update schedule set cursor = :cursor where campaign_id = :campaign and run = :run")
_ADD_LEASE = sa.text(
    "insert into lease (campaign_id, run, low, high, process) values (:campaign, :run, :low, :high, :process)"
)
_READ_RANGE = sa.text(
    "select position, data, 0 from dataset where campaign_id = :campaign and position >= :low and position < :high"
    " order by position"
)
_READ_PENDING = sa.text(
    """
    select d.position, d.data,
           (select count(*) from kernel_error e
            where e.campaign_id = :campaign and e.run = :run and e.position = d.position
              and e.retried_at is null
              and e.kernel_version = (select s.kernel_version from schedule s
                                      where s.campaign_id = :campaign)) as attempts
    from dataset d
    where d.campaign_id = :campaign and d.position >= :low and d.position < :high
      and not exists (select 1 from result r
                      where r.campaign_id = :campaign and r.run = :run and r.position = d.position)
    order by d.position
    """
)
_DROP = sa.text("delete from lease where campaign_id = :campaign and run = :run and low = :low and not reopened")
# Whoever ends a reopened block may not know that a dataset in it is pending again (see failures.py), so it is looked
# at; freed first, which waits for a retry that has this row, so that the look comes after its commit and sees it.
_FREE_REOPENED = sa.text(
    "update lease set process = null where campaign_id = :campaign and run = :run and low = :low and reopened"
)
_DROP_REOPENED = sa.text(
    """
    delete from lease
    where campaign_id = :campaign and run = :run and low = :low
      and not exists (select 1 from dataset d
                      where d.campaign_id = :campaign and d.position >= lease.low and d.position < lease.high
                        and not exists (select 1 from result r
                                        where r.campaign_id = :campaign and r.run = :run and r.position = d.position))
    """
)
