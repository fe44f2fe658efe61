"""A run's values end to end, as the plain download has them: joined by the page, never one row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from app.database import run_by_driver
from app.models import Result, Schedule
from app.states import ResultKind

PAGE_ROWS = 2000
PAGE_BYTES = 4 << 20


def iter_joined(connection: sa.Connection, campaign_id: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number of values, their bytes) of the current run in dataset order.

    PAGE_BYTES at most at once, but for a single larger value.
    """
    run = connection.scalar(sa.select(Schedule.run).where(Schedule.campaign_id == campaign_id)) or 0
    of_run = (Result.campaign_id == campaign_id, Result.run == run)
    end = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(Result.position) + 1, 0)).where(*of_run)) or 0
    for low in range(0, end, PAGE_ROWS):
        yield from _iter_range(connection, (campaign_id, run), low, min(low + PAGE_ROWS, end))


def _iter_range(connection: sa.Connection, run: tuple[int, int], low: int, high: int) -> Iterator[tuple[int, bytes]]:
    """Halve the range until its values fit a page."""
    statements = _STATEMENTS[connection.dialect.name]
    ((count, size_bytes),) = run_by_driver(connection, statements["measure"], (*run, low, high))
    if not count:
        return
    if size_bytes > PAGE_BYTES and high - low > 1:
        middle = (low + high) // 2
        yield from _iter_range(connection, run, low, middle)
        yield from _iter_range(connection, run, middle, high)
        return
    rows: list[Any] = run_by_driver(connection, statements["join"], (*run, low, high))
    yield count, b"".join([data for (data,) in rows])


_RANGE = (
    "from result where campaign_id = {0} and run = {0} and position >= {0} and position < {0}"
    f" and kind = {ResultKind.VALUE.value}"
)
_STATEMENTS = {
    "sqlite": {
        "measure": f"select count(*), coalesce(sum(length(data)), 0) {_RANGE.format('?')}",
        "join": f"select data {_RANGE.format('?')} order by position",
    },
    # The server joins them: a row more or less costs a hundred times its bytes.
    "postgresql": {
        "measure": f"select count(*), coalesce(sum(octet_length(data)), 0) {_RANGE.format('%s')}",
        "join": f"select string_agg(data, ''::bytea order by position) {_RANGE.format('%s')}",
    },
}
