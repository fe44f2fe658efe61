"""Campaigns with any number of datasets and results, written in bulk by the database itself."""

from __future__ import annotations

import msgpack
import sqlalchemy as sa

from app.database import Database
from app.states import Generation, ResultKind
from benchmarks.databases import FreshDatabase
from tests.campaigns import make_campaign

BYTES = 100  # of a kernel, a dataset and a result
STEP = 250_000
BLOB = msgpack.packb(bytes(BYTES - 2))
KERNEL = "({main: function (d) { return d; }, loadStaticDataset: function (text) {}})".ljust(BYTES)


def fill_campaign(
    fresh: FreshDatabase, datasets: int, *, owner_id: int | None = None, is_generating: bool = False
) -> int:
    """Store a campaign of so many datasets and return its id.

    Args:
        is_generating: more datasets are to come, which nobody makes: whoever asks is left waiting.
    """
    with fresh.open() as database:
        campaign_id = make_campaign(database, [], owner_id=owner_id, name="A benchmark", kernel=KERNEL)
        grow_campaign(database, campaign_id, 0, datasets)
        if is_generating:
            _execute(database, _SET_GENERATION, campaign=campaign_id, generation=Generation.WAITING)
    fresh.settle()
    return campaign_id


def grow_campaign(database: Database, campaign_id: int, first: int, datasets: int) -> None:
    """Add datasets from position `first` on, until there are so many."""
    for low in range(first, datasets, STEP):
        high = min(datasets, low + STEP)
        _execute(database, _count_up(database, _ADD_DATASETS), campaign=campaign_id, low=low, high=high, data=BLOB)
    _execute(database, _SET_GENERATED, campaign=campaign_id, count=datasets, bytes=BYTES * datasets)


def fill_results(fresh: FreshDatabase, campaign_id: int, results: int) -> None:
    """Store a result for each of the first datasets of a campaign, and count them."""
    with fresh.open() as database:
        for low in range(0, results, STEP):
            values = {"campaign": campaign_id, "low": low, "high": min(results, low + STEP)}
            values |= {"kind": int(ResultKind.VALUE), "data": BLOB}
            _execute(database, _count_up(database, _ADD_RESULTS), **values)
        _execute(database, _ADD_PROGRESS, campaign=campaign_id, count=results, ms=5 * results, bytes=BYTES * results)
        _execute(database, _SET_CURSOR, campaign=campaign_id, cursor=results)
    fresh.settle()


def set_cursor(database: Database, campaign_id: int, cursor: int) -> None:
    """Make a campaign's run go on at a position, as if everything before it were handed out."""
    _execute(database, _SET_CURSOR, campaign=campaign_id, cursor=cursor)


def _execute(database: Database, statement: str, **values: object) -> None:
    database.write(lambda connection: connection.execute(sa.text(statement), values))


def _count_up(database: Database, statement: str) -> str:
    """Return a statement that inserts a row for each i from :low up to, not including, :high."""
    if database.is_sqlite:
        return statement.format(
            first="with recursive n(i) as (select :low union all select i + 1 from n where i + 1 < :high)", source="n"
        )
    # Without the casts PostgreSQL does not know the parameters' types.
    return statement.format(first="", source="generate_series(cast(:low as int), cast(:high as int) - 1) as n(i)")


_ADD_DATASETS = "{first} insert into dataset (campaign_id, position, data) select :campaign, i, :data from {source}"
_ADD_RESULTS = (
    "{first} insert into result"
    " (campaign_id, run, position, kind, data, date_added, compute_ms, volunteer_id, kernel_version)"
    " select :campaign, 1, i, :kind, :data, 1700000000000, 5, 1, 1 from {source}"
)
_ADD_PROGRESS = (
    "insert into progress (campaign_id, run, process, value_count, nothing_count, failed_count, compute_ms,"
    " result_bytes) values (:campaign, 1, 0, :count, 0, 0, :ms, :bytes)"
)
_SET_GENERATED = "update schedule set generated = :count, generated_bytes = :bytes where campaign_id = :campaign"
_SET_GENERATION = "update schedule set generation = :generation, generator = null where campaign_id = :campaign"
_SET_CURSOR = "update schedule set cursor = :cursor where campaign_id = :campaign"
