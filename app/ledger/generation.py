"""Generation: from a waiting generator to stored datasets."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.ledger.sql import for_update
from app.models import Dataset, Lease, Schedule
from app.records import GenerationClaim
from app.states import Generation

LINE_MAX = 2**31 - 1


def claim_generation(connection: sa.Connection, process: int) -> GenerationClaim | None:
    """Take the oldest campaign whose generator waits to be run, if there is one."""
    row = connection.execute(
        sa.text(
            "select campaign_id, generated, generated_bytes from schedule where generation = 'waiting' and not deleted"
            " order by campaign_id limit 1" + for_update(connection, skip_locked=True)
        )
    ).one_or_none()
    if row is None:
        return None
    claim = sa.update(Schedule).where(Schedule.campaign_id == row.campaign_id)
    connection.execute(claim.values(generation=Generation.RUNNING, generator=process))
    return GenerationClaim(row.campaign_id, row.generated, row.generated_bytes)


def add_datasets(connection: sa.Connection, campaign_id: int, process: int, first: int, blobs: Sequence[bytes]) -> bool:
    """Store datasets from position `first` on, and say whether the claim still holds; if not, nothing is stored."""
    update = sa.update(Schedule).where(
        Schedule.campaign_id == campaign_id, Schedule.generator == process, Schedule.generated == first
    )
    grown = update.values(generated=first + len(blobs), generated_bytes=Schedule.generated_bytes + sum(map(len, blobs)))
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


def release_generation(connection: sa.Connection, campaign_id: int, process: int) -> None:
    """Give a claim back: somebody runs the generator again, and goes on where this process was."""
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id, Schedule.generator == process)
    claimed = update.where(Schedule.generation == Generation.RUNNING)
    connection.execute(claimed.values(generation=Generation.WAITING, generator=None))


def fail_generation(
    connection: sa.Connection, campaign_id: int, process: int, message: str, line: int | None = None
) -> int:
    """Say why the generator could not finish, and return how many datasets it had stored.

    Nothing is served from a failed generator: its datasets no longer count, results of them belong to a run that
    nobody reads, and the caller takes the rows away with `forget_datasets`, in small steps.
    """
    if line is not None and not 1 <= line <= LINE_MAX:
        line = None  # it comes from a stack that the owner's code may write as it likes
    generated = connection.execute(sa.select(Schedule.generated).where(Schedule.campaign_id == campaign_id))
    stored = generated.scalar_one_or_none() or 0
    if not _end_generation(connection, campaign_id, process, Generation.FAILED, message, line):
        return 0
    update = sa.update(Schedule).where(Schedule.campaign_id == campaign_id)
    connection.execute(update.values(generated=0, generated_bytes=0, cursor=0, run=Schedule.run + 1))
    connection.execute(sa.delete(Lease).where(Lease.campaign_id == campaign_id))
    return stored


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
