"""Failed datasets that their owner wants tried again: the one way back from an outcome to pending within a run.

A position below the cursor is in one lease row or has an outcome, and no two lease rows overlap: that is D8 as far as
this database knows it. A retry deletes a FAILED row, so it must leave its position in exactly one lease row:

- No row covers it: its block is over. It gets a free row, together with its neighbours among the retried. Such a row
  may stretch over positions between them: these have outcomes, and whoever takes the row leaves them out.
- A free row covers it: whoever takes that row finds the position pending.
- A row that a process holds covers it: that process knows the dataset as answered, and hands it out no more. A row of
  its own would overlap (and have its key, where the dataset is the block's first), so that the holder's death would
  put the dataset in two places. It waits for the block's end instead: when the holder gives the range back or dies, the
  position is pending like the others; when the holder finishes it, `drop_lease` frees the row and does not drop it. The
  wait is what is left of a block: seconds as a rule, and no longer than the others in it take to have their outcome.

Rows that a retry made or found are marked `reopened`: only they are looked at before they are dropped. The mark stays,
as a process that was declared dead may still end a block that others hold by now, by what it knew before the retry.
The locks come in the order schedule, result, lease, kernel_error, progress. The schedule's keeps `take_block`, `reset`
and other retries out; leases may meanwhile be dropped or freed, which is why they are read after the results are gone.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby

import sqlalchemy as sa

from app.ledger.sql import for_update, now_ms

STEP = 200  # datasets in one transaction: on SQLite the others wait meanwhile
RANGE_DATASETS = 64  # in one new lease row, so that several processes share what is retried
RANGE_SPAN = 1024  # positions that whoever takes the row looks through
RANGE_BYTES = 1 << 20  # of datasets by their average: the row is handed out whole


@dataclasses.dataclass(frozen=True, slots=True)
class Retried:
    """How many datasets a step made pending, and behind which position the next step begins; None: it was the last."""

    count: int
    after: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Range:
    """A lease row: positions from low up to, not including, high."""

    low: int
    high: int


def retry(
    connection: sa.Connection, campaign_id: int, run: int, positions: Sequence[int] | None = None, after: int = -1
) -> Retried:
    """Make failed datasets pending again, their attempts starting anew: one step, of STEP datasets at most.

    A position that has not failed is passed over, so that a second press of a button changes nothing. Nothing happens
    when the run is over. Steps go upwards, so that a dataset that fails again meanwhile is not retried twice.

    Args:
        positions: which ones; None: every one.
        after: only those behind this position.
    """
    key = {"campaign": campaign_id, "run": run}
    schedule = connection.execute(sa.text(_READ_SCHEDULE + for_update(connection)), key).one_or_none()
    if schedule is None:
        return Retried(0)
    chosen = _find_failed(connection, key, after) if positions is None else _cut_step(positions, after)
    gone = connection.execute(_DELETE_FAILED, {**key, "positions": chosen}).all() if chosen else []
    if gone:
        failed = sorted(row.position for row in gone)
        most = RANGE_BYTES * schedule.generated // max(1, schedule.generated_bytes)
        _make_pending(connection, key, failed, max(1, min(RANGE_DATASETS, most)))
        connection.execute(_forget_attempts(connection), {**key, "positions": failed})
        # The row of the processes that ended may go below zero: only the sum of a run's rows is ever read.
        connection.execute(_TAKE_OFF, {**key, "failed": -len(gone), "compute_ms": -sum(row.compute_ms for row in gone)})
    return Retried(len(gone), chosen[-1] if len(chosen) == STEP else None)


def _find_failed(connection: sa.Connection, key: dict[str, int], after: int) -> list[int]:
    return list(connection.execute(_FIND_FAILED, {**key, "after": after, "step": STEP}).scalars())


def _cut_step(positions: Sequence[int], after: int) -> list[int]:
    return sorted({position for position in positions if position > after})[:STEP]


def _make_pending(connection: sa.Connection, key: dict[str, int], positions: Sequence[int], most: int) -> None:
    query = sa.text(_FIND_LEASES + for_update(connection))
    found = connection.execute(query, {**key, "first": positions[0], "last": positions[-1]})
    leases = [Range(row.low, row.high) for row in found]
    covering = {lease.low for position in positions if (lease := _find_covering(leases, position))}
    if covering:
        connection.execute(_REOPEN, {**key, "lows": sorted(covering)})
    free = [position for position in positions if _find_covering(leases, position) is None]
    if rows := [{**key, "low": new.low, "high": new.high} for new in _cut_ranges(free, leases, most)]:
        connection.execute(_ADD_FREE, rows)


def _find_covering(leases: Sequence[Range], position: int) -> Range | None:
    place = bisect_right(leases, position, key=lambda lease: lease.low)
    return leases[place - 1] if place and position < leases[place - 1].high else None


def _cut_ranges(positions: Sequence[int], leases: Sequence[Range], most: int) -> Iterator[Range]:
    """Join positions to ranges of `most` of them, over no lease and not too far apart."""
    for _gap, group in groupby(positions, lambda position: bisect_right(leases, position, key=lambda lease: lease.low)):
        members: list[int] = []
        for position in group:
            if members and (len(members) == most or position - members[0] >= RANGE_SPAN):
                yield Range(members[0], members[-1] + 1)
                members = []
            members.append(position)
        yield Range(members[0], members[-1] + 1)


_READ_SCHEDULE = (
    "select generated, generated_bytes from schedule where campaign_id = :campaign and run = :run and not deleted"
)
_FIND_FAILED = sa.text(
    # The kind stands there in full, since a parameter would keep the partial index from being used.
    "select position from result where campaign_id = :campaign and run = :run and kind = 2 and position > :after"
    " order by position limit :step"
)
_DELETE_FAILED = sa.text(
    "delete from result where campaign_id = :campaign and run = :run and position in :positions and kind = 2"
    " returning position, compute_ms"
).bindparams(sa.bindparam("positions", expanding=True))
_FIND_LEASES = """
    select low, high from lease
    where campaign_id = :campaign and run = :run and low <= :last
      and low >= coalesce((select max(l.low) from lease l
                           where l.campaign_id = :campaign and l.run = :run and l.low <= :first), :first)
    order by low
    """
_REOPEN = sa.text(
    "update lease set reopened = true where campaign_id = :campaign and run = :run and low in :lows"
).bindparams(sa.bindparam("lows", expanding=True))
_ADD_FREE = sa.text(
    "insert into lease (campaign_id, run, low, high, reopened) values (:campaign, :run, :low, :high, true)"
)
_TAKE_OFF = sa.text(
    """
    insert into progress (campaign_id, run, process, value_count, nothing_count, failed_count, compute_ms, result_bytes)
    values (:campaign, :run, 0, 0, 0, :failed, :compute_ms, 0)
    on conflict (campaign_id, run, process) do update set
        failed_count = progress.failed_count + excluded.failed_count,
        compute_ms = progress.compute_ms + excluded.compute_ms
    """
)


def _forget_attempts(connection: sa.Connection) -> sa.TextClause:
    return sa.text(
        f"update kernel_error set retried_at = {now_ms(connection)} where campaign_id = :campaign and run = :run"
        " and position in :positions and retried_at is null"
    ).bindparams(sa.bindparam("positions", expanding=True))
