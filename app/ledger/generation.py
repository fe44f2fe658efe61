"""Generation: from a waiting generator to stored datasets."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.ledger.sql import now_ms
from app.models import Dataset, Lease, Schedule
from app.records import GenerationClaim
from app.states import Generation

LINE_MAX = 2**31 - 1


def claim_generation(connection: sa.Connection, process: int, high_water: int) -> GenerationClaim | None:
    """Take a campaign whose generator is to be run, if there is one: the one that has waited longest for it.

    A generator at rest is pulled when half of `high_water` datasets or fewer are pending, by the process that has it
    at rest, or by anybody where there is none. Datasets that were handed out and given back count as handed out: few
    are, as a rule, and the schedule's row alone says how many the others are.
    """
    key = {"process": process, "high_water": high_water}
    row = connection.execute(_CLAIMABLE[connection.dialect.name], key).one_or_none()
    if row is None:
        return None
    claim = sa.update(Schedule).where(Schedule.campaign_id == row.campaign_id)
    connection.execute(claim.values(generation=Generation.RUNNING, generator=process))
    stored = (row.generated, row.generated_bytes, row.digest)
    return GenerationClaim(row.campaign_id, *stored, is_lockstep=bool(row.lockstep), pending=row.pending)


_CLAIMABLE = {
    dialect: sa.text(
        """
        select campaign_id, generated, generated_bytes, digest, lockstep, generated - cursor as pending from schedule
        where not deleted
          and (generation = 'waiting'
               or generation = 'resting' and intent = 'running' and 2 * (generated - cursor) <= :high_water
                  and (generator is null or generator = :process))
        order by coalesce(rested_at_ms, 0), campaign_id limit 1"""
        + lock
    )
    for dialect, lock in (("sqlite", ""), ("postgresql", " for update skip locked"))
}


def add_datasets(
    connection: sa.Connection,
    campaign_id: int,
    process: int,
    first: int,
    blobs: Sequence[bytes],
    *,
    digest: str | None = None,
    is_lockstep: bool = False,
) -> bool:
    """Store datasets from position `first` on, and say whether the claim still holds; if not, nothing is stored.

    digest: of all datasets of the campaign up to the last of these.
    """
    update = sa.update(Schedule).where(
        Schedule.campaign_id == campaign_id, Schedule.generator == process, Schedule.generated == first
    )
    grown = update.values(
        generated=first + len(blobs),
        generated_bytes=Schedule.generated_bytes + sum(map(len, blobs)),
        digest=digest,
        lockstep=is_lockstep,
    )
    if connection.execute(grown.where(Schedule.generation == Generation.RUNNING)).rowcount == 0:
        return False
    if not blobs:
        return True
    rows = ((campaign_id, position, blob) for position, blob in enumerate(blobs, first))
    if connection.dialect.name == "postgresql":
        with connection.connection.cursor() as cursor, cursor.copy(_COPY) as copy:  # type: ignore[attr-defined]
            copy.set_types(["int4", "int4", "bytea"])
            for row in rows:
                copy.write_row(row)
    else:
        connection.exec_driver_sql(_INSERT_DATASET, list(rows))
    return True


_COPY = "copy dataset (campaign_id, position, data) from stdin (format binary)"
_INSERT_DATASET = "insert into dataset (campaign_id, position, data) values (?, ?, ?)"


def finish_generation(connection: sa.Connection, campaign_id: int, process: int) -> None:
    """Say that every dataset is stored."""
    _end_generation(connection, campaign_id, process, Generation.DONE)


def rest_generation(connection: sa.Connection, campaign_id: int, process: int) -> None:
    """Say that enough is pending. This process keeps the generator, and is the one that pulls it next."""
    _set_aside(connection, campaign_id, process, Generation.RESTING, process)


def fill_generation(connection: sa.Connection, campaign_id: int, process: int) -> None:
    """Say that the generator has more datasets than the quota allows."""
    _set_aside(connection, campaign_id, process, Generation.FULL, None)


def _set_aside(
    connection: sa.Connection, campaign_id: int, process: int, generation: Generation, keeper: int | None
) -> None:
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id, Schedule.generator == process)
    now: sa.ColumnElement[int] = sa.literal_column(now_ms(connection))
    claimed = update.where(Schedule.generation == Generation.RUNNING)
    connection.execute(claimed.values(generation=generation, generator=keeper, rested_at_ms=now))


def reopen_full(connection: sa.Connection, datasets_max: int, datasets_max_bytes: int) -> int:
    """Let generators go on that waited for more room than there was, and return their number.

    One that has just not enough room for its next dataset cannot be told from others: it tries, and is full again.
    """
    update = sa.update(Schedule).where(Schedule.generation == Generation.FULL, ~Schedule.deleted)
    roomy = update.where(Schedule.generated < datasets_max, Schedule.generated_bytes < datasets_max_bytes)
    return connection.execute(roomy.values(generation=Generation.RESTING)).rowcount


def find_kept(connection: sa.Connection, process: int) -> set[int]:
    """Return the campaigns whose generators a process has at rest, or runs."""
    query = sa.select(Schedule.campaign_id).where(Schedule.generator == process, ~Schedule.deleted)
    return set(connection.execute(query).scalars())


def release_generation(connection: sa.Connection, campaign_id: int, process: int) -> None:
    """Give a claim back: somebody runs the generator again, and goes on where this process was."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id, Schedule.generator == process)
    claimed = update.where(Schedule.generation == Generation.RUNNING)
    connection.execute(claimed.values(generation=Generation.WAITING, generator=None))


def fail_generation(
    connection: sa.Connection, campaign_id: int, process: int, message: str, line: int | None = None
) -> int:
    """Say why the generator could not finish, and return how many datasets it had stored that do not count.

    What a lock-step generator made in earlier steps stays, with its results, and is all that there will be: the
    campaign goes on to its end. Of any other generator nothing is served: its datasets no longer count, results of
    them belong to a run that nobody reads, and the caller takes the rows away with `forget_datasets`, in small steps.
    """
    if line is not None and not 1 <= line <= LINE_MAX:
        line = None  # it comes from a stack that the owner's code may write as it likes
    key = Schedule.campaign_id == campaign_id
    found = connection.execute(sa.select(Schedule.generated, Schedule.lockstep).where(key)).one_or_none()
    stored, stays = (found.generated, found.lockstep and found.generated > 0) if found else (0, False)
    outcome = Generation.DONE if stays else Generation.FAILED
    if not _end_generation(connection, campaign_id, process, outcome, message, line) or stays:
        return 0
    update = sa.update(Schedule).where(key)
    connection.execute(update.values(generated=0, generated_bytes=0, digest=None, cursor=0, run=Schedule.run + 1))
    connection.execute(sa.delete(Lease).where(Lease.campaign_id == campaign_id))
    return int(stored)


def forget_datasets(connection: sa.Connection, campaign_id: int, first: int, count: int) -> None:
    """Delete the dataset rows from position `first` on, `count` at most: a step that holds nobody up."""
    rows = sa.delete(Dataset).where(Dataset.campaign_id == campaign_id)
    connection.execute(rows.where(Dataset.position >= first, Dataset.position < first + count))


def _end_generation(
    connection: sa.Connection,
    campaign_id: int,
    process: int,
    generation: Generation,
    message: str | None = None,
    line: int | None = None,
) -> bool:
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id, Schedule.generator == process)
    values = {"generation": generation, "generator": None, "generation_error": message, "generation_line": line}
    return connection.execute(update.values(**values)).rowcount == 1
