"""Results as their readers see them: page by page, one by one, and as a file to take home.

Promises, cited by the tests:
R1 a download is one snapshot: its header counts exactly the values that follow, whatever is stored meanwhile, and only
   results of the run that is current in this snapshot are in it, in dataset order.
R2 it needs constant memory: rows come in pages of bounded bytes, pass undecoded, and go to a temporary file.
R3 no transaction is open while a client downloads, and the temporary file is gone with the download, whatever ends it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import InvalidInput, NotFound
from app.models import Campaign, Dataset, KernelError, Result, Volunteer
from app.states import ResultKind

PAGE_ROWS = 50
# What a table's cell and a result's own page are made of, at most: values may have megabytes, pages have not.
CELL_BYTES = 512
VALUE_BYTES = 1 << 16
MAX_POSITION = 2**31 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One dataset's outcome. `dataset` and `result` are the first bytes of what has so many in all."""

    position: int
    kind: ResultKind
    dataset: bytes
    dataset_bytes: int
    result: bytes | None
    result_bytes: int
    date_added: dt.datetime
    compute_ms: int
    volunteer_id: int
    kernel_version: int


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some outcomes in dataset order, and the keys of the pages around; None: there is no such page.

    The first page's key is -1, the position before the first one.
    """

    rows: Sequence[Row]
    previous: int | None
    next: int | None


def list_results(session: Session, campaign: Campaign, after: int = -1, limit: int = PAGE_ROWS) -> Page:
    """Return the outcomes of the current run behind a position."""
    _go_by_key(session)
    # Both tables are bounded: otherwise PostgreSQL reads all datasets before it has analysed the tables.
    behind = (Result.position > after, Dataset.position > after)
    query = _select_rows(campaign, CELL_BYTES).where(*behind).order_by(Result.position)
    rows = [_make_row(row) for row in session.execute(query.limit(limit + 1))]
    following = rows[limit - 1].position if len(rows) > limit else None
    return Page(rows[:limit], _find_previous(session, campaign, after, limit), following)


def _find_previous(session: Session, campaign: Campaign, after: int, limit: int) -> int | None:
    query = sa.select(Result.position).where(*_of_current_run(campaign), Result.position <= after)
    before = session.scalars(query.order_by(Result.position.desc()).limit(limit + 1)).all()
    if not before:
        return None
    return before[limit] if len(before) > limit else -1


def get_result(session: Session, campaign: Campaign, position: int) -> Row:
    """Return one dataset's outcome in the current run.

    Raises:
        NotFound: there is no such dataset, or it has no outcome yet; says which.
    """
    if position <= MAX_POSITION:
        query = _select_rows(campaign, VALUE_BYTES).where(Result.position == position)
        row = session.execute(query).one_or_none()
        if row is not None:
            return _make_row(row)
    if position < campaign.schedule.generated:
        raise NotFound(f"Dataset {position:,} has no result yet.")
    raise say_missing(campaign, position)


def get_value(session: Session, campaign: Campaign, position: int) -> bytes:
    """Return the whole value that one dataset has in the current run: one msgpack value.

    Raises:
        NotFound: there is no such dataset, or it has no value; says which.
    """
    row = get_result(session, campaign, position)
    if row.kind is not ResultKind.VALUE:
        raise NotFound(f"Dataset {position:,} has no value: {_NO_VALUE[row.kind]}.")
    query = sa.select(Result.data).where(*_of_current_run(campaign), Result.position == position)
    data = session.scalar(query)
    if data is None:
        raise NotFound(f"Dataset {position:,} has no result yet.")
    return data


_NO_VALUE = {
    ResultKind.NOTHING: "the kernel returned null or undefined for it",
    ResultKind.FAILED: "it failed each time it was tried",
}


def find_device(session: Session, volunteer_id: int) -> str:
    """Return what a volunteer's browser said of its device, or "" where it said nothing or is forgotten."""
    return session.scalar(sa.select(Volunteer.device).where(Volunteer.id == volunteer_id)) or ""


def say_missing(campaign: Campaign, position: int) -> NotFound:
    """Return the error for a dataset that a campaign does not have."""
    generated = campaign.schedule.generated
    if generated == 0:
        return NotFound("This campaign has no datasets yet.")
    return NotFound(f"There is no dataset {position:,}: the last one is {generated - 1:,}.")


def parse_position(text: str, field: str) -> int:
    """Return the number of a dataset that somebody typed, MAX_POSITION at most; commas between digits are fine.

    Raises:
        InvalidInput: it is not a whole number from 0; names the field.
    """
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10:
        raise InvalidInput("Give the number of a dataset: 0 is the first one.", field)
    return min(int(digits), MAX_POSITION)


def find_neighbours(session: Session, campaign: Campaign, position: int) -> tuple[int | None, int | None]:
    """Return the positions of the outcomes before and after one."""
    _go_by_key(session)
    query = sa.select(Result.position).where(*_of_current_run(campaign)).limit(1)
    before = query.where(Result.position < position).order_by(Result.position.desc())
    after = query.where(Result.position > position).order_by(Result.position)
    return session.scalar(before), session.scalar(after)


def list_errors(session: Session, campaign: Campaign, position: int) -> Sequence[KernelError]:
    """Return what went wrong with one dataset in the current run, oldest first."""
    query = sa.select(KernelError).where(
        KernelError.campaign_id == campaign.id,
        KernelError.run == campaign.schedule.run,
        KernelError.position == position,
    )
    return session.scalars(query.order_by(KernelError.id).limit(PAGE_ROWS)).all()


def _go_by_key(session: Session) -> None:
    """Make this transaction read results in the order of their key, and no more of them than it was asked for.

    Before PostgreSQL has analysed the table, it takes the results of one campaign for a few, and rather reads and sorts
    them all: of a million, each page reads half a million in the mean.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_GO_BY_KEY)


_GO_BY_KEY = sa.text("select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)")


def _of_current_run(campaign: Campaign) -> tuple[sa.ColumnElement[bool], ...]:
    return Result.campaign_id == campaign.id, Result.run == campaign.schedule.run


def _select_rows(campaign: Campaign, most_bytes: int) -> sa.Select[Any]:
    same = sa.and_(Dataset.campaign_id == Result.campaign_id, Dataset.position == Result.position)
    columns = (
        Result.position,
        Result.kind,
        _beginning(Dataset.data, most_bytes),
        sa.func.length(Dataset.data),
        _beginning(Result.data, most_bytes),
        sa.func.coalesce(sa.func.length(Result.data), 0),
        Result.date_added,
        Result.compute_ms,
        Result.volunteer_id,
        Result.kernel_version,
    )
    return sa.select(*columns).join(Dataset, same).where(*_of_current_run(campaign), Dataset.campaign_id == campaign.id)


def _beginning(column: Any, most_bytes: int) -> sa.Function[bytes]:
    return sa.func.substr(column, 1, most_bytes, type_=sa.LargeBinary)


def _make_row(row: sa.Row[Any]) -> Row:
    position, kind, *rest = tuple(row)
    return Row(position, ResultKind(kind), *rest)
