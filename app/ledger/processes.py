"""Socket and background processes: their signs of life, and what happens to the work of those that give none."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.leases import free_leases
from app.ledger.presence import forget_presence
from app.ledger.sql import for_update, now_ms
from app.models import Process, Schedule
from app.states import Generation


def enter_process(connection: sa.Connection, process: int, kind: str, ttl_s: float) -> None:
    """Write the row of a process that begins its work."""
    connection.execute(
        sa.text(f"insert into process (id, kind, alive_until_ms) values (:id, :kind, {now_ms(connection)} + :ttl)"),
        {"id": process, "kind": kind, "ttl": int(ttl_s * 1000)},
    )


def refresh_process(connection: sa.Connection, process: int, ttl_s: float) -> bool:
    """Give a sign of life; False when this process was declared dead, and must begin anew under another id."""
    row = connection.execute(
        sa.text(f"update process set alive_until_ms = {now_ms(connection)} + :ttl where id = :id"),
        {"id": process, "ttl": int(ttl_s * 1000)},
    )
    return row.rowcount == 1


def leave_process(connection: sa.Connection, process: int) -> None:
    """End a process: its leases are free at once, and its counters join those of the processes that ended."""
    connection.execute(sa.delete(Process).where(Process.id == process))
    free_leases(connection, process)
    forget_presence(connection, process)
    _free_generations(connection, process)
    _fold_progress(connection, process)


def bury_dead(connection: sa.Connection) -> int:
    """End every process whose time ran out, and return their number (D5).

    What belongs to a process that has no row is freed as well: it took it, or counted, just after it was ended.
    """
    dead = connection.execute(
        sa.text(
            f"select id from process where alive_until_ms < {now_ms(connection)} order by id"
            + for_update(connection, skip_locked=True)
        )
    )
    ids = list(dead.scalars())
    for process in ids:
        leave_process(connection, process)
    _free_orphans(connection)
    return len(ids)


def bury_kind(connection: sa.Connection, kind: str) -> None:
    """End every process of a kind: for the one that alone may run, when it starts (SQLite's socket process)."""
    for process in connection.execute(sa.select(Process.id).where(Process.kind == kind)).scalars().all():
        leave_process(connection, process)
    if kind == "socket":
        free_leases(connection)


def count_alive(connection: sa.Connection, kind: str) -> int:
    """Return how many processes of a kind are there."""
    query = sa.text(f"select count(*) from process where kind = :kind and alive_until_ms >= {now_ms(connection)}")
    return int(connection.execute(query, {"kind": kind}).scalar_one())


def _free_orphans(connection: sa.Connection) -> None:
    for process in connection.execute(_ORPHANS).scalars().all():
        free_leases(connection, process)
        forget_presence(connection, process)
        _free_generations(connection, process)
        _fold_progress(connection, process)


def _free_generations(connection: sa.Connection, process: int) -> None:
    # Where it had a generator at rest, enough is pending: whoever pulls next makes it anew.
    update = sa.update(Schedule).where(Schedule.generator == process)
    interrupted = Schedule.generation == Generation.RUNNING
    generation = sa.case((interrupted, Generation.WAITING), else_=Schedule.generation)
    connection.execute(update.values(generation=generation, generator=None))


def _fold_progress(connection: sa.Connection, process: int) -> None:
    if connection.dialect.name == "postgresql":
        # One statement: a result that this process still stores is either folded with the rest or counted anew.
        connection.execute(_FOLD_AND_FORGET, {"process": process})
        return
    connection.execute(_FOLD, {"process": process})
    connection.execute(sa.text("delete from progress where process = :process"), {"process": process})


# Process 0 stands for all that ended.
_ORPHANS = sa.text(
    """
    select owner from (select process as owner from lease where process is not null
                       union select generator from schedule where generator is not null
                       union select process from presence
                       union select process from progress where process <> 0) owners
    where not exists (select 1 from process p where p.id = owners.owner) order by owner
    """
)
_COLUMNS = "campaign_id, run, value_count, nothing_count, failed_count, compute_ms, result_bytes"
_INSERT_FOLDED = """
    insert into progress (process, {columns}) select 0, {columns} from {source}
    on conflict (campaign_id, run, process) do update set
        value_count = progress.value_count + excluded.value_count,
        nothing_count = progress.nothing_count + excluded.nothing_count,
        failed_count = progress.failed_count + excluded.failed_count,
        compute_ms = progress.compute_ms + excluded.compute_ms,
        result_bytes = progress.result_bytes + excluded.result_bytes
"""
_FOLD = sa.text(_INSERT_FOLDED.format(columns=_COLUMNS, source="progress where process = :process"))
_FOLD_AND_FORGET = sa.text(
    f"with gone as (delete from progress where process = :process returning {_COLUMNS})"
    + _INSERT_FOLDED.format(columns=_COLUMNS, source="gone")
)
