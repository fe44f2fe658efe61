"""Storing what volunteers computed: one transaction for everything that arrived while the last one committed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
import operator
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from app.database import run_by_driver
from app.ledger.leases import drop_lease
from app.ledger.schedules import pause_unloadable
from app.models import KernelError
from app.records import Failure, Outcome, Stored, Visitor
from app.states import ResultKind

# SQLite keeps the statements that it has seen; so a batch is stored by few different ones, of these many rows.
SQLITE_ROWS = (64, 16, 4, 1)
# One PostgreSQL message holds less than a gigabyte.
ROWS_PER_INSERT = 10_000
BYTES_PER_INSERT = 32 << 20
# As in a row of Outcome, and at the end the date.
COLUMNS = "campaign_id, run, position, kind, data, compute_ms, volunteer_id, kernel_version, date_added"
COUNTERS = "value_count, nothing_count, failed_count, compute_ms, result_bytes"

VALUE, NOTHING, FAILED = ResultKind.VALUE.value, ResultKind.NOTHING.value, ResultKind.FAILED.value

Key = tuple[int, int, int]  # campaign, run, position
_key = operator.itemgetter(0, 1, 2)
_run = operator.itemgetter(0, 1)


@dataclasses.dataclass(slots=True)
class Batch:
    """Everything that one transaction stores."""

    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    visitors: dict[int, Visitor] = dataclasses.field(default_factory=dict)
    finished_blocks: list[Key] = dataclasses.field(default_factory=list)  # campaign, run, low
    may_be_stored: bool = False  # it was sent before, at the same moment, and nobody said whether it was committed

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.failures or self.finished_blocks or self.visitors)

    @property
    def is_plain(self) -> bool:
        """Whether PostgreSQL stores it by one statement."""
        few = 0 < len(self.outcomes) <= ROWS_PER_INSERT
        return few and not (self.failures or self.visitors or self.finished_blocks)


def store(connection: sa.Connection, process: int, batch: Batch, now_ms: int) -> Stored:
    """Store a batch and move this process' counters by what was really new (D3: the first one committed wins)."""
    # Sorted, so that two processes take the same rows' locks in the same order.
    rows = sorted(batch.outcomes, key=_key)
    insert = _store_sqlite if connection.dialect.name == "sqlite" else _store_postgresql
    new = insert(connection, process, rows, now_ms)
    for key in batch.finished_blocks:
        drop_lease(connection, *key)
    failures = _find_missing(connection, batch.failures, now_ms) if batch.may_be_stored else batch.failures
    _insert_failures(connection, failures, now_ms)
    _insert_visitors(connection, list(batch.visitors.values()), now_ms)
    return Stored(new=new, duplicates=len(rows) - new)


def _store_sqlite(connection: sa.Connection, process: int, rows: Sequence[Outcome], now_ms: int) -> int:
    inserted: list[tuple[int, ...]] = []
    for some in _cut_by_rows(rows):
        # One statement of many rows: executemany hands the interpreter lock over at every row, which beside a busy hub
        # costs fifteen times as much.
        parameters = (now_ms, *itertools.chain.from_iterable(some))
        inserted += run_by_driver(connection, _sqlite_insert(len(some)), parameters)
    new = rows if len(inserted) == len(rows) else _keep_first(rows, set(inserted))
    for run, outcomes in itertools.groupby(new, key=_run):
        run_by_driver(connection, _COUNT, (*run, process, *_sum_up(list(outcomes))))
    return len(new)


def _cut_by_rows(rows: Sequence[Outcome]) -> Iterator[Sequence[Outcome]]:
    start = 0
    for size in SQLITE_ROWS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


@functools.cache
def _sqlite_insert(rows: int) -> str:
    per_row = len(Outcome._fields)
    values = ", ".join(
        "(" + ", ".join(f"?{2 + row * per_row + column}" for column in range(per_row)) + ", ?1)" for row in range(rows)
    )
    return (
        f"insert into result ({COLUMNS}) values {values}"
        " on conflict (campaign_id, run, position) do nothing returning campaign_id, run, position"
    )


def _keep_first(rows: Sequence[Outcome], inserted: set[tuple[int, ...]]) -> list[Outcome]:
    new = []
    for row in rows:
        if (key := _key(row)) in inserted:
            inserted.remove(key)  # a second one for the same position in this batch is a duplicate
            new.append(row)
    return new


def _sum_up(outcomes: Sequence[Outcome]) -> tuple[int, ...]:
    """Return what is added to each of COUNTERS."""
    kinds = Counter([outcome.kind for outcome in outcomes])
    compute_ms = sum([outcome.compute_ms for outcome in outcomes])
    result_bytes = sum([len(outcome.data) for outcome in outcomes if outcome.data is not None])
    return kinds[VALUE], kinds[NOTHING], kinds[FAILED], compute_ms, result_bytes


_ADD_UP = """
    on conflict (campaign_id, run, process) do update set
        value_count = progress.value_count + excluded.value_count,
        nothing_count = progress.nothing_count + excluded.nothing_count,
        failed_count = progress.failed_count + excluded.failed_count,
        compute_ms = progress.compute_ms + excluded.compute_ms,
        result_bytes = progress.result_bytes + excluded.result_bytes
"""
_COUNT = f"insert into progress (campaign_id, run, process, {COUNTERS}) values (?, ?, ?, ?, ?, ?, ?, ?) {_ADD_UP}"


