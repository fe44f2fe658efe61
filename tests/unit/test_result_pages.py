"""Reading results by pages of keys, and one by one (R1 to R3)."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import results
from app.database import Database
from app.downloads import Format
from app.errors import NotFound
from app.models import Dataset, Result, Schedule
from tests.unit.stored_results import FAILED, MOMENT, NOTHING, download, load, make


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with Session(database.engine) as session:
        yield session


def test_outcomes_are_listed_in_dataset_order_with_their_datasets(database: Database, session: Session) -> None:
    campaign_id = make(database, [(4, "b"), (1, NOTHING), (0, "a"), (3, FAILED)])
    page = results.list_results(session, load(session, campaign_id))
    assert [(row.position, row.kind.name) for row in page.rows] == [
        (0, "VALUE"), (1, "NOTHING"), (3, "FAILED"), (4, "VALUE")
    ]  # fmt: skip
    first = page.rows[0]
    assert (msgpack.unpackb(first.dataset), msgpack.unpackb(first.result)) == ({"n": 0}, "a")
    assert (first.result_bytes, first.dataset_bytes) == (2, 4)
    assert (first.date_added, first.compute_ms) == (MOMENT, 7)
    assert page.rows[1].result is None
    assert (page.previous, page.next) == (None, None)


def test_pages_follow_each_other_forwards_and_back_without_gap_or_overlap(database: Database, session: Session) -> None:
    positions = [n for n in range(40) if n % 3]
    campaign = load(session, make(database, [(n, n) for n in positions], datasets=40))
    pages, key = [], -1
    while True:
        page = results.list_results(session, campaign, key, limit=5)
        pages.append((key, [row.position for row in page.rows]))
        if page.next is None:
            break
        key = page.next
    assert [position for _, page in pages for position in page] == positions
    back = [key]
    while (previous := results.list_results(session, campaign, back[-1], limit=5).previous) is not None:
        back.append(previous)
    assert back == [key for key, _ in reversed(pages)]


def test_a_full_last_page_has_no_next_one(database: Database, session: Session) -> None:
    campaign = load(session, make(database, [(n, n) for n in range(5)]))
    assert results.list_results(session, campaign, limit=5).next is None


def test_a_page_reads_only_the_beginning_of_large_values(database: Database, session: Session) -> None:
    campaign = load(session, make(database, [(0, "x" * 1_000_000)]))
    (row,) = results.list_results(session, campaign).rows
    assert (len(row.result or b""), row.result_bytes) == (results.CELL_BYTES, 1_000_005)
    alone = results.get_result(session, campaign, 0)
    assert (len(alone.result or b""), alone.result_bytes) == (results.VALUE_BYTES, 1_000_005)


@pytest.mark.parametrize(
    ("position", "message"),
    [(5, "Dataset 5 has no result yet"), (10, "no dataset 10: the last one is 9"), (10**30, "no dataset 1,000")],
)
def test_a_result_that_is_not_there_is_not_found_and_the_message_says_why(
    database: Database, session: Session, position: int, message: str
) -> None:
    campaign = load(session, make(database, [(0, 1)]))
    with pytest.raises(NotFound, match=message):
        results.get_result(session, campaign, position)


def test_neighbours_are_the_outcomes_around(database: Database, session: Session) -> None:
    campaign = load(session, make(database, [(1, 1), (4, FAILED), (8, 1)]))
    assert results.find_neighbours(session, campaign, 4) == (1, 8)
    assert results.find_neighbours(session, campaign, 1) == (None, 4)
    assert results.find_neighbours(session, campaign, 8) == (4, None)


def test_reading_does_not_change_anything(database: Database, session: Session) -> None:
    campaign_id = make(database, [(0, 1)])
    before = [database.read(lambda c, t=t: c.execute(sa.select(t)).all()) for t in (Result, Dataset, Schedule)]
    download(database, campaign_id, Format.CSV)
    results.list_results(session, load(session, campaign_id))
    assert before == [database.read(lambda c, t=t: c.execute(sa.select(t)).all()) for t in (Result, Dataset, Schedule)]
