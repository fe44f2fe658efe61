"""Storing what volunteers computed: one transaction for everything that arrived while the last one committed."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from app.ledger.leases import drop_lease
from app.ledger.schedules import pause_unloadable
from app.models import KernelError
from app.records import Failure, Outcome, Stored, Visitor
from app.states import ResultKind

# SQLite takes at most 32,766 parameters in one statement; an outcome has nine.
ROWS_PER_INSERT = 1000
BYTES_PER_INSERT = 32 << 20
COLUMNS = "campaign_id, run, position, kind, data, date_added, compute_ms, volunteer_id, kernel_version"
COUNTERS = {ResultKind.VALUE: "value_count", ResultKind.NOTHING: "nothing_count", ResultKind.FAILED: "failed_count"}

Key = tuple[int, int, int]  # campaign, run, position


@dataclasses.dataclass(slots=True)
class Batch:
    """Everything that one transaction stores."""

    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    failures: list[Failure] = dataclasses.field(default_factory=list)
    visitors: dict[int, Visitor] = dataclasses.field(default_factory=dict)
    finished_blocks: list[Key] = dataclasses.field(default_factory=list)  # campaign, run, low

    def __bool__(self) -> bool:
        return bool(self.outcomes or self.failures or self.finished_blocks)


def store(connection: sa.Connection, process: int, batch: Batch, now_ms: int) -> Stored:
    """Store a batch and move this process' counters by what was really new (D3: the first one committed wins)."""
    new = _insert_outcomes(connection, batch.outcomes, now_ms)
    _count(connection, process, new)
    for key in batch.finished_blocks:
        drop_lease(connection, *key)
    _insert_failures(connection, batch.failures, now_ms)
    _insert_visitors(connection, list(batch.visitors.values()), now_ms)
    return Stored(new=len(new), duplicates=len(batch.outcomes) - len(new))


def _insert_outcomes(connection: sa.Connection, outcomes: Sequence[Outcome], now_ms: int) -> list[Outcome]:
    # Sorted, so that two processes take the same rows' locks in the same order.
    rows = sorted(outcomes, key=_key)
    insert = _insert_sqlite if connection.dialect.name == "sqlite" else _insert_postgresql
    inserted: set[Key] = set()
    for statement in _cut(rows):
        inserted.update(insert(connection, statement, now_ms))
    new = []
    for row in rows:
        if _key(row) in inserted:
            inserted.remove(_key(row))  # a second one for the same position in this batch is a duplicate
            new.append(row)
    return new


def _cut(rows: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    statement: list[Outcome] = []
    size = 0
    for row in rows:
        size += len(row.data or b"")
        if statement and (len(statement) == ROWS_PER_INSERT or size > BYTES_PER_INSERT):
            yield statement
            statement, size = [], len(row.data or b"")
        statement.append(row)
    if statement:
        yield statement


def _key(outcome: Outcome) -> Key:
    return outcome.campaign_id, outcome.run, outcome.position


def _values(outcome: Outcome, now_ms: int) -> tuple[object, ...]:
    return (
        outcome.campaign_id,
        outcome.run,
        outcome.position,
        int(outcome.kind),
        outcome.data,
        now_ms,
        outcome.compute_ms,
        outcome.volunteer_id,
        outcome.kernel_version,
    )


def _insert_sqlite(connection: sa.Connection, rows: Sequence[Outcome], now_ms: int) -> Iterator[Key]:
    # One statement of many rows: executemany hands the interpreter lock over at every row, which beside a busy hub
    # costs fifteen times as much.
    values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
    parameters = tuple(value for row in rows for value in _values(row, now_ms))
    found = connection.exec_driver_sql(
        f"insert into result ({COLUMNS}) values {values}"
        " on conflict (campaign_id, run, position) do nothing returning campaign_id, run, position",
        parameters,
    )
    return (tuple(row) for row in found)


def _insert_postgresql(connection: sa.Connection, rows: Sequence[Outcome], now_ms: int) -> Iterator[Key]:
    columns = tuple(list(column) for column in zip(*(_values(row, now_ms) for row in rows), strict=True))
    found = connection.exec_driver_sql(
        f"insert into result ({COLUMNS}) select * from unnest(%s::int[], %s::int[], %s::int[], %s::smallint[],"
        " %s::bytea[], %s::bigint[], %s::int[], %s::bigint[], %s::int[])"
        " on conflict (campaign_id, run, position) do nothing returning campaign_id, run, position",
        columns,
    )
    return (tuple(row) for row in found)


def _count(connection: sa.Connection, process: int, new: Sequence[Outcome]) -> None:
    sums: dict[tuple[int, int], Counter[str]] = {}
    for outcome in new:
        counter = sums.setdefault((outcome.campaign_id, outcome.run), Counter())
        counter[COUNTERS[outcome.kind]] += 1
        counter["compute_ms"] += outcome.compute_ms
        counter["result_bytes"] += len(outcome.data or b"")
    for (campaign_id, run), counter in sorted(sums.items()):
        connection.execute(_COUNT, {**_ZEROES, **counter, "campaign": campaign_id, "run": run, "process": process})


_ZEROES = {"value_count": 0, "nothing_count": 0, "failed_count": 0, "compute_ms": 0, "result_bytes": 0}
_COUNT = sa.text(
    """
    insert into progress (campaign_id, run, process, value_count, nothing_count, failed_count, compute_ms, result_bytes)
    values (:campaign, :run, :process, :value_count, :nothing_count, :failed_count, :compute_ms, :result_bytes)
    on conflict (campaign_id, run, process) do update set
        value_count = progress.value_count + excluded.value_count,
        nothing_count = progress.nothing_count + excluded.nothing_count,
        failed_count = progress.failed_count + excluded.failed_count,
        compute_ms = progress.compute_ms + excluded.compute_ms,
        result_bytes = progress.result_bytes + excluded.result_bytes
    """
)


def _insert_failures(connection: sa.Connection, failures: Sequence[Failure], now_ms: int) -> None:
    if failures:
        added = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        rows = [{**dataclasses.asdict(failure), "date_added": added} for failure in failures]
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