def _store_postgresql(connection: sa.Connection, process: int, rows: Sequence[Outcome], now_ms: int) -> int:
    new = 0
    for some in _cut_by_bytes(rows):
        columns = [list(column) for column in zip(*some, strict=True)]
        ((stored,),) = run_by_driver(connection, _STORE_AND_COUNT, (now_ms, *columns, process))
        new += stored
    return new


def _cut_by_bytes(rows: Sequence[Outcome]) -> Iterator[Sequence[Outcome]]:
    start = size = 0
    for end, row in enumerate(rows):
        size += len(row.data or b"")
        if end > start and (end - start == ROWS_PER_INSERT or size > BYTES_PER_INSERT):
            yield rows[start:end]
            start, size = end, len(row.data or b"")
    if start < len(rows):
        yield rows[start:]


# Results and counters in one statement: one way to the database and back. As binary (%b), which takes a third of the
# time that text takes on both sides.
_STORE_AND_COUNT = f"""
    with stored as (
        insert into result ({COLUMNS})
        select *, %b::bigint from unnest(%b::int[], %b::int[], %b::int[], %b::smallint[], %b::bytea[], %b::int[],
                                         %b::bigint[], %b::int[])
        on conflict (campaign_id, run, position) do nothing
        returning campaign_id, run, kind, compute_ms, coalesce(octet_length(data), 0) as bytes
    ), counted as (
        insert into progress (campaign_id, run, process, {COUNTERS})
        select campaign_id, run, %b::bigint, count(*) filter (where kind = 0), count(*) filter (where kind = 1),
               count(*) filter (where kind = 2), sum(compute_ms), sum(bytes)
        from stored group by campaign_id, run order by campaign_id, run
        {_ADD_UP}
    )
    select count(*) from stored
"""


def _find_missing(connection: sa.Connection, failures: Sequence[Failure], now_ms: int) -> list[Failure]:
    """Return the failures that are not there yet: attempts are counted from their rows, so each may be there once."""
    return [failure for failure in failures if not _is_stored(connection, failure, _date(now_ms))]


def _is_stored(connection: sa.Connection, failure: Failure, added: dt.datetime) -> bool:
    position = KernelError.position
    query = sa.select(KernelError.id).where(
        KernelError.campaign_id == failure.campaign_id,
        KernelError.run == failure.run,
        position.is_(None) if failure.position is None else position == failure.position,
        KernelError.volunteer_id == failure.volunteer_id,
        KernelError.date_added == added,
    )
    return connection.execute(query.limit(1)).first() is not None


def _date(now_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)


def _insert_failures(connection: sa.Connection, failures: Sequence[Failure], now_ms: int) -> None:
    if failures:
        rows = [{**dataclasses.asdict(failure), "date_added": _date(now_ms)} for failure in failures]
        connection.execute(sa.insert(KernelError), rows)
    for campaign, run, version in {(f.campaign_id, f.run, f.kernel_version) for f in failures if f.position is None}:
        pause_unloadable(connection, campaign, run, version)


def _insert_visitors(connection: sa.Connection, visitors: Sequence[Visitor], now_ms: int) -> None:
    if visitors:
        rows = [{**dataclasses.asdict(visitor), "now_ms": now_ms} for visitor in visitors]
        connection.execute(_INSERT_VISITOR, rows)


_INSERT_VISITOR = sa.text(
    """
    insert into volunteer (id, device, agent, address_hash, first_seen, last_seen)
    values (:id, :device, :agent, :address_hash, :now_ms, :now_ms)
    on conflict (id) do update set last_seen = excluded.last_seen
    """
)


def forget_old_results(connection: sa.Connection, count: int) -> int:
    """Delete up to `count` results of one run that is over, and return how many they were.

    The counters of a run go when its last result has gone; a result that comes later brings them back, and is found.
    """
    old = connection.execute(_FIND_OLD_RUN).one_or_none()
    if old is None:
        return 0
    key = {"campaign": old.campaign_id, "run": old.run}
    positions = connection.execute(_FIND_OLD_RESULTS, {**key, "count": count}).scalars().all()
    if not positions:
        connection.execute(_FORGET_COUNTERS, key)
        return 1
    connection.execute(_FORGET_RESULTS, {**key, "low": positions[0], "high": positions[-1]})
    return len(positions)


_FIND_OLD_RUN = sa.text(
    """
    select p.campaign_id, p.run from progress p join schedule s on s.campaign_id = p.campaign_id
    where p.run < s.run order by p.campaign_id, p.run limit 1
    """
)
_FIND_OLD_RESULTS = sa.text(
    "select position from result where campaign_id = :campaign and run = :run order by position limit :count"
)
_FORGET_RESULTS = sa.text(
    "delete from result where campaign_id = :campaign and run = :run and position between :low and :high"
)
_FORGET_COUNTERS = sa.text("delete from progress where campaign_id = :campaign and run = :run")
